"""The local gateway: whom it serves, and as which Service it is called."""

from collections.abc import Iterator
from typing import Any

from mesh_policy.documented.names import LOCAL_GATEWAY, SERVICE_PORTS
from mesh_policy.mesh.client_tls import MUTUAL
from mesh_policy.mesh.mesh import Mesh
from mesh_policy.reading.cluster_hosts import ServiceName
from mesh_policy.reading.destination_rules import Target
from mesh_policy.reading.values import at, items
from mesh_policy.world import World, knative_gateway


def local_servers(world: World) -> Iterator[tuple[int, Any]]:
    """List the servers of knative-local-gateway with their places."""
    gateway = knative_gateway(world, LOCAL_GATEWAY)
    if gateway is not None:
        yield from enumerate(items(gateway.get("spec", "servers")))


def is_mutual(world: World) -> bool:
    """Say whether any server of it takes clients with a certificate of the mesh alone."""
    return any(at(server, "tls", "mode") == MUTUAL for _, server in local_servers(world))


def local_target(mesh: Mesh) -> Target:
    """Return it as what clients call."""
    namespace = mesh.ingress.namespace
    return Target(ServiceName(LOCAL_GATEWAY, namespace).host, namespace, SERVICE_PORTS)
