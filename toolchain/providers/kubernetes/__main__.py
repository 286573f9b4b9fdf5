"""The stand-in plugin `kubernetes`: any kind that the API server serves, by server-side apply."""

import json
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from toolchain.providers.kubernetes import objects, rendering, waiting
from toolchain.providers.kubernetes.api import (
    Api,
    ApiError,
    CancelledError,
    NoSuchKindError,
    Object,
    Reference,
    UnreachableError,
)
from toolchain.providers.plugin import (
    Diff,
    Failure,
    InitFailedError,
    PluginError,
    Provider,
    Resource,
    serve,
)
from toolchain.providers.properties import Secret, has_unknowns, mark_like, plain

Result = TypeVar("Result")

DEFAULT_TIMEOUT: Final = 600.0
PREVIEW_PATIENCE: Final = 10.0
POLL: Final = 0.5
"""Seconds between two looks at an object that is waited for."""

FIELD_MANAGER: Final = "__fieldManager"
INITIAL_VERSION: Final = "__initialApiVersion"
PATCH_FORCE: Final = "pulumi.com/patchForce"
PATCH_MANAGER: Final = "pulumi.com/patchFieldManager"
SKIP_AWAIT: Final = "pulumi.com/skipAwait"
TIMEOUT: Final = "pulumi.com/timeoutSeconds"
PROPAGATION: Final = "pulumi.com/deletionPropagationPolicy"
_SECRET_FIELDS: Final = ("data", "stringData")
_KEPT: Final = "It is kept; run the update again to go on waiting"


