"""What the real Knative operator made of our KnativeServing and KnativeEventing."""

from typing import Any

import pytest
import yaml

from mesh.installation import Installation, Manifest
from toolchain.mesh.knative_routing import Gateway, Gateways
from toolchain.mesh.kodata import LEFT_TO_THE_USER
from toolchain.mesh.programs import SHIPPED_GATEWAYS

pytestmark = [pytest.mark.e2e, pytest.mark.mesh]
CUSTOM_RESOURCES = {
    "KnativeServing": "knative-serving",
    "KnativeEventing": "knative-eventing",
}
SECRET_FILTERING = "ENABLE_SECRET_INFORMER_FILTERING_BY_CERT_UID"


def custom_resource(installation: Installation, kind: str) -> Manifest:
    name = CUSTOM_RESOURCES[kind]
    found = installation.mesh.objects.find("operator.knative.dev/v1beta1", kind, name, name)
    assert found is not None
    return found


def deployment(installation: Installation, name: str, namespace: str) -> Manifest:
    found = installation.mesh.objects.find("apps/v1", "Deployment", name, namespace)
    assert found is not None, f"there is no Deployment {namespace}/{name}"
    return found


def config(installation: Installation, name: str, namespace: str) -> dict[str, Any]:
    found = installation.mesh.objects.find("v1", "ConfigMap", name, namespace)
    assert found is not None
    return dict(found.get("data") or {})


@pytest.mark.parametrize("kind", CUSTOM_RESOURCES)
def test_it_is_ready_by_the_operators_own_word(installation: Installation, kind: str) -> None:
    status = custom_resource(installation, kind)["status"]
    conditions = {item["type"]: item["status"] for item in status["conditions"]}
    assert conditions == {
        "Ready": "True",
        "InstallSucceeded": "True",
        "DeploymentsAvailable": "True",
        "DependenciesInstalled": "True",
        "VersionMigrationEligible": "True",
    }
    assert status["version"].startswith("1.15")


@pytest.mark.parametrize("kind", CUSTOM_RESOURCES)
def test_every_listed_deployment_gets_a_sidecar(installation: Installation, kind: str) -> None:
    resource = custom_resource(installation, kind)
    listed = [
        *resource["spec"].get("deployments", []),
        *resource["spec"].get("workloads", []),
    ]
    assert listed
    for item in listed:
        wanted = item.get("annotations")
        if not wanted:
            continue
        found = deployment(installation, item["name"], CUSTOM_RESOURCES[kind])
        assert found["spec"]["template"]["metadata"]["annotations"].items() >= wanted.items()
        assert wanted["sidecar.istio.io/inject"] == "true"


def test_net_istio_finds_our_gateways(installation: Installation) -> None:
    mesh = installation.settings.mesh_namespace
    assert Gateways.of(config(installation, "config-istio", "knative-serving")) == Gateways(
        external=Gateway("knative-serving/knative-ingress-gateway", (mesh, "istio-ingressgateway")),
        local=Gateway("knative-serving/knative-local-gateway", (mesh, "knative-local-gateway")),
    )


def test_eventing_learns_of_istio(installation: Installation) -> None:
    assert config(installation, "config-features", "knative-eventing")["istio"] == "enabled"


@pytest.mark.parametrize("kind", CUSTOM_RESOURCES)
def test_the_observability_of_the_resource_arrives(installation: Installation, kind: str) -> None:
    spec = custom_resource(installation, kind)["spec"]
    wanted = spec.get("config", {}).get("observability", {})
    found = config(installation, "config-observability", CUSTOM_RESOURCES[kind])
    found.pop("_example", None)
    assert found == wanted


def test_net_istio_filters_secrets_as_the_resource_says(
    installation: Installation,
) -> None:
    workloads = custom_resource(installation, "KnativeServing")["spec"].get("workloads", [])
    said = {
        variable["name"]: variable["value"]
        for workload in workloads
        if workload["name"] == "net-istio-controller"
        for entry in workload.get("env", [])
        for variable in entry["envVars"]
    }
    found = deployment(installation, "net-istio-controller", "knative-serving")
    (container,) = found["spec"]["template"]["spec"]["containers"]
    (value,) = (item["value"] for item in container["env"] if item["name"] == SECRET_FILTERING)
    assert value == said.get(SECRET_FILTERING, "false")


def test_our_gateways_stay_ours(installation: Installation) -> None:
    for kind, name in LEFT_TO_THE_USER:
        namespace = "knative-serving"
        version = "networking.istio.io/v1alpha3"
        if kind == "Service":
            namespace, version = installation.settings.mesh_namespace, "v1"
        found = installation.mesh.objects.find(version, kind, name, namespace)
        assert found is not None
        assert "ownerReferences" not in found["metadata"]
        assert "manifestival" not in {
            entry["manager"] for entry in found["metadata"]["managedFields"]
        }


def test_the_gateways_that_the_community_ships_would_break_ours() -> None:
    shipped = {
        item["metadata"]["name"]: item["spec"]
        for item in yaml.safe_load_all(SHIPPED_GATEWAYS.read_text("utf-8"))
        if item["kind"] == "Gateway"
    }
    ports = {
        name: [(server["port"]["number"], server["port"]["protocol"]) for server in spec["servers"]]
        for name, spec in shipped.items()
    }
    assert ports == {
        "knative-ingress-gateway": [(80, "HTTP")],
        "knative-local-gateway": [(8081, "HTTP")],
    }
