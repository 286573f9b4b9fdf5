"""The ServiceMeshControlPlane. Documentation: "Installing and configuring Service Mesh", step 1.

A control plane that others own is patched: the stack holds just the fields that Serverless needs.
"""

import json
from typing import Any

import pulumi

from cluster import ControlPlane
from components.names import GATEWAY_SELECTOR
from components.resources import Manifest, child_options, declare, declare_patch, ready
from settings import Settings


class ControlPlaneError(Exception):
    """The control plane that is there can't be used; the message says why and what to do."""


def control_plane(settings: Settings) -> Manifest:
    """Return the manifest of the control plane, with the documented configuration."""
    security: dict[str, Any] = {"dataPlane": {"mtls": True}}
    if settings.identity_type is not None:
        security["identity"] = {"type": settings.identity_type}
    if not settings.manage_network_policy:
        security["manageNetworkPolicy"] = False
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
            **_excluded(list(settings.excluded_ports))["spec"],
        },
    }


def patch(settings: Settings, found: ControlPlane | None) -> Manifest:
    """Return the stack's share of an existing control plane; `found` is None where not known.

    Its excluded ports are one value with one owner. Where the others' value has ours among them,
    that same value is held together with them; it is never replaced.

    Raises:
        ControlPlaneError: there is another control plane, or its excluded ports lack ours.
    """
    name = f"{settings.mesh_namespace}/{settings.control_plane_name}"
    manifest = control_plane(settings)
    del manifest["spec"]["profiles"]
    if found is None:
        return manifest
    if found.name != settings.control_plane_name:
        raise ControlPlaneError(
            f"serverless-mesh:controlPlaneName is {settings.control_plane_name}, but the control "
            f"plane in {settings.mesh_namespace} is {found.name}; set it to that"
        )
    if found.excluded_ports is not None:
        lacking = [port for port in settings.excluded_ports if port not in found.excluded_ports]
        if lacking:
            ports = [*found.excluded_ports, *lacking]
            raise ControlPlaneError(
                f"the ServiceMeshControlPlane {name}, which others own, excludes the inbound ports "
                f"{list(found.excluded_ports)} and Serverless needs {lacking} as well. The list "
                "has one owner, so ask for it there: oc patch --type=merge "
                f"-n {settings.mesh_namespace} smcp/{settings.control_plane_name} -p "
                f"'{json.dumps(_excluded(ports))}'"
            )
        manifest["spec"]["proxy"] = _excluded(list(found.excluded_ports))["spec"]["proxy"]
    return manifest


def _excluded(ports: list[int]) -> dict[str, Any]:
    inbound = {"excludedPorts": ports}
    return {"spec": {"proxy": {"networking": {"trafficControl": {"inbound": inbound}}}}}


class ServiceMeshControlPlane(pulumi.ComponentResource):
    """The control plane, ready."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        found: ControlPlane | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("serverlessmesh:control_plane:ServiceMeshControlPlane", name, None, opts)
        child, timeout = child_options(self, opts), settings.ready_timeout_seconds
        if settings.existing_mesh:
            declare_patch(
                settings.control_plane_name, ready(patch(settings, found), timeout), child
            )
        else:
            declare(settings.control_plane_name, ready(control_plane(settings), timeout), child)
        self.register_outputs({})
