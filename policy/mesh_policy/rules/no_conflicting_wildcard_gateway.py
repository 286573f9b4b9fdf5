"""No other Gateway takes the hosts and ports of Knative's Gateways.

Istio binds Gateways by workload and port. Two of them conflict when their selectors select the same
gateway workload of the same mesh and they claim the same host on the same port; the namespace part
of a host (`./*`, `*/*`, `team/*`) only narrows who may use it. A narrower wildcard goes before a
wider one, so that `*.apps.example.com` takes Knative's hosts from Knative's `*`. Every step is
linear in the number of hosts: Gateways meet in tables by selector, port and host, never in pairs.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from heapq import nsmallest
from typing import Final, NamedTuple

from mesh_policy.documented.kinds import EVENTING, GATEWAY, INGRESS_CONFIG, MESH_KINDS, SERVICE
from mesh_policy.documented.names import (
    DEFAULT_INGRESS_LABELS,
    GATEWAY_SELECTOR,
    INGRESS_GATEWAY,
    INGRESS_PORT,
    LOCAL_GATEWAY,
    LOCAL_PORT,
    SERVING_NAMESPACE,
)
from mesh_policy.documented.sections import PREREQUISITES
from mesh_policy.findings import Finding, Ref, Severity, Undetermined
from mesh_policy.mesh.mesh import Mesh
from mesh_policy.mesh.serverless import is_knative_gateway
from mesh_policy.reading.domains import apps_domain
from mesh_policy.reading.label_selectors import Labels, Subsets, labels, written
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import UNKNOWN, at, items, mapping, number, text
from mesh_policy.rule import Rule
from mesh_policy.world import World, has_serverless

_NAMED: Final = 3
"""How many of the other claimants a finding names."""
_MOST_LABELS: Final = 127
"""Of a name in DNS; whatever is longer is no domain, and must not cost its square."""
_LOCAL_DOMAIN: Final = "svc.cluster.local"
_OTHER_MESH: Final = "whether both are in the same mesh is not known"
_NO_DOMAIN: Final = "whether it takes Knative's hosts is not known without the cluster's domain"
_ANY_ADDRESS: Final = ("", "0.0.0.0", "::")  # noqa: S104


class _Key(NamedTuple):
    """What only one Gateway can claim on a workload."""

    bind: str
    port: int
    host: str


class _Claim(NamedTuple):
    """Who claims a key and where it says so; `item` is None for what Serverless will claim.

    `doubt` says why it is not known whether it meets the others; empty where it does.
    """

    ref: Ref
    path: str
    item: Object | None
    doubt: str = ""

    def rank(self) -> tuple[bool, bool, Ref]:
        """Sort the certain first, then Knative's own, then by name."""
        return (
            bool(self.doubt),
            self.item is not None and not is_knative_gateway(self.item),
            self.ref,
        )


