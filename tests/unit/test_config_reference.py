"""Pulumi.yaml's schema and the reference follow the settings."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.config import project_config, project_file, reference
from cli.main import app
from settings import Settings, from_config, keys

ROOT = Path(__file__).resolve().parents[2]


def test_the_project_file_is_up_to_date() -> None:
    text = (ROOT / "Pulumi.yaml").read_text("utf-8")
    assert text == project_file(text), "run `make docs`"


def test_the_reference_is_up_to_date() -> None:
    assert (ROOT / "docs" / "configuration.md").read_text("utf-8") == reference(), "run `make docs`"


def test_every_key_is_declared_with_type_default_and_description() -> None:
    declared = project_config()
    assert list(declared) == keys()
    for key, entry in declared.items():
        assert entry["type"] in {"string", "integer", "boolean", "array"}, key
        assert entry["description"], key
        assert entry["default"] is not None, key


def test_the_declared_defaults_are_the_settings_own() -> None:
    def text(value: object) -> str:
        return value if isinstance(value, str) else json.dumps(value)

    given = {
        f"serverless-mesh:{key}": text(entry["default"]) for key, entry in project_config().items()
    }
    assert from_config(given, "test") == Settings()


@pytest.mark.parametrize("stack", ["dev", "example"])
def test_the_stack_files_of_the_project_are_good(stack: str) -> None:
    done = CliRunner().invoke(app, ["config", "check", str(ROOT / f"Pulumi.{stack}.yaml")])
    assert done.exit_code == 0, done.output


def test_a_bad_stack_file_is_exit_code_1(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.bad.yaml"
    file.write_text("config:\n  serverless-mesh:keyBits: 7\n  serverless-mesh:projekts: []\n")
    done = CliRunner().invoke(app, ["config", "check", str(file)])
    assert done.exit_code == 1
    assert "keyBits takes" in done.output
    assert "did you mean projects?" in done.output


@pytest.mark.parametrize("content", ["- a", "config: [", None])
def test_an_unreadable_stack_file_is_exit_code_2(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "Pulumi.bad.yaml"
    if content is not None:
        file.write_text(content)
    assert CliRunner().invoke(app, ["config", "check", str(file)]).exit_code == 2
