"""What remediation adds so that pods get sidecars: labels where only they are heard."""

from typing import Any

import pytest

from mesh_policy.reading.objects import Given
from mesh_policy.rules import gateway_injected, knative_service_annotations, sidecars_injected
from mesh_policy.world import World

INJECT, REV, PROBES = (
    "sidecar.istio.io/inject",
    "istio.io/rev",
    "sidecar.istio.io/rewriteAppHTTPProbers",
)
Body = dict[str, Any]


def istio(name: str) -> Body:
    return {
        "apiVersion": "sailoperator.io/v1",
        "kind": "Istio",
        "metadata": {"name": name},
        "spec": {"namespace": "istio-system"},
    }


TAG: Body = {
    "apiVersion": "sailoperator.io/v1",
    "kind": "IstioRevisionTag",
    "metadata": {"name": "stable"},
    "spec": {"targetRef": {"kind": "Istio", "name": "prod"}},
}
ROLL: Body = {
    "apiVersion": "maistra.io/v1",
    "kind": "ServiceMeshMemberRoll",
    "metadata": {"name": "default", "namespace": "istio-system"},
    "spec": {"members": ["knative-serving", "knative-eventing", "shop"]},
}
OTHERS_FIRST = [
    (["default"], {"labels": {INJECT: "true"}}),
    (["prod"], {"labels": {REV: "prod"}}),
    (["prod", "tag"], {"labels": {REV: "stable"}}),
]


def world(planes: list[str], *bodies: Body) -> World:
    made = [TAG if name == "tag" else istio(name) for name in planes]
    return World.of([Given(body) for body in (*made, *bodies)], complete=True)


def serving(workloads: list[Body]) -> Body:
    return {
        "apiVersion": "operator.knative.dev/v1beta1",
        "kind": "KnativeServing",
        "metadata": {"name": "knative-serving", "namespace": "knative-serving"},
        "spec": {"workloads": workloads},
    }


@pytest.mark.parametrize(("planes", "added"), OTHERS_FIRST)
def test_workloads_are_labelled_for_the_revision_of_service_mesh_3(
    planes: list[str], added: Body
) -> None:
    refused = {"name": "autoscaler", "labels": {INJECT: "false"}}
    found = sidecars_injected.remediate(serving([refused]), world(planes))
    assert found is not None
    spec = found["spec"]
    assert spec == {"workloads": [refused], "deployments": [{"name": "activator", **added}]}


def test_nothing_is_added_where_the_namespace_asks() -> None:
    labels = {"istio-injection": "enabled"}
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "knative-serving", "labels": labels},
    }
    assert sidecars_injected.remediate(serving([]), world(["default"], namespace)) is None


def test_service_mesh_2_gets_annotations_and_a_label_that_is_there_stays() -> None:
    labelled = {"name": "activator", "labels": {INJECT: "true"}}
    found = sidecars_injected.remediate(serving([labelled]), world([], ROLL))
    assert found is not None
    assert found["spec"] == {
        "workloads": [{**labelled, "annotations": {PROBES: "true"}}],
        "deployments": [{"name": "autoscaler", "annotations": {INJECT: "true", PROBES: "true"}}],
    }


@pytest.mark.parametrize(("planes", "added"), OTHERS_FIRST)
def test_a_knative_service_s_template_is_labelled(planes: list[str], added: Body) -> None:
    body: Body = {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": "hello", "namespace": "shop"},
        "spec": {"template": {"spec": {}}},
    }
    found = knative_service_annotations.remediate(body, world(planes))
    assert found is not None
    assert found["spec"]["template"] == {"spec": {}, "metadata": added}
    annotations = {"serving.knative.openshift.io/enablePassthrough": "true"}
    assert found["metadata"]["annotations"] == annotations


@pytest.mark.parametrize(
    ("metadata", "added"),
    [
        ({}, {"annotations": {INJECT: "true", PROBES: "true"}}),
        ({"labels": {INJECT: "true"}}, {"annotations": {PROBES: "true"}}),
        ({"annotations": {INJECT: "False"}}, {"annotations": {INJECT: "False", PROBES: "true"}}),
    ],
)
def test_a_knative_service_of_service_mesh_2_gets_the_annotations_of_which_nothing_is_said(
    metadata: Body, added: Body
) -> None:
    body: Body = {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": "hello", "namespace": "shop"},
        "spec": {"template": {"metadata": metadata}},
    }
    found = knative_service_annotations.remediate(body, world([], ROLL))
    assert found is not None
    assert found["spec"]["template"]["metadata"] == {**metadata, **added}


@pytest.mark.parametrize(("planes", "added"), OTHERS_FIRST)
def test_the_gateway_s_template_is_labelled(planes: list[str], added: Body) -> None:
    labels = {"knative": "ingressgateway"}
    metadata = {"labels": labels, "annotations": {"inject.istio.io/templates": "gateway"}}
    body: Body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "gateway", "namespace": "gateways"},
        "spec": {"template": {"metadata": metadata}},
    }
    found = gateway_injected.remediate(body, world(planes, body))
    assert found is not None
    assert found["spec"]["template"]["metadata"]["labels"] == {**labels, **added["labels"]}
    assert gateway_injected.remediate(found, world(planes, found)) is None
