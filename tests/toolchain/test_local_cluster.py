"""The local API server: ready with every kind, access by RBAC, gone without a trace."""

from pathlib import Path

import pytest
from kubernetes import client, config

from harness import FreshCluster
from toolchain import processes
from toolchain.cluster import Cluster

pytestmark = pytest.mark.e2e

KINDS = {
    "gateways.networking.istio.io",
    "serviceentries.networking.istio.io",
    "peerauthentications.security.istio.io",
    "services.serving.knative.dev",
    "domainmappings.serving.knative.dev",
    "knativeservings.operator.knative.dev",
    "knativeeventings.operator.knative.dev",
    "knativekafkas.operator.serverless.openshift.io",
    "servicemeshcontrolplanes.maistra.io",
    "servicemeshmemberrolls.maistra.io",
    "servicemeshmembers.maistra.io",
    "ingresses.config.openshift.io",
    "routes.route.openshift.io",
    "subscriptions.operators.coreos.com",
}


def create_namespace(api: client.ApiClient, name: str) -> None:
    metadata = client.V1ObjectMeta(name=name)
    client.CoreV1Api(api).create_namespace(client.V1Namespace(metadata=metadata))


def test_every_kind_of_the_documentation_is_served(cluster: Cluster) -> None:
    with cluster.client() as api:
        definitions = client.ApiextensionsV1Api(api).list_custom_resource_definition().items
    assert {item.metadata.name for item in definitions if item.metadata} >= KINDS


def test_a_user_without_roles_may_do_nothing(cluster: Cluster) -> None:
    configuration = client.Configuration()
    config.load_kube_config(
        str(cluster.kubeconfig_for("nobody")), client_configuration=configuration
    )
    with client.ApiClient(configuration) as api, pytest.raises(client.ApiException) as caught:
        client.CoreV1Api(api).list_namespace()
    assert caught.value.status == 403


def test_a_killed_api_server_comes_back_at_the_same_address(
    fresh_cluster: FreshCluster, tmp_path: Path
) -> None:
    with fresh_cluster(tmp_path / "cluster") as own, own.client() as api:
        create_namespace(api, "kept")
        own.kill_api_server()
        own.start_api_server()
        assert client.CoreV1Api(api).read_namespace("kept")
        pids = own.pids()
    assert len(pids) == 3
    assert all(processes.birth(pid) is None for pid in pids)


def test_data_and_address_survive_a_stop(tmp_path: Path) -> None:
    with Cluster(tmp_path / "cluster") as first, first.client() as api:
        create_namespace(api, "kept")
    with Cluster(tmp_path / "cluster") as second, second.client() as api:
        assert client.CoreV1Api(api).read_namespace("kept")
        assert second.port == first.port


def test_everything_listens_on_this_machine_only(cluster: Cluster) -> None:
    listening = set()
    for pid in cluster.pids():
        sockets = {str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir()}
        for table in ("tcp", "tcp6"):
            for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                    listening.add(fields[1].rpartition(":")[0])
    assert listening == {"0100007F"}