class Kubernetes(Provider):
    """Objects of a cluster, or their manifests in a folder."""

    name = "kubernetes"

    _api: Api
    _namespace = "default"
    _upsert = False
    _force = False
    _render: Path | None = None

    def configure(self, variables: Mapping[str, Any]) -> None:
        """Take the cluster's address and the defaults; nothing is asked of the cluster yet."""
        given = {name: plain(value) for name, value in variables.items()}
        if _flag(given, "enableServerSideApply", default=True) is False:
            self.unsupported("enableServerSideApply: false")
        self._api = Api(given.get("kubeconfig"), given.get("context"), given.get("cluster"))
        self._namespace = given.get("namespace") or "default"
        self._upsert = _flag(given, "upsertExistingObjects", default=False)
        self._force = _flag(given, "enablePatchForce", default=False)
        if folder := given.get("renderYamlToDirectory"):
            self._render = Path(folder)

    def cancel(self) -> None:
        """End every wait."""
        self._api.cancelled.set()

    def check(
        self, resource: Resource, old: dict[str, Any], new: dict[str, Any]
    ) -> tuple[dict[str, Any], list[Failure]]:
        """Fill in kind, version, name and namespace, and mark what is secret by its kind."""
        inputs = dict(new)
        token_version, _, token_kind = resource.type.removeprefix("kubernetes:").rpartition(":")
        inputs.setdefault("apiVersion", token_version.removeprefix("core/"))
        inputs.setdefault("kind", token_kind.removesuffix("Patch"))
        if str(inputs["kind"]).endswith("List"):
            self.unsupported(f"the kind {inputs['kind']}")
        about = plain(inputs.get("metadata") or {})
        if not isinstance(about, dict):
            return inputs, [Failure("", f"metadata takes an object, found {type(about).__name__}")]
        failures = []
        if "name" not in about and "generateName" not in about:
            if _is_patch(resource):
                failures.append(Failure("", "metadata.name is required by a patch"))
            else:
                about |= self._autoname(resource, plain(old))
        if "namespace" not in about and self._in_namespace(inputs):
            about["namespace"] = self._namespace
        if not _is_patch(resource) and isinstance(about.get("labels", {}), dict):
            about["labels"] = {**about.get("labels", {}), objects.MANAGED_BY: "pulumi"}
        inputs["metadata"] = mark_like(about, inputs.get("metadata"))
        if text := objects.annotation(plain(inputs), waiting.WAIT_FOR):
            try:
                waiting.parse(text)
            except PluginError as error:
                failures.append(Failure("", str(error)))
        return _mark_secret_kind(inputs), failures

    def diff(
        self,
        resource: Resource,
        identity: str,
        old_inputs: dict[str, Any],
        old: dict[str, Any],
        new: dict[str, Any],
    ) -> Diff:
        """Compare the inputs; identity and immutable fields ask for a new object."""
        del identity, old
        wanted = plain(new)
        before = plain(old_inputs)
        changed = objects.changes(before, wanted)
        replaces = objects.replacing(changed, wanted)
        if _is_patch(resource):
            replaces = [path for path in replaces if path.startswith(("kind", "metadata.name"))]
        same_place = objects.reference(before) == objects.reference(wanted)
        return Diff(changed, replaces, delete_before_replace=bool(replaces) and same_place)

    def create(
        self, resource: Resource, inputs: dict[str, Any], *, preview: bool, timeout: float
    ) -> tuple[str, dict[str, Any]]:
        """Make an object, which must not be there yet, or patch one, which must."""
        wanted = plain(inputs)
        manager = objects.annotation(wanted, PATCH_MANAGER) or _new_manager()
        where = objects.reference(wanted)
        if self._render is not None:
            return self._rendered(inputs, where, preview=preview)
        if preview and (where is None or has_unknowns(inputs)):
            return "", inputs
        where = self._required(where, inputs)
        limit = _limit(wanted, timeout, preview=preview)
        patch = _is_patch(resource)

        def make() -> Object:
            present = self._api.get(where)
            if patch and present is None:
                raise PluginError(f"{where} is not there; a patch changes what somebody else made")
            if not patch and present is not None and not self._upsert:
                if preview and objects.made_by_pulumi(present):
                    # It may be the one that this new one replaces, which a preview can't tell.
                    return present
                raise PluginError(
                    f"{where} already exists and is not of this stack. {_adopting(resource, where)}"
                )
            return self._apply(wanted, where, manager, preview=preview)

        live = self._tolerating(resource, preview, inputs, lambda: self._try(resource, make, limit))
        if live is None:
            return "", inputs
        state = _checkpoint(inputs, live, manager, wanted["apiVersion"])
        identity = objects.identity(where)
        if not preview and not patch:
            live = self._await(resource, where, identity, inputs, state, limit)
            state = _checkpoint(inputs, live, manager, wanted["apiVersion"])
        return identity, state

    def update(
        self,
        resource: Resource,
        identity: str,
        old: dict[str, Any],
        new: dict[str, Any],
        *,
        preview: bool,
        timeout: float,
    ) -> dict[str, Any]:
        """Apply the inputs with the manager that made the object."""
        wanted = plain(new)
        manager = plain(old.get(FIELD_MANAGER)) or _new_manager()
        version = plain(old.get(INITIAL_VERSION)) or wanted["apiVersion"]
        where = objects.reference(wanted)
        if self._render is not None:
            return self._rendered(new, where, preview=preview)[1]
        if preview and (where is None or has_unknowns(new)):
            return new
        where = self._required(where, new)
        limit = _limit(wanted, timeout, preview=preview)

        def change() -> Object:
            return self._apply(wanted, where, manager, preview=preview)

        live = self._tolerating(resource, preview, new, lambda: self._try(resource, change, limit))
        if live is None:
            return new
        state = _checkpoint(new, live, manager, version)
        if not preview and not _is_patch(resource):
            live = self._await(resource, where, identity, new, state, limit)
            state = _checkpoint(new, live, manager, version)
        return state

    def read(
        self, resource: Resource, identity: str, inputs: dict[str, Any], state: dict[str, Any]
    ) -> tuple[str, dict[str, Any], dict[str, Any]] | None:
        """Return the object as it is: state, and inputs as far as they are ours."""
        if self._render is not None:
            return identity, inputs, state
        where = self._place(resource, identity, plain(inputs or state))
        live = self._try(resource, lambda: self._api.get(where), PREVIEW_PATIENCE)
        if live is None:
            return None
        manager = plain(state.get(FIELD_MANAGER)) or _new_manager()
        version = plain(state.get(INITIAL_VERSION)) or where.api_version
        if state and inputs:
            found = mark_like(objects.project(live, plain(inputs)), inputs)
        elif _is_patch(resource):
            self.unsupported("importing a patch")
        else:
            found = objects.imported(live)
        found = _mark_secret_kind(found)
        return identity, found, _checkpoint(found, live, manager, version)

    def delete(
        self,
        resource: Resource,
        identity: str,
        inputs: dict[str, Any],
        state: dict[str, Any],
        *,
        timeout: float,
    ) -> None:
        """Delete the object that this resource made and wait until it is gone.

        A patch gives up its fields instead; an object that somebody made anew is left alone.
        """
        known = plain(inputs or state)
        where = self._place(resource, identity, known)
        if self._render is not None:
            rendering.remove(self._render, where)
            return
        limit = _limit(known, timeout, preview=False)
        try:
            if _is_patch(resource):
                self._release(resource, where, plain(state.get(FIELD_MANAGER)), limit)
            else:
                uid = objects.metadata(plain(state)).get("uid")
                policy = objects.annotation(known, PROPAGATION) or "background"
                self._try(
                    resource, lambda: self._api.delete(where, uid, policy.capitalize()), limit
                )
                self._await_end(resource, where, uid, limit)
        except NoSuchKindError:
            # With the definition every object of the kind is gone.
            return

    def _autoname(self, resource: Resource, old: Mapping[str, Any]) -> dict[str, Any]:
        if objects.annotation(old, objects.AUTONAMED) == "true":
            name = objects.metadata(old).get("name")
        else:
            name = f"{resource.name}-{secrets.token_hex(4)}"
        return {"name": name, "annotations": {objects.AUTONAMED: "true"}}

    def _in_namespace(self, inputs: Mapping[str, Any]) -> bool:
        try:
            return self._api.namespaced(plain(inputs["apiVersion"]), plain(inputs["kind"]))
        except PluginError:
            # Said by the operation itself, or by nobody when the kind comes in the same update.
            return False

    def _place(self, resource: Resource, identity: str, known: Mapping[str, Any]) -> Reference:
        namespace, _, name = identity.rpartition("/")
        version, _, kind = resource.type.removeprefix("kubernetes:").rpartition(":")
        api_version = known.get("apiVersion") or version.removeprefix("core/")
        return Reference(
            api_version, known.get("kind") or kind.removesuffix("Patch"), namespace, name
        )

    def _required(self, where: Reference | None, inputs: Mapping[str, Any]) -> Reference:
        if where is None:
            raise PluginError(
                f"the object has no name or kind that is a text: {inputs.get('kind')}"
            )
        if not where.namespace and self._in_namespace(inputs):
            return Reference(where.api_version, where.kind, self._namespace, where.name)
        return where

    def _apply(
        self,
        wanted: Object,
        where: Reference,
        manager: str,
        *,
        preview: bool,
    ) -> Object:
        forced = self._force or objects.is_true(wanted, PATCH_FORCE)
        try:
            return self._api.apply(where, wanted, manager, force=forced, dry_run=preview)
        except ApiError as error:
            if error.status == 409 and error.causes:
                raise PluginError(_conflict(where, error)) from None
            raise

    def _try(self, resource: Resource, operation: Callable[[], Result], limit: float) -> Result:
        return self._api.patiently(operation, limit, lambda text: self.log.status(resource, text))

    def _tolerating(
        self,
        resource: Resource,
        preview: bool,
        inputs: Mapping[str, Any],
        operation: Callable[[], Object],
    ) -> Object | None:
        """Run the operation; a preview gives None where only the update can tell."""
        try:
            return operation()
        except NoSuchKindError as error:
            if not preview:
                raise
            self.log.warning(resource, f"{error}. The update fails if it still does not then")
        except UnreachableError as error:
            if not preview:
                raise
            self.log.warning(resource, f"{error}. This preview compares inputs only")
        except ApiError as error:
            namespace = objects.metadata(plain(dict(inputs))).get("namespace")
            absent = error.status == 404 and f'namespaces "{namespace}" not found' in str(error)
            if not preview or not (absent or error.status == 403):
                raise
            if not absent:
                self.log.warning(resource, f"{error}. This preview compares inputs only")
        return None

    def _await(
        self,
        resource: Resource,
        where: Reference,
        identity: str,
        inputs: dict[str, Any],
        state: dict[str, Any],
        limit: float,
    ) -> Object:
        """Wait until the object is as it should be, and return it as it is then.

        Raises:
            InitFailedError: not in time, cancelled, or gone; the state is kept.
        """
        wanted = plain(inputs)
        live: Object = plain(state)
        if objects.is_true(wanted, SKIP_AWAIT):
            return live
        text = objects.annotation(wanted, waiting.WAIT_FOR)
        goals = waiting.parse(text) if text else waiting.default_goals(wanted)
        start = time.monotonic()
        said = ""
        manager, version = state[FIELD_MANAGER], state[INITIAL_VERSION]
        while pending := [goal for goal in goals if not goal.reached(live)]:
            progress = "; ".join(goal.progress(live) for goal in pending)
            if progress != said:
                self.log.status(resource, f"waiting: {progress}")
                said = progress
            reason = ""
            if time.monotonic() - start > limit:
                reason = (
                    f"{where} is not ready after {limit:.0f} s: {progress}. {_KEPT}, or raise the "
                    f"annotation {TIMEOUT}"
                )
            elif self._api.cancelled.wait(POLL):
                reason = f"cancelled while waiting for {where}: {progress}. {_KEPT}"
            else:
                try:
                    left = limit - (time.monotonic() - start)
                    found = self._try(resource, lambda: self._api.get(where), max(left, POLL))
                    if found is None:
                        reason = (
                            f"{where} was deleted by somebody else while it was waited for; run "
                            "the update again to make it anew"
                        )
                    else:
                        live = found
                except CancelledError:
                    reason = f"cancelled while waiting for {where}: {progress}. {_KEPT}"
                except PluginError as error:
                    reason = f"{where} can't be watched: {error}. {_KEPT}"
            if reason:
                kept = _checkpoint(inputs, live, manager, version)
                raise InitFailedError(identity, kept, inputs, [reason])
        return live

    def _await_end(
        self, resource: Resource, where: Reference, uid: str | None, limit: float
    ) -> None:
        start = time.monotonic()
        said = False
        while True:
            live = self._try(resource, lambda: self._api.get(where), limit)
            if live is None or (uid and live["metadata"].get("uid") != uid):
                return
            holders = live["metadata"].get("finalizers") or live.get("spec", {}).get("finalizers")
            held = f" (held by {', '.join(holders)})" if holders else ""
            if not said:
                self.log.status(resource, f"waiting until {where} is gone{held}")
                said = True
            if time.monotonic() - start > limit:
                raise PluginError(f"{where} is not gone after {limit:.0f} s{held}")
            if self._api.cancelled.wait(POLL):
                raise CancelledError(f"cancelled while waiting until {where} is gone{held}")

    def _release(
        self, resource: Resource, where: Reference, manager: str | None, limit: float
    ) -> None:
        """Apply nothing as this patch's manager: its fields go, all others stay."""
        about = {"name": where.name} | ({"namespace": where.namespace} if where.namespace else {})
        empty = {"apiVersion": where.api_version, "kind": where.kind, "metadata": about}
        if manager is None or self._try(resource, lambda: self._api.get(where), limit) is None:
            return
        self._try(
            resource,
            lambda: self._api.apply(where, empty, manager, force=False, dry_run=False),
            limit,
        )

    def _rendered(
        self, inputs: dict[str, Any], where: Reference | None, *, preview: bool
    ) -> tuple[str, dict[str, Any]]:
        if preview or self._render is None:
            return "", inputs
        where = self._required(where, inputs)
        rendering.write(self._render, where, plain(inputs))
        return objects.identity(where), inputs


