"""Where everything stands: groups stacked in a lane each, edges from lane to lane."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from serverless_mesh.cli.graph.model import Edge, Graph, Group, Lane, Mark, Node
from serverless_mesh.cli.graph.text import label, width, wrapped

KIND, NAME, LINE, MARK = 10.0, 13.0, 11.5, 11.0
"""Sizes of text."""
LEADING: Final = 1.35
MARGIN: Final = 28.0
PADDING: Final = 10.0
_SIDE: Final = 18.0
"""Between the frame of a group and its boxes, where edges go round boxes."""
_BETWEEN, _LINKED = 12.0, 32.0
"""Between boxes of a group: alone, and where an edge leads from one to the other."""
_GROUPS: Final = 22.0
_LANES: Final = 64.0
_NARROWEST, _WIDEST = 120.0, 264.0
_ROUND: Final = 13.0
"""How far an edge stands off that goes round a box."""
_ANCHOR: Final = 24.0
"""Where an edge meets a group, below its top."""


class Text(NamedTuple):
    """A line of text in a box: its size, and whether it is bold, a kind, or a mark."""

    value: str
    size: float
    bold: bool = False
    mark: Mark | None = None
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


@dataclass(frozen=True)
class Line:
    """An edge: its ends, the points that it is drawn towards, and where its label stands."""

    edge: Edge
    points: tuple[Point, Point, Point, Point]
    at: Point
    anchor: str


@dataclass(frozen=True)
class Picture:
    """All of it, with the lanes' headings."""

    groups: tuple[Placed, ...]
    nodes: tuple[Placed, ...]
    lines: tuple[Line, ...]
    headings: tuple[tuple[Point, str], ...]
    width: float
    height: float
    """Down to the lowest group."""


def laid_out(graph: Graph, top: float) -> Picture:
    """Find a place for everything below `top`; the same graph has the same picture."""
    lanes = {lane: [group for group in graph.groups if group.lane is lane] for lane in Lane}
    used = {lane: groups for lane, groups in lanes.items() if groups}
    widths = {lane: _width(groups) for lane, groups in used.items()}
    x, places = MARGIN, {}
    for lane in used:
        places[lane] = x
        x += widths[lane] + 2 * _SIDE + _gap(graph, lane)
    right = max((places[lane] + widths[lane] + 2 * _SIDE for lane in used), default=MARGIN)
    tops = _tops(graph, used, widths, top + 26)
    links = _links(graph.edges)
    groups, nodes = [], []
    for lane, found in used.items():
        for group in found:
            placed = _group(group, places[lane], tops[group.id], widths[lane], links)
            groups.append(placed[0])
            nodes += placed[1:]
    boxes = {each.group.id: each.box for each in groups if each.group}
    own = {each.node.id: each.box for each in nodes if each.node}
    lines = tuple(_lines(graph.edges, own, boxes))
    headings = tuple((Point(places[lane], top + 10), lane.value) for lane in used)
    bottom = max((each.box.bottom for each in groups), default=top)
    return Picture(tuple(groups), tuple(nodes), lines, headings, right + MARGIN, bottom)


def _gap(graph: Graph, lane: Lane) -> float:
    """Return how far the next lane stands off: as far as the labels between them ask for."""
    lane_of = {group.id: group.lane for group in graph.groups}
    lane_of |= {node.id: group.lane for group in graph.groups for node in group.nodes}
    said = (
        edge.label or str(edge.way)
        for edge in graph.edges
        if lane_of[edge.source] is lane and lane_of[edge.target] is not lane
    )
    return max(_LANES, *(width(each, KIND) + 30 for each in said), 0)


def _width(groups: Sequence[Group]) -> float:
    """Return how wide the boxes of a lane are."""
    wanted = [_NARROWEST]
    for group in groups:
        for text in _raw(group):
            wanted.append(width(text.value, text.size, text.bold))
        for node in group.nodes:
            for text in _raw(node):
                wanted.append(width(text.value, text.size, text.bold) + 2 * PADDING)
    return min(_WIDEST, max(wanted))


def _raw(item: Node | Group) -> Iterator[Text]:
    """List what is written in a box, a text each."""
    change = f" ({item.change})" if isinstance(item, Node) and item.change else ""
    yield Text(f"{label(item.kind)}{change}", KIND, muted=True)
    if item.name:
        yield Text(label(item.name), NAME, bold=True)
    for line in item.lines:
        yield Text(label(line), LINE)
    for mark in item.marks:
        yield Text(mark.label, MARK, bold=True, mark=mark)


