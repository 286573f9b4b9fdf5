"""No other Gateway takes the hosts and ports of Knative's Gateways.

istiod merges all Gateways that select a gateway's pods, the oldest first. On a port of theirs the
first one decides whether it is for plain HTTP, TCP or TLS, and what does not go with it is left
out; so is a server with a host that an older one has. What istiod does not leave out Envoy may
refuse: with two filter chains for one host it does not take the listener at all. And a narrower
host goes before a wider one, so that `*.apps.example.com` takes Knative's hosts from Knative's `*`.

Every step is linear in the number of hosts: Gateways meet in tables by selector, port and host,
never in pairs.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from heapq import nsmallest
from itertools import chain
from typing import Final, NamedTuple

from mesh_policy.documented.kinds import (
    API_GATEWAY,
    DOMAIN_MAPPING,
    EVENTING,
    GATEWAY,
    INGRESS_CONFIG,
    KNATIVE_SERVICE,
    MESH_KINDS,
    SERVICE,
    SERVING,
    VIRTUAL_SERVICE,
)
from mesh_policy.documented.names import (
    GATEWAY_SELECTOR,
    INGRESS_GATEWAY,
    INGRESS_PORT,
    LOCAL_GATEWAY,
    LOCAL_PORT,
    SERVING_NAMESPACE,
)
from mesh_policy.documented.sections import PREREQUISITES
from mesh_policy.documented.variants import SERVICE_MESH_2
from mesh_policy.findings import Finding, Ref, Severity, Undetermined
from mesh_policy.gateways import (
    Asked,
    Gateways,
    Read,
    Selection,
    asked,
    gateways,
    is_older,
    workloads,
)
from mesh_policy.mesh.mesh import Mesh
from mesh_policy.mesh.serverless import is_knative_gateway
from mesh_policy.mesh.workload import Workload, pod_ports
from mesh_policy.reading.cluster_hosts import SERVICE_DOMAIN, ServiceName
from mesh_policy.reading.dns_names import wildcards_over
from mesh_policy.reading.exports import is_exported
from mesh_policy.reading.gateway_conflicts import Chains, Names, Outcome, Route, conflict
from mesh_policy.reading.istio_gateways import Host, Layer, Server, servers
from mesh_policy.reading.knative_domains import named, naming, services_domain
from mesh_policy.reading.label_selectors import Labels, Subsets, labels, written
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import at, items, strings, text
from mesh_policy.rule import Rule
from mesh_policy.world import World, has_serverless

_NAMED: Final = 3
"""How many of the other claimants a finding names."""
_MOST_LABELS: Final = 127
"""Of a name in DNS; whatever is longer is no domain, and must not cost its square."""
_NO_DOMAIN: Final = "whether it takes Knative's hosts is not known without the cluster's domain"
_NEEDED: Final = "a host and port of its own, a selector of other workloads, or another mesh"
_OF_KNATIVE: Final = "networking.internal.knative.dev/"


def check(world: World) -> Iterator[Finding]:
    """Check the Gateways of the Serverless mesh, or, without Serverless, those of each mesh."""
    mesh = world.serverless_mesh
    if has_serverless(world) and (mesh is not None or not world.meshes):
        read = gateways(world, mesh, serverless=True)
        yield from read.findings
        others = [each for each in read.read if not is_knative_gateway(each.item)]
        yield from _each_place_once(
            chain(_with_knative(world, mesh, read), _among_others(others, workloads(mesh)))
        )
        if mesh is not None and mesh.ingress.labels is None and mesh.control_plane is not None:
            yield mesh.unclear(mesh.control_plane, mesh.variant.ingress_labels)
    else:
        for one in world.meshes or (None,):
            read = gateways(world, one, serverless=False)
            yield from read.findings
            yield from _among_others(read.read, workloads(one))


def _each_place_once(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Keep one finding for each place: a violation, where there is one."""
    found: dict[tuple[Ref, str], Finding] = {}
    for each in findings:
        known = found.setdefault((each.ref, each.field), each)
        if isinstance(known, Undetermined) and not isinstance(each, Undetermined):
            found[each.ref, each.field] = each
    return iter(found.values())


class _Ours(NamedTuple):
    """A server of one of Knative's Gateways as it is, or (without `item`) as it will be."""

    ref: Ref
    item: Object | None
    server: Server
    names: Names


