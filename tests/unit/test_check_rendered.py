"""What `serverless-mesh check` says of folders that have to be rendered first."""

import shlex
from pathlib import Path
from typing import Any

import pytest

from serverless_mesh.cli.folders import KUSTOMIZATIONS
from tests.unit.manifest_files import CONFLICT, ONE, TWO, check, gateway, write

TEMPLATE = "apiVersion: v1\nkind: Service\nmetadata:\n  name: {{ .Release.Name }}\n{{- if .x }}\n"


def kustomization(folder: Path, *resources: str, **more: Any) -> Path:
    write(folder / "kustomization.yaml", {"resources": list(resources), **more})
    return folder


def chart(folder: Path) -> Path:
    write(folder / "Chart.yaml", {"apiVersion": "v2", "name": "shop", "version": "1.0.0"})
    write(folder / "values.yaml", {"replicas": 3})
    write(folder / "crds" / "plain.yaml", gateway("in-a-chart"))
    (folder / "templates").mkdir()
    (folder / "templates" / "service.yaml").write_text(TEMPLATE, "utf-8")
    (folder / "templates" / "NOTES.txt").write_text("{{ .Release.Name }}", "utf-8")
    return folder


def unrendered(*arguments: str | Path, violations: int | None = None) -> list[str]:
    """Return what is said on the lines; with `violations`, the rest was checked all the same."""
    done = check(*arguments, "--rule", CONFLICT)
    assert done.exit_code == 2, done.output
    if violations is None:
        assert not done.stdout
    else:
        assert f"violations: {violations}," in done.stdout
    return done.stderr.splitlines()


def built(folder: Path) -> str:
    return f"kustomize build {shlex.quote(str(folder))} | serverless-mesh check -f -"


def templated(folder: Path) -> str:
    return f"helm template {shlex.quote(str(folder))} | serverless-mesh check -f -"


@pytest.mark.parametrize("name", KUSTOMIZATIONS)
def test_a_kustomization_is_one_line_that_says_how_to_render_it(tmp_path: Path, name: str) -> None:
    folder = kustomization(tmp_path / "my app", "one.yaml", components=["components/tls"])
    write(folder / "one.yaml", ONE)
    write(folder / "patches" / "one.yaml", {**ONE, "spec": {"servers": []}}, {"op": "add"})
    write(folder / "components" / "tls" / "kustomization.yaml", {"kind": "Component"})
    write(folder / "values.json", {"replicas": 3})
    (folder / "kustomization.yaml").rename(folder / name)
    (line,) = unrendered("-f", tmp_path)
    assert line.startswith(f"not checked: {folder}: it is a kustomization")
    assert built(folder) in line
    assert unrendered("-f", folder / name) == [line]


def test_what_is_beside_a_kustomization_is_checked_and_its_inputs_are_not(tmp_path: Path) -> None:
    folder = kustomization(tmp_path / "deploy", "one.yaml", "../shared/three.yaml")
    write(folder / "one.yaml", ONE)
    write(tmp_path / "shared" / "three.yaml", gateway("three"))
    write(tmp_path / "plain" / "two.yaml", TWO, gateway("four"))
    (line,) = unrendered("-f", tmp_path, violations=2)
    assert built(folder) in line


def test_a_base_is_checked_by_what_builds_on_it(tmp_path: Path) -> None:
    base = kustomization(tmp_path / "base", "one.yaml", "two.yaml")
    write(base / "one.yaml", ONE)
    write(base / "two.yaml", TWO)
    write(tmp_path / "tls" / "kustomization.yml", {"kind": "Component"})
    overlays = [
        kustomization(tmp_path / "overlays" / name, "../../base", components=["../../tls"])
        for name in ("production", "staging")
    ]
    lines = unrendered("-f", tmp_path)
    assert [built(folder) in line for folder, line in zip(overlays, lines, strict=True)] == [
        True
    ] * 2


def test_none_of_a_circle_of_kustomizations_is_passed_over(tmp_path: Path) -> None:
    first = kustomization(tmp_path / "first", "../second")
    kustomization(tmp_path / "second", "../first")
    (line,) = unrendered("-f", tmp_path)
    assert built(first) in line


def test_a_component_by_itself_is_none_to_render(tmp_path: Path) -> None:
    write(tmp_path / "tls" / "kustomization.yaml", {"kind": "Component", "patches": []})
    (line,) = unrendered("-f", tmp_path)
    assert "a component of kustomize" in line
    assert "kustomize build" not in line


