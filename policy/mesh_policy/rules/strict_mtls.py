"""Strict mTLS in the whole mesh."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from mesh_policy.authentications import authentications
from mesh_policy.documented.kinds import MESH_KINDS, PEER_AUTHENTICATION
from mesh_policy.documented.names import (
    KNATIVE_NAMESPACES,
    SERVING_NAMESPACE,
    TRAFFIC_PORTS,
    WEBHOOK_PORT,
)
from mesh_policy.documented.sections import MESH_SECTION
from mesh_policy.documented.variants import SERVICE_MESH_2
from mesh_policy.findings import Finding, Severity
from mesh_policy.mesh.mesh import Mesh
from mesh_policy.reading.interception import EXCLUDED, INCLUDED
from mesh_policy.reading.knative import called_by_api_server
from mesh_policy.reading.knative_workloads import KINDS, Workload, knative_workloads
from mesh_policy.reading.label_selectors import first
from mesh_policy.reading.objects import Object
from mesh_policy.reading.peer_authentication import WEAK_MODES, Authentication, Scope
from mesh_policy.reading.values import UNKNOWN, at, number, show
from mesh_policy.remediation import is_serverless_plane, with_value
from mesh_policy.rule import Rule
from mesh_policy.world import World, serverless_plane

_PATH: Final = SERVICE_MESH_2.mtls
_OPERATORS: Final = "default"
"""The PeerAuthentication that the operator of Service Mesh 2 makes out of the control plane."""
_NEEDED: Final = "STRICT: only clients with a certificate of the mesh"


def check(world: World) -> Iterator[Finding]:
    """Check the control plane, each PeerAuthentication that counts, and the ports left alone."""
    own = world.serverless_mesh
    found = list(authentications(world))
    for mesh, plane in serverless_plane(world):
        if mesh.variant.mtls:
            yield from _control_plane(mesh, plane)
        elif not any(each.scope is Scope.MESH for each in found):
            needed = f"mode STRICT for the mesh {mesh} of {plane.ref}"
            yield from world.missing(PEER_AUTHENTICATION, mesh.root, "default", needed)
        yield from _left_alone(mesh, plane)
    for each in found:
        inside = own is None or each.scope is Scope.MESH or own.reads(each.item.ref.namespace)
        if inside is False:
            continue
        for finding in _authentication(each, own):
            yield finding if inside else each.item.unknown("metadata.namespace")
    for mesh, plane in serverless_plane(world):
        for workload in knative_workloads(world):
            yield from _workload(workload, mesh, plane)


def _control_plane(mesh: Mesh, plane: Object) -> Iterator[Finding]:
    path = mesh.variant.mtls
    value = mesh.applied(path)
    if value is UNKNOWN:
        yield mesh.unclear(plane, path)
    elif value is not True:
        yield plane.breaks(".".join(path), show(value), "true")


def _authentication(found: Authentication, mesh: Mesh | None) -> Iterator[Finding]:
    item = found.item
    for path, mode, port in found.modes():
        # Istio takes it for PERMISSIVE where there is nothing to inherit.
        unset = mode is None and found.scope is Scope.MESH
        if mode is UNKNOWN:
            yield item.unknown(path)
        elif (mode in WEAK_MODES or unset) and not _is_tolerated(found, mesh, mode, port):
            if found.certain:
                yield item.breaks(path, show(mode or "UNSET, which is PERMISSIVE"), _NEEDED)
            else:
                yield item.unsure(
                    path, f"{mode}, unless another of the same pods, or namespace, is older"
                )
    if found.by_port is UNKNOWN and found.mode is not UNKNOWN:
        yield item.unknown("spec.portLevelMtls")


def _is_tolerated(found: Authentication, mesh: Mesh | None, mode: Any, port: Any) -> bool:
    item = found.item
    selected = found.scope is Scope.WORKLOAD
    selector = item.get("spec", "selector", "matchLabels") if selected else None
    app, namespace, number_ = at(selector, "app"), item.ref.namespace, number(port)
    if mesh is not None and namespace == SERVING_NAMESPACE and app in mesh.variant.permissive:
        return bool(mode == "PERMISSIVE")
    if mesh is not None and found.scope is Scope.MESH and _is_operators(item, mesh):
        return True
    if number_ is None:
        return False
    # The API server is no member of the mesh; net-istio opens this port, too.
    webhook = called_by_api_server(selector) and number_ == WEBHOOK_PORT
    if namespace in KNATIVE_NAMESPACES and webhook:
        return True
    return mesh is not None and mesh.interception.takes(number_) is False


def _is_operators(item: Object, mesh: Mesh) -> bool:
    """Say whether it is what the operator makes of a control plane that has been found weak."""
    told = mesh.variant.mtls and mesh.control_plane is not None
    return bool(told and item.ref.name == _OPERATORS and mesh.applied(_PATH) is not True)


def _left_alone(mesh: Mesh, plane: Object) -> Iterator[Finding]:
    """Check that sidecars intercept the ports of traffic."""
    sidecars, variant = mesh.interception, mesh.variant
    takes = {port: sidecars.takes(port) for port in TRAFFIC_PORTS}
    by_name = sidecars.takes_all is False
    path = variant.included_ports if by_name else variant.excluded_ports
    if missed := [port for port, taken in takes.items() if taken is False]:
        found = show(mesh.applied(path))
        yield plane.breaks(".".join(path), found, _to_intercept(missed, included=by_name))
    elif None in takes.values():
        doubtful = variant.included_ports if sidecars.takes_all is None else path
        # Of ports that a profile may set, excluded-ports says so.
        if plane.get(*doubtful) is not None:
            yield plane.unknown(".".join(doubtful))


def _to_intercept(missed: Sequence[int], *, included: bool) -> str:
    listed = first([str(port) for port in missed], limit=5)
    place = "among the included ports" if included else "not among the excluded ports"
    return f"{listed} {place}: plaintext gets in there"


def _workload(workload: Workload, mesh: Mesh, plane: Object) -> Iterator[Finding]:
    """Check what a workload has other than the control plane: annotations, or a port of its own."""
    sidecar = mesh.interception.of(workload.annotations)
    takes = {
        port: sidecar.takes(port)
        for port in workload.traffic
        if workload.says_ports or port not in TRAFFIC_PORTS
    }
    missed = [port for port, taken in takes.items() if taken is False]
    by_name = sidecar.takes_all is False
    if workload.name in mesh.variant.permissive:
        return
    if missed and workload.says_ports:
        key = INCLUDED if by_name else EXCLUDED
        value = at(workload.annotations, key)
        needed = _to_intercept(missed, included=by_name)
        yield workload.item.breaks(f"{workload.path}.{key}", show(value), needed)
    elif missed:
        found = f"port {missed[0]}, which sidecars of {plane.ref} do not intercept"
        needed = "a port that they intercept: plaintext gets in there"
        yield workload.item.breaks(workload.listens, found, needed, (plane.ref,))
    elif None in takes.values() and workload.annotations is UNKNOWN:
        yield workload.item.unknown(workload.path)


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
        "Set spec.security.dataPlane.mtls to true in the control plane of Service Mesh 2, or make "
        "a PeerAuthentication with mode STRICT in the mesh's root namespace with Service Mesh 3. "
        "Remove or tighten weaker PeerAuthentications, and have sidecars intercept every port of "
        "traffic."
    ),
    section=MESH_SECTION,
    kinds=MESH_KINDS | KINDS | {PEER_AUTHENTICATION},
    check=check,
    harmful=True,
    remediate=remediate,
)
