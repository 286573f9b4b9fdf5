"""A mesh that others own is patched and joined; nothing of theirs is changed or taken away."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client
from kubernetes.dynamic import DynamicClient

from harness import example
from stacks import PulumiStack, make_stack
from toolchain.cluster import Cluster
from toolchain.dev import PACK

pytestmark = pytest.mark.e2e

MESH: dict[str, Any] = {
    "apiVersion": "maistra.io/v2",
    "kind": "ServiceMeshControlPlane",
    "metadata": {"name": "basic", "namespace": "istio-system", "labels": {"team": "mesh"}},
    "spec": {
        "profiles": ["default"],
        "tracing": {"type": "Jaeger", "sampling": 10000},
        "gateways": {"ingress": {"service": {"metadata": {"labels": {"team": "mesh"}}}}},
    },
}
ROLL: dict[str, Any] = {
    "apiVersion": "maistra.io/v1",
    "kind": "ServiceMeshMemberRoll",
    "metadata": {"name": "default", "namespace": "istio-system"},
    "spec": {"members": ["theirs"]},
}
OTHER_STACK = """
import pulumi
from pulumi_kubernetes.apiextensions import CustomResource, CustomResourcePatch

CustomResourcePatch(
    "mesh",
    api_version="maistra.io/v2",
    kind="ServiceMeshControlPlane",
    metadata={"name": "basic", "namespace": "istio-system"},
    spec={"security": {"dataPlane": {"mtls": True}}, "addons": {"kiali": {"enabled": True}}},
)
CustomResource(
    "bank",
    api_version="maistra.io/v1",
    kind="ServiceMeshMember",
    metadata={"name": "default", "namespace": "bank"},
    spec={"controlPlaneRef": {"name": "basic", "namespace": "istio-system"}},
)
"""


class Team:
    """The team that owns the mesh: writes by server-side apply, as `oc apply` does."""

    def __init__(self, api: client.ApiClient) -> None:
        self._objects = DynamicClient(api)

    def _kind(self, body: dict[str, Any]) -> Any:
        return self._objects.resources.get(api_version=body["apiVersion"], kind=body["kind"])

    def apply(self, body: dict[str, Any]) -> None:
        self._kind(body).server_side_apply(
            body=body,
            name=body["metadata"]["name"],
            namespace=body["metadata"]["namespace"],
            field_manager="mesh-team",
        )

    def get(self, body: dict[str, Any]) -> dict[str, Any]:
        about = body["metadata"]
        found = self._kind(body).get(name=about["name"], namespace=about["namespace"]).to_dict()
        return {"metadata": about_of(found), "spec": found["spec"]}

    def members(self) -> set[str]:
        kind = self._objects.resources.get(api_version="maistra.io/v1", kind="ServiceMeshMember")
        return {item.metadata.namespace for item in kind.get().items}


def about_of(found: dict[str, Any]) -> dict[str, Any]:
    names = ("name", "namespace", "labels", "annotations")
    return {key: found["metadata"][key] for key in names if found["metadata"].get(key)}


@pytest.fixture
def own(emptied: Cluster) -> Cluster:
    with emptied.client() as api:
        for name in ("istio-system", "theirs", "bank"):
            body: Any = {"metadata": {"name": name}}
            client.CoreV1Api(api).create_namespace(body)
    return emptied


@pytest.fixture
def team(own: Cluster) -> Iterator[Team]:
    with own.client() as api:
        yield Team(api)


@pytest.fixture
def stack(own: Cluster, tmp_path: Path) -> PulumiStack:
    return make_stack(tmp_path / "stack", own.kubeconfig, stack_file=example("existing-mesh"))


def test_the_whole_life_in_a_mesh_of_others(
    own: Cluster, team: Team, stack: PulumiStack, tmp_path: Path
) -> None:
    said = stack.fail("up", "--yes", "--skip-preview")
    assert "mesh.existing is true, but there is no ServiceMeshControlPlane in istio-system" in said
    team.apply(MESH)
    team.apply(ROLL)
    before, roll = team.get(MESH), team.get(ROLL)

    # Theirs first, then ours and another stack's at the same time.
    other = make_stack(tmp_path / "other", own.kubeconfig, program=OTHER_STACK, name="other")
    running = other.start("up", "--yes", "--skip-preview")
    stack.succeed("up", "--yes", *PACK)
    output, _ = running.communicate()
    assert running.returncode == 0, output
    found = team.get(MESH)["spec"]
    assert found["profiles"] == ["default"]
    assert found["tracing"] == MESH["spec"]["tracing"]
    assert found["addons"] == {"kiali": {"enabled": True}}
    assert found["security"]["dataPlane"] == {"mtls": True}
    labels = found["gateways"]["ingress"]["service"]["metadata"]["labels"]
    assert labels == {"team": "mesh", "knative": "ingressgateway"}
    assert team.get(ROLL) == roll
    assert team.members() == {"bank", "knative-serving", "knative-eventing", "shop"}
    assert "unchanged" in stack.succeed("up", "--yes", "--skip-preview", "--expect-no-changes")

    # Then theirs again, over ours: other fields, and the same ones with the same values.
    theirs = {**MESH["spec"], "version": "v2.6", "security": {"dataPlane": {"mtls": True}}}
    team.apply({**MESH, "spec": theirs})
    stack.up()
    assert team.get(MESH)["spec"]["version"] == "v2.6"
    team.apply(MESH)

    # Each takes away its own.
    other.destroy()
    found = team.get(MESH)["spec"]
    assert "addons" not in found
    assert found["security"]["dataPlane"] == {"mtls": True}
    assert "bank" not in team.members()
    stack.destroy()
    assert team.get(MESH) == before
    assert team.get(ROLL) == roll
    assert team.members() == set()


def test_a_field_that_others_set_otherwise_is_a_conflict(team: Team, stack: PulumiStack) -> None:
    team.apply({**MESH, "spec": {**MESH["spec"], "security": {"dataPlane": {"mtls": False}}}})
    before = team.get(MESH)
    said = stack.fail("up", "--yes", "--skip-preview")
    assert "mesh-team" in said
    assert ".spec.security.dataPlane.mtls" in said
    assert team.get(MESH) == before
    team.apply(MESH)
    stack.up()
    stack.destroy()


def test_excluded_ports_of_others_are_shared_or_asked_for(team: Team, stack: PulumiStack) -> None:
    def excluding(*ports: int) -> dict[str, Any]:
        inbound = {"trafficControl": {"inbound": {"excludedPorts": list(ports)}}}
        return {**MESH, "spec": {**MESH["spec"], "proxy": {"networking": inbound}}}

    team.apply(excluding(15020))
    before = team.get(MESH)
    said = stack.fail("up", "--yes", "--skip-preview")
    assert "excludes the inbound ports [15020] and Serverless needs [8444, 8022]" in said
    assert "oc patch --type=merge -n istio-system smcp/basic" in said
    assert '"excludedPorts": [15020, 8444, 8022]' in said
    assert team.get(MESH) == before
    team.apply(excluding(15020, 8444, 8022))
    before = team.get(MESH)
    stack.up()
    stack.destroy()
    assert team.get(MESH) == before


def test_serverless_is_never_moved_to_another_mesh(own: Cluster, tmp_path: Path) -> None:
    stack = make_stack(tmp_path / "moved", own.kubeconfig)
    stack.up()
    before = stack.state()
    for key, value, found in (
        ("mesh.namespace", "other-mesh", "Serverless runs in the mesh of istio-system"),
        ("mesh.name", "other", "Serverless runs in the mesh istio-system/basic"),
    ):
        stack.configure({key: value})
        for command in (("preview",), ("up", "--yes", "--skip-preview")):
            said = stack.fail(*command)
            assert found in said
            assert "not supported" in said
            assert "pulumi destroy" in said
        stack.remove(key)
    assert count(stack.state()) == count(before)
    stack.succeed("up", "--yes", "--skip-preview", "--expect-no-changes")
    # The documented way out.
    stack.destroy()
    stack.configure({"mesh.namespace": "other-mesh"})
    stack.up()
    stack.destroy()


def count(state: str) -> int:
    return state.count('"urn"')
