"""The rules on mutual TLS and istiod, asked about one mesh: where do they differ?

Pods with each set of labels are called in plaintext on some ports: where istiod has them take that,
`strict-mtls` has to name what opens them, and what it names has to open the pods that it is about.
Clients in each namespace tell how they would call Knative's Services: where they would not use
mTLS, `destination-rule-keeps-mtls` has to name the DestinationRule, and the other way round; where
nothing makes them use it for a mutual local gateway, `local-gateway-mutual-tls` has to say so.

Two differences are meant. The autoscaler may be PERMISSIVE, as Red Hat's own scripts have it. And
clients call in plaintext by themselves what a PeerAuthentication has take nothing else: that is for
`strict-mtls` to say.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final, NamedTuple

from mesh_policy.findings import Violation
from mesh_policy.reading.objects import Given
from mesh_policy.rule import Rule, evaluate
from mesh_policy.rules import destination_rule_keeps_mtls, local_gateway_mutual_tls, strict_mtls
from mesh_policy.world import World
from tests.differential.mtls_worlds import (
    CLIENTS,
    ELSEWHERE,
    INGRESS,
    LABELS,
    LOCAL,
    PORTS,
    PROBED,
    ROOT,
    SERVING,
    TARGETS,
    Body,
    Mesh,
    control_plane,
    services,
)
from toolchain.mesh.traffic import IstioTraffic

_INJECTED: Final = {"security.istio.io/tlsMode": "istio"}
_TOLERATED: Final = (SERVING, "autoscaler")


class Pod(NamedTuple):
    """A pod that is called: where it is, and its labels."""

    namespace: str
    labels: tuple[tuple[str, str], ...]

    @property
    def is_tolerated(self) -> bool:
        return (self.namespace, dict(self.labels).get("app")) == _TOLERATED


PODS: Final = tuple(
    Pod(namespace, tuple(labels.items())) for namespace in PROBED for labels in LABELS
)


class Weak(NamedTuple):
    """A client would call a host without mTLS of the mesh."""

    client: str
    host: str


class Verdict(NamedTuple):
    """What istiod makes of a mesh."""

    open: frozenset[Pod]
    """The pods that take plaintext on some port."""
    weak: frozenset[Weak]
    local: str
    """How a client in a namespace without configuration would call the local gateway."""


def compare(istio: IstioTraffic, mesh: Mesh) -> Iterator[str]:
    """Say where the rules and istiod differ."""
    verdict = asked(istio, mesh)
    by_themselves = asked(istio, replace(mesh, rules=[])).weak if verdict.weak else frozenset()
    yield from _plaintext(mesh, verdict)
    yield from _clients(mesh, verdict, by_themselves)


def asked(istio: IstioTraffic, mesh: Mesh) -> Verdict:
    """Ask istiod."""
    proxies = [_pod(pod, f"10.0.0.{index + 1}") for index, pod in enumerate(PODS)]
    proxies += [_client(namespace, f"10.0.1.{i + 1}") for i, namespace in enumerate(CLIENTS)]
    found = istio.answer({"objects": [*services(), *mesh.configuration()], "proxies": proxies})
    problem = found.get("error") or found.get("refused")
    assert not problem, problem
    states = found["proxies"]
    opened = {
        pod
        for pod, state in zip(PODS, states, strict=False)
        if any("error" not in call for call in state["calls"])
    }
    weak, local = set(), ""
    for client, state in zip(CLIENTS, states[len(PODS) :], strict=True):
        modes = {each["name"]: each.get("tls", "") for each in state["clusters"]}
        for (name, namespace), ports in TARGETS.items():
            host = f"{name}.{namespace}.svc.cluster.local"
            said = {modes[f"outbound|{port}||{host}"] for port in ports}
            if said & {"", "tls"}:
                weak.add(Weak(client, host))
            if (client, host) == (ELSEWHERE, LOCAL):
                (local,) = said
    return Verdict(frozenset(opened), frozenset(weak), local)


def _pod(pod: Pod, address: str) -> Body:
    call = {"address": address, "protocol": "http", "tls": "plaintext", "mode": "inbound"}
    return {
        "type": "sidecar",
        "namespace": pod.namespace,
        "name": address.replace(".", "-"),
        "labels": {**dict(pod.labels), **_INJECTED},
        "ip": address,
        "calls": [{**call, "port": port, "host": "any"} for port in PORTS],
    }


def _client(namespace: str, address: str) -> Body:
    router = namespace == INGRESS
    return {
        "type": "router" if router else "sidecar",
        "namespace": namespace,
        "name": address.replace(".", "-"),
        "labels": {"app": "caller", **({"knative": "ingressgateway"} if router else {})},
        "ip": address,
    }


def _findings(rule: Rule, mesh: Mesh) -> list[Violation]:
    bodies = [*control_plane(), *services(), *mesh.configuration()]
    world = World.of([], map(Given, bodies), complete=True, mesh=ROOT)
    found = [each.finding for each in evaluate([rule], world)]
    return [each for each in found if isinstance(each, Violation)]


def _plaintext(mesh: Mesh, verdict: Verdict) -> Iterator[str]:
    named = {(each.ref.namespace, each.ref.name) for each in _findings(strict_mtls.RULE, mesh)}
    selectors = {
        (body["metadata"]["namespace"], body["metadata"]["name"]): selector_of(body)
        for body in mesh.authentications
    }
    for pod in verdict.open:
        about = {
            name
            for name in named
            if name[0] in (pod.namespace, ROOT)
            and selectors.get(name, frozenset()) <= frozenset(pod.labels)
        }
        if not about and not pod.is_tolerated:
            yield f"{pod} takes plaintext, and strict-mtls names {named or 'nothing'}"
    for name in named:
        selector = selectors.get(name, frozenset())
        namespace = ELSEWHERE if name[0] == ROOT else name[0]
        if Pod(namespace, tuple(sorted(selector))) not in verdict.open:
            yield f"strict-mtls names {name}, and istiod has those pods take mTLS alone"


def selector_of(body: Body) -> frozenset[tuple[str, str]]:
    """Return what a PeerAuthentication selects."""
    return frozenset(body["spec"].get("selector", {}).get("matchLabels", {}).items())


def _clients(mesh: Mesh, verdict: Verdict, by_themselves: frozenset[Weak]) -> Iterator[str]:
    found = _findings(destination_rule_keeps_mtls.RULE, mesh)
    named = {(each.ref.namespace, each.ref.name): each for each in found}
    hosts: dict[Any, str] = {
        (body["metadata"]["namespace"], body["metadata"]["name"]): body["spec"]["host"]
        for body in mesh.rules
    }
    for weak in verdict.weak - by_themselves:
        covering = [name for name in named if _covers(hosts[name], name[0], weak.host)]
        if not covering and (mesh.mutual or weak.host != LOCAL):
            yield f"{weak} is weak, and destination-rule-keeps-mtls names {list(named)}"
    for name, finding in named.items():
        host = finding.found.rpartition(" ")[2]
        if all(weak.host != host for weak in verdict.weak):
            yield f"destination-rule-keeps-mtls names {name}, and all clients use mTLS for {host}"
    plain = verdict.local == "auto" or Weak(ELSEWHERE, LOCAL) in by_themselves
    unsaid = plain and mesh.mutual
    said = [
        each for each in _findings(local_gateway_mutual_tls.RULE, mesh) if "plaintext" in each.found
    ]
    if unsaid is not bool(said):
        yield f"clients call the local gateway with {verdict.local!r}, and {said} is found"


def _covers(host: str, namespace: str, target: str) -> bool:
    if "*" in host:
        return target.endswith(host[1:])
    return target in (host, f"{host}.{namespace}.svc.cluster.local")
