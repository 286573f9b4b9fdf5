"""Strict mTLS in real traffic: who is let in, by which port, and by which identity."""

import http.client
import ssl
from pathlib import Path

import pytest

from mesh.client import LOCAL_HOST, ask, local_gateway, mesh_client
from mesh.installation import BOTH, GREETING, Installation
from mesh.issuer import Issuer
from toolchain.mesh.knative_routing import QUEUE_PROXY_PORT

pytestmark = [pytest.mark.e2e, pytest.mark.mesh, BOTH]


def test_the_local_gateway_serves_a_mesh_client(installation: Installation) -> None:
    address = local_gateway(installation)
    assert address[1] == 8081
    text, identities = ask(address, mesh_client(installation), LOCAL_HOST)
    assert text == GREETING
    namespace = installation.settings.mesh.ingress.namespace
    account = installation.gateway_proxy.identity.service_account
    assert identities == [f"spiffe://cluster.local/ns/{namespace}/sa/{account}"]


def test_the_local_gateway_refuses_a_client_without_certificate(
    installation: Installation,
) -> None:
    roots = installation.sidecar.workload_certificates / "root-cert.pem"
    context = ssl.create_default_context(cafile=str(roots))
    context.check_hostname = False
    # With TLS 1.2 the refusal is part of the handshake; later it races with the first request.
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError, match="handshake failure"):
        ask(local_gateway(installation), context, LOCAL_HOST)


def test_the_local_gateway_refuses_a_client_of_another_authority(
    installation: Installation, tmp_path: Path
) -> None:
    _, data = Issuer(tmp_path, "other").issue("client")
    for name, text in data.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        ask(local_gateway(installation), context, LOCAL_HOST)


def test_the_local_gateway_refuses_plain_text(installation: Installation) -> None:
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        ask(local_gateway(installation), None, LOCAL_HOST)


def test_a_sidecar_refuses_plain_text(installation: Installation) -> None:
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        ask((installation.pod.address, QUEUE_PROXY_PORT), None, LOCAL_HOST)


def test_a_sidecar_serves_a_mesh_client(installation: Installation) -> None:
    address = (installation.pod.address, QUEUE_PROXY_PORT)
    text, identities = ask(address, mesh_client(installation), LOCAL_HOST)
    assert text == GREETING
    assert identities == ["spiffe://cluster.local/ns/default/sa/default"]


@pytest.mark.parametrize("port", [8022, 8444])
def test_an_excluded_port_passes_the_sidecar_by(installation: Installation, port: int) -> None:
    text, _ = ask((installation.pod.address, port), None, LOCAL_HOST)
    assert text == GREETING
