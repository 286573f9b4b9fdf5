"""The rule on conflicting Gateways against a naive reading of Istio, over many small worlds.

The rule never compares Gateways in pairs; the oracle here does nothing else.
"""

import random
from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from mesh_policy.findings import Violation
from mesh_policy.reading.objects import Given
from mesh_policy.rules.no_conflicting_wildcard_gateway import RULE
from mesh_policy.world import World
from tests.policy.cases import findings

SERVING = "knative-serving"
NAMESPACES = ("red", "blue", SERVING)
MESHES = ("mesh-a", "mesh-b")
KNATIVE = {"knative-ingress-gateway": 443, "knative-local-gateway": 8081}
INGRESS = {"app": "istio-ingressgateway", "istio": "ingressgateway"}
LABELS = ({"istio": "ingressgateway"}, {"knative": "ingressgateway"}, {"team": "a"}, {"team": "b"})
HOSTS = (
    *("*", "*/*", "./*", "red/*", "a.example", "A.example", "red/a.example", "./b.example"),
    *("*.apps.example", "red/*.Example", "*.other.example", "*.a.apps.example", "./*.local"),
)
DOMAINS = ("apps.example", "svc.cluster.local")
ANY_ADDRESS = "0.0.0.0"

Body = dict[str, Any]
INGRESSES: Body = {
    "apiVersion": "config.openshift.io/v1",
    "kind": "Ingress",
    "metadata": {"name": "cluster"},
    "spec": {"domain": DOMAINS[0]},
}


class Claim(NamedTuple):
    """A Gateway wants a host on a port of an address, and says so at `field`."""

    field: str
    address: str
    port: int
    host: str

    def conflicts(self, other: "Claim") -> bool:
        return self[1:] == other[1:]

    def takes(self, wide: "Claim", domain: str) -> bool:
        """Say whether a narrower wildcard goes before a wide one for every name of a domain."""
        narrower = self.host.startswith("*.") and f"name.{domain}".endswith(self.host[1:])
        return narrower and wide.host == "*" and self[1:3] == wide[1:3]


def gateway(namespace: str, name: str, selector: dict[str, str], servers: list[Body]) -> Body:
    return {
        "apiVersion": "networking.istio.io/v1beta1",
        "kind": "Gateway",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": selector, "servers": servers},
    }


def control_plane(namespace: str, labels: dict[str, str]) -> Body:
    ingress = {"service": {"metadata": {"labels": labels}}}
    return {
        "apiVersion": "maistra.io/v2",
        "kind": "ServiceMeshControlPlane",
        "metadata": {"name": "basic", "namespace": namespace},
        "spec": {"gateways": {"ingress": ingress}},
    }


def member_roll(namespace: str, members: list[str]) -> Body:
    return {
        "apiVersion": "maistra.io/v1",
        "kind": "ServiceMeshMemberRoll",
        "metadata": {"name": "default", "namespace": namespace},
        "spec": {"members": members},
    }


selectors = st.lists(st.sampled_from(LABELS), max_size=2).map(
    lambda chosen: {key: value for label in chosen for key, value in label.items()}
)
servers = st.builds(
    lambda number, bind, hosts: {
        "port": {"number": number, "name": "https", "protocol": "HTTPS"},
        "hosts": hosts,
        **bind,
    },
    st.sampled_from((443, 443, 8081)),
    st.sampled_from(({}, {}, {"bind": ANY_ADDRESS}, {"bind": "10.0.0.1"})),
    st.lists(st.sampled_from(HOSTS), min_size=1, max_size=3),
)


@st.composite
def worlds(draw: st.DrawFn) -> list[Body]:
    names = draw(st.sampled_from((MESHES[:0], MESHES[:1], MESHES, MESHES)))
    planes = [
        control_plane(name, draw(st.sampled_from(({}, {"knative": "ingressgateway"}))))
        for name in names
    ]
    # A namespace is a member of one mesh at most; the webhook of Service Mesh sees to it.
    homes = {name: draw(st.sampled_from((*names, None))) for name in NAMESPACES} if names else {}
    rolls = [
        member_roll(
            name,
            [namespace for namespace, home in homes.items() if home == name]
            + draw(st.sampled_from(([], [], [], ["*"]))),
        )
        for name in names
    ]
    places = st.sampled_from((*NAMESPACES, *names))
    chosen = draw(
        st.lists(
            st.tuples(places, selectors, st.lists(servers, min_size=1, max_size=2)), max_size=6
        )
    )
    gateways = [gateway(each[0], f"gateway-{n}", *each[1:]) for n, each in enumerate(chosen)]
    if draw(st.booleans()):
        own = draw(st.sampled_from(({"knative": "ingressgateway"}, {"istio": "ingressgateway"})))
        gateways += [
            gateway(SERVING, name, own, [{"port": {"number": port}, "hosts": ["*"]}])
            for name, port in KNATIVE.items()
        ]
    return [*planes, *rolls, *gateways]


