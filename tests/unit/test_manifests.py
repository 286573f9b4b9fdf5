"""Every manifest, field by field, as the documentation prints it."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cluster import ControlPlane
from components.certificates import base_domain, dns_names, issued, wildcard_subject
from components.control_plane import (
    CHANGES,
    ControlPlaneError,
    check_consent,
    control_plane,
    patch,
)
from components.domain_mappings import claim, domain_mapping
from components.eventing import eventing
from components.gateways import ingress_gateway, local_gateway, local_gateway_service
from components.kafka import bootstrap_servers, kafka, service_entries
from components.member_roll import member, member_roll, members
from components.operators import subscription
from components.serving import serving
from components.verification import service, url
from policy.model import Violation, judge
from policy.rules.kafka_service_entry import RULE
from policy.world import Given, World
from settings import MappedDomain, Settings

KAFKA = "my-cluster-kafka-bootstrap.kafka"
DOCUMENTED = Path(__file__).parent / "data" / "documented"


def documented(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((DOCUMENTED / f"{name}.yaml").read_text("utf-8")))


@pytest.mark.parametrize(
    ("name", "manifest"),
    [
        ("control-plane", control_plane(Settings())),
        ("member-roll", member_roll(Settings(projects=("your-openshift-projects",)))),
        ("ingress-gateway", ingress_gateway(Settings())),
        ("local-gateway", local_gateway()),
        ("local-gateway-service", local_gateway_service(Settings())),
        ("serving", serving(Settings(mesh_namespace="your-istio-namespace"))),
        ("eventing", eventing(Settings())),
        ("kafka", kafka(Settings(kafka_bootstrap_servers=(f"{KAFKA}:9092",)))),
        ("kafka-service-entry", *service_entries(Settings(kafka_bootstrap_servers=(KAFKA,)))),
        ("knative-service", service(Settings(verification_image="image-url"))),
    ],
)
def test_defaults_are_the_documentations(name: str, manifest: dict[str, Any]) -> None:
    assert manifest == documented(name)


def test_serving_needs_no_gateway_keys_in_the_default_mesh_namespace() -> None:
    expected = documented("serving")
    del expected["spec"]["config"]
    assert serving(Settings()) == expected


def test_another_mesh_namespace_reaches_every_object_of_it() -> None:
    settings = Settings(mesh_namespace="mesh", control_plane_name="prod")
    for manifest in (control_plane(settings), member_roll(settings)):
        assert manifest["metadata"]["namespace"] == "mesh"
    assert local_gateway_service(settings)["metadata"]["namespace"] == "mesh"
    assert control_plane(settings)["metadata"]["name"] == "prod"


def test_the_control_planes_settings() -> None:
    spec = control_plane(
        Settings(
            identity_type="ThirdParty",
            termination_drain_duration="1m5s",
            excluded_ports=(8444, 8022, 9090),
            control_plane_profiles=("default", "small"),
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
    found = members(Settings(projects=tuple(projects)))
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
    settings = Settings(subject_alt_names=("shop.example.com",))
    domain = "apps.openshift.example.com"
    assert wildcard_subject(settings, domain)["common_name"] == f"*.{domain}"
    assert dns_names(settings, domain) == [f"*.{domain}", "shop.example.com"]


def test_a_domain_too_long_for_a_common_name_stands_in_the_alternative_name_alone() -> None:
    domain = f"apps.{'c' * 60}.example.com"
    assert "common_name" not in wildcard_subject(Settings(), domain)
    assert dns_names(Settings(), domain) == [f"*.{domain}"]


def test_several_brokers_with_ports_open_those_ports_alone() -> None:
    settings = Settings(kafka_bootstrap_servers=("a.kafka:9093", "b.kafka:9999", "a.kafka:9999"))
    spec = service_entries(settings)[0]["spec"]
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
    written = tuple(host if port is None else f"{host}:{port}" for host, port in servers)
    settings = Settings(kafka_bootstrap_servers=written)
    ports = service_entries(settings)[0]["spec"]["ports"]
    for key in ("number", "name"):
        assert len({port[key] for port in ports}) == len(ports)
    open_ports = {port["number"] for port in ports}
    used = {int(server.rpartition(":")[2]) for server in bootstrap_servers(settings).split(",")}
    assert used <= open_ports


def test_addresses_of_brokers_have_a_service_entry_of_their_own() -> None:
    # Istio takes no address for a host; what has addresses is reached by those alone.
    written = ("10.0.0.5:9092", "A.kafka.example.:9093", "[fd00::5]:9094", "10.0.0.5:9095")
    settings = Settings(kafka_bootstrap_servers=written)
    named, numbered = (entry["spec"] for entry in service_entries(settings))
    assert named["hosts"] == ["a.kafka.example"]
    assert "addresses" not in named
    assert [port["number"] for port in named["ports"]] == [9093]
    assert numbered["hosts"] == ["kafka-addresses.invalid"]
    assert numbered["addresses"] == ["10.0.0.5", "fd00::5"]
    assert [port["number"] for port in numbered["ports"]] == [9092, 9094, 9095]
    assert bootstrap_servers(settings) == ",".join(written)


def test_every_broker_passes_our_own_rule() -> None:
    settings = Settings(kafka_bootstrap_servers=("10.0.0.5", "b.example.:9093", "[fd00::5]:9094"))
    bodies = [*service_entries(settings), kafka(settings)]
    world = World.of([Given(body) for body in bodies])
    assert not [found for found in judge([RULE], world) if isinstance(found.finding, Violation)]


def test_kafka_provides_only_what_is_chosen() -> None:
    servers = ("a.kafka:9092",)
    spec = kafka(Settings(kafka_bootstrap_servers=servers, kafka_features=("source",)))["spec"]
    assert spec["source"] == {"enabled": True}
    assert spec["channel"] == spec["broker"] == spec["sink"] == {"enabled": False}


@pytest.mark.parametrize("make", [serving, eventing])
def test_metrics_and_network_policies_reach_both_resources(make: Any) -> None:
    plain = make(Settings())
    assert "annotations" not in plain["metadata"]
    assert "observability" not in plain["spec"].get("config", {})
    told = make(Settings(metrics=True, manage_network_policy=False))
    key = "serverless.openshift.io/disable-istio-net-policies-generation"
    assert told["metadata"]["annotations"] == {key: "true"}
    assert told["spec"]["config"]["observability"] == {"metrics.backend-destination": "prometheus"}


def test_without_network_policies_the_control_plane_makes_none() -> None:
    assert control_plane(Settings(manage_network_policy=False))["spec"]["security"] == {
        "dataPlane": {"mtls": True},
        "manageNetworkPolicy": False,
    }


def test_secret_filtering_is_switched_off_on_net_istio() -> None:
    assert "workloads" not in serving(Settings())["spec"]
    variable = {"name": "ENABLE_SECRET_INFORMER_FILTERING_BY_CERT_UID", "value": "false"}
    assert serving(Settings(secret_filtering=False))["spec"]["workloads"] == [
        {
            "name": "net-istio-controller",
            "env": [{"container": "controller", "envVars": [variable]}],
        }
    ]


def test_a_patch_holds_only_what_serverless_needs() -> None:
    spec = patch(Settings(existing_mesh=True), None)["spec"]
    assert set(spec) == {"security", "techPreview", "gateways", "proxy"}


def test_excluded_ports_of_others_are_held_as_they_are() -> None:
    found = ControlPlane("basic", excluding(15020, 8022, 8444))
    spec = patch(Settings(existing_mesh=True), found)["spec"]
    inbound = spec["proxy"]["networking"]["trafficControl"]["inbound"]
    assert inbound == {"excludedPorts": [15020, 8022, 8444]}


def test_excluded_ports_that_lack_ours_are_refused() -> None:
    with pytest.raises(ControlPlaneError, match=r"needs \[8022\] as well"):
        patch(Settings(existing_mesh=True), ControlPlane("basic", excluding(8444)))


def test_what_reaches_others_is_asked_for() -> None:
    settings = Settings(existing_mesh=True, identity_type="ThirdParty", manage_network_policy=False)
    every = [change.consent for change in CHANGES]
    with pytest.raises(ControlPlaneError) as caught:
        check_consent(settings, ControlPlane("basic"))
    said = str(caught.value)
    assert f"serverless-mesh:allowMeshChanges: [{', '.join(every)}]" in said
    for change in CHANGES:
        assert f"  - {change.consent}: spec.{'.'.join(change.path)} becomes " in said
    agreed = settings.model_copy(update={"allow_mesh_changes": tuple(every[1:])})
    with pytest.raises(ControlPlaneError) as caught:
        check_consent(agreed, ControlPlane("basic"))
    assert "  - mtls: spec.security.dataPlane.mtls becomes true (now not set)" in str(caught.value)
    assert "  - drain" not in str(caught.value)
    everything = settings.model_copy(update={"allow_mesh_changes": tuple(every)})
    assert len(check_consent(everything, ControlPlane("basic"))) == len(CHANGES)


def test_what_is_in_effect_already_is_no_change() -> None:
    settings = Settings(existing_mesh=True)
    wanted = control_plane(settings)["spec"]
    assert check_consent(settings, ControlPlane("basic", wanted)) == []
    profile = {key: wanted[key] for key in ("security", "techPreview", "gateways")}
    ports = {"proxy": wanted["proxy"]}
    assert check_consent(settings, ControlPlane("basic", ports, applied=profile)) == []
    assert settings.allow_mesh_changes == ()


def excluding(*ports: int) -> dict[str, Any]:
    inbound = {"trafficControl": {"inbound": {"excludedPorts": list(ports)}}}
    return {"proxy": {"networking": inbound}}


def test_a_member_names_its_mesh() -> None:
    made = member(Settings(mesh_namespace="mesh", control_plane_name="prod"), "shop")
    assert made["metadata"] == {"name": "default", "namespace": "shop"}
    assert made["spec"]["controlPlaneRef"] == {"namespace": "mesh", "name": "prod"}


def test_a_domain_is_claimed_and_mapped_for_its_project() -> None:
    mapped = MappedDomain(host="www.example.org", project="shop", service="hello", secret="tls")
    assert claim(mapped)["spec"] == {"namespace": "shop"}
    made = domain_mapping(mapped)
    assert made["metadata"] == {"name": "www.example.org", "namespace": "shop"}
    assert made["spec"]["tls"] == {"secretName": "tls"}
    plain = MappedDomain(host="www.example.org", project="shop", service="hello")
    assert "tls" not in domain_mapping(plain)["spec"]


def test_a_subscription_waits_until_it_is_installed() -> None:
    settings = Settings(install_plan_approval="Manual", ready_timeout_seconds=7)
    made = subscription(settings, "serverless-operator", "stable-1.35")
    assert made["spec"]["installPlanApproval"] == "Manual"
    assert made["spec"]["channel"] == "stable-1.35"
    annotations = made["metadata"]["annotations"]
    assert annotations["pulumi.com/timeoutSeconds"] == "7"
    assert "AtLatestKnown" in annotations["pulumi.com/waitFor"]


def test_the_address_of_the_verification_service() -> None:
    settings = Settings(verification_image="x")
    address = "https://hello-default.apps.openshift.example.com"
    assert url(settings, "apps.openshift.example.com") == address
    assert members(settings)[-1] == "default"
    assert "default" not in members(Settings())


def test_cert_manager_renews_as_early_as_asked_and_gets_no_zero() -> None:
    def spec(hours: int) -> dict[str, Any]:
        settings = Settings(
            wildcard_from="cert-manager", issuer_name="company", early_renewal_hours=hours
        )
        made = issued(settings, "apps.example.com", {"uid": "1"})["spec"]
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
