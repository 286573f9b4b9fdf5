"""Proxies drain longer than a Knative Service takes to end."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from policy.control_plane import (
    DRAIN,
    drain_path,
    is_serverless_plane,
    planeless,
    serverless_plane,
    with_value,
)
from policy.durations import seconds
from policy.mesh import unplaced
from policy.model import Finding, Rule, Severity
from policy.names import MESH_KINDS, MESH_SECTION
from policy.values import UNKNOWN, at, show, text
from policy.world import World

_GRACE: Final = 30.0
"""Seconds that a Knative Service takes to end gracefully."""
_DOCUMENTED: Final = "35s"


def check(world: World) -> Iterator[Finding]:
    """Judge the control plane's terminationDrainDuration."""
    yield from unplaced(world)
    yield from planeless(world, "a control plane, which sets how long proxies drain")
    for mesh, plane in serverless_plane(world):
        path = drain_path(mesh)
        value = plane.get(*path)
        needed = f"a duration above {_GRACE:.0f}s, such as {_DOCUMENTED}"
        if value is UNKNOWN:
            yield plane.unknown(".".join(path))
        elif (lasts := seconds(text(value))) is None or lasts <= _GRACE:
            yield plane.breaks(".".join(path), show(value), needed)


def remediate(body: Mapping[str, Any], world: World) -> dict[str, Any] | None:
    """Set the documented duration where none is, or a shorter one."""
    value = at(body, *DRAIN)
    lasts = 0.0 if value is None else seconds(text(value))
    if lasts is None or lasts > _GRACE or not is_serverless_plane(body, world):
        return None
    return with_value(body, DRAIN, _DOCUMENTED)


RULE = Rule(
    id="drain-outlasts-serving",
    title="Proxies drain longer than Knative Services take to end",
    severity=Severity.ERROR,
    why=(
        "A Knative Service ends gracefully within 30 seconds. A proxy that ends before it drops "
        "the requests still on their way; Istio's own default is 5 seconds."
    ),
    remedy="Set terminationDrainDuration in the control plane to 35s or more.",
    section=MESH_SECTION,
    kinds=MESH_KINDS,
    check=check,
    remediate=remediate,
)