def _with_knative(world: World, mesh: Mesh | None, read: Gateways) -> Iterator[Finding]:
    """Check the Gateways that meet Knative's on the pods of a gateway."""
    if mesh is not None and mesh.scoped and mesh.ingress.namespace != SERVING_NAMESPACE:
        # The gateway takes none of Knative's Gateways, which is the rule gateway-selector's.
        return
    selection = Selection(read.read)
    known = workloads(mesh)
    external, domain_known = _external_names(world)
    for name, wanted in (
        (INGRESS_GATEWAY, Names(external, domain_known)),
        (LOCAL_GATEWAY, Names(_local_names(world, mesh), complete=True, by_cluster=True)),
    ):
        gateway = world.get(GATEWAY, SERVING_NAMESPACE, name)
        selector = _selector_of_knative(world, mesh, name)
        carrying = [each for each in known if each.selected_by(selector) is not False]
        ours = [
            _Ours(Ref(GATEWAY, SERVING_NAMESPACE, name), gateway, server, wanted)
            for server in _servers_of_knative(gateway, mesh, name)
        ]
        home = mesh.ingress.namespace if mesh else ""
        for workload in carrying or [Workload(home, selector)]:
            routes = _routes(world, workload.namespace)
            yield from _on_workload(world, workload, selection, ours, routes)


def _on_workload(
    world: World,
    workload: Workload,
    selection: Selection,
    ours: list[_Ours],
    routes: dict[tuple[str, str], list[Route]],
) -> Iterator[Finding]:
    ports = pod_ports(world, workload)
    by_port = {ports.get(each.server.port, each.server.port): each for each in ours}
    chains: dict[tuple[Ref, int], Chains] = defaultdict(Chains)
    for found in asked(world, workload, selection):
        if not isinstance(found, Asked):
            item, path = found
            if not is_knative_gateway(item):
                yield item.unknown(path)
            continue
        own = by_port.get(found.port)
        if own is None or _is_knatives(found.item) or found.server.address != own.server.address:
            continue
        ref = found.item.ref
        its = routes.get((ref.namespace, ref.name), [])
        yield from _meeting(world, own, found, its, chains[ref, found.port])


def _meeting(
    world: World, own: _Ours, found: Asked, routes: list[Route], chains: Chains
) -> Iterator[Finding]:
    item, server = found.item, found.server
    older = is_older(world, item, own.item)
    met = conflict(own.server, server, own.names, routes, chains, older=older)
    if met is None:
        return
    on = f"{met.claimed} on port {server.port}" + (f" of {server.bind}" if server.bind else "")
    if found.doubt or not met.certain:
        why = found.doubt or _NO_DOMAIN
        yield Undetermined(item.ref, met.path, f"claims {on}, beside {own.ref}; {why}")
        return
    selected = written(labels(item.get("spec", "selector")) or ())
    who, lost = _decided(met.outcome, own.ref, older)
    yield item.breaks(
        met.path,
        f"{on} on the workloads {selected}, {who}",
        _NEEDED,
        (own.ref,),
        consequences=lost,
    )


def _decided(outcome: Outcome, knatives: Ref, older: bool | None) -> tuple[str, tuple[str, ...]]:
    """Say who has it, and what that means for Knative's Gateway."""
    lost = (f"nothing that {knatives.name} claims on that port is served by it",)
    if outcome == Outcome.TWICE:
        return f"in two filter chains: Envoy refuses the listener, which {knatives} shares", lost
    claimed = f"which {knatives} also claims"
    if outcome == Outcome.NARROWER:
        return f"{claimed}: the narrower host goes first, which is this one's", ()
    if outcome == Outcome.NEITHER:
        return f"{claimed}: Envoy refuses the listener with both", lost
    if older is None:
        return f"{claimed}: istiod leaves out the server of the younger one", ()
    if older:
        why = f"this one is older, so that istiod leaves out the server of {knatives}"
        return f"{claimed}: {why}", lost
    return f"{claimed}: {knatives} is older, so that istiod leaves out this server", ()


def _servers_of_knative(gateway: Object | None, mesh: Mesh | None, name: str) -> list[Server]:
    found = [each for each in servers(gateway) if isinstance(each, Server)] if gateway else []
    if found:
        return found
    every = [Host("", "*")]
    if name == INGRESS_GATEWAY:
        return [Server("", INGRESS_PORT, "", Layer.TLS, "SIMPLE", True, every)]
    variant = mesh.variant if mesh else SERVICE_MESH_2
    if variant.local_mutual:
        return [Server("", LOCAL_PORT, "", Layer.TLS, "ISTIO_MUTUAL", True, every)]
    return [Server("", LOCAL_PORT, "", Layer.HTTP, "", False, every)]


