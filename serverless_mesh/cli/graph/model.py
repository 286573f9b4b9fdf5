"""What a picture shows, whatever it is printed as: groups of nodes, edges, and marks on them.

Texts are as they were found; each printer escapes them its own way.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any, Final

from mesh_policy.findings import Ref

_MARKS_IN_A_BOX: Final = 3
_MARKS_LISTED: Final = 12


class Lane(Enum):
    """Where a group stands, from who calls to what is called."""

    CALLERS = "Who calls"
    INGRESS = "The mesh and its ingress gateway"
    GATEWAYS = "What the gateway listens for"
    KNATIVE = "Knative"
    PROJECTS = "Projects, and what is outside"


class Way(StrEnum):
    """How something travels from one node to another."""

    TLS = "TLS"
    MUTUAL = "mTLS"
    EITHER = "mTLS or plaintext"
    PLAIN = "plaintext"
    TCP = "TCP"
    CERTIFICATE = "certificate"
    UNKNOWN = "not known"


class Level(Enum):
    """How much a mark matters, the most first."""

    ERROR = "error"
    WARNING = "warning"
    UNDETERMINED = "undetermined"


@dataclass(frozen=True)
class Mark:
    """A finding, by its number in the picture: what was found, and what to do."""

    number: int
    level: Level
    rule: str
    about: Ref
    says: str
    remedy: str = ""

    @property
    def label(self) -> str:
        """How it is called beside the node that it is on."""
        sign = "?" if self.level is Level.UNDETERMINED else "⚠"
        return f"{sign} {self.number} {self.rule}"


@dataclass(frozen=True)
class Node:
    """A box: what it is, its name, and what there is to say about it.

    `stands_for` are the objects that it shows; findings about them are marked on it.
    """

    id: str
    kind: str
    name: str
    lines: tuple[str, ...] = ()
    stands_for: frozenset[Ref] = frozenset()
    marks: tuple[Mark, ...] = ()
    change: str = ""
    """What the files do to it in a cluster: `new` or `changed`."""
    gathers: bool = False
    """Whether it is there for several that are not drawn."""


@dataclass(frozen=True)
class Group:
    """A frame round nodes, most often a namespace; `way` is how its pods take calls."""

    id: str
    lane: Lane
    kind: str
    name: str
    lines: tuple[str, ...] = ()
    nodes: tuple[Node, ...] = ()
    marks: tuple[Mark, ...] = ()
    stands_for: frozenset[Ref] = frozenset()
    way: Way | None = None
    gathers: bool = False


@dataclass(frozen=True)
class Edge:
    """A way from a node to another, or to a group; `label` says more than the way itself."""

    source: str
    target: str
    way: Way
    label: str = ""


@dataclass(frozen=True)
class Graph:
    """The picture."""

    title: str
    subtitle: str
    groups: tuple[Group, ...]
    edges: tuple[Edge, ...]
    marks: tuple[Mark, ...] = ()
    notes: tuple[str, ...] = field(default=())
    """What is not in the picture, a sentence each."""

    def nodes(self) -> Iterator[Node]:
        """List the nodes of every group."""
        for group in self.groups:
            yield from group.nodes


def worst(marks: Iterable[Mark]) -> Level | None:
    """Return the level that matters most; None where there is no mark."""
    found = {mark.level for mark in marks}
    return next((level for level in Level if level in found), None)


def foremost(marks: Sequence[Mark]) -> Sequence[Mark]:
    """Return the marks that are listed with what to do: of each rule the first, then others."""
    if len(marks) <= _MARKS_LISTED + 1:
        return marks
    seen: Counter[str] = Counter()
    turns = []
    for mark in marks:
        turns.append((seen[mark.rule], mark.number, mark))
        seen[mark.rule] += 1
    chosen = sorted(turns, key=lambda turn: turn[:2])[:_MARKS_LISTED]
    return [mark for _, _, mark in sorted(chosen, key=lambda turn: turn[1])]


def labels(marks: Sequence[Mark]) -> list[tuple[str, Level]]:
    """Return how the marks of a box are written in it, the first few of them by themselves."""
    shown = marks if len(marks) <= _MARKS_IN_A_BOX + 1 else marks[:_MARKS_IN_A_BOX]
    found = [(mark.label, mark.level) for mark in shown]
    if rest := marks[len(shown) :]:
        found.append((f"and {len(rest)} more", rest[0].level))
    return found


def listed(names: Sequence[Any], limit: int, what: str = "more") -> str:
    """Write names in a row, the first few of them and how many there are besides."""
    shown, rest = [str(name) for name in names[:limit]], len(names) - limit
    if rest == 1 and limit:
        return ", ".join(map(str, names))
    if rest <= 0:
        return ", ".join(shown)
    return f"{', '.join(shown)} and {rest} {what}" if shown else f"{rest} {what}"


def plural(count: int, one: str, many: str = "") -> str:
    """Write a number of things."""
    return f"{count} {one if count == 1 else many or one + 's'}"
