"""What a rule is, and how a world is checked by rules."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from mesh_policy.documented.kinds import Kind
from mesh_policy.documented.sections import Section
from mesh_policy.exemptions import exempted, refused
from mesh_policy.findings import Finding, Ref, Severity, Unread, Violation
from mesh_policy.world import World


@dataclass(frozen=True)
class Rule:
    """One rule of the pack.

    `section` is the section of the documentation behind it. `kinds` are the kinds that `check`
    reads: only these are listed from a cluster; `check_only` ones only when somebody asks for a
    check of it, not in every run of a stack. Of the kinds in `by_name` nothing is listed; those
    objects are read that the function names out of what is there. `harmful` rules also gate each
    single object before it is written. Rules that are not `exemptible` hold for every object,
    whatever it is annotated with. Those `of_updates` check what an update does, so that they have
    nothing to say of a cluster or of manifests as they are. Those `in_mesh` check what matters in a
    mesh only: where Serverless is in none, `one-mesh-only` says so, once. `remediate` takes the
    body of one object and the world, and returns the remediated body, or None where nothing is to
    be done or it is not safe.
    """

    id: str
    title: str
    severity: Severity
    why: str
    remedy: str
    section: Section
    kinds: frozenset[Kind]
    check: Callable[[World], Iterable[Finding]]
    check_only: frozenset[Kind] = frozenset()
    by_name: Mapping[Kind, Callable[[World], Iterable[Ref]]] = field(
        default_factory=dict, hash=False
    )
    harmful: bool = False
    exemptible: bool = True
    of_updates: bool = False
    in_mesh: bool = False
    remediate: Callable[[Mapping[str, Any], World], dict[str, Any] | None] | None = None


class Result(NamedTuple):
    """A finding, the rule that made it, and the reason for which its object is exempt from that.

    None: it is not exempt.
    """

    rule: Rule
    finding: Finding
    exemption: str | None = None

    @property
    def is_violation(self) -> bool:
        """Whether it is a violation that counts."""
        return isinstance(self.finding, Violation) and self.exemption is None

    @property
    def severity(self) -> Severity:
        """How much it matters: the rule's severity, where the finding has none of its own."""
        own = self.finding.severity if isinstance(self.finding, Violation) else None
        return own or self.rule.severity


def evaluate(rules: Iterable[Rule], world: World) -> Iterator[Result]:
    """Check the world by each rule, in the rules' order; no finding comes twice.

    A rule that needs what could not be read says so, and checks what is there.
    """
    for rule in rules:
        found: set[Finding] = set()
        checked = () if rule.in_mesh and world.is_meshless else rule.check(world)
        for finding in (*unread(rule, world), *checked):
            if finding not in found:
                found.add(finding)
                yield _result(rule, finding, world)


def _result(rule: Rule, finding: Finding, world: World) -> Result:
    if not isinstance(finding, Violation):
        return Result(rule, finding)
    if not rule.exemptible:
        return Result(rule, refused(rule.id, finding, world))
    return Result(rule, *exempted(rule.id, finding, world))


def unread(rule: Rule, world: World) -> Iterator[Unread]:
    """Say which kinds, and which objects, a rule needs that could not be read."""
    for kind in sorted((rule.kinds | rule.check_only) & world.unread.keys()):
        yield Unread(Ref(kind, "", ""), "", world.unread[kind])
    # Most often everything could be read; then nothing needs to be looked for.
    if world.unseen:
        for ref in sorted(named([rule], world) & world.unseen.keys()):
            yield Unread(ref, "", world.unseen[ref])


def named(rules: Iterable[Rule], world: World) -> set[Ref]:
    """Return the objects that rules read by their names, as far as the world tells these."""
    return {ref for rule in rules for names in rule.by_name.values() for ref in names(world)}


def by_finding(results: Iterable[Result]) -> dict[Unread, list[str]]:
    """Return what was not read, each once, with the ids of the rules that need it."""
    found: dict[Unread, list[str]] = {}
    for rule, finding, _ in results:
        if isinstance(finding, Unread):
            found.setdefault(finding, []).append(rule.id)
    return found


def listed(found: Mapping[Unread, list[str]]) -> list[str]:
    """Write what was not read on a line each, with the rules that need it."""
    return [f"{finding} ({', '.join(ids)})" for finding, ids in found.items()]
