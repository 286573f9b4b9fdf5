"""The optional parts, put up by the real engine on the real API server."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from harness import PAUSE, FreshCluster, until
from stacks import PulumiStack, make_stack
from tests.policy.cases import tls_data
from toolchain.cluster import Cluster
from toolchain.dev import PACK
from toolchain.paths import ROOT

pytestmark = pytest.mark.e2e

UID = "networking.internal.knative.dev/certificate-uid"
NO_POLICIES = "serverless.openshift.io/disable-istio-net-policies-generation"


@pytest.fixture(scope="module")
def deployed(own: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PulumiStack]:
    with own.client() as api:
        core = client.CoreV1Api(api)
        namespace: Any = {"metadata": {"name": "shop"}}
        core.create_namespace(namespace)
        served = tls_data(names=["www.example.org"], encoded=False)
        secret: Any = {"metadata": {"name": "shop-tls"}, "stringData": served}
        core.create_namespaced_secret("shop", secret)
    stack = make_stack(tmp_path_factory.mktemp("options-stack"), own.kubeconfig)
    stack.configure(
        {
            "kafka.bootstrapServers": ["kafka-a.kafka:9092", "kafka-b.kafka:9093"],
            "kafka.partitions": 6,
            "kafka.replicationFactor": 2,
            "knative.metrics": True,
            "mesh.manageNetworkPolicy": False,
            "knative.secretFiltering": False,
            "verification.image": "openshift/hello-openshift",
            "verification.project": "shop",
            "operators.approval": "Automatic",
            "knative.labelledSecrets": [{"namespace": "shop", "name": "shop-tls"}],
            "domainMappings": [
                {
                    "host": "www.example.org",
                    "project": "shop",
                    "service": "hello",
                    "secret": "shop-tls",
                }
            ],
        },
        projects=["shop"],
    )
    stack.succeed("up", "--yes", *PACK)
    yield stack
    stack.destroy()


def test_a_second_up_changes_nothing(deployed: PulumiStack) -> None:
    said = deployed.succeed("up", "--yes", "--expect-no-changes", *PACK)
    assert "unchanged" in said


def test_kafka_and_the_way_to_its_brokers(deployed: PulumiStack, get: Any) -> None:
    version = "operator.serverless.openshift.io/v1alpha1"
    spec = get(version, "KnativeKafka", "knative-kafka", "knative-eventing")["spec"]
    servers = "kafka-a.kafka:9092,kafka-b.kafka:9093"
    assert spec["channel"] == {"enabled": True, "bootstrapServers": servers}
    assert spec["broker"]["defaultConfig"] == {
        "bootstrapServers": servers,
        "numPartitions": 6,
        "replicationFactor": 2,
    }
    assert spec["source"] == spec["sink"] == {"enabled": True}
    assert len(spec["workloads"]) == 7
    entry = get("networking.istio.io/v1alpha3", "ServiceEntry", "kafka-cluster", "knative-eventing")
    assert entry["spec"]["hosts"] == ["kafka-a.kafka", "kafka-b.kafka"]
    assert [port["number"] for port in entry["spec"]["ports"]] == [9092, 9093]


@pytest.mark.parametrize(
    ("kind", "namespace"),
    [("KnativeServing", "knative-serving"), ("KnativeEventing", "knative-eventing")],
)
def test_metrics_and_network_policies(
    deployed: PulumiStack, get: Any, kind: str, namespace: str
) -> None:
    found = get("operator.knative.dev/v1beta1", kind, namespace, namespace)
    assert found["metadata"]["annotations"][NO_POLICIES] == "true"
    assert found["spec"]["config"]["observability"] == {
        "metrics.backend-destination": "prometheus",
        "metrics-protocol": "prometheus",
        "request-metrics-protocol": "prometheus",
    }
    mesh = get("maistra.io/v2", "ServiceMeshControlPlane", "basic", "istio-system")["spec"]
    assert mesh["security"]["manageNetworkPolicy"] is False
    assert 8444 in mesh["proxy"]["networking"]["trafficControl"]["inbound"]["excludedPorts"]


def test_secret_filtering_is_off_and_the_secret_is_labelled(
    deployed: PulumiStack, get: Any
) -> None:
    serving = get(
        "operator.knative.dev/v1beta1", "KnativeServing", "knative-serving", "knative-serving"
    )
    (workload,) = serving["spec"]["workloads"]
    assert workload["name"] == "net-istio-controller"
    assert workload["env"][0]["envVars"] == [
        {"name": "ENABLE_SECRET_INFORMER_FILTERING_BY_CERT_UID", "value": "false"}
    ]
    labels = get("v1", "Secret", "shop-tls", "shop")["metadata"]["labels"]
    wildcard = get("v1", "Secret", "wildcard-certs", "istio-system")["metadata"]["labels"]
    assert labels[UID] != wildcard[UID]


def test_the_operators_are_subscribed_to(deployed: PulumiStack, get: Any) -> None:
    version = "operators.coreos.com/v1alpha1"
    serverless = get(version, "Subscription", "serverless-operator", "openshift-serverless")
    mesh = get(version, "Subscription", "servicemeshoperator", "openshift-operators")
    for found in (serverless, mesh):
        assert found["spec"]["channel"] == "stable"
        assert found["status"]["installedCSV"]


def test_a_host_outside_the_wildcard_is_mapped(deployed: PulumiStack, get: Any) -> None:
    mapping = get("serving.knative.dev/v1beta1", "DomainMapping", "www.example.org", "shop")
    assert mapping["spec"]["ref"]["name"] == "hello"
    assert mapping["spec"]["tls"] == {"secretName": "shop-tls"}
    version = "networking.internal.knative.dev/v1alpha1"
    assert get(version, "ClusterDomainClaim", "www.example.org")["spec"] == {"namespace": "shop"}


def test_the_verification_service_and_its_address(deployed: PulumiStack, get: Any) -> None:
    found = get("serving.knative.dev/v1", "Service", "hello", "shop")
    assert found["metadata"]["annotations"]["serving.knative.openshift.io/enablePassthrough"]
    template = found["spec"]["template"]["metadata"]["annotations"]
    assert template["sidecar.istio.io/inject"] == "true"
    assert template["sidecar.istio.io/rewriteAppHTTPProbers"] == "true"
    url = deployed.outputs()["verificationUrl"]
    assert url == found["status"]["url"] == "https://hello-shop.apps.openshift.example.com"
    roll = get("maistra.io/v1", "ServiceMeshMemberRoll", "default", "istio-system")
    assert "shop" in roll["spec"]["members"]


def test_destroy_leaves_the_labelled_secret_as_it_was(own: Cluster, tmp_path: Path) -> None:
    with own.client() as api:
        core = client.CoreV1Api(api)
        namespace: Any = {"metadata": {"name": "bank"}}
        core.create_namespace(namespace)
        secret: Any = {"metadata": {"name": "tls", "labels": {"team": "bank"}}}
        before: Any = core.create_namespaced_secret("bank", secret)
        program = (
            "from components.labelled_secrets import LabelledSecrets\n"
            "from serverless_mesh.settings import LabelledSecret\n"
            "secret = LabelledSecret(namespace='bank', name='tls')\n"
            "LabelledSecrets('labelled', [secret])\n"
        )
        stack = make_stack(tmp_path, own.kubeconfig, program=program)
        env = {"PYTHONPATH": str(ROOT)}
        assert stack.run("up", "--yes", "--skip-preview", env=env).code == 0
        labelled: Any = core.read_namespaced_secret("tls", "bank")
        assert UID in labelled.metadata.labels
        stack.destroy()
        after: Any = core.read_namespaced_secret("tls", "bank")
    assert after.metadata.labels == before.metadata.labels == {"team": "bank"}


def test_a_missing_operator_is_named(fresh_cluster: FreshCluster, tmp_path: Path) -> None:
    with fresh_cluster(tmp_path / "cluster") as bare:
        with bare.client() as api:
            client.ApiextensionsV1Api(api).delete_custom_resource_definition(
                "knativeservings.operator.knative.dev"
            )
            objects = client.CustomObjectsApi(api)

            def kinds() -> set[str]:
                found: Any = objects.get_api_resources("operator.knative.dev", "v1beta1")
                return {each.kind for each in found.resources}

            # The API server goes on serving a kind for a moment after its definition has gone.
            until(lambda: "KnativeServing" not in kinds(), 60)
        stack = make_stack(tmp_path / "stack", bare.kubeconfig)
        said = stack.fail("up", "--yes", "--skip-preview")
        assert "the OpenShift Serverless operator is not installed" in said
        assert "operator.knative.dev/v1beta1 KnativeServing" in said
        assert "serverless-mesh:operators" in said
        assert not [
            each
            for each in stack.resources()
            if each.get("custom") and "kubernetes" in each["type"]
        ]


def test_operators_bring_their_definitions(unused: Cluster, tmp_path: Path) -> None:
    """The Lifecycle Manager is played: definitions come some time after the subscriptions."""
    groups = ("maistra.io", "operator.knative.dev", "networking.istio.io")
    with unused.client() as api:
        order = client.V1ConfigMap(
            metadata=client.V1ObjectMeta(name="operators-stand-in"), data={"Subscription": "hold"}
        )
        core = client.CoreV1Api(api)
        core.create_namespaced_config_map("kube-system", order)
        objects: Any = client.CustomObjectsApi(api)
        definitions = ("apiextensions.k8s.io", "v1", "customresourcedefinitions")
        taken = []
        for item in objects.list_cluster_custom_object(*definitions)["items"]:
            if item["spec"]["group"] in groups:
                taken.append(item)
                objects.delete_cluster_custom_object(*definitions, item["metadata"]["name"])
        stack = make_stack(tmp_path / "stack", unused.kubeconfig)
        stack.configure({"operators.approval": "Automatic"})
        # Nothing of it can be dry-run yet.
        assert "preview failed" not in stack.preview(*PACK)
        running = stack.start("up", "--yes", "--skip-preview", *PACK)
        subscriptions = ("operators.coreos.com", "v1alpha1", "subscriptions")
        while len(objects.list_cluster_custom_object(*subscriptions)["items"]) < 2:
            assert running.poll() is None, running.communicate()[0]
            time.sleep(PAUSE)
        for item in taken:
            about = {"name": item["metadata"]["name"]}
            objects.create_cluster_custom_object(
                *definitions, {**item, "metadata": about, "status": {}}
            )
        core.delete_namespaced_config_map("operators-stand-in", "kube-system")
        output, _ = running.communicate()
        assert running.returncode == 0, output
        assert "Subscription" in output
        stack.destroy()
