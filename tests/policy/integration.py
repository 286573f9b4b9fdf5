"""The documented integration whole, and with one thing wrong for each rule."""

import copy
from collections import defaultdict
from pathlib import Path
from typing import Any

import yaml

from mesh_policy.findings import Violation
from mesh_policy.reading.objects import Given, ref_of
from mesh_policy.rule import evaluate
from mesh_policy.rules import RULES
from mesh_policy.world import World
from tests.policy.cases import Loader

FOLDER = Path(__file__).parent
Body = dict[str, Any]


CLUSTER: Body = {
    "apiVersion": "config.openshift.io/v1",
    "kind": "Ingress",
    "metadata": {"name": "cluster"},
    "spec": {"domain": "apps.openshift.example.com"},
}
"""Says the domain under which the cluster serves."""


def _broken(file: str) -> dict[str, Body]:
    return dict(yaml.safe_load((FOLDER / file).read_text("utf-8")))


BROKEN = _broken("broken.yaml")
"""By the rule that must find it."""
BROKEN_3 = _broken("broken-service-mesh-3.yaml")
"""The same, of Service Mesh 3."""


def documented(file: str = "documented.yaml") -> list[Body]:
    return list(yaml.load_all((FOLDER / file).read_text("utf-8"), Loader))


def broken(objects: list[Body], change: Body) -> list[Body]:
    """Return the objects with the one thing that is wrong."""
    found = copy.deepcopy(objects)
    for each in change["items"] if change["kind"] == "List" else [change]:
        refs = [ref_of(body) for body in found]
        if (ref := ref_of(each)) in refs:
            index = refs.index(ref)
            found[index] = merged(found[index], each)
        else:
            found.append(each)
    return found


def together(changes: dict[str, Body]) -> list[tuple[list[str], list[Body]]]:
    """Gather the rules whose bad cases can stand in one whole, each with what is wrong at once.

    Each rule finds there exactly what it finds where its own case is all that is wrong.
    """
    whole = documented()
    alone = {rule: findings(broken(whole, change))[rule] for rule, change in changes.items()}
    groups: list[tuple[list[str], list[Body]]] = []
    for rule, change in changes.items():
        for index, (others, objects) in enumerate(groups):
            rules, tried = [*others, rule], broken(objects, change)
            found = findings(tried)
            if all(found[each] == alone[each] for each in rules):
                groups[index] = rules, tried
                break
        else:
            groups.append(([rule], broken(whole, change)))
    return groups


def findings(objects: list[Body]) -> dict[str, set[Violation]]:
    """Return what every rule finds wrong with the objects on a cluster, by the rule."""
    found = defaultdict[str, set[Violation]](set)
    for result in evaluate(RULES, World.of([Given(CLUSTER), *map(Given, objects)])):
        if isinstance(result.finding, Violation):
            found[result.rule.id].add(result.finding)
    return found


def merged(below: Any, above: Any) -> Any:
    """Apply a JSON merge patch (RFC 7396)."""
    if not isinstance(above, dict):
        return above
    below = below if isinstance(below, dict) else {}
    found = {**below, **{key: merged(below.get(key), value) for key, value in above.items()}}
    return {key: value for key, value in found.items() if value is not None}
