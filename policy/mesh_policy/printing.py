"""The one way in which a finding is printed: what, why, what to do, and where that is from."""

from mesh_policy.escaping import printable
from mesh_policy.findings import Violation
from mesh_policy.rule import Result, Rule


def advice(rule: Rule) -> list[str]:
    """Return why a rule matters, what to do when it is violated, and where that is documented."""
    lines = (
        f"why: {rule.why}",
        f"do:  {rule.remedy}",
        f"see: {rule.section.title}, {rule.section.url}",
    )
    return [printable(line) for line in lines]


def printed(result: Result) -> list[str]:
    """Return the lines of a result; those of a violation go on with the rule's advice."""
    rule, finding, exemption = result
    if not isinstance(finding, Violation):
        return [str(finding)]
    if exemption is not None:
        return [str(finding), printable(f"exempt: {exemption}")]
    follows = [printable(f"so:  {each}") for each in finding.consequences]
    return [str(finding), *follows, *advice(rule)]
