"""Does the documentation's own curl answer? One request, taken apart into the links that carry it.

The documentation, "Verifying the integration": access the application by a secure connection that
is trusted by the CA. The request passes five links, and what is said names the first broken one:

- `dns`: the host's name has an address;
- `route`: something accepts connections there and passes TLS through;
- `certificate`: what is served is signed by our CA alone, valid now and for the host;
- `gateway`: the ingress gateway knows the host and has somewhere to send the request;
- `service`: the application answers with the status and text expected.
"""

import contextlib
import enum
import http.client
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from cryptography import x509

from mesh_policy.cluster.deadline import within

DEFAULT_TIMEOUT: Final = 10.0
"""Seconds for each of connecting, shaking hands and answering."""
_READ_LIMIT: Final = 64 * 1024

# OpenSSL's X509_V_ERR codes, as Python reports them in `verify_code`.
_NOT_YET_VALID: Final = 9
_EXPIRED: Final = 10
_WRONG_HOST: Final = frozenset({62, 64})
# The certificate that OpenShift's router serves by itself, when it ends TLS instead of passing it.
_ROUTER_ISSUER: Final = "ingress-operator@"
_NO_ROUTE: Final = frozenset({404})
_NO_UPSTREAM: Final = frozenset({502, 503, 504})


class Link(enum.StrEnum):
    """What carries a request, in the order in which it is passed."""

    DNS = "dns"
    ROUTE = "route"
    CERTIFICATE = "certificate"
    GATEWAY = "gateway"
    SERVICE = "service"


@dataclass(frozen=True)
class Check:
    """One link: whether it holds, what was found, and what to do when it does not."""

    link: Link
    holds: bool
    found: str
    remedy: str = ""


@dataclass(frozen=True)
class Target:
    """What is asked for.

    `url` is https; `ca_pem` the only certificate that is trusted; `connect` another address than
    the name's own (as curl's --connect-to), where DNS does not know the host yet; `body` a text
    that the answer must contain.
    """

    url: str
    ca_pem: str
    connect: tuple[str, int] | None = None
    status: int = 200
    body: str = ""
    timeout: float = DEFAULT_TIMEOUT


class TargetError(ValueError):
    """The URL or the CA certificate can't be used; the message says what was found."""


class _BrokenError(Exception):
    """The first broken link."""

    def __init__(self, link: Link, found: str, remedy: str) -> None:
        super().__init__(found)
        self.check = Check(link, holds=False, found=found, remedy=remedy)


def verify(target: Target) -> list[Check]:
    """Send one request and check each link until the first broken one.

    Raises:
        TargetError: the URL is not https or the CA certificate is none.
    """
    url = _parse(target.url)
    context = _trusting_only(target.ca_pem)
    checks: list[Check] = []
    try:
        for check in _follow(target, url, context):
            checks.append(check)
    except _BrokenError as broken:
        checks.append(broken.check)
    return checks


def _follow(target: Target, url: SplitResult, context: ssl.SSLContext) -> Iterable[Check]:
    host = url.hostname or ""
    address = target.connect or (host, url.port or 443)
    yield _resolve(address, target.timeout)
    with _connect(address, target.timeout) as plain:
        yield Check(Link.ROUTE, True, f"{address[0]}:{address[1]} accepts connections")
        with _shake_hands(plain, host, context, target) as secure:
            yield Check(Link.CERTIFICATE, True, _describe(secure.getpeercert(binary_form=True)))
            answer, text = _request(secure, host, url, target.timeout)
    yield _check_gateway(answer, host)
    yield _check_service(answer, text, target)


def connect_to(text: str | None) -> tuple[str, int] | None:
    """Return the address of `--connect`, which is HOST:PORT.

    Raises:
        TargetError: it is none.
    """
    if text is None:
        return None
    try:
        address = urlsplit(f"//{text}")
        host, port = address.hostname, address.port
    except ValueError:
        host, port = None, None
    if not host or not port or not _is_host(host) or text.rpartition(":")[2] != str(port):
        raise TargetError(f"--connect takes HOST:PORT, found {text!r}")
    return host, port


def _parse(text: str) -> SplitResult:
    try:
        url = urlsplit(text)
        host, port = url.hostname, url.port
    except ValueError:
        # A bracket that is not closed, a port that is none.
        url, host, port = urlsplit(""), None, 0
    plain = text.isascii() and text.isprintable() and " " not in text and "@" not in url.netloc
    if url.scheme != "https" or not plain or not host or not _is_host(host) or port == 0:
        raise TargetError(
            f"{text!r} is not an https URL with a host; give the service's address, for example "
            "https://hello-default.apps.openshift.example.com"
        )
    return url


def _is_host(host: str) -> bool:
    """Say whether DNS, or a connection, can be asked for it at all."""
    try:
        named = host.isprintable() and " " not in host
        return named and (":" in host or bool(host.encode("idna")))
    except UnicodeError:
        return False


def _trusting_only(ca_pem: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cadata=ca_pem)
    except (ssl.SSLError, ValueError, TypeError) as error:
        raise TargetError(f"the CA certificate is not a PEM certificate: {error}") from None
    return context


