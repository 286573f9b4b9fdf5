"""The seam between mesh and Serverless: where the gateway is through which requests come in."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mesh_policy.documented.names import (
    DEFAULT_MESH_NAMESPACE,
    GATEWAY_SELECTOR,
    INGRESS_SERVICE,
    ISTIO_SELECTOR,
)


@dataclass(frozen=True)
class Ingress:
    """The ingress gateway of a mesh, as Serverless uses it.

    It serves certificates from secrets of its own `namespace`. `selector` is by what both Gateways
    find it, `local_selector` by what the local gateway's Service does.
    """

    namespace: str
    service: str = INGRESS_SERVICE
    selector: Mapping[str, str] = field(default_factory=lambda: dict(GATEWAY_SELECTOR))
    local_selector: Mapping[str, str] = field(default_factory=lambda: dict(ISTIO_SELECTOR))

    @property
    def is_default(self) -> bool:
        """Whether Knative looks for it there without being told."""
        return (self.namespace, self.service) == (DEFAULT_MESH_NAMESPACE, INGRESS_SERVICE)
