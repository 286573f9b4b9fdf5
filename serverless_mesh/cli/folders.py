"""What a folder holds: manifests, what has to be rendered into manifests, and dumps of clusters."""

import os
import shlex
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple, Self

from mesh_policy.reading.documents import DocumentError, parse
from mesh_policy.reading.files import FileError, read_text
from mesh_policy.reading.values import at, text, walk
from serverless_mesh.cli import dumps

SUFFIXES: Final = frozenset({".yaml", ".yml", ".json"})
KUSTOMIZATIONS: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
"""The files by which kustomize knows its folders, in the order in which it looks for them."""
CHART: Final = "Chart.yaml"
TEMPLATE: Final = "{{"
"""Only a template has this, most often where it makes no sense in YAML."""
_TEMPLATES: Final = "templates"
_LARGEST: Final = 16 << 20
"""Bytes of a kustomization."""


@dataclass
class Folder:
    """What was found below a folder."""

    manifests: list[Path] = field(default_factory=list)
    unrendered: list[str] = field(default_factory=list)
    """What has to be rendered, a line each that says how."""
    dumped: list[Path] = field(default_factory=list)
    """The files of dumps that may hold what rules read."""
    dumps: list[Path] = field(default_factory=list)
    """The folders that are dumps."""


def explored(folder: Path, groups: Set[str]) -> Folder:
    """Return what is below a folder; of dumps, the files that may have objects of these groups.

    What is below a kustomization or a chart are its inputs: patches, values, and objects that are
    not as they will be. None of that is a manifest by itself. What is below folders that begin with
    a dot is left out.

    Raises:
        OSError: a folder can't be looked into.
    """
    found = Folder()
    kustomizations: dict[Path, str] = {}
    for place, folders, names in os.walk(folder, onerror=_refuse):
        here = Path(place)
        # What version control, editors and pipelines keep there is nobody's to deploy.
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        if name := next((each for each in KUSTOMIZATIONS if each in names), None):
            kustomizations[here] = name
        elif CHART in names:
            found.unrendered.append(chart(here))
        elif dumps.is_dump(here, groups):
            found.dumps.append(here)
            found.dumped += dumps.files(here, groups)
        else:
            found.manifests += [here / each for each in names if Path(each).suffix in SUFFIXES]
            continue
        folders.clear()
    if kustomizations:
        built = {
            _normal(here): _Kustomization.of(here, name) for here, name in kustomizations.items()
        }
        inputs = {path for each in built.values() for path in each.named}
        found.manifests = [path for path in found.manifests if _normal(path) not in inputs]
        found.unrendered += [each.line for each in _outermost(built)]
    found.manifests.sort()
    found.unrendered.sort()
    return found


def _refuse(error: OSError) -> None:
    # What is not looked into is never good in silence.
    raise error


def kustomization(folder: Path) -> str:
    """Say how a kustomization is rendered."""
    return _render(folder, "a kustomization", "kustomize build")


def chart(folder: Path) -> str:
    """Say how a chart of Helm is rendered."""
    return _render(folder, "a Helm chart", "helm template")


def _render(folder: Path, what: str, command: str) -> str:
    line = f"{command} {shlex.quote(str(folder))} | serverless-mesh check -f -"
    return f"{folder}: it is {what}, to be checked as it is rendered: `{line}`"


def is_recipe(path: Path) -> bool:
    """Say whether a file is no manifest but says what a kustomization or a chart consists of."""
    return path.name in (*KUSTOMIZATIONS, CHART)


def unrendered(path: Path) -> str | None:
    """Say how a file, or a folder of templates, is rendered, where it is an input of such a one."""
    if path.name in KUSTOMIZATIONS:
        return kustomization(path.parent)
    if path.name == CHART:
        return chart(path.parent)
    for place in (path, *path.parents):
        if place.name == _TEMPLATES and (place.parent / CHART).is_file():
            return chart(place.parent)
    return None


class _Kustomization(NamedTuple):
    """A kustomization: how it is rendered, and what it may name by any field, wherever that is."""

    line: str
    named: frozenset[Path]

    @classmethod
    def of(cls, folder: Path, name: str) -> Self:
        """Read one, as far as that can be done."""
        try:
            document = parse(read_text(folder / name, _LARGEST))
        except (FileError, DocumentError):
            return cls(kustomization(folder), frozenset())
        names = {text(value) for _, value in walk(document)} - {""}
        component = f"{folder}: it is a component of kustomize, to be checked with what names it"
        return cls(
            component if at(document, "kind") == "Component" else kustomization(folder),
            frozenset(_normal(folder / each) for each in names if "\0" not in each),
        )


def _normal(path: Path) -> Path:
    return Path(os.path.normpath(path))


def _outermost(built: Mapping[Path, _Kustomization]) -> Iterator[_Kustomization]:
    """List the kustomizations on which none of the others builds; of a circle, one."""
    within = {
        path for folder, each in built.items() for path in each.named & built.keys() - {folder}
    }
    reached: set[Path] = set()
    for folder in sorted(built, key=lambda folder: (folder in within, folder)):
        if folder not in reached:
            yield built[folder]
        pending = [folder]
        while pending:
            path = pending.pop()
            if path not in reached:
                reached.add(path)
                pending += built[path].named & built.keys()
