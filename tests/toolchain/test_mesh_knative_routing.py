"""What becomes of a Knative Service: names, VirtualService, Route, Deployment."""

from typing import Any

import pytest

from toolchain.knative_names import Naming
from toolchain.mesh.knative_routing import Gateway, Gateways, KnativeService
from toolchain.mesh.workload import split

NAMING = Naming("apps.openshift.example.com")
DEFAULT = Gateways(
    Gateway("knative-serving/knative-ingress-gateway", ("istio-system", "istio-ingressgateway")),
    Gateway("knative-serving/knative-local-gateway", ("istio-system", "knative-local-gateway")),
)


def resource(
    *, passthrough: str = "true", annotations: dict[str, str] | None = None
) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "hello",
            "namespace": "default",
            "annotations": {"serving.knative.openshift.io/enablePassthrough": passthrough},
        },
        "spec": {
            "template": {
                "metadata": {
                    "annotations": annotations
                    if annotations is not None
                    else {"sidecar.istio.io/inject": "true"}
                }
            }
        },
    }


def test_the_pages_url() -> None:
    service = KnativeService.of(resource(), NAMING)
    assert service.host == "hello-default.apps.openshift.example.com"
    assert service.status(3, ready=True, reason="")["url"] == f"https://{service.host}"
    assert service.status(3, ready=True, reason="")["observedGeneration"] == 3


def test_the_configuration_decides_on_the_names() -> None:
    labelled = "selector: {app: shop}"
    template = {"domain-template": "{{.Name}}.{{.Namespace}}.{{.Domain}}"}
    domains = {"z.example.org": "", "kn.example.org": "", "a.example.org": labelled}
    naming = Naming.of(domains, template, "apps.openshift.example.com")
    assert KnativeService.of(resource(), naming).host == "hello.default.kn.example.org"
    assert Naming.of({}, {}, "apps.openshift.example.com") == NAMING


def test_an_empty_configuration_has_net_istios_gateways() -> None:
    assert Gateways.of({}) == DEFAULT
    assert Gateways.of({"_example": "gateway.a.b: c"}) == DEFAULT


def test_the_configuration_decides_on_the_gateways() -> None:
    config = {
        "gateway.knative-serving.knative-ingress-gateway": "in.mesh.svc.cluster.local",
        "local-gateway.knative-serving.knative-local-gateway": "local.mesh.svc.cluster.local",
    }
    assert Gateways.of(config) == Gateways(
        Gateway("knative-serving/knative-ingress-gateway", ("mesh", "in")),
        Gateway("knative-serving/knative-local-gateway", ("mesh", "local")),
    )


def test_each_gateway_serves_its_own_hosts() -> None:
    service = KnativeService.of(resource(), NAMING)
    spec = service.virtual_service(DEFAULT)["spec"]
    assert spec["gateways"] == [DEFAULT.external.name, DEFAULT.local.name]
    assert spec["hosts"] == [
        "hello.default",
        "hello.default.svc",
        "hello.default.svc.cluster.local",
        service.host,
    ]
    (rule,) = spec["http"]
    matched = {tuple(item["gateways"]): item["authority"]["prefix"] for item in rule["match"]}
    assert matched == {
        (DEFAULT.local.name,): "hello.default",
        (DEFAULT.external.name,): service.host,
    }


@pytest.mark.parametrize(
    ("passthrough", "termination", "port"),
    [("true", "passthrough", "https"), ("false", "edge", "http2")],
)
def test_the_annotation_decides_on_the_route(passthrough: str, termination: str, port: str) -> None:
    route = KnativeService.of(resource(passthrough=passthrough), NAMING).route(DEFAULT)
    assert route["metadata"]["namespace"] == "istio-system"
    assert route["spec"]["tls"] == {"termination": termination}
    assert route["spec"]["port"] == {"targetPort": port}
    assert route["spec"]["to"] == {"kind": "Service", "name": "istio-ingressgateway"}


def test_the_pods_are_what_the_service_says_and_knative_adds() -> None:
    service = KnativeService.of(resource(annotations={"sidecar.istio.io/inject": "true"}), NAMING)
    template = service.deployment()["spec"]["template"]
    assert template["metadata"] == {
        "annotations": {"sidecar.istio.io/inject": "true"},
        "labels": {
            "serving.knative.dev/service": "hello",
            "serving.knative.dev/revision": "hello-00001",
        },
    }
    # Nothing of Istio's: that is for admission to add.
    assert [item["name"] for item in template["spec"]["containers"]] == [
        "user-container",
        "queue-proxy",
    ]


def test_the_revisions_host_leads_to_its_pods() -> None:
    service = KnativeService.of(resource(), NAMING)
    spec = service.endpoints()["spec"]
    assert spec["hosts"] == ["hello-00001.default.svc.cluster.local"]
    selector = spec["workloadSelector"]["labels"].items()
    labels = service.deployment()["spec"]["template"]["metadata"]["labels"].items()
    assert selector <= labels


def test_excluded_ports_pass_the_sidecar_by() -> None:
    assert split((8012, 8022, 8444), (8444, 8022, 9090)) == ({8012}, {8022, 8444})
    assert split((8012,), ()) == ({8012}, set())
