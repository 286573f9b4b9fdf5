"""What must be so in the cluster: operators, one mesh, and what is taken for there."""

import pytest

from mesh_policy.documented.kinds import CERTIFICATE, CONTROL_PLANE, KAFKA, SERVING, SUBSCRIPTION
from preflight.cluster import ControlPlane, Membership, Namespace, Observed, Subscription
from preflight.errors import PreflightError
from preflight.prerequisites import announcements, check, namespaces, wanted
from serverless_mesh.settings import Operators, ServiceMesh2, Settings
from tests.stack_files import settings

HERE = {"knative-serving": Namespace(member_of="istio-system"), "istio-system": Namespace()}


def refused(asked: Settings, found: Observed) -> str:
    with pytest.raises(PreflightError) as caught:
        check(asked, found)
    return str(caught.value)


def test_an_empty_cluster_and_a_running_one_are_fine() -> None:
    check(Settings(), Observed())
    check(Settings(), Observed(HERE, None, ControlPlane("basic"), serving=True))


def test_missing_operators_are_named_with_what_is_not_served() -> None:
    kinds = (CONTROL_PLANE, SERVING)
    said = refused(Settings(), Observed(missing=kinds)).splitlines()
    assert len(said) == 2
    assert "the Red Hat OpenShift Service Mesh operator is not installed" in said[0]
    assert "maistra.io/v2 ServiceMeshControlPlane" in said[0]
    assert "add the section serverless-mesh:operators" in said[0]
    assert "the OpenShift Serverless operator is not installed" in said[1]


def test_to_install_operators_takes_their_manager() -> None:
    asked = Settings(operators=Operators())
    assert wanted(asked).kinds == (SUBSCRIPTION,)
    said = refused(asked, Observed(missing=wanted(asked).kinds))
    assert "the Operator Lifecycle Manager is not installed" in said
    assert "serverless-mesh:operators" not in said


def test_cert_manager_and_kafka_are_asked_for_when_they_are_used() -> None:
    used = settings(
        certificate={"from": "cert-manager", "issuer": {"name": "x"}},
        kafka={"bootstrapServers": ["a.kafka:9092"]},
    )
    assert {CERTIFICATE, KAFKA} <= set(wanted(used).kinds)
    said = refused(used, Observed(missing=(CERTIFICATE,)))
    assert said == (
        "cert-manager is not installed: the cluster does not serve cert-manager.io/v1 Certificate. "
        "Install it"
    )


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            Settings(mesh=ServiceMesh2(namespace="other")),
            "mesh.namespace is other, but Serverless runs in the",
        ),
        (
            Settings(mesh=ServiceMesh2(name="other")),
            "mesh.name is other, but Serverless runs in",
        ),
    ],
)
def test_serverless_that_runs_is_not_moved(asked: Settings, said: str) -> None:
    running = Observed(HERE, None, ControlPlane("basic"), serving=True)
    refusal = refused(asked, running)
    assert said in refusal
    assert "pulumi destroy" in refusal


def test_serverless_that_does_not_run_may_go_anywhere() -> None:
    check(
        Settings(mesh=ServiceMesh2(namespace="other")), Observed(HERE, None, ControlPlane("basic"))
    )


def test_what_is_taken_for_existing_must_exist() -> None:
    assert "there is no ServiceMeshControlPlane in istio-system" in refused(
        Settings(mesh=ServiceMesh2(existing=True)), Observed(HERE)
    )
    assert "there is no Secret istio-system/wildcard-certs" in refused(
        settings(certificate={"from": "secret"}), Observed(HERE)
    )
    # A preview without a cluster can't tell.
    check(settings(mesh={"existing": True}, certificate={"from": "secret"}), Observed())


def test_a_second_control_plane_in_a_namespace_is_refused() -> None:
    said = refused(Settings(), Observed(HERE, None, ControlPlane("other")))
    assert "mesh.name is basic, but the control plane in istio-system is other" in said


def test_the_changes_of_a_mesh_of_others_are_announced_when_they_are_agreed_to() -> None:
    found = Observed(HERE, None, ControlPlane("basic"))
    with pytest.raises(PreflightError, match="allowChanges"):
        announcements(Settings(mesh=ServiceMesh2(existing=True)), found)
    agreed = ServiceMesh2(
        existing=True, allow_changes=("mtls", "drain", "gatewayLabels", "excludedPorts")
    )
    said = announcements(Settings(mesh=agreed), found)
    assert len(said) == len(agreed.allow_changes)
    assert "ServiceMeshControlPlane istio-system/basic, which others own, changes: spec." in said[0]
    assert not announcements(Settings(), found)


def test_members_that_others_put_in_the_roll_are_not_taken_out() -> None:
    found = Observed(HERE, roll=("knative-serving", "theirs", "left"))
    with pytest.raises(PreflightError, match="lists theirs besides the stack's own"):
        check(Settings(), found, lambda: {"knative-serving", "left"})
    check(Settings(projects=("theirs",)), found, lambda: {"left"})
    check(Settings(), Observed(HERE, roll=("left",)), lambda: {"left"})


def test_the_state_is_asked_only_when_a_member_would_leave() -> None:
    def state() -> set[str]:
        raise AssertionError("asked for nothing")

    check(Settings(), Observed(HERE, roll=("knative-serving",)), state)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Observed({"shop": Namespace(member_of="other")}), "in the mesh of other by a member roll"),
        (
            Observed(HERE, memberships={"shop": Membership("other", "basic")}),
            "in the mesh of other by its ServiceMeshMember shop/default",
        ),
        (
            Observed(HERE, memberships={"shop": Membership("istio-system", "prod")}),
            "is of the control plane istio-system/prod, but",
        ),
    ],
)
def test_a_project_of_another_mesh_is_refused(found: Observed, said: str) -> None:
    assert said in refused(Settings(projects=("shop",)), found)


def test_an_operator_is_not_installed_twice() -> None:
    asked = Settings(operators=Operators())
    ours = Subscription("openshift-serverless", "serverless-operator", "serverless-operator")
    check(asked, Observed(subscriptions=(ours,), operator_groups=("serverless-operators",)))
    theirs = Subscription("operators", "mesh", "servicemeshoperator")
    other = Subscription("operators", "other", "other")
    said = refused(asked, Observed(subscriptions=(theirs, other)))
    assert said.startswith("servicemeshoperator is installed already, by the Subscription operat")
    assert "\n" not in said
    said = refused(asked, Observed(operator_groups=("serverless-operators", "theirs")))
    assert "has the OperatorGroup theirs already" in said


def test_the_namespaces_that_are_needed() -> None:
    assert namespaces(Settings()) == ["istio-system", "knative-serving", "knative-eventing"]
    assert namespaces(Settings(operators=Operators()))[-2:] == [
        "openshift-serverless",
        "openshift-operators",
    ]
