"""Secrets without what is secret: left out, or a reference to a store of External Secrets."""

import enum
from dataclasses import replace
from typing import Any, Final, NamedTuple

from mesh_policy.documented.kinds import Kind
from mesh_policy.reading.values import mapping, text
from serverless_mesh.cli.render.stages import Manifest

EXTERNAL_SECRET: Final = Kind("external-secrets.io", "ExternalSecret")
_TLS: Final = "kubernetes.io/tls"
_FIELDS: Final = ("tls.crt", "tls.key")


class Secrets(enum.StrEnum):
    """What is written in the place of a Secret."""

    NONE = "none"
    EXTERNAL = "external-secrets"


class Store(NamedTuple):
    """A store of External Secrets."""

    kind: str
    name: str


def remote_key(manifest: Manifest) -> str:
    """Return the key of a Secret in the store, which has one property for each of its fields."""
    return f"{manifest.namespace}-{manifest.name}"


def external(manifest: Manifest, store: Store) -> Manifest:
    """Return the ExternalSecret that makes a Secret out of the store."""
    metadata = mapping(manifest.body["metadata"])
    labels = mapping(metadata.get("labels"))
    body: dict[str, Any] = {
        "apiVersion": f"{EXTERNAL_SECRET.group}/v1",
        "kind": EXTERNAL_SECRET.name,
        "metadata": {"name": manifest.name, "namespace": manifest.namespace},
        "spec": {
            "secretStoreRef": {"kind": store.kind, "name": store.name},
            "refreshInterval": "1h0m0s",
            "target": {
                "name": manifest.name,
                # A Secret that goes with its ExternalSecret would take the certificate with it.
                "creationPolicy": "Orphan",
                "deletionPolicy": "Retain",
                "template": {
                    "type": text(manifest.body.get("type")) or "Opaque",
                    **({"metadata": {"labels": dict(labels)}} if labels else {}),
                },
            },
            "data": [
                {
                    "secretKey": field,
                    "remoteRef": {"key": remote_key(manifest), "property": field},
                }
                for field in _fields(manifest)
            ],
        },
    }
    return replace(manifest, body=body, waits=("condition=Ready",))


def _fields(manifest: Manifest) -> tuple[str, ...]:
    """Return the fields of a Secret. A preview hides all that a TLS secret has."""
    if manifest.body.get("type") == _TLS:
        return _FIELDS
    given = (mapping(manifest.body.get(part)) for part in ("data", "stringData"))
    return tuple(sorted(key for each in given for key in each))
