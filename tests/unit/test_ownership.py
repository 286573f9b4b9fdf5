"""What is there already: how it is said, and that no object of the stack goes without the look."""

from typing import Any

import pytest

from mesh_policy.reading.objects import ref_of
from mesh_policy.reading.ownership import import_of, writers
from preflight.ownership import Declared, is_adopted, refusal

SERVING: dict[str, Any] = {
    "apiVersion": "operator.knative.dev/v1beta1",
    "kind": "KnativeServing",
    "metadata": {"name": "knative-serving", "namespace": "knative-serving"},
}
TOKEN = "kubernetes:operator.knative.dev/v1beta1:KnativeServing"


def managed(*entries: dict[str, str]) -> dict[str, Any]:
    return {**SERVING, "metadata": {**SERVING["metadata"], "managedFields": list(entries)}}


def said(found: dict[str, Any], name: str = "serving", token: str = TOKEN) -> str:
    return refusal([(Declared(token, name, ref_of(found)), found)])


def test_the_refusal_names_the_object_its_writers_and_the_way_on() -> None:
    text = said(
        managed({"manager": "kubectl-create"}, {"manager": "operator", "subresource": "status"})
    )
    assert text.startswith("1 object of others would be taken over:\n")
    assert "KnativeServing knative-serving/knative-serving already exists" in text
    assert "written by kubectl-create:" in text
    assert "operator:" not in text
    assert (
        f"`pulumi import --generate-code=false {TOKEN} serving knative-serving/knative-serving`"
        in text
    )
    assert "docs/troubleshooting.md" in text


def test_every_object_is_named_at_once() -> None:
    one = Declared(TOKEN, "serving", ref_of(SERVING))
    text = refusal([(one, SERVING), (one._replace(logical_name="again"), SERVING)])
    assert text.startswith("2 objects of others")
    assert text.count("already exists") == 2


def test_an_object_of_the_whole_cluster_has_no_namespace_in_its_id() -> None:
    claim = {
        "apiVersion": "networking.internal.knative.dev/v1alpha1",
        "kind": "ClusterDomainClaim",
        "metadata": {"name": "www.example.org"},
    }
    text = said(claim, "www", "token")
    assert "ClusterDomainClaim www.example.org already exists" in text
    assert "`pulumi import --generate-code=false token www www.example.org`" in text


def test_the_ways_on_of_single_kinds() -> None:
    plane = {
        "apiVersion": "maistra.io/v2",
        "kind": "ServiceMeshControlPlane",
        "metadata": {"name": "basic", "namespace": "istio-system"},
    }
    assert "set serverless-mesh:mesh.existing to true" in said(plane)
    secret: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "wildcard-certs", "namespace": "istio-system"},
    }
    assert "set serverless-mesh:certificate.from to secret" in said(secret)
    secret["metadata"]["annotations"] = {"cert-manager.io/certificate-name": "wildcard"}
    assert "delete cert-manager's Certificate istio-system/wildcard, which would renew" in said(
        secret
    )


def test_what_is_there_and_used_as_it_is() -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    assert is_adopted(ref_of(namespace), namespace)
    assert not is_adopted(ref_of(SERVING), SERVING)
    member: dict[str, Any] = {
        "apiVersion": "maistra.io/v1",
        "kind": "ServiceMeshMember",
        "metadata": {"name": "default", "namespace": "shop"},
    }

    def written(*names: str) -> dict[str, Any]:
        entries = [{"manager": name, "fieldsV1": {"f:spec": {}}} for name in names]
        return {**member, "metadata": {**member["metadata"], "managedFields": entries}}

    ref = ref_of(member)
    assert is_adopted(ref, written("kubectl-create"))
    assert is_adopted(ref, written("pulumi-kubernetes-1a", "kubectl-create"))
    assert not is_adopted(ref, written("pulumi-kubernetes-1a")), "another stack's"


def test_the_command_can_be_told_by_a_urn() -> None:
    urn = f"urn:pulumi:dev::mesh::serverlessmesh:serving:KnativeServing${TOKEN}::serving"
    assert import_of(urn, ref_of(SERVING)) == (
        f"pulumi import --generate-code=false {TOKEN} serving knative-serving/knative-serving"
    )


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
