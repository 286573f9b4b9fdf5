"""Faults in the middle of an update: a clear error, and a second `up` that completes.

The cluster is this file's own: its API server is killed, and its operators are told to be late.
"""

import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import pytest
from kubernetes import client, dynamic
from kubernetes.client import ApiException

from harness import grant, roles, until
from stacks import PulumiStack, Run, make_stack
from toolchain.cluster import Cluster
from toolchain.operators.orders import CONFIG_MAP, NAMESPACE

pytestmark = pytest.mark.e2e

PATIENCE = 120
"""Seconds until a test gives up waiting."""
Object = dict[str, Any]


class Place(NamedTuple):
    """Where an object is."""

    api_version: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


CONTROL_PLANE = Place("maistra.io/v2", "ServiceMeshControlPlane", "istio-system", "basic")
SECRET = Place("v1", "Secret", "istio-system", "wildcard-certs")
GATEWAY = Place(
    "networking.istio.io/v1alpha3", "Gateway", "knative-serving", "knative-ingress-gateway"
)
SERVING = Place(
    "operator.knative.dev/v1beta1", "KnativeServing", "knative-serving", "knative-serving"
)
EVENTING = Place(
    "operator.knative.dev/v1beta1", "KnativeEventing", "knative-eventing", "knative-eventing"
)
NAMESPACES = ("istio-system", "knative-serving", "knative-eventing")
KINDS = (
    ("v1", "Secret"),
    ("v1", "Service"),
    ("maistra.io/v2", "ServiceMeshControlPlane"),
    ("maistra.io/v1", "ServiceMeshMemberRoll"),
    ("networking.istio.io/v1alpha3", "Gateway"),
    ("operator.knative.dev/v1beta1", "KnativeServing"),
    ("operator.knative.dev/v1beta1", "KnativeEventing"),
)


class Live:
    """The cluster behind the stack's back."""

    def __init__(self, api: client.ApiClient) -> None:
        self._dynamic = dynamic.DynamicClient(api)
        self.core = client.CoreV1Api(api)

    def _kind(self, place: Place) -> Any:
        return self._dynamic.resources.get(api_version=place.api_version, kind=place.kind)

    def get(self, place: Place) -> Object:
        return dict(self._kind(place).get(name=place.name, namespace=place.namespace).to_dict())

    def uid(self, place: Place) -> str:
        return str(self.get(place)["metadata"]["uid"])

    def create(self, place: Place, dry_run: bool = False, **content: Any) -> Object:
        metadata = {"name": place.name, "namespace": place.namespace}
        head = {"apiVersion": place.api_version, "kind": place.kind, "metadata": metadata}
        query = {"field_manager": "somebody"} | ({"dry_run": "All"} if dry_run else {})
        return dict(self._kind(place).create(body={**head, **content}, **query).to_dict())

    def delete(self, place: Place) -> None:
        self._kind(place).delete(name=place.name, namespace=place.namespace)

    def until_ready(self, place: Place) -> None:
        """Wait until the operators have done their work and write no more."""
        for event in self._kind(place).watch(
            namespace=place.namespace, name=place.name, timeout=PATIENCE
        ):
            conditions = event["raw_object"].get("status", {}).get("conditions", [])
            if any(c["type"] == "Ready" and c["status"] == "True" for c in conditions):
                return
        pytest.fail(f"{place} is not ready after {PATIENCE} s")

    def accepts(self, place: Place, **content: Any) -> bool:
        """Say whether the object could be made."""
        try:
            self.create(place, dry_run=True, **content)
        except ApiException:
            return False
        return True

    def of_stacks(self) -> dict[str, Place]:
        """Return every object that a stack made: uid to place."""
        return {
            item.metadata.uid: Place(*kind, item.metadata.namespace, item.metadata.name)
            for kind in KINDS
            for item in self._dynamic.resources.get(api_version=kind[0], kind=kind[1]).get().items
            if any(
                entry.manager.startswith("pulumi-kubernetes-")
                for entry in item.metadata.managedFields or ()
            )
        }

    def order(self, **told: str) -> None:
        """Give the operators' stand-in its orders, and take those back that it had."""
        body = client.V1ConfigMap(metadata=client.V1ObjectMeta(name=CONFIG_MAP), data=told)
        self.core.replace_namespaced_config_map(CONFIG_MAP, NAMESPACE, body)


