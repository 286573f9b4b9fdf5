"""The stack file that comes nearest to an integration made by hand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from mesh_policy.documented.names import INJECT
from mesh_policy.reading.objects import Given
from mesh_policy.reading.values import changed
from mesh_policy.world import World
from serverless_mesh.cli.importing.nearest import Nearest, NothingToImportError, nearest
from serverless_mesh.cli.importing.stack_file import written
from serverless_mesh.settings import PROJECT, ServiceMesh2, check
from tests.policy.cases import Loader

TESTS = Path(__file__).parents[1]
DOCUMENTS = TESTS / "policy" / "documents"
GOLDEN = TESTS / "data" / "import"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.yaml"))

Body = dict[str, Any]


def bodies(name: str) -> list[Body]:
    text = (DOCUMENTS / f"{name}.yaml").read_text("utf-8")
    return list(yaml.load_all(text, Loader))


def of(given: list[Body], mesh: str | None = None) -> Nearest:
    return nearest(World.of(observed=list(map(Given, given)), complete=True, mesh=mesh))


def altered(name: str, kind: str, path: str, value: object) -> Nearest:
    """Return the settings where the first object of a kind has another value."""
    found, given = bodies(name), False
    for index, each in enumerate(found):
        if each["kind"] == kind and not given:
            found[index], given = changed(each, tuple(path.split("/")), value), True
    assert given, kind
    return of(found)


def noted(found: Nearest, key: str) -> str:
    return "\n".join(text for about, text in found.notes if about == key)


def test_there_are_golden_files_of_both_meshes_as_documented_and_as_tested() -> None:
    assert NAMES == [
        "service-mesh-2",
        "service-mesh-2-vendor-tests",
        "service-mesh-3",
        "service-mesh-3-vendor-tests",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_the_stack_file_is_as_the_golden_one_and_its_settings_are_good(name: str) -> None:
    found = of(bodies(name))
    text = written(found.settings, found.notes, {"context": "production"})
    assert text == (GOLDEN / f"{name}.yaml").read_text("utf-8")
    config = yaml.safe_load(text)["config"]
    ours = {
        key.removeprefix(f"{PROJECT}:"): value
        for key, value in config.items()
        if key.startswith(f"{PROJECT}:")
    }
    check(ours, "Pulumi.production.yaml")
    assert ours == found.settings


def test_a_control_plane_with_more_than_settings_say_stays_that_of_others() -> None:
    found = altered("service-mesh-2", "ServiceMeshControlPlane", "spec/addons/kiali/enabled", True)
    assert found.settings["mesh"]["existing"] is True
    assert "spec.addons.kiali.enabled" in noted(found, "mesh")


def test_the_version_of_a_control_plane_alone_makes_it_nobody_elses() -> None:
    found = altered("service-mesh-2", "ServiceMeshControlPlane", "spec/version", "v2.6")
    assert "existing" not in found.settings["mesh"]


def test_an_istio_with_more_than_settings_say_stays_that_of_others() -> None:
    found = altered("service-mesh-3", "Istio", "spec/values/pilot/env/A", "b")
    assert found.settings["mesh"]["existing"] is True
    assert "istioVersion" not in found.settings["mesh"]
    assert "spec.values.pilot.env.A" in noted(found, "mesh")


def test_a_cni_of_another_version_is_used_as_it_is() -> None:
    found = altered("service-mesh-3", "IstioCNI", "spec/version", "v1.24.1")
    assert found.settings["mesh"]["existingCni"] is True


@pytest.mark.parametrize(
    ("account", "expected"), [("edge", "edge"), ("knative-istio-ingressgateway", None)]
)
def test_the_gateway_keeps_its_account(account: str, expected: str | None) -> None:
    path = "spec/template/spec/serviceAccountName"
    found = altered("service-mesh-3", "Deployment", path, account)
    assert found.settings["mesh"].get("gatewayAccount") == expected


def test_what_no_setting_takes_is_said_and_left_out() -> None:
    path = "spec/techPreview/meshConfig/defaultConfig/terminationDrainDuration"
    found = altered("service-mesh-2", "ServiceMeshControlPlane", path, "5s")
    assert "drainDuration" not in found.settings["mesh"]
    assert "no setting takes" in noted(found, "mesh")


@pytest.mark.parametrize(
    ("kind", "path", "value", "section", "key", "expected"),
    [
        ("KnativeServing", "spec/config/domain", {"a.org": ""}, "knative", "defaultDomain", None),
        ("KnativeServing", "spec/config/network", None, "knative", "domainTemplate", None),
        ("KnativeServing", "spec/config/observability", None, "knative", "metrics", True),
        ("KnativeKafka", "spec/sink", {"enabled": False}, "kafka", "features", None),
        ("ServiceMeshControlPlane", "spec/profiles", ["small"], "mesh", "profiles", ["small"]),
    ],
)
def test_settings_follow_what_is_there(
    kind: str, path: str, value: object, section: str, key: str, expected: object
) -> None:
    values: dict[str, object] = {
        "domainTemplate": {"domain-template": "{{.Name}}.{{.Namespace}}.{{.Domain}}"},
        "metrics": {"metrics.backend-destination": "prometheus"},
    }
    wanted: dict[str, object] = {
        "defaultDomain": "a.org",
        "domainTemplate": "{{.Name}}.{{.Namespace}}.{{.Domain}}",
        "features": ["channel", "source", "broker"],
    }
    found = altered("service-mesh-2", kind, path, values.get(key, value))
    assert found.settings[section][key] == wanted.get(key, expected)


def mapping_of(reference: Body, **spec: object) -> Body:
    return {
        "apiVersion": "serving.knative.dev/v1beta1",
        "kind": "DomainMapping",
        "metadata": {"name": "shop.example.org", "namespace": "shop"},
        "spec": {"ref": reference, **spec},
    }


def test_mapped_domains_are_taken_where_they_lead_to_a_knative_service() -> None:
    service = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "hello"}
    tls = {"secretName": "shop-tls"}
    found = of([*bodies("service-mesh-2"), mapping_of(service, tls=tls)])
    assert found.settings["domainMappings"] == [
        {"host": "shop.example.org", "project": "shop", "service": "hello", "secret": "shop-tls"}
    ]
    other = {"apiVersion": "v1", "kind": "Service", "name": "hello"}
    found = of([*bodies("service-mesh-2"), mapping_of(other)])
    assert "domainMappings" not in found.settings
    assert "leads to no Knative Service" in noted(found, "domainMappings")


def test_ports_by_the_stacks_own_names_need_no_renaming() -> None:
    ports = [{"number": 9092, "name": "tcp-plain", "protocol": "TCP"}]
    found = altered("service-mesh-2", "ServiceEntry", "spec/ports", ports)
    assert "kubectl patch" not in noted(found, "kafka")
    assert found.settings["kafka"]["bootstrapServers"] == ["my-cluster-kafka-bootstrap.kafka:9092"]


def without(kind: str) -> Callable[[Body], bool]:
    return lambda body: body["kind"] != kind


def test_serving_alone_and_no_domain_of_the_clusters() -> None:
    given = list(filter(without("KnativeEventing"), bodies("service-mesh-2")))
    given = [each for each in given if each["kind"] not in ("Ingress", "KnativeKafka")]
    found = of(given)
    assert found.settings["knative"] == {"eventing": False}
    assert "set appsDomain" in noted(found, "")


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        (("KnativeServing",), "no KnativeServing knative-serving/knative-serving"),
        (("ServiceMeshControlPlane", "ServiceMeshMemberRoll"), "--mesh istio-system"),
    ],
)
def test_without_an_integration_there_is_nothing_to_import(
    kinds: tuple[str, ...], said: str
) -> None:
    given = [each for each in bodies("service-mesh-2") if each["kind"] not in kinds]
    with pytest.raises(NothingToImportError, match=said):
        of(given)


def test_a_port_that_is_no_number_is_passed_over() -> None:
    found = altered("service-mesh-2-vendor-tests", "ServiceEntry", "spec/ports", [{"number": {}}])
    assert found.settings["kafka"]["bootstrapServers"]


@pytest.mark.parametrize("form", ["label", "annotation", "both"])
def test_pods_go_on_to_ask_for_a_sidecar_as_they_do(form: str) -> None:
    wanted = ServiceMesh2.model_validate({"version": 2, "injectionBy": form}).injection
    asked = {"labels": dict(wanted.labels), "annotations": dict(wanted.annotations)}
    assert {part for part, found in asked.items() if INJECT in found} == (
        {"labels", "annotations"} if form == "both" else {f"{form}s"}
    )
    found = bodies("service-mesh-2")
    for each in found:
        spec = each.get("spec", {})
        for entry in (*spec.get("deployments", ()), *spec.get("workloads", ())):
            entry.update(asked)
    expected = None if form == "both" else form
    assert of(found).settings["mesh"].get("injectionBy") == expected
