"""What the real Knative operator made of our KnativeServing and KnativeEventing."""

import pytest
import yaml

from mesh.installation import Installation
from mesh.knative import (
    CUSTOM_RESOURCES,
    NET_ISTIO,
    config,
    custom_resource,
    deployment,
    secret_filtering,
    shipped,
)
from toolchain.mesh.knative_routing import Gateway, Gateways
from toolchain.mesh.kodata import LEFT_TO_THE_USER
from toolchain.mesh.programs import SHIPPED_GATEWAYS

pytestmark = [pytest.mark.e2e, pytest.mark.mesh]


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
    mesh = installation.settings.mesh.namespace
    assert Gateways.of(config(installation, "config-istio", "knative-serving")) == Gateways(
        external=Gateway("knative-serving/knative-ingress-gateway", (mesh, "istio-ingressgateway")),
        local=Gateway("knative-serving/knative-local-gateway", (mesh, "knative-local-gateway")),
    )


def test_eventing_learns_of_istio(installation: Installation) -> None:
    assert config(installation, "config-features", "knative-eventing")["istio"] == "enabled"


@pytest.mark.parametrize("namespace", CUSTOM_RESOURCES.values())
def test_without_the_setting_observability_is_as_shipped(
    installation: Installation, namespace: str
) -> None:
    assert config(installation, "config-observability", namespace) == {}


def test_without_the_setting_net_istio_filters_secrets_as_shipped(
    installation: Installation,
) -> None:
    found = deployment(installation, NET_ISTIO, "knative-serving")
    assert secret_filtering(found) == secret_filtering(shipped("Deployment", NET_ISTIO))


def test_our_gateways_stay_ours(installation: Installation) -> None:
    for kind, name in LEFT_TO_THE_USER:
        namespace = "knative-serving"
        version = "networking.istio.io/v1alpha3"
        if kind == "Service":
            namespace, version = installation.settings.mesh.namespace, "v1"
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
