"""Each rule fails on its bad case in the engine's two doors and on a live cluster.

The documented integration is put up once. Then one thing is made wrong for each rule: in the stack,
where the rule stops a preview and its gate stops an update that skipped the preview, and in the
cluster behind the stack's back, where `serverless-mesh check` finds it.
"""

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from kubernetes import client
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import NotFoundError
from typer.testing import CliRunner

from mesh_policy.crossguard.names import GATE, OBSERVED
from mesh_policy.reading.objects import ref_of
from serverless_mesh.cli.main import app
from stacks import PulumiStack, make_stack
from tests.policy.integration import BROKEN, broken, documented, merged, together
from toolchain.cluster import Cluster
from toolchain.dev import PACK

pytestmark = pytest.mark.e2e

PROGRAM = """
import json
from importlib.metadata import version as installed
import pulumi

before = []
for body in json.load(open("objects.json")):
    version = body["apiVersion"] if "/" in body["apiVersion"] else "core/" + body["apiVersion"]
    before = [
        pulumi.CustomResource(
            f"kubernetes:{version}:{body['kind']}",
            "-".join([body["kind"], body["metadata"]["namespace"], body["metadata"]["name"]]),
            body,
            pulumi.ResourceOptions(depends_on=before, version=installed("pulumi-kubernetes")),
        )
    ]
"""


@dataclass(frozen=True)
class Door:
    """A stack of any objects on a cluster of its own."""

    stack: PulumiStack
    cluster: Cluster
    objects: DynamicClient

    def declare(self, objects: list[dict[str, Any]]) -> None:
        (self.stack.project / "objects.json").write_text(json.dumps(objects), "utf-8")

    def pack(self, **levels: Any) -> tuple[str, ...]:
        """Return the arguments that run the pack with these policies only, or otherwise set."""
        config = self.stack.project / "pack.json"
        asked = {name.replace("_", "-"): value for name, value in levels.items()}
        config.write_text(json.dumps({"all": "disabled", OBSERVED: "mandatory", **asked}), "utf-8")
        return (*PACK, "--policy-pack-config", str(config))

    def get(self, body: dict[str, Any]) -> dict[str, Any] | None:
        kind = self.objects.resources.get(api_version=body["apiVersion"], kind=body["kind"])
        about = body["metadata"]
        try:
            found = kind.get(name=about["name"], namespace=about["namespace"]).to_dict()
        except NotFoundError:
            return None
        return {"metadata": {"labels": found["metadata"].get("labels")}, "spec": found.get("spec")}

    def write(self, body: dict[str, Any]) -> None:
        kind = self.objects.resources.get(api_version=body["apiVersion"], kind=body["kind"])
        about = body["metadata"]
        if self.get(body) is None:
            kind.create(body=body, namespace=about["namespace"])
        else:
            kind.patch(
                body=body,
                name=about["name"],
                namespace=about["namespace"],
                content_type="application/merge-patch+json",
            )

    def delete(self, body: dict[str, Any]) -> None:
        kind = self.objects.resources.get(api_version=body["apiVersion"], kind=body["kind"])
        kind.delete(name=body["metadata"]["name"], namespace=body["metadata"]["namespace"])


