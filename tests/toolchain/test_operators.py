"""What the operators' stand-in says of a resource, given the rest of the cluster and its orders."""

from pathlib import Path
from typing import Any

import pytest
import typer

from toolchain.operators.__main__ import main
from toolchain.operators.controller import RESOURCES
from toolchain.operators.orders import Failure, Order, orders
from toolchain.operators.status import KINDS, Outcome, Progress, World, memberships, status

Object = dict[str, Any]
NOW, LATER = "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"
FAILURE = Failure("QuotaExceeded", "no room for it")
OUTCOMES = (*Progress, FAILURE)


def resource(kind: str, spec: Object | None = None, generation: int = 1, **metadata: str) -> Object:
    named = {"name": "basic", "namespace": "istio-system", **metadata}
    reference = {"controlPlaneRef": {"name": "basic", "namespace": "istio-system"}}
    default = reference if kind == "ServiceMeshMember" else {}
    return {
        "kind": kind,
        "metadata": {**named, "generation": generation},
        "spec": default if spec is None else spec,
    }


def settled(item: Object, outcome: Outcome = Progress.DONE, world: World | None = None) -> Object:
    return {**item, "status": status(item, world or World(), outcome, NOW)}


def world(*control_planes: Object, namespaces: str = "", members: tuple[Object, ...] = ()) -> World:
    resources = {
        "ServiceMeshControlPlane": list(control_planes),
        "ServiceMeshMember": list(members),
    }
    return World(frozenset(namespaces.split()), resources)


MESH = settled(resource("ServiceMeshControlPlane"))


def conditions(item: Object) -> dict[str, tuple[str, str]]:
    return {c["type"]: (c["status"], c.get("reason", "")) for c in item["conditions"]}


def roll(of: World, *members: str, outcome: Outcome = Progress.DONE) -> Object:
    return status(resource("ServiceMeshMemberRoll", {"members": list(members)}), of, outcome, NOW)


def test_every_kind_that_is_watched_has_a_status() -> None:
    assert list(RESOURCES) == list(KINDS)


WITH_CONDITIONS = [kind for kind in KINDS if kind != "Subscription"]


@pytest.mark.parametrize("kind", WITH_CONDITIONS)
def test_ready_follows_the_outcome(kind: str) -> None:
    item, of = resource(kind), world(MESH)
    assert conditions(status(item, of, Progress.DONE, NOW))["Ready"][0] == "True"
    assert conditions(status(item, of, Progress.UNDERWAY, NOW))["Ready"][0] in ("False", "Unknown")
    assert conditions(status(item, of, FAILURE, NOW))["Ready"] == ("False", "QuotaExceeded")
    (ready,) = (c for c in status(item, of, FAILURE, NOW)["conditions"] if c["type"] == "Ready")
    assert ready["message"] == "no room for it"


