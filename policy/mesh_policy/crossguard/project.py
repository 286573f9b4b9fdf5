"""Which folder the Pulumi project is in whose stack a policy pack checks.

The engine runs a pack in the pack's own folder, wherever that is, and says the project's name only.
The engine itself runs in the project.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from mesh_policy.reading.documents import DocumentError, parse
from mesh_policy.reading.files import FileError, read_text
from mesh_policy.reading.values import mapping

_FILES: Final = ("Pulumi.yaml", "Pulumi.yml", "Pulumi.json")
_LARGEST: Final = 16 << 20
"""Bytes of a project file."""
_ANCESTORS: Final = 4
"""The engine starts a pack by a script or two."""


@cache
def folder() -> Path | None:
    """Return the project's folder, None where it is not known."""
    name = os.environ.get("PULUMI_PROJECT")
    return find(name, (*_working_folders(), Path.cwd())) if name else None


def find(name: str, starts: Iterable[Path]) -> Path | None:
    """Return the folder of the project of that name, at or above one of the folders."""
    for start in starts:
        for place in (start, *start.parents):
            if any(_project(place / file).get("name") == name for file in _FILES):
                return place
    return None


def _project(file: Path) -> Mapping[str, Any]:
    try:
        return mapping(parse(read_text(file, _LARGEST)))
    except (FileError, DocumentError):
        return {}


def _working_folders() -> Iterator[Path]:
    """Return the working folders of the processes that started this one, the nearest first."""
    process = os.getppid()
    for _ in range(_ANCESTORS):
        place = Path("/proc") / str(process)
        try:
            yield (place / "cwd").readlink()
            # The name is in brackets and may hold anything.
            process = int((place / "stat").read_text("utf-8").rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            return
