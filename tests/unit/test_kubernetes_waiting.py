"""`pulumi.com/waitFor` in the stand-in plugin `kubernetes`."""

from typing import Any

import pytest

from toolchain.providers.kubernetes.waiting import default_goals, parse
from toolchain.providers.plugin import PluginError


def live(generation: int = 1, **status: Any) -> dict[str, Any]:
    return {"kind": "Any", "metadata": {"generation": generation}, "status": status}


READY = [{"type": "Ready", "status": "True"}]
FAILED = [{"type": "Ready", "status": "False", "reason": "NoCpu", "message": "too small"}]


@pytest.mark.parametrize(
    ("text", "status", "reached"),
    [
        ("condition=Ready", {"conditions": READY}, True),
        ("condition=ready", {"conditions": READY}, True),
        ("condition=Ready", {"conditions": FAILED}, False),
        ("condition=Ready=False", {"conditions": FAILED}, True),
        ("condition=Ready", {}, False),
        ("condition=Ready", {"conditions": None}, False),
        ("jsonpath={.status.phase}=Bound", {"phase": "Bound"}, True),
        ("jsonpath=.status.phase=Bound", {"phase": "Bound"}, True),
        ("jsonpath={.status.phase}=Bound", {"phase": "Lost"}, False),
        ("jsonpath={.status.phase}", {"phase": "Lost"}, True),
        ("jsonpath={.status.phase}", {}, False),
        ("jsonpath={.status.list[1].a}=2", {"list": [{}, {"a": 2}]}, True),
        ("jsonpath={.status.list[5].a}=2", {"list": []}, False),
        ('["condition=Ready", "jsonpath={.status.n}=1"]', {"conditions": READY, "n": 1}, True),
        ('["condition=Ready", "jsonpath={.status.n}=1"]', {"conditions": READY, "n": 2}, False),
    ],
)
def test_expressions(text: str, status: dict[str, Any], reached: bool) -> None:
    assert all(goal.reached(live(**status)) for goal in parse(text)) is reached


@pytest.mark.parametrize("text", ["", "Ready", "condition=", "jsonpath=", "[]", "[1]", "[nonsense"])
def test_what_is_no_expression(text: str) -> None:
    with pytest.raises(PluginError, match=r"pulumi.com/waitFor is .* it takes jsonpath=PATH"):
        parse(text)


def test_a_status_of_an_earlier_generation_does_not_count() -> None:
    (goal,) = parse("condition=Ready")
    stale = live(generation=2, observedGeneration=1, conditions=READY)
    assert not goal.reached(stale)
    assert "earlier generation" in goal.progress(stale)
    assert goal.reached(live(generation=2, observedGeneration=2, conditions=READY))


def test_progress_says_the_reason() -> None:
    (goal,) = parse("condition=Ready")
    assert goal.progress(live(conditions=FAILED)) == "condition Ready is False (NoCpu: too small)"


def test_a_deployment_is_awaited_by_itself() -> None:
    deployment = {
        "kind": "Deployment",
        "metadata": {"generation": 2},
        "spec": {"replicas": 2},
        "status": {"observedGeneration": 2, "updatedReplicas": 2, "readyReplicas": 1},
    }
    (goal,) = default_goals(deployment)
    assert not goal.reached(deployment)
    assert goal.progress(deployment) == "1 of 2 replicas are ready"
    deployment["status"] = {"observedGeneration": 2, "updatedReplicas": 2, "readyReplicas": 2}
    assert goal.reached(deployment)
