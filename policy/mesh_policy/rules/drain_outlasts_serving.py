"""Proxies drain longer than a Knative Service takes to end."""

from collections.abc import Iterator, Mapping
from typing import Any

from mesh_policy.control_plane import (
    is_serverless_plane,
    planeless,
    serverless_plane,
    with_value,
)
from mesh_policy.documented.kinds import MESH_KINDS
from mesh_policy.documented.names import DRAIN_DURATION, DRAIN_OF_SERVING
from mesh_policy.documented.sections import MESH_SECTION
from mesh_policy.documented.variants import SERVICE_MESH_2
from mesh_policy.findings import Finding, Severity
from mesh_policy.reading.durations import seconds
from mesh_policy.reading.values import UNKNOWN, at, show, text
from mesh_policy.rule import Rule
from mesh_policy.world import World, unplaced


def check(world: World) -> Iterator[Finding]:
    """Check the control plane's terminationDrainDuration."""
    yield from unplaced(world)
    yield from planeless(world, "a control plane, which sets how long proxies drain")
    for mesh, plane in serverless_plane(world):
        path = mesh.variant.drain
        value = mesh.applied(path)
        needed = f"a duration above {DRAIN_OF_SERVING:.0f}s, such as {DRAIN_DURATION}"
        if value is UNKNOWN:
            yield mesh.unclear(plane, path)
        elif (lasts := seconds(text(value))) is None or lasts <= DRAIN_OF_SERVING:
            yield plane.breaks(".".join(path), show(value), needed)


def remediate(body: Mapping[str, Any], world: World) -> dict[str, Any] | None:
    """Set the documented duration where none is, or a shorter one."""
    value = at(body, *SERVICE_MESH_2.drain)
    lasts = 0.0 if value is None else seconds(text(value))
    if lasts is None or lasts > DRAIN_OF_SERVING or not is_serverless_plane(body, world):
        return None
    return with_value(body, SERVICE_MESH_2.drain, DRAIN_DURATION)


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
