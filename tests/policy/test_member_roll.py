"""What remediation adds to a member roll: what makes a member of the mesh, and nothing else."""

from mesh_policy.reading.objects import Given
from mesh_policy.rules import member_roll_complete
from mesh_policy.world import World
from tests.policy.integration import Body

PLANE: Body = {
    "apiVersion": "maistra.io/v2",
    "kind": "ServiceMeshControlPlane",
    "metadata": {"name": "basic", "namespace": "istio-system"},
}
ROLL: Body = {
    "apiVersion": "maistra.io/v1",
    "kind": "ServiceMeshMemberRoll",
    "metadata": {"name": "default", "namespace": "istio-system"},
    "spec": {"members": ["shop"]},
}


def membership(name: str, plane: str) -> Body:
    return {
        "apiVersion": "maistra.io/v1",
        "kind": "ServiceMeshMember",
        "metadata": {"name": name, "namespace": "knative-eventing"},
        "spec": {"controlPlaneRef": {"name": plane, "namespace": "istio-system"}},
    }


def added(*others: Body) -> list[str]:
    found = member_roll_complete.remediate(ROLL, World.of(map(Given, [PLANE, ROLL, *others])))
    assert found is not None
    return [name for name in found["spec"]["members"] if name not in ROLL["spec"]["members"]]


def test_knatives_namespaces_are_added() -> None:
    assert added() == ["knative-serving", "knative-eventing"]
    assert added(membership("serverless", "basic")) == ["knative-serving", "knative-eventing"]


def test_a_namespace_is_not_added_that_is_a_member_or_cannot_be_one() -> None:
    assert added(membership("default", "basic")) == ["knative-serving"]
    assert added(membership("default", "other")) == ["knative-serving"]
