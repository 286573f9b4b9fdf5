"""`serverless-mesh check --complete`: files as a whole cluster."""

import base64
import copy
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from mesh_policy.documented.kinds import GATEWAY, SECRET, SERVICE
from mesh_policy.reading.objects import kind_of
from serverless_mesh.cli import skimming
from serverless_mesh.cli.hidden import is_hidden
from tests.policy.integration import documented
from tests.unit.manifest_files import CONFLICT, ONE, TWO, check, gateway, write

CERTIFICATE = "wildcard-certificate"
CREDENTIAL = "wildcard-certs"


def coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def secret(name: str, namespace: str = "istio-system", **data: str) -> dict[str, Any]:
    about = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": about, "data": data}


def inspected(folder: Path, objects: Iterable[dict[str, Any]], *listed: str) -> Path:
    """Write objects as `oc adm inspect` does, those of the kinds `listed` as lists."""
    lists: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for body in objects:
        kind, about = kind_of(body), body["metadata"]
        namespace = about.get("namespace")
        place = (
            folder / "namespaces" / namespace if namespace else folder / "cluster-scoped-resources"
        )
        place /= kind.group or "core"
        plural = f"{kind.name.lower()}s"
        if kind.name in listed:
            lists.setdefault((f"{place}/{plural}.yaml", kind.name), []).append(body)
        else:
            write(place / plural / f"{about['name']}.yaml", body)
    for (file, name), bodies in lists.items():
        write(Path(file), {"apiVersion": "v1", "items": bodies, "kind": f"{name}List"})
    return folder


def gathered(tmp_path: Path, objects: Iterable[dict[str, Any]]) -> Path:
    """Write a must-gather, with all that is beside the objects in one."""
    whole = tmp_path / "must-gather.local.1"
    folder = inspected(whole / "quay-io-must-gather-sha256-1", objects, "Secret", "Service")
    for name in ("timestamp", "event-filter.html", "must-gather.logs"):
        (whole / name).write_text("kind: [", "utf-8")
    pod = folder / "namespaces" / "istio-system" / "pods" / "istiod-1"
    write(pod / "istiod-1.yaml", {"no": "object"})
    write(pod / "config_dump_istiod.json", {"configs": []})
    (pod / "discovery").mkdir()
    (pod / "discovery" / "current.log.yaml").write_text("{{ no YAML", "utf-8")
    (folder / "version").write_text("openshift/must-gather", "utf-8")
    write(folder / "monitoring" / "prometheus" / "rules.json", {"status": "success"})
    apps = folder / "namespaces" / "istio-system" / "apps"
    write(
        apps / "replicasets.yaml",
        {"apiVersion": "apps/v1", "kind": "ReplicaSetList", "items": [{}]},
    )
    return whole


def without(kind: str) -> list[dict[str, Any]]:
    return [body for body in documented() if body["kind"] != kind]


def test_a_whole_good_cluster_is_exit_code_0(tmp_path: Path) -> None:
    done = check("-f", write(tmp_path / "all.yaml", *documented()), "--complete")
    assert (done.exit_code, done.stderr) == (0, ""), done.output


def test_what_a_whole_cluster_lacks_does_not_exist(tmp_path: Path) -> None:
    file = write(tmp_path / "all.yaml", *without("Secret"), secret("other"))
    assert check("-f", file, "--rule", CERTIFICATE).exit_code == 0
    done = check("-f", file, "--rule", CERTIFICATE, "--complete")
    assert done.exit_code == 1, done.output
    assert f"Secret istio-system/{CREDENTIAL}: found no such object" in done.stdout


def test_a_kind_of_which_there_is_nothing_may_not_have_been_collected(tmp_path: Path) -> None:
    file = write(tmp_path / "all.yaml", *without("Secret"))
    done = check("-f", file, "--complete")
    assert done.exit_code == 2, done.output
    assert "violations: 0," in done.stdout
    assert f"NOT READ Secret istio-system/{CREDENTIAL}: the dump has none" in done.stdout
    secrets = sum(body["kind"] == "Secret" for body in documented())
    assert done.stdout.count("NOT READ") == secrets, "of what rests on nothing, nothing is said"


