"""The rule on conflicting Gateways agrees with istiod in clusters drawn from fixed seeds.

`python -m bench gateways` compares them in many more.
"""

import random
import sys
from random import Random

import pytest

from mesh_policy.reading.objects import Given
from mesh_policy.rules.no_conflicting_wildcard_gateway import RULE
from mesh_policy.world import World
from tests.differential.gateway_worlds import LAYOUTS, cluster
from tests.differential.gateways import Comparison, added, compare
from tests.policy.cases import findings
from toolchain.mesh.traffic import IstioTraffic

CLUSTERS = 200


def test_the_rule_and_istiod_agree(capsys: pytest.CaptureFixture[str]) -> None:
    total = Comparison()
    with IstioTraffic() as istio:
        for seed in range(CLUSTERS):
            found = compare(istio, cluster(Random(seed)))
            assert not found.differences, f"seed {seed}: {found.differences}"
            total = added(total, found)
    with capsys.disabled():
        sys.stdout.write(f"\n{CLUSTERS} clusters of seeds from 0: {total.counts}\n")
    # What is drawn has something to find.
    assert total.conflicts > CLUSTERS / 10
    assert total.compared > 2 * total.conflicts


def test_what_is_drawn_has_every_layout() -> None:
    drawn = {cluster(Random(seed)).layout.name for seed in range(50)}
    assert drawn == {layout.name for layout in LAYOUTS}


@pytest.mark.parametrize("seed", range(300))
def test_the_order_of_the_objects_changes_nothing(seed: int) -> None:
    objects = cluster(Random(seed)).objects
    shuffled = list(objects)
    random.Random(seed).shuffle(shuffled)
    in_order, otherwise = (
        World.of(observed=map(Given, each), complete=True) for each in (objects, shuffled)
    )
    assert set(findings(RULE, otherwise)) == set(findings(RULE, in_order))
