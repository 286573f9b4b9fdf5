"""What was found, for people (text), for programs (JSON) and for code scanners (SARIF)."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final
from urllib.parse import quote

import mesh_policy
from mesh_policy.documented.sections import ASSUMPTIONS
from mesh_policy.escaping import in_json, printable
from mesh_policy.findings import Finding, Ref, Severity, Unread, Violation
from mesh_policy.printing import advice, printed
from mesh_policy.rule import Result, Rule, by_finding

SARIF_VERSION: Final = "2.1.0"
_LEVELS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning"}


def as_text(results: Sequence[Result]) -> str:
    """Return a paragraph a finding: rule and object, what was found and needed, what to do.

    What was not read comes last, each once with the rules that need it.
    """
    blocks = [_paragraph(each) for each in results if not isinstance(each.finding, Unread)]
    for finding, ids in by_finding(results).items():
        blocks.append(
            "\n".join([f"NOT READ {finding}", printable(f"  needed by: {', '.join(ids)}")])
        )
    return "\n\n".join(blocks)


def _paragraph(result: Result) -> str:
    rule, finding, exemption = result
    word = "UNDETERMINED"
    if isinstance(finding, Violation):
        word = "EXEMPT" if exemption is not None else result.severity.upper()
    first, *more = printed(result)
    source = printable(f" ({finding.ref.source})") if finding.ref.source else ""
    return "\n".join([f"{word} {rule.id}{source}: {first}", *(f"  {line}" for line in more)])


def as_json(results: Iterable[Result]) -> str:
    """Return a JSON list of the findings."""
    return in_json(json.dumps([_entry(each) for each in results], indent=2))


def _entry(result: Result) -> dict[str, Any]:
    rule, finding, exemption = result
    entry: dict[str, Any] = {
        "rule": rule.id,
        "severity": str(result.severity),
        "object": _object(finding.ref),
        "field": finding.field,
    }
    if isinstance(finding, Violation):
        exempt = {} if exemption is None else {"reason": exemption}
        return {
            **entry,
            "outcome": "violation" if exemption is None else "exempt",
            "found": finding.found,
            "needed": finding.needed,
            "related": [_object(ref) for ref in finding.related],
            "consequences": list(finding.consequences),
            **exempt,
            "why": rule.why,
            "remedy": rule.remedy,
            "section": rule.section.title,
            "url": rule.section.url,
        }
    outcome = "unread" if isinstance(finding, Unread) else "undetermined"
    return {**entry, "outcome": outcome, "why": finding.why}


def _consequences(finding: Finding) -> list[str]:
    found = finding.consequences if isinstance(finding, Violation) else ()
    return [printable(f"so: {each}") for each in found]


def _object(ref: Ref) -> dict[str, str]:
    return {
        "apiVersion": ref.api_version,
        "kind": ref.kind.name,
        "namespace": ref.namespace,
        "name": ref.name,
        "source": ref.source,
    }


def as_sarif(results: Sequence[Result], rules: Iterable[Rule]) -> str:
    """Return a SARIF log with one run; the undetermined is a note, what was not read an error.

    What is exempt is a result that is suppressed, with the reason.
    """
    driver = {
        "name": "serverless-mesh",
        "version": mesh_policy.__version__,
        "informationUri": ASSUMPTIONS.url,
        "rules": [
            {
                "id": rule.id,
                "shortDescription": {"text": rule.title},
                "fullDescription": {"text": rule.why},
                "help": {"text": "\n".join(advice(rule))},
                "helpUri": rule.section.url,
                "defaultConfiguration": {"level": _LEVELS[rule.severity]},
                "properties": {"tags": sorted(kind.name for kind in rule.kinds)},
            }
            for rule in rules
        ],
    }
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": SARIF_VERSION,
        "runs": [
            {
                "tool": {"driver": driver},
                "invocations": [{"executionSuccessful": not by_finding(results)}],
                "results": [_result(each) for each in results],
            }
        ],
    }
    return in_json(json.dumps(log, indent=2))


def _result(result: Result) -> dict[str, Any]:
    rule, finding, exemption = result
    level = "error" if isinstance(finding, Unread) else "note"
    location: dict[str, Any] = {
        "logicalLocations": [{"fullyQualifiedName": str(finding.ref), "kind": "resource"}]
    }
    name, _, line = finding.ref.source.rpartition(":")
    if name and line.isascii() and line.isdigit():
        location["physicalLocation"] = {
            "artifactLocation": {"uri": quote(name)},
            "region": {"startLine": int(line)},
        }
    written: dict[str, Any] = {
        "ruleId": rule.id,
        "level": _LEVELS[result.severity] if isinstance(finding, Violation) else level,
        "message": {"text": "\n".join([str(finding), *_consequences(finding)])},
        "locations": [location],
    }
    if exemption is not None:
        suppression = {"kind": "inSource", "status": "accepted", "justification": exemption}
        written["suppressions"] = [suppression]
    return written