class Update:
    """A running `pulumi up`, in a process group of its own as a shell would start it."""

    def __init__(self, stack: PulumiStack) -> None:
        self._process = stack.start("up", "--yes", "--skip-preview", own_group=True)
        self._seen: list[str] = []
        self._left: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.runs():
            self.kill()
        for plugin in self._left:
            with suppress(ProcessLookupError):
                os.kill(plugin, signal.SIGKILL)

    def until(self, *words: str) -> None:
        """Read on to a line that has all the words."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._seen.append(line)
            if all(word in line for word in words):
                return
        pytest.fail(f"ended without saying {words}:\n{''.join(self._seen)}")

    def until_waiting_for(self, place: Place) -> None:
        self.until(f"{place.kind} {place.name}", "condition")

    def runs(self) -> bool:
        return self._process.poll() is None

    def interrupt(self) -> None:
        """Press Ctrl-C: the signal goes to the whole group."""
        os.killpg(self._process.pid, signal.SIGINT)

    def kill(self) -> None:
        """End the engine alone, at once; its plugins, which would wait on for long, at exit."""
        tasks = Path(f"/proc/{self._process.pid}/task").glob("*/children")
        self._left = [int(child) for task in tasks for child in task.read_text("utf-8").split()]
        self._process.kill()
        self._process.wait()

    def end(self) -> Run:
        """Wait for the end; return all that was said."""
        assert self._process.stdout is not None
        self._seen.append(self._process.stdout.read())
        return Run("".join(self._seen), self._process.wait())

    def fail(self) -> str:
        run = self.end()
        assert run.code != 0, run.output
        return run.output


@dataclass(frozen=True)
class Trial:
    """A stack of this project's program, and the cluster that it works on."""

    stack: PulumiStack
    live: Live
    cluster: Cluster

    def fail(self) -> str:
        return self.stack.fail("up", "--yes", "--skip-preview")

    def authority(self) -> str:
        """Return the certificate authority's certificate as the state has it."""
        (found,) = (r for r in self.stack.resources() if r["type"].endswith(":SelfSignedCert"))
        return str(found["outputs"]["certPem"])

    def adopt(self, said: str) -> None:
        """Import an object as the message about it says."""
        found = re.search(r"`(pulumi import [^`]+)`", said)
        assert found, said
        self.stack.succeed(*found[1].split()[1:], "--yes", "--skip-preview")

    def holds(self, place: Place) -> bool:
        """Say whether the state has the object, whatever became of it."""
        identity = f"{place.namespace}/{place.name}"
        return any(
            r.get("id") == identity and r["type"].endswith(f":{place.kind}")
            for r in self.stack.resources()
        )

    def assert_whole(self) -> None:
        """State and cluster have the same objects, each once; nothing is undecided."""
        deployment = self.stack.deployment()
        assert not deployment.get("pending_operations")
        resources = deployment["resources"]
        urns = [resource["urn"] for resource in resources]
        assert len(set(urns)) == len(urns)
        assert not [r["urn"] for r in resources if r.get("delete") or r.get("initErrors")]
        known = {
            r["outputs"]["metadata"]["uid"]: r["urn"]
            for r in resources
            # Namespaces are everybody's.
            if r["custom"] and r["type"].startswith("kubernetes:") and "Namespace" not in r["type"]
        }
        there = self.live.of_stacks()
        assert there.keys() == known.keys(), (there, known)
        assert EVENTING in there.values(), "the last of all"


@pytest.fixture(scope="module")
def own(own: Cluster) -> Cluster:
    with own.client() as api:
        core = client.CoreV1Api(api)
        # There already, so that no test waits until one is gone.
        for name in NAMESPACES:
            core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=name)))
        told = client.V1ConfigMap(metadata=client.V1ObjectMeta(name=CONFIG_MAP))
        core.create_namespaced_config_map(NAMESPACE, told)
    return own


@pytest.fixture
def trial(own: Cluster, tmp_path: Path) -> Iterator[Trial]:
    """A new stack; whatever it leaves in the cluster is removed."""
    with own.client() as api:
        live = Live(api)
        yield Trial(make_stack(tmp_path / "stack", own.kubeconfig), live, own)
        live.order()
        for place in live.of_stacks().values():
            live.delete(place)


@contextmanager
def away(cluster: Cluster) -> Iterator[None]:
    """Have the API server crash, and come back in the end."""
    cluster.kill_api_server()
    try:
        yield
    finally:
        cluster.start_api_server()


def test_a_crash_of_the_api_server_is_waited_out(trial: Trial) -> None:
    trial.live.order(ServiceMeshControlPlane="hold")
    with Update(trial.stack) as update:
        update.until_waiting_for(CONTROL_PLANE)
        with away(trial.cluster):
            pass
        trial.live.order()
        run = update.end()
    assert run.code == 0, run.output
    trial.assert_whole()
    trial.stack.up("--expect-no-changes")


