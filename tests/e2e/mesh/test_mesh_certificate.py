"""The wildcard certificate in real traffic: trusted by our CA only, for our domain, in its time."""

import datetime
import socket
import ssl
import threading
from pathlib import Path

import pytest
from cryptography import x509

from mesh.conftest import Keep
from mesh.installation import BOTH, GREETING, REFUSED_BY_US, Answer, Installation
from mesh.issuer import Issuer

pytestmark = [pytest.mark.e2e, pytest.mark.mesh, BOTH]
BOUND = 2000
"""Requests at most, over which a certificate must have been replaced."""


@pytest.fixture
def wildcard(installation: Installation, keep: Keep) -> str:
    """Return the secret's name; its content is put back after the test."""
    settings = installation.settings
    keep("v1", "Secret", settings.certificate.secret, settings.mesh.ingress.namespace)
    return settings.certificate.secret


def served(installation: Installation) -> x509.Certificate:
    """Return the certificate that the gateway serves for the documentation's host."""
    context = ssl.create_default_context(cafile=str(installation.root))
    address = ("127.0.0.1", installation.mesh.services.router.port)
    with (
        socket.create_connection(address, timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=installation.host) as tls,
    ):
        certificate = tls.getpeercert(binary_form=True)
    assert certificate is not None
    return x509.load_der_x509_certificate(certificate)


def test_the_pages_own_curl_answers(installation: Installation) -> None:
    assert installation.url == f"https://hello-default.{installation.domain}"
    assert installation.curl() == Answer(0, GREETING, "")


def test_another_authority_is_not_trusted(installation: Installation, tmp_path: Path) -> None:
    other = Issuer(tmp_path, "other")
    answer = installation.curl(root=other.root)
    assert answer.code == REFUSED_BY_US
    assert "unable to get local issuer certificate" in answer.said


def test_a_host_outside_the_wildcard_is_refused(installation: Installation) -> None:
    url = f"https://one.too.many.{installation.domain}"
    answer = installation.curl(url, through=installation.gateway)
    assert answer.code == REFUSED_BY_US
    assert "no alternative certificate subject name matches" in answer.said


def test_a_host_without_a_service_is_not_found(installation: Installation) -> None:
    url = f"https://nobody-default.{installation.domain}"
    options = ("--output", "/dev/null", "--write-out", "%{http_code}")
    answer = installation.curl(url, through=installation.gateway, options=options)
    assert answer == Answer(0, "404", "")


def test_an_expired_certificate_is_refused(
    installation: Installation, wildcard: str, tmp_path: Path
) -> None:
    hosts = (f"*.{installation.domain}",)
    issuer = Issuer(tmp_path, "expiry")
    _, valid = issuer.issue(*hosts)
    _, expired = issuer.issue(*hosts, until=-datetime.timedelta(hours=1))
    installation.secret(wildcard, valid)
    installation.until(
        lambda: installation.curl(root=issuer.root).code == 0, "the other CA's certificate"
    )
    installation.secret(wildcard, expired)
    installation.until(
        lambda: installation.curl(root=issuer.root).code != 0, "the expired certificate"
    )
    answer = installation.curl(root=issuer.root)
    assert answer.code == REFUSED_BY_US
    assert "certificate has expired" in answer.said


def uid(installation: Installation) -> str:
    """Tell the secret from another of its name."""
    settings = installation.settings
    found = installation.mesh.objects.find(
        "v1", "Secret", settings.certificate.secret, settings.mesh.ingress.namespace
    )
    assert found is not None
    return str(found["metadata"]["uid"])


def test_a_rotation_drops_no_request(installation: Installation) -> None:
    before, secret = served(installation), uid(installation)
    processes = installation.gateway_proxy.pids()
    done = threading.Event()
    failed: list[Answer] = []
    counts: list[int] = []

    def load() -> None:
        count = 0
        while not done.is_set() and count < BOUND:
            count += 1
            answer = installation.curl()
            if answer != Answer(0, GREETING, ""):
                failed.append(answer)
        counts.append(count)

    clients = [threading.Thread(target=load) for _ in range(2)]
    for client in clients:
        client.start()
    try:
        # Another lifetime makes another certificate, of the same authority.
        installation.stack.configure({"certificate.days": 90})
        installation.up()
        installation.until(lambda: served(installation) != before, "the new certificate")
        ended_early = bool(counts)
    finally:
        done.set()
        for client in clients:
            client.join()
    lifetime = served(installation).not_valid_after_utc - served(installation).not_valid_before_utc
    assert lifetime == datetime.timedelta(days=90)
    assert installation.gateway_proxy.pids() == processes
    assert uid(installation) == secret, "a gateway that starts meanwhile has a certificate, too"
    assert not ended_early, "the load ended before the rotation"
    assert not failed
