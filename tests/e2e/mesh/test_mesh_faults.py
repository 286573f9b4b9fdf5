"""A mesh with one field wrong: traffic stops, and `serverless-mesh check` says why.

One table for both; of Service Mesh 3 alone are a gateway with a Service and a Role of its own, and
discovery selectors.
"""

from dataclasses import dataclass

import pytest

from mesh.cluster_check import assert_found, broken_link, check
from mesh.conftest import Keep
from mesh.installation import BOTH, MESHES, Installation, put
from toolchain.symptoms import SYMPTOMS

pytestmark = [pytest.mark.e2e, pytest.mark.mesh]
PLACE = "knative-serving-ingress"
GATEWAY = "knative-istio-ingressgateway"
THREE = ("service_mesh_3",)


@dataclass(frozen=True)
class Fault:
    """One field of one object, set wrong, with the rule about it and the symptom that it names.

    `anew` when only a proxy that starts then meets it.
    """

    of: tuple[str, str, str, str]
    path: tuple[str | int, ...]
    value: object
    rule: str
    symptom: str
    meshes: tuple[str, ...] = MESHES
    anew: bool = False


INGRESS_GATEWAY = (
    *("networking.istio.io/v1beta1", "Gateway"),
    *("knative-ingress-gateway", "knative-serving"),
)
FAULTS = {
    "the Gateway selects other pods": Fault(
        INGRESS_GATEWAY,
        ("spec", "selector"),
        {"knative": "another"},
        "gateway-selector",
        "they configure nothing",
    ),
    "the Gateway names a secret that is not there": Fault(
        INGRESS_GATEWAY,
        ("spec", "servers", 0, "tls", "credentialName"),
        "elsewhere",
        "wildcard-certificate",
        "refuses the connection",
    ),
    "the Gateway takes names of another domain alone": Fault(
        INGRESS_GATEWAY,
        ("spec", "servers", 0, "hosts"),
        ["*.example.org"],
        "domain-names-covered",
        "istiod routes nothing",
    ),
    "the Service selects other pods": Fault(
        ("v1", "Service", GATEWAY, PLACE),
        ("spec", "selector"),
        {"knative": "another"},
        "gateway-service",
        "every call fails",
        THREE,
    ),
    "the account may not list secrets": Fault(
        ("rbac.authorization.k8s.io/v1", "Role", f"{GATEWAY}-secrets", PLACE),
        ("rules", 0, "verbs"),
        ["get", "watch"],
        "gateway-reads-secret",
        "port 443 resets every connection",
        THREE,
        anew=True,
    ),
    "the discovery selectors leave its namespaces out": Fault(
        ("sailoperator.io/v1", "Istio", "default", ""),
        ("spec", "values", "meshConfig", "discoverySelectors"),
        [{"matchLabels": {"mesh": "another"}}],
        "namespaces-discovered",
        "istiod reads Services, Gateways and policies only of namespaces",
        THREE,
    ),
}


@pytest.mark.parametrize(
    ("installation", "fault"),
    [
        pytest.param(mesh, fault, id=f"{mesh}-{name}")
        for mesh in MESHES
        for name, fault in FAULTS.items()
        if mesh in fault.meshes
    ],
    indirect=["installation"],
    scope="module",
)
def test_traffic_stops(installation: Installation, keep: Keep, fault: Fault) -> None:
    installation.until(installation.answers, "the documentation's curl answers")
    installation.apply(put(keep(*fault.of), fault.path, fault.value))
    if fault.anew:
        installation.renew_gateways()
    installation.until(lambda: not installation.answers(), "the documentation's curl fails")
    assert_found(check(installation), fault.rule, fault.symptom)
    # As docs/troubleshooting.md has it.
    listed = {each.link for each in SYMPTOMS if each.link and fault.rule in each.rules}
    assert broken_link(installation) in listed


@BOTH
def test_the_secret_is_in_another_namespace(installation: Installation, keep: Keep) -> None:
    place = installation.settings.mesh.ingress.namespace
    secret = keep("v1", "Secret", "wildcard-certs", place)
    installation.mesh.objects.delete(secret)
    elsewhere = {**secret, "metadata": {**secret["metadata"], "namespace": "knative-serving"}}
    installation.mesh.objects.apply(elsewhere)
    try:
        installation.renew_gateways()
        installation.until(lambda: not installation.answers(), "the documentation's curl fails")
        assert_found(check(installation), "wildcard-certificate", "refuses the connection")
    finally:
        installation.mesh.objects.delete(elsewhere)


@BOTH
def test_a_rule_has_clients_send_plaintext(installation: Installation) -> None:
    rule = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "plaintext", "namespace": "default"},
        "spec": {
            "host": "hello-00001.default.svc.cluster.local",
            "trafficPolicy": {"tls": {"mode": "DISABLE"}},
        },
    }
    installation.apply(rule)
    try:
        installation.until(lambda: not installation.answers(), "the sidecar cuts the call")
        assert_found(check(installation), "destination-rule-keeps-mtls", "cuts those calls off")
    finally:
        installation.mesh.objects.delete(rule)
        installation.until(installation.answers, "the documentation's curl answers again")
