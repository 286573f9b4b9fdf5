"""The operators' stand-in and our own definitions on the real API server.

The cluster is this file's own: orders to the stand-in must not reach other tests.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from kubernetes import client, dynamic, watch

from toolchain import processes
from toolchain.cluster import APPS_DOMAIN, Cluster
from toolchain.operators.controller import RESOURCES
from toolchain.operators.orders import CONFIG_MAP, NAMESPACE
from toolchain.paths import ROOT

pytestmark = pytest.mark.e2e

PATIENCE = 120
"""Seconds until a test gives up waiting."""
DATA = ROOT / "tests" / "data"
SPECS: dict[str, dict[str, Any]] = {
    "ServiceMeshControlPlane": {"profiles": ["default"]},
    "ServiceMeshMember": {"controlPlaneRef": {"name": "basic", "namespace": "mesh"}},
    "ServiceMeshMemberRoll": {"members": []},
    "KnativeServing": {},
    "KnativeEventing": {},
    "KnativeKafka": {"channel": {"enabled": False}, "source": {"enabled": False}},
    "Service": {"template": {"spec": {"containers": [{"image": "hello"}]}}},
    "DomainMapping": {"ref": {"apiVersion": "v1", "kind": "Service", "name": "hello"}},
    "Subscription": {"name": "serverless-operator", "source": "here", "sourceNamespace": "mesh"},
}
CHANGES: dict[str, dict[str, Any]] = {
    "ServiceMeshControlPlane": {"profiles": ["small"]},
    "ServiceMeshMember": {},
    "ServiceMeshMemberRoll": {"members": ["mesh"]},
    "KnativeServing": {"version": "1.14"},
    "KnativeEventing": {"version": "1.14"},
    "KnativeKafka": {"source": {"enabled": True}},
    "Service": {"template": {"metadata": {"annotations": {"a": "b"}}}},
    "DomainMapping": {"ref": {"name": "other"}},
}
KINDS_WITH_READY = [kind for kind in SPECS if kind != "Subscription"]
"""A Subscription says how far it is by its state, not by a condition Ready.

What Service Mesh 3 has is of the whole cluster: `e2e/test_service_mesh_3.py` waits for it.
"""
Object = dict[str, Any]


def plain(answer: object) -> Object:
    assert isinstance(answer, dict)
    return answer


class Objects:
    """The resources of one namespace."""

    def __init__(self, api: client.ApiClient, namespace: str = "mesh") -> None:
        self.core = client.CoreV1Api(api)
        self._objects = client.CustomObjectsApi(api)
        self._namespace = namespace

    def namespace(self, name: str) -> None:
        self.core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=name)))

    def create(self, kind: str, name: str = "basic") -> Object:
        group, version, plural = RESOURCES[kind]
        body = {
            "apiVersion": f"{group}/{version}",
            "kind": kind,
            "metadata": {"name": name},
            "spec": SPECS[kind],
        }
        place = (group, version, self._namespace, plural)
        return plain(self._objects.create_namespaced_custom_object(*place, body))

    def change(self, kind: str, spec: Object, name: str = "basic") -> Object:
        group, version, plural = RESOURCES[kind]
        place = (group, version, self._namespace, plural, name)
        return plain(self._objects.patch_namespaced_custom_object(*place, {"spec": spec}))

    def get(self, kind: str, name: str = "basic") -> Object:
        group, version, plural = RESOURCES[kind]
        place = (group, version, self._namespace, plural, name)
        return plain(self._objects.get_namespaced_custom_object(*place))

    def delete_all(self) -> None:
        for resource in (RESOURCES[kind] for kind in SPECS):
            self._objects.delete_collection_namespaced_custom_object(
                *resource[:2], self._namespace, resource[2]
            )

    def until(self, since: Object, done: Callable[[Object], bool]) -> list[Object]:
        """Return the versions of an object after `since`, to the first that is as wanted."""
        group, version, plural = RESOURCES[since["kind"]]
        seen = []
        for event in watch.Watch().stream(
            self._objects.list_namespaced_custom_object,
            *(group, version, self._namespace, plural),
            field_selector=f"metadata.name={since['metadata']['name']}",
            resource_version=since["metadata"]["resourceVersion"],
            timeout_seconds=PATIENCE,
        ):
            seen.append(event["object"])
            if done(seen[-1]):
                return seen
        pytest.fail(f"not within {PATIENCE} s; seen: {seen}")

    def order(self, **told: str) -> None:
        """Give the stand-in its orders, and take those back that it had."""
        found = self.core.list_namespaced_config_map(
            NAMESPACE, field_selector=f"metadata.name={CONFIG_MAP}"
        )
        body = client.V1ConfigMap(metadata=client.V1ObjectMeta(name=CONFIG_MAP), data=told)
        if found.items:
            self.core.replace_namespaced_config_map(CONFIG_MAP, NAMESPACE, body)
        else:
            self.core.create_namespaced_config_map(NAMESPACE, body)


def ready(item: Object) -> tuple[str, str]:
    """Return status and reason of the condition Ready, empty when there is none."""
    for condition in item.get("status", {}).get("conditions", []):
        if condition["type"] == "Ready":
            return condition["status"], condition.get("reason", "")
    return "", ""


def is_ready(item: Object) -> bool:
    observed = item.get("status", {}).get("observedGeneration")
    return ready(item)[0] == "True" and observed == item["metadata"]["generation"]


@pytest.fixture(scope="module")
def own(cluster: Cluster) -> Cluster:
    with cluster.client() as api:
        Objects(api).namespace("mesh")
    return cluster


@pytest.fixture
def objects(own: Cluster) -> Iterator[Objects]:
    with own.client() as api:
        mine = Objects(api)
        yield mine
        mine.delete_all()
        mine.order()


class StandIn:
    """The stand-in's process, started anew only when it is wanted with other options."""

    def __init__(self, cluster: Cluster) -> None:
        self._command = [sys.executable, "-m", "toolchain.operators", "--kubeconfig"]
        self._command.append(str(cluster.kubeconfig))
        self._log = cluster.folder / "log" / "operators.log"
        self._options: tuple[str, ...] = ()
        self.process: subprocess.Popen[bytes] | None = None

    def run(self, *options: str) -> None:
        if self.process is None or self.process.poll() is not None or self._options != options:
            self.stop()
            self._options = options
            self.process = processes.start([*self._command, *options], self._log, cwd=ROOT)

    def stop(self) -> None:
        if self.process is not None:
            processes.stop(self.process)


