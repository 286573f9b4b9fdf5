"""`serverless-mesh check` and `rules` as they are called, without a cluster."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

import mesh_policy
from mesh_policy.rules import RULES
from serverless_mesh.cli import manifests
from serverless_mesh.cli.main import app
from tests.policy.cases import FIXTURES, private_key, private_pem
from tests.policy.integration import BROKEN, broken, documented
from tests.unit.manifest_files import CONFLICT, ONE, TWO, check, gateway, write

EXPOSED = "ingress-gateway-not-exposed"
ADDRESS = "https://127.0.0.1:9"

CHECKING = [rule for rule in RULES if not rule.of_updates]


MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {}}


def found(*arguments: str | Path, stdin: str | bytes | None = None) -> list[dict[str, Any]]:
    """Return what the JSON says, once the exit code agrees with it."""
    done = check(*arguments, "--format", "json", stdin=stdin)
    said: list[dict[str, Any]] = json.loads(done.stdout)
    assert done.exit_code == any(
        each["outcome"] == "violation" and each["severity"] == "error" for each in said
    ), done.output
    return said


def sources(*arguments: str | Path, stdin: str | bytes | None = None) -> list[str]:
    """Return where the Gateways in conflict stand."""
    said = found(*arguments, "--rule", CONFLICT, stdin=stdin)
    return [each["object"]["source"] for each in said if each["outcome"] == "violation"]


def refused(*arguments: str | Path, stdin: str | bytes | None = None) -> str:
    """Return what is said of something that can't be checked."""
    done = check(*arguments, stdin=stdin)
    assert done.exit_code == 2, done.output
    assert not done.stdout
    assert "Traceback" not in done.output
    return done.stderr


def test_good_manifests_are_exit_code_0(tmp_path: Path) -> None:
    done = check("-f", write(tmp_path / "a.yaml", ONE, gateway("two", "shop.example.org")))
    assert done.exit_code == 0, done.output
    assert f"objects: 2, rules: {len(CHECKING)}, violations: 0, warnings: 0, " in done.output


def test_a_warning_is_exit_code_0_unless_asked_for(tmp_path: Path) -> None:
    file = write(tmp_path / "a.yaml", *warned())
    done = check("-f", file, "--rule", "metrics-reachable")
    assert done.exit_code == 0
    assert "WARNING metrics-reachable" in done.stdout
    assert "violations: 0, warnings: 1, " in done.stdout
    done = check("-f", file, "--rule", "metrics-reachable", "--fail-on", "warning")
    assert done.exit_code == 1


def warned() -> list[Any]:
    """Return a mesh that keeps the port of metrics, which Knative serves, to itself."""
    path = FIXTURES / "metrics-reachable" / "port-inside.yaml"
    return list(yaml.safe_load_all(path.read_text()))[1:]


def test_the_documented_integration_is_exit_code_0(tmp_path: Path) -> None:
    done = check("-f", write(tmp_path / "all.yaml", *documented()))
    assert done.exit_code == 0, done.output


def test_a_violation_is_exit_code_1_and_says_what_where_and_what_to_do(tmp_path: Path) -> None:
    file = write(tmp_path / "a.yaml", ONE, TWO)
    done = check("-f", file)
    assert done.exit_code == 1
    (rule,) = [rule for rule in RULES if rule.id == CONFLICT]
    for text in (
        f"ERROR {CONFLICT} ({file}:1): Gateway shop/one spec.servers[0].hosts[0]: found ",
        "Gateway shop/two also claims",
        f"\n  why: {rule.why}\n  do:  {rule.remedy}\n",
        f"\n  see: {rule.section.title}, {rule.section.url}\n",
        "violations: 2,",
    ):
        assert text in done.stdout


def test_what_is_undetermined_alone_is_exit_code_0(tmp_path: Path) -> None:
    there = [body for body in documented() if body["kind"] != "Secret"]
    done = check("-f", write(tmp_path / "a.yaml", *there))
    assert "UNDETERMINED wildcard-certificate: Secret istio-system/wildcard-certs" in done.stdout
    assert done.exit_code == 0


