"""Every rule against its fixtures: a YAML file in, the expected findings out."""

from pathlib import Path

import pytest

from mesh_policy.rules import RULES
from tests.policy.cases import FIXTURES, agrees, findings, load, place_of, says, summary

BY_ID = {rule.id: rule for rule in RULES}
PATHS = sorted(FIXTURES.glob("*/*.yaml"))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_rule_finds_what_its_fixture_expects(path: Path) -> None:
    case = load(path)
    found = findings(BY_ID[case.rule], case.world)
    listed = "\n".join(f"- {summary(each)} -- {says(each)}" for each in found) or "nothing"
    assert sorted(map(summary, found)) == sorted(place_of(line) for line in case.expected), listed
    for line in case.expected:
        assert any(agrees(line, each) for each in found), f"{line}\nfound:\n{listed}"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_rule_has_good_and_bad_fixtures(rule: object) -> None:
    own = [load(path) for path in PATHS if path.parent.name == getattr(rule, "id", "")]
    assert any(case.good for case in own)
    assert any(not line.startswith("unknown:") for case in own for line in case.expected)


def test_fixtures_are_of_rules() -> None:
    assert {path.parent.name for path in PATHS} <= set(BY_ID)
