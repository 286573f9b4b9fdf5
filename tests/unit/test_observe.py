"""What is read of a cluster: tried again where that helps, and said where it does not.

A small API server of the test's own answers as the real one does on a bad day.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner, Result

from mesh_policy import observe as observing
from mesh_policy.cluster.retries import Retries
from mesh_policy.documented.kinds import CONFIG_MAP, GATEWAY, SECRET, SERVICE, Kind
from mesh_policy.findings import Ref
from mesh_policy.observe import Observation, ObserveError, observe
from mesh_policy.rules import RULES
from serverless_mesh.cli.main import app
from tests.serving import serving

GATEWAYS: Final = "/apis/networking.istio.io/v1/gateways"
CERTS: Final = Ref(SECRET, "istio-system", "certs")
ALL: Final = {kind for rule in RULES for kind in rule.kinds | rule.check_only}
Answer = tuple[int, dict[str, str], Any]
CUT: Final = 0
"""Instead of a status: the connection breaks before there is an answer."""
HANGS: Final = -1
"""Instead of a status: the answer never comes."""


def plural(kind: Kind) -> str:
    special = {"Ingress": "ingresses", "ServiceEntry": "serviceentries"}
    return special.get(kind.name, f"{kind.name.lower()}s")


def refusal(status: int, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return status, named, {"kind": "Status", "message": f"no, {status}"}


def page(kind: str, *names: str, following: str = "") -> Answer:
    items = [{"metadata": {"name": name, "namespace": "shop"}} for name in names]
    metadata = {"continue": following} if following else {}
    return (
        200,
        {},
        {"apiVersion": "v1", "kind": f"{kind}List", "metadata": metadata, "items": items},
    )


class ApiServer:
    """Serves every kind that rules read, empty; `says` are other answers, one after another.

    The last of a path's answers stays.
    """

    def __init__(self) -> None:
        self.says: dict[str, list[Answer]] = {}
        self.asked: list[str] = []
        self.over = Event()
        self.url = ""

    def answer(self, target: str) -> Answer:
        self.asked.append(target)
        path = urlsplit(target).path
        token = parse_qs(urlsplit(target).query).get("continue", [""])[0]
        answers = self.says.get(f"{path}?{token}" if token else path)
        if answers:
            return answers.pop(0) if len(answers) > 1 else answers[0]
        return self.usual(path)

    def usual(self, path: str) -> Answer:
        kinds = {kind: f"{kind.group}/v1" if kind.group else "v1" for kind in {*ALL, SECRET}}
        bases = {kind: ("/apis/" if kind.group else "/api/") + v for kind, v in kinds.items()}
        if path == "/apis":
            groups = sorted({kind.group for kind in kinds if kind.group})
            named = [{"groupVersion": f"{group}/v1"} for group in groups]
            return (
                200,
                {},
                {
                    "groups": [
                        {"name": group, "preferredVersion": version, "versions": [version]}
                        for group, version in zip(groups, named, strict=True)
                    ]
                },
            )
        if served := [kind for kind, base in bases.items() if base == path]:
            resources = [
                {"kind": kind.name, "name": plural(kind), "namespaced": True} for kind in served
            ]
            return 200, {}, {"resources": resources}
        for kind, base in bases.items():
            if path == f"{base}/{plural(kind)}" and kind != SECRET:
                return page(kind.name)
        return refusal(404)

    @property
    def kubeconfig(self) -> str:
        content = {
            "clusters": [{"name": "c", "cluster": {"server": self.url}}],
            "contexts": [{"name": "c", "context": {"cluster": "c"}}],
            "current-context": "c",
        }
        return json.dumps(content)


@contextmanager
def answering(server: ApiServer) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # The content is written after the headers, and must not wait until those are confirmed.
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            status, headers, body = server.answer(self.path)
            if status == HANGS:
                server.over.wait()
            if status in (CUT, HANGS):
                self.close_connection = True
                return
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        listening.daemon_threads = True
        server.url = f"http://127.0.0.1:{listening.server_address[1]}"
        with serving(listening):
            try:
                yield
            finally:
                server.over.set()


@pytest.fixture
def server() -> Iterator[ApiServer]:
    made = ApiServer()
    with answering(made):
        yield made


class Clock:
    """Time that passes only while somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def retries(self, seconds: float = 60) -> Retries:
        return Retries(seconds, lambda: self.now, self.wait)