def test_gateways_are_judged_among_themselves_without_serverless(tmp_path: Path) -> None:
    other = gateway("other", "*", "crm")
    said = found("-f", write(tmp_path / "a.yaml", ONE, other), "--rule", CONFLICT)
    assert [each["object"]["name"] for each in said] == ["other", "one"]


def test_each_source_is_the_line_that_the_document_begins_on(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    first = yaml.safe_dump(ONE)
    file.write_text(f"# A comment\n---\n\n{first}---\n# Another\n{yaml.safe_dump(TWO)}", "utf-8")
    later = 4 + first.count("\n") + 2
    assert sources("-f", file) == [f"{file}:4", f"{file}:{later}"]


def test_a_folder_is_read_to_its_depth_and_nothing_but_manifests(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", ONE)
    write(tmp_path / "below" / "b.yml", TWO)
    write(tmp_path / "below" / "further" / "c.json", gateway("three"))
    (tmp_path / "README.md").write_text("kind: [", "utf-8")
    (tmp_path / "folder.yaml").mkdir()
    said = sources("-f", tmp_path)
    assert sorted(Path(source).name for source in said) == ["a.yaml:1", "b.yml:1", "c.json:1"]


@pytest.mark.parametrize("name", [".git", ".github"])
def test_folders_that_begin_with_a_dot_are_read_only_where_they_are_named(
    tmp_path: Path, name: str
) -> None:
    write(tmp_path / "a.yaml", ONE)
    write(tmp_path / name / "further" / "b.yaml", TWO)
    assert check("-f", tmp_path, "--rule", CONFLICT).exit_code == 0
    assert len(sources("-f", tmp_path, "-f", tmp_path / name)) == 2


def test_a_folder_without_manifests_is_exit_code_2(tmp_path: Path) -> None:
    assert "has no file that ends in .json, .yaml, .yml" in refused("-f", tmp_path)


def test_several_files_and_standard_input_are_one_world(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a.yaml", ONE), write(tmp_path / "b.yaml", TWO)
    assert len(sources("-f", first, "-f", second)) == 2
    said = sources("-f", first, "-f", "-", stdin=yaml.safe_dump(TWO))
    assert said == [f"{first}:1", "standard input:1"]


@pytest.mark.parametrize("kind", ["List", "GatewayList"])
@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_lists_are_taken_apart(tmp_path: Path, kind: str, suffix: str) -> None:
    items = [ONE, TWO]
    if kind != "List":
        items = [
            {key: value for key, value in item.items() if key not in ("apiVersion", "kind")}
            for item in items
        ]
    version = "v1" if kind == "List" else ONE["apiVersion"]
    body = {"apiVersion": version, "kind": kind, "items": items}
    file = write(tmp_path / f"list.{suffix}", body)
    assert sources("-f", file) == [f"{file}:1"] * 2


def test_json_is_read_as_json_wherever_it_stands() -> None:
    odd = {**MAP, "data": {"smile": "\U0001f600", "k" * 2000: "\x7f"}}
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": [odd, ONE, TWO]}, indent="\t")
    assert sources("-f", "-", stdin="\n\n" + text) == ["standard input:3"] * 2
    several = f"{json.dumps(ONE)}\n---\n{json.dumps(TWO)}\n"
    assert sources("-f", "-", stdin=several) == ["standard input:1", "standard input:3"]


def test_dates_stay_texts() -> None:
    (read,) = manifests.documents("{day: 2026-01-01, no-day: 2026-99-99}", "test")
    assert read.body == {"day": "2026-01-01", "no-day": "2026-99-99"}


def test_aliases_and_merges_are_read_as_if_written_out() -> None:
    text = yaml.safe_dump_all([ONE, TWO]).replace("\nspec:", "\nspec: &spec", 1)
    first, _, second = text.partition("---\n")
    aliased = second.partition("spec:")[0] + "spec: *spec\n"
    both = f"kind: List\napiVersion: v1\nitems:\n- {indented(first)}- {indented(aliased)}"
    assert len(sources("-f", "-", stdin=both)) == 2
    merged = aliased.replace("*spec", "{<<: *spec}")
    both = f"kind: List\napiVersion: v1\nitems:\n- {indented(first)}- {indented(merged)}"
    assert len(sources("-f", "-", stdin=both)) == 2


def indented(text: str) -> str:
    return text.replace("\n", "\n  ").strip() + "\n"


def bomb(levels: int, entry: str) -> str:
    """Return aliases of aliases, ten of each at a time."""
    lines = ["level0: &level0 {leaf: x}"]
    for level in range(1, levels):
        ten = ", ".join([f"*level{level - 1}"] * 10)
        lines.append(f"level{level}: &level{level} {entry.format(ten)}")
    return "\n".join(lines)


@pytest.mark.parametrize("entry", ["[{}]", "{{<<: [{}]}}", "{{<<: [{}], own: y}}"])
def test_aliases_that_repeat_without_end_are_refused(entry: str) -> None:
    text = f"apiVersion: v1\nkind: ConfigMap\ndata:\n  {indented(bomb(9, entry))}"
    said = refused("-f", "-", stdin=text)
    assert "standard input:1 repeats too much by aliases" in said


def test_aliases_are_counted_in_each_document_by_itself() -> None:
    """The part of a text in which they are looked for has to be the document's own."""
    before = "smile: \U0001f600\u00e9 & more\r\n---\r\n# \u00e9\r\n--- &top\n"
    said = refused("-f", "-", stdin=before + bomb(9, "[{}]"))
    assert "standard input:4 repeats too much by aliases" in said


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "{a: " * 100_000,
        '{"a": ' * 300 + "1" + "}" * 300,
        "a: " + "[" * 300 + "]" * 300,
        "a: &a\n  b: *a\n",
        "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 500)),
    ],
    ids=["sequences", "mappings", "json", "yaml", "itself", "aliases"],
)
def test_what_nests_too_deeply_is_refused(text: str) -> None:
    assert "standard input nests too deeply" in refused("-f", "-", stdin=text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind: Gateway\nspec: [\n", "standard input:3:1 is not YAML: did not find expected node"),
        ("a: b: c\n", "standard input:1:5 is not YAML: mapping values are not allowed"),
        ("a: *b\n", "standard input:1:4 is not YAML: found undefined alias"),
        ("a: !object\n", "could not determine a constructor for the tag '!object'"),
        ("a: !!int x\n", "standard input is not YAML: invalid literal"),
        ("a: \0\n", "standard input is not YAML: unacceptable character"),
        (b"a: \xff\n", "standard input can't be read: 'utf-8' codec"),
        ('{"kind": "Gateway",\n', "standard input:2:1 is not YAML"),
    ],
)
def test_what_is_no_yaml_is_exit_code_2_with_its_place(text: str | bytes, said: str) -> None:
    assert said in refused("-f", "-", stdin=text)


@pytest.mark.parametrize("name", ["missing.yaml", "[/bold].yaml", "x" * 5000])
def test_what_is_not_there_is_exit_code_2(tmp_path: Path, name: str) -> None:
    # Brackets are the markup of whatever prints in colours.
    said = refused("-f", tmp_path / name)
    assert f"{tmp_path / name} can't be read" in said


def test_a_file_that_is_no_text_is_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xff\xfe\x00")
    assert f"{tmp_path / 'a.yaml'} can't be read" in refused("-f", tmp_path)


@pytest.mark.parametrize("text", ["", "---\n---\n", "# nothing\n", "just: values\n", "[]", "- a"])
def test_nothing_to_check_is_exit_code_2(text: str) -> None:
    assert "nothing to check: no Kubernetes object" in refused("-f", "-", stdin=text)


def test_nothing_named_is_exit_code_2_with_what_to_do() -> None:
    assert "name manifests (-f) or a cluster (--context, --kubeconfig)" in refused()


def test_what_is_no_object_is_said_and_the_rest_judged(tmp_path: Path) -> None:
    write(tmp_path / "values.yaml", {"replicas": 3})
    write(tmp_path / "gateways.yaml", ONE, TWO, {"apiVersion": "v1", "kind": "Service"})
    done = check("-f", tmp_path)
    assert done.exit_code == 2, "not everything was checked"
    assert "violations: 2" in done.stdout
    assert f"not checked: {tmp_path / 'values.yaml'}:1: takes an object with" in done.stderr
    assert "Service: metadata.name takes a name, found nothing" in done.stderr


def test_a_rule_that_is_none_is_exit_code_2_with_the_nearest() -> None:
    said = refused("--rule", "strict-mtl", "-f", "-", stdin="")
    assert "--rule strict-mtl is no rule; did you mean strict-mtls?" in said
    assert "`serverless-mesh rules` lists them" in refused("--rule", "zzz")


def test_only_the_rules_asked_for_check(tmp_path: Path) -> None:
    file = write(tmp_path / "a.yaml", *broken(documented(), BROKEN[EXPOSED]), ONE, TWO)
    assert {each["rule"] for each in found("-f", file, "--rule", EXPOSED)} == {EXPOSED}
    both = found("-f", file, "--rule", EXPOSED, "--rule", CONFLICT)
    assert {each["rule"] for each in both} == {EXPOSED, CONFLICT}


def test_the_mesh_of_serverless_can_be_said(tmp_path: Path) -> None:
    plane = {
        "apiVersion": "maistra.io/v2",
        "kind": "ServiceMeshControlPlane",
        "metadata": {"name": "basic", "namespace": "mesh"},
        "spec": {"security": {"dataPlane": {"mtls": False}}},
    }
    other = {**plane, "metadata": {"name": "basic", "namespace": "other"}}
    file = write(tmp_path / "a.yaml", plane, other)
    (third,) = found("-f", file, "--rule", "one-mesh-only", "--mesh", "third")
    assert (third["outcome"], third["object"]["namespace"]) == ("undetermined", "third")
    said = found("-f", file, "--rule", "strict-mtls", "--mesh", "mesh")
    assert {each["object"]["namespace"] for each in said} == {"mesh"}


@pytest.mark.parametrize("kubeconfig", [None, "clusters: [", "contexts: []", "server"])
def test_a_cluster_that_can_not_be_read_is_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kubeconfig: str | None
) -> None:
    monkeypatch.setattr("mesh_policy.observe.RETRY_SECONDS", 0.0)
    file = tmp_path / "kubeconfig"
    if kubeconfig == "server":
        context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
        cluster = {"name": "c", "cluster": {"server": ADDRESS}}
        content = {"current-context": "c", "clusters": [cluster], "contexts": [context]}
        write(file, {"apiVersion": "v1", "kind": "Config", "users": [], **content})
    elif kubeconfig is not None:
        file.write_text(kubeconfig, "utf-8")
    said = refused("--kubeconfig", file)
    assert "can't be used" in said or "does not answer" in said


