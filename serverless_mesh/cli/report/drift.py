"""What somebody else changed in the cluster, where only the plugin tells that it did.

The inputs before are those of the last update then; what is there stands in the outputs.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mesh_policy.reading.values import at, mapping
from serverless_mesh.cli.report.fields import names
from serverless_mesh.cli.report.preview import Change, State


def as_seen(change: Change) -> Change:
    """Return a change whose inputs before are what is there, wherever the plugin says so."""
    inputs, outputs = change.old.inputs, change.old.outputs
    if not outputs:
        return change
    for path in map(names, change.fields):
        if path and at(inputs, *path) == at(change.new.inputs, *path):
            inputs = _with(inputs, path, at(outputs, *path))
    return replace(change, old=State(inputs, outputs))


def _with(tree: Mapping[str, Any], path: tuple[str, ...], value: Any) -> Mapping[str, Any]:
    """Return a tree with another value at a path, without the key where there is no value."""
    key, *rest = path
    if rest:
        value = _with(mapping(tree.get(key)), tuple(rest), value)
    return {k: v for k, v in {**tree, key: value}.items() if k != key or v is not None}