def test_an_api_server_that_stays_away(trial: Trial) -> None:
    trial.live.order(ServiceMeshControlPlane="hold")
    trial.stack.configure(readyTimeoutSeconds=6)
    with Update(trial.stack) as update:
        update.until_waiting_for(CONTROL_PLANE)
        uid = trial.live.uid(CONTROL_PLANE)
        with away(trial.cluster):
            said = update.fail()
            assert "the cluster does not answer" in trial.fail(), "an update while it is away"
    assert "failed to fully initialize or become live: timed out waiting for the condition" in said
    assert f"{CONTROL_PLANE} can't be read: the cluster does not answer" in said
    assert "run the update again" in said
    assert trial.holds(CONTROL_PLANE)
    assert not trial.holds(SERVING)
    authority = trial.authority()
    trial.live.order()
    trial.stack.configure(readyTimeoutSeconds=600)
    trial.stack.up()
    trial.assert_whole()
    assert trial.live.uid(CONTROL_PLANE) == uid
    assert trial.stack.outputs()["caCertificatePem"] == authority


REFUSAL = "the control plane's webhook is away"
POLICY = Place("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", "", "refusal")
BINDING = POLICY._replace(kind="ValidatingAdmissionPolicyBinding")


@contextmanager
def refused(live: Live) -> Iterator[None]:
    """Have every write of a control plane refused by an admission policy."""
    rule = {
        "apiGroups": ["maistra.io"],
        "apiVersions": ["*"],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["servicemeshcontrolplanes"],
    }
    validation = {"expression": "false", "message": REFUSAL}
    constraints = {"resourceRules": [rule]}
    live.create(POLICY, spec={"matchConstraints": constraints, "validations": [validation]})
    live.create(BINDING, spec={"policyName": POLICY.name, "validationActions": ["Deny"]})
    try:
        until(lambda: not live.accepts(CONTROL_PLANE, spec={}), PATIENCE)
        yield
    finally:
        live.delete(BINDING)
        live.delete(POLICY)
        until(lambda: live.accepts(CONTROL_PLANE, spec={}), PATIENCE)


def test_a_refusal_at_admission(trial: Trial) -> None:
    with refused(trial.live):
        assert REFUSAL in trial.stack.fail("preview"), "a preview asks the API server, too"
        said = trial.fail()
    assert "ServiceMeshControlPlane (basic)" in said
    assert 'servicemeshcontrolplanes.maistra.io "basic" is forbidden' in said
    assert REFUSAL in said
    assert trial.holds(SECRET)
    assert not trial.holds(CONTROL_PLANE)
    secret, authority = trial.live.uid(SECRET), trial.authority()
    trial.stack.up()
    trial.assert_whole()
    assert trial.live.uid(SECRET) == secret
    assert trial.stack.outputs()["caCertificatePem"] == authority


THEIRS: dict[Place, Object] = {
    SECRET: {"data": {"theirs": "eA=="}},
    CONTROL_PLANE: {"spec": {"profiles": ["theirs"]}},
    GATEWAY: {"spec": {"selector": {"theirs": "x"}, "servers": []}},
    SERVING: {"spec": {"config": {"theirs": {"a": "b"}}}},
}
"""In the order in which an update comes to them."""


@pytest.fixture
def theirs(trial: Trial) -> Iterator[dict[Place, Object]]:
    """Objects of another team, as they are when nobody writes to them any more."""
    for place, content in THEIRS.items():
        trial.live.create(place, **content)
    for place in (CONTROL_PLANE, SERVING):
        trial.live.until_ready(place)
    yield {place: trial.live.get(place) for place in THEIRS}
    for place in THEIRS:
        with suppress(ApiException):  # Gone already.
            trial.live.delete(place)


def test_what_another_team_made_is_not_overwritten(
    trial: Trial, theirs: dict[Place, Object]
) -> None:
    uid = theirs[SERVING]["metadata"]["uid"]
    for place in THEIRS:
        for said in (trial.stack.fail("preview"), trial.fail()):
            assert f"{place} already exists and is not of this stack, written by somebody" in said
        assert {left: trial.live.get(left) for left in theirs} == theirs
        if place != SERVING:
            trial.live.delete(place)
            del theirs[place]
    trial.adopt(said)
    authority = trial.authority()
    trial.stack.up()
    trial.assert_whole()
    assert trial.live.uid(SERVING) == uid
    assert trial.stack.outputs()["caCertificatePem"] == authority


RBAC = "rbac.authorization.k8s.io/v1"
REVIEW = Place("authorization.k8s.io/v1", "SubjectAccessReview", "", "")


