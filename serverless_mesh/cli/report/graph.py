"""In which order the changed parts are made, as a Mermaid graph: a node a component."""

from collections.abc import Container, Iterable, Mapping
from itertools import pairwise
from typing import Final

from serverless_mesh.cli.report.markdown import label
from serverless_mesh.cli.report.preview import Change, Operation, Preview

_MOST: Final = 40
"""Nodes; a larger graph can't be read."""
_LAST: Final = "::what is deleted"
_MARKS: Final = {
    Operation.CREATE: "+",
    Operation.IMPORT: "+",
    Operation.UPDATE: "~",
    Operation.REPLACE: "±",
    Operation.DELETE: "-",
}


def graph(preview: Preview) -> list[str]:
    """Return the lines of the graph, none where there is no order to show.

    Without dependencies, it is the order in which the engine came to the components. What is
    deleted is so after all the rest.
    """
    changed = [each for each in preview.changes if each.is_made and each.operation in _MARKS]
    parents = {each.urn: each.parent for each in preview.changes}
    groups: dict[str, list[Change]] = {}
    for change in changed:
        last = change.operation is Operation.DELETE
        groups.setdefault(_LAST if last else _group(change, parents), []).append(change)
    deleted = groups.pop(_LAST, [])
    if not 1 < len(groups) + bool(deleted) <= _MOST:
        return []
    edges = _edges(groups, preview.changes) if preview.ordered else list(pairwise(groups))
    if deleted:
        edges += [(each, _LAST) for each in groups if each not in {first for first, _ in edges}]
        groups[_LAST] = deleted
    ids = {group: f"n{index}" for index, group in enumerate(groups)}
    lines = ["flowchart LR"]
    lines += [f'  {ids[group]}["{_node(group, inside)}"]' for group, inside in groups.items()]
    lines += [f"  {ids[first]} --> {ids[then]}" for first, then in edges]
    return lines


def _group(change: Change, parents: Mapping[str, str]) -> str:
    """Return the component that a resource is part of: the outermost, below the stack."""
    urn, seen = change.urn, {change.urn}
    while (parent := parents.get(urn) or "") and parent not in seen and not _is_stack(parent):
        seen.add(parent)
        urn = parent
    if urn == change.urn and change.parent and not _is_stack(change.parent):
        # Of a component that itself does not change, only the name is known.
        return change.parent
    return urn


def _is_stack(urn: str) -> bool:
    return "::pulumi:pulumi:Stack::" in urn


def _node(group: str, inside: Iterable[Change]) -> str:
    counts: dict[str, int] = {}
    for change in inside:
        mark = _MARKS[change.operation]
        counts[mark] = counts.get(mark, 0) + 1
    told = " ".join(f"{mark}{count}" for mark, count in counts.items())
    return f"{label(group.rpartition('::')[2])}<br/>{label(told)}"


Edges = list[tuple[str, str]]


def _edges(groups: Mapping[str, list[Change]], changes: Iterable[Change]) -> Edges:
    """Return which group waits for which, without what follows from other edges."""
    of = {change.urn: group for group, inside in groups.items() for change in inside}
    needs = {change.urn: change.dependencies for change in changes}
    after: dict[str, set[str]] = {group: set() for group in groups}
    for urn, group in of.items():
        after[group] |= {of[each] for each in _awaited(urn, needs, of)} - {group}
    reach = {group: _reached(group, after) for group in groups}
    return [
        (first, group)
        for group in groups
        for first in groups
        if first in after[group]
        and not any(first in reach[other] for other in after[group] if other != first)
    ]


def _awaited(urn: str, needs: Mapping[str, frozenset[str]], changed: Container[str]) -> set[str]:
    """Return the changed resources that one waits for, by unchanged ones too."""
    found: set[str] = set()
    seen = {urn}
    pending = list(needs.get(urn, ()))
    while pending:
        each = pending.pop()
        if each in seen:
            continue
        seen.add(each)
        if each in changed:
            found.add(each)
        else:
            pending += needs.get(each, ())
    return found


def _reached(group: str, after: Mapping[str, set[str]]) -> set[str]:
    """Return all that a group waits for, by others too."""
    found: set[str] = set()
    pending = list(after[group])
    while pending:
        each = pending.pop()
        if each not in found:
            found.add(each)
            pending += after[each]
    return found
