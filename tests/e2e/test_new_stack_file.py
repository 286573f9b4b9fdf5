"""`config new` on the real API server: its stack file is brought up, and then found as it is."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from stacks import Run, make_stack
from toolchain.cluster import Cluster
from toolchain.paths import VENV

pytestmark = pytest.mark.e2e


def config(command: str, *arguments: str | Path) -> Run:
    done = subprocess.run(
        [VENV / "bin" / "serverless-mesh", "config", command, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Run(done.stdout, done.returncode)


def settings(file: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(file.read_text("utf-8"))["config"])


def test_from_a_cluster_to_a_stack_and_back(own: Cluster, tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.test.yaml"
    new = ("--kubeconfig", own.kubeconfig, "--output", file)
    open_choice = config("new", *new)
    assert open_choice.code == 2, open_choice.output
    assert "choose by --mesh 2 or --mesh 3" in open_choice.output
    assert not file.exists()

    assert config("new", *new, "--mesh", "3").code == 0
    first = file.read_text("utf-8")
    assert config("check", file).code == 0
    assert settings(file)["serverless-mesh:appsDomain"] == "apps.openshift.example.com"
    assert "existing" not in settings(file)["serverless-mesh:mesh"]
    again = config("new", *new, "--mesh", "2")
    assert again.code == 2
    assert f"{file} is there already: overwrite it by --force" in again.output
    assert file.read_text("utf-8") == first

    stack = make_stack(tmp_path / "stack", own.kubeconfig, stack_file=file)
    try:
        stack.up()
        found = config("new", *new, "--force")
        assert found.code == 0, found.output
        assert "KnativeServing knative-serving/knative-serving is there already" in found.output
        there = settings(file)
        assert there["serverless-mesh:mesh"] == {
            "version": 3,
            "existing": True,
            "namespace": "istio-system",
            "name": "default",
        }
        assert there["serverless-mesh:certificate"] == {
            "from": "secret",
            "secret": "wildcard-certs",
        }
        assert config("check", file).code == 0
        assert "PRIVATE KEY" not in file.read_text("utf-8") + found.output
    finally:
        stack.destroy()
