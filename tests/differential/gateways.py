"""The rule on conflicting Gateways and istiod, asked about one cluster: where do they differ?

Each Gateway of others is put beside Knative's alone, for which the rule's finding must be right:
there is one if Knative's hosts are not served, or the other Gateway's servers are not. Then
istiod is asked about all of them at once: if Knative's hosts are not served, there is a finding.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from mesh_policy.findings import Undetermined, Violation
from mesh_policy.reading.istio_gateways import ANY_ADDRESS
from mesh_policy.reading.objects import Given
from mesh_policy.rule import evaluate
from mesh_policy.rules.no_conflicting_wildcard_gateway import RULE
from mesh_policy.world import World
from tests.differential.gateway_worlds import (
    HELLO,
    HELLO_LOCAL,
    KNATIVES,
    SERVING,
    Body,
    Cluster,
    Layout,
)
from toolchain.mesh.traffic import IstioTraffic

_HELLO: Final = "outbound|80||hello.default.svc.cluster.local"
_IP: Final = "10.0.0.1"


@dataclass(frozen=True)
class Verdict:
    """What istiod makes of a cluster: what Knative's calls get, and the other's servers."""

    served: bool
    """Whether Knative's host is served outside and inside, with Knative's certificate and route."""
    kept: frozenset[tuple[str, int, str, tuple[str, ...]]]
    """The servers of others that are merged: Gateway, port, protocol and hosts."""
    refused: bool
    """Whether Envoy refuses one of the listeners with Knative's Gateways."""


@dataclass(frozen=True)
class Difference:
    """The rule and istiod do not agree on a Gateway."""

    gateway: str
    said: str
    is_so: str


@dataclass(frozen=True)
class Comparison:
    """How often they agree, and where they do not."""

    compared: int = 0
    conflicts: int = 0
    undetermined: int = 0
    explained: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()

    @property
    def counts(self) -> str:
        """The counts in words."""
        reasons = "".join(f"; {n} where {why}" for why, n in Counter(self.explained).items())
        return (
            f"{self.compared} Gateways compared, {self.conflicts} of them in conflict, "
            f"{self.undetermined} undetermined, {len(self.differences)} differences{reasons}"
        )


def compare(istio: IstioTraffic, cluster: Cluster) -> Comparison:
    """Ask both about a cluster."""
    found = Comparison()
    without = _verdict(istio, replace(cluster, others=[]))
    if without is None or not without.served:
        # Knative's Gateways are not read, whatever others there are.
        said = [each for findings in _findings(cluster).values() for each in findings]
        differs = (Difference("", str(said[0]), "Knative's are not read"),) if said else ()
        return Comparison(1, differences=differs)
    for other in cluster.others:
        found = added(found, _compare(istio, replace(cluster, others=[other]), other))
    said = [each for findings in _findings(cluster).values() for each in findings]
    said += _among_others(cluster)
    verdict = _verdict(istio, cluster) if len(cluster.others) > 1 else None
    if verdict is not None and not verdict.served and not said:
        bound = verdict.refused and _are_bound(cluster.others)
        lost = Comparison(1, explained=(_BETWEEN,)) if bound else None
        found = added(found, lost or Comparison(1, differences=(_lost(cluster),)))
    return found


def added(one: Comparison, other: Comparison) -> Comparison:
    """Add the counts of two."""
    return Comparison(
        one.compared + other.compared,
        one.conflicts + other.conflicts,
        one.undetermined + other.undetermined,
        one.explained + other.explained,
        one.differences + other.differences,
    )


def _lost(cluster: Cluster) -> Difference:
    names = ", ".join(_name(each) for each in cluster.others)
    return Difference(names, "no finding", "Knative's hosts are not served with all of them")


def _compare(istio: IstioTraffic, pair: Cluster, other: Body) -> Comparison:
    both = _verdict(istio, pair)
    if both is None:
        # The API server would not have taken it.
        return Comparison()
    findings = _findings(pair)[_name(other)]
    if any(isinstance(each, Undetermined) for each in findings):
        return Comparison(undetermined=1)
    violations = [each for each in findings if isinstance(each, Violation)]
    left_out: frozenset[Any] = frozenset()
    own = False
    if len(both.kept) < len(other["spec"]["servers"]):
        alone = _verdict(istio, replace(pair, knatives=[]))
        left_out = alone.kept - both.kept if alone else left_out
        own = alone is not None and len(alone.kept) < len(other["spec"]["servers"])
    conflicts = not both.served or bool(left_out) or both.refused
    if bool(violations) != conflicts:
        if reason := explained(violations, both, own=own, bound=_are_bound([other])):
            return Comparison(1, explained=(reason,))
        is_so = f"served: {both.served}, left out: {sorted(left_out)}, refused: {both.refused}"
        said = "; ".join(each.found for each in violations) or "no finding"
        return Comparison(1, differences=(Difference(_name(other), said, is_so),))
    wrong = tuple(
        Difference(_name(other), each.found, f"served: {both.served}, left out: {left_out}")
        for each in violations
        # With several servers, what one of them does is not told from what another does.
        if len(other["spec"]["servers"]) == 1 and not _winner_is_right(each, both, left_out)
    )
    return Comparison(1, int(conflicts), differences=wrong)


def _winner_is_right(said: Violation, both: Verdict, left_out: frozenset[Any]) -> bool:
    if "Envoy refuses" in said.found:
        return both.refused and not both.served
    if "this one is older" in said.found or "narrower host" in said.found:
        return not both.served
    return "is older, so that istiod leaves out this server" in said.found and bool(left_out)