def test_no_right_to_one_kind(trial: Trial) -> None:
    documents = list(roles("base", "service-mesh-2"))
    (binding, *_) = (each for each in documents if "subjects" in each)
    user, kind = binding["subjects"][0]["name"], "knativeeventings"
    (role,) = (each for each in documents if kind in json.dumps(each))
    (rule,) = (rule for rule in role["rules"] if kind in rule["resources"])
    verbs = rule["verbs"]

    def may(verb: str) -> bool:
        asked = {
            "group": "operator.knative.dev",
            "resource": kind,
            "verb": verb,
            "namespace": "knative-eventing",
        }
        answer = trial.live.create(REVIEW, spec={"user": user, "resourceAttributes": asked})
        return bool(answer["status"]["allowed"])

    rule["verbs"] = ["get"]
    with trial.cluster.client() as api:
        grant(api, documents)
    until(lambda: may("get"), PATIENCE)
    kubeconfig = trial.cluster.kubeconfig_for(user)
    trial.stack.configure({"kubernetes:kubeconfig": kubeconfig})
    said = trial.fail()
    assert f'User "{user}" cannot patch resource "{kind}"' in said
    assert "KnativeEventing (knative-eventing)" in said
    assert trial.holds(SERVING)
    assert not trial.holds(EVENTING)
    serving, authority = trial.live.uid(SERVING), trial.authority()
    rule["verbs"] = verbs
    place = Place(RBAC, "Role", "knative-eventing", role["metadata"]["name"])
    trial.live.delete(place)
    trial.live.create(place, rules=role["rules"])
    until(lambda: may("patch"), PATIENCE)
    trial.stack.up()
    trial.assert_whole()
    assert trial.live.uid(SERVING) == serving
    assert trial.stack.outputs()["caCertificatePem"] == authority


def test_an_operator_that_never_finishes(trial: Trial) -> None:
    trial.live.order(KnativeServing="fail: InsufficientCpu three nodes are full")
    trial.stack.configure(readyTimeoutSeconds=6)
    said = trial.fail()
    assert "failed to fully initialize or become live: timed out waiting for the condition" in said
    assert f"{SERVING} is not ready: " in said
    assert "condition Ready is False (InsufficientCpu: three nodes are full)" in said
    assert "run the update again" in said
    assert trial.holds(SERVING)
    assert not trial.holds(EVENTING)
    before, authority = trial.live.of_stacks(), trial.authority()
    trial.live.order()
    trial.stack.up()
    trial.assert_whole()
    assert trial.live.of_stacks().items() > before.items(), "nothing is made anew"
    assert trial.stack.outputs()["caCertificatePem"] == authority


def test_an_interrupted_update(trial: Trial) -> None:
    trial.live.order(ServiceMeshControlPlane="hold")
    with Update(trial.stack) as update:
        update.until_waiting_for(CONTROL_PLANE)
        # With the state in files, this takes away the lock and leaves the update running.
        trial.stack.succeed("cancel", "--yes")
        assert update.runs()
        update.interrupt()
        said = update.fail()
    assert "failed to fully initialize or become live: context canceled" in said
    assert f"{CONTROL_PLANE} is not ready: " in said
    assert "run the update again" in said
    assert trial.holds(CONTROL_PLANE)
    before, authority = trial.live.of_stacks(), trial.authority()
    trial.live.order()
    trial.stack.up()
    trial.assert_whole()
    assert trial.live.of_stacks().items() > before.items()
    assert trial.stack.outputs()["caCertificatePem"] == authority


def test_a_killed_engine(trial: Trial) -> None:
    trial.live.order(ServiceMeshControlPlane="hold")
    with Update(trial.stack) as update:
        update.until_waiting_for(CONTROL_PLANE)
        update.kill()
    trial.live.order()
    said = trial.fail()
    assert "the stack is currently locked" in said
    assert "pulumi cancel" in said
    trial.stack.succeed("cancel", "--yes")
    (pending,) = trial.stack.deployment()["pending_operations"]
    urn = pending["resource"]["urn"]
    assert pending["type"] == "creating"
    assert urn.endswith("::basic")
    before, authority = trial.live.of_stacks(), trial.authority()
    said = trial.fail()
    assert f"{urn}, interrupted while creating" in said
    assert f"{CONTROL_PLANE} already exists and is not of this stack" in said
    trial.adopt(said)
    trial.stack.refresh("--clear-pending-creates")
    trial.stack.up()
    trial.assert_whole()
    assert trial.live.of_stacks().items() > before.items()
    assert trial.stack.outputs()["caCertificatePem"] == authority
    trial.stack.up("--expect-no-changes")
    trial.stack.destroy()
    assert not trial.live.of_stacks()
