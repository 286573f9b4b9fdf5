"""The folders that `oc adm inspect` and `oc adm must-gather` write: where objects stand in them.

An object is at `namespaces/<namespace>/<group>/<resources>/<name>.yaml`, a list of them at
`namespaces/<namespace>/<group>/<resources>.yaml`, a namespace in its own folder, and what has no
namespace below `cluster-scoped-resources`. The must-gather of Serverless puts its own kinds to
`<namespace>/<resources>.<group>/get.yaml`. Whatever else is there is no object, or one once more:
logs, metrics, Envoy's configuration, each pod beside its logs.
"""

import os
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Final

NAMESPACES: Final = "namespaces"
CLUSTER: Final = "cluster-scoped-resources"
CORE: Final = "core"
"""The folder of the group without a name."""
_DOTLESS: Final = frozenset(
    {CORE, "pods", "apps", "autoscaling", "batch", "extensions", "policy", "extra", "controlplane"}
)
"""The folders of a namespace that are not named after a group with a domain."""
_MARKS: Final = ("timestamp", "event-filter.html")
"""What `oc adm inspect` writes beside the folders."""
_SUFFIXES: Final = (".yaml", ".yml", ".json")
_GOT: Final = "get.yaml"


def is_dump(folder: Path, groups: Set[str]) -> bool:
    """Say whether a folder is laid out like that: folders of manifests may have the same names.

    Raises:
        OSError: it can't be looked into.
    """
    namespaces = _folders(folder / NAMESPACES)
    if namespaces and any((folder / mark).is_file() for mark in _MARKS):
        return True
    parts = [(each, f"{each.name}.yaml") for each in namespaces]
    if (folder / CLUSTER).is_dir():
        parts.append((folder / CLUSTER, ""))
    found = {each.name for part, _ in parts for each in _folders(part)}
    known = {group or CORE for group in groups}
    return (
        not found.isdisjoint(known)
        and all("." in name or name in _DOTLESS for name in found)
        and not any(file.name != own for part, own in parts for file in _manifests(part))
    )


def files(folder: Path, groups: Set[str]) -> Iterator[Path]:
    """List the files of a dump that may hold objects of some API groups.

    Raises:
        OSError: a folder can't be looked into.
    """
    names = {group or CORE for group in groups}
    yield from _grouped(folder / CLUSTER, names)
    for namespace in _folders(folder / NAMESPACES):
        own = namespace / f"{namespace.name}.yaml"
        if own.is_file():
            yield own
        yield from _grouped(namespace, names)
    for namespace in _folders(folder):
        for resources in _folders(namespace):
            if resources.name.partition(".")[2] in groups - {""} and (resources / _GOT).is_file():
                yield resources / _GOT


def _grouped(folder: Path, names: Set[str]) -> Iterator[Path]:
    for group in _folders(folder):
        if group.name in names:
            yield from _manifests(group)
            for resources in _folders(group):
                yield from _manifests(resources)


def _manifests(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as found:
        names = [each.name for each in found if each.name.endswith(_SUFFIXES) and each.is_file()]
    yield from (folder / name for name in sorted(names))


def _folders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as found:
            names = [each.name for each in found if each.is_dir(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [folder / name for name in sorted(names)]
