"""What else users do with a stack: move its kubeconfig, target, protect, render."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client

from harness import playing_operators
from stacks import PulumiStack, make_stack
from toolchain.cluster import Cluster

pytestmark = pytest.mark.e2e

ROLL = ("maistra.io", "v1", "istio-system", "servicemeshmemberrolls", "default")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("commands") / "cluster"
    # Made from nothing, so that it can be told from the others.
    with Cluster(folder) as running, playing_operators(running):
        yield running


@pytest.fixture(scope="module")
def deployed(own: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PulumiStack]:
    stack = make_stack(tmp_path_factory.mktemp("commands-stack"), own.kubeconfig)
    stack.up()
    yield stack
    stack.destroy()


def urn(stack: PulumiStack, kind: str) -> str:
    (found,) = (
        each["urn"]
        for each in stack.resources()
        if each["custom"] and each["type"].endswith(f":{kind}")
    )
    return str(found)


def members(own: Cluster) -> list[str]:
    with own.client() as api:
        found: Any = client.CustomObjectsApi(api).get_namespaced_custom_object(*ROLL)
    return list(found["spec"]["members"])


def test_a_review_shows_a_change_field_by_field(deployed: PulumiStack) -> None:
    deployed.configure(projects=["shop"])
    said = deployed.preview()
    assert "~ maistra.io/v1:ServiceMeshMemberRoll: (update)" in said.replace("kubernetes:", "")
    assert '+ [2]: "shop"' in said
    assert "replace" not in said
    deployed.remove("projects")


def test_a_target_is_updated_alone(deployed: PulumiStack, own: Cluster) -> None:
    deployed.configure({"mesh.drainDuration": "40s"}, projects=["default"])
    said = deployed.up("--target", urn(deployed, "ServiceMeshMemberRoll"))
    assert members(own) == ["knative-serving", "knative-eventing", "default"]
    assert "ServiceMeshControlPlane basic" not in said
    assert "1 updated" in said
    deployed.remove("projects", "mesh.drainDuration")
    deployed.up()
    assert members(own) == ["knative-serving", "knative-eventing"]


def test_what_is_protected_is_not_destroyed(deployed: PulumiStack, own: Cluster) -> None:
    # The last of the order: what it depends on stays with it.
    deployed.succeed("state", "protect", urn(deployed, "KnativeEventing"), "--yes")
    said = deployed.fail("destroy", "--yes", "--skip-preview")
    assert "protected" in said
    assert members(own) == ["knative-serving", "knative-eventing"]
    # The program protects nothing by itself: the next update lifts it.
    deployed.up()
    deployed.up("--expect-no-changes")


def elsewhere(own: Cluster, folder: Path) -> Path:
    """Write a kubeconfig that leads to the same cluster by another address."""
    content = yaml.safe_load(own.kubeconfig.read_text("utf-8"))
    (entry,) = content["clusters"]
    entry["cluster"]["server"] = f"https://localhost:{own.port}"
    entry["cluster"]["tls-server-name"] = "127.0.0.1"
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(content), "utf-8")
    return path


def test_another_address_of_the_same_cluster_replaces_nothing(
    deployed: PulumiStack, own: Cluster, tmp_path: Path
) -> None:
    before = deployed.resources()
    deployed.configure({"kubernetes:kubeconfig": elsewhere(own, tmp_path)})
    said = deployed.up()
    assert "replaced" not in said
    assert {r["urn"]: r.get("id") for r in deployed.resources()} == {
        r["urn"]: r.get("id") for r in before
    }
    deployed.configure({"kubernetes:kubeconfig": own.kubeconfig})
    deployed.up()


def test_another_cluster_is_refused_before_anything_is_touched(
    deployed: PulumiStack, own: Cluster, cluster: Cluster
) -> None:
    before = deployed.state()
    deployed.configure({"kubernetes:kubeconfig": cluster.kubeconfig})
    for command in (("preview",), ("up", "--yes", "--skip-preview")):
        said = deployed.fail(*command)
        assert "this stack's objects are on another cluster" in said, said
        assert "pulumi stack init" in said
    deployed.configure({"kubernetes:kubeconfig": own.kubeconfig})
    assert members(own)
    assert len(json.loads(before)["checkpoint"]["latest"]["resources"]) == len(deployed.resources())
    deployed.up("--expect-no-changes")


def test_the_plugins_other_settings_keep_working(
    cluster: Cluster, operators: None, tmp_path: Path
) -> None:
    """Contexts, a kubeconfig as a secret text, structured settings: as without a provider of ours.

    The kubeconfig's own context leads nowhere, so that only the stack file's does.
    """
    content = yaml.safe_load(cluster.kubeconfig.read_text("utf-8"))
    content["contexts"].append({"name": "nowhere", "context": {"cluster": "x", "user": "x"}})
    content["current-context"] = "nowhere"
    stack = make_stack(tmp_path / "stack", cluster.kubeconfig)
    stack.set_secret("kubernetes:kubeconfig", yaml.safe_dump(content))
    stack.configure({"kubernetes:context": "local", "kubernetes:kubeClientSettings.qps": 77})
    stack.succeed("up", "--yes")
    providers = [r for r in stack.resources() if r["type"] == "pulumi:providers:kubernetes"]
    assert len(providers) == 2
    for provider in providers:
        assert provider["inputs"]["context"] == "local"
        assert json.loads(provider["inputs"]["kubeClientSettings"]) == {"qps": 77}
    assert "client-key" not in stack.state(), "the kubeconfig is encrypted"
    stack.destroy()


def test_what_is_rendered_needs_no_cluster(tmp_path: Path) -> None:
    stack = make_stack(tmp_path / "stack", tmp_path / "nowhere")
    rendered = tmp_path / "rendered"
    stack.remove("kubernetes:kubeconfig")
    stack.configure({"kubernetes:renderYamlToDirectory": rendered})
    said = stack.fail("preview")
    assert "serverless-mesh:appsDomain is not set" in said
    stack.configure(appsDomain="apps.openshift.example.com")
    said = stack.up()
    assert "wildcard-certs.yaml contains a secret value in plaintext" in said.replace("\n", "")
    names = {path.name for path in rendered.rglob("*.yaml")}
    assert any("wildcard-certs" in name for name in names)
    assert any("servicemeshcontrolplane-istio-system-basic" in name for name in names), names
