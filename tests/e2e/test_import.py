"""An integration that was made by hand becomes a stack's, and nothing of it is made anew."""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.dynamic import DynamicClient

from stacks import PulumiStack, Run, make_stack
from tests.policy.cases import Loader
from toolchain.cluster import Cluster
from toolchain.dev import PACK
from toolchain.operators.status import MEMBER_OF
from toolchain.paths import ROOT, VENV

pytestmark = pytest.mark.e2e

Body = dict[str, Any]
DOCUMENTS = ROOT / "tests" / "policy" / "documents"
OF_CLUSTERS = ("managedFields", "resourceVersion", "generation", "annotations")
THERE_ALREADY = ("Ingress",)
NO_SETTING = "spec.config.config-features.delivery-timeout"
BY_VENDORS_TESTS: Any = {"spec": {"config": {"config-features": {"delivery-timeout": "enabled"}}}}


@dataclass(frozen=True)
class Hand:
    """Whoever made it by hand: writes as kubectl does, and looks what is there."""

    objects: DynamicClient

    def _kind(self, body: Body) -> Any:
        return self.objects.resources.get(api_version=body["apiVersion"], kind=body["kind"])

    def create(self, body: Body, manager: str) -> None:
        place = body["metadata"].get("namespace")
        self._kind(body).create(body=body, namespace=place, field_manager=manager)

    def get(self, body: Body) -> Body:
        about = body["metadata"]
        found = self._kind(body).get(name=about["name"], namespace=about.get("namespace"))
        read = dict(found.to_dict())
        # Service Mesh 2 labels its members when it comes to them.
        read["metadata"].get("labels", {}).pop(MEMBER_OF, None)
        return read

    def rename_ports(self, body: Body, settings: str) -> None:
        """Do what the stack file's comment says."""
        command = re.search(r"kubectl patch serviceentry .* -p '(.*)'", settings)
        assert command is not None
        about = body["metadata"]
        self._kind(body).patch(
            body=json.loads(command[1]),
            name=about["name"],
            namespace=about["namespace"],
            content_type="application/json-patch+json",
            field_manager="kubectl-patch",
        )

    def hold(self, body: Body, manager: str) -> None:
        """Hold fields by server-side apply, as `kubectl apply --server-side` does."""
        about = body["metadata"]
        self._kind(body).server_side_apply(
            body=body, name=about["name"], namespace=about["namespace"], field_manager=manager
        )


def documented(name: str) -> list[Body]:
    text = (DOCUMENTS / f"{name}.yaml").read_text("utf-8")
    found = list(yaml.load_all(text, Loader))
    return [each for each in found if each["kind"] not in THERE_ALREADY]


@pytest.fixture
def own(emptied: Cluster) -> Cluster:
    return emptied


@pytest.fixture
def hand(own: Cluster) -> Iterator[Hand]:
    with own.client() as api:
        yield Hand(DynamicClient(api))


@pytest.fixture
def stack(own: Cluster, tmp_path: Path) -> PulumiStack:
    return make_stack(tmp_path / "stack", own.kubeconfig)