def test_only_the_kind_on_which_a_violation_rests_is_said(tmp_path: Path) -> None:
    file = write(tmp_path / "all.yaml", *without("ServiceEntry"))
    done = check("-f", file, "--complete")
    assert done.exit_code == 2, done.output
    assert "NOT READ ServiceEntry: the dump has none" in done.stdout
    assert (done.stdout.count("NOT READ"), "violations: 0," in done.stdout) == (1, True)


def test_an_empty_list_says_that_there_is_none(tmp_path: Path) -> None:
    empty = {"apiVersion": "networking.istio.io/v1", "kind": "ServiceEntryList", "items": []}
    file = write(tmp_path / "all.yaml", *without("ServiceEntry"), empty)
    done = check("-f", file, "--complete")
    assert done.exit_code == 1, done.output
    assert "which no ServiceEntry covers" in done.stdout


def test_an_object_in_two_files_is_one(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", ONE, {**ONE, "apiVersion": "networking.istio.io/v1"})
    write(tmp_path / "b.json", {"apiVersion": "v1", "kind": "List", "items": [ONE]})
    for more in ((), ("--complete",)):
        done = check("-f", tmp_path, "--rule", CONFLICT, *more)
        assert done.exit_code == 0, done.output
        assert "objects: 1," in done.stdout


@pytest.mark.parametrize("complete", [True, False])
def test_a_must_gather_is_read_without_what_is_beside_its_objects(
    tmp_path: Path, complete: bool
) -> None:
    folder = gathered(tmp_path, [*documented(), ONE, TWO])
    done = check("-f", folder, "--rule", CONFLICT, *["--complete"] * complete)
    assert (done.exit_code, "not checked" in done.stderr) == (1, False), done.output
    assert ("--complete" in done.stderr) is not complete
    assert "violations: 2," in done.stdout


def test_a_good_must_gather_is_exit_code_0(tmp_path: Path) -> None:
    done = check("-f", gathered(tmp_path, documented()), "--complete")
    assert (done.exit_code, done.stderr) == (0, ""), done.output


def test_what_a_must_gather_hides_of_secrets_is_not_known(tmp_path: Path) -> None:
    (found,) = [body for body in documented() if body["metadata"]["name"] == CREDENTIAL]
    hidden = {**found, "data": {**found["data"], "tls.key": coded("1704 bytes long")}}
    folder = gathered(tmp_path, [*without("Secret"), hidden])
    done = check("-f", folder, "--rule", CERTIFICATE, "--complete")
    assert done.exit_code == 0, done.output
    said = f"UNDETERMINED {CERTIFICATE}"
    assert said in done.stdout
    assert f"Secret istio-system/{CREDENTIAL} data.tls.key: hidden where it was read" in done.stdout
    bare = {key: value for key, value in found.items() if key != "data"}
    folder = gathered(tmp_path / "bare", [*without("Secret"), bare])
    done = check("-f", folder, "--rule", CERTIFICATE, "--complete")
    assert (done.exit_code, said in done.stdout) == (0, True), done.output


def test_a_namespace_that_was_not_inspected_may_have_anything(tmp_path: Path) -> None:
    folder = gathered(tmp_path, [*without("Secret"), secret("other", "shop")])
    done = check("-f", folder, "--rule", CERTIFICATE, "--complete")
    assert done.exit_code == 2, done.output
    assert "the dump has no Secret of istio-system" in done.stdout
    elsewhere = secret(CREDENTIAL, "shop")
    folder = gathered(tmp_path / "elsewhere", [*without("Secret"), elsewhere])
    done = check("-f", folder, "--rule", CERTIFICATE, "--complete")
    assert (done.exit_code, "violations: 0," in done.stdout) == (2, True), done.output
    folder = gathered(tmp_path / "there", [*without("Secret"), secret("other")])
    assert check("-f", folder, "--rule", CERTIFICATE, "--complete").exit_code == 1


def test_serverless_without_what_configures_it_is_not_passed(tmp_path: Path) -> None:
    done = check("-f", gathered(tmp_path, without("KnativeServing")), "--complete")
    assert done.exit_code == 2, done.output
    assert "NOT READ KnativeServing: the dump has none" in done.stdout


def test_the_must_gather_of_serverless_has_its_kinds_elsewhere(tmp_path: Path) -> None:
    (serving,) = [body for body in documented() if body["kind"] == "KnativeServing"]
    folder = gathered(tmp_path, without("KnativeServing")) / "quay-io-must-gather-sha256-1"
    file = folder / "knative-serving" / "knativeservings.operator.knative.dev" / "get.yaml"
    write(file, {"apiVersion": "v1", "kind": "List", "items": [serving]})
    done = check("-f", folder, "--complete")
    assert (done.exit_code, done.stderr) == (0, ""), done.output


def test_a_dump_without_a_mesh_is_not_checked(tmp_path: Path) -> None:
    done = check("-f", gathered(tmp_path, [secret("other")]), "--complete")
    assert done.exit_code == 2
    assert "holds nothing of a mesh or of Serverless" in done.stderr


def test_a_broken_file_in_a_dump_is_said_and_the_rest_checked(tmp_path: Path) -> None:
    folder = gathered(tmp_path, [*documented(), ONE, TWO]) / "quay-io-must-gather-sha256-1"
    file = folder / "namespaces" / "shop" / "networking.istio.io" / "gateways" / "cut.yaml"
    file.write_text("apiVersion: networking.istio.io/v1\nkind: Gateway\nspec: [", "utf-8")
    done = check("-f", folder, "--rule", CONFLICT, "--complete")
    assert (done.exit_code, "violations: 2," in done.stdout) == (2, True), done.output
    assert f"not checked: {file}:4:1 is not YAML" in done.stderr


@pytest.mark.parametrize("of_one", ["gateways", "core", "core/gateways", "networking.istio.io"])
def test_folders_of_manifests_are_no_dumps(tmp_path: Path, of_one: str) -> None:
    write(tmp_path / "namespaces" / "shop" / of_one / "one.yaml", ONE)
    write(tmp_path / "namespaces" / "shop" / "two.yaml", TWO)
    write(tmp_path / "namespaces" / "other" / "three.yaml", gateway("three"))
    write(tmp_path / "cluster-scoped-resources" / "four.yaml", gateway("four"))
    done = check("-f", tmp_path, "--rule", CONFLICT)
    assert ("violations: 4," in done.stdout, done.stderr) == (True, ""), done.output


def test_what_was_inspected_is_known_by_its_folders_or_its_marks(tmp_path: Path) -> None:
    folder = inspected(tmp_path / "inspect.local.1", [*documented(), ONE, TWO], "Secret")
    (folder / "namespaces" / "shop" / "pods").mkdir()
    write(folder / "audit.json", {"not": "read"})
    for mark in (None, "timestamp"):
        if mark:
            (folder / mark).touch()
            write(folder / "namespaces" / "shop" / "odd" / "config.json", {"not": "read"})
        done = check("-f", tmp_path, "--rule", CONFLICT)
        assert "violations: 2," in done.stdout
        assert done.stderr.startswith(f"note: {folder} is a dump of a cluster")


def test_complete_is_said_of_files_only(tmp_path: Path) -> None:
    file = write(tmp_path / "a.yaml", ONE)
    for more in (("--context", "c"), ("-f", file, "--kubeconfig", file)):
        done = check(*more, "--complete")
        assert (done.exit_code, "--complete is said of files" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("value", "hidden"),
    [
        (coded("1704 bytes long"), True),
        ("REDACTED", True),
        ("***", True),
        (coded("<redacted>"), True),
        (coded("-----BEGIN CERTIFICATE-----"), False),
        (coded("x"), False),
        ("", False),
        (None, False),
        ([], False),
    ],
)
def test_a_remark_in_place_of_a_value_is_told_from_values(value: Any, hidden: bool) -> None:
    assert is_hidden(value) is hidden


KINDS = frozenset({GATEWAY, SECRET})
POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "annotations": {"a": "- b\n"}}}
KNATIVE = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": "s"}}