def _is_patch(resource: Resource) -> bool:
    return resource.type.endswith("Patch")


def _flag(variables: Mapping[str, Any], name: str, *, default: bool) -> bool:
    value = variables.get(name)
    if isinstance(value, str):
        value = json.loads(value.lower()) if value.lower() in ("true", "false") else None
    return default if value is None else bool(value)


def _new_manager() -> str:
    return f"pulumi-kubernetes-{secrets.token_hex(4)}"


def _limit(wanted: Mapping[str, Any], timeout: float, *, preview: bool) -> float:
    """Return the seconds that an operation may take: the annotation's, or the resource option's."""
    if preview:
        return PREVIEW_PATIENCE
    text = objects.annotation(wanted, TIMEOUT)
    if text is None:
        return timeout or DEFAULT_TIMEOUT
    try:
        return float(text)
    except ValueError:
        raise PluginError(f"the annotation {TIMEOUT} takes seconds, found {text!r}") from None


def _mark_secret_kind(inputs: dict[str, Any]) -> dict[str, Any]:
    if plain(inputs.get("kind")) != "Secret":
        return inputs
    return {
        name: Secret(plain(value)) if name in _SECRET_FIELDS and value is not None else value
        for name, value in inputs.items()
    }


def _checkpoint(
    inputs: Mapping[str, Any], live: Object, manager: str, version: str
) -> dict[str, Any]:
    """Return the state of an object: as it lives, secret where its inputs are."""
    marked = _mark_secret_kind(mark_like(live, dict(inputs)))
    return {**marked, FIELD_MANAGER: manager, INITIAL_VERSION: version}


def _adopting(resource: Resource, where: Reference) -> str:
    """Say what to do about an object that is there already."""
    command = f"pulumi import {resource.type} {resource.name} {objects.identity(where)}"
    if parent := resource.urn.split("::")[2].rpartition("$")[0].rpartition("$")[2]:
        # Imported without its parent it would be another resource than the program's.
        command += f" --parent NAME=URN, with the URN of its {parent} (pulumi stack --show-urns)"
    return (
        f"Import it ({command}) if it is yours, as after an update that was killed; otherwise give "
        "yours another name, patch this one instead, or see whether another stack owns it"
    )


def _conflict(where: Reference, error: ApiError) -> str:
    fields = "; ".join(f"{field}: {message}" for field, message in error.causes)
    return (
        f"{where}: somebody else manages fields that this stack sets. {fields}. Leave these fields "
        f'out of the program, or take them over with the annotation {PATCH_FORCE}: "true"'
    )


if __name__ == "__main__":
    serve(Kubernetes)
