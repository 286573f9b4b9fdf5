"""What others have made is there afterwards, byte for byte, and the stack has a way on."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, watch
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import NotFoundError

from harness import CERTIFICATES, played_cert_manager
from stacks import PulumiStack, make_stack
from toolchain.cluster import Cluster
from toolchain.dev import PACK
from toolchain.operators.status import MEMBER_OF

pytestmark = pytest.mark.e2e

Body = dict[str, Any]
PREVIEW_AND_UPDATE: tuple[tuple[str, ...], ...] = (("preview",), ("up", "--yes", "--skip-preview"))


def body(api_version: str, kind: str, name: str, namespace: str = "", **content: Any) -> Body:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **content}


def namespace(name: str) -> Body:
    return body("v1", "Namespace", name)


PLANE = body("maistra.io/v2", "ServiceMeshControlPlane", "basic", "istio-system")
ROLL = body("maistra.io/v1", "ServiceMeshMemberRoll", "default", "istio-system")
SERVING = body("operator.knative.dev/v1beta1", "KnativeServing", *["knative-serving"] * 2)
EVENTING = body("operator.knative.dev/v1beta1", "KnativeEventing", *["knative-eventing"] * 2)
SECRET = body("v1", "Secret", "wildcard-certs", "istio-system")
OLM = "operators.coreos.com/v1alpha1"
SUBSCRIPTIONS = [
    body(OLM, "Subscription", "serverless-operator", "openshift-serverless"),
    body(OLM, "Subscription", "servicemeshoperator", "openshift-operators"),
    body(
        "operators.coreos.com/v1", "OperatorGroup", "serverless-operators", "openshift-serverless"
    ),
]


def member(name: str) -> Body:
    reference = {"namespace": "istio-system", "name": "basic"}
    return body(
        "maistra.io/v1", "ServiceMeshMember", "default", name, spec={"controlPlaneRef": reference}
    )


class Others:
    """Everybody but the stack: writes as `oc` does, and keeps track of what is theirs."""

    def __init__(self, api: client.ApiClient) -> None:
        self._core = client.CoreV1Api(api)
        self._objects = DynamicClient(api)

    def _kind(self, which: Body) -> Any:
        return self._objects.resources.get(api_version=which["apiVersion"], kind=which["kind"])

    def create(self, *bodies: Body) -> None:
        for each in bodies:
            space = each["metadata"].get("namespace")
            self._kind(each).create(body=each, namespace=space, field_manager="others")

    def settle_in(self, *names: str) -> list[Body]:
        """Put something of ours into namespaces, and return it."""
        made = [body("v1", "ConfigMap", "theirs", name, data={"key": name}) for name in names]
        self.create(*made)
        return made

    def get(self, which: Body) -> Body | None:
        about = which["metadata"]
        try:
            found = self._kind(which).get(name=about["name"], namespace=about.get("namespace"))
        except NotFoundError:
            return None
        return dict(found.to_dict())

    def patch(self, which: Body, **change: Any) -> None:
        about = which["metadata"]
        self._kind(which).patch(
            body=change,
            name=about["name"],
            namespace=about["namespace"],
            content_type="application/merge-patch+json",
            field_manager="others",
        )

    def delete(self, which: Body) -> None:
        about = which["metadata"]
        self._kind(which).delete(name=about["name"], namespace=about.get("namespace"))

    def delete_namespace(self, name: str) -> None:
        self._core.delete_namespace(name)
        seen = watch.Watch().stream(self._core.list_namespace, timeout_seconds=60)
        assert any(e["type"] == "DELETED" and e["object"].metadata.name == name for e in seen)

    def record(self, bodies: Sequence[Body]) -> list[Body]:
        """Return objects but for what the API server and operators write into each."""
        found = [self.get(each) for each in bodies]
        assert None not in found, [b for b, f in zip(bodies, found, strict=True) if f is None]
        return [_own(each) for each in found if each is not None]

    def members(self) -> list[str]:
        return sorted((self.get(ROLL) or {})["spec"]["members"])


def _own(found: Body) -> Body:
    dropped = ("managedFields", "resourceVersion", "generation")
    about = {key: value for key, value in found["metadata"].items() if key not in dropped}
    # Service Mesh labels a member's namespace.
    about["labels"] = {k: v for k, v in about.get("labels", {}).items() if k != MEMBER_OF}
    return {**{k: v for k, v in found.items() if k != "status"}, "metadata": about}


@pytest.fixture
def own(emptied: Cluster) -> Cluster:
    return emptied


@pytest.fixture
def others(own: Cluster) -> Iterator[Others]:
    with own.client() as api:
        yield Others(api)


@pytest.fixture
def stack(own: Cluster, tmp_path: Path) -> PulumiStack:
    """A stack with the defaults, so that it is protected."""
    made = make_stack(tmp_path / "stack", own.kubeconfig)
    made.remove("protect")
    return made


def test_another_name_and_another_backend_touch_nothing(
    own: Cluster, stack: PulumiStack, others: Others, tmp_path: Path
) -> None:
    stack.configure(projects=["shop"])
    stack.up()
    kept = [*others.settle_in("istio-system", "knative-serving", "shop"), PLANE, ROLL, SECRET]
    before = others.record(kept)
    stack.succeed("stack", "rename", "renamed")
    renamed = stack.named("renamed")
    said = renamed.succeed("up", "--yes", *PACK, "--expect-no-changes")
    assert "created" not in said
    assert others.record(kept) == before

    exported = renamed.succeed("stack", "export", "--show-secrets")
    (tmp_path / "exported.json").write_text(exported, "utf-8")
    backend = tmp_path / "elsewhere"
    backend.mkdir()
    moved = replace(renamed, env={**renamed.env, "PULUMI_BACKEND_URL": f"file://{backend}"})
    moved.succeed("stack", "init", "renamed")
    moved.succeed("stack", "import", "--file", str(tmp_path / "exported.json"), "--force")
    said = moved.succeed("up", "--yes", *PACK)
    assert "created" not in said
    assert "deleted" not in said
    assert others.record(kept) == before
    # An untold destroy takes nothing that others depend on.
    said = moved.fail("destroy", "--yes", "--skip-preview")
    assert "cannot be deleted" in said
    assert "protected" in said
    assert others.record(kept) == before


def test_a_namespace_that_others_made_anew_and_a_project_that_leaves(
    stack: PulumiStack, others: Others
) -> None:
    stack.configure(projects=["shop"])
    stack.up()
    others.delete_namespace("shop")
    others.create({**namespace("shop"), "metadata": {"name": "shop", "labels": {"team": "shop"}}})
    kept = [namespace("shop"), *others.settle_in("shop")]
    before = others.record(kept)
    stack.up()
    stack.refresh()
    stack.up()
    assert others.record(kept) == before
    stack.configure(projects=["bank"])
    stack.succeed("up", "--yes", *PACK)
    assert others.members() == ["bank", "knative-eventing", "knative-serving"]
    assert others.record(kept) == before


def test_members_that_others_added_stay(stack: PulumiStack, others: Others) -> None:
    stack.configure(projects=["shop"])
    stack.up()
    others.create(namespace("theirs"))
    everyone = ["knative-serving", "knative-eventing", "shop", "theirs"]
    others.patch(ROLL, spec={"members": everyone})
    stack.configure(projects=["bank"])
    for command in PREVIEW_AND_UPDATE:
        said = stack.fail(*command)
        assert "ServiceMeshMemberRoll istio-system/default lists theirs besides" in said
    assert others.members() == sorted(everyone)
    stack.configure(projects=["bank", "theirs"])
    stack.up()
    assert others.members() == ["bank", "knative-eventing", "knative-serving", "theirs"]


CONSENT = ["mtls", "drain", "gatewayLabels", "excludedPorts"]


def test_the_mesh_changes_hands_and_back(stack: PulumiStack, others: Others) -> None:
    stack.up()
    others.create(namespace("theirs"))
    others.settle_in("istio-system")
    before = others.record([PLANE, ROLL])
    stack.configure({"mesh.existing": True})
    stack.succeed("up", "--yes", *PACK)
    assert others.record([PLANE, ROLL]) == before
    assert others.get(member("knative-serving")) is not None
    # Now its owners take others in; nothing of that is lost when the stack is to have it back.
    others.patch(ROLL, spec={"members": [*others.members(), "theirs"]})
    before = others.record([PLANE, ROLL])
    stack.configure({"mesh.existing": False})
    for command in (*PREVIEW_AND_UPDATE, ("preview", *PACK)):
        assert "lists theirs besides the stack's own" in stack.fail(*command)
    stack.configure(projects=["theirs"])
    said = stack.fail("preview")
    assert "2 objects of others would be taken over" in said
    assert "ServiceMeshControlPlane istio-system/basic already exists" in said
    assert "set serverless-mesh:mesh.existing to true" in said
    assert others.record([PLANE, ROLL]) == before
    for imported in _import_commands(said):
        stack.succeed(*imported, "--yes", "--skip-preview")
    stack.up()
    assert others.record([PLANE])[0]["spec"] == before[0]["spec"]
    assert others.members() == ["knative-eventing", "knative-serving", "theirs"]


def _import_commands(said: str) -> list[list[str]]:
    parts = said.replace("\n", " ").split("`pulumi import ")[1:]
    return [["import", *part.partition("`")[0].split()] for part in parts]


def test_a_shared_mesh_is_changed_only_as_its_owners_agreed(
    stack: PulumiStack, others: Others
) -> None:
    mesh = {**PLANE, "spec": {"profiles": ["default"]}}
    others.create(namespace("istio-system"), mesh)
    before = others.record([PLANE])
    stack.configure({"mesh.existing": True})
    for command in PREVIEW_AND_UPDATE:
        said = stack.fail(*command)
        assert (
            "gatewayLabels: spec.gateways.ingress.service.metadata.labels.knative becomes" in said
        )
        assert "the operator deletes the ingress gateway and makes it anew" in said
        assert f"allowChanges: [{', '.join(CONSENT)}]" in said
    assert others.record([PLANE]) == before
    assert others.get(namespace("knative-serving")) is None
    stack.configure({"mesh.allowChanges": CONSENT})
    said = stack.succeed("preview")
    assert "which others own, changes: spec.security.dataPlane.mtls becomes true (now not" in said
    stack.up()
    stack.configure(protect=False)
    stack.up()
    stack.destroy()
    assert others.record([PLANE]) == before


def test_memberships_of_others_are_adopted_and_stay(stack: PulumiStack, others: Others) -> None:
    spaces = [namespace(name) for name in ("istio-system", "knative-serving", "shop")]
    plane = {**PLANE, "spec": {"profiles": ["default"]}}
    others.create(*spaces, plane, member("knative-serving"), member("shop"))
    theirs = [member("knative-serving"), member("shop")]
    before = others.record(theirs)
    stack.configure(
        {"mesh.existing": True, "mesh.allowChanges": CONSENT},
        projects=["shop", "bank"],
        protect=False,
    )
    stack.succeed("up", "--yes", *PACK)
    assert [each["spec"] for each in others.record(theirs)] == [each["spec"] for each in before]
    stack.configure(projects=["bank"])
    stack.up()
    assert others.record(theirs[1:]) == before[1:]
    stack.configure(projects=["elsewhere"])
    stack.up()
    assert others.get(member("bank")) is None
    stack.destroy()
    assert others.record(theirs) == before
    assert others.get(member("knative-eventing")) is None


def test_the_certificate_changes_hands(own: Cluster, stack: PulumiStack, others: Others) -> None:
    stack.up()
    before = others.record([SECRET])
    # Given away, to whoever renews it.
    stack.configure({"certificate.from": "secret"})
    stack.succeed("up", "--yes", *PACK)
    assert others.record([SECRET]) == before
    # Had back only when asked for by name.
    stack.configure({"certificate.from": "authority"})
    said = stack.fail("preview")
    assert "Secret istio-system/wildcard-certs already exists" in said
    assert others.record([SECRET]) == before
    (command,) = _import_commands(said)
    stack.succeed(*command, "--yes", "--skip-preview")
    stack.up()
    (after,) = others.record([SECRET])
    assert after["metadata"]["uid"] == before[0]["metadata"]["uid"]
    # To cert-manager, which writes the same secret.
    with own.client() as api:
        client.ApiextensionsV1Api(api).create_custom_resource_definition(CERTIFICATES)
        stack.configure({"certificate.from": "cert-manager", "certificate.issuer.name": "issuer"})
        running = stack.start("up", "--yes", "--skip-preview")
        played_cert_manager(client.CustomObjectsApi(api), running)
        output, _ = running.communicate()
    assert running.returncode == 0, output
    assert others.record([SECRET]) == [after]
    # Away from it: the secret is its own now, and so is the Certificate that renews it.
    stack.remove("certificate.issuer")
    stack.configure({"certificate.from": "authority"})
    assert "Secret istio-system/wildcard-certs already exists" in stack.fail("preview")
    assert others.record([SECRET]) == [after]
    # Another name: the one that other gateways may serve stays.
    stack.configure({"certificate.secret": "other-certs"})
    stack.up()
    assert others.record([SECRET]) == [after]


def test_operators_stay_when_the_stack_lets_go_of_them(stack: PulumiStack, others: Others) -> None:
    stack.configure({"operators.approval": "Automatic"})
    stack.up()
    kept = [*SUBSCRIPTIONS, namespace("openshift-serverless"), namespace("openshift-operators")]
    before = others.record(kept)
    stack.remove("operators")
    stack.succeed("up", "--yes", *PACK)
    assert others.record(kept) == before
    # And back: the group is adopted, the subscriptions are named.
    stack.configure({"operators.approval": "Automatic"})
    said = stack.fail("preview")
    assert "Subscription openshift-serverless/serverless-operator already exists" in said
    assert "Subscription openshift-operators/servicemeshoperator already exists" in said
    assert "OperatorGroup" not in said
    for imported in _import_commands(said):
        stack.succeed(*imported, "--yes", "--skip-preview")
    stack.configure(protect=False)
    stack.up()
    stack.destroy()
    assert others.get(SUBSCRIPTIONS[0]) is None
    # The operators stay, so their group does.
    assert others.record(kept[2:]) == before[2:]


def test_a_second_stack_on_the_cluster_takes_nothing(
    own: Cluster, stack: PulumiStack, others: Others, tmp_path: Path
) -> None:
    stack.up()
    kept = [PLANE, ROLL, SERVING, EVENTING, SECRET]
    before = others.record(kept)
    second = make_stack(tmp_path / "second", own.kubeconfig, name="second")
    for command in PREVIEW_AND_UPDATE:
        said = second.fail(*command)
        assert "8 objects of others would be taken over" in said
        for each in kept:
            about = each["metadata"]
            place = f"{each['kind']} {about['namespace']}/{about['name']} already exists"
            assert place in said
    second.destroy()
    assert others.record(kept) == before
    stack.succeed("up", "--yes", "--skip-preview", "--expect-no-changes")


def test_destroy_has_to_be_told_and_leaves_what_others_have(
    stack: PulumiStack, others: Others
) -> None:
    stack.configure(projects=["shop"])
    stack.up()
    spaces = ("istio-system", "knative-serving", "knative-eventing", "shop")
    kept = [*others.settle_in(*spaces), *map(namespace, spaces)]
    before = others.record(kept)
    whole = [PLANE, ROLL, SERVING, EVENTING, SECRET]
    all_of_it = others.record(whole)
    assert "cannot be deleted" in stack.fail("destroy", "--yes", "--skip-preview")
    assert others.record(whole) == all_of_it
    stack.succeed("up", "--yes", "--skip-preview", "--expect-no-changes")
    stack.configure(protect=False)
    stack.up()
    stack.destroy()
    assert [others.get(each) for each in whole] == [None] * len(whole)
    assert others.record(kept) == before
    # And a way on: what stayed is adopted.
    stack.up()
    assert others.record(kept) == before


FOREIGN = """
import json
import pulumi
import pulumi_kubernetes as k8s