def test_json_has_all_that_the_text_has(tmp_path: Path) -> None:
    file = write(tmp_path / "a.yaml", ONE, TWO)
    first, _ = found("-f", file, "--rule", CONFLICT)
    (rule,) = [rule for rule in RULES if rule.id == CONFLICT]
    assert first["severity"] == "error"
    assert first["field"] == "spec.servers[0].hosts[0]"
    assert first["object"] == {
        "apiVersion": "networking.istio.io/v1beta1",
        "kind": "Gateway",
        "namespace": "shop",
        "name": "one",
        "source": f"{file}:1",
    }
    assert [each["name"] for each in first["related"]] == ["two"]
    assert (first["why"], first["remedy"]) == (rule.why, rule.remedy)
    assert (first["section"], first["url"]) == rule.section
    assert first["found"]
    assert first["needed"]


def test_json_of_nothing_wrong_is_an_empty_list(tmp_path: Path) -> None:
    assert found("-f", write(tmp_path / "a.yaml", ONE), "--rule", CONFLICT) == []


def test_sarif_is_what_code_scanners_take(tmp_path: Path) -> None:
    there = [body for body in documented() if body["kind"] != "Secret"]
    file = write(tmp_path / "my gateways.yaml", *there, ONE, TWO)
    done = check("-f", file, "--format", "sarif")
    assert done.exit_code == 1
    log = json.loads(done.stdout)
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "serverless-mesh"
    assert driver["version"] == mesh_policy.__version__
    assert driver["informationUri"].startswith("https://")
    assert [rule["id"] for rule in driver["rules"]] == [rule.id for rule in CHECKING]
    for rule in driver["rules"]:
        assert rule["shortDescription"]["text"]
        assert rule["fullDescription"]["text"]
        assert rule["help"]["text"]
        assert rule["helpUri"].startswith("https://")
        assert rule["defaultConfiguration"]["level"] in ("error", "warning")
    assert {result["level"] for result in run["results"]} == {"error", "note"}
    for result in run["results"]:
        assert result["ruleId"] in {rule.id for rule in RULES}
        assert result["message"]["text"]
        (location,) = result["locations"]
        assert location["logicalLocations"][0]["fullyQualifiedName"]
    conflict = next(each for each in run["results"] if each["ruleId"] == CONFLICT)
    place = conflict["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"].endswith("/my%20gateways.yaml")
    assert place["region"]["startLine"] > 1


