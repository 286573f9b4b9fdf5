"""Not this object, please: an annotation by which an object is exempt from rules, with a reason.

`serverless-mesh/exempt: "strict-mtls, excluded-ports: the meter has no certificate, ticket 4711"`.
What it exempts stays in every report, as exempt.
"""

import re
from dataclasses import replace
from typing import Final

from mesh_policy.findings import Violation
from mesh_policy.world import World

ANNOTATION: Final = "serverless-mesh/exempt"
SHORTEST: Final = 10
"""Characters of a reason."""
_FORM: Final = re.compile(r"\s*([a-z0-9-]+(?:[\s,]+[a-z0-9-]+)*)\s*:\s*(.*?)\s*", re.DOTALL)


def exempted(rule: str, violation: Violation, world: World) -> tuple[Violation, str | None]:
    """Return a rule's violation, and the reason for which its object is exempt from the rule.

    Where an annotation names the rule but does not hold, the violation says why.
    """
    item = world.by_key.get(violation.ref)
    written = item.annotations.get(ANNOTATION) if item else None
    if not isinstance(written, str):
        return violation, None
    match = _FORM.fullmatch(written)
    if match is None:
        return _refused(violation, "takes the ids of rules, a colon and a reason"), None
    ids, reason = re.split(r"[\s,]+", match[1]), match[2]
    if rule not in ids:
        return violation, None
    if len(reason) < SHORTEST:
        return _refused(violation, f"takes a reason of at least {SHORTEST} characters"), None
    return violation, reason


def refused(rule: str, violation: Violation, world: World) -> Violation:
    """Return the violation of a rule that exempts nobody; it says so where an annotation asks."""
    found, reason = exempted(rule, violation, world)
    return found if reason is None else _refused(violation, f"exempts nothing from {rule}")


def _refused(violation: Violation, why: str) -> Violation:
    return replace(violation, needed=f"{violation.needed} (the annotation {ANNOTATION} {why})")