def test_a_kustomization_that_is_no_yaml_is_still_one(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: [", "utf-8")
    (line,) = unrendered("-f", tmp_path)
    assert built(tmp_path) in line


def test_a_chart_is_one_line_that_says_how_to_render_it(tmp_path: Path) -> None:
    folder = chart(tmp_path / "charts" / "shop")
    chart(folder / "charts" / "below")
    write(tmp_path / "plain.yaml", ONE, TWO)
    (line,) = unrendered("-f", tmp_path, violations=2)
    assert line.startswith(f"not checked: {folder}: it is a Helm chart")
    assert templated(folder) in line


@pytest.mark.parametrize("named", ["", "Chart.yaml", "templates", "templates/service.yaml"])
def test_a_part_of_a_chart_says_it_too(tmp_path: Path, named: str) -> None:
    folder = chart(tmp_path / "shop")
    (line,) = unrendered("-f", folder / named)
    assert templated(folder) in line


def test_what_is_rendered_by_hand_among_templates_is_checked(tmp_path: Path) -> None:
    folder = chart(tmp_path / "shop")
    file = write(folder / "templates" / "gateways.yaml", ONE, TWO)
    assert check("-f", file, "--rule", CONFLICT).exit_code == 1


def test_a_template_of_others_says_that_it_is_one(tmp_path: Path) -> None:
    file = tmp_path / "service.yaml.yaml"
    file.write_text(TEMPLATE, "utf-8")
    (line,) = unrendered("-f", file)
    assert line.endswith("it has {{, so it is a template: render it first")


def wrapper(kind: str, version: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "all"}, "spec": spec}


POLICIES, WORKS = "policy.open-cluster-management.io/v1", "work.open-cluster-management.io/v1"
OPENSHIFT = {
    "apiVersion": "template.openshift.io/v1",
    "kind": "Template",
    "metadata": {"name": "gateways"},
    "objects": [ONE, TWO],
}
CONFIGURATION = wrapper(
    "ConfigurationPolicy",
    POLICIES,
    **{"object-templates": [{"complianceType": "musthave", "objectDefinition": ONE}]},
)
WRAPPERS = [
    OPENSHIFT,
    CONFIGURATION,
    wrapper("Policy", POLICIES, **{"policy-templates": [{"objectDefinition": CONFIGURATION}]}),
    wrapper("ManifestWork", WORKS, workload={"manifests": [ONE, TWO]}),
    wrapper("ManifestWorkReplicaSet", f"{WORKS}alpha1", manifestWorkTemplate={"workload": {}}),
    wrapper("SyncSet", "hive.openshift.io/v1", resources=[ONE, TWO]),
    wrapper("SelectorSyncSet", "hive.openshift.io/v1", resources=[ONE, TWO]),
]


def processed(file: str) -> str:
    return f"`oc process -f {file} --local -o yaml | serverless-mesh check -f -`"


@pytest.mark.parametrize("body", WRAPPERS, ids=lambda body: body["kind"])
def test_what_holds_objects_is_one_line_and_not_checked(
    tmp_path: Path, body: dict[str, Any]
) -> None:
    file = write(tmp_path / "all.yaml", body)
    (line,) = unrendered("-f", file)
    assert line.startswith(f"not checked: {file}:1: it is a")
    assert body["kind"] in line
    assert "serverless-mesh check " in line


def test_an_openshift_template_says_how_to_render_it(tmp_path: Path) -> None:
    file = write(tmp_path / "my app.yaml", OPENSHIFT)
    (line,) = unrendered("-f", file)
    assert processed(shlex.quote(str(file))) in line
    done = check("-f", "-", stdin=file.read_bytes())
    assert done.exit_code == 2
    assert processed("-") in done.stderr


def test_what_is_beside_wrappers_is_checked(tmp_path: Path) -> None:
    every = {"apiVersion": "v1", "kind": "List", "items": [ONE, OPENSHIFT, OPENSHIFT]}
    write(tmp_path / "a.yaml", TWO, every)
    (line,) = unrendered("-f", tmp_path, violations=2)
    assert processed(shlex.quote(str(tmp_path / "a.yaml"))) in line


@pytest.mark.parametrize("kind", ["List", "TemplateList"])
def test_a_list_of_templates_alone_is_nothing_to_check(tmp_path: Path, kind: str) -> None:
    version = OPENSHIFT["apiVersion"] if kind == "TemplateList" else "v1"
    body = {"apiVersion": version, "kind": kind, "items": [OPENSHIFT, OPENSHIFT]}
    (line,) = unrendered("-f", write(tmp_path / "a.yaml", body))
    assert processed(str(tmp_path / "a.yaml")) in line


def test_templates_in_a_whole_cluster_are_only_kept_there(tmp_path: Path) -> None:
    file = write(tmp_path / "a.yaml", ONE, TWO, OPENSHIFT)
    done = check("-f", file, "--rule", CONFLICT, "--complete")
    assert done.exit_code == 1
    assert "not checked" not in done.stderr
