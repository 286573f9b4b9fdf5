"""The verification against a real TLS server on this machine, good and broken in each way."""

import contextlib
import datetime
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from serverless_mesh.cli.verification import Check, Link, Target, TargetError, verify
from tests.serving import serving

HOST = "hello-default.apps.openshift.example.com"
WILDCARD = "*.apps.openshift.example.com"
NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


class Authority:
    """A CA of the test's own."""

    def __init__(self, name: str = "example.com") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = named(name)
        self.certificate = (
            self._builder(self.name, self.key.public_key(), NOW - DAY, NOW + DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def _builder(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        start: datetime.datetime,
        end: datetime.datetime,
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
        )

    def issue(
        self,
        folder: Path,
        host: str = WILDCARD,
        start: datetime.datetime = NOW - DAY,
        end: datetime.datetime = NOW + DAY,
    ) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = (
            self._builder(named(host), key.public_key(), start, end)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        pem = folder / "server.pem"
        pem.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + leaf.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        return context


@dataclass
class Answer:
    """What the server says."""

    status: int = 200
    body: str = "Hello Openshift!\n"
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "text/plain"})


@contextmanager
def answering(context: ssl.SSLContext, answer: Answer) -> Iterator[tuple[str, int]]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        server.socket = context.wrap_socket(server.socket, server_side=True)
        with serving(server):
            yield "127.0.0.1", server.server_port


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def target(authority: Authority, connect: tuple[str, int]) -> Target:
    return Target(f"https://{HOST}", authority.pem, connect, body="Hello Openshift!")


def broken(checks: list[Check]) -> Check:
    assert all(check.holds for check in checks[:-1])
    assert not checks[-1].holds
    assert checks[-1].remedy
    return checks[-1]


def test_every_link_holds(authority: Authority, tmp_path: Path) -> None:
    with answering(authority.issue(tmp_path), Answer()) as connect:
        checks = verify(target(authority, connect))
    assert [check.link for check in checks] == list(Link)
    assert all(check.holds for check in checks)
    assert f"CN={WILDCARD}" in checks[2].found


def test_a_name_without_address(authority: Authority) -> None:
    asked = replace(target(authority, ("", 0)), url="https://no-such-host.invalid", connect=None)
    check = broken(verify(asked))
    assert (check.link, "no-such-host.invalid" in check.found) == (Link.DNS, True)


def test_nobody_listens(authority: Authority) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        check = broken(verify(target(authority, bound.getsockname())))
    assert check.link is Link.ROUTE


@pytest.mark.parametrize(
    ("issue", "link", "said"),
    [
        (lambda ca, d: Authority("other").issue(d), Link.CERTIFICATE, "by CN=other"),
        (lambda ca, d: ca.issue(d, host="*.example.org"), Link.CERTIFICATE, "CN=*.example.org"),
        (lambda ca, d: ca.issue(d, end=NOW - DAY / 2), Link.CERTIFICATE, "expired"),
        (lambda ca, d: ca.issue(d, start=NOW + DAY / 2), Link.CERTIFICATE, "not yet valid"),
        (
            lambda ca, d: Authority("ingress-operator@1700000000").issue(d),
            Link.ROUTE,
            "router ends TLS",
        ),
        (lambda ca, d: ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), Link.GATEWAY, "broken off"),
    ],
    ids=["other CA", "other host", "expired", "not yet valid", "router's own", "no credential"],
)
def test_broken_certificates(
    authority: Authority,
    tmp_path: Path,
    issue: Callable[[Authority, Path], ssl.SSLContext],
    link: Link,
    said: str,
) -> None:
    with answering(issue(authority, tmp_path), Answer()) as connect:
        check = broken(verify(target(authority, connect)))
    assert check.link is link
    assert said in check.found


ENVOY = {"server": "istio-envoy"}


@pytest.mark.parametrize(
    ("answer", "link", "said"),
    [
        (Answer(404, "", ENVOY), Link.GATEWAY, "does not know"),
        (Answer(503, "no healthy upstream", ENVOY), Link.SERVICE, "nowhere to send"),
        (Answer(404, "not here"), Link.SERVICE, "status 404, expected 200"),
        (Answer(200, "Welcome to nginx"), Link.SERVICE, "Welcome to nginx"),
    ],
    ids=["no route", "no upstream", "status", "body"],
)
def test_broken_answers(
    authority: Authority, tmp_path: Path, answer: Answer, link: Link, said: str
) -> None:
    with answering(authority.issue(tmp_path), answer) as connect:
        check = broken(verify(target(authority, connect)))
    assert check.link is link
    assert said in check.found


@pytest.mark.parametrize("url", ["http://hello.example.com", "hello.example.com", "https://"])
def test_urls_that_are_none(authority: Authority, url: str) -> None:
    with pytest.raises(TargetError, match="not an https URL"):
        verify(Target(url, authority.pem))


def test_a_ca_certificate_that_is_none() -> None:
    with pytest.raises(TargetError, match="CA certificate is not a PEM"):
        verify(Target(f"https://{HOST}", "nonsense"))


def test_an_answer_that_drips_is_given_up(authority: Authority, tmp_path: Path) -> None:
    context = authority.issue(tmp_path)
    hung_up = threading.Event()

    def drip(listener: socket.socket) -> None:
        plain, _ = listener.accept()
        with plain, contextlib.suppress(OSError):
            secure = context.wrap_socket(plain, server_side=True)
            secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            # No single wait for a byte takes long.
            while not hung_up.wait(0.02):
                secure.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,))
        thread.start()
        asked = replace(target(authority, listener.getsockname()[:2]), timeout=0.5)
        check = broken(verify(asked))
        hung_up.set()
        thread.join()
    assert check.link is Link.GATEWAY
    assert "takes longer than 0.5 s" in check.found


@pytest.mark.parametrize("url", ["https://x:99999", "https://[::1", f"https://{'a' * 64}.example"])
def test_an_address_that_is_none_is_refused(authority: Authority, url: str) -> None:
    with pytest.raises(TargetError, match="is not an https URL with a host"):
        verify(Target(url, authority.pem))
