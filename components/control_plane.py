"""The ServiceMeshControlPlane. Documentation: "Installing and configuring Service Mesh", step 1."""

from typing import Any

import pulumi

from components.children import child_options
from components.custom_resource import Manifest, declare, ready
from components.names import GATEWAY_SELECTOR
from settings import Settings


def control_plane(settings: Settings) -> Manifest:
    """Return the manifest of the control plane, with the documented configuration."""
    security: dict[str, Any] = {"dataPlane": {"mtls": True}}
    if settings.identity_type is not None:
        security["identity"] = {"type": settings.identity_type}
    drain = {"terminationDrainDuration": settings.termination_drain_duration}
    return {
        "apiVersion": "maistra.io/v2",
        "kind": "ServiceMeshControlPlane",
        "metadata": {
            "name": settings.control_plane_name,
            "namespace": settings.mesh_namespace,
        },
        "spec": {
            "profiles": list(settings.control_plane_profiles),
            "security": security,
            "techPreview": {"meshConfig": {"defaultConfig": drain}},
            "gateways": {"ingress": {"service": {"metadata": {"labels": dict(GATEWAY_SELECTOR)}}}},
            "proxy": {
                "networking": {
                    "trafficControl": {"inbound": {"excludedPorts": list(settings.excluded_ports)}}
                }
            },
        },
    }


class ServiceMeshControlPlane(pulumi.ComponentResource):
    """The control plane, ready."""

    def __init__(
        self, name: str, settings: Settings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serverlessmesh:control_plane:ServiceMeshControlPlane", name, None, opts)
        manifest = ready(control_plane(settings), settings.ready_timeout_seconds)
        declare(settings.control_plane_name, manifest, child_options(self, opts))
        self.register_outputs({})
