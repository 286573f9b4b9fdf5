"""What an update changes, field by field; what is secret never shows."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mesh_policy.escaping import printable
from mesh_policy.reading.private_keys import holds_private_key
from mesh_policy.reading.values import UNKNOWN, Unknown, text, walk
from serverless_mesh.cli.engine_words import HIDDEN
from serverless_mesh.cli.report.dates import until
from serverless_mesh.cli.report.preview import Change

LATER: Final = "known after the update"
_ABSENT: Final = object()
_STEPS: Final = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|\.?([^.\[\]]+)')
_PEM: Final = re.compile(r"-----BEGIN ([A-Z ]+)-----")
_LONGEST: Final = 200
_SHOWN_OF_SECRETS: Final = ("type", "metadata.name", "metadata.namespace", "metadata.labels")
_KEYS: Final = re.compile(r"private_?key|password|passphrase|token|kubeconfig", re.IGNORECASE)
"""Names of fields and variables whose values are not shown, whether marked as secrets or not."""


@dataclass(frozen=True)
class Field:
    """A field that changes: its path, and its value before and after, None where there is none."""

    path: str
    before: str | None
    after: str | None


def fields(change: Change) -> list[Field]:
    """List the fields that an update or a replacement changes, by the plugin's word or ours."""
    paths = list(change.fields) or list(_compared(change.old.inputs, change.new.inputs))
    found = (_field(change, path) for path in paths)
    return [each for each in found if each.before != each.after or HIDDEN in (each.before or "")]


def _field(change: Change, path: str) -> Field:
    before = _first(path, change.old.inputs, change.old.outputs)
    after = _first(path, change.new.inputs)
    if after is _ABSENT and not _is_input(path, change):
        after = _first(path, change.new.outputs)
    if before is not _ABSENT and before == after:
        # Of what somebody else changed, only the outputs differ.
        was, will_be = _first(path, change.old.outputs), _first(path, change.new.outputs)
        before, after = (was, will_be) if was != will_be else (before, after)
    return Field(path, _shown(change, path, before), _shown(change, path, after))


def _is_input(path: str, change: Change) -> bool:
    return change.fields.get(path, "").startswith("delete") or path in change.old.inputs


def _compared(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    old, new = dict(walk(before)), dict(walk(after))
    for path in sorted(old.keys() | new.keys()):
        if path not in old or path not in new or old[path] != new[path]:
            yield path


def _first(path: str, *trees: Mapping[str, Any]) -> Any:
    for tree in trees:
        found = _at(tree, path)
        if found is not _ABSENT:
            return found
    return _ABSENT


def _at(tree: Any, path: str) -> Any:
    """Follow a path as the engine writes it: `spec.members[2]`, `metadata.labels["a.b/c"]`."""
    for quoted, index, name in _STEPS.findall(path):
        if tree is UNKNOWN or tree == HIDDEN:
            return tree
        if isinstance(tree, Mapping) and (quoted or name):
            tree = tree.get(quoted.replace('\\"', '"') or name, _ABSENT)
        elif isinstance(tree, list) and index:
            tree = tree[int(index)] if int(index) < len(tree) else _ABSENT
        else:
            return _ABSENT
    return tree


def names(path: str) -> tuple[str, ...]:
    """Return a path as the engine writes it, up to the first place in a list."""
    found: list[str] = []
    for quoted, index, name in _STEPS.findall(path):
        if index:
            break
        found.append(quoted.replace('\\"', '"') or name)
    return tuple(found)


def _shown(change: Change, path: str, value: Any) -> str | None:
    if value is _ABSENT:
        return None
    if change.is_secret and not path.startswith(_SHOWN_OF_SECRETS):
        return HIDDEN
    if _KEYS.search(path) or _KEYS.search(_variable(change, path)):
        return HIDDEN
    return written(value)


def _variable(change: Change, path: str) -> str:
    """Return the name of the variable whose value stands at a path, empty where there is none."""
    if not path.endswith(".value"):
        return ""
    return text(_first(f"{path.removesuffix('value')}name", change.new.inputs, change.old.inputs))


def written(value: Any) -> str:
    """Write a value on one line, and never a key."""
    if isinstance(value, Unknown):
        return LATER
    if holds_private_key(value):
        return HIDDEN
    if isinstance(value, str):
        pem = _PEM.match(value)
        return until(value) or (f"a {pem[1].lower()} in PEM" if pem else _short(value))
    return _short(json.dumps(_masked(value), ensure_ascii=False, sort_keys=True))


def _masked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key: HIDDEN if _is_key(str(key), value) else _masked(child)
            for key, child in value.items()
        }
    if isinstance(value, list):
        return [_masked(child) for child in value]
    return LATER if isinstance(value, Unknown) else value


def _is_key(key: str, beside: Mapping[str, Any]) -> bool:
    return bool(_KEYS.search(text(beside.get("name")) if key == "value" else key))


def _short(line: str) -> str:
    line = printable(line)
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
