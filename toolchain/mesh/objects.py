"""Kubernetes objects as plain dictionaries: apply, list and set the status of any kind."""

import json
from contextlib import suppress
from typing import Any, Final

from kubernetes import client, dynamic
from kubernetes.dynamic.exceptions import NotFoundError

Manifest = dict[str, Any]
MANAGER: Final = "local-mesh"
"""The field manager of everything that the stand-ins apply."""


class Objects:
    """The objects of one API server."""

    def __init__(self, api: client.ApiClient) -> None:
        """Learn which kinds the API server has."""
        self.api = api
        self._dynamic = dynamic.DynamicClient(api)

    def apply(self, manifest: Manifest, manager: str = MANAGER) -> None:
        """Apply an object (server-side); fields of other managers stay as they are."""
        metadata = manifest["metadata"]
        self._kind(manifest["apiVersion"], manifest["kind"]).server_side_apply(
            body=manifest,
            name=metadata["name"],
            namespace=metadata.get("namespace"),
            field_manager=manager,
            force_conflicts=True,
        )

    def list(self, api_version: str, kind: str, **selection: str) -> list[Manifest]:
        """List the objects of a kind, everywhere or by `namespace`, `label_selector`."""
        answer = self._read(api_version, kind, **selection)
        return [{"apiVersion": api_version, "kind": kind, **item} for item in answer["items"]]

    def find(self, api_version: str, kind: str, name: str, namespace: str = "") -> Manifest | None:
        """Return an object, or None when there is none."""
        try:
            return self._read(api_version, kind, name=name, namespace=namespace)
        except NotFoundError:
            return None

    def set_status(self, manifest: Manifest, status: Manifest) -> None:
        """Set an object's status, as its controller does; of an object that is gone, nothing."""
        kind = self._kind(manifest["apiVersion"], manifest["kind"])
        with suppress(NotFoundError):
            kind.status.patch(
                body={"status": status},
                name=manifest["metadata"]["name"],
                namespace=manifest["metadata"].get("namespace"),
                content_type="application/merge-patch+json",
            )

    def change(self, manifest: Manifest, patch: Manifest) -> None:
        """Merge a patch into an object; into one that is gone, nothing."""
        with suppress(NotFoundError):
            self._kind(manifest["apiVersion"], manifest["kind"]).patch(
                body=patch,
                name=manifest["metadata"]["name"],
                namespace=manifest["metadata"].get("namespace"),
                content_type="application/merge-patch+json",
            )

    def delete(self, manifest: Manifest, *, at_once: bool = False) -> None:
        """Delete an object if it is there; `at_once` without the grace that a pod has."""
        metadata = manifest["metadata"]
        with suppress(NotFoundError):
            self._kind(manifest["apiVersion"], manifest["kind"]).delete(
                name=metadata["name"],
                namespace=metadata.get("namespace"),
                **({"body": {"gracePeriodSeconds": 0}} if at_once else {}),
            )

    def _read(self, api_version: str, kind: str, **selection: str) -> Manifest:
        # As it came: to make the client's own objects of it, and plain ones of those, is most of
        # the work that the stand-ins have.
        answer = self._kind(api_version, kind).get(serialize=False, **selection)
        return dict(json.loads(answer.data))

    def _kind(self, api_version: str, kind: str) -> Any:
        return self._dynamic.resources.get(api_version=api_version, kind=kind)
