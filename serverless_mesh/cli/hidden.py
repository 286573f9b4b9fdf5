"""Values of Secrets that whoever wrote a file has hidden: they are not known, rather than wrong.

`oc adm inspect`, and so `oc adm must-gather`, keeps certificates and writes of each other value how
long it is (`1704 bytes long`); others write a word or stars in its place.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from mesh_policy.documented.kinds import SECRET, Kind
from mesh_policy.findings import UNTIL_UPDATE, Undetermined
from mesh_policy.reading.objects import kind_of
from mesh_policy.reading.values import UNKNOWN, mapping, text
from mesh_policy.rule import Result

_HIDDEN: Final = re.compile(
    r"\d+ bytes( long)?"
    r"|\W*(redacted|hidden|removed|omitted|elided|masked|censored|obfuscated|sanitized)\W*"
    r"|[*x.\u2022\u2026-]{3,}",
    re.IGNORECASE,
)
_LIST: Final = Kind(SECRET.group, f"{SECRET.name}List")
_LONGEST: Final = 64
"""Characters; no such remark is longer."""


def without_hidden(body: Any, dumped: bool = False) -> Any:
    """Return an object, or a list of them, with UNKNOWN for each value of a Secret that is hidden.

    In a cluster no Secret of any use is without data: where it is `dumped` like that, all of it is
    hidden.
    """
    if not isinstance(body, Mapping):
        return body
    if isinstance(items := body.get("items"), list) and text(body.get("kind")).endswith("List"):
        listed = kind_of(body) == _LIST
        if not listed and not any(_is_secret(each) for each in items):
            return body
        return {**body, "items": [_shown(each, dumped, listed) for each in items]}
    return _shown(body, dumped)


def _is_secret(body: Any, listed: bool = False) -> bool:
    """Say whether it is a Secret; one that is `listed` among its like need not say so."""
    if not isinstance(body, Mapping):
        return False
    return kind_of(body) == SECRET or (listed and "kind" not in body)


def _shown(body: Any, dumped: bool, listed: bool = False) -> Any:
    if not _is_secret(body, listed):
        return body
    data = body.get("data")
    if dumped and not data and not body.get("stringData"):
        return {**body, "data": UNKNOWN}
    hidden = [key for key, value in mapping(data).items() if is_hidden(value)]
    return {**body, "data": {**mapping(data), **dict.fromkeys(hidden, UNKNOWN)}} if hidden else body


def is_hidden(value: Any) -> bool:
    """Say whether a value of a Secret's data is only a remark in its place."""
    coded = text(value)
    if len(coded) > 2 * _LONGEST:
        return False
    if _HIDDEN.fullmatch(coded):
        return True
    try:
        decoded = base64.b64decode(coded, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return False
    return _HIDDEN.fullmatch(decoded) is not None


def reworded(result: Result) -> Result:
    """Say why a value is not known: in files nothing but what is hidden is not."""
    finding = result.finding
    if isinstance(finding, Undetermined) and finding.why == UNTIL_UPDATE:
        return result._replace(finding=replace(finding, why="hidden where it was read"))
    return result