def _is_knatives(item: Object) -> bool:
    """Say whether a Gateway is Knative's, or one that net-istio made for an Ingress of its."""
    owners = items(item.get("metadata", "ownerReferences"))
    made = any(text(at(owner, "apiVersion")).startswith(_OF_KNATIVE) for owner in owners)
    return made or is_knative_gateway(item)


def _external_names(world: World) -> tuple[set[str], bool]:
    """Return the hosts that Knative serves outside with the wildcards over them; are they all?"""
    domain = services_domain(world)
    found: set[str] = set()
    for item in world.objects(DOMAIN_MAPPING):
        # With a secret of its own it has a Gateway of its own, with just its name.
        if not item.get("spec", "tls"):
            name = item.ref.name.lower()
            found |= {name, *_covering(name.partition(".")[2])}
    if not isinstance(domain, str):
        return found, False
    rules = next((naming(world, serving) for serving in world.objects(SERVING)), None)
    for item in world.objects(KNATIVE_SERVICE):
        about = named(item)
        host = rules.host(about) if rules and about else None
        name = (host or f"{item.ref.name}-{item.ref.namespace}.{domain}").lower()
        found |= {name, *_covering(name.partition(".")[2])}
    return found | _covering(domain), True


def _local_names(world: World, mesh: Mesh | None) -> set[str]:
    """Return the wildcards over the name by which proxies call the local gateway."""
    namespaces = {item.ref.namespace for item in world.objects(SERVICE) if _is_local(item)}
    if mesh is not None:
        namespaces.add(mesh.ingress.namespace)
    found = _covering(SERVICE_DOMAIN)
    for namespace in namespaces:
        host = ServiceName(LOCAL_GATEWAY, namespace).host
        # A proxy's connection is for the cluster of the Service's port.
        found |= {*_covering(host), f"outbound_.80_._.{host}"}
    return found


def _is_local(service: Object) -> bool:
    return service.ref.name == LOCAL_GATEWAY


def _covering(domain: str) -> set[str]:
    """Return the wildcards that match every name in a domain, but for `*`."""
    kept = ".".join(domain.lower().split(".")[-_MOST_LABELS:])
    return {f"*.{kept}", *wildcards_over(kept)} if domain else set()


def _routes(world: World, namespace: str) -> dict[tuple[str, str], list[Route]]:
    """Return what VirtualServices route of TCP and of names passed through, by Gateway.

    Those that are not exported to the namespace of the gateway's pods are not among them.
    """
    found: dict[tuple[str, str], list[Route]] = defaultdict(list)
    for item in world.objects(VIRTUAL_SERVICE):
        if not is_exported(strings(item.get("spec", "exportTo")), item.ref.namespace, namespace):
            continue
        passed = [
            name
            for route in items(item.get("spec", "tls"))
            for match in items(at(route, "match"))
            for name in strings(at(match, "sniHosts"))
        ]
        tcp = bool(items(item.get("spec", "tcp")))
        if passed or tcp:
            hosts = tuple(strings(item.get("spec", "hosts")))
            route = Route(item.ref.namespace, hosts, tuple(passed), tcp)
            for name in strings(item.get("spec", "gateways")):
                found[_gateway_of(name, item)].append(route)
    return found


def _gateway_of(name: str, item: Object) -> tuple[str, str]:
    namespace, slash, gateway = name.partition("/")
    return (namespace, gateway) if slash else (item.ref.namespace, name)


def _selector_of_knative(world: World, mesh: Mesh | None, name: str) -> Labels:
    gateway = world.get(GATEWAY, SERVING_NAMESPACE, name)
    own = labels(gateway.get("spec", "selector")) if gateway else None
    if own:
        return own
    plane = mesh.control_plane if mesh else None
    path = mesh.variant.ingress_labels if mesh else ()
    given = plane.get(*path) if plane and path else None
    return labels(given) or frozenset(GATEWAY_SELECTOR.items())


class _Key(NamedTuple):
    """What only one Gateway can claim on a workload for TLS."""

    address: str
    port: int
    host: str


class _Claim(NamedTuple):
    """Who claims a key and where it says so; `doubt` says why that is not known, if so."""

    item: Object
    path: str
    doubt: str

    @property
    def ref(self) -> Ref:
        return self.item.ref

    def rank(self) -> tuple[bool, bool, Ref]:
        """Sort the certain first, then Knative's own, then by name."""
        return (bool(self.doubt), not is_knative_gateway(self.item), self.ref)


