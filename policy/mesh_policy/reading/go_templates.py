"""Templates of Go's text/template, of which only what surely has one outcome is rendered."""

import re
from collections.abc import Mapping
from typing import Any, Final

_ACTION: Final = re.compile(r"\{\{(- )?(.*?)( -)?\}\}", re.DOTALL)
_FIELD: Final = re.compile(r"\.(\w+)(?:\.(\w+))?")
_INDEX: Final = re.compile(r"index\s+\.(\w+)\s+\"([^\"\\]*)\"")
_COMMENT: Final = re.compile(r"/\*.*\*/", re.DOTALL)
_LITERAL: Final = re.compile(r"\"([^\"\\{}]*)\"")
_LONGEST: Final = 2000
NO_VALUE: Final = "<no value>"
"""What Go writes for a key that a mapping does not have, unless it is asked for by `index`."""


def rendered(template: str, values: Mapping[str, Any]) -> str | None:
    """Return what a template becomes; None where it takes more than fields, `index` or texts.

    A value is a text, or a mapping of texts.
    """
    if len(template) > _LONGEST:
        return None
    found, end, trim = [], 0, False
    for action in _ACTION.finditer(template):
        before = template[end : action.start()]
        before = before.lstrip() if trim else before
        found.append(before.rstrip() if action[1] else before)
        value = _evaluated(action[2].strip(), values)
        if value is None:
            return None
        found.append(value)
        end, trim = action.end(), bool(action[3])
    rest = template[end:]
    found.append(rest.lstrip() if trim else rest)
    if "{{" in "".join(re.split(_ACTION, template)[:: _ACTION.groups + 1]):
        return None
    return "".join(found)


def _evaluated(action: str, values: Mapping[str, Any]) -> str | None:
    if _COMMENT.fullmatch(action):
        return ""
    if literal := _LITERAL.fullmatch(action):
        return literal[1]
    if index := _INDEX.fullmatch(action):
        found = values.get(index[1])
        return _text(found.get(index[2], "")) if isinstance(found, Mapping) else None
    field = _FIELD.fullmatch(action)
    if field is None:
        return None
    found = values.get(field[1])
    if field[2] is None:
        return _text(found)
    return _text(found.get(field[2], NO_VALUE)) if isinstance(found, Mapping) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
