"""The stack files of `examples/`: good, known to an editor by their schema, and explained."""

import json
import re
from pathlib import Path

import pytest
import yaml
from jsonschema import validate
from typer.testing import CliRunner

from serverless_mesh.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("Pulumi.*.yaml"))
MODELINE = re.compile(r"# yaml-language-server: \$schema=(\S+)\n")


@pytest.fixture(params=EXAMPLES, ids=lambda file: file.name)
def example(request: pytest.FixtureRequest) -> Path:
    assert isinstance(request.param, Path)
    return request.param


def test_there_is_one_for_each_environment() -> None:
    names = {file.name.split(".")[1] for file in EXAMPLES}
    assert names == {
        "cert-manager",
        "existing-mesh",
        "own-ca-and-kafka",
        "service-mesh-2",
        "service-mesh-3",
    }


def test_an_example_is_good(example: Path) -> None:
    done = CliRunner().invoke(app, ["config", "check", str(example)])
    assert done.exit_code == 0, done.output


def test_an_editor_finds_the_schema_there_and_where_it_is_copied_to(example: Path) -> None:
    first = MODELINE.match(example.read_text("utf-8"))
    assert first is not None
    for folder in (example.parent, ROOT):
        # Editors take the path from the file's own folder.
        schema = json.loads((folder / first[1]).read_text("utf-8"))
        validate(yaml.safe_load(example.read_text("utf-8")), schema)
    assert schema == json.loads((ROOT / "docs" / "stack-file.schema.json").read_text("utf-8"))


def test_an_example_says_how_it_is_used_and_names_the_cluster(example: Path) -> None:
    text = example.read_text("utf-8")
    assert f"#   cp examples/{example.name} Pulumi.production.yaml\n" in text
    # Before the stack is made, which writes the salt of its passphrase into that file.
    assert text.index("#   cp ") < text.index("#   pulumi stack init production\n")
    assert yaml.safe_load(text)["config"]["kubernetes:context"] == "production"
    assert "PRIVATE KEY" not in text


def test_every_key_of_an_example_is_explained(example: Path) -> None:
    lines = example.read_text("utf-8").splitlines()
    for number, line in enumerate(lines):
        if re.match(r"  [a-z-]+:", line):
            following = lines[number + 1] if number + 1 < len(lines) else ""
            assert lines[number - 1].startswith("  #") or following.startswith("    #"), line
    assert all(len(line) <= 100 for line in lines)
