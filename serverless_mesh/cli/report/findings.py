"""What policy packs said of a preview, sorted by what it means for the review."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from mesh_policy.crossguard.names import EXEMPTED, GATE, UNDETERMINED, WARNINGS
from mesh_policy.printing import Paragraph, read_back
from serverless_mesh.cli.report.preview import Said

_STOPPING: Final = ("mandatory", "remediate")


@dataclass(frozen=True)
class Found:
    """A finding: the rule, or the policy of another pack, and what it says."""

    rule: str
    says: Paragraph


@dataclass(frozen=True)
class Findings:
    """All findings: `violations` stop the update, the rest does not."""

    violations: tuple[Found, ...] = ()
    warnings: tuple[Found, ...] = ()
    exempt: tuple[Found, ...] = ()
    undetermined: tuple[Found, ...] = ()


def findings(said: Iterable[Said]) -> Findings:
    """Sort what was said; a rule and its gate say the same of an object only once."""
    violations: dict[Found, None] = {}
    warnings: dict[Found, None] = {}
    exempt: dict[Found, None] = {}
    undetermined: dict[Found, None] = {}
    for each in said:
        found = _found(each)
        if each.level in _STOPPING:
            violations[found] = None
        elif each.policy == EXEMPTED and found.says.exemption:
            exempt[found] = None
        elif each.policy == UNDETERMINED:
            undetermined[found] = None
        else:
            warnings[found] = None
    lighter = (each for each in warnings if each not in violations)
    return Findings(tuple(violations), tuple(lighter), tuple(exempt), tuple(undetermined))


def _found(said: Said) -> Found:
    # The engine puts the policy's own description before what it reports.
    title, *lines = said.message.splitlines() or [""]
    says = read_back(lines or [title])
    rule = said.policy.removesuffix(GATE)
    if said.policy in (WARNINGS, EXEMPTED):
        named, colon, rest = says.first.partition(": ")
        if colon:
            rule, says = named, replace(says, first=rest)
    return Found(rule, says)
