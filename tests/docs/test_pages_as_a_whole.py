"""What pages name is there: commands of the console script, files, rules and settings."""

import re
from typing import Any, Final

import pytest
from typer.main import get_command

from mesh_policy.rules import RULES
from serverless_mesh.cli.main import app
from serverless_mesh.settings import keys
from tests.docs.shown import all_commands, pages
from toolchain.paths import ROOT

SCRIPT: Final = "serverless-mesh "
INLINE: Final = re.compile(r"`(serverless-mesh [^`]+)`")
COVERAGE: Final = (ROOT / "docs" / "coverage.md").read_text("utf-8")
PLACES: Final = ("", "tests/")


def usages() -> set[str]:
    """Collect every use of the console script, in blocks and in sentences."""
    found = {
        part.strip()
        for each in all_commands()
        for part in re.split(r"[|;]|&&", each.text)
        if part.strip().startswith(SCRIPT)
    }
    for page in pages():
        found |= {match[1] for match in INLINE.finditer((ROOT / page).read_text("utf-8"))}
    return found


@pytest.mark.parametrize("usage", sorted(usages()))
def test_the_console_script_takes_it(usage: str) -> None:
    command: Any = get_command(app)
    known: set[str] = set()
    for word in usage.removeprefix(SCRIPT).split():
        if subcommands := getattr(command, "commands", None):
            assert word in subcommands, usage
            command = subcommands[word]
            known = {name for option in command.params for name in option.opts}
        elif word.startswith("-") and word != "-":
            assert word in known, f"{usage}: {word}"


def test_the_folder_of_rights_is_listed_in_full() -> None:
    text = (ROOT / "docs" / "guides" / "least-rights.md").read_text("utf-8")
    for file in (ROOT / "deploy").iterdir():
        # The second of two by the version of the mesh is named by its end.
        short = f"`-{file.name.rpartition('-')[2]}`"
        assert f"`{file.name}`" in text or short in text, file.name


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_every_guide_is_named_where_one_begins_to_read(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    for guide in (ROOT / "docs" / "guides").glob("*.md"):
        assert f"guides/{guide.name})" in text, guide.name


def test_what_covers_a_part_of_the_documentation_is_there() -> None:
    rules, settings = {rule.id for rule in RULES}, set(keys())
    for row in re.findall(r"^\| (?!documentation|-).*$", COVERAGE, re.MULTILINE):
        _, _, of_settings, code, of_rules, tests, _ = row.split("|")
        for name in re.findall(r"`([^`]+)`", of_settings):
            assert name.partition(".")[0] in settings, row
        for name in re.findall(r"`([^`]+)`", of_rules):
            assert name in rules, row
        for name in re.findall(r"`([^`]+)`", code + tests):
            assert any((ROOT / place / name).exists() for place in PLACES), f"{row}: {name}"


def test_every_rule_covers_a_part_of_the_documentation() -> None:
    of_updates = {rule.id for rule in RULES if rule.of_updates}
    named = set(re.findall(r"`([a-z0-9-]+)`", COVERAGE))
    assert {rule.id for rule in RULES} - of_updates - named == set()
