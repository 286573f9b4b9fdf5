"""What the first update after an import changes in the cluster, object by object.

The preview of the engine can't tell: of a custom resource the plugin imports no spec, so that all
of it shows as new, and what the update takes away does not show. Here each object is compared as it
was imported with what is declared. What `kubectl` wrote and the program does not declare goes: the
plugin takes the fields of that manager for its own.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mesh_policy.findings import Ref
from mesh_policy.reading.objects import merged, ref_of
from mesh_policy.reading.values import at, items, mapping, text

Path = tuple[str, ...]
_TAKEN: Final = ("kubectl", "before-first-apply")
"""How the field managers begin whose fields the plugin makes its own at an update."""
_MARKS: Final = ("pulumi.com/", "kubectl.kubernetes.io/last-applied-configuration")
"""Annotations by which the plugin, or kubectl, keeps book of an object."""
_PLUGIN: Final = "pulumi-kubernetes"
_SET_BY_DEFAULT: Final[Mapping[str, Sequence[Any]]] = {
    "dnsPolicy": ("ClusterFirst",),
    "imagePullPolicy": ("Always", "IfNotPresent"),
    "internalTrafficPolicy": ("Cluster",),
    "maxSurge": ("25%",),
    "maxUnavailable": ("25%",),
    "progressDeadlineSeconds": (600,),
    "protocol": ("TCP",),
    "resources": ({},),
    "restartPolicy": ("Always",),
    "revisionHistoryLimit": (10,),
    "schedulerName": ("default-scheduler",),
    "securityContext": ({},),
    "sessionAffinity": ("None",),
    "terminationGracePeriodSeconds": (30,),
    "terminationMessagePath": ("/dev/termination-log",),
    "terminationMessagePolicy": ("File",),
    "type": ("ClusterIP", "RollingUpdate"),
}
"""What the API server gives to its own kinds where nobody says it: it comes back when it goes."""
_HEAD: Final = ("apiVersion", "kind")
_NAMES: Final = ("name", "namespace")
_OWN_GROUPS: Final = ("", "apps", "policy", "rbac.authorization.k8s.io")


@dataclass(frozen=True)
class Change:
    """A field that changes; `becomes` None: it goes, `was` None: it comes."""

    path: str
    was: Any
    becomes: Any


@dataclass(frozen=True)
class Difference:
    """An object of the stack that is in the cluster, and what the update changes in it."""

    ref: Ref
    changes: tuple[Change, ...]
    replaced: bool = False
    """Whether the update would delete it and make it anew."""


@dataclass(frozen=True)
class Update:
    """What an update does to the Kubernetes objects of a stack that has others' imported."""

    differences: tuple[Difference, ...]
    made: tuple[Ref, ...]
    """Those that are made."""
    deleted: tuple[Ref, ...]
    """Those that are deleted for good."""
    patched: tuple[Change, ...] = ()
    """The fields that are set in what others own; each path begins with the object."""


def update(preview: Mapping[str, Any]) -> Update:
    """Read what `pulumi preview --json` printed."""
    steps = [step for step in map(mapping, items(preview.get("steps"))) if _is_object(step)]
    replaced = {text(step.get("urn")) for step in steps if "replace" in text(step.get("op"))}
    differences: dict[str, Difference] = {}
    made, deleted = [], []
    patched: list[Change] = []
    for step in steps:
        old, new, urn = mapping(step.get("oldState")), mapping(step.get("newState")), step["urn"]
        declared = mapping(new.get("inputs"))
        if _is_patch(step):
            if new and not old:
                patched += _patched(declared)
        elif old and new:
            live = mapping(old.get("outputs"))
            found = Difference(ref_of(declared), tuple(changes(live, declared)), urn in replaced)
            differences.setdefault(urn, found)
        elif new and urn not in replaced:
            made.append(ref_of(declared))
        elif old and step.get("op") == "delete":
            deleted.append(ref_of(mapping(old.get("inputs"))))
    return Update(tuple(differences.values()), tuple(made), tuple(deleted), tuple(patched))


def _token(step: Mapping[str, Any]) -> str:
    types = text(step.get("urn")).split("::")[2:3]
    return types[0].rpartition("$")[2] if types else ""


def _is_object(step: Mapping[str, Any]) -> bool:
    return _token(step).startswith("kubernetes:")


def _is_patch(step: Mapping[str, Any]) -> bool:
    return _token(step).endswith("Patch")


def _patched(declared: Mapping[str, Any]) -> Iterator[Change]:
    """Return the fields of a patch, but for those that only say whose it is."""
    ref = ref_of(declared)
    named = {"metadata": {key: mapping(declared.get("metadata")).get(key) for key in _NAMES}}
    for each in _set({k: v for k, v in declared.items() if k not in _HEAD}, named, None, ()):
        yield Change(f"{ref}: {each.path}", None, each.becomes)


