"""When an object is as it should be: `pulumi.com/waitFor`, and what some kinds are awaited for."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from toolchain.providers.kubernetes.api import Object
from toolchain.providers.plugin import PluginError

WAIT_FOR: Final = "pulumi.com/waitFor"
_JSONPATH: Final = re.compile(r"jsonpath=(?P<path>\{[^}]*\}|\.?[^=\s]+)(?:=(?P<value>.*))?", re.S)
_CONDITION: Final = re.compile(r"condition=(?P<type>[^=\s]+)(?:=(?P<status>\S+))?", re.S)
_STEP: Final = re.compile(
    r"\.?(?P<name>[^.\[\]]+)|\[(?P<index>\d+)\]|\[['\"](?P<key>[^'\"]+)['\"]\]"
)


@dataclass(frozen=True)
class Goal:
    """Something to wait for: whether a live object has it, and in words how far it is."""

    reached: Callable[[Object], bool]
    progress: Callable[[Object], str]


def parse(text: str) -> list[Goal]:
    """Read the annotation: one expression, or a JSON list of them that all must hold.

    Raises:
        PluginError: it is none.
    """
    expressions: Any = [text]
    if text.lstrip().startswith("["):
        try:
            expressions = json.loads(text)
        except ValueError:
            expressions = [None]
    goals = [_goal(item) for item in expressions if isinstance(item, str)]
    if not goals or len(goals) != len(expressions) or None in goals:
        raise PluginError(
            f"the annotation {WAIT_FOR} is {text!r}; it takes jsonpath=PATH, jsonpath=PATH=VALUE, "
            "condition=TYPE, condition=TYPE=STATUS, or a JSON list of those"
        )
    return [goal for goal in goals if goal is not None]


def _goal(expression: str) -> Goal | None:
    if match := _CONDITION.fullmatch(expression.strip()):
        return condition(match["type"], match["status"] or "True")
    if match := _JSONPATH.fullmatch(expression.strip()):
        path = match["path"].strip("{}").lstrip("$")
        return _value(path, match["value"])
    return None


def condition(kind: str, status: str) -> Goal:
    """Wait for a condition, as of the object's present generation."""

    def found(live: Object) -> Mapping[str, Any] | None:
        return next((c for c in conditions(live) if _same(c.get("type"), kind)), None)

    def reached(live: Object) -> bool:
        seen = found(live)
        return current(live, seen) and seen is not None and _same(seen.get("status"), status)

    def progress(live: Object) -> str:
        seen = found(live)
        if seen is None:
            return f"no condition {kind} yet"
        if not current(live, seen):
            return f"condition {kind} is of an earlier generation"
        said = ": ".join(str(seen[k]) for k in ("reason", "message") if seen.get(k))
        return f"condition {kind} is {seen.get('status')}" + (f" ({said})" if said else "")

    return Goal(reached, progress)


def _same(found: object, wanted: str) -> bool:
    return isinstance(found, str) and found.lower() == wanted.lower()


def _value(path: str, wanted: str | None) -> Goal:
    def reached(live: Object) -> bool:
        found = list(_walk(live, path))
        if wanted is None:
            return bool(found) and found[0] not in (None, "")
        return any(_text(value) == wanted for value in found)

    def progress(live: Object) -> str:
        found = list(_walk(live, path))
        said = _text(found[0]) if found else "absent"
        return f"{path} is {said}" + (f", waiting for {wanted}" if wanted is not None else "")

    return Goal(reached, progress)


def _walk(live: Any, path: str) -> Iterator[Any]:
    for step in _STEP.finditer(path):
        name = step["name"] or step["key"]
        if step["index"] is not None:
            live = live[int(step["index"])] if _has(live, int(step["index"])) else None
        else:
            live = live.get(name) if isinstance(live, dict) else None
        if live is None:
            return
    yield live


def _has(live: Any, index: int) -> bool:
    return isinstance(live, list) and index < len(live)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def conditions(live: Object) -> list[Mapping[str, Any]]:
    """Return the conditions in the object's status, those that are well formed."""
    status = live.get("status")
    listed = status.get("conditions") if isinstance(status, dict) else None
    return [item for item in listed or [] if isinstance(item, dict)]


def current(live: Object, seen: Mapping[str, Any] | None = None) -> bool:
    """Tell whether the status speaks of the present generation, as far as it says."""
    generation = live["metadata"].get("generation")
    status = live.get("status")
    observed = [
        part.get("observedGeneration")
        for part in (status, seen)
        if isinstance(part, Mapping) and part.get("observedGeneration") is not None
    ]
    return generation is None or all(value >= generation for value in observed)


def _rolled_out(live: Object) -> bool:
    spec, status = live.get("spec", {}), live.get("status", {})
    wanted = spec.get("replicas", 1)
    observed = status.get("observedGeneration", 0) >= live["metadata"].get("generation", 1)
    counts = (status.get("updatedReplicas", 0), status.get("readyReplicas", 0))
    return bool(observed and all(count >= wanted for count in counts))


def _rollout_progress(live: Object) -> str:
    ready = live.get("status", {}).get("readyReplicas", 0)
    return f"{ready} of {live.get('spec', {}).get('replicas', 1)} replicas are ready"


def default_goals(live: Object) -> list[Goal]:
    """Return what the official plugin awaits of a kind without being asked."""
    match live["kind"]:
        case "Deployment" | "StatefulSet":
            return [Goal(_rolled_out, _rollout_progress)]
        case "Pod":
            return [condition("Ready", "True")]
        case "CustomResourceDefinition":
            return [condition("Established", "True")]
        case "Job":
            return [condition("Complete", "True")]
        case "PersistentVolumeClaim":
            return [_value(".status.phase", "Bound")]
        case _:
            return []
