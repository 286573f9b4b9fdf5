"""The certificates of a preview, each with the time in which it is valid, as far as it is known."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from mesh_policy.documented.kinds import CERTIFICATE
from mesh_policy.reading.values import at, mapping, show, text
from mesh_policy.reading.x509 import validity
from serverless_mesh.cli.report.dates import moment
from serverless_mesh.cli.report.preview import Change, Operation, Preview

_TYPES: Final = frozenset(
    {
        "tls:index/selfSignedCert:SelfSignedCert",
        "tls:index/locallySignedCert:LocallySignedCert",
    }
)
_SETTING: Final = "serverless-mesh:certificate"
_ENTRIES: Final = {"certificate": "given certificate", "caCertificate": "given authority"}


@dataclass(frozen=True)
class Dates:
    """A certificate by its title; `end` is None where only the update will tell.

    `before` is the end of the one that it takes the place of, `planned` what is asked for.
    """

    title: str
    end: datetime | None = None
    before: datetime | None = None
    planned: str = ""


def dates(preview: Preview) -> list[Dates]:
    """List the certificates of which a preview tells anything."""
    made = (_made(each) for each in preview.changes if each.operation is not Operation.DELETE)
    return [*(each for each in made if each is not None), *_given(preview)]


def _made(change: Change) -> Dates | None:
    if change.type in _TYPES:
        before = _end(change.old.outputs)
        stays = change.operation is Operation.SAME
        end = before if stays else _end(change.new.outputs)
        hours = change.new.inputs.get("validityPeriodHours")
        planned = f"{hours // 24} days" if isinstance(hours, int) else ""
        again = not stays and end in (None, before) and change.operation is not Operation.UPDATE
        return Dates(
            change.title, None if again else end or before, None if stays else before, planned
        )
    if change.kind == CERTIFICATE:
        end = moment(at(change.new.outputs, "status", "notAfter"))
        duration = text(at(change.body, "spec", "duration"))
        return Dates(change.title, end, planned=duration and f"a duration of {show(duration)}")
    return None


def _end(outputs: Any) -> datetime | None:
    said = moment(at(outputs, "validityEndTime"))
    found = None if said else validity(text(at(outputs, "certPem")))
    return said or (found[1] if found else None)


def _given(preview: Preview) -> Iterator[Dates]:
    """List the certificates that stand in the stack file; they are public."""
    try:
        section = mapping(json.loads(preview.config.get(_SETTING) or "{}"))
    except ValueError:
        return
    for key, title in _ENTRIES.items():
        if found := validity(text(section.get(key))):
            yield Dates(f"{title} ({_SETTING}, {key})", found[1])
