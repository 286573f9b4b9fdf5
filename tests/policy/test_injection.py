"""Who injects a pod, by the table of Istio's labels and by Service Mesh 2's members."""

from typing import Any

import pytest

from mesh_policy.reading.injection import Injected, Injection, NotInjected, Pod, Reason, Unsure
from mesh_policy.reading.objects import Given
from mesh_policy.reading.values import UNKNOWN
from mesh_policy.world import World

INJECT, REV, LEGACY = "sidecar.istio.io/inject", "istio.io/rev", "istio-injection"
Body = dict[str, Any]


def istio(name: str, **spec: Any) -> Body:
    return {
        "apiVersion": "sailoperator.io/v1",
        "kind": "Istio",
        "metadata": {"name": name},
        "spec": {"namespace": f"{name}-system", **spec},
    }


def tag(name: str, target: str, kind: str = "Istio") -> Body:
    return {
        "apiVersion": "sailoperator.io/v1",
        "kind": "IstioRevisionTag",
        "metadata": {"name": name},
        "spec": {"targetRef": {"kind": kind, "name": target}},
    }


def revision(name: str, owner: str = "", namespace: str = "prod-system") -> Body:
    owners = [{"kind": "Istio", "name": owner}] if owner else []
    return {
        "apiVersion": "sailoperator.io/v1",
        "kind": "IstioRevision",
        "metadata": {"name": name, "ownerReferences": owners},
        "spec": {"namespace": namespace},
    }


def namespace(labels: Any, name: str = "shop") -> Body:
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": labels},
    }


def world(*bodies: Body, complete: bool = True) -> World:
    return World.of([Given(body) for body in bodies], complete=complete)


def injection(objects: World, labels: Any = None, annotations: Any = None) -> Injection:
    return objects.injectors.injection(Pod("shop", labels, annotations))


def by(answer: Injection) -> str:
    if isinstance(answer, Injected):
        return answer.by.name
    return answer.reason.name if isinstance(answer, NotInjected) else "unsure"


@pytest.mark.parametrize(
    ("labels", "pod", "annotations", "expected"),
    [
        ({LEGACY: "enabled"}, {}, {}, "default"),
        ({LEGACY: "enabled"}, {INJECT: "true"}, {}, "default"),
        ({LEGACY: "enabled", REV: "prod"}, {REV: "prod"}, {}, "default"),
        ({LEGACY: "enabled"}, {INJECT: "false"}, {}, "REFUSED"),
        # Only the very words are understood; anything else is as if nothing were said.
        ({LEGACY: "enabled"}, {INJECT: "False"}, {}, "default"),
        ({LEGACY: "enabled"}, {INJECT: ""}, {INJECT: "false"}, "default"),
        ({LEGACY: "enabled"}, {}, {INJECT: "false"}, "REFUSED"),
        ({LEGACY: "enabled"}, {INJECT: "true"}, {INJECT: "false"}, "default"),
        ({LEGACY: "disabled"}, {INJECT: "true", REV: "prod"}, {}, "REFUSED"),
        ({LEGACY: ""}, {INJECT: "true"}, {}, "REFUSED"),
        ({REV: "prod"}, {}, {}, "prod"),
        ({REV: "prod"}, {INJECT: "false"}, {}, "REFUSED"),
        ({REV: "default"}, {}, {}, "default"),
        ({REV: "blue"}, {}, {}, "prod"),
        ({REV: "prod"}, {REV: "default"}, {}, "prod"),
        ({REV: "gone"}, {REV: "prod", INJECT: "true"}, {}, "NOBODY"),
        ({REV: ""}, {REV: "prod"}, {}, "NOBODY"),
        ({}, {REV: "prod"}, {}, "prod"),
        ({}, {REV: "prod"}, {INJECT: "false"}, "REFUSED"),
        ({}, {REV: "gone", INJECT: "true"}, {}, "NOBODY"),
        ({}, {INJECT: "true"}, {}, "default"),
        ({}, {INJECT: "True"}, {}, "NOT_ASKED"),
        ({}, {}, {INJECT: "true"}, "NOT_ASKED"),
        ({}, {}, {}, "NOT_ASKED"),
        (UNKNOWN, {INJECT: "false"}, {}, "unsure"),
        ({LEGACY: "disabled"}, UNKNOWN, UNKNOWN, "REFUSED"),
        ({REV: "prod"}, UNKNOWN, {}, "unsure"),
        ({}, {INJECT: "true"}, UNKNOWN, "default"),
    ],
)
def test_labels_decide_as_istio_s_webhooks_do(
    labels: Any, pod: Any, annotations: Any, expected: str
) -> None:
    objects = world(istio("default"), istio("prod"), tag("blue", "prod"), namespace(labels))
    assert by(injection(objects, pod, annotations)) == expected


