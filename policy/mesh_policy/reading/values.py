"""Reading objects of any shape: what is missing, of a wrong type or not known yet is data too."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from mesh_policy.escaping import printable
from mesh_policy.reading.private_keys import holds_private_key

_LONGEST: Final = 100
_PRIVATE: Final = re.compile(r"PRIVATE KEY|LS0tLS1CRUdJTi")
"""A key in PEM, or anything in PEM in base64."""


# What is asked millions of times, the most frequent first: of an abstract class it takes long.
_MAPPINGS: Final = (dict, Mapping)
_LEAVES: Final = (str, int, float, type(None))


class Unknown:
    """A value that only the update will tell; it stands for a whole subtree, too."""

    def __copy__(self) -> "Unknown":
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "Unknown":
        return self

    def __repr__(self) -> str:
        return "unknown until update"


UNKNOWN: Final = Unknown()
"""The one value of its type."""


@dataclass(frozen=True)
class Secret:
    """A value that Pulumi holds as a secret; it never shows."""

    value: Any = field(repr=False)


def at(value: Any, *path: str) -> Any:
    """Follow `path` through mappings: the value, None where there is none, UNKNOWN where not known.

    A value of another type in the way counts as none.
    """
    for key in path:
        if value is UNKNOWN:
            return UNKNOWN
        if not isinstance(value, _MAPPINGS):
            return None
        value = value.get(key)
    return value


def items(value: Any) -> Sequence[Any]:
    """Return a list as it is and anything else as an empty one."""
    return value if isinstance(value, list | tuple) else ()


def mapping(value: Any) -> Mapping[str, Any]:
    """Return a mapping as it is and anything else as an empty one."""
    return value if isinstance(value, _MAPPINGS) else {}


def text(value: Any) -> str:
    """Return a text as it is and anything else as an empty one."""
    return value if isinstance(value, str) else ""


def strings(value: Any) -> list[str]:
    """Return the texts in a list; entries of another type and UNKNOWN ones are left out."""
    return [entry for entry in items(value) if isinstance(entry, str)]


def number(value: Any) -> int | None:
    """Return a whole number, also one written as text or as a float, and None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return int(value)
    return None


def truth(value: Any) -> bool | None:
    """Return a boolean, also one written as text, as in annotations; None for anything else."""
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(text(value).lower())


def has_unknown(value: Any) -> bool:
    """Say whether any part of the value is not known until the update."""
    # Without recursion, as in `walk`: how deeply a value nests is up to whoever wrote it.
    pending = [value]
    while pending:
        found = pending.pop()
        if found is UNKNOWN:
            return True
        if not isinstance(found, _LEAVES):
            pending.extend(found.values() if isinstance(found, _MAPPINGS) else items(found))
    return False


def walk(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """List every leaf with its path, as in `spec.servers[0].hosts`."""
    pending = [(path, value)]
    while pending:
        place, found = pending.pop()
        if isinstance(found, _MAPPINGS):
            below = [(f"{place}.{key}" if place else str(key), found[key]) for key in found]
        elif isinstance(found, list | tuple):
            below = [(f"{place}[{index}]", child) for index, child in enumerate(found)]
        else:
            yield place, found
            continue
        pending.extend(reversed(below))


def show(value: Any) -> str:
    """Write a value for a reader: short, on one line, never a key."""
    if value is None:
        return "nothing"
    if isinstance(value, Unknown | Secret):
        return repr(value)
    try:
        line = " ".join((value if isinstance(value, str) else repr(value)).split())
    except RecursionError:
        return "a value that nests too deeply to show"
    if _PRIVATE.search(line) or holds_private_key(line):
        return "a key or certificate"
    line = printable(line)
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def changed(body: Mapping[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """Return a copy of a body with another value at `path`; mappings on the way are made."""
    key, *rest = path
    below = mapping(body.get(key))
    return {**body, key: changed(below, tuple(rest), value) if rest else value}


def settable(body: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    """Say whether `changed` would overwrite nothing on its way that is unknown or no mapping."""
    return all(
        value is None or isinstance(value, _MAPPINGS)
        for value in (at(body, *path[:end]) for end in range(1, len(path)))
    )
