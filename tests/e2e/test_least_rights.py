"""The roles in `deploy/` are enough for the program, and little enough to be worth something."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config, utils

from harness import make_stack, playing_operators
from toolchain.cluster import Cluster
from toolchain.paths import ROOT

pytestmark = pytest.mark.e2e


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(tmp_path / "cluster") as cluster, playing_operators(cluster):
        yield cluster


def test_the_program_and_the_pack_run_with_the_least_rights(own: Cluster, tmp_path: Path) -> None:
    with own.client() as api:
        namespace: Any = {"metadata": {"name": "istio-system"}}
        client.CoreV1Api(api).create_namespace(namespace)
        for name in ("rbac.yaml", "observer.yaml"):
            utils.create_from_yaml(api, str(ROOT / "deploy" / name))
    kubeconfig = own.kubeconfig_for("pulumi")
    stack = make_stack(tmp_path / "stack", kubeconfig)
    stack.configure(
        projects=["shop"],
        kafkaBootstrapServers=["kafka.kafka:9092"],
        verificationImage="openshift/hello-openshift",
        installOperators=True,
    )
    said = stack.up("--policy-pack", str(ROOT / "policy"))
    assert "can't be listed" not in said
    assert "can't be read" not in said
    stack.configure(projects=["bank"], keyBits=3072)
    stack.up("--refresh")
    stack.destroy()
    configuration = client.Configuration()
    config.load_kube_config(str(kubeconfig), client_configuration=configuration)
    with client.ApiClient(configuration) as api, pytest.raises(client.ApiException) as caught:
        client.CoreV1Api(api).list_pod_for_all_namespaces()
    assert caught.value.status == 403


def test_a_user_without_rights_is_told_which_role_is_needed(own: Cluster, tmp_path: Path) -> None:
    stack = make_stack(tmp_path / "stack", own.kubeconfig_for("nobody"))
    said = stack.fail("up", "--yes", "--skip-preview")
    assert "403" in said
    assert "deploy/rbac.yaml" in said
    assert not [resource for resource in stack.resources() if resource["custom"]]
