"""The picture as SVG: complete in itself, with a background of its own, and nothing but text."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple
from xml.sax.saxutils import escape, quoteattr

from serverless_mesh.cli.graph.layout import MARGIN, Picture, laid_out
from serverless_mesh.cli.graph.model import Graph, Lane, Level, Mark, Way, foremost, plural, worst
from serverless_mesh.cli.graph.routes import Line
from serverless_mesh.cli.graph.shapes import KIND, LEADING, LINE, MARK, PADDING, Placed, Point
from serverless_mesh.cli.graph.text import label, sentence, width, wrapped

_FONT: Final = "Segoe UI, Roboto, Helvetica Neue, Arial, DejaVu Sans, sans-serif"
_INK, _MUTED, _PAPER = "#1f2933", "#52606d", "#ffffff"
_LANES: Final = {
    Lane.CALLERS: ("#f5f7fa", "#9aa5b1"),
    Lane.INGRESS: ("#edf4fc", "#7da7d9"),
    Lane.GATEWAYS: ("#f5f1fb", "#a78bce"),
    Lane.KNATIVE: ("#ecf8f2", "#74b899"),
    Lane.PROJECTS: ("#fdf6e9", "#d3ab5e"),
}


class _Stroke(NamedTuple):
    color: str
    dashes: str = ""


_WAYS: Final = {
    Way.TLS: _Stroke("#1d4ed8"),
    Way.MUTUAL: _Stroke("#15803d"),
    Way.EITHER: _Stroke("#b45309", "7 4"),
    Way.PLAIN: _Stroke("#c2410c", "3 4"),
    Way.TCP: _Stroke("#475569"),
    Way.CERTIFICATE: _Stroke("#7c3aed", "2 3"),
    Way.UNKNOWN: _Stroke("#6b7280", "1 4"),
}
_LEVELS: Final = {
    Level.ERROR: _Stroke("#b91c1c"),
    Level.WARNING: _Stroke("#a16207"),
    Level.UNDETERMINED: _Stroke("#52606d", "4 3"),
}
_FILLS: Final = {Level.ERROR: "#fff1f1", Level.WARNING: "#fffbeb", Level.UNDETERMINED: "#ffffff"}
_NEW_LINE: Final = "\n"
_COLUMN: Final = 560.0
_NARROWEST: Final = 760.0


def as_svg(graph: Graph) -> str:
    """Return the picture; the same graph is the same text."""
    picture = laid_out(graph, top=74)
    whole = max(_NARROWEST, picture.width)
    below, bottom = _below(graph, whole, picture.height + 26)
    about = _about(graph)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(whole)} {_n(bottom)}" '
        f'width="{_n(whole)}" height="{_n(bottom)}" role="img" aria-labelledby="title about" '
        f"font-family={quoteattr(_FONT)}>",
        f'<title id="title">{_escaped(graph.title)}</title>',
        f'<desc id="about">{_escaped(about)}</desc>',
        f"<defs>{''.join(map(_arrow, Way))}</defs>",
        f'<rect width="100%" height="100%" rx="14" fill="{_PAPER}"/>',
        _text(Point(MARGIN, 38), graph.title, 21, bold=True),
        _text(Point(MARGIN, 59), graph.subtitle, 12.5, _MUTED),
        *(_text(at, name.upper(), KIND, _MUTED, bold=True) for at, name in picture.headings),
        *_drawn(picture),
        *below,
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _drawn(picture: Picture) -> Iterator[str]:
    for group in picture.groups:
        yield from _box(group)
    for line in picture.lines:
        yield _line(line)
    for node in picture.nodes:
        yield from _box(node)
    for line in picture.lines:
        color = _WAYS[line.edge.way].color
        said = line.edge.label or str(line.edge.way)
        yield _text(line.at, said, KIND, color, anchor=line.anchor, halo=True)


def _about(graph: Graph) -> str:
    """Say in a few sentences what is to be seen, for who can't see it."""
    groups = ", ".join(label(f"{group.kind} {group.name}") for group in graph.groups)
    counts = [(level, sum(mark.level is level for mark in graph.marks)) for level in Level]
    found = ", ".join(f"{count} {level.value}" for level, count in counts if count)
    return f"{graph.subtitle}. From left to right: {groups}. Findings: {found or 'none'}."


def _box(placed: Placed) -> Iterator[str]:
    item = placed.node or placed.group
    assert item is not None
    level = worst(item.marks)
    stroke, fill, wide, dashes = "#9aa5b1", _PAPER, 1.2, ""
    if placed.group is not None:
        fill, stroke = _LANES[placed.group.lane]
    if level is not None:
        stroke, dashes = _LEVELS[level]
        wide = 2.6 if level is Level.ERROR else 2
        fill = fill if placed.group is not None else _FILLS[level]
    elif item.gathers:
        dashes = "5 4"
    box = placed.box
    # The whole of what may be cut in the box.
    said = [label(each) for each in (item.kind, item.name, *item.lines) if each]
    said += [sentence(f"{mark.label}: {mark.says}") for mark in foremost(item.marks)]
    yield f"<g><title>{escape(_NEW_LINE.join(said))}</title>"
    yield (
        f'<rect x="{_n(box.x)}" y="{_n(box.y)}" width="{_n(box.width)}" height="{_n(box.height)}" '
        f'rx="{10 if placed.group else 6}" fill="{fill}" stroke="{stroke}" stroke-width="{wide}"'
        f"{_dashed(dashes)}/>"
    )
    y = box.y + PADDING
    x = box.x + (18 if placed.group else PADDING)
    for text in placed.texts:
        y += text.size * LEADING
        color = _MUTED if text.muted else _INK
        if text.level is not None:
            color = _LEVELS[text.level].color
        yield _text(Point(x, y - text.size * 0.3), text.value, text.size, color, bold=text.bold)
    yield "</g>"


