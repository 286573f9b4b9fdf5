"""Service Mesh 3: every manifest beside what is documented for it, and what differs with reason."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.eventing import eventing
from components.gateways import (
    ingress_gateway,
    local_gateway,
    local_gateway_rule,
    local_gateway_service,
)
from components.service_mesh_3 import ingress_gateway as gateway
from components.service_mesh_3.istio import istio, istio_cni, revision_tag
from components.service_mesh_3.membership import labels
from components.service_mesh_3.policies import long_requests, strict_mtls
from components.serving import serving
from components.verification import service
from serverless_mesh.settings import Knative, ServiceMesh3, SettingsError, Verification
from tests.stack_files import settings

DOCUMENTED = Path(__file__).parent.parent / "data" / "documented" / "service-mesh-3"
Manifest = dict[str, Any]


def mesh(**more: Any) -> ServiceMesh3:
    found = settings(mesh={"version": 3, **more}).mesh
    assert isinstance(found, ServiceMesh3)
    return found


PAGE = mesh(istioVersion="v1.26-latest", gatewayReplicas=1, localGatewayTls="plain")
"""The settings that come nearest to what is printed."""
ACCOUNT = "an account of its own: with the default one any pod there could read the certificate"
SERVED = "served by either mesh"
DIFFERENT = {
    "istio": {"spec.values.global": "8444 and 8022 are called from outside of the mesh"},
    "gateway-deployment": {
        "spec.replicas": "two, so that an update of the mesh drops nothing",
        "spec.template.spec.serviceAccountName": ACCOUNT,
    },
    "role": {"metadata.name": ACCOUNT},
    "role-binding": {
        "metadata.name": ACCOUNT,
        "roleRef.name": ACCOUNT,
        "subjects[0].name": ACCOUNT,
        "subjects[0].namespace": "what an empty one means",
    },
    "gateway-service": {"metadata.labels": "by it net-istio waits for routes"},
    "ingress-gateway": {"apiVersion": SERVED},
    "local-gateway": {"apiVersion": SERVED},
    "peer-authentication": {"apiVersion": SERVED},
}
"""By manifest and path, the reason for which ours is not as documented."""


def differences(ours: Any, documented: Any, path: str = "") -> Iterator[str]:
    if isinstance(ours, dict) and isinstance(documented, dict):
        for key in sorted({*ours, *documented}):
            place = f"{path}.{key}" if path else key
            yield from differences(ours.get(key), documented.get(key), place)
    elif isinstance(ours, list) and isinstance(documented, list) and len(ours) == len(documented):
        for index, (mine, theirs) in enumerate(zip(ours, documented, strict=True)):
            yield from differences(mine, theirs, f"{path}[{index}]")
    elif ours != documented:
        yield path


@pytest.mark.parametrize(
    ("name", "manifest"),
    [
        ("istio", istio(PAGE)),
        ("istio-cni", istio_cni(PAGE)),
        ("gateway-deployment", gateway.deployment(PAGE)),
        ("role", gateway.role(PAGE)),
        ("role-binding", gateway.role_binding(PAGE)),
        ("gateway-service", gateway.service(PAGE)),
        ("ingress-gateway", ingress_gateway(PAGE.ingress, "wildcard-certs")),
        ("local-gateway", local_gateway(PAGE.ingress)),
        ("local-gateway-service", local_gateway_service(PAGE.ingress)),
        ("peer-authentication", strict_mtls(PAGE.namespace)),
        ("long-requests", long_requests(PAGE.namespace)),
        ("serving", serving(Knative(), PAGE.ingress, PAGE.injection, False)),
        ("eventing", eventing(Knative(), PAGE.injection, False)),
        ("knative-service", service(Verification(image="image-url"), PAGE.injection)),
    ],
)
def test_each_manifest_is_the_documented_one_but_for_what_has_a_reason(
    name: str, manifest: Manifest
) -> None:
    documented = yaml.safe_load((DOCUMENTED / f"{name}.yaml").read_text("utf-8"))
    assert set(differences(manifest, documented)) == DIFFERENT.get(name, {}).keys()


def test_every_difference_is_of_a_documented_manifest() -> None:
    assert DIFFERENT.keys() <= {file.stem for file in DOCUMENTED.glob("*.yaml")}


def test_the_local_gateway_asks_for_mutual_tls_and_clients_are_made_to_speak_it() -> None:
    section = mesh()
    (server,) = local_gateway(section.ingress)["spec"]["servers"]
    assert server["tls"] == {"mode": "ISTIO_MUTUAL"}
    assert server["port"] == {"number": 8081, "name": "https", "protocol": "HTTPS"}
    rule = local_gateway_rule(section.ingress)
    host = "knative-local-gateway.knative-serving-ingress.svc.cluster.local"
    assert rule["spec"] == {"host": host, "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}}


@pytest.mark.parametrize(
    ("given", "pods", "projects", "tag"),
    [
        ({}, {"sidecar.istio.io/inject": "true"}, {"istio-injection": "enabled"}, None),
        ({"name": "prod"}, {"istio.io/rev": "prod"}, {"istio.io/rev": "prod"}, None),
        (
            {"updateStrategy": "RevisionBased"},
            {"sidecar.istio.io/inject": "true"},
            {"istio-injection": "enabled"},
            "default",
        ),
        (
            {"name": "prod", "updateStrategy": "RevisionBased", "revisionTag": "serverless"},
            {"istio.io/rev": "serverless"},
            {"istio.io/rev": "serverless"},
            "serverless",
        ),
        (
            {"name": "prod", "existing": True, "revisionTag": "stable"},
            {"istio.io/rev": "stable"},
            {"istio.io/rev": "stable"},
            None,
        ),
    ],
)
def test_what_is_labelled_leads_to_the_istio(
    given: dict[str, Any], pods: dict[str, str], projects: dict[str, str], tag: str | None
) -> None:
    section = mesh(**given)
    assert section.injection.labels == pods
    assert section.injection.project_labels == projects
    assert section.makes_tag is (tag is not None)
    if tag is not None:
        made = revision_tag(section)
        assert made["metadata"]["name"] == tag
        assert made["spec"]["targetRef"] == {"kind": "Istio", "name": section.name}


def test_knatives_own_namespaces_are_labelled_for_discovery_alone() -> None:
    section = mesh(discoveryLabel="mesh=serverless")
    found = labels(section, ["istio-system", "knative-serving", "shop"], ["shop"])
    assert found == {
        "istio-system": {"mesh": "serverless"},
        "knative-serving": {"mesh": "serverless"},
        "shop": {"mesh": "serverless", "istio-injection": "enabled"},
    }
    assert labels(mesh(), ["knative-serving"], []) == {}
    selectors = istio(section)["spec"]["values"]["meshConfig"]["discoverySelectors"]
    assert selectors == [{"matchLabels": {"mesh": "serverless"}}]


def test_an_istio_without_a_version_leaves_it_to_the_operator() -> None:
    assert "version" not in istio(mesh())["spec"]
    assert "version" not in istio_cni(mesh())["spec"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"version": 4}, "mesh.version takes '2', '3', found 4"),
        ({"version": 3, "profiles": ["small"]}, "mesh.profiles is no setting"),
        ({"version": 3, "manageNetworkPolicy": True}, "mesh.manageNetworkPolicy is no setting"),
        ({"version": 2, "gatewayReplicas": 3}, "mesh.gatewayReplicas is no setting"),
        ({"version": 3, "istioVersion": "1.27"}, "mesh.istioVersion takes a version of Istio"),
        ({"version": 3, "discoveryLabel": "mesh"}, "mesh.discoveryLabel takes a label"),
        ({"version": 3, "gatewayNamespace": "knative-serving"}, "mesh.gatewayNamespace takes"),
        ({"version": 3, "gatewayNamespace": "istio-system"}, "take a namespace each"),
        (
            {"version": 3, "existing": True, "istioVersion": "v1.27-latest"},
            "mesh.istioVersion has no use where existing is true",
        ),
        (
            {"version": 3, "name": "prod", "revisionTag": "prod"},
            "mesh.revisionTag takes another name than the revision's own",
        ),
        ({"version": 3, "localGatewayTls": "none"}, "mesh.localGatewayTls takes"),
    ],
)
def test_bad_settings_are_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(mesh=given)
    assert said in str(caught.value)


def test_a_gateway_can_keep_the_account_that_it_has() -> None:
    def named(**more: Any) -> Any:
        return gateway.deployment(mesh(**more))["spec"]["template"]["spec"].get(
            "serviceAccountName"
        )

    assert named() == "knative-istio-ingressgateway"
    assert named(gatewayAccount="edge") == "edge"
    # As in the printed one: naming it would change the pods' template.
    assert named(gatewayAccount="default") is None
    (subject,) = gateway.role_binding(mesh(gatewayAccount="default"))["subjects"]
    assert subject["name"] == "default"
    assert not any(part == "account" for part, _ in gateway._before(mesh(gatewayAccount="edge")))
