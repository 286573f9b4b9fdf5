"""From what the engine writes to a `Preview`: the digest, or the log of its events.

`pulumi preview --json` writes a digest: one object, with the dependencies of each resource, and
without what policy packs say. Its log of events (`--event-log`, or the same command with
PULUMI_ENABLE_STREAMING_JSON_PREVIEW) has a line an event: policies, and no dependencies. Of one
preview both can be had, and complete each other.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from mesh_policy.reading.private_keys import holds_private_key
from mesh_policy.reading.values import UNKNOWN, items, mapping, strings, text
from serverless_mesh.cli.engine_words import HIDDEN, SIGNATURE, UNKNOWN_MARKS
from serverless_mesh.cli.report.merging import merged
from serverless_mesh.cli.report.preview import (
    Change,
    Diagnostic,
    Operation,
    Preview,
    Said,
    State,
)

_OPERATIONS: Final = {
    "same": Operation.SAME,
    "create": Operation.CREATE,
    "update": Operation.UPDATE,
    "delete": Operation.DELETE,
    "replace": Operation.REPLACE,
    "create-replacement": Operation.REPLACE,
    "delete-replaced": Operation.REPLACE,
    "import": Operation.IMPORT,
    "import-replacement": Operation.REPLACE,
    "read": Operation.READ,
    "read-replacement": Operation.READ,
    "refresh": Operation.SAME,
}
_COLORS: Final = re.compile(r"<\{%[^%]*%\}>|\x1b\[[0-9;]*[A-Za-z]")
_KEY: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL)
_DIGEST: Final = ("steps", "changeSummary", "diagnostics")
_EVENTS: Final = re.compile(r"\w+Event")
_SEVERITIES: Final = ("warning", "error")


class PreviewError(Exception):
    """What was read is no preview; the message says what it is, and quotes none of it."""


def read(content: str) -> Preview:
    """Read the output of `pulumi preview --json`, of either kind.

    Raises:
        PreviewError: it is none.
    """
    if not content.strip():
        raise PreviewError("it is empty: the engine ended before it began with the preview")
    try:
        whole = json.loads(content)
    except ValueError:
        return _from_events(_lines(content))
    if isinstance(whole, dict) and any(key in whole for key in _DIGEST):
        return _from_digest(whole)
    if isinstance(whole, dict) and _is_event(whole):
        return _from_events([whole])
    raise PreviewError("it is JSON, but not what `pulumi preview --json` writes")


def _lines(content: str) -> Iterator[Mapping[str, Any]]:
    for number, line in enumerate(content.split("\n"), 1):
        if not line.strip():
            continue
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        if not isinstance(event, dict) or not _is_event(event):
            raise PreviewError(f"line {number} is no event of the engine, nor is all of it JSON")
        yield event


def _is_event(value: Mapping[str, Any]) -> bool:
    return "sequence" in value or any(map(_EVENTS.fullmatch, value))


def _from_digest(digest: Mapping[str, Any]) -> Preview:
    steps = [mapping(each) for each in items(digest.get("steps"))]
    return Preview(
        changes=merged(_step(each, "oldState", "newState") for each in steps),
        diagnostics=_distinct(map(_diagnostic, items(digest.get("diagnostics")))),
        config=_texts(digest.get("config")),
        finished=isinstance(digest.get("changeSummary"), dict),
        ordered=True,
    )


def _from_events(events: Iterable[Mapping[str, Any]]) -> Preview:
    changes: list[Change] = []
    said: list[Said] = []
    diagnostics: list[Diagnostic | None] = []
    remediated: list[tuple[str, str]] = []
    config: Mapping[str, str] = {}
    packs: list[str] = []
    finished = False
    for event in events:
        if found := mapping(event.get("resourcePreEvent") or event.get("resOutputsEvent")):
            changes.append(_step(mapping(found.get("metadata")), "old", "new"))
        elif found := mapping(event.get("policyEvent")):
            said.append(_said(found))
        elif found := mapping(event.get("policyRemediationEvent")):
            remediated.append((text(found.get("policyName")), text(found.get("resourceUrn"))))
        elif found := mapping(event.get("diagnosticEvent")):
            diagnostics.append(_diagnostic(found))
        elif found := mapping(event.get("preludeEvent")):
            config = _texts(found.get("config"))
        elif "summaryEvent" in event:
            finished = True
            packs += mapping(mapping(event["summaryEvent"]).get("PolicyPacks"))
        elif "errorEvent" in event:
            message = text(mapping(event["errorEvent"]).get("error"))
            diagnostics.append(Diagnostic("error", message))
    return Preview(
        changes=merged(changes),
        said=tuple(dict.fromkeys(said)),
        diagnostics=_distinct(diagnostics),
        remediated=tuple(dict.fromkeys(remediated)),
        config=config,
        packs=tuple(each.partition("|")[0] for each in packs),
        finished=finished,
        policies=True,
    )


def _step(step: Mapping[str, Any], old: str, new: str) -> Change:
    before, after = mapping(step.get(old)), mapping(step.get(new))
    state = after or before
    written = text(step.get("op"))
    first = {"delete-replaced": True, "create-replacement": False}.get(written)
    fields = mapping(step.get("detailedDiff"))
    return Change(
        urn=text(step.get("urn")),
        type=text(state.get("type")),
        operation=_OPERATIONS.get(written, Operation.SAME),
        old=_state(before),
        new=_state(after),
        fields={
            path: text(mapping(how).get("diffKind") or mapping(how).get("kind"))
            for path, how in fields.items()
        }
        or dict.fromkeys(strings(step.get("diffs") or step.get("diffReasons")), "update"),
        parent=text(state.get("parent")),
        dependencies=frozenset(strings(state.get("dependencies"))),
        deleted_first=first,
        retained=state.get("retainOnDelete") is True,
    )


def _state(written: Mapping[str, Any]) -> State:
    return State(plain(mapping(written.get("inputs"))), plain(mapping(written.get("outputs"))))


def plain(value: Any) -> Any:
    """Return what the engine wrote with UNKNOWN and HIDDEN for what it does not tell."""
    if isinstance(value, dict):
        if SIGNATURE in value:
            return HIDDEN
        return {key: plain(child) for key, child in value.items()}
    if isinstance(value, list):
        return [plain(child) for child in value]
    return UNKNOWN if isinstance(value, str) and value in UNKNOWN_MARKS else value


def _said(event: Mapping[str, Any]) -> Said:
    return Said(
        policy=text(event.get("policyName")),
        pack=text(event.get("policyPackName")),
        level=text(event.get("enforcementLevel")),
        message=_told(text(event.get("message"))),
        urn=text(event.get("resourceUrn")),
    )


def _diagnostic(written: Any) -> Diagnostic | None:
    found = mapping(written)
    severity, message = text(found.get("severity")), _told(text(found.get("message")))
    if severity not in _SEVERITIES or not message or found.get("ephemeral") is True:
        return None
    return Diagnostic(severity, message.removeprefix(f"{severity}: "), text(found.get("urn")))


def _distinct(found: Iterable[Diagnostic | None]) -> tuple[Diagnostic, ...]:
    return tuple(dict.fromkeys(each for each in found if each is not None))


def _told(message: str) -> str:
    """Return a message without colors, and without private keys."""
    shown = _KEY.sub(HIDDEN, _COLORS.sub("", message)).strip()
    return HIDDEN if holds_private_key(shown) else shown


def _texts(value: Any) -> dict[str, str]:
    return {key: text(each) for key, each in mapping(value).items()}
