"""The reference of the rules follows the rules and the pack."""

import json
import re
from pathlib import Path

import pytest
from pulumi_policy import EnforcementLevel
from typer.testing import CliRunner

from mesh_policy.crossguard.names import EXEMPTED, GATE, OBSERVED, UNDETERMINED, WARNINGS
from mesh_policy.crossguard.pack import gate_level, policies
from mesh_policy.crossguard.session import Session
from mesh_policy.rule import Rule
from mesh_policy.rules import RULES
from serverless_mesh.cli.main import app
from serverless_mesh.cli.rule_reference import plain, reference
from toolchain.docs import examples

ROOT = Path(__file__).resolve().parents[2]
TEXT = reference(RULES, examples())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_is_described_in_full(rule: Rule) -> None:
    _, _, rest = TEXT.partition(f"\n## {rule.id}\n")
    section = rest.partition("\n## ")[0]
    said = [*map(plain, (rule.title, rule.why, rule.remedy)), *rule.section]
    said += [f"Severity: {rule.severity}"]
    said += [f"`{kind}`" for kind in rule.kinds | rule.check_only | rule.by_name.keys()]
    said += [f"Can remediate: {'yes' if rule.remediate else 'no'}"]
    said += [f"`{rule.id}{GATE}` ({gate_level(rule).value} by default)"]
    for text in said:
        assert text in section


def test_every_link_has_its_heading() -> None:
    headings = set(re.findall(r"^## (.+)$", TEXT, re.MULTILINE))
    links = re.findall(r"\[([^\]]+)\]\(#([^)]+)\)", TEXT)
    assert [name for name, _ in links] == [anchor for _, anchor in links]
    assert [name for name, _ in links] == [rule.id for rule in RULES]
    assert {name for name, _ in links} <= headings


def test_the_examples_are_configs_that_the_pack_takes() -> None:
    levels = {policy.name: policy.enforcement_level for policy in policies(RULES, Session(RULES))}
    whole, remediating, *own = map(json.loads, re.findall(r"```json\n(.+?)```", TEXT, re.DOTALL))
    assert whole.keys() - {"all"} <= levels.keys()
    assert whole[OBSERVED].keys() == {"enforcementLevel", "observe"}
    assert len(own) == len(RULES)
    for example in (remediating, *own):
        for name, level in example.items():
            assert EnforcementLevel(level) is not levels[name], "shows what changes"
    able = {rule.id + GATE for rule in RULES if rule.remediate}
    shown = {name for example in own for name, level in example.items() if level == "remediate"}
    assert shown == able
    assert remediating.keys() <= able


def test_the_head_says_what_the_command_takes() -> None:
    said = CliRunner().invoke(app, ["check", "--help"], env={"COLUMNS": "120"}).stdout
    for option in ("--rule", "--mesh", "--format", "--context", "--kubeconfig", "-f"):
        assert option in said
        assert option in TEXT
    for name in (OBSERVED, WARNINGS, UNDETERMINED, EXEMPTED):
        assert f"| `{name}` |" in TEXT
