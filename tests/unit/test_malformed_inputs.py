"""2,000 malformed inputs to the console script: each ends with 0, 1 or 2, and says so.

They are good inputs with something spoiled in them, by dice that fall the same way every time.
"""

import contextlib
import copy
import json
import os
import random
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from typer.testing import CliRunner

from serverless_mesh.cli.main import app
from tests.policy.cases import tls_data
from tests.policy.integration import BROKEN, documented

DICE: Final = range(20)
TIMES: Final = 20
"""How often each kind of input is spoiled with one seed."""
TOKEN: Final = "sk-7c1f0d-never-shown"
KEY: Final = "some-key"
ODD: Final[tuple[Any, ...]] = (
    None, True, -1, 1.5, float("nan"), 10**30, "", "*", "\x00", "\ud800", "a\n::error::b",
    "\x1b[2J", "x" * 300, [], {}, [None], [[]], {"": None}, {1: 2}, {"a": {"b": [{}]}},
    "2026-11-25", "٤", "::", "https://[::1",
    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
)  # fmt: skip
BYTES: Final = (
    b"\xff", b"\x00", b"\t", b"&a [*a]", b"!!binary", b"!!int x", b"%", b"---\n", b"{", b"]", b"'",
    b"\xef\xbb\xbf", b"\xed\xa0\x80", b": ", b"- ", b"? ", b"<<: *a\n", b"\r", b"\xe2\x80\xa8",
    b"!x ",
)  # fmt: skip
GOOD: Final = [
    {**body, "data": tls_data(curve=True)} if body["kind"] == "Secret" else body
    for body in documented()
]
URLS: Final = (
    "https://", "http://", "//", "[", "]", "::1", ":", "99999", "0", "@", "a" * 64, ".",
    "127.0.0.1", ":9", "/", "?", "#", "%", "\n", "é", " ", "\ud800", "::error::",
)  # fmt: skip
SETTINGS: Final = {
    "config": {
        "serverless-mesh:appsDomain": "apps.openshift.example.com",
        "serverless-mesh:projects": ["shop", "bank"],
        "serverless-mesh:excludedPorts": [8444, 8022],
        "serverless-mesh:terminationDrainDuration": "35s",
        "serverless-mesh:kafkaBootstrapServers": ["kafka:9092", "[fd00::5]:9092"],
        "serverless-mesh:labelledSecrets": [{"namespace": "shop", "name": "tls"}],
        "serverless-mesh:domainMappings": [
            {"host": "shop.example.org", "project": "shop", "service": "hello"}
        ],
        "serverless-mesh:privateKey": {"secure": "AAA"},
        "kubernetes:context": "production",
    }
}


def kubeconfig(server: str) -> dict[str, Any]:
    user = {"token": TOKEN, "username": "somebody", "password": TOKEN}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server, "proxy-url": ""}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """List every place in a value: what it is in and its key there."""
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key])


def spoiled(value: Any, dice: random.Random) -> Any:
    """Return a value with something odd in some places."""
    value = copy.deepcopy(value)
    for _ in range(dice.randint(1, 4)):
        found = list(places(value))
        if not found:
            break
        where, key = dice.choice(found)
        match dice.randrange(4):
            case 0:
                del where[key]
            case 1 if isinstance(where, dict):
                where[dice.choice((7, "", "a\nb", "\ud800", None, KEY))] = where.pop(key)
            case 2:
                where[key] = [where[key], copy.deepcopy(dice.choice(ODD))]
            case _:
                where[key] = copy.deepcopy(dice.choice(ODD))
    return value


def written(value: Any, dice: random.Random) -> bytes:
    """Write a value as YAML or JSON, often with something wrong in the text, too."""
    if dice.random() < 0.5:
        text = json.dumps(value, ensure_ascii=dice.random() < 0.5)
    else:
        dump = yaml.safe_dump_all if isinstance(value, list) else yaml.safe_dump
        text = dump(value, sort_keys=False, allow_unicode=dice.random() < 0.5)
    content = text.encode("utf-8", "surrogatepass")
    for _ in range(dice.randrange(4)):
        at = dice.randrange(len(content) + 1)
        match dice.randrange(3):
            case 0:
                content = content[:at]
            case 1:
                content = content[:at] + dice.choice(BYTES) + content[at:]
            case _:
                content = content[:at] + content[at + dice.randrange(9) :]
    return content


class Malformed:
    """The inputs of each kind, and the command that each goes to."""

    def __init__(self, folder: Path, dice: random.Random, server: str) -> None:
        self._folder, self._dice, self._server = folder, dice, server

    def _file(self, name: str, content: bytes) -> str:
        (self._folder / name).write_bytes(content)
        return str(self._folder / name)

    def _bodies(self) -> bytes:
        chosen = self._dice.sample([*GOOD, *BROKEN.values()], self._dice.randint(1, 4))
        return written(spoiled(chosen, self._dice), self._dice)

    def manifest(self) -> tuple[list[str], bytes]:
        form = self._dice.choice(("text", "json", "sarif"))
        return ["check", "-f", self._file("a.yaml", self._bodies()), "--format", form], b""

    def stdin(self) -> tuple[list[str], bytes]:
        return ["check", "-f", "-"], self._bodies()

    def stack_file(self) -> tuple[list[str], bytes]:
        content = written(spoiled(SETTINGS, self._dice), self._dice)
        return ["config", "check", self._file("Pulumi.test.yaml", content)], b""

    def kubeconfig(self) -> tuple[list[str], bytes]:
        content = written(spoiled(kubeconfig("http://127.0.0.1:9"), self._dice), self._dice)
        return ["check", "--rule", "strict-mtls", "--kubeconfig", self._file("k", content)], b""

    def answer(self) -> tuple[list[str], bytes]:
        content = yaml.safe_dump(kubeconfig(self._server)).encode()
        rule = self._dice.choice(("strict-mtls", "network-policies"))
        return ["check", "--rule", rule, "--kubeconfig", self._file("k", content)], b""

    def url(self) -> tuple[list[str], bytes]:
        text = "".join(self._dice.choices(URLS, k=self._dice.randint(1, 5)))
        url = self._dice.choice((f"https://127.0.0.1{text}", f"https://{text}", text))
        ca = written("-----BEGIN CERTIFICATE-----", self._dice)
        address = ["--connect", f"127.0.0.1:9{text}"] if self._dice.random() < 0.3 else []
        return ["verify", "--ca", self._file("ca", ca), *address, "--timeout", "1", "--", url], b""


