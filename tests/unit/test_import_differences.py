"""What an update after an import changes, and why."""

import json
from typing import Any

import pytest

from mesh_policy.documented.kinds import EVENTING, SERVING
from serverless_mesh.cli.importing.differences import Change, Update, changes, update
from serverless_mesh.cli.importing.printing import as_data, as_text, is_explained
from serverless_mesh.cli.importing.reasons import reason

Body = dict[str, Any]
WORKLOAD = {"name": "activator"}


def managed(manager: str, fields: Body, **more: str) -> Body:
    return {"manager": manager, "operation": "Update", "fieldsV1": fields, **more}


def serving(spec: Body, *entries: Body, **metadata: Body) -> Body:
    about: Body = {"name": "knative-serving", "namespace": "knative-serving", **metadata}
    if entries:
        about["managedFields"] = list(entries)
    head = {"apiVersion": "operator.knative.dev/v1beta1", "kind": "KnativeServing"}
    return {**head, "metadata": about, "spec": spec}


def found(live: Body, declared: Body) -> list[Change]:
    return list(changes(live, declared))


def test_what_is_as_declared_does_not_change_and_the_bookkeeping_is_no_change() -> None:
    spec = {"ingress": {"istio": {"enabled": True}}}
    note = {"kubectl.kubernetes.io/last-applied-configuration": "{}"}
    fields: Body = {"f:metadata": {"f:annotations": {f"f:{next(iter(note))}": {}}}}
    live = serving(spec, managed("kubectl-client-side-apply", fields), annotations=note)
    declared = serving(spec, annotations={"pulumi.com/patchForce": "true"})
    assert found(live, declared) == []


def test_a_value_that_differs_and_one_that_comes() -> None:
    live = serving({"config": {"istio": {"a": "1"}}})
    declared = serving({"config": {"istio": {"a": "2", "b.c": "3"}}, "ingress": {}})
    assert found(live, declared) == [
        Change("spec.config.istio.a", "1", "2"),
        Change("spec.config.istio.'b.c'", None, "3"),
        Change("spec.ingress", None, {}),
    ]


CONFIG: Body = {"f:spec": {".": {}, "f:config": {".": {}, "f:autoscaler": {".": {}, "f:max": {}}}}}


@pytest.mark.parametrize(
    ("managers", "goes"),
    [
        (["kubectl-create"], True),
        (["kubectl-edit", "before-first-apply"], True),
        (["pulumi-kubernetes-0123"], True),
        (["kubectl-create", "platform-team"], False),
        (["platform-team"], False),
    ],
)
def test_what_kubectl_wrote_and_nobody_else_holds_goes(managers: list[str], goes: bool) -> None:
    entries = [managed(each, CONFIG) for each in managers]
    live = serving({"config": {"autoscaler": {"max": "5"}}}, *entries)
    gone = Change("spec.config.autoscaler.max", "5", None)
    assert found(live, serving({})) == ([gone] if goes else [])
    assert found(live, serving({"config": {}})) == ([gone] if goes else [])


def test_a_manager_of_the_status_alone_holds_nothing() -> None:
    entries = [managed("kubectl-create", CONFIG), managed("x", CONFIG, subresource="status")]
    live = serving({"config": {"autoscaler": {"max": "5"}}}, *entries)
    assert len(found(live, serving({}))) == 1


def test_a_list_with_one_owner_is_replaced_as_a_whole() -> None:
    fields: Body = {"f:spec": {"f:workloads": {}}}
    theirs = [{**WORKLOAD, "env": [{"a": "b"}]}, {"name": "webhook"}]
    live = serving({"workloads": theirs}, managed("kubectl-create", fields))
    assert found(live, serving({"workloads": [{**WORKLOAD, "labels": {"l": "x"}}]})) == [
        Change("spec.workloads[activator].labels.l", None, "x"),
        Change("spec.workloads[activator].env", [{"a": "b"}], None),
        Change("spec.workloads[webhook]", {"name": "webhook"}, None),
    ]


def service(ports: list[Body], **spec: object) -> Body:
    about = {"name": "gateway", "namespace": "istio-system"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": about,
        "spec": {"ports": ports, **spec},
    }


PORT: Body = {"name": "http2", "port": 80, "targetPort": 8080}
GIVEN: Body = {"clusterIP": "10.0.0.1", "sessionAffinity": "None", "type": "ClusterIP"}


def test_of_a_service_defaults_come_back_and_ports_go_by_their_keys() -> None:
    each: Body = {".": {}, "f:name": {}, "f:port": {}, "f:protocol": {}, "f:targetPort": {}}
    fields: Body = {
        "f:spec": {
            "f:ports": {
                'k:{"port":80,"protocol":"TCP"}': each,
                'k:{"port":443,"protocol":"TCP"}': each,
            },
            "f:sessionAffinity": {},
            "f:selector": {},
        }
    }
    https = {"name": "https", "port": 443, "targetPort": 8444, "protocol": "TCP"}
    live = service([{**PORT, "protocol": "TCP"}, https], selector={"a": "b", "c": "d"}, **GIVEN)
    live["metadata"]["managedFields"] = [managed("kubectl-create", fields)]
    declared = service([{**PORT, "targetPort": 8081}], selector={"a": "b"}, type="ClusterIP")
    assert found(live, declared) == [
        Change("spec.ports[http2].targetPort", 8080, 8081),
        Change("spec.selector.c", "d", None),
        Change("spec.ports[https]", https, None),
    ]


