"""The revisions of Service Mesh 3 and their tags: the names by which pods ask for injection."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from mesh_policy.documented.kinds import ISTIO, ISTIO_REVISION, ISTIO_REVISION_TAG
from mesh_policy.findings import Ref
from mesh_policy.reading.objects import Object, Objects
from mesh_policy.reading.values import UNKNOWN, at, items, text

_BY_REVISION: Final = "RevisionBased"
_KINDS: Final = frozenset({ISTIO, ISTIO_REVISION, ISTIO_REVISION_TAG})


@dataclass(frozen=True)
class Revisions:
    """Which control plane stands behind the name of a revision or of a tag.

    A control plane is an Istio, or an IstioRevision that no Istio owns.
    """

    planes: Mapping[str, Object]
    """By the name of a revision, or of a tag that leads to one."""
    revisions: frozenset[str] = frozenset()
    doubtful: frozenset[str] = frozenset()
    """The names of which it can't be told whose they are."""
    versioned: tuple[str, ...] = ()
    """How the names of revisions begin whose version is not known."""
    dangling: Sequence[Object] = field(default=(), repr=False)
    """The tags whose target is not here."""
    shadowed: Sequence[Object] = field(default=(), repr=False)
    """The tags that are named as a revision is, which the operator refuses."""
    unread: bool = False

    def plane(self, name: str) -> Any:
        """Return the control plane of a name: None where nobody has it, UNKNOWN: can't be told."""
        if name in self.planes:
            return self.planes[name]
        doubt = self.unread or name in self.doubtful or name.startswith(self.versioned)
        return UNKNOWN if doubt else None

    def names(self, plane: Ref) -> list[str]:
        """Return the names by which a control plane is asked."""
        return [name for name, each in self.planes.items() if each.ref == plane]


def revisions(objects: Objects) -> Revisions:
    """Return the revisions and the tags that the objects tell of."""
    istios = {item.ref.name: item for item in objects.objects(ISTIO)}
    planes: dict[str, Object] = {}
    versioned: list[str] = []
    doubtful: set[str] = set()
    for name, istio in istios.items():
        found = revision_names(istio)
        planes.update(dict.fromkeys(found, istio))
        if not found:
            versioned.append(f"{name}-")
            doubtful.add(name)
    for item in objects.objects(ISTIO_REVISION):
        planes[item.ref.name] = istios.get(_owner(item), item)
    # Without a cluster and without any control plane, it may be one that is not here.
    unread = not objects.unread.keys().isdisjoint(_KINDS) or not (objects.complete or planes)
    own, dangling, shadowed = dict(planes), [], []
    for tag in objects.objects(ISTIO_REVISION_TAG):
        target, name = tag.get("spec", "targetRef"), tag.ref.name
        found_plane = _target(target, istios, own)
        if name in own:
            shadowed.append(tag)
        elif isinstance(found_plane, Object):
            planes[name] = found_plane
        elif found_plane is UNKNOWN or unread:
            doubtful.add(name)
        else:
            dangling.append(tag)
    return Revisions(
        planes, frozenset(own), frozenset(doubtful), tuple(versioned), dangling, shadowed, unread
    )


def revision_names(istio: Object) -> list[str]:
    """Return the name of an Istio's revision, as the operator makes it; none where not known.

    While the update changes it, both that of now and the next.
    """
    strategy = istio.get("spec", "updateStrategy", "type")
    version = istio.get("spec", "version")
    if strategy is UNKNOWN:
        return []
    active = text(istio.get("status", "activeRevisionName"))
    if strategy != _BY_REVISION:
        return list(dict.fromkeys((istio.ref.name, *((active,) if active else ()))))
    computed = f"{istio.ref.name}-{text(version).replace('.', '-')}" if text(version) else ""
    return list(dict.fromkeys(name for name in (computed, active) if name))


def _owner(revision: Object) -> str:
    """Return the name of the Istio that made a revision."""
    for owner in items(revision.get("metadata", "ownerReferences")):
        if at(owner, "kind") == ISTIO.name:
            return text(at(owner, "name"))
    return ""


def _target(target: Any, istios: Mapping[str, Object], planes: Mapping[str, Object]) -> Any:
    kind, name = at(target, "kind"), at(target, "name")
    if kind is UNKNOWN or name is UNKNOWN:
        return UNKNOWN
    if kind == ISTIO_REVISION.name:
        return planes.get(text(name))
    return istios.get(text(name)) if kind == ISTIO.name else None