def changes(live: Mapping[str, Any], declared: Mapping[str, Any]) -> Iterator[Change]:
    """Return what becomes of an object when it is as declared, the plugin's own marks left out."""
    taken, held = _fields(live)
    before = {key: value for key, value in live.items() if not key.startswith("__")}
    yield from _set(declared, before, taken or None, ())
    for path, value in _gone(taken, held, before, declared, ()):
        name = path[-1].rpartition("]")[2] or path[-1]
        given = any(value == each for each in _SET_BY_DEFAULT.get(name, ()))
        if not (given and ref_of(declared).kind.group in _OWN_GROUPS):
            yield Change(_written(path), value, None)


def _fields(live: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the fields that the plugin takes for its own, and those that somebody else holds."""
    taken: Mapping[str, Any] = {}
    held: Mapping[str, Any] = {}
    for entry in items(at(live, "metadata", "managedFields")):
        fields, manager = mapping(at(entry, "fieldsV1")), text(at(entry, "manager"))
        if at(entry, "subresource"):
            continue
        if manager.startswith((*_TAKEN, _PLUGIN)):
            taken = merged(taken, fields)
        else:
            held = merged(held, fields)
    return taken, held


def _is_mark(path: Path) -> bool:
    return path[:2] == ("metadata", "annotations") and path[-1].startswith(_MARKS)


def _set(
    declared: Any, live: Any, fields: Mapping[str, Any] | None, path: Path
) -> Iterator[Change]:
    """Return what the declared values change.

    `fields` are those below that the plugin takes for its own: empty where the value has one owner
    as a whole, so that the declared one takes its place; None where they are not the plugin's.
    """
    if isinstance(declared, Mapping) and (live is None or isinstance(live, Mapping)):
        for key, value in declared.items():
            below = {} if fields == {} else at(fields, f"f:{key}")
            yield from _set(value, mapping(live).get(key), below, (*path, str(key)))
        if fields == {}:
            yield from _beside(declared, mapping(live), path)
        if not declared and live is None:
            yield Change(_written(path), None, declared)
    elif isinstance(declared, list) and isinstance(live, list):
        pairs, beside = _paired(declared, live)
        whole = fields == {}
        for label, value, found in pairs:
            below = {} if whole else None
            yield from _set(value, found, below, (*path[:-1], f"{path[-1]}[{label}]"))
        if whole:
            for label, found in beside:
                yield Change(f"{_written(path)}[{label}]", found, None)
    elif declared != live and not _is_mark(path):
        yield Change(_written(path), live, declared)


def _beside(declared: Mapping[str, Any], live: Mapping[str, Any], path: Path) -> Iterator[Change]:
    """Return what goes because the whole that it is in is replaced."""
    for key, value in live.items():
        given = any(value == each for each in _SET_BY_DEFAULT.get(key, ()))
        if key not in declared and not given:
            yield Change(_written((*path, key)), value, None)


def _paired(
    declared: list[Any], live: list[Any]
) -> tuple[list[tuple[str, Any, Any]], list[tuple[str, Any]]]:
    """Pair the items of two lists by their names, else by their places; return those beside too."""
    named = all(isinstance(at(each, "name"), str) for each in (*declared, *live))
    keys = [str(at(each, "name")) if named else str(at_) for at_, each in enumerate(declared)]
    theirs = {
        str(at(each, "name")) if named else str(place): each for place, each in enumerate(live)
    }
    pairs = [(key, each, theirs.get(key)) for key, each in zip(keys, declared, strict=True)]
    return pairs, [(key, each) for key, each in theirs.items() if key not in keys]


def _gone(
    fields: Mapping[str, Any], held: Mapping[str, Any], live: Any, declared: Any, path: Path
) -> Iterator[tuple[Path, Any]]:
    """Return what is taken and not declared, and that nobody else holds."""
    for key, below in fields.items():
        sort, _, name = key.partition(":")
        theirs = held.get(key)
        if sort == "f" and isinstance(live, Mapping) and name in live:
            place: Path = (*path, name)
            value, wanted = live[name], mapping(declared).get(name)
        elif sort == "k" and isinstance(live, list):
            keys = json.loads(name)
            value, wanted = _by_keys(live, keys), _by_keys(items(declared), keys)
            label = at(value, "name") or "/".join(map(str, keys.values()))
            place = (*path[:-1], f"{path[-1]}[{label}]")
            if value is None:
                continue
        else:
            continue
        if below and not (sort == "k" and wanted is None and theirs is None):
            yield from _gone(mapping(below), mapping(theirs), value, wanted, place)
        elif wanted is None and theirs is None and not _is_mark(place):
            yield place, value


def _by_keys(found: Sequence[Any], keys: Mapping[str, Any]) -> Any:
    """Return the item with these keys; one that leaves a key out has its default."""
    for each in found:
        if isinstance(each, Mapping) and all(each.get(k, v) == v for k, v in keys.items()):
            return each
    return None


def _written(path: Path) -> str:
    return ".".join(f"'{part}'" if "." in part and "[" not in part else part for part in path)
