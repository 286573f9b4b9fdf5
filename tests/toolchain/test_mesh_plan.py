"""What a ServiceMeshControlPlane comes to: each documented field, and what is not set."""

from typing import Any

import pytest

from toolchain.mesh.plan import ControlPlane, members, webhooks

Manifest = dict[str, Any]


def custom_resource(spec: Manifest, namespace: str = "istio-system") -> Manifest:
    return {"metadata": {"name": "basic", "namespace": namespace}, "spec": spec}


def documented() -> Manifest:
    return custom_resource(
        {
            "profiles": ["default"],
            "security": {"dataPlane": {"mtls": True}},
            "techPreview": {"meshConfig": {"defaultConfig": {"terminationDrainDuration": "35s"}}},
            "gateways": {
                "ingress": {"service": {"metadata": {"labels": {"knative": "ingressgateway"}}}}
            },
            "proxy": {
                "networking": {"trafficControl": {"inbound": {"excludedPorts": [8444, 8022]}}}
            },
        }
    )


def made(plan: ControlPlane, kind: str) -> Manifest:
    (found,) = (item for item in plan.objects() if item["kind"] == kind)
    return found


def test_the_documented_control_plane() -> None:
    plan = ControlPlane.of(documented())
    assert plan.mutual_tls
    assert plan.excluded_ports == {8444, 8022}
    assert plan.mesh_config["defaultConfig"] == {"terminationDrainDuration": "35s"}
    assert plan.values["global"]["proxy"]["excludeInboundPorts"] == "8022,8444"
    assert plan.gateway_labels == {
        "app": "istio-ingressgateway",
        "istio": "ingressgateway",
        "knative": "ingressgateway",
    }
    assert made(plan, "PeerAuthentication")["spec"] == {"mtls": {"mode": "STRICT"}}
    service = made(plan, "Service")["spec"]
    assert service["type"] == "ClusterIP"
    assert service["selector"] == plan.gateway_labels
    assert {port["port"]: port["targetPort"] for port in service["ports"]} == {
        15021: 15021,
        80: 8080,
        443: 8443,
    }


def test_what_is_not_set_has_the_operators_default() -> None:
    plan = ControlPlane.of(custom_resource({}))
    assert not plan.mutual_tls
    assert plan.excluded_ports == frozenset()
    assert "defaultConfig" not in plan.mesh_config
    assert "knative" not in plan.gateway_labels
    assert made(plan, "PeerAuthentication")["spec"] == {"mtls": {"mode": "PERMISSIVE"}}


@pytest.mark.parametrize("namespace", ["istio-system", "serverless-mesh"])
def test_everything_is_in_the_namespace_of_the_control_plane(namespace: str) -> None:
    plan = ControlPlane.of(custom_resource({}, namespace))
    assert {item["metadata"]["namespace"] for item in plan.objects()} == {namespace}
    assert plan.mesh_config["rootNamespace"] == namespace
    assert {"matchLabels": {"maistra.io/member-of": namespace}} in plan.mesh_config[
        "discoverySelectors"
    ]


def test_the_gateway_may_read_secrets_of_its_namespace_only() -> None:
    plan = ControlPlane.of(documented())
    assert made(plan, "Role")["rules"] == [
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "watch", "list"]}
    ]
    (subject,) = made(plan, "RoleBinding")["subjects"]
    assert subject["name"] == made(plan, "ServiceAccount")["metadata"]["name"]


def test_a_change_of_what_its_proxy_starts_with_rolls_the_gateway_out() -> None:
    before, after = documented(), documented()
    after["spec"]["techPreview"]["meshConfig"]["defaultConfig"]["terminationDrainDuration"] = "1s"
    templates = [
        made(ControlPlane.of(each), "Deployment")["spec"]["template"]
        for each in (before, documented(), after)
    ]
    assert templates[0] == templates[1] != templates[2]


def test_only_the_webhooks_are_changed_and_they_select_members() -> None:
    shipped: list[Manifest] = [
        {"kind": "ConfigMap"},
        {
            "kind": "MutatingWebhookConfiguration",
            "webhooks": [{"name": "rev.namespace", "failurePolicy": "Fail"}, {"name": "other"}],
        },
    ]
    first, changed = webhooks(shipped, "istio-system")
    assert first == shipped[0]
    members_, gateways = changed["webhooks"]
    assert members_["namespaceSelector"] == {
        "matchLabels": {"maistra.io/member-of": "istio-system"}
    }
    assert gateways["objectSelector"] == {"matchLabels": {"sidecar.istio.io/inject": "true"}}
    assert members_["failurePolicy"] == gateways["failurePolicy"] == "Fail"
    gateway = made(ControlPlane.of(documented()), "Deployment")["spec"]["template"]["metadata"]
    assert gateway["labels"]["sidecar.istio.io/inject"] == "true"


def test_members_come_from_the_roll_and_one_by_one() -> None:
    rolls: list[Manifest] = [
        {"metadata": {"namespace": "istio-system"}, "spec": {"members": ["one", "two"]}},
        {"metadata": {"namespace": "other"}, "spec": {"members": ["three"]}},
        {"metadata": {"namespace": "istio-system"}, "spec": {}},
    ]
    single: list[Manifest] = [
        {
            "metadata": {"name": "default", "namespace": "four"},
            "spec": {"controlPlaneRef": {"name": "basic", "namespace": "istio-system"}},
        }
    ]
    assert members(rolls, single, "istio-system") == {"one", "two", "four"}
    assert members(rolls, single, "other") == {"three"}