for each in json.load(open("objects.json")):
    version = each["apiVersion"] if "/" in each["apiVersion"] else "core/" + each["apiVersion"]
    pulumi.CustomResource(
        f"kubernetes:{version}:{each['kind']}", each["metadata"]["name"], each
    )
"""


def test_the_pack_sees_what_another_program_would_take_or_tear_down(
    own: Cluster, others: Others, tmp_path: Path
) -> None:
    program = make_stack(tmp_path / "foreign", own.kubeconfig, program=FOREIGN)

    def declare(*bodies: Body) -> None:
        (program.project / "objects.json").write_text(json.dumps(bodies), "utf-8")

    others.create(namespace("shop"), namespace("knative-serving"), {**SERVING, "spec": {}})
    (config,) = others.settle_in("shop")
    before = others.record([SERVING, config])
    declare(SERVING, config)
    said = program.fail("preview", *PACK)
    assert said.count("nothing-taken-over-gate") >= 2
    assert "pulumi import --generate-code=false kubernetes:core/v1:ConfigMap theirs" in said
    program.fail("up", "--yes", "--skip-preview", *PACK)
    assert others.record([SERVING, config]) == before

    others.delete(SERVING)
    mine = namespace("mine")
    declare(mine)
    program.up()
    others.settle_in("mine")
    declare()
    said = program.fail("preview", *PACK)
    assert "nothing-torn-down" in said
    assert "Namespace mine: found deleted by this update" in said
    declare(mine)
    program.succeed("preview", *PACK)
