"""The one way in which a finding is printed: what, why, what to do, and where that is from."""

from collections.abc import Iterable
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Paragraph:
    """What `printed` writes, read back from where only its text is left."""

    first: str
    consequences: tuple[str, ...] = ()
    why: str = ""
    remedy: str = ""
    section: str = ""
    url: str = ""
    exemption: str = ""


def read_back(lines: Iterable[str]) -> Paragraph:
    """Read the lines of a result; those that are none of its own go on with the first."""
    first: list[str] = []
    follows: list[str] = []
    told: dict[str, str] = {}
    for line in lines:
        key, colon, rest = line.partition(":")
        if colon and key == "so":
            follows.append(rest.strip())
        elif colon and key in ("why", "do", "see", "exempt"):
            told[key] = rest.strip()
        elif line.strip():
            first.append(line.strip())
    section, comma, url = told.get("see", "").rpartition(", ")
    return Paragraph(
        " ".join(first),
        tuple(follows),
        told.get("why", ""),
        told.get("do", ""),
        section if comma else url,
        url if comma else "",
        told.get("exempt", ""),
    )
