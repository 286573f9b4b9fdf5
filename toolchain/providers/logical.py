"""Resources without a remote side: computed once from their inputs and kept in the state.

Both `tls` and `random` have only such resources: any change of an input makes a new one, but for
inputs that only say when that happens; reading gives the state, and deleting does nothing.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from toolchain.providers.plugin import Diff, Failure, PluginError, Provider, Resource
from toolchain.providers.properties import UNKNOWN, Secret, Unknown, has_unknowns, plain

Outcome = tuple[str, dict[str, Any]]
"""A resource's id and its computed outputs."""


@dataclass(frozen=True)
class Input:
    """One input: the Python type of its value, and what it is when it is left out."""

    type: type[Any]
    required: bool = False
    default: Any = None
    secret: bool = False
    in_place: bool = False
    """Its change updates the state; it does not make a new resource."""
    choices: tuple[Any, ...] = ()
    least: int | None = None


@dataclass(frozen=True)
class Kind:
    """One type of resource.

    `compute` makes the id and the outputs named in `outputs`, of which `secrets` are secret;
    `problems` judges known inputs beyond their types; `outdated` tells from the state that it is
    time for a new one, and which output shows it.
    """

    inputs: Mapping[str, Input]
    outputs: tuple[str, ...]
    compute: Callable[[Mapping[str, Any]], Outcome]
    secrets: frozenset[str] = frozenset()
    problems: Callable[[Mapping[str, Any]], Iterable[Failure]] = lambda _: ()
    outdated: Callable[[Mapping[str, Any]], bool] = lambda _: False
    outdated_output: str = ""
    imported: Callable[[str], dict[str, Any]] | None = None
    """Makes the state of an existing one from its id, where that is possible."""
    unsupported: Mapping[str, str] = field(default_factory=dict)
    """Inputs that only the official plugin knows how to follow, and why."""


class LogicalProvider(Provider):
    """A provider of logical resources, by a table of their kinds."""

    kinds: Mapping[str, Kind]

    def _kind(self, resource: Resource) -> Kind:
        if resource.type not in self.kinds:
            self.unsupported(f"the resource {resource.type}")
        return self.kinds[resource.type]

    def check(
        self, resource: Resource, old: dict[str, Any], new: dict[str, Any]
    ) -> tuple[dict[str, Any], list[Failure]]:
        """Fill in defaults, judge every input, and mark the secret ones."""
        del old
        kind = self._kind(resource)
        for name, why in kind.unsupported.items():
            if new.get(name) is not None:
                self.unsupported(f"{resource.type} with {name} ({why})")
        failures = [
            Failure(name, "is no input of this resource")
            for name in new
            if name not in kind.inputs and not name.startswith("__")
        ]
        inputs: dict[str, Any] = {}
        defaulted = []
        for name, spec in kind.inputs.items():
            value = new.get(name)
            if value is None and spec.default is not None:
                value = spec.default
                defaulted.append(name)
            if value is None:
                if spec.required:
                    failures.append(Failure(name, "is required"))
                continue
            if reason := _refusal(spec, plain(value)):
                failures.append(Failure(name, reason))
            inputs[name] = _secret(value) if spec.secret else value
        if not failures:
            failures.extend(kind.problems(_known(inputs)))
        return {"__defaults": sorted(defaulted), **inputs}, failures

    def diff(
        self,
        resource: Resource,
        identity: str,
        old_inputs: dict[str, Any],
        old: dict[str, Any],
        new: dict[str, Any],
    ) -> Diff:
        """Compare the inputs; replace on any change but those in place, and when outdated."""
        del identity
        kind = self._kind(resource)
        changed: dict[str, str] = {}
        for name in kind.inputs:
            before, after = plain(old_inputs.get(name)), plain(new.get(name))
            if before != after or has_unknowns(after):
                changed[name] = "add" if before is None else "delete" if after is None else "update"
        replaces = [name for name in changed if not kind.inputs[name].in_place]
        # Judged with the new inputs: how early a renewal is may just have changed.
        if not has_unknowns(new) and kind.outdated({**plain(old), **plain(new)}):
            changed[kind.outdated_output] = "update"
            replaces.append(kind.outdated_output)
        return Diff(changed, replaces)

    def create(
        self, resource: Resource, inputs: dict[str, Any], *, preview: bool, timeout: float
    ) -> tuple[str, dict[str, Any]]:
        """Compute the outputs; a preview shows them as unknown."""
        del timeout
        kind = self._kind(resource)
        if preview:
            return "", self._state(kind, inputs, dict.fromkeys(kind.outputs, UNKNOWN))
        try:
            identity, outputs = kind.compute(plain(inputs))
        except ValueError as error:
            raise PluginError(str(error)) from None
        return identity, self._state(kind, inputs, outputs)

    def read(
        self, resource: Resource, identity: str, inputs: dict[str, Any], state: dict[str, Any]
    ) -> tuple[str, dict[str, Any], dict[str, Any]] | None:
        """Return the state as it is, but for its being outdated by now."""
        kind = self._kind(resource)
        if not state:
            if kind.imported is None:
                self.unsupported(f"importing {resource.type}")
            try:
                found = kind.imported(identity)
            except ValueError as error:
                raise PluginError(f"{resource.type} {identity!r}: {error}") from None
            inputs = {"__defaults": [], **{n: found[n] for n in kind.inputs if n in found}}
            outputs = {name: found[name] for name in kind.outputs}
            return identity, inputs, self._state(kind, inputs, outputs)
        if kind.outdated_output and kind.outdated(plain(state)):
            state = {**state, kind.outdated_output: True}
        return identity, inputs, state

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
        """Take the inputs that change in place into the state."""
        del identity, preview, timeout
        kind = self._kind(resource)
        return self._state(kind, new, {name: old.get(name) for name in kind.outputs})

    def delete(
        self,
        resource: Resource,
        identity: str,
        inputs: dict[str, Any],
        state: dict[str, Any],
        *,
        timeout: float,
    ) -> None:
        """Do nothing: there is nothing but the state."""
        del resource, identity, inputs, state, timeout

    @staticmethod
    def _state(kind: Kind, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> dict[str, Any]:
        given = {name: value for name, value in inputs.items() if name in kind.inputs}
        computed = {
            name: _secret(value) if name in kind.secrets else value
            for name, value in outputs.items()
        }
        return {**given, **computed}


def _secret(value: Any) -> Secret:
    return value if isinstance(value, Secret) else Secret(value)


def _known(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: plain(value) for name, value in inputs.items() if not has_unknowns(value)}


def _refusal(spec: Input, value: Any) -> str:
    """Say why the value can't be this input, or nothing; the value itself is never quoted whole."""
    if isinstance(value, Unknown):
        return ""
    number = spec.type is int and isinstance(value, bool)
    if number or not isinstance(value, spec.type):
        return f"takes {spec.type.__name__}, found {type(value).__name__}"
    if spec.choices and value not in spec.choices:
        return f"takes one of {', '.join(map(str, spec.choices))}, found {value!r}"
    if spec.least is not None and value < spec.least:
        return f"takes at least {spec.least}, found {value}"
    return ""