@dataclass
class _Claims:
    """The claims of Gateways, by what they select."""

    by_selector: dict[Labels, dict[_Key, list[_Claim]]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    findings: list[Finding] = field(default_factory=list)

    def add(self, item: Object, selector: Labels, doubt: str) -> None:
        for server in servers(item):
            if isinstance(server, str):
                self.findings.append(item.unknown(server))
            elif server.layer == Layer.TLS:
                for host in server.hosts:
                    key = _Key(server.address, server.port, host.sni)
                    claims = self.by_selector[selector].setdefault(key, [])
                    if not claims or claims[-1].ref != item.ref:
                        claims.append(_Claim(item, host.path, doubt))


def _among_others(read: Iterable[Read], known: Iterable[Workload]) -> Iterator[Finding]:
    """Check Gateways among themselves: the same host and port of TLS on the same workload."""
    found = _Claims()
    for item, selector, doubt in read:
        found.add(item, selector, doubt)
    yield from found.findings
    claims = found.by_selector

    @cache
    def few(selector: Labels, key: _Key) -> list[_Claim]:
        return nsmallest(_NAMED + 1, claims[selector][key], key=_Claim.rank)

    rivals: dict[tuple[Labels, _Key], list[_Claim]] = defaultdict(list)
    for selectors in _together(claims, (each.carried for each in known)):
        largest, *smaller = sorted(selectors, key=lambda each: -len(claims[each]))
        holders: dict[_Key, list[Labels]] = defaultdict(list)
        for selector in smaller:
            for key in claims[selector]:
                holders[key].append(selector)
        for key, holding in holders.items():
            if key in claims[largest]:
                holding.append(largest)
            if len(holding) > 1:
                met = [claim for selector in holding for claim in few(selector, key)]
                met = nsmallest(_NAMED + 1, met, key=_Claim.rank)
                for selector in holding:
                    rivals[selector, key].extend(met)
    for selector, by_key in claims.items():
        for key, claimants in by_key.items():
            all_met = {each.ref: each for each in (*rivals[selector, key], *few(selector, key))}
            met = nsmallest(_NAMED + 1, all_met.values(), key=_Claim.rank)
            if len(met) > 1:
                for claim in claimants:
                    yield from _finding(claim, key, selector, met)


def _together(claims: Iterable[Labels], known: Iterable[Labels]) -> set[frozenset[Labels]]:
    """Return the sets of selectors, two or more, that select the same workload.

    Besides the known workloads, each selector stands for one that carries just its labels: a wider
    selector selects whatever a narrower one does.
    """
    subsets = Subsets(claims)
    found = {frozenset(subsets.of(workload)) for workload in chain(known, claims)}
    return {selectors for selectors in found if len(selectors) > 1}


def _finding(claim: _Claim, key: _Key, selector: Labels, met: list[_Claim]) -> Iterator[Finding]:
    others = [each for each in met if each.ref != claim.ref][:_NAMED]
    if is_knative_gateway(claim.item) or not others:
        return
    claimed = f"host {key.host} on port {key.port}" + (f" of {key.address}" if key.address else "")
    also = ", ".join(str(each.ref) for each in others)
    if doubt := claim.doubt or others[0].doubt:
        why = f"claims {claimed}, beside {also}; {doubt}"
        yield Undetermined(claim.ref, claim.path, why)
    else:
        found = f"{claimed} on the workloads {written(selector)}, which {also} also claims"
        related = tuple(each.ref for each in others)
        yield claim.item.breaks(claim.path, found, _NEEDED, related)


RULE = Rule(
    id="no-conflicting-wildcard-gateway",
    title="No other Gateway takes the hosts and ports of Knative's Gateways",
    severity=Severity.ERROR,
    why=(
        "Only one Gateway can claim a host on a port of a gateway workload, the narrower wildcard "
        "goes first, and a port is for plain HTTP, TCP or TLS, as the oldest Gateway has it. Where "
        "another one claims `*`, a wildcard over the cluster's domain, or another protocol on 443 "
        "or 8081, Knative Services answer with the other's certificate or not at all."
    ),
    remedy=(
        "Give the other Gateway its own hosts or another selector, or move it, or Serverless, into "
        "a mesh of its own."
    ),
    section=PREREQUISITES,
    kinds=MESH_KINDS
    | {GATEWAY, API_GATEWAY, EVENTING, SERVICE, INGRESS_CONFIG}
    | {VIRTUAL_SERVICE, KNATIVE_SERVICE, DOMAIN_MAPPING},
    check=check,
    harmful=True,
)
