"""What the stand-in plugin `kubernetes` tries again, and what it does not."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import yaml

from toolchain.providers.kubernetes import api as module
from toolchain.providers.kubernetes.api import (
    Api,
    ApiError,
    CancelledError,
    Reference,
    UnreachableError,
)

CONTROL_PLANE = Reference("maistra.io/v2", "ServiceMeshControlPlane", "istio-system", "basic")
KINDS = {
    "resources": [
        {"name": "servicemeshcontrolplanes", "kind": CONTROL_PLANE.kind, "namespaced": True}
    ]
}
Answer = tuple[int, dict[str, Any]]
WEBHOOK_AWAY: Answer = (
    500,
    {
        "reason": "InternalError",
        "message": 'Internal error occurred: failed calling webhook "smcp.mutation.maistra.io": '
        'service "maistra-admission-controller" not found',
    },
)
REFUSED: Answer = (422, {"reason": "Invalid", "message": "denied request: no"})
MADE: Answer = (200, {"kind": CONTROL_PLANE.kind, "metadata": {"name": "basic"}})


class Server(ThreadingHTTPServer):
    """Gives its answers to patches in their order, the last one for ever."""

    answers: list[Answer]
    patches = 0


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self._answer(200, KINDS)

    def do_PATCH(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.patches += 1
        answers = self.server.answers
        self._answer(*(answers.pop(0) if len(answers) > 1 else answers[0]))

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def api(server: Server) -> Api:
    return api_of(server.server_port)


def api_of(port: int) -> Api:
    kubeconfig = {
        "current-context": "it",
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "clusters": [{"name": "it", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "it", "user": {}}],
    }
    return Api(yaml.safe_dump(kubeconfig), None, None)


def apply(api: Api, limit: float, said: list[str]) -> dict[str, Any]:
    return api.patiently(
        lambda: api.apply(CONTROL_PLANE, {}, "me", force=False, dry_run=False), limit, said.append
    )


def test_a_webhook_that_is_away_is_waited_for(server: Server, api: Api) -> None:
    server.answers = [WEBHOOK_AWAY, WEBHOOK_AWAY, MADE]
    said: list[str] = []
    assert apply(api, 60, said) == MADE[1]
    assert server.patches == 3
    assert all("trying again: " in line and "failed calling webhook" in line for line in said)


def test_no_longer_than_the_resource_may_take(server: Server, api: Api) -> None:
    server.answers = [WEBHOOK_AWAY]
    with pytest.raises(ApiError, match="failed calling webhook"):
        apply(api, 0.6, [])
    assert server.patches > 1


def test_a_refusal_is_final(server: Server, api: Api) -> None:
    server.answers = [REFUSED, MADE]
    with pytest.raises(ApiError, match="denied request: no"):
        apply(api, 60, [])
    assert server.patches == 1


def test_cancelling_ends_the_trying(server: Server, api: Api) -> None:
    server.answers = [WEBHOOK_AWAY]
    api.cancelled.set()
    with pytest.raises(CancelledError):
        apply(api, 60, [])


def test_a_server_that_never_answered_is_tried_once_for_all_operations(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_FIRST_CONTACT", 0.6)
    nowhere = api_of(9)
    said: list[list[str]] = [[], []]
    for lines in said:
        with pytest.raises(UnreachableError, match="does not answer"):
            apply(nowhere, 60, lines)
    assert said[0]
    assert not said[1]