@pytest.mark.parametrize("outcome", OUTCOMES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_a_second_look_changes_nothing(kind: str, outcome: Outcome) -> None:
    once = settled(resource(kind, generation=3), outcome, world(MESH))
    assert status(once, world(MESH), outcome, LATER) == once["status"]


@pytest.mark.parametrize("kind", WITH_CONDITIONS)
def test_a_generation_is_observed_when_the_work_on_it_is_done(kind: str) -> None:
    item = resource(kind, generation=7)
    assert status(item, World(), Progress.DONE, NOW)["observedGeneration"] == 7


def test_only_a_transition_changes_its_time() -> None:
    item = settled(resource("KnativeServing"), Progress.UNDERWAY)
    times = {
        c["type"]: c["lastTransitionTime"]
        for c in status(item, World(), Progress.DONE, LATER)["conditions"]
    }
    assert times == {
        "DependenciesInstalled": NOW,
        "DeploymentsAvailable": LATER,
        "InstallSucceeded": NOW,
        "Ready": LATER,
        "VersionMigrationEligible": NOW,
    }


def test_a_mesh_is_installed_once_and_then_updated() -> None:
    first = resource("ServiceMeshControlPlane")
    assert conditions(status(first, World(), Progress.UNDERWAY, NOW)) == {
        "Installed": ("False", "ResourceCreated"),
        "Reconciled": ("False", "ResourceCreated"),
        "Ready": ("False", "ResourceCreated"),
    }
    assert conditions(MESH["status"]) == {
        "Installed": ("True", "InstallSuccessful"),
        "Reconciled": ("True", "ReconcileSuccessful"),
        "Ready": ("True", "ComponentsReady"),
    }
    second = {**MESH, "metadata": {**MESH["metadata"], "generation": 2}}
    updating = status(second, World(), Progress.UNDERWAY, NOW)
    assert conditions(updating) == {
        "Installed": ("True", "InstallSuccessful"),
        "Reconciled": ("False", "SpecUpdated"),
        "Ready": ("False", "SpecUpdated"),
    }
    assert updating["observedGeneration"] == 1
    assert updating["conditions"][1]["message"] == "Updating mesh from generation 1 to generation 2"


def test_a_mesh_tells_what_it_runs() -> None:
    spec = {"version": "v2.5", "profiles": ["small"], "mode": "ClusterWide", "proxy": {}}
    found = status(resource("ServiceMeshControlPlane", spec), World(), Progress.DONE, NOW)
    assert found["chartVersion"] == "2.5.0"
    assert found["operatorVersion"] == "2.5.0 (stand-in)"
    assert found["appliedSpec"] == {"version": "v2.5", "profiles": ["small"], "mode": "ClusterWide"}
    assert found["annotations"] == {"readyComponentCount": "3/3"}


def test_a_roll_configures_the_members_that_exist() -> None:
    found = roll(world(MESH, namespaces="shop istio-system other"), "shop", "bank", "istio-system")
    assert found["members"] == ["bank", "shop"]
    assert found["configuredMembers"] == ["shop"]
    assert found["pendingMembers"] == ["bank"]
    assert found["annotations"] == {"configuredMemberCount": "1/2"}
    assert conditions(found) == {"Ready": ("False", "ReconcileError")}
    assert "[bank]" in found["conditions"][0]["message"]
    bank, shop = found["memberStatuses"]
    assert (bank["namespace"], shop["namespace"]) == ("bank", "shop")
    assert conditions(bank)["Ready"] == ("False", "NamespaceNotExists")
    assert conditions(shop)["Ready"] == ("True", "")


def test_a_roll_is_ready_when_all_its_members_exist() -> None:
    found = roll(world(MESH, namespaces="shop bank"), "shop", "bank")
    assert conditions(found) == {"Ready": ("True", "Configured")}
    assert found["pendingMembers"] == []
    assert found["meshGeneration"] == 1


@pytest.mark.parametrize(
    ("of", "reason"),
    [
        (world(namespaces="shop"), "ErrSMCPMissing"),
        (world(resource("ServiceMeshControlPlane"), namespaces="shop"), "SMCPReconciling"),
        (
            world(settled(resource("ServiceMeshControlPlane"), FAILURE), namespaces="shop"),
            "SMCPReconciling",
        ),
        (world(MESH, resource("ServiceMeshControlPlane", name="2nd")), "ErrMultipleSMCPs"),
        (world(resource("ServiceMeshControlPlane", namespace="else")), "ErrSMCPMissing"),
    ],
)
def test_a_roll_needs_one_installed_mesh_beside_it(of: World, reason: str) -> None:
    found = roll(of, "shop")
    assert conditions(found) == {"Ready": ("False", reason)}
    assert (found["configuredMembers"], found["pendingMembers"]) == ([], ["shop"])


@pytest.mark.parametrize("spec", [{}, {"members": None}, {"members": []}])
def test_a_roll_without_members_is_ready(spec: Object) -> None:
    found = status(resource("ServiceMeshMemberRoll", spec), world(MESH), Progress.DONE, NOW)
    assert conditions(found) == {"Ready": ("True", "Configured")}


def test_a_namespace_can_join_by_an_object_of_its_own() -> None:
    joining = resource("ServiceMeshMember", namespace="shop", name="default")
    elsewhere = resource(
        "ServiceMeshMember", {"controlPlaneRef": {"name": "basic", "namespace": "else"}}
    )
    of = world(MESH, namespaces="shop bank", members=(joining, elsewhere))
    assert roll(of, "bank")["configuredMembers"] == ["bank", "shop"]
    assert conditions(status(joining, of, Progress.DONE, NOW))["Reconciled"] == ("True", "")
    found = status(elsewhere, of, Progress.DONE, NOW)
    assert conditions(found)["Ready"] == ("False", "ErrSMCPMissing")


def test_knative_has_its_operators_conditions() -> None:
    for kind in ("KnativeServing", "KnativeEventing"):
        assert set(settled(resource(kind))["status"]["conditions"][0]) == {
            "type",
            "status",
            "lastTransitionTime",
        }
        assert list(conditions(settled(resource(kind))["status"])) == [
            "DependenciesInstalled",
            "DeploymentsAvailable",
            "InstallSucceeded",
            "Ready",
            "VersionMigrationEligible",
        ]
    assert list(conditions(settled(resource("KnativeKafka"))["status"])) == [
        "DeploymentsAvailable",
        "InstallSucceeded",
        "Ready",
    ]
    assert settled(resource("KnativeServing", {"version": "1.14"}))["status"]["version"] == "1.14"


def test_a_knative_service_has_a_url_in_the_clusters_domain() -> None:
    item = resource("Service", name="hello", namespace="default", generation=2)
    found = status(item, World(domain="apps.example.com"), Progress.DONE, NOW)
    assert found["url"] == "https://hello-default.apps.example.com"
    assert found["latestReadyRevisionName"] == "hello-00002"
    assert "latestReadyRevisionName" not in status(item, World(), Progress.UNDERWAY, NOW)


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("hold", Order(hold=True)),
        (" hold\n", Order(hold=True)),
        ("delay: 5s", Order(delay=5)),
        ("delay: 0.25s", Order(delay=0.25)),
        ("fail: QuotaExceeded no room for it", Order(failure=FAILURE)),
    ],
)
def test_orders(text: str, order: Order) -> None:
    assert orders({"KnativeServing": text}) == {"KnativeServing": order}


