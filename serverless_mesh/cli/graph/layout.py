"""Where everything stands: groups stacked in a lane each, edges from lane to lane."""

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Final

from serverless_mesh.cli.graph.model import Edge, Graph, Group, Lane
from serverless_mesh.cli.graph.routes import ANCHOR, Line, routed
from serverless_mesh.cli.graph.shapes import (
    KIND,
    PADDING,
    Box,
    Placed,
    Point,
    height,
    texts,
    written,
)
from serverless_mesh.cli.graph.text import width

MARGIN: Final = 28.0
_SIDE: Final = 18.0
"""Between the frame of a group and its boxes, where edges go round boxes."""
_BETWEEN, _LINKED = 12.0, 32.0
"""Between boxes of a group: alone, and where an edge leads from one to the other."""
_GROUPS: Final = 22.0
_LANES: Final = 64.0
_NARROWEST, _WIDEST = 120.0, 264.0


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
    lines = tuple(routed(graph.edges, own, boxes))
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
        for text in written(group):
            wanted.append(width(text.value, text.size, text.bold))
        for node in group.nodes:
            for text in written(node):
                wanted.append(width(text.value, text.size, text.bold) + 2 * PADDING)
    return min(_WIDEST, max(wanted))


def _group(
    group: Group, x: float, y: float, room: float, links: Set[frozenset[str]]
) -> list[Placed]:
    """Place a group with its boxes below each other; the group comes first."""
    own = texts(group, room)
    below = y + height(own)
    nodes: list[Placed] = []
    for before, node in zip((None, *group.nodes), group.nodes, strict=False):
        if before is not None:
            below += _LINKED if frozenset({before.id, node.id}) in links else _BETWEEN
        inside = texts(node, room - 2 * PADDING)
        nodes.append(Placed(Box(x + _SIDE, below, room, height(inside)), inside, node=node))
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
    found = {identity: ANCHOR}
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
