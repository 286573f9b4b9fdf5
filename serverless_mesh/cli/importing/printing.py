"""How the differences are printed."""

import json
from collections.abc import Iterator
from typing import Any, Final

from mesh_policy.documented.kinds import ADOPTED, SECRET
from mesh_policy.escaping import printable
from mesh_policy.findings import Ref
from mesh_policy.reading.private_keys import holds_private_key
from serverless_mesh.cli.importing.differences import Change, Difference, Update
from serverless_mesh.cli.importing.reasons import MARKS, reason

_LONGEST: Final = 100
_KEY: Final = "[private key]"
"""What stands in the place of one, wherever it is."""
_LOST: Final = (
    "neither the documentation nor the program asks for it: no setting has it, so the update takes "
    "it away. To keep it, hold it by a manager of its own: "
    'docs/guides/import.md, "What no setting has"'
)
_UNASKED: Final = (
    "neither the documentation nor the program asks for it: see whether a setting says what is "
    "there"
)
_REPLACED: Final = "it would be deleted and made anew: do not update, and report this"


def is_explained(update: Update) -> bool:
    """Say whether nothing is deleted or replaced, and each change has a reason."""
    return not update.deleted and all(
        not each.replaced and all(reason(each.ref.kind, change) for change in each.changes)
        for each in update.differences
    )


def as_text(update: Update) -> str:
    """Return the differences as text."""
    lines = [line for each in update.differences for line in _object(each)]
    lines += [f"{each}: is deleted by the update" for each in update.deleted]
    made = [str(each) for each in update.made if each.kind not in ADOPTED]
    if made:
        lines.append("Made beside them, by no name that is taken:")
        lines += [f"  + {each}" for each in made]
    if update.patched:
        lines.append("Set in what others own, and nothing else of it:")
        lines += [f"  + {each.path}: {_shown(each.becomes)}" for each in update.patched]
    if adopted := [str(each) for each in update.made if each.kind in ADOPTED]:
        lines.append(f"Used as they are, made where absent: {', '.join(adopted)}")
    lines += [MARKS, *_sections(update)]
    unchanged = sum(not each.changes and not each.replaced for each in update.differences)
    lines.append(
        f"imported: {len(update.differences)}, unchanged: {unchanged}, "
        f"changes: {sum(len(each.changes) for each in update.differences)}, "
        f"without a reason: {sum(1 for _ in _unexplained(update))}"
    )
    return "\n".join(printable(line) for line in lines)


def _sections(update: Update) -> Iterator[str]:
    """Return where the sections are that reasons name, each once."""
    found = [
        why.section
        for each in update.differences
        for change in each.changes
        if (why := reason(each.ref.kind, change)) and why.section
    ]
    yield from (f"{section}: {section.url}" for section in dict.fromkeys(found))


def _unexplained(update: Update) -> Iterator[Change]:
    for each in update.differences:
        yield from (change for change in each.changes if reason(each.ref.kind, change) is None)


def _object(each: Difference) -> Iterator[str]:
    if each.replaced:
        yield f"{each.ref}: {_REPLACED}"
    if not each.changes:
        if not each.replaced:
            yield f"{each.ref}: nothing changes"
        return
    yield f"{each.ref}:"
    said = ""
    for change in each.changes:
        why = _why(each.ref, change)
        if why != said and said:
            yield f"      {said}"
        yield f"  {_change(each.ref, change)}"
        said = why
    yield f"      {said}"


def _change(ref: Ref, change: Change) -> str:
    if ref.kind == SECRET:
        return f"~ {change.path}"
    if change.was is None:
        return f"+ {change.path}: {_shown(change.becomes)}"
    if change.becomes is None:
        return f"- {change.path}: {_shown(change.was)}"
    return f"~ {change.path}: {_shown(change.was)} becomes {_shown(change.becomes)}"


def _shown(value: Any) -> str:
    shown = json.dumps(_masked(value), ensure_ascii=False)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"


def _masked(value: Any) -> Any:
    return _KEY if holds_private_key(value) else value


def _why(ref: Ref, change: Change) -> str:
    found = reason(ref.kind, change)
    if found is None:
        return _LOST if change.becomes is None else _UNASKED
    place = f"({found.section})" if found.section else "(the program)"
    restarts = f". Restarts: {found.restarts}" if found.restarts else ""
    return f"{found.text} {place}{restarts}"


def as_data(update: Update) -> dict[str, Any]:
    """Return the differences as plain data."""
    return {
        "objects": [
            {
                "object": str(each.ref),
                "replaced": each.replaced,
                "changes": [
                    {
                        "path": change.path,
                        **({} if each.ref.kind == SECRET else _values(change)),
                        **_reasoned(each.ref, change),
                    }
                    for change in each.changes
                ],
            }
            for each in update.differences
        ],
        "made": [str(each) for each in update.made if each.kind not in ADOPTED],
        "deleted": [str(each) for each in update.deleted],
        "patched": {each.path: _masked(each.becomes) for each in update.patched},
    }


def _values(change: Change) -> dict[str, Any]:
    return {"was": _masked(change.was), "becomes": _masked(change.becomes)}


def _reasoned(ref: Ref, change: Change) -> dict[str, Any]:
    found = reason(ref.kind, change)
    if found is None:
        return {"reason": None}
    return {
        "reason": found.text,
        "section": found.section.url if found.section else None,
        "restarts": found.restarts or None,
    }