@pytest.mark.parametrize("text", ["", "delay: 5", "delay: -1s", "fail:", "fail: Reason", "holds"])
def test_an_order_that_is_not_understood_is_seen(text: str) -> None:
    failure = Order.parse(text).failure
    assert failure is not None
    assert failure.reason == "OrderNotUnderstood"
    assert repr(text) in failure.message


def test_only_a_known_kind_can_be_left_out(tmp_path: Path) -> None:
    with pytest.raises(typer.BadParameter, match=r"found Knative, takes .*KnativeServing"):
        main(tmp_path / "unread", without=["KnativeServing", "Knative"])


def test_a_subscription_is_installed_when_the_work_is_done() -> None:
    item = resource("Subscription", {"name": "serverless-operator"})
    assert status(item, World(), Progress.UNDERWAY, NOW)["state"] == "UpgradePending"
    done = status(item, World(), Progress.DONE, NOW)
    assert done["state"] == "AtLatestKnown"
    assert done["installedCSV"].startswith("serverless-operator.v1.")
    assert "installedCSV" not in status(item, World(), FAILURE, NOW)


def test_members_are_those_that_are_configured_by_roll_or_by_themselves() -> None:
    mesh = settled(resource("ServiceMeshControlPlane"), Progress.DONE)
    namespace = mesh["metadata"]["namespace"]
    reference = {"name": mesh["metadata"]["name"], "namespace": namespace}
    member = resource("ServiceMeshMember", {"controlPlaneRef": reference})
    member["metadata"]["namespace"] = "bank"
    of = world(mesh)
    joined = World(of.namespaces, {**of.resources, "ServiceMeshMember": [member]})
    assert memberships(joined) == {}
    member["status"] = status(member, joined, Progress.DONE, NOW)
    assert memberships(joined) == {"bank": namespace}
    full = resource("ServiceMeshMemberRoll", {"members": ["shop", "nowhere"]})
    full["status"] = status(full, of, Progress.DONE, NOW)
    rolled = World(of.namespaces, {**of.resources, "ServiceMeshMemberRoll": [full]})
    assert "nowhere" not in memberships(rolled)
    assert set(memberships(rolled).values()) <= {full["metadata"]["namespace"]}