@dataclass
class _Group:
    """The Gateways that one control plane reads, by what they select and claim."""

    claims: dict[Labels, dict[_Key, list[_Claim]]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    findings: list[Finding] = field(default_factory=list)

    def add(self, item: Object, doubt: str = "") -> None:
        selector = item.get("spec", "selector")
        selected = labels(selector)
        if selected is None:
            self.findings.append(item.unknown("spec.selector"))
        elif len(selected) == len(mapping(selector)):
            for path, key in _keys(item):
                if key is None:
                    self.findings.append(item.unknown(path))
                else:
                    self.claim(selected, key, _Claim(item.ref, path, item, doubt))

    def claim(self, selector: Labels, key: _Key, claim: _Claim) -> None:
        claims = self.claims[selector].setdefault(key, [])
        if not claims or claims[-1].ref != claim.ref:
            claims.append(claim)


def check(world: World) -> Iterator[Finding]:
    """Check the Gateways of the Serverless mesh, or, without Serverless, those of each mesh."""
    mesh = world.serverless_mesh
    if has_serverless(world) and (mesh is not None or not world.meshes):
        yield from _check(_serverless(world, mesh), _workloads(mesh))
        if mesh is not None and mesh.ingress.labels is None and mesh.control_plane is not None:
            yield mesh.control_plane.unknown("spec.gateways.ingress.service.metadata.labels")
    else:
        for each in world.meshes or (None,):
            yield from _check(_read(world, each, serverless=False), _workloads(each))


def _serverless(world: World, mesh: Mesh | None) -> _Group:
    group = _read(world, mesh, serverless=True)
    domain = apps_domain(world)
    if isinstance(domain, str):
        external, doubt = _wildcards_over(domain), ""
    else:
        external, doubt = _narrower_wildcards(group), _NO_DOMAIN
    for name, port, hosts, why in (
        (INGRESS_GATEWAY, INGRESS_PORT, external, doubt),
        (LOCAL_GATEWAY, LOCAL_PORT, _wildcards_over(_LOCAL_DOMAIN), ""),
    ):
        selector = _selector_of_knative(world, mesh, name)
        ref = Ref(GATEWAY, SERVING_NAMESPACE, name)
        group.claim(selector, _Key("", port, "*"), _Claim(ref, "", None))
        for host in sorted(hosts):
            group.claim(selector, _Key("", port, host), _Claim(ref, "", None, why))
    return group


def _narrower_wildcards(group: _Group) -> set[str]:
    """Return the wildcards that are claimed where Knative's `*` is, but for that one."""
    keys = (key for by_key in group.claims.values() for key in by_key)
    return {key.host for key in keys if key.port == INGRESS_PORT and key.host.startswith("*.")}


def _wildcards_over(domain: str) -> set[str]:
    """Return the wildcards that match every name in a domain, but for `*`."""
    parts = domain.lower().split(".")[-_MOST_LABELS:]
    return {".".join(("*", *parts[index:])) for index in range(len(parts))}


def _read(world: World, mesh: Mesh | None, *, serverless: bool) -> _Group:
    """Gather what a control plane reads: Knative's Gateways in any case, where it is theirs."""
    group = _Group()
    others = [each for each in world.meshes if mesh and each.namespace != mesh.namespace]
    taken = {each.namespace for each in others}.union(*(each.explicit for each in others))
    for item in world.objects(GATEWAY):
        namespace = item.ref.namespace
        read = mesh is None or mesh.reads(namespace)
        mine = mesh is None or namespace == mesh.namespace or namespace in mesh.explicit
        own = serverless and is_knative_gateway(item)
        if own or (read is True and (mine or namespace not in taken)):
            group.add(item)
        elif read is None and namespace not in taken:
            group.add(item, _OTHER_MESH)
    return group


def _workloads(mesh: Mesh | None) -> list[Labels]:
    documented = frozenset({**DEFAULT_INGRESS_LABELS, **GATEWAY_SELECTOR}.items())
    if mesh is None or mesh.ingress.labels is None:
        return [documented]
    return [each.labels for each in mesh.workloads if each.labels is not None]


def _selector_of_knative(world: World, mesh: Mesh | None, name: str) -> Labels:
    gateway = world.get(GATEWAY, SERVING_NAMESPACE, name)
    own = labels(gateway.get("spec", "selector")) if gateway else None
    if own:
        return own
    plane = mesh.control_plane if mesh else None
    asked = (
        plane.get("spec", "gateways", "ingress", "service", "metadata", "labels") if plane else None
    )
    return labels(asked) or frozenset(GATEWAY_SELECTOR.items())


def _keys(item: Object) -> Iterator[tuple[str, _Key | None]]:
    """List what a Gateway claims, each with its path; None for what is not known yet."""
    servers = item.get("spec", "servers")
    if servers is UNKNOWN:
        yield "spec.servers", None
    for index, server in enumerate(items(servers)):
        path = f"spec.servers[{index}]"
        port, bind, hosts = at(server, "port", "number"), at(server, "bind"), at(server, "hosts")
        if server is UNKNOWN or port is UNKNOWN or bind is UNKNOWN or hosts is UNKNOWN:
            yield path, None
        elif (claimed := number(port)) is not None:
            address = "" if text(bind) in _ANY_ADDRESS else text(bind)
            for position, host in enumerate(items(hosts)):
                place = f"{path}.hosts[{position}]"
                if host is UNKNOWN:
                    yield place, None
                elif name := text(host).rpartition("/")[2].lower():
                    yield place, _Key(address, claimed, name)


def _check(group: _Group, known: Iterable[Labels]) -> Iterator[Finding]:
    yield from group.findings
    claims = group.claims

    @cache
    def few(selector: Labels, key: _Key) -> list[_Claim]:
        return nsmallest(_NAMED + 1, claims[selector][key], key=_Claim.rank)

    rivals: dict[tuple[Labels, _Key], list[_Claim]] = defaultdict(list)
    for selectors in _together(claims, known):
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
    found = {frozenset(subsets.of(workload)) for workload in (*known, *claims)}
    return {selectors for selectors in found if len(selectors) > 1}


def _finding(claim: _Claim, key: _Key, selector: Labels, met: list[_Claim]) -> Iterator[Finding]:
    others = [each for each in met if each.ref != claim.ref][:_NAMED]
    if claim.item is None or is_knative_gateway(claim.item) or not others:
        return
    claimed = f"host {key.host} on port {key.port}"
    if key.bind:
        claimed += f" of {key.bind}"
    also = ", ".join(str(each.ref) for each in others)
    if doubt := claim.doubt or others[0].doubt:
        why = f"claims {claimed}, beside {also}; {doubt}"
        yield Undetermined(claim.ref, claim.path, why)
    else:
        found = f"{claimed} on the workloads {written(selector)}, which {also} also claims"
        needed = "a host and port of its own, a selector of other workloads, or another mesh"
        related = tuple(each.ref for each in others)
        yield claim.item.breaks(claim.path, found, needed, related)


RULE = Rule(
    id="no-conflicting-wildcard-gateway",
    title="No other Gateway takes the hosts and ports of Knative's Gateways",
    severity=Severity.ERROR,
    why=(
        "Only one Gateway can claim a host on a port of a gateway workload, and the narrower "
        "wildcard goes first. Where another one claims `*`, or a wildcard over the cluster's "
        "domain, on 443 or 8081, Knative Services answer with the other's certificate or not at "
        "all."
    ),
    remedy=(
        "Give the other Gateway its own hosts or another selector, or move it, or Serverless, into "
        "a mesh of its own."
    ),
    section=PREREQUISITES,
    kinds=MESH_KINDS | {GATEWAY, EVENTING, SERVICE, INGRESS_CONFIG},
    check=check,
    harmful=True,
)
