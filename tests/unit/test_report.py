"""`serverless-mesh report`: previews of the real engine as comments, and what never shows."""

import base64
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from typer.testing import CliRunner

from mesh_policy.documented.kinds import (
    CONTROL_PLANE,
    DEPLOYMENT,
    GATEWAY,
    MEMBER_ROLL,
    NAMESPACE,
    SECRET,
    SERVING,
    Kind,
    header,
)
from mesh_policy.escaping import printable
from mesh_policy.findings import Ref, Violation
from mesh_policy.printing import printed, read_back
from mesh_policy.rule import Result
from mesh_policy.rules import RULES
from serverless_mesh.cli.main import app
from serverless_mesh.cli.report.comment import comment, may_go_on
from serverless_mesh.cli.report.markdown import LIMIT
from serverless_mesh.cli.report.merging import together
from serverless_mesh.cli.report.reading import PreviewError, read

PREVIEWS = Path(__file__).resolve().parents[1] / "data" / "previews"
NOW = datetime(2026, 11, 26, 18, tzinfo=UTC)
GOLDEN = {
    "first-creation": True,
    "nothing-changes": True,
    "effects": True,
    "violations": False,
    "failed": False,
    "without-cluster": True,
}
SECRET_BY_SIGNATURE = {
    "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
    "ciphertext": "never to be seen",
    "plaintext": '"never to be seen"',
}
KEY = "-----BEGIN RSA PRIVATE KEY-----\nneverToBeSeen\n-----END RSA PRIVATE KEY-----\n"


def paths(name: str) -> tuple[Path, Path]:
    return PREVIEWS / f"{name}.json", PREVIEWS / f"{name}.events.json"


def both(name: str) -> tuple[str, bool]:
    preview = together(*(read(path.read_text("utf-8")) for path in paths(name)))
    assert preview.stack is not None
    return comment(preview, preview.stack, NOW), may_go_on(preview)


def run(*arguments: str, stdin: str | None = None) -> tuple[int, str, str]:
    found = CliRunner().invoke(app, ["report", *arguments], input=stdin)
    return found.exit_code, found.stdout, found.stderr


@pytest.mark.parametrize("name", GOLDEN)
def test_previews_of_the_engine_become_the_comments_that_were_looked_at(name: str) -> None:
    written, goes_on = both(name)
    assert written == (PREVIEWS / f"{name}.md").read_text("utf-8")
    assert goes_on == GOLDEN[name]


@pytest.mark.parametrize("name", GOLDEN)
def test_the_command_ends_by_what_the_preview_allows(name: str, tmp_path: Path) -> None:
    target = tmp_path / "report.md"
    code, said, _ = run(*map(str, paths(name)), "--output", str(target))
    assert code == (0 if GOLDEN[name] else 1)
    assert said == ""
    assert target.read_text("utf-8").startswith("<!-- serverless-mesh report: serverless-mesh/")


def test_a_short_comment_says_that_nothing_changes() -> None:
    written, _ = both("nothing-changes")
    assert "nothing changes" in written
    assert len(written) < 600


@pytest.mark.parametrize("name", GOLDEN)
def test_either_file_alone_will_do_and_says_what_it_lacks(name: str) -> None:
    digest, events = (read(path.read_text("utf-8")) for path in paths(name))
    assert digest.stack == events.stack
    assert "`--event-log`" in comment(digest, "p/s", NOW)
    assert "`--event-log`" not in comment(events, "p/s", NOW)
    made = {each.urn: each.operation for each in events.changes if not each.is_provider}
    assert made == {each.urn: each.operation for each in digest.changes if not each.is_provider}


def test_the_stream_of_events_is_read_from_standard_input() -> None:
    _, events = paths("violations")
    code, said, _ = run(stdin=events.read_text("utf-8"))
    assert code == 1
    assert "no-conflicting-wildcard-gateway" in said
    assert run("-", stdin=events.read_text("utf-8"))[1] == said


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "empty"),
        ("error: no stack selected\n", "line 1"),
        ('{"version": 3}', "not what `pulumi preview --json` writes"),
        ("[]", "not what"),
    ],
)
def test_what_is_no_preview_ends_with_2_and_still_takes_the_place_of_an_old_comment(
    content: str, why: str
) -> None:
    with pytest.raises(PreviewError, match=why):
        read(content)
    code, said, error = run(stdin=content)
    assert (code, said) == (2, "")
    assert error.startswith("error: standard input: ")
    code, said, _ = run("--stack", "serverless-mesh/dev", stdin=content)
    assert code == 2
    assert said.startswith("<!-- serverless-mesh report: serverless-mesh/dev -->\n")
    assert "can't be read" in said


