"""What a program declares, out of `pulumi preview --json`: objects, their order, their fate.

The engine's own list is read rather than the program's: what it says of parents and dependencies is
what an update would go by, so the rendered order can't differ from it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mesh_policy.reading.values import at, items, mapping, strings, text, walk
from serverless_mesh.cli.engine_words import HIDDEN, SIGNATURE, UNKNOWN_MARKS, failures
from serverless_mesh.cli.render.errors import RenderError

COMMAND: Final = "pulumi preview --json --show-sames"
"""How a preview is made. It asks no cluster where the stack file has renderYamlToDirectory of the
Kubernetes plugin, which no preview writes to."""
_PLUGIN: Final = "kubernetes:"
_PATCH: Final = "Patch"
_NAMESPACE: Final = f"{_PLUGIN}core/v1:Namespace"
_THERE: Final = frozenset(
    {"same", "create", "update", "replace", "create-replacement", "import", "import-replacement"}
)
"""What the engine does with resources that the program declares."""


@dataclass(frozen=True)
class Declared:
    """An object, or the stack's share of one, as the program declares it.

    `component` is the logical name of what declares it. `kept` says that the stack never deletes
    it; a `share` is a part of an object that others own. `depth` is how many objects, one after the
    other, come before it.
    """

    body: Mapping[str, Any]
    component: str
    depth: int
    kept: bool = False
    share: bool = False


def declared(content: str) -> list[Declared]:
    """Return what a preview's JSON declares for a cluster, in the order of the engine.

    Raises:
        RenderError: it is no such JSON, the preview failed, or it does not show everything.
    """
    steps = _steps(content)
    states = {
        urn: mapping(step.get("newState"))
        for step in steps
        if (urn := text(step.get("urn"))) and step.get("op") in _THERE
    }
    of_cluster = [urn for urn, state in states.items() if _is_object(state)]
    depths = _depths(states, frozenset(of_cluster))
    found = [_declared(states[urn], depths[urn]) for urn in of_cluster]
    if not found:
        raise RenderError("the preview declares no Kubernetes object")
    return found


def _steps(content: str) -> list[Mapping[str, Any]]:
    if not content.strip():
        raise RenderError(f"the preview is empty: see what `{COMMAND}` says by itself")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or not isinstance(document.get("steps", []), list):
        raise RenderError(f"this is not what `{COMMAND}` prints")
    faults = failures(document)
    if faults:
        raise RenderError("the preview failed: " + "; ".join(filter(None, faults)))
    if not isinstance(document.get("changeSummary"), dict):
        raise RenderError(f"the preview stopped before its end: see what `{COMMAND}` says")
    steps = [mapping(each) for each in items(document.get("steps"))]
    same = mapping(document.get("changeSummary")).get("same", 0)
    shown = sum(step.get("op") == "same" for step in steps)
    if isinstance(same, int) and same > shown:
        raise RenderError(
            f"the preview leaves out {same - shown} resources that do not change: make it by "
            f"`{COMMAND}`"
        )
    return steps


def _is_object(state: Mapping[str, Any]) -> bool:
    body = mapping(state.get("inputs"))
    return text(state.get("type")).startswith(_PLUGIN) and "kind" in body and "apiVersion" in body


def _depths(states: Mapping[str, Mapping[str, Any]], objects: frozenset[str]) -> dict[str, int]:
    """Return how many objects come before each, along the longest way.

    What is in a namespace comes after it, whatever the engine knows of that: a component without
    objects, as one of an existing secret, hands on no order.
    """
    namespaces = {
        _name(state): urn
        for urn, state in states.items()
        if urn in objects and state.get("type") == _NAMESPACE
    }
    depths: dict[str, int] = {}
    pending = list(states)[::-1]
    entered: set[str] = set()
    while pending:
        urn = pending[-1]
        before = {*_before(states[urn]), namespaces.get(_namespace(states[urn]), urn)} - {urn}
        before &= states.keys()
        missing = [each for each in before if each not in depths]
        if urn not in depths and missing and urn not in entered:
            entered.add(urn)
            pending += sorted(missing)
            continue
        pending.pop()
        if urn not in depths:
            ways = (depths.get(each, 0) + (each in objects) for each in before)
            depths[urn] = max(ways, default=0)
    return depths


def _name(state: Mapping[str, Any]) -> str:
    return text(at(state, "inputs", "metadata", "name"))


def _namespace(state: Mapping[str, Any]) -> str:
    return text(at(state, "inputs", "metadata", "namespace"))


def _before(state: Mapping[str, Any]) -> Iterator[str]:
    yield from strings(state.get("dependencies"))
    for each in mapping(state.get("propertyDependencies")).values():
        yield from strings(each)


def _declared(state: Mapping[str, Any], depth: int) -> Declared:
    body = mapping(state["inputs"])
    share = text(state["type"]) == f"{_PLUGIN}{_place(body)}:{body['kind']}{_PATCH}"
    kept = bool(state.get("protect") or state.get("retainOnDelete") or share)
    component = text(state.get("parent")).rpartition("::")[2]
    return Declared(body, component or "stack", depth, kept, share)


def _place(body: Mapping[str, Any]) -> str:
    version = text(body["apiVersion"])
    return version if "/" in version else f"core/{version}"


def open_values(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """List the path of each value that is not known, or a secret, and which of both it is."""
    for path, value in walk(body):
        if isinstance(value, str) and value in UNKNOWN_MARKS:
            yield path, "only known after an update"
        elif value == HIDDEN or path.endswith(f".{SIGNATURE}"):
            yield path, "a secret"
