"""The commands around the engine, with an engine that is played."""

import json
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mesh_policy.reading.objects import ref_of
from mesh_policy.reading.ownership import import_file
from serverless_mesh.cli.main import app

Played = Any
RESOURCES = {"resources": [{"type": "kubernetes:a/v1:B", "name": "b", "id": "n/b"}]}


@pytest.fixture
def played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Played:
    """Put a `pulumi` on PATH that is a text in Python."""

    def play(program: str) -> Path:
        folder = tmp_path / "bin"
        folder.mkdir()
        script = folder / "pulumi"
        script.write_text(f"#!{sys.executable}\nimport json, os, sys\n{program}\n", "utf-8")
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(folder))
        return folder

    return play


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["import", *arguments])


def test_the_objects_that_a_preview_stops_at_are_printed(played: Played) -> None:
    played(
        "assert sys.argv[1:4] == ['preview', '--stack', 'production'], sys.argv\n"
        f"open(os.environ['SERVERLESS_MESH_IMPORT_FILE'], 'w').write('{json.dumps(RESOURCES)}')\n"
        "sys.exit(255)"
    )
    done = run("objects", "--stack", "production")
    assert done.exit_code == 0
    assert json.loads(done.stdout) == RESOURCES
    assert "pulumi import --file import.json" in done.stderr


def test_nothing_in_the_way_is_an_empty_list(played: Played) -> None:
    played("")
    done = run("objects")
    assert (done.exit_code, json.loads(done.stdout)) == (0, {"resources": []})
    assert "nothing to import" in done.stderr


def test_a_preview_that_stops_otherwise_is_told_in_its_words(played: Played) -> None:
    played("print('Diagnostics:\\n  error: the domain is unknown'); sys.exit(255)")
    done = run("objects")
    assert done.exit_code == 2
    assert "error: pulumi preview stopped:\nerror: the domain is unknown" in done.stderr


@pytest.mark.parametrize("command", ["objects", "differences"])
def test_without_an_engine_there_is_no_answer(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    done = run(command)
    assert done.exit_code == 2
    assert "no pulumi on PATH" in done.stderr


def test_differences_are_read_of_the_engine_or_of_a_file(played: Played, tmp_path: Path) -> None:
    played("print('a line before'); print(json.dumps({'steps': []}))")
    assert run("differences").exit_code == 0
    file = tmp_path / "preview.json"
    file.write_text('{"steps": []}', "utf-8")
    assert json.loads(run("differences", "--preview", str(file), "--json").stdout) == {
        "objects": [],
        "made": [],
        "deleted": [],
        "patched": {},
    }


def test_the_errors_of_a_preview_as_json_are_told(played: Played) -> None:
    diagnostics = [{"severity": "error", "message": "no such project\n"}]
    printed = json.dumps({"steps": [], "diagnostics": diagnostics})
    played(f"print({printed!r}); sys.exit(255)")
    done = run("differences")
    assert done.exit_code == 2
    assert "stopped:\nno such project" in done.stderr


def test_a_file_of_a_preview_that_stopped_is_not_taken_for_all_of_it(tmp_path: Path) -> None:
    file = tmp_path / "preview.json"
    diagnostics = [{"severity": "error", "message": "no such project\n"}]
    file.write_text(json.dumps({"steps": [], "diagnostics": diagnostics}), "utf-8")
    done = run("differences", "--preview", str(file))
    assert done.exit_code == 2
    assert "stopped:\nno such project" in done.stderr


@pytest.mark.parametrize("command", ["objects", "differences"])
def test_a_folder_that_is_not_there_is_named(command: str, played: Played, tmp_path: Path) -> None:
    played("")
    done = run(command, "--cwd", str(tmp_path / "none"))
    assert done.exit_code == 2
    assert f"--cwd {tmp_path / 'none'} is no folder" in done.stderr


@pytest.mark.parametrize("content", ["no JSON", "[]", "{}"])
def test_a_file_that_is_no_preview_is_refused(content: str, tmp_path: Path) -> None:
    file = tmp_path / "preview.json"
    file.write_text(content, "utf-8")
    done = run("differences", "--preview", str(file))
    assert done.exit_code == 2
    assert "is nothing that `pulumi preview --json` printed" in done.stderr


def test_a_cluster_that_can_not_be_read_is_an_error(tmp_path: Path) -> None:
    done = run("settings", "--kubeconfig", str(tmp_path / "none"))
    assert done.exit_code == 2
    assert done.stdout == ""


def test_the_file_has_type_name_and_id_and_no_parents() -> None:
    tag = {
        "apiVersion": "sailoperator.io/v1",
        "kind": "IstioRevisionTag",
        "metadata": {"name": "t"},
    }
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "namespace": "n"}}
    found = import_file(
        [
            ("kubernetes:sailoperator.io/v1:IstioRevisionTag", "t-tag", ref_of(tag)),
            ("kubernetes:core/v1:Service", "s-service", ref_of(service)),
        ]
    )
    assert found["resources"] == [
        {"type": "kubernetes:sailoperator.io/v1:IstioRevisionTag", "name": "t-tag", "id": "t"},
        {"type": "kubernetes:core/v1:Service", "name": "s-service", "id": "n/s"},
    ]
