"""Pulumi.yaml's schema and the reference follow the settings."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import ValidationError, validate
from typer.testing import CliRunner

from serverless_mesh.cli.main import app
from serverless_mesh.cli.settings_reference import project_config, stack_file_schema
from serverless_mesh.settings import Settings, SettingsError, check, from_config, keys
from toolchain.docs import GENERATED

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("path", GENERATED)
def test_what_is_generated_is_up_to_date(path: str) -> None:
    assert (ROOT / path).read_text("utf-8") == GENERATED[path](), "run `make docs`"


def test_every_key_is_declared_with_type_default_and_description() -> None:
    declared = project_config()
    assert list(declared) == keys()
    for key, entry in declared.items():
        kinds = {"string", "integer", "boolean", "array", "object"}
        assert "type" not in entry or entry["type"] in kinds, key
        assert entry["description"], key
        assert entry["default"] is not None, key
        # The engine would refuse the empty text of a section that is left out.
        assert ("type" in entry) is (key not in {"kafka", "verification", "operators"}), key


def test_the_declared_defaults_are_the_settings_own() -> None:
    def text(value: object) -> str:
        return value if isinstance(value, str) else json.dumps(value)

    given = {
        f"serverless-mesh:{key}": text(entry["default"]) for key, entry in project_config().items()
    }
    assert from_config(given, "test") == Settings()


STACK_FILES = ["Pulumi.dev.yaml", "Pulumi.mesh3.yaml"]
WRONG: list[dict[str, Any]] = [
    {"serverless-mesh:mesh": {"namspace": "a"}},
    {"serverless-mesh:certificate": {"from": "vault"}},
    {"serverless-mesh:kafka": {}},
    {"serverless-mesh:protect": "no"},
]


@pytest.mark.parametrize("path", STACK_FILES)
def test_the_schema_takes_the_stack_files_of_the_project(path: str) -> None:
    validate(yaml.safe_load((ROOT / path).read_text("utf-8")), json.loads(stack_file_schema()))


def test_the_schema_takes_what_is_encrypted() -> None:
    secure = {"secure": "v1:abc"}
    config = {
        "serverless-mesh:privateKey": secure,
        "serverless-mesh:certificate": {"from": "pem", "certificate": secure},
        "kubernetes:kubeconfig": secure,
    }
    validate({"config": config, "encryptionsalt": "v1:"}, json.loads(stack_file_schema()))


@pytest.mark.parametrize("config", WRONG, ids=str)
def test_the_schema_finds_what_the_settings_refuse(config: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        validate({"config": config}, json.loads(stack_file_schema()))
    with pytest.raises(SettingsError):
        check({key.partition(":")[2]: value for key, value in config.items()}, "Pulumi.test.yaml")


@pytest.mark.parametrize("stack", ["dev", "mesh3"])
def test_the_stack_files_of_the_project_are_good(stack: str) -> None:
    done = CliRunner().invoke(app, ["config", "check", str(ROOT / f"Pulumi.{stack}.yaml")])
    assert done.exit_code == 0, done.output


def test_a_bad_stack_file_is_exit_code_1(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.bad.yaml"
    file.write_text(
        "config:\n  serverless-mesh:certificate: {keyBits: 7}\n  serverless-mesh:projekts: []\n"
    )
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


def test_a_key_with_a_colon_too_many_is_not_left_to_others(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.bad.yaml"
    file.write_text("config:\n  serverless-mesh:mesh:version: 2\n  kubernetes:context: c\n")
    done = CliRunner().invoke(app, ["config", "check", str(file)])
    assert done.exit_code == 1
    assert "serverless-mesh:mesh:version is no setting" in done.output