def seen(server: ApiServer, *kinds: Kind, clock: Clock | None = None) -> Observation:
    return observe(kinds or ALL, server.kubeconfig, None, (clock or Clock()).retries())


def found(observation: Observation) -> list[str]:
    return [given.body["metadata"]["name"] for given in observation.objects]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, CUT])
def test_an_error_that_passes_costs_nothing_but_another_try(server: ApiServer, status: int) -> None:
    server.says[GATEWAYS] = [*[refusal(status)] * 4, page("Gateway", "one")]
    observation = seen(server)
    assert found(observation) == ["one"]
    assert observation.unread == {}


@pytest.mark.parametrize("status", [429, 500, 503, CUT])
def test_an_error_that_stays_leaves_out_that_kind_alone(server: ApiServer, status: int) -> None:
    server.says[GATEWAYS] = [refusal(status)]
    server.says["/api/v1/services"] = [page("Service", "one")]
    clock = Clock()
    observation = seen(server, GATEWAY, SERVICE, clock=clock)
    assert found(observation) == ["one"]
    assert list(observation.unread) == [GATEWAY]
    assert "Gateway.networking.istio.io can't be listed" in observation.unread[GATEWAY]
    assert "grant" not in observation.unread[GATEWAY]
    assert 30 < clock.now < 60, "it is tried again within the limit, and not longer"


def test_a_server_that_never_answers_for_one_kind_leaves_out_that_kind_alone(
    server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observing, "_ANSWER_WITHIN", 0.1)
    server.says[GATEWAYS] = [refusal(HANGS)]
    observation = observe({GATEWAY, SERVICE}, server.kubeconfig, None, Clock().retries(1))
    assert list(observation.unread) == [GATEWAY]
    assert "it takes longer than 0.1 s to answer" in observation.unread[GATEWAY]


def test_the_server_says_when_to_ask_again(server: ApiServer) -> None:
    server.says[GATEWAYS] = [refusal(429, Retry_After="7"), page("Gateway", "one")]
    clock = Clock()
    assert found(seen(server, GATEWAY, clock=clock)) == ["one"]
    assert clock.waits == [7]


@pytest.mark.parametrize("after", ["3600", "9" * 400])
def test_a_server_that_asks_for_more_retries_than_there_is_is_not_waited_for(
    server: ApiServer, after: str
) -> None:
    server.says[GATEWAYS] = [refusal(429, Retry_After=after)]
    clock = Clock()
    assert list(seen(server, GATEWAY, clock=clock).unread) == [GATEWAY]
    assert clock.waits == []


@pytest.mark.parametrize("after", ["Wed, 21 Oct 2026 07:28:00 GMT", "-1", "²", ""])
def test_a_time_that_is_no_number_of_seconds_is_as_none(server: ApiServer, after: str) -> None:
    server.says[GATEWAYS] = [refusal(429), page("Gateway", "one")]
    server.says[GATEWAYS][0][1]["Retry-After"] = after.encode("latin-1", "replace").decode(
        "latin-1"
    )
    assert found(seen(server, GATEWAY)) == ["one"]


def test_a_list_whose_next_page_has_expired_is_begun_again(server: ApiServer) -> None:
    server.says[GATEWAYS] = [
        page("Gateway", "old", following="first"),
        page("Gateway", "one", following="second"),
    ]
    server.says[f"{GATEWAYS}?first"] = [refusal(410)]
    server.says[f"{GATEWAYS}?second"] = [page("Gateway", "two")]
    assert found(seen(server, GATEWAY)) == ["one", "two"]


def test_a_list_that_always_expires_counts_as_not_read(server: ApiServer) -> None:
    server.says[GATEWAYS] = [page("Gateway", "one", following="next")]
    server.says[f"{GATEWAYS}?next"] = [refusal(410)]
    observation = seen(server, GATEWAY)
    assert found(observation) == []
    assert list(observation.unread) == [GATEWAY]


@pytest.mark.parametrize("body", [{}, {"items": None}, {"items": [1]}, b"[]", b"<html>", b""])
def test_an_answer_that_is_no_list_counts_as_not_read(server: ApiServer, body: Any) -> None:
    server.says[GATEWAYS] = [(200, {}, body)]
    assert list(seen(server, GATEWAY, SERVICE).unread) == [GATEWAY]


def test_a_group_whose_kinds_can_not_be_told_leaves_out_its_kinds_alone(server: ApiServer) -> None:
    server.says["/apis/networking.istio.io/v1"] = [refusal(503)]
    unread = seen(server).unread
    assert unread
    assert unread.keys() == {kind for kind in ALL if kind.group == "networking.istio.io"}


