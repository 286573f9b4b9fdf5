"""What holds for every rule."""

import pytest

from mesh_policy.documented.kinds import MESH_KINDS
from mesh_policy.rule import Rule
from mesh_policy.rules import RULES


@pytest.mark.parametrize("rule", [each for each in RULES if each.in_mesh], ids=lambda each: each.id)
def test_what_matters_in_a_mesh_reads_what_tells_of_one(rule: Rule) -> None:
    """Alone, as `check --rule` runs it, it took every cluster for one without a mesh."""
    assert rule.kinds >= MESH_KINDS
