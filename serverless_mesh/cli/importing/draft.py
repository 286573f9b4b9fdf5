"""Settings as they are gathered from a cluster, and what has to be said about them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mesh_policy.reading.values import at, changed, show
from serverless_mesh.settings import SettingsError, parse

_HEAD: Final = 1
"""The lines of an error before its first setting."""


@dataclass
class Draft:
    """The settings so far, as a stack file has them, and the notes by their topmost keys.

    The key of a note that is about no single one is empty.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    notes: list[tuple[str, str]] = field(default_factory=list)

    def note(self, key: str, text: str) -> None:
        """Say something about a topmost key."""
        self.notes.append((key, text))

    def put(self, path: tuple[str, ...], value: Any, *, source: str) -> bool:
        """Set what was found at `source`, unless no setting takes it, which is said; say whether.

        What is found of what is not there is left to its default.
        """
        if value is None:
            return False
        wanted = changed(self.settings, path, value)
        try:
            parse(wanted, "")
        except SettingsError as error:
            why = " ".join(str(error).splitlines()[_HEAD:]).strip(" -")
            self.note(path[0], f"What {source} has, {show(value)}, no setting takes: {why}.")
            return False
        self.settings = wanted
        return True


def leaves(value: Any, *path: str) -> Iterator[tuple[str, ...]]:
    """Return the paths of all that is no mapping, and of empty ones."""
    if isinstance(value, Mapping) and value:
        for key, below in value.items():
            yield from leaves(below, *path, str(key))
    else:
        yield path


def others(body: Mapping[str, Any], known: set[tuple[str, ...]]) -> list[str]:
    """Return what the spec of an object says besides the paths that are known, as words."""
    found = leaves(at(body, "spec"), "spec")
    return [
        ".".join(path)
        for path in found
        if not any(path[: len(each)] == each for each in known) and path != ("spec",)
    ]
