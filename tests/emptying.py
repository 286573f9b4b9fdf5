"""A cluster that tests use one after the other, each as if nobody had used it before.

To start an API server and to make its definitions served takes as long as the longer tests do, and
the first update on it pays once more. To take away what a test leaves behind takes a second.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from kubernetes import client

from harness import until
from toolchain.cluster import Cluster

_GONE_WITHIN: Final = 120
"""Seconds until the last object must have ended."""
_DISCOVERY: Final = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_METADATA: Final = "application/json;g=meta.k8s.io;v=v1;as=PartialObjectMetadataList"
_RUNTIME: Final = frozenset({"events", "leases", "endpoints", "endpointslices", "apiservices"})
"""What the control plane keeps of itself."""
_CONTROL_PLANE: Final = re.compile(r"kube-|api-priority-and-fairness-|.*-controller$")
"""The field managers that are parts of it."""


class _Kind(NamedTuple):
    path: str
    resource: str
    is_namespaced: bool

    def of(self, metadata: dict[str, Any]) -> str:
        """Return an object's path."""
        place = f"namespaces/{metadata['namespace']}/" if self.is_namespaced else ""
        return f"{self.path}/{place}{self.resource}/{metadata['name']}"


_NAMESPACES: Final = _Kind("/api/v1", "namespaces", False)


@dataclass(frozen=True)
class _Objects:
    """The metadata of every object, by its path."""

    api: client.ApiClient

    def all(self) -> dict[str, dict[str, Any]]:
        return {kind.of(each): each for kind in self._kinds() for each in self._list(kind)}

    def delete(self, path: str) -> None:
        with _unless_gone():
            self._ask("DELETE", path, "application/json")

    def finalize(self, path: str) -> None:
        """Have a namespace that was deleted end at once, as its controller does after a while.

        The controller waits five seconds first, and then asks for each kind in each namespace.
        """
        name = path.rpartition("/")[2]
        body = {"metadata": {"name": name}, "spec": {"finalizers": []}}
        with _unless_gone():
            self._ask("PUT", f"{path}/finalize", "application/json", body)

    def relabel(self, path: str, labels: dict[str, str | None]) -> None:
        self._ask("PATCH", path, "application/json", {"metadata": {"labels": labels}})

    def _kinds(self) -> Iterator[_Kind]:
        for root in ("/api", "/apis"):
            for group in self._ask("GET", root, _DISCOVERY)["items"]:
                seen = set(_RUNTIME)
                for version in group["versions"]:
                    name = group["metadata"].get("name", "")
                    path = "/".join(part for part in (root, name, version["version"]) if part)
                    for each in version["resources"]:
                        known = each["resource"] in seen
                        seen.add(each["resource"])
                        if not known and {"list", "delete"} <= set(each["verbs"]):
                            is_namespaced = each["scope"] == "Namespaced"
                            yield _Kind(path, each["resource"], is_namespaced)

    def _list(self, kind: _Kind) -> list[dict[str, Any]]:
        # A kind may be going, and still be named.
        with _unless_gone():
            found = self._ask("GET", f"{kind.path}/{kind.resource}", _METADATA)
            return [item["metadata"] for item in found["items"] or ()]
        return []

    def _ask(self, method: str, path: str, accept: str, body: Any = None) -> Any:
        headers = {"Accept": accept}
        if body is not None:
            form = "merge-patch+json" if method == "PATCH" else "json"
            headers["Content-Type"] = f"application/{form}"
        address = f"{self.api.configuration.host}{path}"
        answer = self.api.call_api(method, address, header_params=headers, body=body)
        said = answer.read()
        if answer.status >= 400:
            raise client.ApiException(http_resp=answer)
        return json.loads(said)


@contextmanager
def _unless_gone() -> Iterator[None]:
    """Ask for nothing where there is nothing any more."""
    try:
        yield
    except client.ApiException as error:
        if error.status != 404:
            raise


def _by_the_control_plane(metadata: dict[str, Any]) -> bool:
    """Say whether nobody else has written an object."""
    managers = {entry["manager"] for entry in metadata.get("managedFields", ())}
    return bool(managers) and all(map(_CONTROL_PLANE.match, managers))


class Emptying:
    """Remembers a cluster that nobody has used yet, and makes it so again."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        with cluster.client() as api:
            self._first = _Objects(api).all()

    @contextmanager
    def afterwards(self) -> Iterator[Cluster]:
        """Give the cluster away, and take away what is left in it."""
        try:
            yield self.cluster
        finally:
            self.empty()

    def empty(self) -> None:
        """Take away whatever was not there at first, and wait until it is gone."""
        with self.cluster.client() as api:
            objects = _Objects(api)
            found = objects.all()
            self._relabel(objects, found)

            def is_empty() -> bool:
                nonlocal found
                if left := self._left(found):
                    self._take_away(objects, left)
                    found = objects.all()
                return not self._left(found)

            # What has finalizers takes its time.
            until(is_empty, _GONE_WITHIN)
            self._check(found)

    def _left(self, found: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        return {
            path: each
            for path, each in found.items()
            if self._first.get(path, {}).get("uid") != each["uid"]
            and not _by_the_control_plane(each)
        }

    def _take_away(self, objects: _Objects, left: dict[str, dict[str, Any]]) -> None:
        spaces = [path for path, each in left.items() if path == _NAMESPACES.of(each)]
        # They first, so that nothing is made in them any more.
        for path in (*spaces, *(each for each in left if each not in spaces)):
            objects.delete(path)
        for path in spaces:
            objects.finalize(path)

    def _relabel(self, objects: _Objects, found: dict[str, dict[str, Any]]) -> None:
        """Take the operators' labels off the namespaces that every cluster has."""
        for path, first in self._first.items():
            labels, wanted = found.get(path, first).get("labels"), first.get("labels")
            if labels != wanted and path == _NAMESPACES.of(first):
                objects.relabel(path, {**dict.fromkeys(labels or ()), **(wanted or {})})
                found[path]["labels"] = wanted

    def _check(self, found: dict[str, dict[str, Any]]) -> None:
        """Refuse to go on with a cluster that lacks something, or has it otherwise."""
        for path, first in self._first.items():
            if _by_the_control_plane(first):
                continue
            same = ("uid", "generation", "labels", "annotations")
            now = found.get(path, {})
            assert [now.get(key) for key in same] == [first.get(key) for key in same], path
