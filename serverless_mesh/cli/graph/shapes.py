"""Boxes with what is written in them: how large they are, and what overlaps."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from serverless_mesh.cli.graph.model import Group, Level, Node, labels
from serverless_mesh.cli.graph.text import label, wrapped

KIND, NAME, LINE, MARK = 10.0, 13.0, 11.5, 11.0
"""Sizes of text."""
LEADING: Final = 1.35
PADDING: Final = 10.0


class Text(NamedTuple):
    """A line of text in a box: its size, and whether it is bold, muted, or a mark of a level."""

    value: str
    size: float
    bold: bool = False
    level: Level | None = None
    muted: bool = False


class Box(NamedTuple):
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Its right side."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """Its lower side."""
        return self.y + self.height

    def overlaps(self, other: "Box") -> bool:
        """Say whether two rectangles have an area in common."""
        return (
            self.x < other.right
            and other.x < self.right
            and self.y < other.bottom
            and other.y < self.bottom
        )

    def holds(self, other: "Box") -> bool:
        """Say whether a rectangle lies within this one."""
        return (
            self.x <= other.x
            and self.y <= other.y
            and other.right <= self.right
            and other.bottom <= self.bottom
        )


class Point(NamedTuple):
    """A place."""

    x: float
    y: float


@dataclass(frozen=True)
class Placed:
    """A box with what is written in it."""

    box: Box
    texts: tuple[Text, ...]
    node: Node | None = None
    group: Group | None = None


def written(item: Node | Group) -> Iterator[Text]:
    """List what is written in a box, a text each."""
    change = f" ({item.change})" if isinstance(item, Node) and item.change else ""
    yield Text(f"{label(item.kind)}{change}", KIND, muted=True)
    if item.name:
        yield Text(label(item.name), NAME, bold=True)
    for line in item.lines:
        yield Text(label(line), LINE)
    for said, level in labels(item.marks):
        yield Text(said, MARK, bold=True, level=level)


def texts(item: Node | Group, room: float) -> tuple[Text, ...]:
    """Return the lines of a box that has so much room for each."""
    return tuple(
        text._replace(value=line)
        for text in written(item)
        for line in wrapped(text.value, room, text.size, 3 if text.bold else 2, text.bold)
    )


def height(lines: Sequence[Text]) -> float:
    """Return how high a box of such lines is."""
    return sum(line.size * LEADING for line in lines) + 2 * PADDING
