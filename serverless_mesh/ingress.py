"""The seam between mesh and Serverless: where the gateway is through which requests come in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mesh_policy.documented.names import (
    GATEWAY_SELECTOR,
    INGRESS_SERVICE,
    ISTIO_SELECTOR,
)


class LocalTls(StrEnum):
    """How the local gateway is called."""

    MUTUAL = "mutual"
    """By mutual TLS, which the control plane makes every client in the mesh speak."""
    MUTUAL_BY_RULE = "mutual by rule"
    """By mutual TLS, which clients speak because a DestinationRule of ours says so."""
    PLAIN = "plain"
    """By plaintext, from inside the mesh and from outside."""


@dataclass(frozen=True)
class Ingress:
    """The ingress gateway of a mesh, as Serverless uses it.

    It serves certificates from secrets of its own `namespace`. `selector` is by what both Gateways
    find it, `local_selector` by what the local gateway's Service does. `local_tls` is how calls
    inside the mesh reach it.
    """

    namespace: str
    service: str = INGRESS_SERVICE
    selector: Mapping[str, str] = field(default_factory=lambda: dict(GATEWAY_SELECTOR))
    local_selector: Mapping[str, str] = field(default_factory=lambda: dict(ISTIO_SELECTOR))
    local_tls: LocalTls = LocalTls.MUTUAL