def test_a_file_that_is_not_there_and_a_preview_without_a_stack() -> None:
    code, _, error = run("/nonexistent/preview.json")
    assert code == 2
    assert "/nonexistent/preview.json: No such file" in error
    code, _, error = run(stdin='{"steps": []}')
    assert code == 2
    assert "--stack PROJECT/STACK" in error


def event(**told: Any) -> str:
    return json.dumps({"sequence": 0, "timestamp": 0, **told})


def step(operation: str, urn: str, old: Any = None, new: Any = None, **more: Any) -> str:
    kind = urn.split("::")[2].rpartition("$")[2]

    def state(inputs: Any) -> Any:
        return inputs and {"type": kind, "urn": urn, "inputs": inputs, "outputs": {}}

    metadata = {"op": operation, "urn": urn, "old": state(old), "new": state(new), **more}
    return event(resourcePreEvent={"metadata": metadata})


def urn(kind: str, name: str) -> str:
    return f"urn:pulumi:dev::trial::{kind}::{name}"


def secret(data: Any) -> dict[str, Any]:
    metadata = {"name": "s", "namespace": "shop", "annotations": {"was": str(data)}}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}


def test_no_secret_is_ever_shown() -> None:
    """Marked by the engine's signature, masked, or forgotten by whoever declared it."""
    object_ = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}
    plain_secret = secret({"password": "bmV2ZXIgdG8gYmUgc2Vlbg=="})
    events = [
        step(
            "update",
            urn("kubernetes:core/v1:Secret", "s"),
            plain_secret,
            secret({"password": "bmV2ZXIgdG8gYmUgc2VlbiB0b28="}),
        ),
        step(
            "update",
            urn("kubernetes:core/v1:ConfigMap", "c"),
            {**object_, "data": {"a": SECRET_BY_SIGNATURE, "key": "none", "coded": "none"}},
            {
                **object_,
                "data": {
                    "a": "[secret]",
                    "key": KEY,
                    "coded": base64.b64encode(KEY.encode()).decode(),
                    "password": "never to be seen",
                },
            },
        ),
        step(
            "update",
            urn("pulumi:providers:kubernetes", "kubernetes"),
            {"kubeconfig": "users: [{user: {token: never to be seen}}]"},
            {"kubeconfig": "users: [{user: {token: never to be seen, too}}]"},
        ),
        event(
            preludeEvent={"config": {"serverless-mesh:privateKey": KEY, "x:token": "never to be"}}
        ),
        event(diagnosticEvent={"severity": "error", "message": f"can't use {KEY}"}),
        event(
            policyEvent={
                "policyName": "no-plaintext-keys",
                "enforcementLevel": "mandatory",
                "message": f"A title\nRandomUuid user keepers.key: found {KEY}",
            }
        ),
        event(summaryEvent={}),
    ]
    written = comment(read("\n".join(events)), "trial/dev", NOW)
    assert "can't use [secret]" in written
    assert "left out" not in written
    for told in ("never", "neverToBeSeen", "bmV2ZXI", "PRIVATE KEY", "ciphertext", "LS0tLS1CRU"):
        assert told not in written
    assert written.count("[secret]") > 5
    assert "data" in written


HOSTILE = [
    "`evil` ``` <img src=x onerror=alert(1)>",
    "a](https://evil.example) [b",
    "<!-- serverless-mesh report: trial/dev --> </details> @everyone",
    "x\n\n# heading\n```mermaid\n",
    "x\n```\n\n# heading\n",
    '"] --> n9["%%{init: {}}%%',
    "|a|b|\n|-|-|",
]
ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(HOSTILE),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ("apiVersion", "kind", "metadata", "name", "labels", "spec", "members", "workloads")
            )
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.sampled_from((SERVING, SECRET, NAMESPACE, MEMBER_ROLL, CONTROL_PLANE, DEPLOYMENT, GATEWAY)),
    st.sampled_from(("create", "update", "replace", "delete", "same", "odd")),
    ODD,
    ODD,
    ODD,
)
def test_whatever_shape_the_objects_have_there_is_a_comment(
    kind: Kind, operation: str, old: Any, new: Any, spec: Any
) -> None:
    body = {**header(kind), "metadata": new, "spec": spec}
    told = step(operation, urn(f"kubernetes:x:{kind.name}", "x"), old, body, detailedDiff=old)
    other = step(operation, urn(f"kubernetes:x:{kind.name}", "y"), body, {**body, "spec": old})
    odd = [event(policyEvent=old), event(diagnosticEvent=new), event(summaryEvent=spec)]
    written = comment(read("\n".join([told, other, *odd])), "trial/dev", NOW)
    assert written.startswith("<!-- serverless-mesh report: trial/dev -->\n\n### ")
    assert len(written.encode()) <= LIMIT


