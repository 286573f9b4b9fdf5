"""The router's stand-in: by Route, Service and pod to an address, and there by SNI."""

import socket
import ssl
from collections.abc import Iterator
from typing import Any

import pytest

from toolchain.mesh.addresses import LoopbackNetwork
from toolchain.mesh.router import Router, endpoint, table

Manifest = dict[str, Any]
LABELS = {"istio": "ingressgateway", "knative": "ingressgateway"}
PODS = {("istio-system", "127.1.2.3"): LABELS}


def service(selector: dict[str, str], namespace: str = "istio-system") -> Manifest:
    return {
        "metadata": {"name": "istio-ingressgateway", "namespace": namespace},
        "spec": {
            "selector": selector,
            "ports": [
                {"name": "http2", "port": 80, "targetPort": 8080},
                {"name": "https", "port": 443, "targetPort": 8443},
            ],
        },
    }


def route(termination: str = "passthrough", port: str = "https") -> Manifest:
    return {
        "metadata": {"name": "hello", "namespace": "istio-system"},
        "spec": {
            "host": "hello.example.com",
            "to": {"name": "istio-ingressgateway"},
            "port": {"targetPort": port},
            "tls": {"termination": termination},
        },
    }


def test_a_pass_through_route_leads_to_the_pod() -> None:
    found = table([route()], [service({"istio": "ingressgateway"})], PODS)
    assert found == {"hello.example.com": ("127.1.2.3", 8443)}


@pytest.mark.parametrize(
    ("routes", "services"),
    [
        ([route("edge")], [service(LABELS)]),
        ([route(port="unknown")], [service(LABELS)]),
        ([route()], []),
        ([route()], [service({"istio": "another"})]),
        ([route()], [service({})]),
        ([route()], [service(LABELS, "elsewhere")]),
    ],
    ids=["edge", "unknown port", "no service", "no pod", "no selector", "other namespace"],
)
def test_a_broken_link_leads_nowhere(routes: list[Manifest], services: list[Manifest]) -> None:
    assert table(routes, services, PODS) == {}


def test_a_port_goes_by_name_or_number() -> None:
    assert endpoint(service(LABELS), 80, PODS) == ("127.1.2.3", 8080)
    assert endpoint(service(LABELS), "http2", PODS) == ("127.1.2.3", 8080)


@pytest.fixture
def router() -> Iterator[Router]:
    running = Router()
    yield running
    running.stop()


def hello(name: str) -> bytes:
    """Return the ClientHello of a client that asks for a name."""
    context = ssl.create_default_context()
    outgoing = ssl.MemoryBIO()
    tls = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


@pytest.mark.parametrize("split_at", [0, 1, 5, 60])
def test_a_connection_goes_where_its_name_leads_unchanged(router: Router, split_at: int) -> None:
    greeting = hello("hello.example.com")
    with socket.create_server(("127.0.0.1", 0)) as server:
        router.routes = {"hello.example.com": server.getsockname()}
        with socket.create_connection(("127.0.0.1", router.port), timeout=10) as client:
            client.sendall(greeting[:split_at])
            client.sendall(greeting[split_at:])
            server.settimeout(10)
            accepted, _ = server.accept()
            with accepted:
                accepted.settimeout(10)
                assert accepted.recv(len(greeting), socket.MSG_WAITALL) == greeting
                accepted.sendall(b"back")
                assert client.recv(4, socket.MSG_WAITALL) == b"back"


@pytest.mark.parametrize("greeting", [hello("nobody.example.com"), b"GET / HTTP/1.1\r\n\r\n"])
def test_whatever_leads_nowhere_is_closed(router: Router, greeting: bytes) -> None:
    with socket.create_connection(("127.0.0.1", router.port), timeout=10) as client:
        client.sendall(greeting)
        assert client.recv(1) == b""


def test_two_networks_never_share_an_address() -> None:
    with LoopbackNetwork() as one, LoopbackNetwork() as two:
        assert one.network != two.network
        assert one.address("gateway") == one.address("gateway") != one.address("istiod")
        assert one.network.is_loopback