@pytest.fixture(scope="module")
def stand_in(own: Cluster) -> Iterator[StandIn]:
    mine = StandIn(own)
    yield mine
    mine.stop()


@pytest.fixture
def operators(stand_in: StandIn) -> Iterator[None]:
    stand_in.run()
    yield
    assert stand_in.process is not None
    assert stand_in.process.poll() is None, "it ended by itself"


def test_every_kind_becomes_ready_after_it_was_not(operators: None, objects: Objects) -> None:
    for kind in KINDS_WITH_READY:
        created = objects.create(kind)
        seen = objects.until(created, is_ready)
        assert [ready(item)[0] for item in seen] in (["False", "True"], ["Unknown", "True"]), kind


def test_a_new_generation_is_worked_on_again(operators: None, objects: Objects) -> None:
    for kind, change in CHANGES.items():
        first = objects.until(objects.create(kind), is_ready)[-1]
        if change:
            seen = objects.until(objects.change(kind, change), is_ready)
            assert seen[-1]["status"]["observedGeneration"] == 2
            assert ready(seen[0])[0] in ("False", "Unknown")
        else:
            assert first["status"]["observedGeneration"] == 1


def test_a_subscription_ends_at_the_latest_version(operators: None, objects: Objects) -> None:
    objects.order(Subscription="fail: ConstraintsNotSatisfiable no such channel")
    (*_, failed) = objects.until(
        objects.create("Subscription"), lambda item: bool(item["status"].get("conditions"))
    )
    (condition,) = failed["status"]["conditions"]
    assert (condition["type"], condition["reason"]) == (
        "ResolutionFailed",
        "ConstraintsNotSatisfiable",
    )
    objects.order()
    (*_, last) = objects.until(failed, lambda item: item["status"]["state"] == "AtLatestKnown")
    assert last["status"]["installedCSV"].startswith("serverless-operator.v")
    assert not last["status"]["conditions"]


def test_the_url_of_a_knative_service(operators: None, objects: Objects) -> None:
    (*_, last) = objects.until(objects.create("Service", "hello"), is_ready)
    assert last["status"]["url"] == f"https://hello-mesh.{APPS_DOMAIN}"


def test_a_member_is_pending_until_its_namespace_is_there(
    operators: None, objects: Objects
) -> None:
    objects.create("ServiceMeshControlPlane")
    created = objects.create("ServiceMeshMemberRoll")
    ready_without = objects.until(created, is_ready)[-1]
    objects.change("ServiceMeshMemberRoll", {"members": ["late"]})
    seen = objects.until(
        ready_without, lambda item: item.get("status", {}).get("pendingMembers") == ["late"]
    )
    assert ready(seen[-1]) == ("False", "ReconcileError")
    objects.namespace("late")
    (*_, last) = objects.until(seen[-1], is_ready)
    assert last["status"]["configuredMembers"] == ["late"]
    assert last["status"]["annotations"] == {"configuredMemberCount": "1/1"}


def test_an_order_to_fail_holds_until_it_is_taken_back(operators: None, objects: Objects) -> None:
    objects.order(KnativeServing="fail: NoRoom the quota is used up")
    failed = objects.until(
        objects.create("KnativeServing"), lambda item: ready(item) == ("False", "NoRoom")
    )[-1]
    assert failed["status"]["observedGeneration"] == 1
    objects.until(objects.create("KnativeEventing"), is_ready)
    objects.order()
    objects.until(failed, is_ready)


