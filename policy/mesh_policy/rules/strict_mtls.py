"""Strict mTLS in the whole mesh."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mesh_policy.control_plane import (
    is_serverless_plane,
    planeless,
    serverless_plane,
    with_value,
)
from mesh_policy.documented.kinds import MESH_KINDS, PEER_AUTHENTICATION
from mesh_policy.documented.names import SERVING_NAMESPACE
from mesh_policy.documented.sections import MESH_SECTION
from mesh_policy.documented.variants import SERVICE_MESH_2
from mesh_policy.findings import Finding, Severity, Undetermined
from mesh_policy.mesh.mesh import Mesh
from mesh_policy.reading.interception import Interception
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import UNKNOWN, at, mapping, number, show, text
from mesh_policy.rule import Rule
from mesh_policy.world import World, unplaced

_PATH: Final = SERVICE_MESH_2.mtls
_WEAK: Final = ("PERMISSIVE", "DISABLE")
_WEBHOOKS: Final = ("webhook", "net-istio-webhook", "domainmapping-webhook")
"""The API server calls them, and it is no member of the mesh; net-istio opens their port."""
_WEBHOOK_PORT: Final = 8443
_NEEDED: Final = "STRICT: only clients with a certificate of the mesh"


def check(world: World) -> Iterator[Finding]:
    """Check the control plane and each PeerAuthentication in the mesh's namespaces."""
    yield from unplaced(world)
    yield from planeless(world, "a control plane, which enforces it")
    for mesh, plane in serverless_plane(world):
        if mesh.variant.mtls:
            yield from _control_plane(mesh, plane)
        else:
            yield from _mesh_wide(world, mesh, plane)
    own = world.serverless_mesh
    for item in world.objects(PEER_AUTHENTICATION):
        inside = own.reads(item.ref.namespace) if own else not world.meshes
        for finding in _authentication(item, own) if inside is not False else ():
            sure = inside or isinstance(finding, Undetermined)
            yield finding if sure else item.unknown("metadata.namespace")


def _control_plane(mesh: Mesh, plane: Object) -> Iterator[Finding]:
    path = mesh.variant.mtls
    value = mesh.applied(path)
    if value is UNKNOWN:
        yield mesh.unclear(plane, path)
    elif value is not True:
        yield plane.breaks(".".join(path), show(value), "true")


def _mesh_wide(world: World, mesh: Mesh, plane: Object) -> Iterator[Finding]:
    found = [
        item
        for item in world.objects(PEER_AUTHENTICATION, mesh.namespace)
        if not mapping(item.get("spec", "selector", "matchLabels"))
    ]
    if any(item.get("spec", "mtls", "mode") is UNKNOWN for item in found):
        return
    if not any(item.get("spec", "mtls", "mode") == "STRICT" for item in found):
        needed = f"mode STRICT for the mesh {mesh} of {plane.ref}"
        yield from world.missing(PEER_AUTHENTICATION, mesh.namespace, "default", needed)


def _authentication(item: Object, mesh: Mesh | None) -> Iterator[Finding]:
    mode = item.get("spec", "mtls", "mode")
    by_port = item.get("spec", "portLevelMtls")
    if mode is UNKNOWN:
        yield item.unknown("spec.mtls.mode")
    elif mode in _WEAK and not _is_autoscaler(item, mesh):
        yield item.breaks("spec.mtls.mode", text(mode), _NEEDED)
    if by_port is UNKNOWN and mode is not UNKNOWN:
        yield item.unknown("spec.portLevelMtls")
    sidecars = mesh.interception if mesh else None
    for port, setting in mapping(by_port).items():
        path = f"spec.portLevelMtls.{port}.mode"
        own = at(setting, "mode")
        if own is UNKNOWN:
            yield item.unknown(path)
        elif own in _WEAK and _is_taken(sidecars, port) and not _is_webhook(item, port):
            yield item.breaks(path, text(own), _NEEDED)


def _is_taken(sidecars: Interception | None, port: Any) -> bool:
    """Say whether sidecars may intercept a port: what they leave alone no mode is about."""
    found = number(port)
    return sidecars is None or found is None or sidecars.takes(found) is not False


def _is_webhook(item: Object, port: Any) -> bool:
    selected = item.get("spec", "selector", "matchLabels", "app")
    inside = item.ref.namespace == SERVING_NAMESPACE
    return inside and selected in _WEBHOOKS and number(port) == _WEBHOOK_PORT


def _is_autoscaler(item: Object, mesh: Mesh | None) -> bool:
    """Tell the exception that the documentation of Service Mesh 3 asks for."""
    selected = item.get("spec", "selector", "matchLabels", "app")
    inside = item.ref.namespace == SERVING_NAMESPACE
    return mesh is not None and inside and selected in mesh.variant.permissive


def remediate(body: Mapping[str, Any], world: World) -> dict[str, Any] | None:
    """Switch strict mTLS on where the control plane says nothing of it."""
    if not is_serverless_plane(body, world) or at(body, *_PATH) is not None:
        return None
    return with_value(body, _PATH, True)


RULE = Rule(
    id="strict-mtls",
    title="Strict mTLS is enforced in the whole mesh",
    severity=Severity.ERROR,
    why=(
        "Inside the mesh only calls with a client certificate are allowed. A weaker setting lets "
        "plaintext in."
    ),
    remedy=(
        "Set spec.security.dataPlane.mtls to true in the control plane, and remove or tighten the "
        "PeerAuthentication."
    ),
    section=MESH_SECTION,
    kinds=MESH_KINDS | {PEER_AUTHENTICATION},
    check=check,
    harmful=True,
    remediate=remediate,
)