def test_without_a_default_revision_nobody_hears_the_label_that_names_none() -> None:
    answer = injection(world(istio("prod"), namespace({LEGACY: "enabled"})))
    assert isinstance(answer, NotInjected)
    assert (answer.reason, answer.revision, answer.by_namespace) == (
        Reason.NOBODY,
        "default",
        True,
    )


def test_the_tag_default_makes_a_control_plane_hear_it() -> None:
    objects = world(istio("prod"), tag("default", "prod"), namespace({LEGACY: "enabled"}))
    assert by(injection(objects)) == "prod"


def test_a_tag_that_leads_nowhere_injects_nothing() -> None:
    objects = world(istio("prod"), tag("blue", "gone"), namespace({REV: "blue"}))
    assert by(injection(objects)) == "NOBODY"


def test_revisions_by_version_have_the_operator_s_name_and_the_older_ones_stay() -> None:
    strategy = {"type": "RevisionBased"}
    plane = istio("prod", version="v1.27-latest", updateStrategy=strategy)
    objects = world(plane, revision("prod-v1-26-4", "prod"), namespace({}))
    assert by(injection(objects, {REV: "prod-v1-27-latest"})) == "prod"
    assert by(injection(objects, {REV: "prod-v1-26-4"})) == "prod"
    assert by(injection(objects, {REV: "prod"})) == "NOBODY"


def test_a_version_that_the_operator_chooses_leaves_the_revision_s_name_open() -> None:
    plane = istio("prod", updateStrategy={"type": "RevisionBased"})
    objects = world(plane, namespace({}))
    assert by(injection(objects, {REV: "prod-v1-27-3"})) == "unsure"
    assert by(injection(objects, {REV: "other"})) == "NOBODY"
    told = {**plane, "status": {"activeRevisionName": "prod-v1-27-3"}}
    assert by(injection(world(told, namespace({})), {REV: "prod-v1-27-3"})) == "prod"
    assert by(injection(world(told, namespace({})), {REV: "prod-v1-26-0"})) == "NOBODY"


def test_the_injector_s_own_configuration_is_heeded() -> None:
    def configured(webhook: Body, policy: str = "enabled") -> World:
        values = {
            "sidecarInjectorWebhook": webhook,
            "global": {"proxy": {"autoInject": policy}},
        }
        plane = istio("default", values=values)
        return world(plane, namespace({LEGACY: "enabled"}), namespace({}, "plain"))

    job = [{"matchExpressions": [{"key": "job", "operator": "Exists"}]}]
    never, by_request = configured({"neverInjectSelector": job}), configured({}, "disabled")
    assert by(injection(never, {"job": "x"})) == "REFUSED"
    assert by(injection(never, {"job": "x", INJECT: "true"})) == "default"
    assert by(injection(configured({"neverInjectSelector": [{}]}), {})) == "default"
    assert by(injection(by_request)) == "NOT_ASKED"
    assert by(injection(by_request, {INJECT: "true"})) == "default"
    always = configured({"alwaysInjectSelector": job}, "disabled")
    assert by(injection(always, {"job": "x"})) == "default"
    assert by(injection(configured({}, "off"), {INJECT: "true"})) == "REFUSED"
    everywhere = configured({"enableNamespacesByDefault": True})
    assert by(everywhere.injectors.injection(Pod("plain"))) == "default"
    assert by(everywhere.injectors.injection(Pod("kube-system"))) == "REFUSED"


def test_pods_on_the_node_s_network_are_left_alone() -> None:
    objects = world(istio("default"), namespace({LEGACY: "enabled"}))
    assert by(objects.injectors.injection(Pod("shop", host_network=True))) == "REFUSED"


def test_a_namespace_that_is_not_here_is_taken_to_say_nothing_where_the_pod_asks() -> None:
    objects = world(istio("default"), complete=False)
    assert by(injection(objects, {INJECT: "true"})) == "default"
    assert isinstance(injection(objects), Unsure)


ROLL: Body = {
    "apiVersion": "maistra.io/v1",
    "kind": "ServiceMeshMemberRoll",
    "metadata": {"name": "default", "namespace": "istio-system"},
    "spec": {"members": ["shop"]},
}


def control_plane(**injection: Any) -> Body:
    return {
        "apiVersion": "maistra.io/v2",
        "kind": "ServiceMeshControlPlane",
        "metadata": {"name": "basic", "namespace": "istio-system"},
        "spec": {"proxy": {"injection": injection}},
    }