def kept(text: str) -> list[Any]:
    """Return the names of what is kept of a text."""
    bodies = [yaml.safe_load(part.kept) for part in skimming.parts(text, KINDS)]
    return [each["metadata"]["name"] for body in bodies for each in (body.get("items") or [body])]


def listed(*bodies: dict[str, Any], indent: str = "") -> str:
    """Write a list as kubectl does."""
    body = {
        "apiVersion": "v1",
        "items": copy.deepcopy(list(bodies)),
        "kind": "List",
        "metadata": {},
    }
    head, _, rest = yaml.safe_dump(body).partition("kind: List")
    lines = head.splitlines()
    items = "\n".join(indent + line if line else line for line in lines[2:])
    return f"{lines[0]}\n{lines[1]}\n{items}\nkind: List{rest}"


@pytest.mark.parametrize("indent", ["", "  "])
def test_of_a_list_only_what_matters_is_kept(indent: str) -> None:
    assert kept(listed(POD, ONE, KNATIVE, secret("s"), indent=indent)) == ["one", "s"]
    text = listed(POD, KNATIVE, indent=indent)
    (part,) = skimming.parts(text, KINDS)
    assert yaml.safe_load(part.kept)["items"] == []


def test_of_documents_only_those_that_matter_are_kept_with_their_lines() -> None:
    text = f"---\n{yaml.safe_dump(POD)}---\n{yaml.safe_dump(ONE)}--- # more\n{listed(POD, TWO)}"
    parts = list(skimming.parts(text, KINDS))
    assert [part.line for part in parts] == [
        1 + text[: text.index(part.whole)].count("\n") for part in parts
    ]
    assert kept(text) == ["one", "two"]


