"""The pods of Knative, and what their sidecars are told: on which ports each takes what."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from mesh_policy.documented.kinds import DEPLOYMENT, EVENTING, KAFKA, KNATIVE_SERVICE, SERVING, Kind
from mesh_policy.documented.names import (
    APPLICATION_PORT,
    DRAIN_PORT,
    KNATIVE_NAMESPACES,
    METRICS_PORT,
    REVISION_PORTS,
)
from mesh_policy.reading.interception import EXCLUDED, INCLUDED
from mesh_policy.reading.knative import named, workloads
from mesh_policy.reading.objects import Object, Objects
from mesh_policy.reading.proxy_config import ANNOTATION
from mesh_policy.reading.values import UNKNOWN, at, items, mapping, number, text

KINDS: Final[frozenset[Kind]] = frozenset({SERVING, EVENTING, KAFKA, KNATIVE_SERVICE, DEPLOYMENT})
_TRAFFIC: Final = {
    "activator": REVISION_PORTS,
    **dict.fromkeys(
        (
            *("autoscaler", "imc-dispatcher", "mt-broker-ingress", "mt-broker-filter", "job-sink"),
            *("kafka-broker-receiver", "kafka-channel-receiver", "kafka-sink-receiver"),
        ),
        (APPLICATION_PORT,),
    ),
}
"""The ports of traffic of each workload that takes any."""
_CONTAINERS: Final = ("spec", "template", "spec", "containers")
_TEMPLATE: Final = ("spec", "template", "metadata", "annotations")


class Workload(NamedTuple):
    """Pods of Knative: who says so, at which path their annotations stand, and their ports.

    `traffic` comes from inside the mesh, `outside` are the ports that are called from outside.
    """

    item: Object
    path: str
    name: str
    annotations: Any
    traffic: tuple[int, ...]
    outside: tuple[int, ...]
    listens: str = ""
    """Where the port stands that the workload chooses itself."""

    @property
    def says_ports(self) -> bool:
        """Whether its annotations say which ports its sidecar intercepts."""
        return self.annotations is UNKNOWN or not {INCLUDED, EXCLUDED}.isdisjoint(
            mapping(self.annotations)
        )


def knative_workloads(objects: Objects) -> Iterator[Workload]:
    """List the workloads of the Knative resources, and the Knative Services.

    A Deployment is listed where it says something else than the resource that makes it.
    """
    asked: dict[tuple[str, str], list[Any]] = {}
    for kind in (SERVING, EVENTING, KAFKA):
        for resource in objects.objects(kind):
            for path, entry in workloads(resource):
                name, annotations = named(entry), at(entry, "annotations")
                said = asked.setdefault((resource.ref.namespace, name), [])
                said.append(_said(annotations))
                yield _component(resource, f"{path}.annotations", name, annotations)
    for service in objects.objects(KNATIVE_SERVICE):
        ports = (*REVISION_PORTS, _listens(service))
        annotations = service.get(*_TEMPLATE)
        path = ".".join(_TEMPLATE)
        outside, name = (DRAIN_PORT,), service.ref.name
        yield Workload(service, path, name, annotations, ports, outside, ".".join(_CONTAINERS))
    for namespace in KNATIVE_NAMESPACES:
        for item in objects.objects(DEPLOYMENT, namespace):
            annotations = item.get(*_TEMPLATE)
            name = item.ref.name
            if _said(annotations) not in asked.get((namespace, name), []):
                yield _component(item, ".".join(_TEMPLATE), name, annotations)


def _component(item: Object, path: str, name: str, annotations: Any) -> Workload:
    traffic = _TRAFFIC.get(name, ())
    return Workload(item, path, name, annotations, traffic, (METRICS_PORT,) if traffic else ())


def _said(annotations: Any) -> tuple[Any, ...]:
    return tuple(at(annotations, key) for key in (INCLUDED, EXCLUDED, ANNOTATION))


def _listens(service: Object) -> int:
    """Return the port of a Knative Service's container."""
    for container in items(service.get(*_CONTAINERS)):
        for port in items(at(container, "ports")):
            if (found := number(at(port, "containerPort"))) is not None:
                return found
    return APPLICATION_PORT


def revision_names(service: Object) -> Iterator[str]:
    """List the revisions that a Knative Service tells of, and how its first one is called."""
    yield f"{service.ref.name}-00001"
    places = [
        service.get("spec", "template", "metadata", "name"),
        service.get("status", "latestCreatedRevisionName"),
        *(at(part, "revisionName") for part in items(service.get("spec", "traffic"))),
        *(at(part, "revisionName") for part in items(service.get("status", "traffic"))),
    ]
    yield from {name: None for place in places if (name := text(place))}
