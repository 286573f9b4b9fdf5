"""Checking files as a whole cluster: what is not in them does not exist, as far as that is known.

Nothing in a dump says what was asked for. Of a kind of which there is nothing, none may exist, or
none may have been collected; and `oc adm inspect` collects a namespace at a time. So each rule is
asked twice, as if what is not there did not exist, and as if it could not be read. What is found in
the first case only rests on nothing but a gap: it is no violation, and the gap is said instead.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from mesh_policy.documented.kinds import (
    CONTROL_PLANE,
    DEFINITION,
    EVENTING,
    GATEWAY,
    ISTIO,
    KAFKA,
    NAMESPACE,
    SERVING,
    Kind,
)
from mesh_policy.documented.names import KNATIVE_NAMESPACES
from mesh_policy.findings import Finding, Ref, Unread, Violation
from mesh_policy.reading.objects import Given, kind_of
from mesh_policy.rule import Result, Rule, evaluate, named
from mesh_policy.world import World

_SOME: Final = frozenset({NAMESPACE, DEFINITION})
"""The kinds of which a folder of `oc adm inspect` holds those only that something else names."""
_INTEGRATED: Final = (SERVING, EVENTING, CONTROL_PLANE, ISTIO, GATEWAY)
_TOGETHER: Final = (frozenset({SERVING, EVENTING, KAFKA}), frozenset({CONTROL_PLANE, ISTIO}))
"""Kinds that one operator serves, and those of which one is enough."""
_NONE: Final = "there is none, or none was collected"
DUMPED: Final = "is a dump of a cluster: with --complete, what it lacks does not exist"
NOTHING: Final = (
    "it holds nothing of a mesh or of Serverless; the must-gather images of Service Mesh and of "
    "Serverless collect that"
)


def read_by(rules: Iterable[Rule]) -> frozenset[Kind]:
    """Return the kinds of the objects that rules read."""
    return frozenset().union(*map(_kinds, rules))


def _kinds(rule: Rule) -> Set[Kind]:
    return rule.kinds | rule.check_only | rule.by_name.keys()


def is_integrated(world: World) -> bool:
    """Say whether there is anything of a mesh or of Serverless."""
    return any(world.objects(kind) for kind in _INTEGRATED)


@dataclass(frozen=True)
class Dump:
    """A whole cluster out of files."""

    world: World
    gaps: Mapping[Kind, str]
    """The kinds of which not all, or none, may have been collected, each with what is missing."""
    careful: World
    """The same, with the gaps as what could not be read."""
    inspected: bool
    collected: Set[tuple[Kind, str]]
    """Of which kinds there is something in which namespaces."""

    @classmethod
    def of(
        cls, given: Sequence[Given], rules: Sequence[Rule], mesh: str | None, inspected: bool
    ) -> Self:
        """Read a dump; `inspected`: by `oc adm inspect`, a namespace at a time."""
        world = World.of(observed=given, complete=True, mesh=mesh)
        empty = {kind for each in given if (kind := _empty(each.body))}
        there = {ref.kind for ref in world.by_key} | empty
        gaps = dict.fromkeys(read_by(rules) - there, f"the dump has none: {_NONE}")
        if inspected:
            gaps |= dict.fromkeys(_SOME, "such a dump has some of them only")
        collected = {(ref.kind, ref.namespace) for ref in world.by_key}
        found = cls(world, gaps, world, inspected, collected)
        unseen = {ref: found._gap(ref) for ref in named(rules, world)}
        careful = World.of(
            observed=given,
            complete=True,
            mesh=mesh,
            unread=gaps,
            unseen={ref: why for ref, why in unseen.items() if why},
        )
        return cls(world, gaps, careful, inspected, collected)

    def _gap(self, ref: Ref) -> str:
        """Say why it is not known that there is no such object; nothing where that is known."""
        if not ref.name or ref in self.world.by_key:
            return ""
        if ref.kind in self.gaps:
            return self.gaps[ref.kind]
        if self.inspected and (ref.kind, ref.namespace) not in self.collected:
            where = f" of {ref.namespace}" if ref.namespace else ""
            return f"the dump has no {ref.kind.name}{where}: {_NONE}"
        return ""

    def evaluate(self, rules: Iterable[Rule]) -> Iterator[Result]:
        """Check by each rule, in the rules' order."""
        for rule in rules:
            yield from self._evaluate(rule)

    def _evaluate(self, rule: Rule) -> Iterator[Result]:
        found = self._found(rule, self.world)
        behind: Set[Kind] = frozenset()
        if violated := _violations(found):
            careful = self._found(rule, self.careful)
            if lost := violated - _violations(careful):
                found, behind = careful, self._behind(rule, lost)
        if SERVING in rule.kinds and self._lacks_serving():
            behind |= {SERVING}
        for kind in sorted(behind):
            yield Result(rule, Unread(Ref(kind, "", ""), "", self.gaps[kind]))
        for each in found:
            finding = each.finding
            if isinstance(finding, Violation) and (gap := self._gap(finding.ref)):
                yield Result(rule, Unread(finding.ref, "", gap))
            # The kinds that it needs are said above, as far as anything rests on them.
            elif not isinstance(finding, Unread) or finding.ref.name:
                yield each

    def _found(self, rule: Rule, world: World) -> list[Result]:
        """Check by one rule."""
        return [
            each
            for each in evaluate([rule], world)
            if not isinstance(each.finding, Violation) or not self._is_served(each.finding.ref)
        ]

    def _is_served(self, ref: Ref) -> bool:
        """Say whether a finding about a kind as such is disproven by an object of it."""
        among = next((kinds for kinds in _TOGETHER if ref.kind in kinds), frozenset({ref.kind}))
        return not ref.name and any(self.world.objects(kind) for kind in among)

    def _behind(self, rule: Rule, lost: Set[Finding]) -> Set[Kind]:
        """Return the kinds on whose absence violations rest that are none for all that is known."""
        gaps = self.gaps.keys() & (rule.kinds | rule.check_only)
        single = {
            kind
            for kind in gaps
            if lost
            - _violations(self._found(rule, replace(self.world, unread={kind: self.gaps[kind]})))
        }
        # Of an object that was asked for by name, it is said by itself.
        return single or (frozenset() if self.careful.unseen else gaps)

    def _lacks_serving(self) -> bool:
        """Say whether something of Serverless was collected, but not what configures it."""
        return (
            self.inspected
            and SERVING in self.gaps
            and any(namespace in KNATIVE_NAMESPACES for _, namespace in self.collected)
        )


def _violations(results: Iterable[Result]) -> set[Finding]:
    return {each.finding for each in results if isinstance(each.finding, Violation)}


def _empty(body: Any) -> Kind | None:
    """Return the kind of which a list says that there is nothing."""
    if not isinstance(body, Mapping) or body.get("items") != []:
        return None
    kind = kind_of(body)
    return kind._replace(name=kind.name.removesuffix("List"))