def test_an_order_reaches_what_is_ready_already(operators: None, objects: Objects) -> None:
    was_ready = objects.until(objects.create("ServiceMeshControlPlane"), is_ready)[-1]
    objects.order(ServiceMeshControlPlane="fail: Broken by order")
    objects.until(was_ready, lambda item: ready(item) == ("False", "Broken"))


def test_what_is_held_is_never_ready(operators: None, objects: Objects) -> None:
    objects.order(KnativeServing="hold")
    created = objects.create("KnativeServing")
    seen = objects.until(created, lambda item: ready(item)[0] == "False")
    # What comes later is done, what is held is not.
    objects.until(objects.create("KnativeEventing"), is_ready)
    assert not is_ready(objects.get("KnativeServing"))
    objects.order()
    objects.until(seen[-1], is_ready)


def test_what_is_delayed_is_ready_when_the_delay_is_over(operators: None, objects: Objects) -> None:
    objects.order(KnativeServing="delay: 1s", KnativeEventing="delay: 3600s")
    late = objects.create("KnativeEventing")
    objects.until(late, lambda item: ready(item)[0] == "False")
    objects.until(objects.create("KnativeServing"), is_ready)
    assert not is_ready(objects.get("KnativeEventing"))
    objects.order()
    objects.until(late, is_ready)


def test_the_stand_in_survives_the_api_server(
    own: Cluster, operators: None, objects: Objects
) -> None:
    objects.until(objects.create("ServiceMeshControlPlane"), is_ready)
    own.kill_api_server()
    own.start_api_server()
    changed = objects.change("ServiceMeshControlPlane", {"profiles": ["small"]})
    (*_, last) = objects.until(changed, is_ready)
    assert last["status"]["observedGeneration"] == 2
    objects.until(objects.create("KnativeServing"), is_ready)


def test_kinds_that_are_left_out_are_left_alone(stand_in: StandIn, objects: Objects) -> None:
    stand_in.run("--without", "KnativeServing", "--without", "KnativeEventing")
    for kind in ("KnativeServing", "KnativeEventing"):
        objects.create(kind)
    objects.until(objects.create("KnativeKafka"), is_ready)
    for kind in ("KnativeServing", "KnativeEventing"):
        assert not objects.get(kind).get("status")


def test_a_restart_of_the_stand_in_touches_nothing(stand_in: StandIn, objects: Objects) -> None:
    stand_in.run()
    kinds = [kind for kind in KINDS_WITH_READY if kind != "KnativeKafka"]
    before = [objects.until(objects.create(kind), is_ready)[-1] for kind in kinds]
    stand_in.stop()
    stand_in.run()
    objects.until(objects.create("KnativeKafka"), is_ready)
    assert [objects.get(kind) for kind in kinds] == before


def test_the_stand_in_ends_when_told_to(stand_in: StandIn, objects: Objects) -> None:
    stand_in.run()
    objects.until(objects.create("KnativeServing"), is_ready)
    assert stand_in.process is not None
    stand_in.process.terminate()
    assert stand_in.process.wait(PATIENCE) == -signal.SIGTERM


def strictly(own: Cluster, manifest: Object) -> Object:
    """Have the API server check a manifest, unknown fields included, without keeping it."""
    with own.client() as api:
        kind = dynamic.DynamicClient(api).resources.get(
            api_version=manifest["apiVersion"], kind=manifest["kind"]
        )
        answer = kind.create(
            body={**manifest, "metadata": {**manifest["metadata"], "namespace": "default"}},
            namespace="default",
            query_params=[("fieldValidation", "Strict"), ("dryRun", "All")],
        )
    return plain(answer.to_dict())


OURS = (
    "crds/control-plane-of-others",
    "crds/member",
    "documented/control-plane",
    "documented/member-roll",
)


@pytest.mark.parametrize("name", OURS)
def test_our_definitions_keep_every_field(own: Cluster, name: str) -> None:
    manifest = yaml.safe_load((DATA / f"{name}.yaml").read_text("utf-8"))
    assert strictly(own, manifest)["spec"] == manifest["spec"]


def test_our_definitions_want_the_sink_beside_the_broker(own: Cluster) -> None:
    manifest = yaml.safe_load((DATA / "crds" / "kafka-as-printed.yaml").read_text("utf-8"))
    with pytest.raises(client.ApiException) as caught:
        strictly(own, manifest)
    assert caught.value.status == 400
    assert json.loads(caught.value.body or "{}")["message"].endswith(
        'unknown field "spec.broker.sink"'
    )
    manifest["spec"]["sink"] = manifest["spec"]["broker"].pop("sink")
    assert strictly(own, manifest)["spec"] == manifest["spec"]