@pytest.mark.parametrize(
    "text",
    [
        "kind: Pod\nkind: Gateway\napiVersion: v1\n",
        "kind: !!str Pod\napiVersion: v1\n",
        "apiVersion: v1\n",
        '{"apiVersion": "v1", "kind": "Pod"}',
        "# a comment\nitems:\n- kind: Pod\n  apiVersion: v1\nkind: List\napiVersion: v1\nx: y\n",
    ],
)
def test_what_is_not_as_kubectl_writes_it_is_kept(text: str) -> None:
    (part,) = skimming.parts(text, KINDS)
    assert part.kept == part.whole == text


def test_lists_of_one_kind_are_kept_as_they_are() -> None:
    text = yaml.safe_dump({"apiVersion": "v1", "kind": "SecretList", "items": [secret("s")]})
    assert kept(text) == ["s"]
    assert not list(skimming.parts(text.replace("Secret", "Pod"), KINDS))


def test_strictness_is_the_same_in_dumps(tmp_path: Path) -> None:
    file = tmp_path / "all.yaml"
    file.write_text(
        listed(POD, ONE, TWO).replace("name: two", "name: two\n    name: three"), "utf-8"
    )
    done = check("-f", file, "--complete")
    assert done.exit_code == 2
    line = file.read_text("utf-8").splitlines().index("    name: three") + 1
    assert f"{file}:{line}:5 is not YAML: a key stands twice" in done.stderr


@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_objects_that_no_rule_reads_are_left_out(tmp_path: Path, suffix: str) -> None:
    assert SERVICE not in KINDS
    body = {"apiVersion": "v1", "kind": "List", "items": [POD, ONE, KNATIVE, TWO]}
    file = tmp_path / f"all.{suffix}"
    file.write_text(json.dumps(body) if suffix == "json" else yaml.safe_dump(body), "utf-8")
    done = check("-f", file, "--complete", "--rule", CONFLICT)
    assert (done.exit_code, "objects: 3," in done.stdout) == (1, True), done.output


def test_gateways_of_other_teams_are_told_by_their_hosts(tmp_path: Path) -> None:
    folder = gathered(tmp_path, [*documented(), gateway("crm", "crm.example.org")])
    assert check("-f", folder, "--complete").exit_code == 0
