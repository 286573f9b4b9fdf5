"""One change out of the steps of a resource, and one preview out of two readings of it."""

from collections.abc import Iterable
from dataclasses import replace
from functools import reduce

from serverless_mesh.cli.report.preview import Change, Operation, Preview, State


def merged(steps: Iterable[Change]) -> tuple[Change, ...]:
    """Make one of the steps of each resource, in the order in which the first of them came."""
    found: dict[str, list[Change]] = {}
    for step in steps:
        if step.urn:
            found.setdefault(step.urn, []).append(step)
    return tuple(reduce(_together, _of_today(each)) for each in found.values())


def _of_today(steps: list[Change]) -> list[Change]:
    """Return the steps of a resource without what an update that was stopped left to delete."""
    others = [each for each in steps if not each.deleted_first]
    replaced = any(each.operation is Operation.REPLACE for each in others)
    return steps if replaced or not others else others


def _together(earlier: Change, later: Change) -> Change:
    """Make one of two steps of a resource: the later tells more, unless it tells nothing."""
    weaker = later.operation in (Operation.SAME, Operation.READ)
    chosen = earlier if weaker and earlier.operation is not Operation.SAME else later
    if Operation.REPLACE in (earlier.operation, later.operation):
        chosen = replace(chosen, operation=Operation.REPLACE)
    first = earlier.deleted_first
    return replace(
        chosen,
        old=State(later.old.inputs or earlier.old.inputs, later.old.outputs or earlier.old.outputs),
        new=State(later.new.inputs or earlier.new.inputs, later.new.outputs or earlier.new.outputs),
        fields={**earlier.fields, **later.fields},
        parent=chosen.parent or earlier.parent,
        dependencies=earlier.dependencies | later.dependencies,
        deleted_first=later.deleted_first if first is None else first,
        retained=earlier.retained or later.retained,
    )


def together(first: Preview, second: Preview) -> Preview:
    """Make one of two readings of the same preview, the digest's and the events'."""
    steps = {change.urn: change for change in second.changes}
    changes = [
        _together(each, steps.pop(each.urn)) if each.urn in steps else each
        for each in first.changes
    ]
    return Preview(
        changes=(*changes, *steps.values()),
        said=first.said or second.said,
        diagnostics=tuple(dict.fromkeys((*first.diagnostics, *second.diagnostics))),
        remediated=first.remediated or second.remediated,
        config={**second.config, **first.config},
        packs=first.packs or second.packs,
        finished=first.finished and second.finished,
        policies=first.policies or second.policies,
        ordered=first.ordered or second.ordered,
    )
