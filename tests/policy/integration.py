"""The documented integration whole, and with one thing wrong for each rule."""

import copy
from pathlib import Path
from typing import Any

import yaml

from mesh_policy.reading.objects import ref_of
from tests.policy.cases import Loader

FOLDER = Path(__file__).parent
Body = dict[str, Any]


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


def merged(below: Any, above: Any) -> Any:
    """Apply a JSON merge patch (RFC 7396)."""
    if not isinstance(above, dict):
        return above
    below = below if isinstance(below, dict) else {}
    found = {**below, **{key: merged(below.get(key), value) for key, value in above.items()}}
    return {key: value for key, value in found.items() if value is not None}
