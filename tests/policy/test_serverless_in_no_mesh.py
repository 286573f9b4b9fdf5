"""Serverless that is in no mesh is said once, whatever else of the integration is here."""

from typing import Any, Final

import pytest

from mesh_policy.findings import Severity, Violation
from mesh_policy.reading.objects import Given
from mesh_policy.rule import Result, evaluate
from mesh_policy.rules import RULES
from mesh_policy.world import World
from tests.policy.integration import documented

SERVED: Final = (
    ("operator.knative.dev", "KnativeServing", "v1beta1"),
    ("operator.knative.dev", "KnativeEventing", "v1beta1"),
    ("operator.serverless.openshift.io", "KnativeKafka", "v1alpha1"),
)
OF_MESH: Final = (
    ("maistra.io", "ServiceMeshControlPlane", "v2"),
    ("networking.istio.io", "Gateway", "v1beta1"),
)
KIND: Final = "operator.knative.dev/v1beta1"
PLAIN: Final[dict[str, Any]] = {
    "apiVersion": KIND,
    "kind": "KnativeServing",
    "metadata": {"name": "knative-serving", "namespace": "knative-serving"},
}
PLAIN_EVENTING: Final[dict[str, Any]] = {
    "apiVersion": KIND,
    "kind": "KnativeEventing",
    "metadata": {"name": "knative-eventing", "namespace": "knative-eventing"},
}
ON: Final = {**PLAIN, "spec": {"ingress": {"istio": {"enabled": True}}}}
KOURIER: Final = {
    **PLAIN,
    "spec": {"ingress": {"istio": {"enabled": False}, "kourier": {"enabled": True}}},
}
OLDER: Final[dict[str, Any]] = {
    "apiVersion": "operators.coreos.com/v1alpha1",
    "kind": "ClusterServiceVersion",
    "metadata": {"name": "serverless-operator.v1.34.0", "namespace": "openshift-serverless"},
    "spec": {"version": "1.34.0"},
    "status": {"phase": "Succeeded"},
}
"""Without job-sink, of which the documented resources say nothing."""
KAFKA: Final[dict[str, Any]] = {
    "apiVersion": "operator.serverless.openshift.io/v1alpha1",
    "kind": "KnativeKafka",
    "metadata": {"name": "knative-kafka", "namespace": "knative-eventing"},
    "spec": {"channel": {"enabled": True, "bootstrapServers": "kafka.kafka:9092"}},
}
ISTIO: Final[dict[str, Any]] = {
    "apiVersion": "sailoperator.io/v1",
    "kind": "Istio",
    "metadata": {"name": "default"},
}
PUBLIC: Final[dict[str, Any]] = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "Gateway",
    "metadata": {"name": "public", "namespace": "shop"},
    "spec": {
        "selector": {"istio": "ingressgateway"},
        "servers": [{"port": {"number": 443, "name": "a", "protocol": "HTTPS"}, "hosts": ["*"]}],
    },
}
SERVICE: Final[dict[str, Any]] = {
    "apiVersion": "serving.knative.dev/v1",
    "kind": "Service",
    "metadata": {"name": "hello", "namespace": "shop"},
}


def definition(group: str, kind: str, version: str) -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.lower()}s.{group}"},
        "spec": {
            "group": group,
            "names": {"kind": kind},
            "versions": [{"name": version, "served": True}],
        },
    }


def without(*kinds: str) -> list[dict[str, Any]]:
    return [body for body in documented() if body["kind"] not in kinds]


def only(*kinds: str) -> list[dict[str, Any]]:
    return [body for body in documented() if body["kind"] in kinds]


def live(bodies: list[dict[str, Any]], *, with_mesh_operator: bool) -> list[Result]:
    served = SERVED + (OF_MESH if with_mesh_operator else ())
    observed = [*(definition(*each) for each in served), *bodies]
    return list(evaluate(RULES, World.of((), map(Given, observed), complete=True)))


def of_files(bodies: list[dict[str, Any]]) -> list[Result]:
    return list(evaluate(RULES, World.of(map(Given, [OLDER, *bodies]))))