@pytest.fixture(scope="module")
def door(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    folder = tmp_path_factory.mktemp("doors")
    with cluster.client() as api:
        for body in (*documented(), *BROKEN.values()):
            make_namespace(api, body["metadata"]["namespace"])
        stack = make_stack(folder / "stack", cluster.kubeconfig, program=PROGRAM)
        found = Door(stack, cluster, DynamicClient(api))
        found.declare(documented())
        # With every policy on, as the pack comes.
        stack.succeed("up", "--yes", *PACK)
        yield found


def make_namespace(api: client.ApiClient, name: str) -> None:
    body: Any = {"metadata": {"name": name}}
    try:
        client.CoreV1Api(api).create_namespace(body)
    except client.ApiException as error:
        if error.status != 409:
            raise


@pytest.fixture(scope="module")
def previewed(door: Door) -> dict[str, str]:
    """What previews say of each rule's bad case; those that can stand together share one."""
    said: dict[str, str] = {}
    for rules, objects in together(BROKEN):
        door.declare(objects)
        said |= dict.fromkeys(
            rules, door.stack.fail("preview", *door.pack(**dict.fromkeys(rules, "mandatory")))
        )
    return said


@pytest.mark.parametrize("rule", BROKEN)
def test_the_rule_stops_a_preview(previewed: dict[str, str], rule: str) -> None:
    said = previewed[rule]
    assert re.search(rf"\[mandatory\] \[severity: (high|medium)\] +{rule} ", said)
    assert BROKEN[rule]["metadata"]["name"] in said


@pytest.mark.parametrize("rule", BROKEN)
def test_the_gate_stops_the_write_when_the_preview_is_skipped(door: Door, rule: str) -> None:
    before = door.get(BROKEN[rule])
    door.declare(broken(documented(), BROKEN[rule]))
    update = ("up", "--yes", "--skip-preview")
    said = door.stack.fail(*update, *door.pack(**{rule + GATE: "mandatory"}))
    assert f" {rule}{GATE} " in said
    if rule == "metrics-reachable":
        # What the port is needed for is declared after the control plane, and stopped there.
        assert "(kubernetes:operator.knative.dev/v1beta1:KnativeServing" in said
        door.declare(documented())
        door.stack.succeed(*update)
    else:
        assert door.get(BROKEN[rule]) == before


EXEMPT = "serverless-mesh/exempt"
REASON = "the team moves it next week, ticket 4711"
ROUTED = "knative-service-annotations"


@pytest.mark.parametrize(("reason", "passes"), [(REASON, True), ("because", False)])
def test_an_exempt_object_passes_every_door_with_its_reason(
    door: Door, reason: str, passes: bool
) -> None:
    """Before anything was written behind the stack's back: what others hold is a conflict."""
    wrong = copy.deepcopy(BROKEN[ROUTED])
    wrong["metadata"]["annotations"][EXEMPT] = f"{ROUTED}: {reason}"
    right = next(body for body in documented() if ref_of(body) == ref_of(wrong))
    door.declare([merged(body, wrong) if body == right else body for body in documented()])
    levels: dict[str, Any] = {ROUTED: "mandatory", ROUTED + GATE: "mandatory"}
    run = door.stack.run("preview", *door.pack(**levels, exempted="advisory"))
    assert (run.code == 0) is passes, run.output
    assert (f"exempt: {reason}" in run.output) is passes
    run = door.stack.run("up", "--yes", "--skip-preview", *door.pack(**levels))
    assert (run.code == 0) is passes, run.output
    door.declare(documented())
    door.write(wrong)
    try:
        arguments = ["check", "--kubeconfig", str(door.cluster.kubeconfig), "--rule", ROUTED]
        done = CliRunner().invoke(app, arguments)
    finally:
        annotations = {**right["metadata"]["annotations"], EXEMPT: None}
        door.write({**right, "metadata": {**right["metadata"], "annotations": annotations}})
        door.stack.succeed("refresh", "--yes", "--skip-preview")
        door.stack.up()
    assert done.exit_code == (0 if passes else 1), done.output
    assert (f"exempt: {reason}" in done.output) is passes


@pytest.mark.parametrize("rule", BROKEN)
def test_a_check_of_the_live_cluster_finds_it(door: Door, rule: str) -> None:
    same = (body for body in documented() if ref_of(body) == ref_of(BROKEN[rule]))
    good = next(same, None)
    door.write(BROKEN[rule])
    try:
        done = CliRunner().invoke(
            app,
            [
                *("check", "--kubeconfig", str(door.cluster.kubeconfig)),
                *("--rule", rule, "--fail-on", "warning"),
            ],
        )
    finally:
        if good is None:
            door.delete(BROKEN[rule])
        else:
            door.write(undone(BROKEN[rule], good))
    assert done.exit_code == 1, done.output
    assert rule in done.output


def undone(change: dict[str, Any], good: dict[str, Any]) -> dict[str, Any]:
    """Return the merge patch that takes a change back, what it has added included."""
    return {
        **good,
        **{
            key: undone(value, good[key])
            if isinstance(value, dict) and isinstance(good.get(key), dict)
            else good.get(key)
            for key, value in change.items()
        },
    }
