"""Why a change matters for traffic: each kind's changes, and what is said of them."""

from dataclasses import replace
from typing import Any

import pytest

from mesh_policy.documented.kinds import (
    CERTIFICATE,
    CONTROL_PLANE,
    DEPLOYMENT,
    DISRUPTION_BUDGET,
    DOMAIN_MAPPING,
    ENVOY_FILTER,
    EVENTING,
    GATEWAY,
    ISTIO,
    ISTIO_CNI,
    ISTIO_REVISION_TAG,
    KAFKA,
    KNATIVE_SERVICE,
    MEMBER,
    MEMBER_ROLL,
    NAMESPACE,
    PEER_AUTHENTICATION,
    ROLE_BINDING,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    SERVICE_ENTRY,
    SERVING,
    SUBSCRIPTION,
    Kind,
    header,
)
from mesh_policy.documented.variants import SERVICE_MESH_2, SERVICE_MESH_3
from mesh_policy.reading.values import UNKNOWN, changed
from serverless_mesh.cli.report.effects import Weight
from serverless_mesh.cli.report.preview import Change, Operation, State
from serverless_mesh.cli.report.traffic import effects

CREATE, UPDATE, REPLACE, DELETE = (
    Operation.CREATE,
    Operation.UPDATE,
    Operation.REPLACE,
    Operation.DELETE,
)
TLS = {"type": "kubernetes.io/tls"}
OUTAGE, INTERRUPTION, NOTICE = Weight.OUTAGE, Weight.INTERRUPTION, Weight.NOTICE


