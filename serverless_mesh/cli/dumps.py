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
_SUFFIXES: Final = (".yaml", ".yml", ".json")
_GOT: Final = "get.yaml"


def is_dump(folder: Path) -> bool:
    """Say whether a folder is laid out like that.

    Raises:
        OSError: it can't be looked into.
    """
    if (folder / CLUSTER).is_dir():
        return True
    return any(
        _is_group(group.name) for each in _folders(folder / NAMESPACES) for group in _folders(each)
    )


def _is_group(name: str) -> bool:
    # Folders of manifests have names as well, but hardly that of an API group.
    return name == CORE or ("." in name and not name.startswith("."))


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
