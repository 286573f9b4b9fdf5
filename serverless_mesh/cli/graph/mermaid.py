"""The picture as Mermaid, which GitHub, GitLab and others draw in Markdown by themselves."""

from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap
from typing import Final

from serverless_mesh.cli.graph.model import Graph, Group, Mark, Node, Way, foremost, labels, worst
from serverless_mesh.cli.graph.text import label, sentence

_ARROWS: Final = {
    Way.TLS: "-->",
    Way.MUTUAL: "==>",
    Way.EITHER: "-.->",
    Way.PLAIN: "-.->",
    Way.TCP: "-->",
    Way.CERTIFICATE: "-.->",
    Way.UNKNOWN: "-.->",
}
_COLORS: Final = {
    Way.TLS: "#1d4ed8",
    Way.MUTUAL: "#15803d",
    Way.EITHER: "#b45309",
    Way.PLAIN: "#c2410c",
    Way.TCP: "#475569",
    Way.CERTIFICATE: "#7c3aed",
    Way.UNKNOWN: "#6b7280",
}
_CLASSES: Final = {
    "box": "fill:#ffffff,stroke:#9aa5b1,color:#1f2933",
    "frame": "fill:#f3f6fa,stroke:#7da7d9,color:#1f2933",
    "more": "fill:#ffffff,stroke:#9aa5b1,color:#1f2933,stroke-dasharray:5 4",
    "error": "fill:#fff1f1,stroke:#b91c1c,color:#7f1d1d,stroke-width:3px",
    "warning": "fill:#fffbeb,stroke:#a16207,color:#713f12,stroke-width:2px",
    "undetermined": "fill:#ffffff,stroke:#52606d,color:#1f2933,stroke-dasharray:4 3",
}
_COLUMN: Final = 80
_LETTERS: Final = frozenset("→…⚠")


def as_mermaid(graph: Graph) -> str:
    """Return the picture; the same graph is the same text."""
    ids = dict(_ids(graph))
    lines = [
        *_config(graph),
        "flowchart LR",
        f"  accTitle: {_escaped(sentence(graph.title))}",
        f"  accDescr: {_escaped(sentence(graph.subtitle))}",
    ]
    for group in graph.groups:
        lines += _group(group, ids)
    for edge in graph.edges:
        said = _escaped(edge.label or str(edge.way))
        lines.append(f'  {ids[edge.source]} {_ARROWS[edge.way]}|"{said}"| {ids[edge.target]}')
    lines += _findings(graph.marks)
    # Said before the edges, it would not hold for the frames that these lead to.
    lines += [f"  class {ids[group.id]} {_frame(group)}" for group in graph.groups]
    lines += ["  class findings frame"] if graph.marks else []
    lines += [f"  classDef {name} {style}" for name, style in _CLASSES.items()]
    for way, color in _COLORS.items():
        which = [str(index) for index, edge in enumerate(graph.edges) if edge.way is way]
        if which:
            lines.append(f"  linkStyle {','.join(which)} stroke:{color}")
    return "\n".join(lines) + "\n"


def _config(graph: Graph) -> Iterator[str]:
    """Have lines broken here, not where Mermaid would, and leave room for what frames say."""
    most = max(
        (1 + len(group.lines) + len(labels(group.marks)) for group in graph.groups), default=1
    )
    yield from ("---", "config:", "  flowchart:", "    wrappingWidth: 640")
    yield from (f"    subGraphTitleMargin: {{bottom: {24 * (most - 1)}}}", "---")


def _ids(graph: Graph) -> Iterator[tuple[str, str]]:
    for number, group in enumerate(graph.groups, 1):
        yield group.id, f"g{number}"
    for number, node in enumerate(graph.nodes(), 1):
        yield node.id, f"n{number}"


def _group(group: Group, ids: dict[str, str]) -> Iterator[str]:
    yield f'  subgraph {ids[group.id]}["{_label(group)}"]'
    if not group.nodes:
        # A subgraph without nodes is drawn as one.
        yield f'    {ids[group.id]}n[" "]:::more'
    for node in group.nodes:
        yield f'    {ids[node.id]}["{_label(node)}"]:::{_class(node)}'
    yield "  end"


def _frame(group: Group) -> str:
    level = worst(group.marks)
    return level.value if level else "more" if group.gathers else "frame"


def _class(node: Node) -> str:
    level = worst(node.marks)
    return level.value if level else "more" if node.gathers else "box"


def _label(item: Node | Group) -> str:
    change = f" ({item.change})" if isinstance(item, Node) and item.change else ""
    lines = [f"{item.kind} {item.name}".strip() + change, *item.lines]
    return "<br/>".join(
        [
            *(_escaped(label(line)) for line in lines),
            *(_escaped(said) for said, _ in labels(item.marks)),
        ]
    )


def _findings(marks: Sequence[Mark]) -> Iterable[str]:
    """List what was found in a frame of its own, one below the other."""
    if not marks:
        return
    shown = foremost(marks)
    yield '  subgraph findings["Findings"]'
    yield "    direction TB"
    for mark in shown:
        said = [f"{mark.label}: {mark.about}", mark.says]
        said += [f"do: {mark.remedy}"] if mark.remedy else []
        lines = [line for each in said for line in wrap(sentence(each), _COLUMN)]
        yield f'    f{mark.number}["{"<br/>".join(map(_escaped, lines))}"]:::{mark.level.value}'
    names = [f"f{mark.number}" for mark in shown]
    if more := len(marks) - len(shown):
        yield f'    more["and {more} more, which serverless-mesh check lists"]:::more'
        names.append("more")
    for column in (names[::2], names[1::2]):
        if len(column) > 1:
            yield f"    {' ~~~ '.join(column)}"
    yield "  end"


def _escaped(text: str) -> str:
    """Write whatever could mean something to Mermaid, to HTML or to Markdown as its number."""
    return "".join(_coded(char) for char in text)


def _coded(char: str) -> str:
    if char.isascii() and (char.isalnum() or char in " -/.,:=()"):
        return char
    return char if char in _LETTERS or (not char.isascii() and char.isalpha()) else f"#{ord(char)};"
