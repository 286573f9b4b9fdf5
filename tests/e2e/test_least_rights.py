"""The roles in `deploy/` are enough for the program with the pack."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from harness import grant, make_stack, playing_operators, roles
from toolchain.cluster import Cluster
from toolchain.paths import ROOT

pytestmark = pytest.mark.e2e


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(tmp_path / "cluster") as cluster, playing_operators(cluster):
        yield cluster


def test_the_program_and_the_pack_run_with_the_least_rights(own: Cluster, tmp_path: Path) -> None:
    with own.client() as api:
        # Every OpenShift cluster has it.
        there: Any = {"metadata": {"name": "openshift-operators"}}
        client.CoreV1Api(api).create_namespace(there)
        files = ("base", "project", "kafka", "operators", "observer")
        grant(api, roles(*files))
    stack = make_stack(tmp_path / "stack", own.kubeconfig_for("pulumi"))
    stack.configure(
        projects=["shop"],
        kafkaBootstrapServers=["kafka.kafka:9092"],
        verificationImage="openshift/hello-openshift",
        verificationProject="shop",
        installOperators=True,
    )
    said = stack.up("--policy-pack", str(ROOT / "policy"))
    assert "can't be listed" not in said
    assert "can't be read" not in said
    stack.configure(keyBits=3072)
    stack.up("--refresh", "--policy-pack", str(ROOT / "policy"))