@pytest.mark.parametrize(
    ("labels", "pod", "annotations", "expected"),
    [
        ({}, {}, {INJECT: "true"}, "basic"),
        ({}, {INJECT: "true"}, {}, "basic"),
        ({}, {INJECT: "false"}, {INJECT: "true"}, "REFUSED"),
        ({LEGACY: "enabled"}, {}, {}, "NOT_ASKED"),
        ({}, {REV: "basic"}, {}, "NOT_ASKED"),
        ({LEGACY: "disabled"}, {INJECT: "true"}, {}, "REFUSED"),
        ({"maistra.io/ignore-namespace": "ignore"}, {INJECT: "true"}, {}, "REFUSED"),
        # Its older versions took these for a yes.
        ({}, {}, {INJECT: "True"}, "unsure"),
    ],
)
def test_service_mesh_2_reads_labels_and_annotations_of_its_members(
    labels: Any, pod: Any, annotations: Any, expected: str
) -> None:
    objects = world(control_plane(), ROLL, namespace(labels))
    assert by(injection(objects, pod, annotations)) == expected


def test_service_mesh_2_injects_every_member_s_pod_where_it_is_told_to() -> None:
    assert by(injection(world(control_plane(autoInject=True), ROLL, namespace({})))) == "basic"
    outside = world(control_plane(autoInject=True), namespace({}))
    assert by(injection(outside, {INJECT: "true"})) == "NOT_ASKED"


def test_beside_service_mesh_2_a_revision_of_unknown_name_is_asked_all_the_same() -> None:
    plane = istio("prod", updateStrategy={"type": "RevisionBased"})
    objects = world(plane, control_plane(), ROLL, namespace({}))
    assert by(injection(objects, {REV: "prod-v1-27-3"})) == "unsure"
    assert by(injection(objects, {INJECT: "true"})) == "basic"


def serving(labels: Body) -> Body:
    workloads = [{"name": name, "labels": labels} for name in ("activator", "autoscaler")]
    return {
        "apiVersion": "operator.knative.dev/v1beta1",
        "kind": "KnativeServing",
        "metadata": {"name": "knative-serving", "namespace": "knative-serving"},
        "spec": {"workloads": workloads},
    }


def selecting(value: str) -> Body:
    return {"meshConfig": {"discoverySelectors": [{"matchLabels": {"mesh": value}}]}}


@pytest.mark.parametrize("chosen", ["one", "two"])
def test_serverless_is_in_the_mesh_that_injects_it(chosen: str) -> None:
    planes = [istio("one"), istio("two")]
    labelled = world(*planes, namespace({REV: chosen}, "knative-serving"))
    by_pods = world(*planes, namespace({}, "knative-serving"), serving({REV: chosen}))
    for objects in (labelled, by_pods):
        mesh = objects.serverless_mesh
        assert mesh is not None
        assert mesh.name == chosen
        assert mesh.explicit == {"knative-serving"}


@pytest.mark.parametrize("chosen", ["one", "two"])
def test_a_namespace_that_discovery_leaves_out_is_no_member_but_injected_all_the_same(
    chosen: str,
) -> None:
    planes = [istio(name, values=selecting(name)) for name in ("one", "two")]
    objects = world(*planes, namespace({REV: chosen, "mesh": "none"}, "knative-serving"))
    mesh = objects.serverless_mesh
    assert mesh is not None
    assert (mesh.name, mesh.explicit) == (chosen, frozenset())
    assert mesh.reads("knative-serving") is False


@pytest.mark.parametrize("chosen", ["one", "two"])
def test_the_injected_gateway_tells_the_mesh_where_nothing_else_does(chosen: str) -> None:
    template = {"metadata": {"labels": {"knative": "ingressgateway", REV: chosen}}}
    gateway = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "gateway", "namespace": "gateways"},
        "spec": {"template": template},
    }
    knative = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "knative-ingress-gateway", "namespace": "knative-serving"},
        "spec": {"selector": {"knative": "ingressgateway"}},
    }
    objects = world(istio("one"), istio("two"), namespace({}, "gateways"), gateway, knative)
    mesh = objects.serverless_mesh
    assert mesh is not None
    assert mesh.name == chosen
    others = [each.deployed for each in objects.meshes if each.name != chosen]
    assert others == [[]]


def test_the_istio_of_openshift_s_own_ingress_is_nobody_s_mesh() -> None:
    platform = istio("openshift-gateway", namespace="openshift-ingress")
    assert world(platform).meshes == []
    objects = world(platform, istio("default"))
    assert objects.serverless_mesh is not None
    assert objects.serverless_mesh.name == "default"