EXEMPT = "serverless-mesh/exempt"
REASON = "the host is moved next week, ticket 4711"


def exempt(written: str) -> list[dict[str, Any]]:
    excused = gateway("one")
    excused["metadata"]["annotations"] = {EXEMPT: written}
    return [excused, TWO]


def test_an_object_is_exempt_for_a_reason_and_stays_in_the_report(tmp_path: Path) -> None:
    file = write(tmp_path / "a.yaml", *exempt(f"{CONFLICT}, strict-mtls: {REASON}"))
    done = check("-f", file, "--rule", CONFLICT)
    assert done.exit_code == 1, "the other one is not exempt"
    assert f"EXEMPT {CONFLICT} ({file}:1): Gateway shop/one" in done.stdout
    assert f"\n  exempt: {REASON}\n" in done.stdout
    assert "violations: 1, warnings: 0, undetermined: 0, not read: 0, exempt: 1" in done.stdout
    both = [{**body, "metadata": {**body["metadata"]}} for body in exempt(f"{CONFLICT}: {REASON}")]
    both[1]["metadata"]["annotations"] = both[0]["metadata"]["annotations"]
    file = write(tmp_path / "b.yaml", *both)
    assert check("-f", file, "--rule", CONFLICT).exit_code == 0
    for each in found("-f", file, "--rule", CONFLICT):
        assert (each["outcome"], each["reason"]) == ("exempt", REASON)
    log = json.loads(check("-f", file, "--format", "sarif", "--rule", CONFLICT).stdout)
    for result in log["runs"][0]["results"]:
        (suppression,) = result["suppressions"]
        assert (suppression["kind"], suppression["justification"]) == ("inSource", REASON)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        (f"{CONFLICT}: ok", "takes a reason of at least 10 characters"),
        (f"{CONFLICT} because of the ticket", "takes the ids of rules, a colon and a reason"),
        (f"strict-mtls: {REASON}", None),
        ("", "takes the ids of rules, a colon and a reason"),
    ],
)
def test_an_exemption_that_does_not_hold_says_why(
    tmp_path: Path, written: str, why: str | None
) -> None:
    file = write(tmp_path / "a.yaml", *exempt(written))
    first, _ = found("-f", file, "--rule", CONFLICT)
    assert first["outcome"] == "violation"
    assert (EXEMPT in first["needed"]) is (why is not None)
    assert (why or "") in first["needed"]