def _resolve(address: tuple[str, int], timeout: float) -> Check:
    host, port = address
    try:
        found = within(timeout, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except OSError as error:
        raise _BrokenError(
            Link.DNS,
            f"{host} has no address: {error.strerror or error}",
            "make the wildcard DNS record of the cluster's apps domain resolve here, "
            "or name an address to connect to",
        ) from None
    addresses = sorted({str(entry[4][0]) for entry in found})
    return Check(Link.DNS, True, f"{host} is {', '.join(addresses)}")


def _connect(address: tuple[str, int], timeout: float) -> socket.socket:
    try:
        return socket.create_connection(address, timeout)
    except OSError as error:
        raise _BrokenError(
            Link.ROUTE,
            f"{address[0]}:{address[1]} does not accept a connection: {error.strerror or error}",
            "see that OpenShift's router runs and that the service's Route is admitted",
        ) from None


def _shake_hands(
    plain: socket.socket, host: str, context: ssl.SSLContext, target: Target
) -> ssl.SSLSocket:
    try:
        return context.wrap_socket(plain, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        raise _refused(error, host, _served(host, target)) from None
    except (OSError, ssl.SSLError) as error:
        # A gateway without its credential takes the connection and drops it in the handshake.
        raise _BrokenError(
            Link.GATEWAY,
            f"the TLS handshake for {host} is broken off: {error.strerror or error}",
            "see that the wildcard secret is in the mesh's namespace and that the Gateway names "
            "it; without it the gateway has no certificate to serve",
        ) from None


def _refused(
    error: ssl.SSLCertVerificationError, host: str, certificate: x509.Certificate | None
) -> _BrokenError:
    served = _describe_certificate(certificate)
    if certificate is not None and _ROUTER_ISSUER in certificate.issuer.rfc4514_string():
        return _BrokenError(
            Link.ROUTE,
            f"OpenShift's router ends TLS with its own certificate ({served})",
            'set the annotation serving.knative.openshift.io/enablePassthrough: "true" on the '
            "Knative Service, so that its Route passes TLS through to the gateway",
        )
    if error.verify_code == _EXPIRED:
        remedy = "run `pulumi up`: it renews the certificate (setting earlyRenewalHours)"
    elif error.verify_code == _NOT_YET_VALID:
        remedy = "compare the clocks of this machine and of the one that ran `pulumi up`"
    elif error.verify_code in _WRONG_HOST:
        remedy = f"the wildcard certificate must cover {host}; else map the domain"
    else:
        remedy = "trust the CA of this stack (output caCertificatePem), or see who serves this host"
    return _BrokenError(Link.CERTIFICATE, f"{error.verify_message} ({served})", remedy)


def _served(host: str, target: Target) -> x509.Certificate | None:
    """Fetch whatever certificate is served, to say what it is; nothing is sent over it."""
    unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unchecked.check_hostname = False
    unchecked.verify_mode = ssl.CERT_NONE
    url = _parse(target.url)
    try:
        with (
            socket.create_connection(
                target.connect or (host, url.port or 443), target.timeout
            ) as plain,
            unchecked.wrap_socket(plain, server_hostname=host) as secure,
        ):
            der = secure.getpeercert(binary_form=True)
    except OSError:
        return None
    return _loaded(der)


def _loaded(der: bytes | None) -> x509.Certificate | None:
    """Return a certificate, None where there is none or it can't be read."""
    try:
        found = x509.load_der_x509_certificate(der) if der else None
        if found is not None:
            # Read only when asked for, and so refused only then.
            _ = found.subject.rfc4514_string(), found.issuer.rfc4514_string()
    except (ValueError, x509.InvalidVersion):
        return None
    return found


def _describe(der: bytes | None) -> str:
    return _describe_certificate(_loaded(der))


def _describe_certificate(certificate: x509.Certificate | None) -> str:
    if certificate is None:
        return "no certificate that can be read"
    return (
        f"{certificate.subject.rfc4514_string()} by {certificate.issuer.rfc4514_string()}, "
        f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M} to "
        f"{certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    )


def _request(
    secure: ssl.SSLSocket, host: str, url: SplitResult, timeout: float
) -> tuple[http.client.HTTPResponse, str]:
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    connection = http.client.HTTPConnection(host)
    connection.sock = secure

    def ask() -> tuple[http.client.HTTPResponse, str]:
        connection.request("GET", path, headers={"Host": url.netloc, "Connection": "close"})
        answer = connection.getresponse()
        return answer, answer.read(_READ_LIMIT).decode("utf-8", "replace")

    try:
        return within(timeout, ask)
    except (OSError, http.client.HTTPException) as error:
        with contextlib.suppress(OSError):
            # Whoever still waits for the rest is woken.
            secure.shutdown(socket.SHUT_RDWR)
        raise _BrokenError(
            Link.GATEWAY,
            f"no answer over the open connection: {error or type(error).__name__}",
            "see the ingress gateway's log",
        ) from None


def _check_gateway(answer: http.client.HTTPResponse, host: str) -> Check:
    by_proxy = "envoy" in (answer.getheader("server") or "")
    if by_proxy and answer.status in _NO_ROUTE and not answer.getheader("content-type"):
        raise _BrokenError(
            Link.GATEWAY,
            f"the gateway does not know {host} (status {answer.status} by the proxy itself)",
            "see that the Knative Service is Ready and its namespace is a member of the mesh",
        )
    if by_proxy and answer.status in _NO_UPSTREAM:
        raise _BrokenError(
            Link.SERVICE,
            f"the gateway has nowhere to send the request (status {answer.status})",
            "see that the service's pods are Ready and have their sidecars",
        )
    return Check(Link.GATEWAY, True, f"the gateway routes {host}")


def _check_service(answer: http.client.HTTPResponse, text: str, target: Target) -> Check:
    if answer.status != target.status:
        raise _BrokenError(
            Link.SERVICE,
            f"the application answers with status {answer.status}, expected {target.status}",
            "see the application's log",
        )
    if target.body not in text:
        raise _BrokenError(
            Link.SERVICE,
            f"the answer does not contain {target.body!r}; it begins {text[:80]!r}",
            "see that this host is the service you mean",
        )
    return Check(Link.SERVICE, True, f"status {answer.status}, {text.strip()[:80]!r}")
