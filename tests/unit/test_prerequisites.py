"""What must be so in the cluster: operators, one mesh, and what is taken for there."""

import pytest

from cluster import ControlPlane, Membership, Namespace, Observed, Subscription
from components.prerequisites import (
    PrerequisiteError,
    announcements,
    check,
    namespaces,
    question,
)
from settings import Settings

HERE = {"knative-serving": Namespace(member_of="istio-system"), "istio-system": Namespace()}


def refused(settings: Settings, found: Observed) -> str:
    with pytest.raises(PrerequisiteError) as caught:
        check(settings, found)
    return str(caught.value)


def test_an_empty_cluster_and_a_running_one_are_fine() -> None:
    check(Settings(), Observed())
    check(Settings(), Observed(HERE, None, ControlPlane("basic"), serving=True))


def test_missing_operators_are_named_with_what_is_not_served() -> None:
    kinds = ("maistra.io/v2 ServiceMeshControlPlane", "operator.knative.dev/v1beta1 KnativeServing")
    said = refused(Settings(), Observed(missing=kinds)).splitlines()
    assert len(said) == 2
    assert "the Red Hat OpenShift Service Mesh operator is not installed" in said[0]
    assert "maistra.io/v2 ServiceMeshControlPlane" in said[0]
    assert "serverless-mesh:installOperators" in said[0]
    assert "the OpenShift Serverless operator is not installed" in said[1]


def test_to_install_operators_takes_their_manager() -> None:
    settings = Settings(install_operators=True)
    assert question(settings).kinds == ("operators.coreos.com/v1alpha1 Subscription",)
    said = refused(settings, Observed(missing=question(settings).kinds))
    assert "the Operator Lifecycle Manager is not installed" in said
    assert "installOperators" not in said


def test_cert_manager_and_kafka_are_asked_for_when_they_are_used() -> None:
    settings = Settings(
        wildcard_from="cert-manager", issuer_name="x", kafka_bootstrap_servers=("a.kafka:9092",)
    )
    kinds = question(settings).kinds
    assert "cert-manager.io/v1 Certificate" in kinds
    assert "operator.serverless.openshift.io/v1alpha1 KnativeKafka" in kinds
    said = refused(settings, Observed(missing=("cert-manager.io/v1 Certificate",)))
    assert said == (
        "cert-manager is not installed: the cluster does not serve cert-manager.io/v1 Certificate. "
        "Install it"
    )


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (Settings(mesh_namespace="other"), "meshNamespace is other, but Serverless runs in the"),
        (Settings(control_plane_name="other"), "controlPlaneName is other, but Serverless runs in"),
    ],
)
def test_serverless_that_runs_is_not_moved(settings: Settings, said: str) -> None:
    running = Observed(HERE, None, ControlPlane("basic"), serving=True)
    refusal = refused(settings, running)
    assert said in refusal
    assert "pulumi destroy" in refusal


def test_serverless_that_does_not_run_may_go_anywhere() -> None:
    check(Settings(mesh_namespace="other"), Observed(HERE, None, ControlPlane("basic")))


def test_what_is_taken_for_existing_must_exist() -> None:
    assert "there is no ServiceMeshControlPlane in istio-system" in refused(
        Settings(existing_mesh=True), Observed(HERE)
    )
    assert "there is no Secret istio-system/wildcard-certs" in refused(
        Settings(wildcard_from="secret"), Observed(HERE)
    )
    # A preview without a cluster can't tell.
    check(Settings(existing_mesh=True, wildcard_from="secret"), Observed())


def test_a_second_control_plane_in_a_namespace_is_refused() -> None:
    said = refused(Settings(), Observed(HERE, None, ControlPlane("other")))
    assert "controlPlaneName is basic, but the control plane in istio-system is other" in said


def test_the_changes_of_a_mesh_of_others_are_announced_when_they_are_agreed_to() -> None:
    found = Observed(HERE, None, ControlPlane("basic"))
    with pytest.raises(PrerequisiteError, match="allowMeshChanges"):
        announcements(Settings(existing_mesh=True), found)
    agreed = Settings(
        existing_mesh=True, allow_mesh_changes=("mtls", "drain", "gatewayLabels", "excludedPorts")
    )
    said = announcements(agreed, found)
    assert len(said) == len(agreed.allow_mesh_changes)
    assert "ServiceMeshControlPlane istio-system/basic, which others own, changes: spec." in said[0]
    assert not announcements(Settings(), found)


def test_members_that_others_put_in_the_roll_are_not_taken_out() -> None:
    found = Observed(HERE, roll=("knative-serving", "theirs", "left"))
    with pytest.raises(PrerequisiteError, match="lists theirs besides the stack's own"):
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
    settings = Settings(install_operators=True)
    ours = Subscription("openshift-serverless", "serverless-operator", "serverless-operator")
    check(settings, Observed(subscriptions=(ours,), operator_groups=("serverless-operators",)))
    theirs = Subscription("operators", "mesh", "servicemeshoperator")
    other = Subscription("operators", "other", "other")
    said = refused(settings, Observed(subscriptions=(theirs, other)))
    assert said.startswith("servicemeshoperator is installed already, by the Subscription operat")
    assert "\n" not in said
    said = refused(settings, Observed(operator_groups=("serverless-operators", "theirs")))
    assert "has the OperatorGroup theirs already" in said


def test_the_namespaces_that_are_needed() -> None:
    assert namespaces(Settings()) == ["istio-system", "knative-serving", "knative-eventing"]
    assert namespaces(Settings(install_operators=True))[-2:] == [
        "openshift-serverless",
        "openshift-operators",
    ]