def test_a_kind_that_is_not_served_has_no_objects(server: ApiServer) -> None:
    server.says["/apis/networking.istio.io/v1"] = [(200, {}, {"resources": []})]
    observation = seen(server, GATEWAY, SERVICE)
    assert (observation.objects, observation.unread) == ((), {})
    assert observation.unserved == {GATEWAY}


def test_a_right_that_is_missing_is_named(server: ApiServer) -> None:
    server.says[GATEWAYS] = [refusal(403)]
    server.says["/api/v1/configmaps"] = [refusal(403)]
    unread = seen(server).unread
    rule = 'grant apiGroups: ["networking.istio.io"], resources: ["gateways"], verbs: ["list"]'
    assert unread[GATEWAY].endswith(rule)
    assert unread[CONFIG_MAP].endswith(
        'grant apiGroups: [""], resources: ["configmaps"], verbs: ["list"]'
    )
    assert server.asked.count(f"{GATEWAYS}?limit=500") == 1, "it does not help to ask again"


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_cluster_that_does_not_say_what_it_serves_can_not_be_read(
    server: ApiServer, status: int
) -> None:
    server.says["/apis"] = [refusal(status)]
    with pytest.raises(ObserveError, match=f"the cluster refuses: no, {status}"):
        seen(server)


# Objects that are read by name.


CERTS_PATH: Final = "/api/v1/namespaces/istio-system/secrets/certs"


def test_secrets_are_read_by_name_once_and_never_listed(server: ApiServer) -> None:
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "certs"}}
    server.says[CERTS_PATH] = [(200, {}, body)]
    first = seen(server)
    second = first.following([CERTS, Ref(SECRET, "shop", "none")])
    assert found(second) == ["certs"]
    assert second.unseen == {}
    assert second.following([CERTS]) is second
    assert server.asked.count(CERTS_PATH) == 1
    assert not [each for each in server.asked if each.startswith("/api/v1/secrets")]


def test_a_secret_that_is_named_late_is_tried_again_as_any_other(server: ApiServer) -> None:
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "certs"}}
    server.says[CERTS_PATH] = [refusal(503), (200, {}, body)]
    clock = Clock()
    first = seen(server, clock=clock)
    clock.now += 3600
    assert found(first.following([CERTS])) == ["certs"]


def test_a_secret_that_may_not_be_read_is_told_from_one_that_is_not_there(
    server: ApiServer,
) -> None:
    server.says[CERTS_PATH] = [refusal(403)]
    why = seen(server).following([CERTS]).unseen[CERTS]
    assert 'resources: ["secrets"], resourceNames: ["certs"], verbs: ["get"]' in why
    assert why.endswith("in the namespace istio-system")


@pytest.mark.parametrize("name", ["..", "../x", "a/b", "a?b", "a#b", "A", "%2e", "a\nb", "ä"])
def test_what_can_be_no_name_asks_for_nothing(server: ApiServer, name: str) -> None:
    observation = seen(server)
    before = list(server.asked)
    for ref in (Ref(SECRET, "shop", name), Ref(SECRET, name, "certs")):
        assert observation.following([ref]).objects == observation.objects
    assert server.asked == before


# The command over such a cluster.


def gateway() -> Answer:
    tls = {"mode": "SIMPLE", "credentialName": "certs"}
    port = {"number": 443, "name": "https", "protocol": "HTTPS"}
    body = {
        "metadata": {"name": "knative-ingress-gateway", "namespace": "knative-serving"},
        "spec": {
            "selector": {"knative": "ingressgateway"},
            "servers": [{"port": port, "hosts": ["*"], "tls": tls}],
        },
    }
    content = {"apiVersion": "networking.istio.io/v1", "kind": "GatewayList", "items": [body]}
    return 200, {}, {**content, "metadata": {}}


@pytest.fixture
def check(
    server: ApiServer, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Result]:
    monkeypatch.setattr(observing, "RETRY_SECONDS", 0.0)
    file = tmp_path_factory.mktemp("user") / "kubeconfig"

    def run(*arguments: str, stdin: str | None = None) -> Result:
        file.write_text(server.kubeconfig, "utf-8")
        return CliRunner().invoke(
            app, ["check", "--kubeconfig", str(file), *arguments], input=stdin
        )

    return run


