"""The Kubernetes API as this plugin needs it: any kind by discovery, server-side apply, retries."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import urllib3
import yaml
from kubernetes import client, config

from toolchain.providers.plugin import PluginError

Object = dict[str, Any]
Result = TypeVar("Result")

_ANSWER_WITHIN: Final = 60.0
_FIRST_CONTACT: Final = 15.0
"""Seconds, of all operations together, to try a server that never answered: it may well be the
wrong one."""
_LONGEST_PAUSE: Final = 3.0
_TRANSIENT: Final = frozenset({429, 500, 502, 503, 504})


class ApiError(PluginError):
    """The API server refused; `causes` are (field, message) pairs."""

    def __init__(
        self, status: int, reason: str, message: str, causes: list[tuple[str, str]]
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.causes = causes


class UnreachableError(PluginError):
    """The API server does not answer."""


class NoSuchKindError(PluginError):
    """The API server does not serve the kind."""


class CancelledError(PluginError):
    """The user cancelled the update."""


@dataclass(frozen=True)
class Reference:
    """An object's place in the API."""

    api_version: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        where = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind} {where}"


@dataclass(frozen=True)
class _Served:
    plural: str
    namespaced: bool


class Api:
    """A connection made at its first use; may be shared between threads."""

    def __init__(self, kubeconfig: str | None, context: str | None, cluster: str | None) -> None:
        self._kubeconfig = kubeconfig
        self._context = context
        self._cluster = cluster
        self._client: client.ApiClient | None = None
        self._kinds: dict[str, dict[str, _Served]] = {}
        self._lock = threading.Lock()
        self._reached = False
        self._first_try: float | None = None
        self.cancelled = threading.Event()

    def namespaced(self, api_version: str, kind: str) -> bool:
        """Tell whether objects of the kind are in a namespace.

        Raises:
            NoSuchKindError: the server does not serve the kind.
        """
        return self._served(api_version, kind).namespaced

    def get(self, reference: Reference) -> Object | None:
        """Return the live object, or None."""
        try:
            return self._request("GET", self._path(reference))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def apply(
        self,
        reference: Reference,
        body: Mapping[str, Any],
        manager: str,
        *,
        force: bool,
        dry_run: bool,
    ) -> Object:
        """Apply the fields of `body` as the field manager `manager`, unknown fields refused."""
        query = [("fieldManager", manager), ("fieldValidation", "Strict")]
        query += [("force", "true")] * force + [("dryRun", "All")] * dry_run
        return self._request(
            "PATCH", self._path(reference), query, body, "application/apply-patch+yaml"
        )

    def delete(self, reference: Reference, uid: str | None, propagation: str) -> None:
        """Ask for the object's deletion; with `uid` only if it is still that very object."""
        body: Object = {"propagationPolicy": propagation}
        if uid:
            body["preconditions"] = {"uid": uid}
        try:
            self._request("DELETE", self._path(reference), (), body)
        except ApiError as error:
            another = error.status == 409 and uid is not None and "precondition" in str(error)
            if error.status != 404 and not another:
                raise

    def patiently(
        self, operation: Callable[[], Result], limit: float, say: Callable[[str], None]
    ) -> Result:
        """Run the operation again while the server or its webhooks can't be reached for a while.

        Raises:
            PluginError: as the operation does, when `limit` seconds are over or at once when
                trying again is no use.
        """
        start = time.monotonic()
        if self._first_try is None:
            self._first_try = start
        pause = 0.25
        while True:
            try:
                return operation()
            except (UnreachableError, ApiError) as error:
                if isinstance(error, ApiError) and not _passing(error):
                    raise
                end = start + limit
                if not self._reached:
                    end = min(end, self._first_try + _FIRST_CONTACT)
                left = end - time.monotonic()
                if left <= 0:
                    raise
                say(f"trying again: {error}")
                if self.cancelled.wait(min(pause, left)):
                    raise CancelledError("cancelled") from None
                pause = min(pause * 2, _LONGEST_PAUSE)

    def _path(self, reference: Reference) -> str:
        served = self._served(reference.api_version, reference.kind)
        base = _base(reference.api_version)
        inside = f"/namespaces/{reference.namespace}" if served.namespaced else ""
        return f"{base}{inside}/{served.plural}/{reference.name}"

    def _served(self, api_version: str, kind: str) -> _Served:
        with self._lock:
            known = self._kinds.get(api_version, {})
        if kind not in known:
            try:
                listed = self._request("GET", _base(api_version))["resources"]
            except ApiError as error:
                if error.status != 404:
                    raise
                listed = []
            known = {
                item["kind"]: _Served(item["name"], item["namespaced"])
                for item in listed
                if "/" not in item["name"]
            }
            with self._lock:
                self._kinds[api_version] = known
        if kind not in known:
            raise NoSuchKindError(
                f'no matches for kind "{kind}" in version "{api_version}": the API server does not '
                "serve it; see that the operator that brings its definition is installed"
            )
        return known[kind]

    def _request(
        self,
        method: str,
        path: str,
        query: Any = (),
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
    ) -> Object:
        connection = self._connection()
        # An apply patch is declared as YAML, of which JSON is a part.
        payload: Any = json.dumps(body) if content_type.endswith("yaml") else body
        arguments = connection.param_serialize(
            method,
            path,
            query_params=list(query),
            header_params={"Accept": "application/json", "Content-Type": content_type},
            body=payload,
            auth_settings=["BearerToken"],
        )
        try:
            answer = connection.call_api(*arguments, _request_timeout=_ANSWER_WITHIN)
            text = answer.read()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise UnreachableError(f"the API server does not answer: {_cause(error)}") from None
        self._reached = True
        if answer.status >= 400:
            raise _refusal(answer.status, text)
        parsed = json.loads(text)
        assert isinstance(parsed, dict)
        return parsed

    def _connection(self) -> client.ApiClient:
        with self._lock:
            if self._client is None:
                self._client = client.ApiClient(self._configuration())
            return self._client

    def _configuration(self) -> client.Configuration:
        settings = client.Configuration()
        settings.retries = urllib3.Retry(0)
        settings.connection_pool_maxsize = 32
        try:
            content = self._content()
            context = self._context
            if self._cluster and content is not None:
                contexts = content.get("contexts") or []
                names = [c["name"] for c in contexts if c["context"]["cluster"] == self._cluster]
                context = context or next(iter(names), None)
            if content is None:
                config.load_kube_config(context=context, client_configuration=settings)
            else:
                config.load_kube_config_from_dict(content, context, settings)
        except (config.ConfigException, OSError, yaml.YAMLError, KeyError, TypeError) as error:
            raise PluginError(
                f"the kubeconfig can't be used: {error}; set kubernetes:kubeconfig to a path or a "
                "content (and kubernetes:context), or KUBECONFIG"
            ) from None
        return settings

    def _content(self) -> Object | None:
        given = self._kubeconfig
        if given is None:
            return None
        if "\n" not in given and not given.lstrip().startswith("{"):
            path = Path(given).expanduser()
            given = path.read_text("utf-8")
            parsed = yaml.safe_load(given)
            # As kubectl does, so that relative paths of certificates are those of the file.
            return _absolute(parsed, path.resolve().parent)
        parsed = yaml.safe_load(given)
        assert isinstance(parsed, dict)
        return parsed


def _absolute(content: Object, folder: Path) -> Object:
    for entry in [*content.get("clusters", []), *content.get("users", [])]:
        body = entry.get("cluster") or entry.get("user") or {}
        for key in ("certificate-authority", "client-certificate", "client-key", "tokenFile"):
            if key in body:
                body[key] = str(folder / body[key])
    return content


def _base(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def _cause(error: BaseException) -> str:
    reason = getattr(error, "reason", None)
    return _cause(reason) if isinstance(reason, BaseException) else str(error)


def _passing(error: ApiError) -> bool:
    return error.status in _TRANSIENT or "failed calling webhook" in str(error)


def _refusal(status: int, text: bytes) -> ApiError:
    try:
        answer = json.loads(text)
    except ValueError:
        answer = {"message": text.decode("utf-8", "replace")[:500]}
    causes = [
        (cause.get("field", ""), cause.get("message", ""))
        for cause in (answer.get("details") or {}).get("causes") or []
    ]
    return ApiError(status, answer.get("reason", ""), answer.get("message", str(status)), causes)
