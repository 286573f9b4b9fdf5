"""How edges run: across from lane to lane, or along within one."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from serverless_mesh.cli.graph.model import Edge
from serverless_mesh.cli.graph.shapes import Box, Point

ANCHOR: Final = 24.0
"""Where an edge meets a group, below its top."""
_ROUND: Final = 13.0
"""How far an edge stands off that goes round a box."""


@dataclass(frozen=True)
class Line:
    """An edge: its ends, the points that it is drawn towards, and where its label stands."""

    edge: Edge
    points: tuple[Point, Point, Point, Point]
    at: Point
    anchor: str


@dataclass
class _Side:
    """The ends of edges on one side of a box, spread over it."""

    ends: list[tuple[float, int]] = field(default_factory=list)

    def place(self, index: int, box: Box, whole: bool) -> float:
        """Return the height at which the edge of an index meets the side."""
        if not whole:
            return box.y + ANCHOR
        order = [each for _, each in sorted(self.ends)]
        return box.y + box.height * (order.index(index) + 1) / (len(order) + 1)


def routed(
    edges: Sequence[Edge], nodes: Mapping[str, Box], groups: Mapping[str, Box]
) -> Iterator[Line]:
    """Draw every edge between the boxes that it leads from and to."""
    boxes = {**groups, **nodes}
    sides: dict[tuple[str, str], _Side] = defaultdict(_Side)
    for index, edge in enumerate(edges):
        source, target = boxes[edge.source], boxes[edge.target]
        if source.right <= target.x:
            sides[edge.source, "right"].ends.append((target.y, index))
            sides[edge.target, "left"].ends.append((source.y, index))
    for index, edge in enumerate(edges):
        source, target = boxes[edge.source], boxes[edge.target]
        if source.right <= target.x:
            leaving = sides[edge.source, "right"].place(index, source, edge.source in nodes)
            meeting = sides[edge.target, "left"].place(index, target, edge.target in nodes)
            # The label stands before the frame that the edge leads into.
            frames = [box.x for box in groups.values() if box.holds(target)]
            label_at = Point(min(frames, default=target.x) - 6, meeting - 5)
            ends = Point(source.right, leaving), Point(target.x, meeting)
            yield _across(edge, *ends, label_at)
        else:
            yield _along(edge, source, target, nodes)


def _across(edge: Edge, start: Point, end: Point, label_at: Point) -> Line:
    bend = (end.x - start.x) / 2
    points = (start, Point(start.x + bend, start.y), Point(end.x - bend, end.y), end)
    return Line(edge, points, label_at, "end")


def _along(edge: Edge, source: Box, target: Box, nodes: Mapping[str, Box]) -> Line:
    """Draw an edge within a lane: straight between neighbours, else round what is between them."""
    upper, lower = sorted((source, target), key=lambda box: box.y)
    gap = Box(upper.x, upper.bottom, upper.width, lower.y - upper.bottom)
    if not any(box.overlaps(gap) for box in nodes.values()):
        middle = upper.x + upper.width / 2
        start = Point(middle, source.bottom if source is upper else source.y)
        end = Point(middle, target.y if source is upper else target.bottom)
        label_at = Point(middle + 7, (start.y + end.y) / 2 + 4)
        return Line(edge, (start, start, end, end), label_at, "start")
    start = Point(source.x, source.y + source.height / 2)
    end = Point(target.x, target.y + target.height / 2)
    points = (start, Point(start.x - _ROUND, start.y), Point(end.x - _ROUND, end.y), end)
    return Line(edge, points, Point(source.x + 4, source.bottom + 9.5), "start")
