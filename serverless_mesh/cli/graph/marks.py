"""From what the rules found to numbered marks, and to the objects that they are put on."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from mesh_policy.documented.kinds import NAMESPACE
from mesh_policy.findings import Finding, Ref, Severity, Unread, Violation
from mesh_policy.rule import Result
from serverless_mesh.cli.graph.model import Level, Mark

_LEVELS: Final = {Severity.ERROR: Level.ERROR, Severity.WARNING: Level.WARNING}


def marks(results: Iterable[Result]) -> tuple[Mark, ...]:
    """Number what was found, what matters most first: one mark a rule and object.

    What is exempt is none, and what could not be read is no object's.
    """
    found: dict[tuple[Level, str, Ref], list[Result]] = defaultdict(list)
    for each in results:
        if each.exemption is None and not isinstance(each.finding, Unread):
            found[_level(each), each.rule.id, each.finding.ref].append(each)
    order = list(Level)
    keys = sorted(found, key=lambda key: order.index(key[0]))
    return tuple(_mark(number, key, found[key]) for number, key in enumerate(keys, 1))


def _level(result: Result) -> Level:
    if not isinstance(result.finding, Violation):
        return Level.UNDETERMINED
    return _LEVELS[result.severity]


def _mark(number: int, key: tuple[Level, str, Ref], results: Sequence[Result]) -> Mark:
    level, rule, ref = key
    first, more = results[0], len(results) - 1
    says = _says(first.finding) + (f" (and {more} more of it)" if more else "")
    violated = isinstance(first.finding, Violation)
    return Mark(number, level, rule, ref, says, first.rule.remedy if violated else "")


def _says(finding: Finding) -> str:
    place = f"{finding.field}: " if finding.field else ""
    if isinstance(finding, Violation):
        return f"{place}found {finding.found}; needed: {finding.needed}"
    return f"{place}{finding.why}"


def by_object(found: Iterable[Mark]) -> Mapping[Ref, Sequence[Mark]]:
    """Index marks by the objects that they are about."""
    index: dict[Ref, list[Mark]] = defaultdict(list)
    for mark in found:
        index[mark.about].append(mark)
    return index


def namespace_of(ref: Ref) -> str:
    """Return the namespace that an object is in, or is; empty for any other of the cluster."""
    return ref.name if ref.kind == NAMESPACE else ref.namespace