@pytest.mark.parametrize("with_mesh_operator", [True, False])
@pytest.mark.parametrize(
    "bodies",
    [
        [ON],
        [ON, PLAIN_EVENTING, SERVICE],
        only("KnativeServing", "KnativeEventing"),
        only("KnativeServing"),
        only("KnativeEventing"),
        only("KnativeServing", "KnativeEventing", "KnativeKafka"),
        without("ServiceMeshControlPlane"),
        without("ServiceMeshControlPlane", "ServiceMeshMemberRoll"),
        without("ServiceMeshControlPlane", "Gateway", "Secret"),
        [*only("ServiceMeshMemberRoll", "Gateway"), PLAIN],
    ],
)
def test_a_cluster_without_a_control_plane_is_one_violation(
    bodies: list[dict[str, Any]], with_mesh_operator: bool
) -> None:
    (found,) = live(bodies, with_mesh_operator=with_mesh_operator)
    assert (found.rule.id, found.severity) == ("one-mesh-only", Severity.ERROR)
    assert isinstance(found.finding, Violation)
    assert found.finding.consequences
    missing = "no Service Mesh operator is installed"
    assert (missing in found.finding.found) is not with_mesh_operator


@pytest.mark.parametrize("with_mesh_operator", [True, False])
@pytest.mark.parametrize(
    "bodies",
    [
        [PLAIN],
        [KOURIER],
        [PLAIN_EVENTING],
        [KOURIER, PLAIN_EVENTING, KAFKA, SERVICE, PUBLIC],
    ],
)
def test_plain_serverless_is_one_warning(
    bodies: list[dict[str, Any]], with_mesh_operator: bool
) -> None:
    for results in (live(bodies, with_mesh_operator=with_mesh_operator), of_files(bodies)):
        (found,) = results
        assert (found.rule.id, found.severity) == ("one-mesh-only", Severity.WARNING)
        assert isinstance(found.finding, Violation)
        assert found.finding.consequences


@pytest.mark.parametrize(
    "bodies",
    [
        only("KnativeServing", "KnativeEventing"),
        only("KnativeServing"),
        only("KnativeEventing"),
        without("ServiceMeshControlPlane"),
        without("ServiceMeshControlPlane", "ServiceMeshMemberRoll"),
    ],
)
def test_that_files_hold_no_control_plane_is_said_once(bodies: list[dict[str, Any]]) -> None:
    (found,) = of_files(bodies)
    assert found.rule.id == "one-mesh-only"
    assert not isinstance(found.finding, Violation)


def test_kourier_beside_a_mesh_is_not_taken_for_plain() -> None:
    bodies = [KOURIER if body["kind"] == "KnativeServing" else body for body in documented()]
    rules = {each.rule.id for each in live(bodies, with_mesh_operator=True)}
    assert "one-mesh-only" not in rules
    assert "knative-gateway-config" in rules


def test_plain_serverless_beside_the_mesh_of_others_is_one_warning() -> None:
    plane = {
        "apiVersion": "maistra.io/v2",
        "kind": "ServiceMeshControlPlane",
        "metadata": {"name": "shop", "namespace": "shop-mesh"},
        "spec": {"version": "v2.6"},
    }
    roll = {
        "apiVersion": "maistra.io/v1",
        "kind": "ServiceMeshMemberRoll",
        "metadata": {"name": "default", "namespace": "shop-mesh"},
        "spec": {"members": ["shop"]},
    }
    istio = {**ISTIO, "spec": {"namespace": "shop-mesh"}}
    injecting = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "shop", "labels": {"istio-injection": "enabled"}},
    }
    for mesh in ([plane, roll], [istio], [istio, injecting]):
        bodies = [*mesh, PUBLIC, KOURIER, PLAIN_EVENTING, KAFKA, SERVICE]
        # Files say the same where Istio is switched off in so many words.
        for results in (live(bodies, with_mesh_operator=True), of_files(bodies)):
            (found,) = results
            assert (found.rule.id, found.severity) == ("one-mesh-only", Severity.WARNING)
    # Whether this one is meant for the mesh, files do not say.
    assert len(of_files([plane, roll, PLAIN])) > 1
    # With a member of its own, Serverless is meant for the mesh.
    joined = {**roll, "spec": {"members": ["knative-serving"]}}
    said = {each.rule.id for each in live([plane, joined, KOURIER], with_mesh_operator=True)}
    assert "knative-gateway-config" in said