_TCP: Final = "TCP makes no filter chain before a VirtualService routes it, and is a conflict then"
_BETWEEN: Final = (
    "istiod merges plain HTTP of two spellings no more, for a server of another address between"
)
"""It goes by the server that it has put on the port last (`plainTextServers`)."""
_OWN: Final = "another server of its own leaves out the one that would be in the way"


def _are_bound(others: list[Body]) -> bool:
    servers = (server for each in others for server in each["spec"]["servers"])
    return any(server.get("bind", "") not in ANY_ADDRESS for server in servers)


def explained(violations: list[Violation], both: Verdict, *, own: bool, bound: bool) -> str | None:
    """Return why the rule says something else on purpose, None where it does not.

    `own` says whether a server of the other Gateway is left out by one of its own, `bound` whether
    one is bound to another address.
    """
    if not violations and both.refused and bound:
        return _BETWEEN
    if violations and both.served and all(each.found.startswith("TCP on") for each in violations):
        return _TCP
    return _OWN if violations and both.served and own else None


def _among_others(cluster: Cluster) -> list[Any]:
    """List what the rule says of others that meet each other, on whatever port."""
    world = World.of(observed=map(Given, cluster.objects), complete=True)
    return [result.finding for result in evaluate([RULE], world)]


def _findings(cluster: Cluster) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {_name(each): [] for each in cluster.others}
    world = World.of(observed=map(Given, cluster.objects), complete=True)
    for result in evaluate([RULE], world):
        finding = result.finding
        name = f"{finding.ref.namespace}/{finding.ref.name}"
        knatives = isinstance(finding, Undetermined) or any(
            each.namespace == SERVING and each.name in KNATIVES for each in finding.related
        )
        if name in found and knatives:
            found[name].append(finding)
    return found


def _name(body: Body) -> str:
    return f"{body['metadata']['namespace']}/{body['metadata']['name']}"


def _verdict(istio: IstioTraffic, cluster: Cluster) -> Verdict | None:
    answer = istio.answer(_asked(cluster))
    assert "error" not in answer, answer
    if answer.get("refused"):
        return None
    (proxy,) = answer["proxies"]
    outside, inside = proxy["calls"]
    secret = (outside.get("chain") or {}).get("secrets")
    served = (
        outside.get("cluster") == _HELLO
        and secret == ["kubernetes://wildcard-certs"]
        and inside.get("cluster") == _HELLO
    )
    kept = frozenset(
        (each["gateway"], each["declared"], each["protocol"], tuple(each["hosts"]))
        for each in proxy.get("servers", ())
        if each["gateway"] not in {f"{SERVING}/{name}" for name in KNATIVES}
    )
    refused = any("refuses" in each.get("error", "") for each in (outside, inside))
    return Verdict(served, kept, refused)


def _asked(cluster: Cluster) -> Body:
    layout = cluster.layout
    proxy = {
        "type": "router",
        "namespace": layout.namespace,
        "name": "gateway-1",
        "labels": {**layout.labels, **layout.derived},
        "serviceAccount": "default",
        "ip": _IP,
        "calls": list(_calls(layout)),
    }
    namespaces = [each for each in cluster.mesh if each["kind"] == "Namespace"]
    istios = [
        each["spec"]["values"]["meshConfig"] for each in cluster.mesh if each["kind"] == "Istio"
    ]
    members = {"discoverySelectors": [{"matchLabels": {"mesh": "ours"}}]}
    return {
        "objects": [
            *namespaces,
            *cluster.services,
            *_hello(),
            *cluster.knatives,
            *cluster.others,
            *cluster.routes,
        ],
        # A control plane of Service Mesh 2 reads its members, for which upstream has no word.
        "mesh": istios[0] if istios else members,
        "revision": cluster.revision,
        "scopeGatewayToNamespace": cluster.scoped,
        "proxies": [proxy],
    }


def _calls(layout: Layout) -> Iterator[Body]:
    """Call a Knative Service from outside, and inside as a proxy does."""
    common = {"address": _IP, "protocol": "http", "mode": "gateway"}
    yield {**common, "port": 8443, "tls": "tls", "sni": HELLO, "host": HELLO}
    inside = {**common, "port": layout.local_port, "host": HELLO_LOCAL}
    if layout.mutual:
        host = f"{KNATIVES[1]}.{layout.namespace}.svc.cluster.local"
        yield {**inside, "tls": "mtls", "sni": f"outbound_.80_._.{host}"}
    else:
        yield {**inside, "tls": "plaintext"}


def _hello() -> list[Body]:
    """Make a Knative Service's Kubernetes Service, and the VirtualService that net-istio makes."""
    route = [{"destination": {"host": "hello.default.svc.cluster.local", "port": {"number": 80}}}]
    bound = dict(zip((HELLO, HELLO_LOCAL), (f"{SERVING}/{name}" for name in KNATIVES), strict=True))
    http = [
        {
            "match": [{"authority": {"prefix": host}, "gateways": [gateway]}],
            "route": route,
        }
        for host, gateway in bound.items()
    ]
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "clusterIP": f"10.2.0.{len(name)}",
                "selector": {"app": name},
                "ports": [{"name": "http", "port": 80}],
            },
        }
        for name, namespace in (("hello", "default"), ("theirs", "team-a"))
    ] + [
        {
            "apiVersion": "networking.istio.io/v1",
            "kind": "VirtualService",
            "metadata": {"name": "hello-ingress", "namespace": "default"},
            "spec": {"hosts": list(bound), "gateways": list(bound.values()), "http": http},
        }
    ]
