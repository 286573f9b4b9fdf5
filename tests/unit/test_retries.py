"""The program asks a busy server again, and one that does not answer only once."""

from typing import Any

import pytest
import urllib3

from mesh_policy.cluster.api import Api, RefusedError
from mesh_policy.documented.kinds import Kind
from mesh_policy.findings import Ref
from preflight.cluster import Cluster
from preflight.errors import ClusterError

REF = Ref(Kind("", "Secret"), "shop", "tls", "v1")


def connected(monkeypatch: pytest.MonkeyPatch, *answers: Any) -> tuple[Cluster, list[Any]]:
    left = list(answers)

    def get(*_: Any) -> Any:
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(Api, "get", get)
    monkeypatch.setattr("mesh_policy.cluster.api.connect", lambda *_: _Nowhere())
    return Cluster.connect(None, None), left


class _Nowhere:
    server = "https://localhost:1"


KINDS = {"resources": [{"name": "secrets", "kind": "Secret", "namespaced": True}]}


def test_a_busy_server_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = RefusedError(429, "storage is (re)initializing", 0.01)
    cluster, left = connected(monkeypatch, busy, KINDS, busy, {"kind": "Secret"})
    assert cluster.find(REF) == {"kind": "Secret"}
    assert left == []


def test_a_server_that_does_not_answer_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster, left = connected(monkeypatch, urllib3.exceptions.HTTPError("gone"), KINDS)
    with pytest.raises(ClusterError, match="does not answer"):
        cluster.find(REF)
    assert left == [KINDS]


def test_what_is_forbidden_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster, left = connected(monkeypatch, RefusedError(403, "forbidden"), KINDS)
    with pytest.raises(ClusterError, match="403"):
        cluster.find(REF)
    assert left == [KINDS]
