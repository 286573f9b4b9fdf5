"""What a change does to traffic, and what tells it: fields that differ."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from mesh_policy.reading.values import at, walk
from serverless_mesh.cli.report.preview import Change


class Weight(IntEnum):
    """How much an effect matters; the heaviest are shown first."""

    OUTAGE = 0
    """Traffic stops, or is not protected, until somebody mends it."""
    INTERRUPTION = 1
    """It may stop for a moment."""
    NOTICE = 2
    """It goes on, otherwise than before."""


@dataclass(frozen=True, order=True)
class Effect:
    """What a change does to traffic; `title` names the object."""

    weight: Weight
    title: str
    says: str


Told = Iterator[tuple[Weight, str]]


def differs(change: Change, *path: str) -> bool:
    """Say whether an update changes what stands at a path."""
    old, new = at(change.old.inputs, *path), at(change.new.inputs, *path)
    if old == new:
        # What somebody else changed is seen by the plugin alone.
        return any(_leads(field, path) for field in change.fields)
    return True


def _leads(field: str, path: tuple[str, ...]) -> bool:
    place = ".".join(path)
    return field == place or field.startswith((f"{place}.", f"{place}["))


def others(change: Change, said: set[tuple[str, ...]]) -> list[str]:
    """Return the parts of the spec that differ beside what was said of others."""
    known = tuple(".".join(path) for path in said if path)
    old, new = (
        dict(walk(at(tree, "spec"), "spec")) for tree in (change.old.inputs, change.new.inputs)
    )
    found = {
        path
        for path in old.keys() | new.keys()
        if old.get(path) != new.get(path) and not path.startswith(known)
    }
    return sorted({".".join(path.split(".")[:2]) for path in found} - {"spec.version"})