def test_no_annotation_excuses_a_key_in_plaintext(tmp_path: Path) -> None:
    pem = private_pem(private_key("leaf", 2048, True))
    about = {"name": "settings", "annotations": {EXEMPT: f"no-plaintext-keys: {REASON}"}}
    file = write(tmp_path / "a.yaml", {**MAP, "metadata": about, "data": {"plain": pem}})
    (only,) = found("-f", file, "--rule", "no-plaintext-keys")
    assert only["outcome"] == "violation"
    assert "exempts nothing from no-plaintext-keys" in only["needed"]


def test_sarif_of_one_rule_describes_that_rule_alone(tmp_path: Path) -> None:
    file = write(tmp_path / "a.yaml", ONE)
    log = json.loads(check("-f", file, "--format", "sarif", "--rule", CONFLICT).stdout)
    assert [rule["id"] for rule in log["runs"][0]["tool"]["driver"]["rules"]] == [CONFLICT]
    assert log["runs"][0]["results"] == []


@pytest.mark.parametrize("form", ["text", "json", "sarif"])
def test_no_private_key_is_ever_printed(tmp_path: Path, form: str) -> None:
    pem = private_pem(private_key("leaf", 2048, True))
    coded = base64.b64encode(pem.encode()).decode()
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "wildcard-certs",
            "namespace": "istio-system",
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": coded},
        },
        "data": {"tls.crt": coded, "tls.key": coded},
    }
    written = {**secret, "data": {"tls.crt": pem, "tls.key": pem}}
    exposed = {**MAP, "data": {"plain": pem, "coded": coded, "both": f"key: {pem}"}}
    odd = gateway("odd")
    odd["spec"]["servers"][0]["tls"] = {"mode": pem, "credentialName": pem}
    misplaced = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": pem + "\n"}}
    for name, variant in (("coded", secret), ("written", written)):
        file = write(
            tmp_path / f"{name}.yaml", *documented(), exposed, odd, variant, pem, [pem], misplaced
        )
        done = check("-f", file, "--format", form)
        assert done.exit_code == 2, done.output
        assert "no-plaintext-keys" in done.output
        for line in pem.splitlines()[1:-1]:
            assert line not in done.output
        assert coded[:60] not in done.output
    done = check("-f", "-", stdin=f"key: |\n{pem}\nkey: [")
    assert done.exit_code == 2
    for line in pem.splitlines()[1:-1]:
        assert line not in done.output