def _texts(item: Node | Group, room: float) -> tuple[Text, ...]:
    return tuple(
        text._replace(value=line)
        for text in _raw(item)
        for line in wrapped(text.value, room, text.size, 3 if text.bold else 2, text.bold)
    )


def _height(texts: Sequence[Text]) -> float:
    return sum(text.size * LEADING for text in texts) + 2 * PADDING


def _group(
    group: Group, x: float, y: float, room: float, links: Set[frozenset[str]]
) -> list[Placed]:
    """Place a group with its boxes below each other; the group comes first."""
    own = _texts(group, room)
    below = y + _height(own)
    nodes: list[Placed] = []
    for before, node in zip((None, *group.nodes), group.nodes, strict=False):
        if before is not None:
            below += _LINKED if frozenset({before.id, node.id}) in links else _BETWEEN
        texts = _texts(node, room - 2 * PADDING)
        nodes.append(Placed(Box(x + _SIDE, below, room, _height(texts)), texts, node=node))
        below = nodes[-1].box.bottom
    bottom = nodes[-1].box.bottom + _SIDE if nodes else below
    frame = Box(x, y, room + 2 * _SIDE, bottom - y)
    return [Placed(frame, own, group=group), *nodes]


def _tops(
    graph: Graph, lanes: Mapping[Lane, Sequence[Group]], widths: Mapping[Lane, float], top: float
) -> dict[str, float]:
    """Return where each group begins: near what it is connected with, in its lane's order.

    The ingress gateway comes first; the others go by what stands already.
    """
    links = _links(graph.edges)
    order = [Lane.INGRESS, Lane.CALLERS, Lane.GATEWAYS, Lane.KNATIVE, Lane.PROJECTS]
    tops: dict[str, float] = {}
    heights: dict[str, float] = {}
    """The middle of each end of an edge, as far as it has a place."""
    for lane in order:
        shapes = {
            group.id: _group(group, 0, 0, widths[lane], links) for group in lanes.get(lane, ())
        }
        wanted = _wanted(graph.edges, shapes, heights)
        found = _stacked(shapes, wanted, top)
        tops |= found
        for identity, shape in shapes.items():
            heights |= {
                end: found[identity] + middle for end, middle in _middles(identity, shape).items()
            }
    return tops


def _links(edges: Sequence[Edge]) -> frozenset[frozenset[str]]:
    return frozenset(frozenset({edge.source, edge.target}) for edge in edges)


def _middles(identity: str, shape: Sequence[Placed]) -> dict[str, float]:
    found = {identity: _ANCHOR}
    found |= {each.node.id: each.box.y + each.box.height / 2 for each in shape[1:] if each.node}
    return found


def _wanted(
    edges: Sequence[Edge], shapes: Mapping[str, Sequence[Placed]], heights: Mapping[str, float]
) -> dict[str, float]:
    """Return where each group had best begin, by the middle of what it is connected with."""
    own = {
        end: (identity, middle)
        for identity, shape in shapes.items()
        for end, middle in _middles(identity, shape).items()
    }
    asked: dict[str, list[float]] = defaultdict(list)
    for edge in edges:
        for end, other in ((edge.source, edge.target), (edge.target, edge.source)):
            if end in own and other in heights:
                identity, middle = own[end]
                asked[identity].append(heights[other] - middle)
    return {identity: sum(found) / len(found) for identity, found in asked.items()}


def _stacked(
    shapes: Mapping[str, Sequence[Placed]], wanted: Mapping[str, float], top: float
) -> dict[str, float]:
    """Stack groups, each where it had best begin or below the one before, and then all higher."""
    below, found = top, {}
    for identity, shape in shapes.items():
        found[identity] = max(below, wanted.get(identity, below))
        below = found[identity] + shape[0].box.height + _GROUPS
    excess = [found[identity] - best for identity, best in wanted.items()]
    first = min(found.values(), default=top)
    higher = min(max(0.0, sum(excess) / len(excess) if excess else 0.0), first - top)
    return {identity: y - higher for identity, y in found.items()}


@dataclass
class _Side:
    """The ends of edges on one side of a box, spread over it."""

    ends: list[tuple[float, int]] = field(default_factory=list)

    def place(self, index: int, box: Box, whole: bool) -> float:
        """Return the height at which the edge of an index meets the side."""
        if not whole:
            return box.y + _ANCHOR
        order = [each for _, each in sorted(self.ends)]
        return box.y + box.height * (order.index(index) + 1) / (len(order) + 1)


def _lines(
    edges: Sequence[Edge], nodes: Mapping[str, Box], groups: Mapping[str, Box]
) -> Iterator[Line]:
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
    return Line(edge, points, Point(start.x - 4, source.bottom + 12), "start")