def serverless_mesh(stack: PulumiStack, *arguments: str) -> Run:
    done = subprocess.run(
        [str(VENV / "bin" / "serverless-mesh"), "import", *arguments],
        cwd=stack.project,
        env=dict(stack.env),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return Run(done.stdout, done.returncode)


def settle(stack: PulumiStack, kubeconfig: Path) -> str:
    """Write the stack file that the command prints, and return it."""
    printed = serverless_mesh(stack, "settings", "--kubeconfig", str(kubeconfig)).output
    file = stack.project / f"Pulumi.{stack.name}.yaml"
    salt = re.findall(r"^encryptionsalt:.*$", file.read_text("utf-8"), re.MULTILINE)
    file.write_text("\n".join((*salt, printed)), "utf-8")
    return printed


def listed(stack: PulumiStack, file: Path) -> list[dict[str, str]]:
    """Return what the command lists, written to a file too."""
    printed = serverless_mesh(stack, "objects").output
    file.write_text(printed, "utf-8")
    return list(json.loads(printed)["resources"])


def take_in(stack: PulumiStack, file: Path) -> None:
    given = ("--generate-code=false", "--protect=false", "--yes", "--skip-preview")
    stack.succeed("import", "--file", str(file), *given)


def told(stack: PulumiStack) -> tuple[dict[str, dict[str, Any]], int]:
    """Return what changes in which object, by the command, and how it ended."""
    run = serverless_mesh(stack, "differences", "--json")
    objects = json.loads(run.output)["objects"]
    assert not any(each["replaced"] for each in objects)
    return {each["object"]: {c["path"]: c for c in each["changes"]} for each in objects}, run.code


def without_reason(changes: dict[str, dict[str, Any]]) -> list[str]:
    every = [each for found in changes.values() for each in found.values()]
    return [each["path"] for each in every if each["reason"] is None]


def key(body: Body) -> str:
    about = body["metadata"]
    place = f"{about['namespace']}/" if "namespace" in about else ""
    return f"{body['kind']} {place}{about['name']}"


def parts(body: Body) -> dict[str, Any]:
    """Return what is compared: each part of the spec, and the labels."""
    spec = {f"spec.{name}": value for name, value in body.get("spec", {}).items()}
    about = {f"metadata.{k}": v for k, v in body["metadata"].items() if k not in OF_CLUSTERS}
    return {**spec, **about, "rules": body.get("rules"), "subjects": body.get("subjects")}


@pytest.mark.parametrize(
    "name",
    [
        "service-mesh-2",
        "service-mesh-2-vendor-tests",
        "service-mesh-3",
        "service-mesh-3-vendor-tests",
    ],
)
def test_what_was_made_by_hand_becomes_the_stacks(
    name: str, own: Cluster, hand: Hand, stack: PulumiStack
) -> None:
    bodies = documented(name)
    vendors = name.endswith("vendor-tests")
    if name == "service-mesh-2-vendor-tests":
        plane = next(each for each in bodies if each["kind"] == "ServiceMeshControlPlane")
        plane["spec"]["addons"] = {"kiali": {"enabled": True}}
    for index, each in enumerate(bodies):
        hand.create(each, ("kubectl-create", "kubectl-client-side-apply")[index % 2])
    (eventing,) = (each for each in bodies if each["kind"] == "KnativeEventing")
    printed = settle(stack, own.kubeconfig)
    settings = yaml.safe_load(printed)["config"]
    assert settings["serverless-mesh:mesh"]["version"] == int(name[13])
    # What has more than settings say stays that of others.
    assert settings["serverless-mesh:mesh"].get("existing", False) is vendors
    assert settings["serverless-mesh:certificate"] == {"from": "secret"}
    entry = next(each for each in bodies if each["kind"] == "ServiceEntry")
    hand.rename_ports(entry, printed)

    before = {key(each): hand.get(each) for each in bodies}
    file = stack.project / "import.json"
    imported = listed(stack, file)
    take_in(stack, file)
    assert {each["id"] for each in imported} >= {"knative-serving/knative-serving"}
    assert not any(each["type"].startswith("kubernetes:core/v1:Secret") for each in imported)
    # To read is all that an import does in the cluster, and to forget all that undoes it.
    if name == "service-mesh-2":
        stack.succeed("stack", "rm", "--force", "--yes", "--preserve-config")
        stack.succeed("stack", "init", stack.name)
        take_in(stack, file)
    assert {key(each): _still(hand.get(each)) for each in bodies} == {
        name: _still(each) for name, each in before.items()
    }

    changes, code = told(stack)
    assert without_reason(changes) == ([NO_SETTING] if vendors else [])
    assert code == (1 if vendors else 0)
    if name == "service-mesh-2-vendor-tests":
        # What no setting has stays, when somebody else than kubectl holds it.
        about = {k: eventing["metadata"][k] for k in ("name", "namespace")}
        body = {"apiVersion": eventing["apiVersion"], "kind": eventing["kind"], "metadata": about}
        hand.hold({**body, **BY_VENDORS_TESTS}, "platform-team")
        stack.refresh()
        changes, code = told(stack)
        assert (without_reason(changes), code) == ([], 0)

    # Of the manual's form no pod is started anew.
    if not vendors:
        every = [each for found in changes.values() for each in found.values()]
        assert not [each["path"] for each in every if each.get("restarts")]
    deployment = next((k for k in changes if k.startswith("Deployment")), None)
    assert bool(deployment and changes[deployment]) is (name == "service-mesh-3-vendor-tests")
    stack.up(*(PACK if name == "service-mesh-2" else ()))
    after = {key(each): hand.get(each) for each in bodies}
    for which, found in after.items():
        was, now = parts(before[which]), parts(found)
        changed = {part for part in {*was, *now} if was.get(part) != now.get(part)}
        said = {".".join(path.split(".")[:2]).split("[")[0] for path in changes.get(which, {})}
        assert changed == {part for part in said if part != "metadata.annotations"}, which
    features = after[key(eventing)]["spec"]["config"].get("config-features", {})
    assert ("delivery-timeout" in features) is (name == "service-mesh-2-vendor-tests")
    # Each once, since they are the same whatever was imported.
    if name == "service-mesh-3":
        # Of an object whose annotations alone changed, the plugin may record the one before: it
        # waits for a generation, and annotations make none.
        stack.refresh()
        stack.succeed("preview", "--expect-no-changes")
        stack.succeed("stack", "rm", "--force", "--yes")
        assert {key(each): _still(hand.get(each)) for each in bodies} == {
            which: _still(each) for which, each in after.items()
        }


def _still(body: Body) -> Body:
    """Leave out what operators keep writing; the generation tells whether a spec was written."""
    volatile = ("managedFields", "resourceVersion")
    about = {k: v for k, v in body["metadata"].items() if k not in volatile}
    return {**{k: v for k, v in body.items() if k != "status"}, "metadata": about}
