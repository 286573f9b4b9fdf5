"""What was found, for people (text), for programs (JSON) and for code scanners (SARIF)."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final
from urllib.parse import quote

from policy.model import Judgement, Ref, Rule, Severity, Unread, Violation, by_finding
from policy.printing import in_json, printable

SARIF_VERSION: Final = "2.1.0"
_LEVELS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning"}


def as_text(judgements: Sequence[Judgement]) -> str:
    """Return a paragraph a finding: rule, object, what was found, what is needed, what to do.

    What was not read comes last, each once with the rules that need it.
    """
    blocks = []
    for rule, finding in judgements:
        if isinstance(finding, Unread):
            continue
        source = f" ({finding.ref.source})" if finding.ref.source else ""
        if isinstance(finding, Violation):
            lines = [
                f"{rule.severity.upper()} {rule.id}: {finding.ref}{source}",
                *([f"  at:     {finding.field}"] if finding.field else []),
                f"  found:  {finding.found}",
                f"  needed: {finding.needed}",
                f"  do:     {rule.remedy}",
                f"  see:    {rule.section}",
            ]
        else:
            lines = [f"UNDETERMINED {rule.id}: {finding}{source}"]
        blocks.append("\n".join(map(printable, lines)))
    for finding, ids in by_finding(judgements).items():
        lines = [f"NOT READ {finding}", f"  needed by: {', '.join(ids)}"]
        blocks.append("\n".join(map(printable, lines)))
    return "\n\n".join(blocks)


def as_json(judgements: Iterable[Judgement]) -> str:
    """Return a JSON list of the findings."""
    return in_json(json.dumps([_entry(judgement) for judgement in judgements], indent=2))


def _entry(judgement: Judgement) -> dict[str, Any]:
    rule, finding = judgement
    entry: dict[str, Any] = {
        "rule": rule.id,
        "severity": str(rule.severity),
        "object": _object(finding.ref),
        "field": finding.field,
    }
    if isinstance(finding, Violation):
        related = [_object(ref) for ref in finding.related]
        return {
            **entry,
            "outcome": "violation",
            "found": finding.found,
            "needed": finding.needed,
            "related": related,
            "remedy": rule.remedy,
            "section": rule.section,
        }
    outcome = "unread" if isinstance(finding, Unread) else "undetermined"
    return {**entry, "outcome": outcome, "why": finding.why}


def _object(ref: Ref) -> dict[str, str]:
    return {
        "apiVersion": ref.api_version,
        "kind": ref.kind.name,
        "namespace": ref.namespace,
        "name": ref.name,
        "source": ref.source,
    }


def as_sarif(judgements: Sequence[Judgement], rules: Iterable[Rule]) -> str:
    """Return a SARIF log with one run; the undetermined is a note, what was not read an error."""
    driver = {
        "name": "serverless-mesh",
        "rules": [
            {
                "id": rule.id,
                "shortDescription": {"text": rule.title},
                "fullDescription": {"text": rule.why},
                "help": {"text": f"{rule.remedy} ({rule.section})"},
                "defaultConfiguration": {"level": _LEVELS[rule.severity]},
            }
            for rule in rules
        ],
    }
    results = [_result(judgement) for judgement in judgements]
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": SARIF_VERSION,
        "runs": [
            {
                "tool": {"driver": driver},
                "invocations": [{"executionSuccessful": not by_finding(judgements)}],
                "results": results,
            }
        ],
    }
    return in_json(json.dumps(log, indent=2))


def _result(judgement: Judgement) -> dict[str, Any]:
    rule, finding = judgement
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
    return {
        "ruleId": rule.id,
        "level": _LEVELS[rule.severity] if isinstance(finding, Violation) else level,
        "message": {"text": str(finding)},
        "locations": [location],
    }
