"""The ServiceMeshControlPlane. Documentation: "Installing and configuring Service Mesh", step 1.

A control plane that others own is patched: the stack holds just the fields that Serverless needs.
"""

import json
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import pulumi

from cluster import ControlPlane
from components.names import GATEWAY_SELECTOR
from components.resources import (
    Manifest,
    child_options,
    declare,
    declare_patch,
    ready,
    retained,
)
from policy.values import at
from settings import Settings

EXCLUDED_PORTS: Final = ("proxy", "networking", "trafficControl", "inbound", "excludedPorts")


class ControlPlaneError(Exception):
    """The control plane that is there can't be used; the message says why and what to do."""


class Change(NamedTuple):
    """A field of a control plane that reaches every member of its mesh, and what changing it does.

    `consent` is the word in `allowMeshChanges` by which the mesh's owners agree.
    """

    consent: str
    path: tuple[str, ...]
    effect: str


CHANGES: Final = (
    Change(
        "mtls",
        ("security", "dataPlane", "mtls"),
        "every member takes mutual TLS alone from then on, and callers without a sidecar fail",
    ),
    Change(
        "networkPolicies",
        ("security", "manageNetworkPolicy"),
        "the operator removes its network policies from every member",
    ),
    Change(
        "identity",
        ("security", "identity", "type"),
        "proxies identify themselves by other tokens, and are restarted for that",
    ),
    Change(
        "drain",
        ("techPreview", "meshConfig", "defaultConfig", "terminationDrainDuration"),
        "every sidecar that starts from then on takes that long to end",
    ),
    Change(
        "gatewayLabels",
        ("gateways", "ingress", "service", "metadata", "labels", *GATEWAY_SELECTOR),
        "the operator deletes the ingress gateway and makes it anew, a moment without ingress for "
        "all who use it",
    ),
    Change(
        "excludedPorts",
        EXCLUDED_PORTS,
        "these ports of every member are reached without mutual TLS",
    ),
)


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
        ControlPlaneError: its excluded ports lack ours.
    """
    name = f"{settings.mesh_namespace}/{settings.control_plane_name}"
    manifest = control_plane(settings)
    del manifest["spec"]["profiles"]
    excluded = at(found.spec, *EXCLUDED_PORTS) if found is not None else None
    if excluded is not None:
        lacking = [port for port in settings.excluded_ports if port not in excluded]
        if lacking:
            ports = [*excluded, *lacking]
            raise ControlPlaneError(
                f"the ServiceMeshControlPlane {name}, which others own, excludes the inbound ports "
                f"{list(excluded)} and Serverless needs {lacking} as well. The list "
                "has one owner, so ask for it there: oc patch --type=merge "
                f"-n {settings.mesh_namespace} smcp/{settings.control_plane_name} -p "
                f"'{json.dumps(_excluded(ports))}'"
            )
        manifest["spec"]["proxy"] = _excluded(list(excluded))["spec"]["proxy"]
    return manifest


def changes(settings: Settings, found: ControlPlane) -> Iterator[tuple[Change, str]]:
    """Return what the stack changes in a control plane of others, each with the change in words.

    What is in effect already, by a profile too, is no change.

    Raises:
        ControlPlaneError: its excluded ports lack ours.
    """
    wanted = patch(settings, found)["spec"]
    for change in CHANGES:
        after, before = at(wanted, *change.path), found.effective(*change.path)
        if after is not None and after != before:
            was = "not set" if before is None else json.dumps(before)
            field = f"spec.{'.'.join(change.path)}"
            yield change, f"{field} becomes {json.dumps(after)} (now {was}): {change.effect}"


def check_consent(settings: Settings, found: ControlPlane) -> list[str]:
    """Return what the stack changes in a control plane of others, as its owners agreed to.

    Raises:
        ControlPlaneError: they did not agree to something, or its excluded ports lack ours.
    """
    wanted = list(changes(settings, found))
    asked = [each for each in wanted if each[0].consent not in settings.allow_mesh_changes]
    if asked:
        name = f"{settings.mesh_namespace}/{settings.control_plane_name}"
        words = [*settings.allow_mesh_changes, *(change.consent for change, _ in asked)]
        lines = "\n".join(f"  - {change.consent}: {what}" for change, what in asked)
        raise ControlPlaneError(
            f"Serverless needs changes of the ServiceMeshControlPlane {name}, which others own and "
            f"which reach all of its members:\n{lines}\nNothing was changed. When the owners "
            f"agree, say so in the stack file: serverless-mesh:allowMeshChanges: "
            f"[{', '.join(words)}]"
        )
    return [what for _, what in wanted]


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
            kept = retained(child, settings.protect)
            declare(settings.control_plane_name, ready(control_plane(settings), timeout), kept)
        self.register_outputs({})
