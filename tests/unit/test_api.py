"""What answers at a kubeconfig's address is not trusted: to end, to be small, to be Kubernetes."""

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import pytest
import urllib3
import yaml

from mesh_policy.cluster.api import Api, RefusedError
from mesh_policy.documented.kinds import Kind
from mesh_policy.observe import ObserveError, observe

PATIENCE = 30.0
"""Seconds, a limit that no test reaches unless something is wrong."""
TOKEN = "sk-7c1f0d"
OK = b"HTTP/1.1 200 OK\r\n"

Answer = Callable[[socket.socket, bytes], None]


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """Answer each connection's request with `answer`; give a kubeconfig that leads there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()

        def serve(connection: socket.socket) -> None:
            with connection:
                try:
                    while request := connection.recv(1 << 16):
                        answer(connection, request)
                except OSError:
                    # Whoever asked has hung up.
                    return

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield yaml.safe_dump(
            {
                "clusters": [
                    {"name": "c", "cluster": {"server": f"http://127.0.0.1:{address[1]}"}}
                ],
                "users": [{"name": "u", "user": {"token": TOKEN}}],
                "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "x",
            }
        )
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def says(body: object, head: bytes = OK) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    length = f"Content-Length: {len(content)}\r\n\r\n".encode()
    return lambda connection, _: connection.sendall(head + length + content)


def by_path(bodies: Mapping[str, object]) -> Answer:
    """Say what there is for the path that is asked for, else nothing."""

    def answer(connection: socket.socket, request: bytes) -> None:
        path = request.split()[1].decode().partition("?")[0]
        says(bodies.get(path, {}))(connection, request)

    return answer


def ends(content: bytes) -> Answer:
    """Say something and hang up."""

    def answer(connection: socket.socket, _: bytes) -> None:
        connection.sendall(content)
        connection.shutdown(socket.SHUT_RDWR)

    return answer


def drips(head: bytes) -> Answer:
    """Send a byte now and then, for ever: no single wait for one takes long."""

    def answer(connection: socket.socket, _: bytes) -> None:
        connection.sendall(head)
        hung_up = threading.Event()
        while not hung_up.wait(0.02):
            connection.sendall(b"x")

    return answer


def refused(answer: Answer, within: float = PATIENCE) -> str:
    with serving(answer) as kubeconfig:
        api = Api.of(kubeconfig, None, within)
        with pytest.raises((RefusedError, urllib3.exceptions.HTTPError)) as caught:
            api.get("/apis")
    assert TOKEN not in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "head",
    [OK + b"X: ", OK + b"Content-Length: 1000000\r\n\r\n", b"HTTP/1.1 2"],
    ids=["headers", "body", "status"],
)
def test_an_answer_that_drips_is_given_up(head: bytes) -> None:
    assert "takes longer than 0.3 s to answer" in refused(drips(head), 0.3)


def test_a_server_that_says_nothing_is_given_up() -> None:
    assert "127.0.0.1:" in refused(lambda _, __: None, 0.3)


def test_a_server_that_asks_to_wait_is_not_waited_for() -> None:
    busy = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3600\r\n"
    assert "status 429" in refused(says({}, busy), 30)


def test_an_answer_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mesh_policy.cluster.api.LARGEST", 1 << 20)
    endless = OK + b"Content-Length: 1000000000000\r\n\r\n"

    def answer(connection: socket.socket, _: bytes) -> None:
        connection.sendall(endless)
        while True:
            connection.sendall(bytes(1 << 16))

    assert "larger than 1 MiB" in refused(answer)


@pytest.mark.parametrize(
    "answer",
    [
        says(b"<html>"),
        says([]),
        says(b"[" * 100_000),
        says(b"\xff\xfe"),
        says({"message": [TOKEN], "code": 7}, b"HTTP/1.1 500 No\r\n"),
        says({"message": "a\n::error::b"}, b"HTTP/1.1 403 No\r\n"),
        says(b"x", OK + b"Content-Encoding: gzip\r\n"),
        ends(b""),
        ends(b"SSH-2.0-x\r\n\r\n"),
        ends(OK + b"Content-Length: -1\r\n\r\n"),
        ends(OK + b"Content-Length: 9\r\n\r\n{}"),
    ],
)
def test_what_is_no_answer_is_an_error_in_one_line(answer: Answer) -> None:
    assert refused(answer)


LISTS = {"groups": [{"name": "", "preferredVersion": {"groupVersion": "v1"}, "versions": []}]}
SERVED = {"resources": [{"kind": "Namespace", "name": "namespaces", "namespaced": False}]}


@pytest.mark.parametrize(
    "bodies",
    [
        {"/apis": {}},
        {"/apis": {"groups": [7]}},
        {"/apis": {"groups": {"a": 1}}},
    ],
)
def test_a_server_that_is_no_kubernetes_is_an_error(bodies: dict[str, object]) -> None:
    with (
        serving(by_path(bodies)) as kubeconfig,
        pytest.raises(ObserveError, match="is not that of Kubernetes"),
    ):
        observe([Kind("", "Namespace")], kubeconfig)


@pytest.mark.parametrize(
    "page", [{}, {"apiVersion": "v1", "kind": 7}, {"apiVersion": "v1", "kind": "", "items": [7]}]
)
def test_a_list_that_is_none_is_not_read(page: dict[str, object]) -> None:
    answers = {"/apis": LISTS, "/api/v1": SERVED, "/api/v1/namespaces": page}
    kind = Kind("", "Namespace")
    with serving(by_path(answers)) as kubeconfig:
        found = observe([kind], kubeconfig)
    assert "is not that of Kubernetes" in found.unread[kind]


def test_kinds_that_are_none_are_not_read() -> None:
    answers = {"/apis": LISTS, "/api/v1": {"resources": 7}}
    kind = Kind("", "Namespace")
    with serving(by_path(answers)) as kubeconfig:
        found = observe([kind], kubeconfig)
    assert "is not that of Kubernetes" in found.unread[kind]


def test_a_list_that_never_ends_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mesh_policy.observe._PAGES", 10)
    page = {"apiVersion": "v1", "kind": "NamespaceList", "items": [], "metadata": {"continue": "x"}}
    answers = {"/apis": LISTS, "/api/v1": SERVED, "/api/v1/namespaces": page}
    kind = Kind("", "Namespace")
    with serving(by_path(answers)) as kubeconfig:
        found = observe([kind], kubeconfig)
    assert "does not end" in found.unread[kind]
