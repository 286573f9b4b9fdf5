"""The whole comment: what matters first, so that what is cut matters least."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from serverless_mesh.cli.report.certificates import Dates, dates
from serverless_mesh.cli.report.dates import day
from serverless_mesh.cli.report.effects import Effect, Weight
from serverless_mesh.cli.report.fields import LATER, fields
from serverless_mesh.cli.report.findings import Findings, findings
from serverless_mesh.cli.report.graph import graph
from serverless_mesh.cli.report.markdown import (
    block,
    code,
    code_in_html,
    details,
    joined,
    marker,
    plain,
)
from serverless_mesh.cli.report.preview import Change, Operation, Preview
from serverless_mesh.cli.report.said import (
    exempt,
    failures,
    section,
    undetermined,
    violation,
    warned,
)
from serverless_mesh.cli.report.traffic import effects

_WORDS: Final = {
    Operation.CREATE: "create",
    Operation.IMPORT: "import",
    Operation.UPDATE: "update",
    Operation.REPLACE: "replace",
    Operation.DELETE: "delete",
}
_KEPT: Final = "let go of"
"""What the stack deletes from its state and leaves in the cluster."""
_ICONS: Final = {Weight.OUTAGE: "🛑", Weight.INTERRUPTION: "⚠️", Weight.NOTICE: "💬"}
_MOST: Final = 60
"""Objects in a list."""
_FIELDS: Final = 20
"""Fields of an object."""
_FOLDED: Final = 8
"""Created objects that are listed without folding them."""
NO_PACK: Final = (
    "What policy packs said is not in what was read: give the log of the events as well "
    "(`--event-log`), or the output of `pulumi preview --json` with "
    "`PULUMI_ENABLE_STREAMING_JSON_PREVIEW=true`."
)

PUT_BACK: Final = (
    "The cluster is not as the stack left it. The next update puts it back: what follows is what "
    "that would do."
)


def comment(preview: Preview, stack: str, now: datetime, *, drift: bool = False) -> str:
    """Return the comment of a preview, in Markdown.

    `drift` says that nothing was meant to change: what does was changed by somebody else.
    """
    found, reached = findings(preview.said), effects(preview.changes)
    changed = [each for each in preview.changes if each.operation in _WORDS and _is_shown(each)]
    return joined(
        [
            marker(stack),
            f"### {_head(preview, stack, found, reached, changed, drift)}",
            *([PUT_BACK] if drift and changed else []),
            *failures(preview, found),
            *section("Violations", map(violation, found.violations)),
            *_counted(preview, changed),
            *_traffic(reached, changed),
            *section("Warnings", [*map(violation, found.warnings), *warned(preview)]),
            *section("Exempt", map(exempt, found.exempt)),
            *_certificates(preview, now, changed),
            *_graph(preview),
            *_field_by_field(changed),
            *undetermined(found),
            *([] if preview.policies else [f"*{NO_PACK}*"]),
        ]
    )


def unreadable(stack: str, why: str) -> str:
    """Return the comment that takes the place of one whose preview can't be read."""
    head = f"### ❌ {code(stack)}: this preview can't be read"
    return joined([marker(stack), head, plain(f"{why}. The log of the pipeline says more.")])


def may_go_on(preview: Preview) -> bool:
    """Say whether the update may be made: the preview came to its end, and nothing forbids it."""
    return preview.finished and not preview.errors and not findings(preview.said).violations


def _is_shown(change: Change) -> bool:
    made_or_kept = change.operation in (Operation.CREATE, Operation.SAME)
    return change.is_made or (change.is_provider and not made_or_kept)


