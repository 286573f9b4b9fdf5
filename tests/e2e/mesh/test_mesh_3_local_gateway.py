"""The local gateway of Service Mesh 3, called inside the mesh: by mutual TLS, and in plaintext.

The gateway's pods do not say that they speak mutual TLS: what clients speak is up to the
DestinationRule that the stack makes. That clients outside of the mesh are refused is tested for
both meshes in `test_mesh_mutual_tls`.
"""

import http.client
from collections.abc import Iterator

import pytest

from components.gateways import local_gateway as gateway_manifest
from components.gateways import local_gateway_rule, local_gateway_service
from mesh.client import LOCAL_HOST, ask, local_gateway
from mesh.cluster_check import assert_found, check
from mesh.conftest import Keep
from mesh.installation import GREETING, Installation, Manifest
from serverless_mesh.settings import ServiceMesh3
from tests.stack_files import settings
from toolchain.mesh.kubelet import CALLS

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.mesh,
    pytest.mark.parametrize("installation", ["service_mesh_3"], indirect=True, scope="module"),
]
CLIENT = "client"
PLAIN = settings({"mesh.version": 3, "mesh.localGatewayTls": "plain"}).mesh
assert isinstance(PLAIN, ServiceMesh3)


def client_pod() -> Manifest:
    """Return a pod of a project that calls others; its namespace says that it is injected into."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": CLIENT, "namespace": "default", "labels": {"app": CLIENT}},
        "spec": {
            "serviceAccountName": "default",
            "containers": [{"name": "client", "image": "local"}],
        },
    }


def through_the_gateway(installation: Installation) -> Manifest:
    """Return what leads the calls of sidecars to the local gateway, as a DomainMapping does."""
    host = f"knative-local-gateway.{installation.settings.mesh.ingress.namespace}.svc.cluster.local"
    destination = {"host": host, "port": {"number": 80}}
    return {
        "apiVersion": "networking.istio.io/v1beta1",
        "kind": "VirtualService",
        "metadata": {"name": CLIENT, "namespace": "default"},
        "spec": {
            "gateways": ["mesh"],
            "hosts": [LOCAL_HOST],
            "http": [{"route": [{"destination": destination}]}],
        },
    }


@pytest.fixture(scope="module")
def client(installation: Installation) -> Iterator[Installation]:
    """Run the client, and let its calls go through the local gateway."""
    made = client_pod(), through_the_gateway(installation)
    for manifest in made:
        installation.apply(manifest)
    installation.until(
        lambda: any(
            pod.ready for pod in installation.mesh.kubelet.pods("default", {"app": CLIENT})
        ),
        "the client runs",
    )
    yield installation
    for manifest in made:
        installation.mesh.objects.delete(manifest)


def call(installation: Installation) -> str:
    """Let the client call; empty while its sidecar does not listen."""
    (pod,) = installation.mesh.kubelet.pods("default", {"app": CLIENT})
    assert pod.sidecar is not None
    try:
        return ask((pod.address, CALLS), None, LOCAL_HOST)[0]
    except (http.client.HTTPException, OSError):
        return ""


def test_a_client_in_the_mesh_passes(client: Installation) -> None:
    client.until(lambda: call(client) == GREETING, "the client is answered")


def test_without_the_rule_clients_send_plaintext_and_are_cut(
    client: Installation, keep: Keep
) -> None:
    about = local_gateway_rule(client.settings.mesh.ingress)
    client.until(lambda: call(client) == GREETING, "the client is answered")
    rule = keep(about["apiVersion"], about["kind"], about["metadata"]["name"],
                about["metadata"]["namespace"])  # fmt: skip
    client.mesh.objects.delete(rule)
    client.until(lambda: "upstream connect error" in call(client), "the gateway cuts the call")
    assert_found(check(client), "local-gateway-mutual-tls", "in plaintext")


def outside(installation: Installation) -> str:
    """Call the local gateway's Service without a sidecar; empty when that is refused."""
    try:
        return ask(local_gateway(installation), None, LOCAL_HOST)[0]
    except (http.client.HTTPException, OSError):
        return ""


@pytest.fixture
def plain(client: Installation, keep: Keep) -> Installation:
    """Let the local gateway take plaintext, with no rule about it."""
    rule = local_gateway_rule(client.settings.mesh.ingress)
    gateway = gateway_manifest(PLAIN.ingress)
    service = local_gateway_service(PLAIN.ingress)
    for about in (gateway, rule, service):
        metadata = about["metadata"]
        keep(about["apiVersion"], about["kind"], metadata["name"], metadata["namespace"])
    client.mesh.objects.delete(rule)
    client.apply(gateway)
    client.until(lambda: outside(client) == GREETING, "a client outside of the mesh is answered")
    return client


def test_in_plaintext_clients_outside_of_the_mesh_pass_too(plain: Installation) -> None:
    """Why it is not the default: they arrive with the gateway's own identity."""
    plain.until(lambda: call(plain) == GREETING, "a client in the mesh is answered, too")


@pytest.mark.parametrize(
    ("port", "target", "answer"),
    [(80, 8080, GREETING), (8081, 8080, ""), (80, 8081, "")],
    ids=["the vendor's tests'", "the documentation's Gateway only", "its Service only"],
)
def test_gateway_and_service_have_one_layout(
    plain: Installation, port: int, target: int, answer: str
) -> None:
    """A Gateway on 80 listens on 8080, by the ingress gateway's Service; one on 8081 there."""
    gateway = gateway_manifest(PLAIN.ingress)
    gateway["spec"]["servers"][0]["port"]["number"] = port
    service = local_gateway_service(PLAIN.ingress)
    service["spec"]["ports"][0]["targetPort"] = target
    for manifest in (gateway, service):
        plain.apply(manifest)
    assert local_gateway(plain)[1] == target
    plain.until(lambda: outside(plain) == answer, "the layout has reached the gateway")
    found = check(plain)
    if answer:
        assert "ERROR gateway-service" not in found.stdout
    else:
        assert_found(found, "gateway-service", "nobody listens at the targetPort")
