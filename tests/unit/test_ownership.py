"""What is there already: how it is said, and that no object of the stack goes without the look."""

from typing import Any

import pytest

from components.ownership import refusal, writers
from policy.world import ref_of

SERVING: dict[str, Any] = {
    "apiVersion": "operator.knative.dev/v1beta1",
    "kind": "KnativeServing",
    "metadata": {"name": "knative-serving", "namespace": "knative-serving"},
}
TOKEN = "kubernetes:operator.knative.dev/v1beta1:KnativeServing"


def managed(*entries: dict[str, str]) -> dict[str, Any]:
    return {**SERVING, "metadata": {**SERVING["metadata"], "managedFields": list(entries)}}


def test_the_refusal_names_the_object_its_writers_and_the_way_on() -> None:
    found = managed({"manager": "kubectl-create"}, {"manager": "operator", "subresource": "status"})
    said = refusal(TOKEN, "serving", ref_of(SERVING), found)
    assert "KnativeServing knative-serving/knative-serving already exists" in said
    assert "written by kubectl-create." in said
    assert "operator" not in said.partition(". ")[0]
    assert (
        f"`pulumi import --generate-code=false {TOKEN} serving knative-serving/knative-serving`"
        in said
    )
    assert "docs/troubleshooting.md" in said


def test_an_object_of_the_whole_cluster_has_no_namespace_in_its_id() -> None:
    claim = {
        "apiVersion": "networking.internal.knative.dev/v1alpha1",
        "kind": "ClusterDomainClaim",
        "metadata": {"name": "www.example.org"},
    }
    said = refusal("token", "www", ref_of(claim), claim)
    assert said.startswith("ClusterDomainClaim www.example.org already exists")
    assert "`pulumi import --generate-code=false token www www.example.org`" in said


@pytest.mark.parametrize(
    ("entries", "names"),
    [
        ((), []),
        (({"manager": "a"}, {"manager": "b"}, {"manager": "a"}), ["a", "b"]),
        (({}, {"manager": ""}), []),
    ],
)
def test_each_writer_is_named_once(entries: tuple[dict[str, str], ...], names: list[str]) -> None:
    assert writers(managed(*entries)) == names
