"""All that `-f` names: files, folders, dumps of clusters, and what has to be rendered first."""

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mesh_policy.documented.kinds import Kind
from mesh_policy.reading.objects import Given, kind_of
from serverless_mesh.cli import folders, manifests, skimming, wrappers
from serverless_mesh.cli.hidden import without_hidden
from serverless_mesh.cli.manifests import ManifestError


@dataclass
class Sources:
    """What was read."""

    given: list[Given] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    """What could not be read, or not as it is; a line each that says why and what to do."""
    dumps: list[Path] = field(default_factory=list)
    """The folders that dumps of a cluster are."""


def read(paths: Iterable[Path], kinds: Set[Kind], complete: bool = False) -> Sources:
    """Read files, every manifest below folders, and standard input (`-`).

    Out of dumps only objects of the `kinds` are read. Where the files are `complete`, all of them
    are a dump.

    Raises:
        ManifestError: nothing is there, a manifest is no YAML, or a folder has none.
    """
    found = Sources()
    for path in paths:
        _add(path, kinds, complete, found)
    return found


def _add(path: Path, kinds: Set[Kind], complete: bool, found: Sources) -> None:
    try:
        folder = path.is_dir()
        line = folders.unrendered(path)
        below = folders.explored(path, {kind.group for kind in kinds}) if folder else None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "no file can have this name"
        raise ManifestError(f"{path} can't be read: {why}") from None
    wanted = kinds if complete else None
    if line is not None and (folder or folders.is_recipe(path)):
        found.unchecked.append(line)
    elif below is None:
        name, text = manifests.content(path)
        if line is not None and folders.TEMPLATE in text:
            found.unchecked.append(line)
        else:
            _add_text(text, name, wanted, found)
    else:
        _add_folder(path, below, wanted, kinds, found)


def _add_folder(
    path: Path, below: folders.Folder, wanted: Set[Kind] | None, kinds: Set[Kind], found: Sources
) -> None:
    if not (below.manifests or below.unrendered or below.dumps):
        suffixes = ", ".join(sorted(folders.SUFFIXES))
        raise ManifestError(f"{path} has no file that ends in {suffixes}")
    found.unchecked += below.unrendered
    found.dumps += below.dumps
    for file in below.manifests:
        name, text = manifests.content(file)
        _add_text(text, name, wanted, found)
    for file in below.dumped:
        # What is broken in a dump is one thing more that it does not hold.
        try:
            name, text = manifests.content(file)
            found.given += _documents(text, name, kinds)
        except ManifestError as error:
            found.unchecked.append(str(error))


def _add_text(text: str, name: str, wanted: Set[Kind] | None, found: Sources) -> None:
    for given in _documents(text, name, wanted):
        body, wrapped = wrappers.without_wrappers(given.body)
        found.unchecked += wrappers.lines(wrapped, name, given.source)
        if not wrapped or body is not None:
            found.given.append(given._replace(body=body))


def _documents(text: str, name: str, kinds: Set[Kind] | None) -> Iterator[Given]:
    """Read a text; one out of a dump, of which only some `kinds` matter, with these alone."""
    try:
        if kinds is None:
            for given in manifests.documents(text, name):
                yield given._replace(body=without_hidden(given.body))
            return
        for part in skimming.parts(text, kinds):
            for given in _part(part, name):
                if (body := _some(given.body, kinds)) is not None:
                    yield given._replace(body=without_hidden(body, dumped=True))
    except ManifestError as error:
        if folders.TEMPLATE not in text:
            raise
        raise ManifestError(f"{error}; it has {{{{, so it is a template: render it first") from None


def _part(part: skimming.Part, name: str) -> list[Given]:
    if part.kept != part.whole:
        try:
            return list(manifests.documents(part.kept, name, part.line))
        except ManifestError:
            # Only in the whole is it known on which line.
            pass
    return list(manifests.documents(part.whole, name, part.line))


def _some(body: Any, kinds: Set[Kind]) -> Any:
    """Return what of an object, or of a list of them, is of some kinds; what is none as it is."""
    if not isinstance(body, Mapping):
        return body
    kind = kind_of(body)
    if not kind.name:
        return body
    if not kind.name.endswith("List"):
        return body if kind in kinds else None
    if kind.name != "List":
        return body if kind._replace(name=kind.name.removesuffix("List")) in kinds else None
    if not isinstance(listed := body.get("items"), list):
        return body
    return {**body, "items": [each for each in listed if _some(each, kinds) is not None]}