def claims(body: Body) -> list[Claim]:
    return [
        Claim(
            f"spec.servers[{i}].hosts[{j}]",
            server.get("bind", ANY_ADDRESS),
            server["port"]["number"],
            host.split("/")[-1].lower(),
        )
        for i, server in enumerate(body["spec"]["servers"])
        for j, host in enumerate(server["hosts"])
    ]


def named(body: Body) -> tuple[str, str]:
    return body["metadata"]["namespace"], body["metadata"]["name"]


def of_knative(body: Body) -> bool:
    return body["metadata"]["namespace"] == SERVING and body["metadata"]["name"] in KNATIVE


def selects(selector: dict[str, str], labels: dict[str, str]) -> bool:
    return selector.items() <= labels.items()


class Oracle:
    """What Istio would make of a world."""

    def __init__(self, bodies: list[Body]) -> None:
        self.labels: dict[str, dict[str, str]] = {
            body["metadata"]["namespace"]: {
                **INGRESS,
                **body["spec"]["gateways"]["ingress"]["service"]["metadata"]["labels"],
            }
            for body in bodies
            if body["kind"] == "ServiceMeshControlPlane"
        }
        self.members: dict[str, set[str]] = {
            body["metadata"]["namespace"]: {body["metadata"]["namespace"], *body["spec"]["members"]}
            for body in bodies
            if body["kind"] == "ServiceMeshMemberRoll"
        }
        self.gateways = [body for body in bodies if body["kind"] == "Gateway"]
        self.knatives = [body for body in self.gateways if of_knative(body)]

    def home(self) -> str | None:
        """Return the mesh that Serverless is, or will be, part of."""
        by_member = [mesh for mesh, members in self.members.items() if SERVING in members]
        by_label = [
            mesh for mesh, labels in self.labels.items() if labels.get("knative") is not None
        ]
        for found in (by_member, list(self.labels), by_label):
            if len(found) == 1:
                return found[0]
        return None

    def reads(self, mesh: str | None, namespace: str) -> bool:
        """Say whether a mesh's control plane reads what is in a namespace."""
        if mesh is None or namespace in self.members[mesh]:
            return True
        others = [members for name, members in self.members.items() if name != mesh]
        return "*" in self.members[mesh] and not any(namespace in each for each in others)

    def violations(self) -> set[tuple[tuple[str, str], str]]:
        home = self.home()
        serverless = bool(self.knatives) or any(
            SERVING in members for members in self.members.values()
        )
        if serverless and (home is not None or not self.labels):
            return set(self.within(home, serverless=True))
        checked: list[str | None] = [*self.labels] or [None]
        return {found for mesh in checked for found in self.within(mesh, serverless=False)}

    def within(
        self, mesh: str | None, *, serverless: bool
    ) -> Iterator[tuple[tuple[str, str], str]]:
        """Compare every two claims of all Gateways that one control plane reads."""
        read = [body for body in self.gateways if self.reads(mesh, body["metadata"]["namespace"])]
        if serverless:
            read = [body for body in read if not of_knative(body)] + self.to_be(mesh)
        pods = [self.labels[mesh]] if mesh else [{**INGRESS, "knative": "ingressgateway"}]
        pods += [body["spec"]["selector"] for body in read]
        for body, other in product(read, read):
            first, second = body["spec"]["selector"], other["spec"]["selector"]
            same = any(selects(first, labels) and selects(second, labels) for labels in pods)
            if named(body) == named(other) or of_knative(body) or not same:
                continue
            # What a Gateway claims twice, it claims where it does so first.
            once = {claim[1:]: claim for claim in reversed(claims(body))}
            for own, others in product(once.values(), claims(other)):
                domain = DOMAINS[others.port == KNATIVE["knative-local-gateway"]]
                taken = serverless and of_knative(other) and own.takes(others, domain)
                if own.conflicts(others) or taken:
                    yield named(body), own.field

    def to_be(self, mesh: str | None) -> list[Body]:
        """Return Knative's Gateways as they are, and as they will be where they are not yet."""
        own = self.labels[mesh].get("knative") if mesh else None
        will = {"knative": own or "ingressgateway"}
        return self.knatives or [
            gateway(SERVING, name, will, [{"port": {"number": port}, "hosts": ["*"]}])
            for name, port in KNATIVE.items()
        ]


def checked(bodies: list[Body]) -> World:
    return World.of(map(Given, [INGRESSES, *bodies]), complete=True)


@settings(max_examples=1000, deadline=None, derandomize=True)
@given(worlds())
def test_the_rule_finds_what_comparing_every_pair_finds(bodies: list[Body]) -> None:
    found = findings(RULE, checked(bodies))
    violations = [each for each in found if isinstance(each, Violation)]
    places = [((each.ref.namespace, each.ref.name), each.field) for each in violations]
    assert set(places) == Oracle(bodies).violations()
    assert all(each.related and each.ref not in each.related for each in violations)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_the_objects_changes_nothing(
    bodies: list[Body], shuffling: random.Random
) -> None:
    shuffled = list(bodies)
    shuffling.shuffle(shuffled)
    assert set(findings(RULE, checked(shuffled))) == set(findings(RULE, checked(bodies)))
