"""Every manifest, field by field, as the documentation prints it."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from components.certificates import base_domain, issued, wildcard_subject
from components.domain_mappings import claim, domain_mapping
from components.eventing import eventing
from components.gateways import ingress_gateway, local_gateway, local_gateway_service
from components.kafka import bootstrap_servers, kafka, service_entries
from components.operators import subscription
from components.service_mesh_2.control_plane import control_plane, patch
from components.service_mesh_2.member_roll import member, member_roll
from components.serving import serving
from components.verification import service
from mesh_policy.documented.names import INJECT
from mesh_policy.findings import Violation
from mesh_policy.reading.objects import Given
from mesh_policy.rule import evaluate
from mesh_policy.rules.kafka_service_entry import RULE
from mesh_policy.world import World
from preflight import existing_mesh
from preflight.cluster import ControlPlane
from preflight.errors import PreflightError
from serverless_mesh.control_plane import needed
from serverless_mesh.ingress import Ingress
from serverless_mesh.settings import (
    FromAuthority,
    FromCertManager,
    Kafka,
    Knative,
    MappedDomain,
    Operators,
    ServiceMesh2,
    Settings,
    Verification,
)
from tests.stack_files import settings

KAFKA = "my-cluster-kafka-bootstrap.kafka"
DOCUMENTED = Path(__file__).parent.parent / "data" / "documented"
SIDECAR = ServiceMesh2().injection


def brokers(*servers: str) -> Kafka:
    section = settings(kafka={"bootstrapServers": list(servers)}).kafka
    assert section is not None
    return section


def documented(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((DOCUMENTED / f"{name}.yaml").read_text("utf-8")))


@pytest.mark.parametrize(
    ("name", "manifest"),
    [
        ("control-plane", control_plane(ServiceMesh2())),
        (
            "member-roll",
            member_roll(ServiceMesh2(), settings(projects=["your-openshift-projects"]).members),
        ),
        ("ingress-gateway", ingress_gateway(Ingress("istio-system"), "wildcard-certs")),
        ("local-gateway", local_gateway(Ingress("istio-system"))),
        ("local-gateway-service", local_gateway_service(Ingress("istio-system"))),
        ("serving", serving(Knative(), Ingress("your-istio-namespace"), SIDECAR)),
        ("eventing", eventing(Knative(), SIDECAR)),
        ("kafka", kafka(brokers(f"{KAFKA}:9092"), SIDECAR)),
        (
            "kafka-service-entry",
            *service_entries(brokers(KAFKA)),
        ),
        ("knative-service", service(Verification(image="image-url"), SIDECAR)),
    ],
)
def test_defaults_are_the_documentations(name: str, manifest: dict[str, Any]) -> None:
    assert manifest == labelled(documented(name))


def labelled(part: Any) -> Any:
    """Ask for a sidecar by label beside the annotation, as newer versions of the page do."""
    if isinstance(part, list):
        return [labelled(each) for each in part]
    if not isinstance(part, dict):
        return part
    found = {key: labelled(value) for key, value in part.items()}
    if INJECT in part.get("annotations", {}):
        found["labels"] = {INJECT: part["annotations"][INJECT]}
    return found


def test_serving_is_told_of_the_gateways_in_the_default_mesh_namespace_too() -> None:
    config = serving(Knative(), Ingress("istio-system"), SIDECAR)["spec"]["config"]["istio"]
    assert config == {
        "gateway.knative-serving.knative-ingress-gateway": (
            "istio-ingressgateway.istio-system.svc.cluster.local"
        ),
        "local-gateway.knative-serving.knative-local-gateway": (
            "knative-local-gateway.istio-system.svc.cluster.local"
        ),
    }


def test_the_names_of_knative_services_are_those_of_the_settings() -> None:
    template = "{{.Name}}.{{.Namespace}}.{{.Domain}}"
    section = Knative(default_domain="kn.example.org", domain_template=template)
    config = serving(section, Ingress("istio-system"), SIDECAR)["spec"]["config"]
    assert config["domain"] == {"kn.example.org": ""}
    assert config["network"] == {"domain-template": template}
    assert section.host("hello", "shop", "kn.example.org") == "hello.shop.kn.example.org"


def test_another_mesh_namespace_reaches_every_object_of_it() -> None:
    section = ServiceMesh2(namespace="mesh", name="prod")
    for manifest in (control_plane(section), member_roll(section, [])):
        assert manifest["metadata"]["namespace"] == "mesh"
    assert local_gateway_service(section.ingress)["metadata"]["namespace"] == "mesh"
    assert control_plane(section)["metadata"]["name"] == "prod"


def test_the_control_planes_settings() -> None:
    spec = control_plane(
        ServiceMesh2(
            identity_type="ThirdParty",
            drain_duration="1m5s",
            excluded_ports=(8444, 8022, 9090),
            profiles=("default", "small"),
        )
    )["spec"]
    assert spec["security"] == {"dataPlane": {"mtls": True}, "identity": {"type": "ThirdParty"}}
    drain = spec["techPreview"]["meshConfig"]["defaultConfig"]["terminationDrainDuration"]
    assert drain == "1m5s"
    inbound = spec["proxy"]["networking"]["trafficControl"]["inbound"]
    assert inbound["excludedPorts"] == [8444, 8022, 9090]
    assert spec["profiles"] == ["default", "small"]


NAMES = st.lists(st.from_regex(r"[a-z]{1,4}", fullmatch=True), unique=True)


@given(NAMES)
def test_members_are_the_knative_namespaces_then_each_project_once(projects: list[str]) -> None:
    found = Settings(projects=tuple(projects)).members
    assert found[:2] == ["knative-serving", "knative-eventing"]
    assert len(found) == len(set(found))
    assert set(found) == {"knative-serving", "knative-eventing", *projects}


@pytest.mark.parametrize(
    ("apps_domain", "base"),
    [
        ("apps.openshift.example.com", "example.com"),
        ("apps.a.b.example.com", "b.example.com"),
        ("apps.example.com", "apps.example.com"),
    ],
)
def test_base_domain(apps_domain: str, base: str) -> None:
    assert base_domain(apps_domain) == base


def test_the_wildcard_is_name_and_alternative_name() -> None:
    section = FromAuthority(subject_alt_names=("shop.example.com",))
    domain = "apps.openshift.example.com"
    assert wildcard_subject(section, domain)["common_name"] == f"*.{domain}"
    assert section.names(domain) == [f"*.{domain}", "shop.example.com"]


def test_a_domain_too_long_for_a_common_name_stands_in_the_alternative_name_alone() -> None:
    domain = f"apps.{'c' * 60}.example.com"
    assert "common_name" not in wildcard_subject(FromAuthority(), domain)
    assert FromAuthority().names(domain) == [f"*.{domain}"]


def test_several_brokers_with_ports_open_those_ports_alone() -> None:
    section = brokers("a.kafka:9093", "b.kafka:9999", "a.kafka:9999")
    spec = service_entries(section)[0]["spec"]
    assert spec["hosts"] == ["a.kafka", "b.kafka"]
    assert spec["ports"] == [
        {"number": 9093, "name": "tcp-tls", "protocol": "TCP"},
        {"number": 9999, "name": "tcp-9999", "protocol": "TCP"},
    ]


@given(
    st.lists(
        st.tuples(st.sampled_from(["a.kafka", "b"]), st.none() | st.integers(1, 65535)),
        min_size=1,
        unique=True,
    )
)
def test_port_names_and_numbers_are_unique_and_cover_every_server(
    servers: list[tuple[str, int | None]],
) -> None:
    section = brokers(*(host if port is None else f"{host}:{port}" for host, port in servers))
    ports = service_entries(section)[0]["spec"]["ports"]
    for key in ("number", "name"):
        assert len({port[key] for port in ports}) == len(ports)
    open_ports = {port["number"] for port in ports}
    used = {int(server.rpartition(":")[2]) for server in bootstrap_servers(section).split(",")}
    assert used <= open_ports


def test_addresses_of_brokers_have_a_service_entry_of_their_own() -> None:
    # Istio takes no address for a host; what has addresses is reached by those alone.
    section = brokers("10.0.0.5:9092", "A.kafka.example.:9093", "[fd00::5]:9094", "10.0.0.5:9095")
    named, numbered = (entry["spec"] for entry in service_entries(section))
    assert named["hosts"] == ["a.kafka.example"]
    assert "addresses" not in named
    assert [port["number"] for port in named["ports"]] == [9093]
    assert numbered["hosts"] == ["kafka-addresses.invalid"]
    assert numbered["addresses"] == ["10.0.0.5", "fd00::5"]
    assert [port["number"] for port in numbered["ports"]] == [9092, 9094, 9095]
    assert bootstrap_servers(section) == (
        "10.0.0.5:9092,a.kafka.example:9093,[fd00::5]:9094,10.0.0.5:9095"
    )


def test_every_broker_passes_our_own_rule() -> None:
    section = brokers("10.0.0.5", "b.example.:9093", "[fd00::5]:9094")
    bodies = [*service_entries(section), kafka(section, SIDECAR)]
    world = World.of([Given(body) for body in bodies])
    assert not [found for found in evaluate([RULE], world) if isinstance(found.finding, Violation)]


def test_kafka_provides_only_what_is_chosen() -> None:
    section = brokers("a.kafka:9092").model_copy(update={"features": ("source",)})
    spec = kafka(section, SIDECAR)["spec"]
    assert spec["source"] == {"enabled": True}
    assert spec["channel"] == spec["broker"] == spec["sink"] == {"enabled": False}


@pytest.mark.parametrize(
    "make",
    [
        lambda section, *more: serving(section, Ingress("istio-system"), SIDECAR, *more),
        lambda section, *more: eventing(section, SIDECAR, *more),
    ],
    ids=["serving", "eventing"],
)
def test_metrics_and_network_policies_reach_both_resources(make: Any) -> None:
    plain = make(Knative())
    assert "annotations" not in plain["metadata"]
    assert "observability" not in plain["spec"].get("config", {})
    told = make(Knative(metrics=True), False)
    key = "serverless.openshift.io/disable-istio-net-policies-generation"
    assert told["metadata"]["annotations"] == {key: "true"}
    # Serverless 1.38 reads the second and the third, earlier versions the first.
    assert told["spec"]["config"]["observability"] == {
        "metrics.backend-destination": "prometheus",
        "metrics-protocol": "prometheus",
        "request-metrics-protocol": "prometheus",
    }


def test_without_network_policies_the_control_plane_makes_none() -> None:
    spec = control_plane(ServiceMesh2(manage_network_policy=False))["spec"]
    assert spec["security"] == {"dataPlane": {"mtls": True}, "manageNetworkPolicy": False}


def test_secret_filtering_is_switched_off_on_net_istio() -> None:
    ingress = Ingress("istio-system")
    assert "workloads" not in serving(Knative(), ingress, SIDECAR)["spec"]
    variable = {"name": "ENABLE_SECRET_INFORMER_FILTERING_BY_CERT_UID", "value": "false"}
    assert serving(Knative(secret_filtering=False), ingress, SIDECAR)["spec"]["workloads"] == [
        {
            "name": "net-istio-controller",
            "env": [{"container": "controller", "envVars": [variable]}],
        }
    ]


def test_a_patch_holds_only_what_serverless_needs() -> None:
    spec = patch(ServiceMesh2(existing=True))["spec"]
    assert set(spec) == {"security", "techPreview", "gateways", "proxy"}


def test_excluded_ports_of_others_are_held_as_they_are() -> None:
    found = ControlPlane("basic", excluding(15020, 8022, 8444))
    section = ServiceMesh2(existing=True)
    spec = patch(section, existing_mesh.excluded_ports(section, found))["spec"]
    inbound = spec["proxy"]["networking"]["trafficControl"]["inbound"]
    assert inbound == {"excludedPorts": [15020, 8022, 8444]}


def test_excluded_ports_that_lack_ours_are_refused() -> None:
    found = ControlPlane("basic", excluding(8444))
    with pytest.raises(PreflightError, match=r"needs \[8022\] as well"):
        existing_mesh.excluded_ports(ServiceMesh2(existing=True), found)


def test_what_reaches_others_is_asked_for() -> None:
    section = ServiceMesh2(existing=True, identity_type="ThirdParty", manage_network_policy=False)
    fields = list(needed(section))
    every = [field.consent for field in fields]
    with pytest.raises(PreflightError) as caught:
        existing_mesh.agreed(section, ControlPlane("basic"))
    said = str(caught.value)
    assert f"under serverless-mesh:mesh: allowChanges: [{', '.join(every)}]" in said
    for field in fields:
        assert f"  - {field.consent}: {'.'.join(field.path)} becomes " in said
    agreed = section.model_copy(update={"allow_changes": tuple(every[1:])})
    with pytest.raises(PreflightError) as caught:
        existing_mesh.agreed(agreed, ControlPlane("basic"))
    assert "  - mtls: spec.security.dataPlane.mtls becomes true (now not set)" in str(caught.value)
    assert "  - drain" not in str(caught.value)
    everything = section.model_copy(update={"allow_changes": tuple(every)})
    assert len(existing_mesh.agreed(everything, ControlPlane("basic"))) == len(fields)


def test_every_change_has_a_word_that_the_settings_take() -> None:
    section = ServiceMesh2(existing=True, identity_type="ThirdParty", manage_network_policy=False)
    words = [field.consent for field in needed(section)]
    mesh = settings(mesh={"existing": True, "allowChanges": words}).mesh
    assert isinstance(mesh, ServiceMesh2)
    assert mesh.allow_changes == tuple(words)


def test_what_is_in_effect_already_is_no_change() -> None:
    section = ServiceMesh2(existing=True)
    wanted = control_plane(section)["spec"]
    assert existing_mesh.agreed(section, ControlPlane("basic", {"spec": wanted})) == []
    profile = {key: wanted[key] for key in ("security", "techPreview", "gateways")}
    body = {"spec": {"proxy": wanted["proxy"]}, "status": {"appliedSpec": profile}}
    assert existing_mesh.agreed(section, ControlPlane("basic", body)) == []


def excluding(*ports: int) -> dict[str, Any]:
    inbound = {"trafficControl": {"inbound": {"excludedPorts": list(ports)}}}
    return {"spec": {"proxy": {"networking": inbound}}}


def test_a_member_names_its_mesh() -> None:
    made = member(ServiceMesh2(namespace="mesh", name="prod"), "shop")
    assert made["metadata"] == {"name": "default", "namespace": "shop"}
    assert made["spec"]["controlPlaneRef"] == {"namespace": "mesh", "name": "prod"}


def test_a_domain_is_claimed_and_mapped_for_its_project() -> None:
    mapped = MappedDomain(host="www.example.org", project="shop", service="hello", secret="tls")
    assert claim(mapped)["spec"] == {"namespace": "shop"}
    made = domain_mapping(mapped)
    assert made["metadata"] == {"name": "www.example.org", "namespace": "shop"}
    assert made["spec"]["tls"] == {"secretName": "tls"}


def test_a_domain_without_a_certificate_is_passed_through_to_the_gateways() -> None:
    plain = MappedDomain(host="www.example.org", project="shop", service="hello")
    made = domain_mapping(plain)
    assert "tls" not in made["spec"]
    assert made["metadata"]["annotations"] == {
        "serving.knative.openshift.io/enablePassthrough": "true"
    }


def test_a_subscription_waits_until_it_is_installed() -> None:
    section = Operators(approval="Manual", serverless_channel="stable-1.35")
    made = subscription(section, "serverless-operator", "openshift-serverless", 7)
    assert made["spec"]["installPlanApproval"] == "Manual"
    assert made["spec"]["channel"] == "stable-1.35"
    annotations = made["metadata"]["annotations"]
    assert annotations["pulumi.com/timeoutSeconds"] == "7"
    assert "AtLatestKnown" in annotations["pulumi.com/waitFor"]


def test_the_address_of_the_verification_service() -> None:
    section = Verification(image="x")
    found = Knative().host(section.name, section.project, "apps.openshift.example.com")
    assert found == "hello-default.apps.openshift.example.com"
    assert Settings(verification=section).members[-1] == "default"
    assert "default" not in Settings().members


def test_cert_manager_renews_as_early_as_asked_and_gets_no_zero() -> None:
    def spec(hours: int) -> dict[str, Any]:
        section = settings(
            certificate={
                "from": "cert-manager",
                "earlyRenewalHours": hours,
                "issuer": {"name": "company"},
            }
        ).certificate
        assert isinstance(section, FromCertManager)
        made = issued(section, Ingress("mesh"), "apps.example.com", {"uid": "1"})["spec"]
        assert isinstance(made, dict)
        return made

    asked = spec(48)
    assert (asked["duration"], asked["renewBefore"]) == ("8760h", "48h")
    assert asked["issuerRef"] == {
        "group": "cert-manager.io",
        "kind": "ClusterIssuer",
        "name": "company",
    }
    # cert-manager refuses anything below five minutes.
    assert "renewBefore" not in spec(0)
