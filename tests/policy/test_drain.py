"""How `drain-outlasts-serving` remediates a control plane."""

from typing import Any

import pytest

from mesh_policy.reading.objects import Given
from mesh_policy.rules.drain_outlasts_serving import remediate
from mesh_policy.world import World


def plane(**config: str) -> dict[str, Any]:
    return {
        "apiVersion": "maistra.io/v2",
        "kind": "ServiceMeshControlPlane",
        "metadata": {"name": "basic", "namespace": "istio-system"},
        "spec": {"techPreview": {"meshConfig": {"defaultConfig": config}}},
    }


@pytest.mark.parametrize("name", ["terminationDrainDuration", "termination_drain_duration"])
def test_a_shorter_drain_is_replaced_by_whichever_name_it_goes(name: str) -> None:
    short, long = plane(**{name: "20s"}), plane(**{name: "60s"})
    wanted = plane(**{name: "20s", "terminationDrainDuration": "35s"})
    assert remediate(short, World.of([Given(short)])) == wanted
    assert remediate(long, World.of([Given(long)])) is None
