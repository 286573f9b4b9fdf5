"""On which ports of its pods a gateway listens: those of Gateways, as Services translate them."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mesh_policy.documented.kinds import SERVICE
from mesh_policy.documented.names import NO_PORT_TRANSLATION
from mesh_policy.mesh.mesh import Mesh, Workload
from mesh_policy.reading.label_selectors import labels
from mesh_policy.reading.objects import Object, Objects
from mesh_policy.reading.values import UNKNOWN, at, has_unknown, items, number

_MADE: Final[Mapping[int, int]] = {80: 8080, 443: 8443}
"""The ports of the Service that Service Mesh 2 makes, and where they lead."""


def services(objects: Objects, workload: Workload) -> Iterator[Object]:
    """List the Services that select the pods of a gateway."""
    for item in objects.objects(SERVICE, workload.namespace):
        selector = labels(item.get("spec", "selector"))
        if selector and workload.labels is not None and selector <= workload.labels:
            yield item


def target(entry: Any) -> int | None:
    """Return the port of the pods to which a port of a Service leads; None where not known.

    A name is that of a port of the pods, which the injector's templates give none.
    """
    leads = at(entry, "targetPort")
    return number(at(entry, "port")) if leads is None else number(leads)


def translation(objects: Objects, mesh: Mesh) -> dict[int, int]:
    """Return to which ports of the pods the ports of Gateways are translated.

    A Service with the label for it translates none; a port without a translation is the pods' own.
    """
    found: dict[int, int] = {}
    for item in services(objects, mesh.ingress):
        if NO_PORT_TRANSLATION not in item.labels:
            for entry in items(item.get("spec", "ports")):
                port, leads = number(at(entry, "port")), target(entry)
                if port is not None and leads is not None:
                    found.setdefault(port, leads)
    return {**_MADE, **found} if mesh.ingress_service else found


def listeners(gateway: Object, translated: Mapping[int, int]) -> set[int] | None:
    """Return the ports of the pods on which a Gateway has its gateway listen; None: not known."""
    servers = gateway.get("spec", "servers")
    ports = [at(server, "port", "number") for server in items(servers)]
    if servers is UNKNOWN or has_unknown(ports):
        return None
    numbers = [number(port) for port in ports]
    return {translated.get(port, port) for port in numbers if port is not None}