def step(op: str, old: Body | None, new: Body | None, name: str = "serving") -> Body:
    body = old or new or {}
    token = "kubernetes:operator.knative.dev/v1beta1:KnativeServing"
    if body.get("kind") == "Secret":
        token = "kubernetes:core/v1:Secret"
    states = {
        **({"oldState": {"inputs": old, "outputs": old}} if old else {}),
        **({"newState": {"inputs": new}} if new else {}),
    }
    return {"op": op, "urn": f"urn:pulumi:s::p::a:b:C${token}::{name}", **states}


def read(*steps: Body) -> Update:
    return update({"steps": list(steps)})


EMPTY = serving({})


def test_of_a_preview_only_objects_of_the_cluster_count() -> None:
    other = {"op": "create", "urn": "urn:pulumi:s::p::tls:index/privateKey:PrivateKey::key"}
    patch = {**step("update", EMPTY, EMPTY), "urn": "urn:pulumi:s::p::kubernetes:v1:SecretPatch::x"}
    result = read(step("same", EMPTY, EMPTY), other, patch)
    assert [str(each.ref) for each in result.differences] == [
        "KnativeServing knative-serving/knative-serving"
    ]
    assert is_explained(result)
    assert "nothing changes" in as_text(result)


def test_what_is_set_in_objects_of_others_is_told_field_by_field() -> None:
    about = {"name": "shop", "labels": {"istio-injection": "enabled"}}
    project: Body = {"apiVersion": "v1", "kind": "Namespace", "metadata": about}
    token = "kubernetes:core/v1:NamespacePatch"
    patch = {**step("create", None, project), "urn": f"urn:pulumi:s::p::a:b:C${token}::shop-labels"}
    result = read(patch)
    assert result.made == ()
    assert is_explained(result)
    assert '  + Namespace shop: metadata.labels.istio-injection: "enabled"' in as_text(result)


def test_what_is_made_is_told_and_what_is_deleted_or_replaced_is_wrong() -> None:
    made = read(step("create", None, EMPTY))
    assert is_explained(made)
    assert "  + KnativeServing" in as_text(made)
    deleted = read(step("delete", EMPTY, None))
    assert not is_explained(deleted)
    assert "is deleted by the update" in as_text(deleted)
    replaced = read(
        step("create-replacement", EMPTY, EMPTY),
        step("replace", EMPTY, EMPTY),
        step("delete-replaced", EMPTY, None),
    )
    assert not is_explained(replaced)
    assert as_text(replaced).count("deleted and made anew") == 1
    assert "nothing changes" not in as_text(replaced)
    assert replaced.made == replaced.deleted == ()


def test_each_change_is_told_with_its_reason_and_section() -> None:
    live = serving({"deployments": [WORKLOAD]})
    declared = serving({"deployments": [{**WORKLOAD, "labels": {"l": "true"}}]})
    result = read(step("update", live, declared))
    text = as_text(result)
    assert '+ spec.deployments[activator].labels.l: "true"' in text
    assert "Installing and configuring Serverless: https://" in text
    assert "Restarts: the operator rolls out" in text
    assert "imported: 1, unchanged: 0, changes: 1, without a reason: 0" in text
    (change,) = as_data(result)["objects"][0]["changes"]
    assert change["reason"]
    assert change["section"].startswith("https://")
    assert is_explained(result)


def test_what_no_setting_has_is_told_with_the_way_to_keep_it() -> None:
    live = serving({"config": {"autoscaler": {"max": "5"}}}, managed("kubectl-create", CONFIG))
    result = read(step("update", live, serving({})))
    assert not is_explained(result)
    text = as_text(result)
    assert '- spec.config.autoscaler.max: "5"' in text
    assert '"What no setting has"' in text
    assert "without a reason: 1" in text
    assert as_data(result)["objects"][0]["changes"][0]["reason"] is None


def test_no_value_of_a_secret_shows() -> None:
    secret: Body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}
    live, declared = {**secret, "data": {"k": "aGlkZGVu"}}, {**secret, "data": {"k": "[secret]"}}
    result = read(step("update", live, declared))
    assert "~ data.k" in as_text(result)
    assert "aGlkZGVu" not in as_text(result) + json.dumps(as_data(result))


def test_reasons_are_of_a_kind() -> None:
    change = Change("spec.deployments[activator].labels", None, {})
    assert reason(SERVING, change) is not None
    assert reason(EVENTING, change) is None


def test_no_private_key_is_printed_whatever_holds_it() -> None:
    key = "-----BEGIN EC PRIVATE KEY-----\nneverToBeSeen\n-----END EC PRIVATE KEY-----"
    fields: Body = {"f:metadata": {"f:annotations": {"f:kept": {}}}}
    live = serving({"a": key}, managed("kubectl-edit", fields), annotations={"kept": key})
    state = {"inputs": serving({"a": [key]}), "outputs": live}
    token = "kubernetes:operator.knative.dev/v1beta1:KnativeServing"
    steps = [
        {"op": "update", "urn": f"u::p::{token}::s", "oldState": state, "newState": state},
        {"op": "create", "urn": f"u::p::{token}Patch::s", "newState": state},
    ]
    read = update({"steps": steps})
    assert len(read.differences[0].changes) == 2
    for printed in (as_text(read), json.dumps(as_data(read))):
        assert printed.count("[private key]") >= 3
        assert "neverToBeSeen" not in printed
