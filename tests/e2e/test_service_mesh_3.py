"""Service Mesh 3, put up by the real engine on the real API server."""

from collections.abc import Iterator
from typing import Any

import pytest

from harness import example
from stacks import PulumiStack, make_stack
from toolchain.cluster import Cluster
from toolchain.dev import PACK

pytestmark = pytest.mark.e2e

GATEWAY = "knative-istio-ingressgateway"
PLACE = "knative-serving-ingress"


@pytest.fixture(scope="module")
def deployed(own: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PulumiStack]:
    folder = tmp_path_factory.mktemp("mesh3-stack")
    stack = make_stack(folder, own.kubeconfig, stack_file=example("service-mesh-3"))
    stack.configure({"mesh.longRequests": True})
    stack.succeed("up", "--yes", *PACK)
    yield stack
    stack.destroy()


def test_the_gateway_is_available_and_all_that_it_needs_is_there(
    deployed: PulumiStack, get: Any
) -> None:
    found = get("apps/v1", "Deployment", GATEWAY, PLACE)
    assert found["status"]["availableReplicas"] == 2
    assert get("v1", "Service", GATEWAY, PLACE)["metadata"]["labels"] == {
        "knative": "ingressgateway"
    }
    assert get("v1", "Secret", "wildcard-certs", PLACE)["type"] == "kubernetes.io/tls"
    rule = get("networking.istio.io/v1", "DestinationRule", "knative-local-gateway", PLACE)
    assert rule["spec"]["trafficPolicy"] == {"tls": {"mode": "ISTIO_MUTUAL"}}
    assert deployed.outputs()["wildcardSecret"] == f"{PLACE}/wildcard-certs"


def test_projects_are_injected_into_and_knatives_own_namespaces_are_not(
    deployed: PulumiStack, get: Any
) -> None:
    labels = {
        name: get("v1", "Namespace", name)["metadata"]["labels"]
        for name in ("shop", "knative-serving", "knative-eventing", PLACE, "istio-system")
    }
    assert {each["mesh"] for each in labels.values()} == {"serverless"}
    assert labels.pop("shop")["istio-injection"] == "enabled"
    assert not any("istio-injection" in each for each in labels.values())


def test_nothing_changes_in_a_second_run(deployed: PulumiStack) -> None:
    said = deployed.succeed("preview", "--expect-no-changes", *PACK)
    assert "unchanged" in said