KINDS: Final = ("manifest", "stdin", "stack_file", "kubeconfig", "answer")


@pytest.fixture(scope="module")
def no_names() -> Iterator[None]:
    """Let no name be looked up: not every machine has somebody to ask."""
    with pytest.MonkeyPatch.context() as patch:
        look_up = socket.getaddrinfo

        def known(host: Any, *args: Any, **options: Any) -> Any:
            if host not in ("127.0.0.1", "::1"):
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return look_up(host, *args, **options)

        patch.setattr(socket, "getaddrinfo", known)
        for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
            patch.delenv(name)
        yield


ANSWERS: Final = {
    "/apis": {
        "groups": [
            {
                "name": "maistra.io",
                "preferredVersion": {"groupVersion": "maistra.io/v2"},
                "versions": [{"groupVersion": "maistra.io/v2"}],
            }
        ]
    },
    "/api/v1": {
        "resources": [{"kind": "Namespace", "name": "namespaces", "namespaced": False}],
    },
    "/apis/maistra.io/v2": {
        "resources": [
            {"kind": "ServiceMeshControlPlane", "name": "planes", "namespaced": True},
        ],
    },
    "/api/v1/namespaces": {
        "apiVersion": "v1",
        "kind": "NamespaceList",
        "metadata": {},
        "items": [{"metadata": {"name": "shop"}}],
    },
    "/apis/maistra.io/v2/planes": {
        "apiVersion": "maistra.io/v2",
        "kind": "ServiceMeshControlPlaneList",
        "metadata": {},
        "items": [{"metadata": {"name": "basic", "namespace": "istio-system"}, "spec": {}}],
    },
}
HEADS: Final = (
    b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 403 No\r\n",
    b"HTTP/1.1 500 No\r\n", b"HTTP/1.1 204 No\r\n", b"HTTP/1.1 999 \r\n", b"HTTP/1.1 302 Found\r\n"
    b"Location: /apis\r\n", b"HTTP/9 200\r\n", b"\x00\r\n", b"SSH-2.0-x\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n", b"HTTP/1.1 200 OK\r\nX: "
    + b"x" * 70_000 + b"\r\n",
)  # fmt: skip


def malformed_answer(path: str, dice: random.Random) -> bytes:
    body = ANSWERS.get(path, {})
    content = json.dumps(spoiled(body, dice) if dice.random() < 0.5 else body).encode()
    if dice.random() < 0.2:
        content = written(body, dice)
    length = len(content) if dice.random() < 0.9 else dice.choice((0, -1, len(content) + 7))
    head = dice.choice(HEADS) if dice.random() < 0.4 else HEADS[0]
    return head + f"Content-Length: {length}\r\nConnection: close\r\n\r\n".encode() + content


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, Callable[[random.Random], None]]]:
    """Serve answers on 127.0.0.1 that dice spoil; each connection gets one."""
    dice = [random.Random(0)]
    lock = threading.Lock()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError, IndexError):
                request = connection.recv(1 << 16)
                path = request.split()[1].decode().partition("?")[0]
                with lock:
                    answer = malformed_answer(path, dice[0])
                connection.sendall(answer)
                connection.shutdown(socket.SHUT_RDWR)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(target=serve, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield (
            f"http://127.0.0.1:{listener.getsockname()[1]}",
            lambda own: dice.__setitem__(0, own),
        )
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask nobody again: what is spoiled once is spoiled the next time."""
    monkeypatch.setattr("mesh_policy.observe.RETRY_SECONDS", 0.0)


@pytest.mark.parametrize("kind", [*KINDS, "url"])
@pytest.mark.parametrize("seed", DICE)
def test_malformed_inputs(
    tmp_path: Path,
    no_names: None,
    server: tuple[str, Callable[[random.Random], None]],
    kind: str,
    seed: int,
) -> None:
    dice = random.Random(f"{kind} {seed}")
    server[1](dice)
    malformed = Malformed(tmp_path, dice, server[0])
    for _ in range(TIMES):
        arguments, stdin = getattr(malformed, kind)()
        done = CliRunner().invoke(app, arguments, input=stdin)
        told = f"{arguments}: {done.output}"
        assert isinstance(done.exception, SystemExit | None), (told, done.exception)
        assert done.exit_code in (0, 1, 2), told
        assert done.output.strip(), told
        assert "Traceback" not in done.output, told
        assert "a fault of serverless-mesh itself" not in done.output, told
        assert TOKEN not in done.output, told
        for line in done.output.splitlines():
            assert line.isprintable() or line.startswith(("│", "╭", "╰")), (told, line)
            assert not line.lstrip().startswith("::"), told
