"""The pack without an engine: what it reads of resources, of the previous stack and of clusters."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pulumi
import pytest
import urllib3
from pulumi_policy import EnforcementLevel, deserialize, policy, proxy
from pulumi_policy.secret import Secret as Marked

from mesh_policy.cluster.retries import Retries
from mesh_policy.crossguard import project, state, wire
from mesh_policy.crossguard.names import GATE, OBSERVED, UNDETERMINED, WARNINGS
from mesh_policy.crossguard.pack import gate_level, policies
from mesh_policy.crossguard.session import Observe, Resource, Session
from mesh_policy.crossguard.state import Owned
from mesh_policy.documented.kinds import Kind
from mesh_policy.documented.sections import Section
from mesh_policy.findings import Finding, Ref, Severity, Unread, Violation
from mesh_policy.observe import Observation, ObserveError
from mesh_policy.reading.objects import Given, ref_of
from mesh_policy.reading.values import UNKNOWN, Secret
from mesh_policy.rule import Rule
from mesh_policy.rules import RULES
from mesh_policy.rules.excluded_ports import RULE as EXCLUDED_PORTS
from mesh_policy.rules.no_conflicting_wildcard_gateway import RULE as CONFLICT
from mesh_policy.rules.nothing_taken_over import RULE as TAKEN_OVER
from mesh_policy.rules.nothing_torn_down import RULE as TORN_DOWN
from mesh_policy.rules.wildcard_certificate import RULE as CERTIFICATE
from mesh_policy.world import World

UNKNOWN_TEXT: Final = proxy.UNKNOWN_STRING_VALUE
UNKNOWN_LIST: Final = proxy.UNKNOWN_ARRAY_VALUE
SECRET: Final = {deserialize.SPECIAL_SIG_KEY: deserialize.SPECIAL_SECRET_SIG}
ASSET: Final = {deserialize.SPECIAL_SIG_KEY: deserialize.SPECIAL_ASSET_SIG}


# What the engine sends, and what goes back.


def handed(props: dict[str, Any], *, keeping: bool = True) -> Any:
    """Hand properties over as the SDK does: deserialized, in proxies."""
    return proxy.unknown_checking_proxy(deserialize.deserialize_properties(props, keeping))


def read(props: dict[str, Any]) -> Any:
    return wire.properties(wire.raw(handed(props)))


def test_plain_values_are_read_as_they_are() -> None:
    props = {"a": {"b": [1, "x", None, True, [2.5]]}, "": "", "c": {}}
    assert read(props) == props
    assert read({}) == {}


def test_secrets_are_kept_apart_at_any_depth() -> None:
    props = {
        "one": {**SECRET, "value": "x"},
        "list": [{**SECRET, "value": "y"}, "z"],
        "tree": {**SECRET, "value": {"a": ["b", {**SECRET, "value": "c"}]}},
    }
    found = read(props)
    assert found["one"] == Secret("x")
    assert found["list"] == [Secret("y"), "z"]
    assert isinstance(found["tree"], Secret)
    assert wire.opened(found) == {"one": "x", "list": ["y", "z"], "tree": {"a": ["b", "c"]}}
    assert wire.holds_secret(found)
    assert not wire.holds_secret(wire.opened(found))
    assert "x" not in repr(found["one"])


@pytest.mark.parametrize("kind", ["BOOLEAN", "NUMBER", "STRING", "ARRAY", "ASSET", "OBJECT"])
def test_every_sentinel_is_unknown(kind: str) -> None:
    sentinel = vars(proxy)[f"UNKNOWN_{kind}_VALUE"]
    found = read({"a": sentinel, "b": [sentinel], "c": {**SECRET, "value": sentinel}})
    assert found == {"a": UNKNOWN, "b": [UNKNOWN], "c": Secret(UNKNOWN)}
    assert read({"a": f"not {sentinel}"}) == {"a": f"not {sentinel}"}


def test_assets_pass_untouched() -> None:
    props = {"asset": {**ASSET, "text": "content"}, "list": [{**ASSET, "path": "file"}]}
    found = read(props)
    assert isinstance(found["asset"], pulumi.StringAsset)
    assert isinstance(found["list"][0], pulumi.FileAsset)
    assert deserialize.serialize_properties(wire.raw(handed(props))) == props


def test_the_sdk_is_made_to_keep_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(vars(policy), "deserialize_properties", None)
    wire.keep_secrets()
    props = {"a": {**SECRET, "value": "x"}}
    for arguments in ((), (False,), (True,)):
        found = vars(policy)["deserialize_properties"](props, *arguments)
        assert wire.properties(wire.raw(found)) == {"a": Secret("x")}


def remediated(props: dict[str, Any], change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """Mend what the engine sent as the pack does, and return what goes back to the engine."""
    before = read(props)
    after = wire.remediated(wire.raw(handed(props)), before, change(before))
    return deserialize.serialize_properties(after)


def test_what_is_not_mended_goes_back_as_it_came() -> None:
    props: dict[str, Any] = {
        "metadata": {"name": "basic", "labels": {"later": UNKNOWN_TEXT}},
        "spec": {
            "hidden": {**SECRET, "value": {"a": "b"}},
            "list": [UNKNOWN_LIST, {**SECRET, "value": "c"}],
            "ports": [8444],
        },
    }
    assert remediated(props, lambda before: before) == props
    found = remediated(props, lambda it: {**it, "spec": {**it["spec"], "ports": [8444, 8022]}})
    assert found == {**props, "spec": {**props["spec"], "ports": [8444, 8022]}}


def test_what_is_added_and_taken_away_goes_back_so() -> None:
    props = {"a": {"keep": {**SECRET, "value": "x"}, "drop": 1}}
    found = remediated(props, lambda it: {"a": {"keep": it["a"]["keep"], "new": {"b": True}}})
    assert found == {"a": {"keep": props["a"]["keep"], "new": {"b": True}}}


def test_what_replaces_a_secret_is_one() -> None:
    props = {"a": {**SECRET, "value": "x"}}
    assert remediated(props, lambda _: {"a": "y"}) == {"a": {**SECRET, "value": "y"}}


def test_entries_of_a_mended_list_keep_their_secrets_and_unknowns() -> None:
    props: dict[str, Any] = {
        "a": [UNKNOWN_TEXT, {**SECRET, "value": "x"}, {"b": {**SECRET, "value": "y"}, "c": 1}]
    }

    def change(before: dict[str, Any]) -> dict[str, Any]:
        first, second, third = before["a"]
        return {"a": [first, second, {**third, "c": 2}, "new"]}

    found = remediated(props, change)
    assert found == {"a": [*props["a"][:2], {**props["a"][2], "c": 2}, "new"]}


# What the stack had.


def exported(*resources: Any) -> dict[str, Any]:
    return {"version": 3, "deployment": {"resources": list(resources)}}


def gateway(name: str, host: str = "*", namespace: str = "shop") -> dict[str, Any]:
    return {
        "apiVersion": "networking.istio.io/v1beta1",
        "kind": "Gateway",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "selector": {"istio": "ingressgateway"},
            "servers": [{"port": {"number": 443, "protocol": "HTTPS"}, "hosts": [host]}],
        },
    }


TYPE = "kubernetes:networking.istio.io/v1beta1:Gateway"


def test_the_objects_that_a_stack_has() -> None:
    def resource(name: str, **more: Any) -> dict[str, Any]:
        return {"type": TYPE, "urn": f"urn:{name}", "inputs": gateway(name), **more}

    found = state.owned(
        exported(
            {"type": "pulumi:pulumi:Stack"},
            {"type": "pulumi:providers:kubernetes", "inputs": {"kind": "Gateway"}},
            {"type": "random:index/randomUuid:RandomUuid", "inputs": {"kind": "Gateway"}},
            resource("mine"),
            resource("patched", type=TYPE + "Patch"),
            resource("read", external=True),
            resource("kept", retainOnDelete=True),
        )
    )
    assert [(each.ref.name, each.retained) for each in found] == [("mine", False), ("kept", True)]
    assert found[0].urn == "urn:mine"


@pytest.mark.parametrize(
    "content",
    [
        None,
        [],
        "text",
        {},
        {"deployment": None},
        {"deployment": {"resources": None}},
        {"deployment": {"resources": {"a": "b"}}},
        {"deployment": {"resources": [None, "text", [], {}, {"type": None}, {"type": TYPE}]}},
        exported({"type": TYPE, "inputs": None}, {"type": TYPE, "inputs": {"kind": 7}}),
    ],
    ids=repr,
)
def test_a_malformed_export_has_no_objects(content: Any) -> None:
    assert state.owned(content) == []


def test_nothing_is_exported_without_a_stack_or_an_engine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert state.export(state.stack_name({})) is None
    assert state.export(state.stack_name({"PULUMI_STACK": "dev"})) is None


@pytest.mark.parametrize(
    ("script", "names"),
    [
        ("cat export.json", {"mine"}),
        ("echo no stack; exit 255", set()),
        ("echo no json", set()),
        (
            'test "$*" = "stack export --stack acme/mesh/dev --non-interactive" && cat export.json',
            {"mine"},
        ),
    ],
)
def test_the_stack_is_exported_by_its_full_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, names: set[str]
) -> None:
    file = tmp_path / "export.json"
    file.write_text(json.dumps(exported({"type": TYPE, "inputs": gateway("mine")})), "utf-8")
    program = tmp_path / "pulumi"
    program.write_text(f"#!/bin/sh\n{script.replace('export.json', str(file))}\n", "utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    environ = {"PULUMI_STACK": "dev", "PULUMI_PROJECT": "mesh", "PULUMI_ORGANIZATION": "acme"}
    assert {each.ref.name for each in state.owned(state.export(state.stack_name(environ)))} == names


# One run.


class Cluster:
    """Plays the clusters: what was asked for, and what each has."""

    def __init__(self, *bodies: dict[str, Any], error: str = "") -> None:
        self.asked: list[tuple[frozenset[Kind], str | None, str | None]] = []
        self.bodies: dict[str | None, tuple[dict[str, Any], ...]] = {None: bodies}
        self.unread: dict[Kind, str] = {}
        self.unseen: dict[Ref, str] = {}
        self.error = error
        self.others: tuple[dict[str, Any], ...] = ()
        """What is read by name alone."""
        self.found: list[Ref] = []

    def __call__(
        self,
        kinds: Iterable[Kind],
        kubeconfig: str | None,
        context: str | None,
        retries: Retries,
    ) -> Observation:
        self.asked.append((frozenset(kinds), kubeconfig, context))
        self.retries = retries
        if self.error:
            raise ObserveError(self.error)
        bodies = self.bodies.get(kubeconfig, ())
        return Observation(tuple(map(Given, bodies)), self.unread, reader=self.find)

    def find(self, ref: Ref) -> Given | str | None:
        self.found.append(ref)
        body = next((body for body in self.others if ref_of(body) == ref), None)
        return self.unseen.get(ref) if body is None else Given(body)


def session(
    cluster: Cluster,
    *previous: dict[str, Any],
    rules: Iterable[Rule] = (CONFLICT,),
    retained: bool = False,
) -> Session:
    had = [Owned(ref_of(body), urn_of(body), retained, body) for body in previous]
    return Session(rules, lambda: had, cluster)


def urn_of(body: dict[str, Any], type_: str = "") -> str:
    name = body.get("metadata", {}).get("name", "name")
    return f"urn:pulumi:dev::mesh::{type_ or token(body)}::{name}"


def token(body: dict[str, Any]) -> str:
    version = body["apiVersion"]
    return f"kubernetes:{version if '/' in version else f'core/{version}'}:{body['kind']}"


def resource(body: dict[str, Any], type_: str = TYPE, /, **provider: Any) -> Resource:
    return Resource(urn_of(body, type_), type_, body, provider)


OTHER = Resource(
    "urn:pulumi:dev::mesh::random:index/randomUuid:RandomUuid::user",
    "random:index/randomUuid:RandomUuid",
    {"keepers": {}},
    {},
)


def names(found: Iterable[Violation]) -> list[str]:
    return [each.ref.name for each in found]


def checked(run: Session, *resources: Resource, rule: Rule = CONFLICT) -> list[str]:
    return [each.finding.ref.name for each in run.results(rule, resources)]


def test_each_cluster_is_read_once_and_no_more_of_it_than_rules_read() -> None:
    cluster = Cluster()
    run = session(cluster)
    for name in ("one", "two"):
        assert run.unreadable(resource(gateway(name, name))) is None
        run.gate(CONFLICT, resource(gateway(name, name)))
    run.results(CONFLICT, [resource(gateway(name, name)) for name in ("one", "two")])
    assert cluster.asked == [(CONFLICT.kinds, None, None)]


def test_what_is_no_kubernetes_object_needs_no_cluster() -> None:
    cluster = Cluster()
    run = session(cluster)
    chart = Resource("urn::c", "kubernetes:helm.sh/v3:Release", {"chart": "x"}, {})
    assert run.unreadable(OTHER) is None
    assert run.gate(CONFLICT, OTHER) == []
    assert run.unreadable(chart) is None
    assert run.results(CONFLICT, [OTHER, chart]) == []
    assert cluster.asked == []


@pytest.mark.parametrize(
    ("given", "kubeconfig"),
    [
        ("/etc/kubeconfig", "/etc/kubeconfig"),
        ("sub/kubeconfig", "/projects/mine/sub/kubeconfig"),
        ("~no such user/kubeconfig", "/projects/mine/~no such user/kubeconfig"),
        ("~/kubeconfig", str(Path("~/kubeconfig").expanduser())),
        ("apiVersion: v1\nkind: Config\n", "apiVersion: v1\nkind: Config\n"),
        (' {"kind": "Config"}', ' {"kind": "Config"}'),
        ({"kind": "Config"}, '{"kind": "Config"}'),
        (Secret("/etc/kubeconfig"), "/etc/kubeconfig"),
        ("", None),
    ],
)
def test_the_kubeconfig_and_the_context_are_the_providers(
    monkeypatch: pytest.MonkeyPatch, given: Any, kubeconfig: str
) -> None:
    monkeypatch.setattr(project, "folder", lambda: Path("/projects/mine"))
    cluster = Cluster()
    session(cluster).unreadable(resource(gateway("one"), kubeconfig=given, context="prod"))
    assert cluster.asked == [(CONFLICT.kinds, kubeconfig, "prod")]


@pytest.mark.parametrize(
    "provider",
    [
        {"kubeconfig": UNKNOWN},
        {"context": UNKNOWN},
        {"kubeconfig": Secret(UNKNOWN)},
        {"kubeconfig": {"clusters": UNKNOWN}},
        {"renderYamlToDirectory": "rendered"},
    ],
)
def test_a_cluster_that_is_not_there_yet_is_no_problem(provider: dict[str, Any]) -> None:
    cluster = Cluster(gateway("foreign"), error="no answer")
    run = session(cluster)
    assert run.unreadable(resource(gateway("one"), **provider)) is None
    assert run.gate(CONFLICT, resource(gateway("one"), **provider)) == []
    # What is declared for it is checked among itself.
    assert names(run.gate(CONFLICT, resource(gateway("two"), **provider))) != []
    assert cluster.asked == []


def test_what_is_rendered_is_not_judged_with_the_cluster_of_the_same_kubeconfig() -> None:
    cluster = Cluster(gateway("foreign"))
    run = session(cluster)
    rendered = resource(gateway("rendered"), renderYamlToDirectory="rendered")
    assert run.gate(CONFLICT, rendered) == []
    assert names(run.gate(CONFLICT, resource(gateway("one")))) == ["foreign", "one"]
    assert checked(run, rendered) == []


@pytest.mark.parametrize("mode", Observe)
def test_a_cluster_that_can_not_be_read_is_told_once(mode: Observe) -> None:
    cluster = Cluster(error="the cluster does not answer")
    run = session(cluster)
    run.mode = mode
    problem = None if mode is Observe.OFF else "the cluster does not answer"
    assert run.unreadable(resource(gateway("one"))) == problem
    assert run.unreadable(resource(gateway("two"))) is None
    other = resource(gateway("three"), kubeconfig="/other")
    assert run.unreadable(other) == problem
    assert len(cluster.asked) == (0 if mode is Observe.OFF else 2)
    # The stack alone is checked all the same.
    assert run.gate(CONFLICT, resource(gateway("one"))) == []
    assert names(run.gate(CONFLICT, resource(gateway("two")))) != []


GATEWAY: Final = Kind("networking.istio.io", "Gateway")
NAMESPACE: Final = Kind("", "Namespace")
CERTS: Final = Ref(Kind("", "Secret"), "istio-system", "certs")


def test_kinds_that_could_not_be_read_are_a_result_of_their_own() -> None:
    cluster = Cluster()
    cluster.unread = {GATEWAY: "may not be listed"}
    found = session(cluster).results(CONFLICT, [resource(gateway("one"))])
    assert Unread(Ref(GATEWAY, "", ""), "", "may not be listed") in [each.finding for each in found]


def test_kinds_that_could_not_be_read_are_told_once_with_the_rules_that_need_them() -> None:
    cluster = Cluster()
    cluster.unread = {GATEWAY: "may not be listed", NAMESPACE: "does not answer"}
    run = session(cluster, rules=(CONFLICT, EXCLUDED_PORTS))
    assert run.unreadable(resource(gateway("one"))) == (
        f"Namespace: does not answer ({CONFLICT.id}, {EXCLUDED_PORTS.id})\n"
        f"Gateway: may not be listed ({CONFLICT.id})"
    )
    assert run.unreadable(resource(gateway("two"))) is None


def test_kinds_that_no_rule_of_the_run_needs_are_not_missed() -> None:
    cluster = Cluster()
    cluster.unread = {GATEWAY: "may not be listed"}
    run = session(cluster, rules=[EXCLUDED_PORTS])
    assert run.unreadable(resource(gateway("one"))) is None


def served(secret: str = "certs") -> dict[str, Any]:
    body = gateway("knative-ingress-gateway", namespace="knative-serving")
    body["spec"]["servers"][0]["tls"] = {"mode": "SIMPLE", "credentialName": secret}
    return body


def secret_of(data: dict[str, str]) -> dict[str, Any]:
    metadata = {"name": CERTS.name, "namespace": CERTS.namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}


def test_a_secret_is_read_when_an_object_of_the_stack_names_it() -> None:
    cluster = Cluster(plane())
    run = session(cluster, rules=[CERTIFICATE])
    assert run.unreadable(resource(plane(), PLANE)) is None
    assert CERTS not in cluster.found
    run.gate(CERTIFICATE, resource(served()))
    run.gate(CERTIFICATE, resource(gateway("another")))
    assert cluster.found.count(CERTS) == 1


def test_a_secret_that_could_not_be_read_is_told_and_is_none_that_is_missing() -> None:
    cluster = Cluster(plane())
    cluster.unseen = {CERTS: "can't be read"}
    run = session(cluster, rules=[CERTIFICATE])
    assert run.unreadable(resource(gateway("another"))) is None
    assert run.unreadable(resource(served())) == f"{CERTS}: can't be read ({CERTIFICATE.id})"
    found = [each.finding for each in run.results(CERTIFICATE, [resource(served())])]
    assert found == [Unread(CERTS, "", "can't be read")]
    there = session(Cluster(plane()), rules=[CERTIFICATE])
    assert checked(there, resource(served()), rule=CERTIFICATE) == [CERTS.name]


def test_of_a_secret_that_the_stack_declares_nothing_is_read() -> None:
    cluster = Cluster(plane())
    run = session(cluster, rules=[CERTIFICATE])
    own = resource(secret_of({}), "kubernetes:core/v1:Secret")
    run.results(CERTIFICATE, [own, resource(served())])
    assert cluster.found == []


def patched_secret() -> Resource:
    body = secret_of({})
    body["metadata"]["labels"] = {"team": "mesh"}
    return resource(body, "kubernetes:core/v1:SecretPatch")


def test_a_patch_of_a_secret_that_could_not_be_read_is_no_secret() -> None:
    cluster = Cluster(plane())
    cluster.unseen = {CERTS: "can't be read"}
    run = session(cluster, rules=[CERTIFICATE])
    found = run.results(CERTIFICATE, [patched_secret(), resource(served())])
    assert [each.finding for each in found] == [Unread(CERTS, "", "can't be read")]


def test_a_secret_that_the_stack_patches_is_read_all_the_same() -> None:
    cluster = Cluster(plane())
    cluster.others = (secret_of({"tls.crt": "eA==", "tls.key": "eA=="}),)
    run = session(cluster, rules=[CERTIFICATE])
    patched = patched_secret()
    found = run.results(CERTIFICATE, [patched, resource(served())])
    assert cluster.found == [CERTS]
    assert {each.finding.field for each in found} == {"data.tls.crt"}
    assert "nothing" not in {getattr(each.finding, "found", "") for each in found}


def test_a_gate_judges_what_is_declared_so_far_over_what_was_observed() -> None:
    run = session(Cluster(gateway("foreign"), gateway("one", "other.example.org")))
    (_, found) = sorted(names(run.gate(CONFLICT, resource(gateway("one")))))
    assert found == "one"
    run = session(Cluster(gateway("one")))
    # The declared one takes the observed one's place, and its host is free now.
    assert run.gate(CONFLICT, resource(gateway("one", "new.example.org"))) == []
    assert run.gate(CONFLICT, resource(gateway("two"))) == []
    assert "three" in names(run.gate(CONFLICT, resource(gateway("three"))))


def test_a_gate_says_only_what_its_own_object_has_a_part_in() -> None:
    run = session(Cluster(gateway("foreign"), gateway("another")))
    assert run.gate(CONFLICT, resource(gateway("one", "one.example.org"))) == []


def test_a_gate_forgives_conflicts_with_the_stacks_own_that_may_still_change() -> None:
    run = session(Cluster(gateway("one"), gateway("two", "x")), gateway("one"), gateway("two"))
    assert run.gate(CONFLICT, resource(gateway("two"))) == []
    # Now it is registered, and did not change.
    assert run.gate(CONFLICT, resource(gateway("one"))) != []


def test_a_gate_does_not_forgive_conflicts_with_others() -> None:
    run = session(Cluster(gateway("own"), gateway("foreign")), gateway("own"))
    assert "two" in names(run.gate(CONFLICT, resource(gateway("two"))))


def test_the_whole_stack_is_judged_without_what_it_no_longer_declares() -> None:
    cluster = Cluster(gateway("first"))
    assert checked(session(cluster, gateway("first")), resource(gateway("second"))) == []
    assert checked(session(cluster), resource(gateway("second"))) == ["first", "second"]
    both = resource(gateway("first")), resource(gateway("second"))
    assert checked(session(cluster, gateway("first")), *both) == ["first", "second"]


def test_the_whole_stack_is_judged_as_it_is_given_not_as_gates_saw_it() -> None:
    run = session(Cluster())
    run.gate(CONFLICT, resource(gateway("one")))
    assert checked(run, resource(gateway("two"))) == []


def test_a_replacement_is_judged_as_it_was_declared_whatever_its_preview_makes_of_it() -> None:
    run = session(Cluster(gateway("theirs")))
    declared = resource(gateway("mine"))
    assert run.unreadable(declared) is None
    renamed = declared._replace(properties=gateway("mine-x7k2p"))
    assert checked(run, renamed) == ["mine", "theirs"]


def test_what_a_gate_has_said_is_said_of_the_whole_stack_too() -> None:
    """The gate may be advisory, and the rule mandatory."""
    run = session(Cluster())
    one, two = resource(gateway("one")), resource(gateway("two"))
    assert run.gate(CONFLICT, one) == []
    said = names(run.gate(CONFLICT, two))
    assert sorted(said) == ["one", "two"]
    assert checked(run, one, two) == ["one", "two"]


def test_clusters_are_judged_apart() -> None:
    cluster = Cluster()
    cluster.bodies = {"/a": (gateway("foreign"),), "/b": ()}
    run = session(cluster)
    on_a, on_b = (resource(gateway("one"), kubeconfig=name) for name in ("/a", "/b"))
    second = resource(gateway("two"), kubeconfig="/b", context="other")
    assert run.gate(CONFLICT, on_b) == []
    assert run.gate(CONFLICT, second) == []
    assert len(run.gate(CONFLICT, on_a)) == 2
    assert [asked[1:] for asked in cluster.asked] == [("/b", None), ("/b", "other"), ("/a", None)]
    fresh = session(cluster)
    assert checked(fresh, on_a, on_b, second) == ["foreign", "one"]


# What is there already, and what goes.

CONFIG: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {
        "name": "theirs",
        "namespace": "shop",
        "managedFields": [{"manager": "kubectl-create"}],
    },
}


def test_what_others_made_is_not_taken_over_of_whatever_kind_it_is() -> None:
    cluster = Cluster(gateway("theirs"))
    cluster.others = (CONFIG,)
    run = session(cluster, rules=[TAKEN_OVER, CONFLICT])
    for body in (gateway("theirs"), CONFIG):
        (found,) = run.gate(TAKEN_OVER, resource(body, token(body)))
        assert found.ref.name == "theirs"
        assert f"pulumi import --generate-code=false {token(body)} theirs shop/theirs" in (
            found.needed
        )
    assert "written by kubectl-create" in found.found
    assert run.gate(TAKEN_OVER, resource(gateway("new"))) == []
    declared = [resource(gateway("theirs")), resource(CONFIG, token(CONFIG))]
    assert checked(run, *declared, rule=TAKEN_OVER) == ["theirs", "theirs"]


def test_what_can_not_be_looked_for_is_not_made() -> None:
    cluster = Cluster()
    cluster.unseen = {ref_of(CONFIG): "forbidden"}
    run = session(cluster, rules=[TAKEN_OVER])
    (found,) = run.gate(TAKEN_OVER, resource(CONFIG, token(CONFIG)))
    assert found.found == "not to be looked for: forbidden"


def test_what_the_stack_has_is_not_looked_for() -> None:
    cluster = Cluster(gateway("mine"))
    cluster.others = (CONFIG,)
    for retained in (True, False):
        run = session(cluster, gateway("mine"), CONFIG, rules=[TAKEN_OVER], retained=retained)
        assert run.gate(TAKEN_OVER, resource(gateway("mine"))) == []
        assert run.gate(TAKEN_OVER, resource(CONFIG, token(CONFIG))) == []
    assert cluster.found == []


def test_patches_and_namespaces_are_not_taken_over() -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    run = session(Cluster(namespace, gateway("theirs")), rules=[TAKEN_OVER])
    assert run.gate(TAKEN_OVER, resource(namespace, token(namespace))) == []
    assert run.gate(TAKEN_OVER, resource(gateway("theirs"), TYPE + "Patch")) == []


def test_a_patch_keeps_nothing_that_is_deleted() -> None:
    run = session(Cluster(gateway("mine")), gateway("mine"))
    patch = resource(gateway("mine"), TYPE + "Patch")
    assert checked(run, patch, resource(gateway("other"))) == []


def service(name: str, namespace: str = "shop") -> dict[str, Any]:
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
    }


def test_a_namespace_goes_with_all_that_is_in_it() -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    cluster = Cluster(namespace, service("theirs"), service("mine"))
    run = session(cluster, namespace, service("mine"), rules=[TORN_DOWN])
    (found,) = run.results(TORN_DOWN, [resource(gateway("elsewhere", "x", "other"))])
    assert isinstance(found.finding, Violation)
    assert found.finding.ref.name == "shop"
    assert (
        found.finding.found
        == "deleted by this update, with objects in it left: Service shop/theirs"
    )
    kept = session(cluster, namespace, rules=[TORN_DOWN], retained=True)
    assert checked(kept, resource(gateway("elsewhere", "x", "other")), rule=TORN_DOWN) == []


def test_a_gate_stops_what_would_replace_an_object_that_others_need() -> None:
    serving = {
        "apiVersion": "operator.knative.dev/v1beta1",
        "kind": "KnativeServing",
        "metadata": {"name": "knative-serving", "namespace": "knative-serving"},
    }
    run = session(Cluster(serving, service("theirs")), serving, rules=[TORN_DOWN])
    assert run.gate(TORN_DOWN, resource(serving, token(serving))) == []
    moved = {**serving, "metadata": {"name": "knative-serving", "namespace": "elsewhere"}}
    (found,) = run.gate(TORN_DOWN, resource(moved, token(moved)))
    assert (found.ref.name, found.ref.namespace) == ("knative-serving", "knative-serving")


def test_patches_lie_over_what_was_observed() -> None:
    run = session(Cluster(gateway("foreign"), gateway("one")))
    patch = {**gateway("one"), "spec": {"selector": {"istio": "ingressgateway"}}}
    assert "one" in names(run.gate(CONFLICT, resource(patch, TYPE + "Patch")))


def test_several_patches_of_one_object_all_count() -> None:
    run = session(Cluster(gateway("foreign"), gateway("one", "one.example.org")))
    base = gateway("one")
    hosts = resource({**base, "spec": {"servers": base["spec"]["servers"]}}, TYPE + "Patch")
    labels = {**base, "metadata": {**base["metadata"], "labels": {"a": "b"}}, "spec": {}}
    run.gate(CONFLICT, hosts)
    found = run.gate(CONFLICT, hosts._replace(urn="urn:second", properties=labels))
    assert "one" in names(found)


def test_objects_with_secrets_are_judged_and_show_none() -> None:
    body = gateway("one")
    body["spec"] = Secret(body["spec"])
    run = session(Cluster(gateway("foreign")))
    found = run.gate(CONFLICT, resource(body))
    (own,) = [each for each in found if each.ref.name == "one"]
    assert own.found == "a secret value"


def plane(*ports: int) -> dict[str, Any]:
    inbound = {"trafficControl": {"inbound": {"excludedPorts": list(ports)}}}
    return {
        "apiVersion": "maistra.io/v2",
        "kind": "ServiceMeshControlPlane",
        "metadata": {"name": "basic", "namespace": "istio-system"},
        "spec": {"proxy": {"networking": inbound}},
    }


PLANE = "kubernetes:maistra.io/v2:ServiceMeshControlPlane"


def test_mending_changes_the_properties_or_says_nothing() -> None:
    run = session(Cluster(), rules=[EXCLUDED_PORTS])
    assert run.remediate(EXCLUDED_PORTS, resource(plane(8444), PLANE)) == plane(8444, 8022)
    assert run.remediate(EXCLUDED_PORTS, resource(plane(8444, 8022), PLANE)) is None
    assert run.remediate(EXCLUDED_PORTS, OTHER) is None
    assert run.remediate(CONFLICT, resource(gateway("one"))) is None


def test_a_rule_of_any_resource_sees_each_once() -> None:
    def check(world: World) -> Iterable[Finding]:
        for each in world.stack:
            ref = Ref(Kind("", each.type), "", each.urn, source=each.urn)
            yield Violation(ref, "", "anything", "nothing")

    rule = Rule("any", "", Severity.ERROR, "", "", Section("", ""), frozenset(), check)
    run = session(Cluster(), rules=[rule])
    both = resource(gateway("one")), OTHER
    assert checked(run, *both, rule=rule) == [each.urn for each in both]
    run = session(Cluster(), rules=[rule])
    for each in both:
        assert names(run.gate(rule, each)) == [each.urn]


# The pack.


def test_what_only_warns_is_reported_by_a_policy_that_stops_nothing() -> None:
    def check(world: World) -> Iterable[Finding]:
        for item in world.objects(GATEWAY):
            yield item.breaks("spec", "this", "that", severity=Severity.WARNING)
            yield item.breaks("metadata", "this", "that", consequences=("a third thing",))

    rule = Rule(
        "any", "t", Severity.ERROR, "w", "r", Section("s", "u"), frozenset(), check, harmful=True
    )
    made = {each.name: each for each in policies([rule], session(Cluster(), rules=[rule]))}
    one = asked(Observe.OFF)
    made[OBSERVED].validate(one, lambda *_: None)  # type: ignore[attr-defined]
    stack = SimpleNamespace(resources=[one])
    (error,), (gate,), (warning,) = (
        said(made[name], arguments)
        for name, arguments in ((rule.id, stack), (rule.id + GATE, one), (WARNINGS, stack))
    )
    assert "metadata: found this" in error
    assert "\nso:  a third thing\n" in error
    assert gate == error
    assert warning.startswith("any: Gateway")
    assert "spec: found this" in warning
    assert made[WARNINGS].enforcement_level is EnforcementLevel.ADVISORY


def test_every_rule_is_a_stack_policy_and_a_gate() -> None:
    made = policies(RULES, Session(RULES))
    assert made[0].name == OBSERVED
    assert made[-1].name == UNDETERMINED
    found = {each.name: each.enforcement_level for each in made}
    assert len(found) == len(made) == 4 + 2 * len(RULES)
    levels = {
        Severity.ERROR: EnforcementLevel.MANDATORY,
        Severity.WARNING: EnforcementLevel.ADVISORY,
    }
    for rule in RULES:
        assert found[rule.id] is levels[rule.severity]
        assert found[rule.id + GATE] is gate_level(rule)
        assert (gate_level(rule) is EnforcementLevel.DISABLED) != rule.harmful


def said(policy_: Any, arguments: Any) -> list[str]:
    found: list[str] = []
    policy_.validate(arguments, lambda text, _: found.append(text))
    return found


def asked(mode: Observe | None) -> SimpleNamespace:
    """Return what the SDK hands to a policy for a Gateway, with `observe` set."""
    return SimpleNamespace(
        urn="urn:one",
        resource_type=TYPE,
        props=handed(gateway("one")),
        provider=None,
        get_config=lambda: {"observe": mode},
    )


@pytest.mark.parametrize("mode", [*Observe, None])
def test_what_was_not_read_is_a_violation_where_it_is_required_and_else_said_once(
    mode: Observe | None,
) -> None:
    """Without a mode, `observed-cluster` is disabled and is never asked."""
    cluster = Cluster()
    cluster.unread = {GATEWAY: "may not be listed", NAMESPACE: "does not answer"}
    rules = (CONFLICT, EXCLUDED_PORTS)
    observed, *_, undetermined = policies(rules, session(cluster, rules=rules))
    one = asked(mode)
    stopped = [] if mode is None else said(observed, one)
    noted = said(undetermined, SimpleNamespace(resources=[one]))
    lines = (
        f"Namespace: does not answer ({CONFLICT.id}, {EXCLUDED_PORTS.id})\n"
        f"Gateway: may not be listed ({CONFLICT.id})"
    )
    if mode is Observe.REQUIRED:
        assert [text.rpartition("\n")[0] for text in stopped] == [lines]
        assert '"best-effort" or "off"' in stopped[0]
        assert not [text for text in noted if "not read" in text], "it is said already"
    else:
        assert stopped == []
        wanted = [] if mode is Observe.OFF else [f"not read, and so not checked:\n{lines}"]
        assert [text for text in noted if "not read" in text] == wanted


def test_the_config_says_how_long_a_cluster_is_asked_again() -> None:
    cluster = Cluster()
    observed, *_ = policies((CONFLICT,), session(cluster))
    one = asked(None)
    one.get_config = lambda: {"retrySeconds": 0}
    said(observed, one)
    asks: list[str] = []

    def request() -> None:
        asks.append("once")
        raise urllib3.exceptions.HTTPError

    with pytest.raises(urllib3.exceptions.HTTPError):
        cluster.retries.ask(request)
    assert asks == ["once"]


@pytest.mark.parametrize("mode", Observe)
def test_a_cluster_that_does_not_answer_is_said_once(mode: Observe) -> None:
    cluster = Cluster(error="the cluster does not answer")
    observed, *_, undetermined = policies((CONFLICT,), session(cluster))
    one = asked(mode)
    stopped = said(observed, one)
    noted = said(undetermined, SimpleNamespace(resources=[one]))
    assert len([text for text in stopped if "does not answer" in text]) == (
        mode is Observe.REQUIRED
    )
    assert len([text for text in noted if "does not answer" in text]) == (
        mode is Observe.BEST_EFFORT
    )


def test_marked_secrets_are_the_sdks() -> None:
    assert wire.raw(Marked({"a": [Marked(1)]})).value["a"][0].value == 1