def test_a_check_that_saw_everything_ends_with_0_or_1(check: Callable[..., Result]) -> None:
    done = check("--rule", "strict-mtls")
    assert done.exit_code == 0, done.output
    assert "not read: 0" in done.stdout
    assert check("--rule", "operators-ready").exit_code == 1


@pytest.mark.parametrize(
    ("rule", "status"),
    [
        *((rule.id, 403) for rule in RULES if not rule.of_updates),
        *(("strict-mtls", each) for each in (429, 500, CUT)),
    ],
)
def test_a_check_that_could_not_look_ends_with_2(
    server: ApiServer, check: Callable[..., Result], rule: str, status: int
) -> None:
    chosen = next(each for each in RULES if each.id == rule)
    kind = min(chosen.kinds | chosen.check_only)
    version = f"/apis/{kind.group}/v1" if kind.group else "/api/v1"
    server.says[f"{version}/{plural(kind)}"] = [refusal(status)]
    done = check("--rule", rule)
    assert done.exit_code == 2, done.output
    assert f"NOT READ {kind.name}: {kind} can't be listed" in done.stdout
    assert f"needed by: {rule}" in done.stdout
    assert "not read: 1" in done.stdout


def test_what_was_not_read_is_said_once_with_all_the_rules_that_need_it(
    server: ApiServer, check: Callable[..., Result]
) -> None:
    for kind in ALL:
        version = f"/apis/{kind.group}/v1" if kind.group else "/api/v1"
        server.says[f"{version}/{plural(kind)}"] = [refusal(403)]
    done = check()
    assert done.exit_code == 2
    assert done.stdout.count("NOT READ") == len(ALL)
    assert f"not read: {len(ALL)}" in done.stdout


def test_violations_are_printed_beside_what_was_not_read(
    server: ApiServer, check: Callable[..., Result]
) -> None:
    server.says[GATEWAYS] = [refusal(403)]
    done = check("--rule", "operators-ready", "--rule", "local-gateway-mutual-tls")
    assert done.exit_code == 2
    assert "ERROR operators-ready" in done.stdout


def test_a_secret_that_may_not_be_read_is_no_good_one(
    server: ApiServer, check: Callable[..., Result]
) -> None:
    plane = {"metadata": {"name": "basic", "namespace": "istio-system"}}
    content = {"apiVersion": "maistra.io/v2", "metadata": {}, "items": [plane]}
    server.says["/apis/maistra.io/v1/servicemeshcontrolplanes"] = [
        (200, {}, {**content, "kind": "ServiceMeshControlPlaneList"})
    ]
    server.says[GATEWAYS] = [gateway()]
    rule = ("--rule", "wildcard-certificate")
    assert "found no such object" in check(*rule).stdout
    server.says[CERTS_PATH] = [refusal(403)]
    done = check(*rule)
    assert done.exit_code == 2, done.output
    assert "NOT READ Secret istio-system/certs: can't be read" in done.stdout
    # Of what is in the files, nothing has to be read.
    secret = {"apiVersion": "v1", "kind": "Secret"}
    secret["metadata"] = {"name": "certs", "namespace": "istio-system"}  # type: ignore[assignment]
    done = check(*rule, "-f", "-", stdin=json.dumps(secret))
    assert done.exit_code == 1, done.output
    assert "not read: 0" in done.stdout


def test_programs_are_told_what_was_not_read(
    server: ApiServer, check: Callable[..., Result]
) -> None:
    server.says[GATEWAYS] = [refusal(403)]
    rule = ("--rule", "local-gateway-mutual-tls")
    (entry,) = json.loads(check(*rule, "--format", "json").stdout)
    assert (entry["outcome"], entry["object"]["kind"]) == ("unread", "Gateway")
    assert "grant" in entry["why"]
    (run,) = json.loads(check(*rule, "--format", "sarif").stdout)["runs"]
    assert run["invocations"] == [{"executionSuccessful": False}]
    assert [result["level"] for result in run["results"]] == ["error"]
    del server.says[GATEWAYS]
    (run,) = json.loads(check(*rule, "--format", "sarif").stdout)["runs"]
    assert run["invocations"] == [{"executionSuccessful": True}]


@pytest.mark.parametrize("text", ["", "---\n---\n", "just: values\n"])
def test_files_that_hold_no_object_are_not_passed_over_for_the_cluster(
    check: Callable[..., Result], text: str
) -> None:
    done = check("-f", "-", "--rule", "strict-mtls", stdin=text)
    assert done.exit_code == 2
    assert "nothing to check: no Kubernetes object" in done.stderr
