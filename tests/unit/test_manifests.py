"""Every manifest, field by field, as the documentation prints it."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from components.certificates import base_domain, dns_names, wildcard_subject
from components.control_plane import control_plane
from components.eventing import eventing
from components.gateways import ingress_gateway, local_gateway, local_gateway_service
from components.member_roll import member_roll, members
from components.serving import serving
from settings import Settings

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


NAMES = st.lists(st.from_regex(r"[a-z]{1,4}", fullmatch=True) | st.just("knative-serving"))


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