def at(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    return changed({}, path, value)


def spec(**fields: Any) -> dict[str, Any]:
    return {"spec": fields}


STRICT, LAX = spec(mtls={"mode": "STRICT"}), spec(mtls={"mode": "PERMISSIVE"})
ONE, TWO = spec(members=["a"]), spec(members=["a", "b"])


def labels(**values: str) -> dict[str, Any]:
    return {"metadata": {"labels": {key.replace("_", "-"): value for key, value in values.items()}}}


def workload(name: str, **more: Any) -> dict[str, Any]:
    return spec(workloads=[{"name": name, **more}])


def change(
    kind: Kind,
    operation: Operation,
    old: dict[str, Any] | None = None,
    new: dict[str, Any] | None = None,
    *,
    patch: bool = False,
    **more: Any,
) -> Change:
    def state(body: dict[str, Any] | None) -> State:
        if body is None:
            return State({}, {})
        metadata = {"name": "x", "namespace": "shop", **body.get("metadata", {})}
        return State({**header(kind), **body, "metadata": metadata}, {})

    token = f"kubernetes:{header(kind)['apiVersion']}:{kind.name}{'Patch' if patch else ''}"
    return Change(
        f"urn:pulumi:dev::p::{token}::x", token, operation, state(old), state(new), **more
    )


BY_ISTIO = spec(ingress={"istio": {"enabled": True}})
LATER = spec(mtls={"mode": UNKNOWN})

CASES: list[tuple[Kind, Operation, Any, Any, Weight, str]] = [
    (SERVING, UPDATE, BY_ISTIO, spec(), OUTAGE, "Istio for its ingress no more"),
    (SERVING, UPDATE, spec(), BY_ISTIO, INTERRUPTION, "which ingress serves"),
    (SERVING, UPDATE, spec(), spec(config={"features": {"a": "b"}}), NOTICE, "spec.config"),
    (KAFKA, UPDATE, spec(sink={"enabled": True}), spec(), NOTICE, "changes spec.sink"),
    (DEPLOYMENT, UPDATE, spec(replicas=2), spec(replicas=0), OUTAGE, "no pods"),
    (ROLE_BINDING, UPDATE, {"subjects": [1]}, {"subjects": []}, INTERRUPTION, "may not read"),
    (PEER_AUTHENTICATION, UPDATE, STRICT, LATER, INTERRUPTION, "after the update"),
    (PEER_AUTHENTICATION, DELETE, LAX, None, INTERRUPTION, "if the mesh is strict"),
    (ENVOY_FILTER, UPDATE, spec(a=1), spec(a=2), INTERRUPTION, "that it selects"),
    (SECRET, DELETE, TLS, None, OUTAGE, "HTTPS ends"),
    (SECRET, REPLACE, TLS, TLS, INTERRUPTION, "for a moment the gateway has no certificate"),
    (SECRET, UPDATE, TLS, {**TLS, "data": "x"}, NOTICE, "in place"),
    (CERTIFICATE, DELETE, spec(), None, OUTAGE, "renews the certificate no more"),
    (CERTIFICATE, UPDATE, spec(), spec(duration="1h"), NOTICE, "issued anew"),
    (SERVING, DELETE, spec(), None, OUTAGE, "every Knative Service ends"),
    (SERVING, REPLACE, spec(), spec(), OUTAGE, "in between it is missing"),
    (SERVING, UPDATE, spec(), spec(config={"domain": {"a": ""}}), INTERRUPTION, "config-domain"),
    (SERVING, UPDATE, spec(), spec(config={"istio": {"a": ""}}), INTERRUPTION, "Gateways"),
    (
        SERVING,
        UPDATE,
        workload("activator"),
        workload("activator", replicas=3),
        INTERRUPTION,
        "restarts activator",
    ),
    (SERVING, UPDATE, spec(version="1.15"), spec(version="1.16"), INTERRUPTION, "version"),
    (SERVING, UPDATE, spec(), spec(config={"observability": {}}), NOTICE, "measured"),
    (EVENTING, DELETE, spec(), None, OUTAGE, "events are lost"),
    (EVENTING, UPDATE, workload("a"), workload("b"), INTERRUPTION, "restarts a, b"),
    (NAMESPACE, DELETE, {}, None, OUTAGE, "with all that is in it"),
    (NAMESPACE, UPDATE, {}, labels(istio_injection="enabled"), INTERRUPTION, "joins the mesh"),
    (NAMESPACE, UPDATE, labels(istio_injection="enabled"), {}, INTERRUPTION, "leaves the mesh"),
    (MEMBER_ROLL, DELETE, spec(members=["a"]), None, OUTAGE, "every member leaves"),
    (
        MEMBER_ROLL,
        UPDATE,
        spec(members=["a", "b"]),
        spec(members=["a"]),
        INTERRUPTION,
        "takes b out",
    ),
    (
        MEMBER_ROLL,
        UPDATE,
        spec(members=["a"]),
        spec(members=["a", "b"]),
        INTERRUPTION,
        "takes b into",
    ),
    (MEMBER_ROLL, CREATE, None, spec(members=["a"]), INTERRUPTION, "takes a into the mesh"),
    (MEMBER, DELETE, spec(), None, INTERRUPTION, "takes shop out of the mesh"),
    (MEMBER, CREATE, None, spec(), INTERRUPTION, "takes shop into the mesh"),
    (SERVICE, DELETE, spec(), None, OUTAGE, "reached no more"),
    (SERVICE, REPLACE, spec(), spec(), OUTAGE, "in between it is missing"),
    (SERVICE, UPDATE, spec(), spec(ports=[{"port": 80}]), INTERRUPTION, "other pods or ports"),
    (SERVICE, UPDATE, spec(), spec(sessionAffinity="None"), NOTICE, "otherwise"),
    (DEPLOYMENT, DELETE, spec(), None, OUTAGE, "and its pods"),
    (
        DEPLOYMENT,
        UPDATE,
        spec(template={}),
        spec(template={"a": 1}),
        INTERRUPTION,
        "With one replica",
    ),
    (DEPLOYMENT, UPDATE, spec(replicas=2), spec(replicas=3), NOTICE, "has 3 pods"),
    (CONTROL_PLANE, DELETE, spec(), None, OUTAGE, "no control plane"),
    (CONTROL_PLANE, UPDATE, at(SERVICE_MESH_2.mtls, True), {}, OUTAGE, "plaintext gets in"),
    (CONTROL_PLANE, UPDATE, {}, at(SERVICE_MESH_2.mtls, True), INTERRUPTION, "are refused"),
    (CONTROL_PLANE, UPDATE, {}, at(SERVICE_MESH_2.excluded_ports, [1]), INTERRUPTION, "intercept"),
    (CONTROL_PLANE, UPDATE, {}, at(SERVICE_MESH_2.drain, "40s"), NOTICE, "drain"),
    (
        CONTROL_PLANE,
        UPDATE,
        {},
        at(SERVICE_MESH_2.outbound, "x"),
        INTERRUPTION,
        "spec.proxy",
    ),
    (ISTIO, UPDATE, spec(version="v1.26"), spec(version="v1.27"), INTERRUPTION, "istiod restarts"),
    (ISTIO, UPDATE, {}, at(SERVICE_MESH_3.excluded_ports, "1"), INTERRUPTION, "intercept"),
    (ISTIO_REVISION_TAG, DELETE, spec(), None, OUTAGE, "no sidecar"),
    (ISTIO_REVISION_TAG, UPDATE, spec(), spec(targetRef={}), NOTICE, "another revision"),
    (ISTIO_CNI, DELETE, spec(), None, OUTAGE, "do not start"),
    (ISTIO_CNI, UPDATE, spec(), spec(version="v1"), NOTICE, "every node"),
    (PEER_AUTHENTICATION, DELETE, STRICT, None, OUTAGE, "plaintext gets in"),
    (PEER_AUTHENTICATION, CREATE, None, STRICT, INTERRUPTION, "are refused"),
    (
        PEER_AUTHENTICATION,
        CREATE,
        None,
        LAX,
        NOTICE,
        "lets plaintext in",
    ),
    (
        PEER_AUTHENTICATION,
        UPDATE,
        STRICT,
        LAX,
        OUTAGE,
        "plaintext gets in",
    ),
    (PEER_AUTHENTICATION, UPDATE, spec(), spec(selector={}), INTERRUPTION, "which pods or ports"),
    (GATEWAY, DELETE, spec(), None, OUTAGE, "served no more"),
    (GATEWAY, UPDATE, spec(), spec(servers=[{}]), INTERRUPTION, "hosts, ports or TLS"),
    (GATEWAY, UPDATE, spec(), spec(selector={}), INTERRUPTION, "other gateway pods"),
    (DOMAIN_MAPPING, DELETE, spec(), None, OUTAGE, "its host"),
    (DOMAIN_MAPPING, UPDATE, spec(), spec(ref={}), INTERRUPTION, "elsewhere"),
    (KNATIVE_SERVICE, DELETE, spec(), None, OUTAGE, "answers no more"),
    (KNATIVE_SERVICE, UPDATE, spec(), spec(template={}), NOTICE, "new revision"),
    (SERVICE_ENTRY, UPDATE, spec(), spec(hosts=["a"]), INTERRUPTION, "call its hosts"),
    (ROLE_BINDING, DELETE, {}, None, OUTAGE, "istiod sends that no more"),
    (SUBSCRIPTION, DELETE, spec(), None, NOTICE, "the operator stays"),
    (SUBSCRIPTION, UPDATE, spec(), spec(channel="b"), INTERRUPTION, "another version"),
]


@pytest.mark.parametrize(
    ("kind", "operation", "old", "new", "weight", "says"),
    CASES,
    ids=[f"{kind.name}-{operation}-{says}" for kind, operation, *_, says in CASES],
)
def test_what_a_change_does_to_traffic(
    kind: Kind, operation: Operation, old: Any, new: Any, weight: Weight, says: str
) -> None:
    found = effects([change(kind, operation, old, new)])
    assert [each.weight for each in found if says in each.says] == [weight], found


@pytest.mark.parametrize("kind", [SERVING, GATEWAY, CONTROL_PLANE, SERVICE, NAMESPACE, DEPLOYMENT])
def test_what_is_made_anew_or_only_annotated_touches_nothing(kind: Kind) -> None:
    assert effects([change(kind, CREATE, None, spec(a=1))]) == []
    annotated = {"metadata": {"annotations": {"a": "b"}}}
    assert effects([change(kind, UPDATE, {}, annotated)]) == []
    assert effects([change(kind, Operation.SAME, spec(a=1), spec(a=1))]) == []


def test_what_the_stack_lets_go_of_stays() -> None:
    (found,) = effects([change(NAMESPACE, DELETE, {}, None, retained=True)])
    assert (found.weight, found.says) == (
        NOTICE,
        "stays in the cluster; the stack only lets go of it",
    )


def test_the_stacks_share_of_an_object_joins_and_leaves() -> None:
    joining = labels(discovery="a")
    (found,) = effects([change(NAMESPACE, CREATE, None, joining, patch=True)])
    assert "joins the mesh" in found.says
    assert found.title == "Namespace shop/x (the stack's share)"
    (found,) = effects([change(NAMESPACE, DELETE, joining, None, patch=True)])
    assert "leaves the mesh" in found.says
    (found,) = effects(
        [change(CONTROL_PLANE, CREATE, None, at(SERVICE_MESH_2.mtls, True), patch=True)]
    )
    assert "strict mTLS" in found.says


def test_members_that_are_not_known_yet_are_not_guessed() -> None:
    later = spec(members=UNKNOWN)
    assert effects([change(MEMBER_ROLL, UPDATE, ONE, later)]) == []
    unlabelled = {"metadata": {"labels": UNKNOWN}}
    assert effects([change(NAMESPACE, UPDATE, labels(istio_injection="enabled"), unlabelled)]) == []


def test_what_somebody_else_changed_is_known_by_the_plugin_alone() -> None:
    same = spec(servers=[{}])
    drifted = change(GATEWAY, UPDATE, same, same, fields={"spec.servers[0].hosts": "update"})
    (found,) = effects([drifted])
    assert "hosts" in found.says


@pytest.mark.parametrize(
    ("kind", "declared", "there", "path", "says"),
    [
        (MEMBER_ROLL, TWO, ONE, "spec.members[1]", "takes b into the mesh"),
        (
            CONTROL_PLANE,
            spec(gateways={"ingress": {"enabled": True}}),
            spec(gateways={"ingress": {"enabled": False}}),
            "spec.gateways.ingress.enabled",
            "changes spec.gateways of the control plane",
        ),
        (
            SERVING,
            workload("activator", labels={"a": "b"}),
            workload("activator"),
            "spec.workloads[0].labels",
            "restarts activator",
        ),
        (PEER_AUTHENTICATION, STRICT, LAX, "spec.mtls.mode", "asks for strict mTLS"),
        (
            NAMESPACE,
            labels(istio_injection="enabled"),
            labels(),
            'metadata.labels["istio-injection"]',
            "joins the mesh",
        ),
    ],
)
def test_what_somebody_else_changed_reaches_traffic_as_any_other_change(
    kind: Kind, declared: Any, there: Any, path: str, says: str
) -> None:
    drifted = change(kind, UPDATE, declared, declared, fields={path: "update"})
    (found,) = effects([replace(drifted, old=State(drifted.old.inputs, there))])
    assert says in found.says


def test_what_the_report_knows_nothing_of_is_not_taken_for_harmless() -> None:
    old, new = spec(a=1), spec(a=2)
    (found,) = effects([change(SERVICE_ACCOUNT, UPDATE, old, new)])
    assert "can't tell" in found.says
    assert effects([change(DISRUPTION_BUDGET, UPDATE, old, new)]) == []


def test_the_heaviest_come_first_and_each_once() -> None:
    light = change(SECRET, UPDATE, TLS, TLS)
    heavy = change(SERVING, DELETE, spec())
    assert [each.weight for each in effects([light, heavy, light])] == [OUTAGE, NOTICE]


@pytest.mark.parametrize(
    ("token", "weight"),
    [
        ("tls:index/selfSignedCert:SelfSignedCert", OUTAGE),
        ("tls:index/locallySignedCert:LocallySignedCert", NOTICE),
        ("tls:index/privateKey:PrivateKey", NOTICE),
        ("pulumi:providers:kubernetes", NOTICE),
    ],
)
def test_certificates_keys_and_providers(token: str, weight: Weight) -> None:
    (found,) = effects([Change(f"urn:pulumi:d::p::{token}::a", token, REPLACE)])
    assert found.weight == weight