def test_rules_lists_every_rule_in_order() -> None:
    done = CliRunner().invoke(app, ["rules"])
    assert done.exit_code == 0
    listed = [line for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert [line.partition(" ")[0] for line in listed] == [rule.id for rule in RULES]
    for rule, line in zip(RULES, listed, strict=True):
        assert str(rule.severity) in line
        assert ("gates each write" in line) == rule.harmful
        assert f"  {rule.title}\n" in done.stdout


def test_help_says_what_there_is_to_know() -> None:
    def help_of(command: str) -> str:
        done = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "100"})
        assert done.exit_code == 0
        return done.stdout

    said = help_of("check")
    for option in ("--file", "-f", "--context", "--kubeconfig", "--rule", "--mesh", "--format"):
        assert option in said
    for text in ("text|json|sarif", "- for stdin", "0 no violation, 1 violations, 2 could not"):
        assert text in said
    assert "List the rules" in help_of("rules")


def test_an_unknown_format_is_exit_code_2() -> None:
    assert check("-f", "-", "--format", "xml", stdin="").exit_code == 2


def test_rules_of_updates_are_refused_by_name() -> None:
    done = CliRunner().invoke(app, ["check", "-f", "-", "--rule", "nothing-torn-down"])
    assert done.exit_code == 2
    assert "checks what an update does" in done.output
