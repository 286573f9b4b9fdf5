"""The Gateways that a control plane reads, as they meet on the pods of a gateway."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from mesh_policy.documented.kinds import API_GATEWAY, GATEWAY
from mesh_policy.documented.names import INGRESS_LABELS, REVISION
from mesh_policy.documented.variants import SERVICE_MESH_2
from mesh_policy.findings import Finding
from mesh_policy.mesh.mesh import Mesh
from mesh_policy.mesh.serverless import is_knative_gateway
from mesh_policy.mesh.workload import Workload, pod_ports, services
from mesh_policy.reading.istio_gateways import (
    Server,
    attached,
    created,
    listeners,
    servers,
    service_host,
)
from mesh_policy.reading.label_selectors import Labels, Subsets, labels
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import UNKNOWN, mapping, text
from mesh_policy.world import World

_OTHER_MESH: Final = "whether both are in the same mesh is not known"
_OTHER_REVISION: Final = "whether the control plane goes by its istio.io/rev is not known"
_NOT_READ: Final = "not read"
_ISTIO_CLASS: Final = "istio"
_OTHER_CLASS: Final = "whether its class is this control plane's is not known"
_DOCUMENTED: Final = frozenset(INGRESS_LABELS.items())


class Read(NamedTuple):
    """A Gateway that a control plane reads; `doubt` says why that is not known, if so."""

    item: Object
    selector: Labels
    doubt: str = ""


class Asked(NamedTuple):
    """A server that a Gateway asks for on the pods of a workload, at `port` of theirs."""

    item: Object
    server: Server
    port: int
    doubt: str = ""


@dataclass(frozen=True)
class Gateways:
    """The Gateways that one control plane reads, and what could not be told about some."""

    read: tuple[Read, ...]
    findings: tuple[Finding, ...]


def gateways(world: World, mesh: Mesh | None, *, serverless: bool) -> Gateways:
    """Gather what a control plane reads: Knative's Gateways in any case, where it is theirs."""
    found: list[Read] = []
    findings: list[Finding] = []
    taken = _taken(world, mesh)
    homes = {each.namespace for each in workloads(mesh)} if mesh and mesh.scoped else None
    for item in world.objects(GATEWAY):
        namespace = item.ref.namespace
        if homes is not None and namespace not in homes:
            continue
        read = mesh is None or mesh.reads(namespace)
        mine = mesh is None or namespace in mesh.namespaces
        if serverless and is_knative_gateway(item):
            doubt = ""
        elif read is True and (mine or namespace not in taken):
            doubt = _revision(world, item, mesh)
        elif read is None and namespace not in taken:
            doubt = _OTHER_MESH
        else:
            continue
        if doubt == _NOT_READ:
            continue
        selector = item.get("spec", "selector")
        selected = labels(selector)
        if selected is None:
            findings.append(item.unknown("spec.selector"))
        elif len(selected) == len(mapping(selector)):
            found.append(Read(item, selected, doubt))
    return Gateways(tuple(found), tuple(findings))


def _taken(world: World, mesh: Mesh | None) -> frozenset[str]:
    """Return the namespaces that are another mesh's, and so not this one's.

    A control plane of Service Mesh 3 reads Gateways there, too, but for its discovery selectors.
    """
    if mesh is None or mesh.discovery is not None:
        return frozenset()
    others = [each for each in world.meshes if each.namespace != mesh.namespace]
    return frozenset[str]().union(*(each.namespaces for each in others))


def _revision(world: World, item: Object, mesh: Mesh | None) -> str:
    heard = mesh is None or goes_by(world, mesh, item)
    return {True: "", False: _NOT_READ, None: _OTHER_REVISION}[heard]


def goes_by(world: World, mesh: Mesh, item: Object) -> bool | None:
    """Say whether the control plane reads an object by its revision (`LabelsInRevisionOrTags`)."""
    asked = item.labels.get(REVISION, "")
    if asked == "" or mesh.control_plane is None:
        return asked == "" or None
    if asked is UNKNOWN:
        return None
    if mesh.variant == SERVICE_MESH_2:
        return bool(asked == mesh.name)
    plane = world.injectors.revisions.plane(text(asked))
    return None if plane is UNKNOWN else plane is not None and plane.ref == mesh.ref


def workloads(mesh: Mesh | None) -> list[Workload]:
    """List the gateways of a mesh, the documented one where none is known."""
    if mesh is None or mesh.ingress.labels is None:
        return [Workload("" if mesh is None else mesh.ingress.namespace, _DOCUMENTED)]
    found = [each for each in mesh.workloads if each.labels is not None]
    return found if mesh.ingress in found or mesh.without_ingress else [mesh.ingress, *found]


class Selection:
    """Finds which of many Gateways select a workload, without trying each on each."""

    def __init__(self, read: Iterable[Read]) -> None:
        """Index them by what they select."""
        self._by_selector: dict[Labels, list[Read]] = {}
        for each in read:
            self._by_selector.setdefault(each.selector, []).append(each)
        self._certain = Subsets(self._by_selector)

    def of(self, workload: Workload) -> Iterator[Read]:
        """List the Gateways that select a workload; in doubt where it may carry what they ask."""
        certain = set(self._certain.of(workload.carried))
        for selector, found in self._by_selector.items():
            if selector in certain:
                yield from found
            elif workload.selected_by(selector) is None:
                asked = ", ".join(sorted(key for key, _ in selector - workload.carried))
                why = f"whether the gateway's pods carry {asked} is not known"
                yield from (each._replace(doubt=each.doubt or why) for each in found)


def asked(
    world: World, workload: Workload, selection: Selection
) -> Iterator[Asked | tuple[Object, str]]:
    """List the servers that Gateways ask for on a workload, and the paths that are not known."""
    ports = pod_ports(world, workload)
    for item, _, doubt in selection.of(workload):
        for server in servers(item):
            if isinstance(server, str):
                yield item, server
            else:
                yield Asked(item, server, ports.get(server.port, server.port), doubt)
    yield from _by_gateway_api(world, workload)


def _by_gateway_api(world: World, workload: Workload) -> Iterator[Asked | tuple[Object, str]]:
    """List what Gateways of the Gateway API ask for that name a Service of the workload."""
    by_host = {service_host(each): each for each in services(world, workload)}
    for item in world.objects(API_GATEWAY, workload.namespace) if by_host else ():
        name = text(item.get("spec", "gatewayClassName"))
        doubt = "" if name == _ISTIO_CLASS else _OTHER_CLASS
        for host in attached(item):
            for server in listeners(item, by_host[host]) if host in by_host else ():
                if isinstance(server, str):
                    yield item, server
                else:
                    yield Asked(item, server, server.listens or server.port, doubt)


def is_older(world: World, item: Object, other: Object | None) -> bool | None:
    """Say whether istiod takes a Gateway before another (`sortConfigByCreationTime`).

    An object that is not there yet comes last: `other` is None for one of Serverless's. None: their
    ages are not known.
    """
    own, others = _age(world, item), _age(world, other) if other else None
    if own is None and others is None:
        return None
    if own is None or others is None:
        # The one that is not there yet; without a cluster, either may be.
        return None if not world.complete else own is not None
    if own != others or other is None:
        return own < others
    return (item.ref.name, item.ref.namespace) < (other.ref.name, other.ref.namespace)


def _age(world: World, item: Object) -> datetime | None:
    running = world.running.get(item.ref)
    return created(item) or (created(running) if running else None)
