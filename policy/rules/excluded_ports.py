"""The ports that Kubernetes and monitoring call are outside of mTLS."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from policy.control_plane import (
    excluded_ports_path,
    excludes,
    planeless,
    serverless_plane,
    with_ports,
)
from policy.mesh import unplaced
from policy.model import Finding, Rule, Severity
from policy.names import DRAIN_PORT, MESH_KINDS, MESH_SECTION, METRICS_PORT
from policy.values import show
from policy.world import World

_NEEDED: Final = {METRICS_PORT: "metrics", DRAIN_PORT: "Serving's wait-for-drain hook"}


def check(world: World) -> Iterator[Finding]:
    """Judge the control plane's excluded inbound ports."""
    yield from unplaced(world)
    yield from planeless(world, "a control plane, which leaves ports outside of mTLS")
    for mesh, plane in serverless_plane(world):
        path = ".".join(excluded_ports_path(mesh))
        found = show(plane.get(*excluded_ports_path(mesh)))
        for port, use in _NEEDED.items():
            excluded = excludes(mesh, port)
            if excluded is None:
                yield plane.unknown(path)
            elif not excluded:
                yield plane.breaks(path, found, f"{port} ({use}) among the excluded ports")


def remediate(body: Mapping[str, Any], world: World) -> dict[str, Any] | None:
    """Add the ports that are missing."""
    return with_ports(body, world, _NEEDED)


RULE = Rule(
    id="excluded-ports",
    title="The ports that Kubernetes and monitoring call are outside of mTLS",
    severity=Severity.ERROR,
    why=(
        "Kubernetes and cluster monitoring call 8444 and 8022 from outside the mesh and have no "
        "client certificate: inside of mTLS, metrics are lost and pods end without draining."
    ),
    remedy="Add 8444 and 8022 to the excluded inbound ports of the control plane.",
    section=MESH_SECTION,
    kinds=MESH_KINDS,
    check=check,
    remediate=remediate,
)
