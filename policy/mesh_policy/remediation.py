"""How rules remediate the control plane of Serverless's mesh."""

from collections.abc import Iterable, Mapping
from typing import Any

from mesh_policy.documented.kinds import CONTROL_PLANE
from mesh_policy.documented.variants import SERVICE_MESH_2
from mesh_policy.reading.interception import ports
from mesh_policy.reading.objects import ref_of
from mesh_policy.reading.values import UNKNOWN, at, changed, items, settable
from mesh_policy.world import World


def with_ports(
    body: Mapping[str, Any], world: World, needed: Iterable[int]
) -> dict[str, Any] | None:
    """Return the Serverless control plane with further excluded ports; None: it needs none."""
    value = at(body, *SERVICE_MESH_2.excluded_ports)
    absent = [port for port in needed if port not in ports(value)]
    listed = value is None or (isinstance(value, list | tuple) and UNKNOWN not in value)
    if not absent or not listed or not is_serverless_plane(body, world):
        return None
    mesh = world.serverless_mesh
    # Whatever ports a profile excludes, a list in the spec replaces them.
    if value is None and mesh is not None and mesh.applied(SERVICE_MESH_2.excluded_ports):
        return None
    return with_value(body, SERVICE_MESH_2.excluded_ports, [*items(value), *absent])


def with_value(body: Mapping[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any] | None:
    """Return a body with another value at `path`, None where that would overwrite the unknown."""
    return changed(body, path, value) if settable(body, path) else None


def is_serverless_plane(body: Mapping[str, Any], world: World) -> bool:
    """Say whether a body is the ServiceMeshControlPlane of Serverless's mesh."""
    mesh = world.serverless_mesh
    plane = mesh.control_plane if mesh else None
    ref = ref_of(body)
    return ref.kind == CONTROL_PLANE and plane is not None and plane.ref == ref
