"""What a rule is and what it can say."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from policy.printing import printable

if TYPE_CHECKING:
    from policy.world import World


class Severity(StrEnum):
    """How much a violation matters."""

    ERROR = "error"
    """Traffic is dropped, unencrypted or stolen, or the combination is not supported."""
    WARNING = "warning"
    """It works, but something that the documentation asks for is missing."""


class Kind(NamedTuple):
    """A kind of objects; its versions are the same kind."""

    group: str
    """Empty for the core group."""
    name: str

    def __str__(self) -> str:
        return f"{self.name}.{self.group}" if self.group else self.name


@dataclass(frozen=True, order=True)
class Ref:
    """Which object a finding is about.

    `namespace` is empty for cluster-scoped objects. `source` is where the object was read, for
    example `gateways.yaml:12` or the URN of a stack's resource; empty for the live cluster.
    """

    kind: Kind
    namespace: str
    name: str
    api_version: str = field(default="", compare=False)
    source: str = field(default="", compare=False)

    def __str__(self) -> str:
        if self.namespace and not self.name:
            return f"{self.kind.name} in {self.namespace}"
        name = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return printable(f"{self.kind.name} {name}".rstrip())


@dataclass(frozen=True)
class Violation:
    """An object breaks a rule: at `field` there is `found` where `needed` is needed.

    `related` are the other objects without which it would not; never more than a few.
    """

    ref: Ref
    field: str
    found: str
    needed: str
    related: tuple[Ref, ...] = ()

    def concerns(self, ref: Ref) -> bool:
        """Tell whether the object `ref` has a part in it."""
        return ref == self.ref or ref in self.related

    def __str__(self) -> str:
        place = f" {self.field}" if self.field else ""
        return printable(f"{self.ref}{place}: found {self.found}; needed: {self.needed}")


@dataclass(frozen=True)
class Undetermined:
    """A rule can't tell: a value is unknown until the update, or an object is not here."""

    ref: Ref
    field: str
    why: str

    def concerns(self, ref: Ref) -> bool:
        """Tell whether it is about the object `ref`."""
        return ref == self.ref

    def __str__(self) -> str:
        place = f" {self.field}" if self.field else ""
        return printable(f"{self.ref}{place}: {self.why}")


@dataclass(frozen=True)
class Unread(Undetermined):
    """A rule needs what was there to look at and could not be read, so it has not judged.

    `ref` is a kind (without a name) or an object; `why` says what happened and what to grant.
    """


Finding = Violation | Undetermined
UNTIL_UPDATE: Final = "unknown until update"


@dataclass(frozen=True)
class Rule:
    """One rule of the pack.

    `section` is the section of the documentation behind it. `kinds` are the kinds that `check`
    reads: only these are listed from a cluster; `check_only` ones only when somebody asks for a
    check of it, not in every run of a stack. Of the kinds in `by_name` nothing is listed; those
    objects are read that the function names out of what is there. `harmful` rules also gate each
    single object before it is written. Those `of_updates` judge what an update does, so that they
    have nothing to say of a cluster or of manifests as they are. `remediate` takes the body of one
    object and the world, and returns the mended body, or None where nothing is to be mended or
    mending is not safe.
    """

    id: str
    title: str
    severity: Severity
    why: str
    remedy: str
    section: str
    kinds: frozenset[Kind]
    check: Callable[["World"], Iterable[Finding]]
    check_only: frozenset[Kind] = frozenset()
    by_name: Mapping[Kind, Callable[["World"], Iterable[Ref]]] = field(
        default_factory=dict, hash=False
    )
    harmful: bool = False
    of_updates: bool = False
    remediate: Callable[[Mapping[str, Any], "World"], dict[str, Any] | None] | None = None


class Judgement(NamedTuple):
    """A finding and the rule that made it."""

    rule: Rule
    finding: Finding


def judge(rules: Iterable[Rule], world: "World") -> Iterator[Judgement]:
    """Judge the world by each rule, in the rules' order; no finding comes twice.

    A rule that needs what could not be read says so, and judges what is there.
    """
    for rule in rules:
        said: set[Finding] = set()
        for finding in (*unread(rule, world), *rule.check(world)):
            if finding not in said:
                said.add(finding)
                yield Judgement(rule, finding)


def unread(rule: Rule, world: "World") -> Iterator[Unread]:
    """Say which kinds, and which objects, a rule needs that could not be read."""
    for kind in sorted((rule.kinds | rule.check_only) & world.unread.keys()):
        yield Unread(Ref(kind, "", ""), "", world.unread[kind])
    # Most often everything could be read; then nothing needs to be looked for.
    if world.unseen:
        for ref in sorted(named([rule], world) & world.unseen.keys()):
            yield Unread(ref, "", world.unseen[ref])


def named(rules: Iterable[Rule], world: "World") -> set[Ref]:
    """Return the objects that rules read by their names, as far as the world tells these."""
    return {ref for rule in rules for names in rule.by_name.values() for ref in names(world)}


def by_finding(judgements: Iterable[Judgement]) -> dict[Unread, list[str]]:
    """Return what was not read, each once, with the ids of the rules that need it."""
    found: dict[Unread, list[str]] = {}
    for rule, finding in judgements:
        if isinstance(finding, Unread):
            found.setdefault(finding, []).append(rule.id)
    return found


def listed(found: Mapping[Unread, list[str]]) -> list[str]:
    """Write what was not read on a line each, with the rules that need it."""
    return [f"{finding} ({', '.join(ids)})" for finding, ids in found.items()]
