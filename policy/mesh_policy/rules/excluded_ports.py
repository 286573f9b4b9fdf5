"""The ports that Kubernetes and monitoring call are outside of mTLS."""

from collections.abc import Iterator, Mapping
from typing import Any

from mesh_policy.control_plane import (
    planeless,
    serverless_plane,
    with_ports,
)
from mesh_policy.documented.kinds import MESH_KINDS
from mesh_policy.documented.names import EXCLUDED_PORTS
from mesh_policy.documented.sections import MESH_SECTION
from mesh_policy.findings import Finding, Severity
from mesh_policy.reading.values import show
from mesh_policy.rule import Rule
from mesh_policy.world import World, unplaced


def check(world: World) -> Iterator[Finding]:
    """Check the control plane's excluded inbound ports."""
    yield from unplaced(world)
    yield from planeless(world, "a control plane, which leaves ports outside of mTLS")
    for mesh, plane in serverless_plane(world):
        path = mesh.variant.excluded_ports
        found = show(mesh.applied(path))
        for port, use in EXCLUDED_PORTS.items():
            taken = mesh.interception.takes(port)
            if taken is None:
                yield mesh.unclear(plane, path)
            elif taken:
                needed = f"{port} ({use}) among the excluded ports"
                yield plane.breaks(".".join(path), found, needed)


def remediate(body: Mapping[str, Any], world: World) -> dict[str, Any] | None:
    """Add the ports that are missing."""
    return with_ports(body, world, EXCLUDED_PORTS)


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
