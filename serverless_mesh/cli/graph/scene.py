"""What every part of a picture is made with: the world, its marks, and the boxes of objects."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mesh_policy.documented.kinds import Kind
from mesh_policy.findings import Ref
from mesh_policy.mesh.mesh import Mesh
from mesh_policy.reading.objects import Object, merged
from mesh_policy.reading.values import at, items, text
from mesh_policy.world import World
from serverless_mesh.cli.graph.marks import namespace_of
from serverless_mesh.cli.graph.model import Mark, Node, Way
from serverless_mesh.cli.graph.trust import Trust

ROUTER, OUTSIDE, INSIDE, PODS = "router", "outside", "inside", "gateway-pods"
"""Ids of boxes that are no single object."""


@dataclass(frozen=True, eq=False)
class Scene:
    """A world to be drawn."""

    world: World
    trust: Trust
    marks: Mapping[Ref, Sequence[Mark]]

    @property
    def mesh(self) -> Mesh | None:
        """The mesh of Serverless."""
        return self.world.serverless_mesh

    def node(
        self,
        name: str,
        lines: Iterable[str] = (),
        of: Iterable[Object] = (),
        *,
        kind: str = "",
        identity: str = "",
        refs: Iterable[Ref] = (),
    ) -> Node:
        """Make a box of objects, the first of which says what it is, unless that is given."""
        objects = list(of)
        stands_for = frozenset({item.ref for item in objects} | set(refs))
        first = objects[0] if objects else None
        return Node(
            identity or _identity(first, name),
            kind or (first.ref.kind.name if first else ""),
            name,
            tuple(lines),
            stands_for,
            self.on(stands_for),
            self._change(first) if first and not identity else "",
        )

    def on(self, refs: Iterable[Ref]) -> tuple[Mark, ...]:
        """Return the marks on objects, by their numbers."""
        found = {mark.number: mark for ref in refs for mark in self.marks.get(ref, ())}
        return tuple(found[number] for number in sorted(found))

    def within(self, namespaces: Iterable[str]) -> tuple[Mark, ...]:
        """Return the marks on all that is in some namespaces."""
        names = set(namespaces)
        return self.on(ref for ref in self.marks if namespace_of(ref) in names)

    def is_marked(self, item: Object) -> bool:
        """Say whether something was found about an object."""
        return item.ref in self.marks

    def marked_first(self, found: Iterable[Object]) -> list[Object]:
        """Put those first about which something was found; else they stay as they are."""
        return sorted(found, key=lambda item: not self.is_marked(item))

    def marked_namespaces(self) -> set[str]:
        """Return the namespaces in which something was found."""
        return {namespace_of(ref) for ref in self.marks} - {""}

    def _change(self, item: Object) -> str:
        """Say what the files do to an object of the cluster."""
        if not self.world.running or not item.declared:
            return ""
        before = self.world.running.get(item.ref)
        if before is None:
            return "new"
        return "" if merged(before.body, item.body) == before.body else "changed"


def identity_of(kind: Kind, namespace: str, name: str) -> str:
    """Return the id of the box of one object."""
    return f"{kind}/{namespace}/{name}"


def _identity(item: Object | None, name: str) -> str:
    return identity_of(item.ref.kind, item.ref.namespace, item.ref.name) if item else name


def readiness(item: Object) -> list[str]:
    """Say whether an object is Ready, where a cluster has told that."""
    for condition in items(item.get("status", "conditions")):
        if at(condition, "type") == "Ready":
            if at(condition, "status") == "True":
                return ["Ready"]
            reason = text(at(condition, "reason"))
            return [f"not Ready: {reason}" if reason else "not Ready"]
    return []


def mixed(ways: Iterable[Way]) -> Way:
    """Return the way that several have in common; where they have none, it is not known."""
    found = set(ways)
    return found.pop() if len(found) == 1 else Way.UNKNOWN