def _head(
    preview: Preview,
    stack: str,
    found: Findings,
    reached: list[Effect],
    changed: list[Change],
    drift: bool,
) -> str:
    name = code(stack)
    if found.violations:
        count = len(found.violations)
        return f"❌ {name} must not go on: {count} violation{'s' if count > 1 else ''}"
    if not may_go_on(preview):
        return f"❌ {name} can't go on: the preview failed"
    if drift:
        return f"⚠️ {name} has drifted" if changed else f"✅ {name} has not drifted"
    if not changed:
        return f"✅ {name}: nothing changes"
    if any(each.weight is Weight.OUTAGE for each in reached):
        return f"🛑 {name} may go on by the rules, but traffic stops where it says so below"
    if any(each.weight is Weight.INTERRUPTION for each in reached):
        return f"⚠️ {name} may go on; some of it reaches traffic"
    return f"✅ {name} may go on"


def _counted(preview: Preview, changed: list[Change]) -> Iterator[str]:
    if not changed:
        return
    kept = sum(each.operation is Operation.SAME and each.is_made for each in preview.changes)
    stay = f"; {kept} stay as they are" if kept else ""
    words = Counter(map(_word, changed))
    counts = [f"{words[word]} to {word}" for word in (*_WORDS.values(), _KEPT) if words[word]]
    yield f"#### What changes\n\n{', '.join(counts)}{stay}."
    loud = [each for each in changed if each.operation is not Operation.CREATE]
    made = [each for each in changed if each.operation is Operation.CREATE]
    folded = made if len(made) > _FOLDED else []
    if shown := loud + (made if not folded else []):
        yield _listed(shown)
    if folded:
        yield details("What is created", _listed(folded))


def _word(change: Change) -> str:
    kept = change.operation is Operation.DELETE and change.retained
    return _KEPT if kept else _WORDS[change.operation]


def _listed(changes: list[Change]) -> str:
    lines = [f"- {_word(each)} {code(each.title[:200])}" for each in changes[:_MOST]]
    if len(changes) > _MOST:
        lines.append(f"- and {len(changes) - _MOST} more")
    return "\n".join(lines)


def _traffic(reached: list[Effect], changed: list[Change]) -> Iterator[str]:
    lines = [
        f"- {_ICONS[each.weight]} {code(each.title[:200])} {plain(each.says)}"
        for each in reached[:_MOST]
    ]
    if len(reached) > _MOST:
        lines.append(f"- and {len(reached) - _MOST} more")
    if not lines and changed:
        lines.append("Nothing that runs is touched.")
    if lines:
        yield "#### Why it matters for traffic\n\n" + "\n".join(lines)


def _certificates(preview: Preview, now: datetime, changed: list[Change]) -> Iterator[str]:
    found = dates(preview)
    if not found:
        return
    lines = "\n".join(f"- {code(each.title)}: {_dated(each, now)}" for each in found[:_MOST])
    yield f"#### Certificates\n\n{lines}" if changed else details("Certificates", lines)


def _dated(each: Dates, now: datetime) -> str:
    planned = f"; {plain(each.planned)}" if each.planned and each.end is None else ""
    before = f"; the one before until {day(each.before)}" if each.before else ""
    if each.end is None:
        return f"{LATER}{planned}{before}"
    left = (each.end - now).days
    passed = "**expired**" if left < 0 else f"{left} days"
    return f"until {day(each.end)} ({passed}){before if each.before != each.end else ''}"


def _graph(preview: Preview) -> Iterator[str]:
    lines = graph(preview)
    if lines:
        note = "" if preview.ordered else " (as the engine came to it)"
        yield details(
            f"The order in which it is made{note}", "\n".join(["```mermaid", *lines, "```"])
        )


def _field_by_field(changed: list[Change]) -> Iterator[str]:
    blocks = []
    for change in changed:
        if change.operation not in (Operation.UPDATE, Operation.REPLACE):
            continue
        found = fields(change)
        lines: list[str] = []
        for each in found[:_FIELDS]:
            lines.append(f"  {each.path}")
            lines += [f"- {each.before}"] if each.before is not None else []
            lines += [f"+ {each.after}"] if each.after is not None else []
        if len(found) > _FIELDS:
            lines.append(f"  and {len(found) - _FIELDS} more")
        if lines:
            summary = f"{_WORDS[change.operation]} {code_in_html(change.title[:200])}"
            blocks.append(details(summary, block(lines, "diff")))
    yield from section("Field by field", blocks)
