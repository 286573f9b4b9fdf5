"""On which ports of its pods a gateway listens: those of Gateways, as Services translate them."""

from collections.abc import Iterator, Mapping

from mesh_policy.documented.kinds import SERVICE
from mesh_policy.documented.names import DEFAULT_INGRESS_PORTS
from mesh_policy.mesh.mesh import Mesh
from mesh_policy.reading import istio_gateways
from mesh_policy.reading.label_selectors import labels
from mesh_policy.reading.objects import Object, Objects
from mesh_policy.reading.values import UNKNOWN, at, has_unknown, items, number, text


def makes_service(mesh: Mesh) -> bool:
    """Say whether an operator makes the ingress gateway and its Service."""
    return mesh.ingress_service is not None and not mesh.without_ingress


def _services(objects: Objects, mesh: Mesh) -> Iterator[Object]:
    """List the Services that select the pods of the ingress gateway.

    Where nothing tells its labels, all of its namespace are taken for such.
    """
    told = makes_service(mesh) or mesh.other_ingress is not None
    carried = mesh.ingress.labels
    for item in objects.objects(SERVICE, mesh.ingress.namespace):
        selector = labels(item.get("spec", "selector"))
        if selector and (not told or (carried is not None and selector <= carried)):
            yield item


def translation(objects: Objects, mesh: Mesh) -> dict[int, int]:
    """Return to which ports of the pods the ports of Gateways are translated.

    A Service with the label for it translates none; a port without a translation is the pods' own.
    """
    found = istio_gateways.translation(_services(objects, mesh))
    return {**DEFAULT_INGRESS_PORTS, **found} if makes_service(mesh) else found


def listeners(
    gateway: Object, translated: Mapping[int, int], protocol: str = ""
) -> set[int] | None:
    """Return the ports of the pods on which a Gateway has its gateway listen; None: not known.

    With a protocol, only those of its servers.
    """
    servers = gateway.get("spec", "servers")
    ports = [at(server, "port") for server in items(servers)]
    if servers is UNKNOWN or has_unknown(ports):
        return None
    numbers = [
        number(at(port, "number"))
        for port in ports
        if not protocol or text(at(port, "protocol")).upper() == protocol
    ]
    return {translated.get(port, port) for port in numbers if port is not None}
