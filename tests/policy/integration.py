"""The documented integration whole, and with one thing wrong for each rule."""

import copy
from pathlib import Path
from typing import Any

import yaml

from mesh_policy.reading.objects import ref_of
from tests.policy.cases import Loader

FOLDER = Path(__file__).parent
BROKEN: dict[str, dict[str, Any]] = yaml.safe_load((FOLDER / "broken.yaml").read_text("utf-8"))
"""By the rule that must find it."""


def documented() -> list[dict[str, Any]]:
    return list(yaml.load_all((FOLDER / "documented.yaml").read_text("utf-8"), Loader))


def broken(objects: list[dict[str, Any]], rule: str) -> list[dict[str, Any]]:
    """Return the objects with the one thing that the rule must find."""
    change = BROKEN[rule]
    found = copy.deepcopy(objects)
    for index, body in enumerate(found):
        if ref_of(body) == ref_of(change):
            found[index] = merged(body, change)
            return found
    return [*found, change]


def merged(below: Any, above: Any) -> Any:
    """Apply a JSON merge patch (RFC 7396)."""
    if not isinstance(above, dict):
        return above
    below = below if isinstance(below, dict) else {}
    found = {**below, **{key: merged(below.get(key), value) for key, value in above.items()}}
    return {key: value for key, value in found.items() if value is not None}