def test_a_key_that_becomes_known_in_part_is_hidden_whole() -> None:
    kind = "tls:index/privateKey:PrivateKey"
    events = step("update", urn(kind, "k"), {"privateKeyPem": "a"}, {"privateKeyPem": "b"})
    written = comment(read(events), "trial/dev", NOW)
    assert "- [secret]\n+ [secret]" in written


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_or_text_of_others_breaks_the_comment(name: str) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "b"}}
    types = ("kubernetes:core/v1:ConfigMap", "kubernetes:core/v1:Service")
    events = [
        step("update", urn(types[0], name), body, {**body, "data": {"a": name, name: "c"}}),
        step("create", urn(types[1], f"2{name}"), None, {**body, "kind": "Service"}),
        step("create", urn(types[1], f"3{name}"), None, {**body, "kind": "Service"}),
        event(diagnosticEvent={"severity": "warning", "message": name}),
        event(diagnosticEvent={"severity": "error", "message": name}),
        event(
            policyEvent={
                "policyName": name,
                "enforcementLevel": "mandatory",
                "message": f"title\n{name}: found\nwhy: {name}\nsee: {name}, javascript:{name}",
            }
        ),
        event(summaryEvent={}),
    ]
    written = comment(read("\n".join(events)), f"trial/dev{name}", NOW)
    parser = MarkdownIt("commonmark", {"html": True})
    tokens = parser.parse(written)
    html = "".join(
        token.content
        for top in tokens
        for token in (top, *(top.children or ()))
        if token.type in ("html_block", "html_inline")
    )
    ours = re.sub(
        r"</?details>|<summary>(?:(?!</summary>).)*</summary>|<!-- [\w ./:-]+ -->", "", html
    )
    assert ours.strip() == ""
    assert "<img" not in html
    assert [token.info for token in tokens if token.type == "fence"].count("mermaid") == 1
    headings = [
        tokens[index + 1].content
        for index, token in enumerate(tokens)
        if token.type == "heading_open"
    ]
    assert headings[1:] == [
        "Why it failed",
        "Violations",
        "What changes",
        "Why it matters for traffic",
        "Warnings",
        "Field by field",
    ]
    links = [inner for top in tokens for inner in top.children or () if inner.type == "link_open"]
    assert links == []
    outside_of_code = re.sub(r"```(?:.|\n)*?\n```|`[^`\n]+`|<code>.*?</code>", "", written)
    assert not re.search(r"@\w", outside_of_code)
    (graph,) = (token.content for token in tokens if token.info == "mermaid")
    for line in graph.splitlines()[1:]:
        assert re.fullmatch(r'  n\d+(\["[^"\[\]`<>%{}]*<br/>[^"<>%{}]*"\]| --> n\d+)', line), line


def test_a_long_comment_is_cut_with_a_note_and_keeps_what_matters() -> None:
    long = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c" * 200}}
    steps = [
        step(
            "update",
            urn("kubernetes:core/v1:ConfigMap", f"c{number}"),
            {**long, "data": {str(key): "ä" * 400 for key in range(50)}},
            {**long, "data": {str(key): "ö" * 400 for key in range(50)}},
        )
        for number in range(100)
    ]
    violation = {"policyName": "a", "enforcementLevel": "mandatory", "message": "t\n" + "x" * 9999}
    written = comment(
        read("\n".join([*steps, event(policyEvent=violation), event(summaryEvent={})])),
        "trial/dev",
        NOW,
    )
    assert len(written.encode()) <= LIMIT
    assert "must not go on: 1 violation" in written
    assert "100 to update" in written
    assert re.search(r"\d+ parts left out", written)
    assert written.count("<details>") == written.count("</details>") > 0


def test_a_violation_is_read_back_as_it_was_printed() -> None:
    ref = Ref(GATEWAY, "shop", "public")
    violation = Violation(ref, "spec", "a: b", "c", consequences=("d", "e: f"))
    rule = RULES[0]
    found = read_back(printed(Result(rule, violation)))
    assert found.first == str(violation)
    assert found.consequences == violation.consequences
    assert (found.why, found.remedy) == (printable(rule.why), printable(rule.remedy))
    assert (found.section, found.url) == rule.section
    exempt = read_back(printed(Result(rule, violation, "a reason: long enough")))
    assert exempt.exemption == "a reason: long enough"
    assert exempt.why == ""