def _line(line: Line) -> str:
    color, dashes = _WAYS[line.edge.way]
    start, first, second, end = line.points
    # The arrow's head is drawn beyond the end of the line.
    path = f"M{_p(start)} C{_p(first)} {_p(second)} {_p(end)}"
    name = line.edge.way.name.lower()
    return (
        f'<path d="{path}" fill="none" stroke="{color}" stroke-width="1.8"{_dashed(dashes)} '
        f'marker-end="url(#to-{name})"/>'
    )


def _arrow(way: Way) -> str:
    return (
        f'<marker id="to-{way.name.lower()}" viewBox="0 0 8 8" refX="7.5" refY="4" '
        f'markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">'
        f'<path d="M0 0.5 L8 4 L0 7.5 z" fill="{_WAYS[way].color}"/></marker>'
    )


def _below(graph: Graph, whole: float, top: float) -> tuple[list[str], float]:
    """Return what is written below the picture, and where the paper ends."""
    parts: list[str] = []
    ways = [way for way in Way if any(edge.way is way for edge in graph.edges)]
    x = MARGIN
    for way in ways:
        color, dashes = _WAYS[way]
        parts.append(
            f'<path d="M{_n(x)} {_n(top)} h30" stroke="{color}" stroke-width="2"{_dashed(dashes)}/>'
        )
        parts.append(_text(Point(x + 36, top + 4), str(way), MARK, _INK))
        x += 36 + width(str(way), MARK) + 24
    y = top + 26
    if graph.marks:
        parts.append(_text(Point(MARGIN, y + 8), _heading(graph.marks), 14, bold=True))
        more, y = _listed(graph.marks, whole, y + 22)
        parts += more
    for note in graph.notes:
        for said in wrapped(sentence(note), whole - 2 * MARGIN, MARK, 3):
            parts.append(_text(Point(MARGIN, y + 6), said, MARK, _MUTED))
            y += MARK * LEADING
    return parts, y + 16


def _heading(marks: Sequence[Mark]) -> str:
    words = {
        Level.ERROR: ("error", ""),
        Level.WARNING: ("warning", ""),
        Level.UNDETERMINED: ("thing that can't be told", "things that can't be told"),
    }
    counts = [(sum(mark.level is level for mark in marks), *words[level]) for level in Level]
    return ", ".join(plural(count, one, many) for count, one, many in counts if count)


def _listed(marks: Sequence[Mark], whole: float, top: float) -> tuple[list[str], float]:
    """List the marks, in as many columns as there is room for."""
    columns = max(1, min(3, int((whole - MARGIN) // _COLUMN)))
    room = (whole - 2 * MARGIN - (columns - 1) * MARGIN) / columns
    shown = foremost(marks)
    parts, ends = [], [top] * columns
    for mark in shown:
        column = ends.index(min(ends))
        x = MARGIN + column * (room + MARGIN)
        for said, bold, color in _entry(mark):
            for line in wrapped(sentence(said), room - 16, LINE, 4, bold):
                ends[column] += LINE * LEADING
                parts.append(
                    _text(
                        Point(x + (0 if bold else 16), ends[column]), line, LINE, color, bold=bold
                    )
                )
        ends[column] += 9
    bottom = max(ends)
    if more := len(marks) - len(shown):
        bottom += LINE * LEADING
        said = f"and {more} more, which `serverless-mesh check` lists"
        parts.append(_text(Point(MARGIN, bottom), said, LINE, _MUTED))
    return parts, bottom + 14


def _entry(mark: Mark) -> Iterable[tuple[str, bool, str]]:
    color = _LEVELS[mark.level].color
    yield f"{mark.label}: {mark.about}", True, color
    yield mark.says, False, _INK
    if mark.remedy:
        yield f"do: {mark.remedy}", False, _MUTED


def _text(
    at: Point,
    said: str,
    size: float,
    color: str = _INK,
    *,
    bold: bool = False,
    anchor: str = "start",
    halo: bool = False,
) -> str:
    weight = ' font-weight="600"' if bold else ""
    place = "" if anchor == "start" else f' text-anchor="{anchor}"'
    behind = (
        f' paint-order="stroke" stroke="{_PAPER}" stroke-width="4" stroke-linejoin="round"'
        if halo
        else ""
    )
    return (
        f'<text x="{_n(at.x)}" y="{_n(at.y)}" font-size="{_n(size)}" fill="{color}"'
        f"{weight}{place}{behind}>{_escaped(said)}</text>"
    )


def _dashed(dashes: str) -> str:
    return f' stroke-dasharray="{dashes}"' if dashes else ""


def _escaped(text: str) -> str:
    return escape(sentence(text))


def _p(point: Point) -> str:
    return f"{_n(point.x)} {_n(point.y)}"


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
