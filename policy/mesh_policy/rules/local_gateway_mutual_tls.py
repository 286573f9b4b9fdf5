"""The local gateway serves clients of the mesh only."""

from collections.abc import Iterator
from typing import Any, Final

from mesh_policy.documented.kinds import DESTINATION_RULE, GATEWAY, MESH_KINDS
from mesh_policy.documented.names import LOCAL_GATEWAY, LOCAL_PORT, SERVING_INGRESS_NAMESPACE
from mesh_policy.documented.sections import MESH_SECTION
from mesh_policy.documented.variants import SERVICE_MESH_3
from mesh_policy.findings import Finding, Severity
from mesh_policy.local_gateway import is_mutual, local_servers, local_target
from mesh_policy.mesh.client_tls import MUTUAL, OPERATORS, ClientTls
from mesh_policy.mesh.mesh import Mesh
from mesh_policy.reading.ages import Ages
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import UNKNOWN, at, items, number, show
from mesh_policy.rule import Rule
from mesh_policy.world import World, knative_gateway

_PROTOCOL: Final = "HTTPS"
_DOCUMENTED: Final = (
    "this is how Service Mesh 3 is documented: any pod of the cluster can call cluster-local "
    "Knative Services by it, and arrives with the gateway's identity",
)


def check(world: World) -> Iterator[Finding]:
    """Check every server of knative-local-gateway, and that clients speak what it takes."""
    gateway = knative_gateway(world, LOCAL_GATEWAY)
    if gateway is None:
        return
    mesh = world.serverless_mesh
    servers = gateway.get("spec", "servers")
    if servers is UNKNOWN or UNKNOWN in items(servers):
        yield gateway.unknown("spec.servers")
        return
    plain_is_documented = _is_service_mesh_3(mesh)
    numbers = [at(server, "port", "number") for server in items(servers)]
    if UNKNOWN in numbers:
        yield gateway.unknown(f"spec.servers[{numbers.index(UNKNOWN)}].port.number")
    elif not numbers or (LOCAL_PORT not in map(number, numbers) and not plain_is_documented):
        yield gateway.breaks("spec.servers", f"ports {show(numbers)}", f"a server on {LOCAL_PORT}")
    for index, server in local_servers(world):
        yield from _server(gateway, index, server, documented=plain_is_documented)
    if mesh is not None and mesh.control_plane is not None and is_mutual(world):
        yield from _clients(world, gateway, mesh)


def _is_service_mesh_3(mesh: Mesh | None) -> bool:
    """Say whether the mesh is one of Service Mesh 3; unseen, by where its gateway is."""
    if mesh is None:
        return False
    unseen = mesh.control_plane is None and mesh.namespace == SERVING_INGRESS_NAMESPACE
    return unseen or mesh.variant is SERVICE_MESH_3


def _server(gateway: Object, index: int, server: Any, *, documented: bool) -> Iterator[Finding]:
    place = f"spec.servers[{index}]"
    protocol, mode = at(server, "port", "protocol"), at(server, "tls", "mode")
    for path, value in (("port.protocol", protocol), ("tls.mode", mode)):
        if value is UNKNOWN:
            yield gateway.unknown(f"{place}.{path}")
            return
    if (protocol, mode) == (_PROTOCOL, MUTUAL):
        return
    path = "port.protocol" if mode == MUTUAL else "tls.mode"
    yield gateway.breaks(
        f"{place}.{path}",
        f"protocol {show(protocol)} with tls.mode {show(mode)}",
        f"protocol {_PROTOCOL} with tls.mode {MUTUAL}",
        severity=Severity.WARNING if documented else None,
        consequences=_DOCUMENTED if documented else (),
    )


def _clients(world: World, gateway: Object, mesh: Mesh) -> Iterator[Finding]:
    """Check that a DestinationRule has clients use mTLS: the gateway's pods don't tell them to."""
    index = next(i for i, server in local_servers(world) if at(server, "tls", "mode") == MUTUAL)
    path = f"spec.servers[{index}].tls.mode"
    target = local_target(mesh)
    found = ClientTls(world, mesh, Ages(world.running)).generally(target).mode
    if DESTINATION_RULE in world.unread:
        return
    if found is UNKNOWN:
        yield gateway.unsure(path, f"what clients use for {target.host} is not known until update")
    elif found is None and not mesh.variant.mtls:
        yield gateway.breaks(
            path,
            f"{MUTUAL}, while clients call {target.host} in plaintext",
            f"a DestinationRule of this host, or of {OPERATORS}, with tls.mode {MUTUAL} that all "
            f"namespaces see, such as one in {mesh.root}",
        )


RULE = Rule(
    id="local-gateway-mutual-tls",
    title="The local gateway asks every client for a certificate of the mesh",
    severity=Severity.ERROR,
    why=(
        "knative-local-gateway is for traffic inside the mesh. Without ISTIO_MUTUAL it takes "
        "plaintext from any pod of the cluster."
    ),
    remedy=(
        "Serve port 8081 with protocol HTTPS and tls.mode ISTIO_MUTUAL; workloads outside of the "
        "mesh use the external domain. With Service Mesh 3, add a DestinationRule by which clients "
        "use mTLS for it."
    ),
    section=MESH_SECTION,
    kinds=MESH_KINDS | {GATEWAY, DESTINATION_RULE},
    check=check,
    harmful=True,
)