def test_advice_and_violations_of_other_packs_are_shown_too() -> None:
    said = {"policyName": "theirs", "policyPackName": "other", "message": "Title\nno labels"}
    events = [
        event(policyEvent={**said, "enforcementLevel": "advisory"}),
        event(summaryEvent={"PolicyPacks": {"other": "1"}}),
    ]
    written = comment(read("\n".join(events)), "trial/dev", NOW)
    assert "#### Warnings\n\n**theirs**: no labels" in written
    assert "nothing changes" in written
    stopped = event(policyEvent={**said, "enforcementLevel": "mandatory"})
    assert may_go_on(read("\n".join(events)))
    assert not may_go_on(read("\n".join([*events, stopped])))


def test_a_rule_and_its_gate_say_the_same_once_and_the_stronger_counts() -> None:
    events = [
        event(policyEvent={"policyName": name, "enforcementLevel": level, "message": "Title\nx: y"})
        for name, level in (("a-rule-gate", "advisory"), ("a-rule", "mandatory"))
    ]
    written = comment(read("\n".join([*events, event(summaryEvent={})])), "trial/dev", NOW)
    assert written.count("x: y") == 1
    assert "#### Warnings" not in written


def test_drift_is_told_as_such() -> None:
    _, events = paths("effects")
    code, said, _ = run("--drift", str(events))
    assert code == 0
    assert "### ⚠️ `serverless-mesh/production` has drifted\n\nThe cluster is not as" in said
    _, events = paths("nothing-changes")
    assert "### ✅ `serverless-mesh/dev` has not drifted\n" in run("--drift", str(events))[1]


def test_a_preview_that_was_killed_does_not_go_on() -> None:
    preview = read(step("create", urn("kubernetes:core/v1:Service", "s"), None, {"kind": "x"}))
    assert not may_go_on(preview)
    assert "did not come to the end" in comment(preview, "trial/dev", NOW)


def test_what_is_mandatory_is_a_violation_whatever_its_name_and_words() -> None:
    said = {"policyName": "exempted", "enforcementLevel": "mandatory", "message": "T\nx\nexempt: y"}
    assert not may_go_on(read("\n".join([event(policyEvent=said), event(summaryEvent={})])))


def test_what_a_stopped_update_left_to_delete_is_no_replacement() -> None:
    body = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}}
    service = urn("kubernetes:core/v1:Service", "s")
    left = [step("same", service, body, body), step("delete-replaced", service, body)]
    assert "nothing changes" in comment(
        read("\n".join([*left, event(summaryEvent={})])), "trial/dev", NOW
    )
    (change,) = read("\n".join([left[1], step("create-replacement", service, body, body)])).changes
    assert change.deleted_first


def test_only_a_line_break_ends_an_event() -> None:
    said = event(diagnosticEvent={"severity": "warning", "message": "one\x85two"})
    (found,) = read(said.replace("\\u0085", "\x85")).diagnostics
    assert found.message == "one\x85two"


def test_previews_of_several_stacks_are_not_mixed() -> None:
    files = [str(paths(name)[0]) for name in ("effects", "nothing-changes")]
    code, said, why = run(*files)
    assert (code, said) == (2, "")
    assert "several stacks" in why


def test_a_variable_that_is_named_like_a_password_does_not_show() -> None:
    def deployment(value: str) -> dict[str, Any]:
        env = [{"name": "DB_PASSWORD", "value": value}]
        spec = {"env": env, "login": {"tokens": [value]}}
        return {**header(DEPLOYMENT), "metadata": {"name": "d"}, "spec": spec}

    changed = [
        step("update", urn("kubernetes:apps/v1:Deployment", "d"), *states, detailedDiff=paths)
        for states in [(deployment("never-1"), deployment("never-2"))]
        for paths in (
            {"spec.env[0].value": {"diffKind": "update"}},
            {"spec.env[0]": {"diffKind": "update"}, "spec.login": {"diffKind": "update"}},
            {"spec.login.tokens[0]": {"diffKind": "update"}},
        )
    ]
    for each in changed:
        written = comment(read("\n".join([each, event(summaryEvent={})])), "trial/dev", NOW)
        assert "Field by field" in written
        assert "never" not in written
