"""What the control plane of Serverless's mesh says, Service Mesh 2 and 3."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from policy.mesh import Mesh, has_serverless
from policy.model import Finding
from policy.names import CONTROL_PLANE, DEFAULT_MESH_NAMESPACE, ISTIO
from policy.values import UNKNOWN, at, changed, items, number, settable
from policy.world import Object, World, ref_of

EXCLUDED_PORTS: Final = (
    "spec",
    "proxy",
    "networking",
    "trafficControl",
    "inbound",
    "excludedPorts",
)
DRAIN: Final = ("spec", "techPreview", "meshConfig", "defaultConfig", "terminationDrainDuration")
_NEWER_EXCLUDED_PORTS: Final = ("spec", "values", "global", "proxy", "excludeInboundPorts")
_NEWER_DRAIN: Final = (
    "spec",
    "values",
    "meshConfig",
    "defaultConfig",
    "terminationDrainDuration",
)


def excluded_ports_path(mesh: Mesh) -> tuple[str, ...]:
    """Return where the ports stand that are outside of mTLS."""
    return _NEWER_EXCLUDED_PORTS if mesh.newer else EXCLUDED_PORTS


def drain_path(mesh: Mesh) -> tuple[str, ...]:
    """Return where the proxies' drain duration stands."""
    return _NEWER_DRAIN if mesh.newer else DRAIN


def ports(value: Any) -> set[int]:
    """Return the ports of a list, or of a text such as `8022,8444`."""
    entries: Iterable[Any] = value.split(",") if isinstance(value, str) else items(value)
    found = (number(e.strip() if isinstance(e, str) else e) for e in entries)
    return {port for port in found if port is not None}


def excludes(mesh: Mesh, port: int) -> bool | None:
    """Tell whether the control plane leaves a port outside of mTLS; None: not known."""
    plane = mesh.control_plane
    value = plane.get(*excluded_ports_path(mesh)) if plane else UNKNOWN
    if port in ports(value):
        return True
    return None if value is UNKNOWN or UNKNOWN in items(value) else False


def with_ports(
    body: Mapping[str, Any], world: World, needed: Iterable[int]
) -> dict[str, Any] | None:
    """Return the Serverless control plane with further excluded ports; None: nothing to mend."""
    value = at(body, *EXCLUDED_PORTS)
    absent = [port for port in needed if port not in ports(value)]
    known = value is None or (isinstance(value, list | tuple) and UNKNOWN not in value)
    if not absent or not known or not is_serverless_plane(body, world):
        return None
    return with_value(body, EXCLUDED_PORTS, [*items(value), *absent])


def with_value(body: Mapping[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any] | None:
    """Return a body with another value at `path`, None where that would overwrite the unknown."""
    return changed(body, path, value) if settable(body, path) else None


def is_serverless_plane(body: Mapping[str, Any], world: World) -> bool:
    """Tell whether a body is the ServiceMeshControlPlane of Serverless's mesh."""
    mesh = world.serverless_mesh
    plane = mesh.control_plane if mesh else None
    ref = ref_of(body)
    return ref.kind == CONTROL_PLANE and plane is not None and plane.ref == ref


def serverless_plane(world: World) -> Iterator[tuple[Mesh, Object]]:
    """Give the mesh of Serverless and its control plane, where both are here."""
    mesh = world.serverless_mesh
    if mesh is not None and mesh.control_plane is not None:
        yield mesh, mesh.control_plane


def planeless(world: World, needed: str) -> Iterator[Finding]:
    """Say that Serverless has no control plane, which a rule is about to judge, where that is so.

    Where it can't be told which of several is its, `unplaced` says so.
    """
    mesh = world.serverless_mesh
    told_apart = mesh is not None or not world.meshes
    if told_apart and not (mesh and mesh.control_plane) and has_serverless(world):
        namespace = mesh.namespace if mesh else DEFAULT_MESH_NAMESPACE
        if ISTIO not in world.unread:
            yield from world.missing(CONTROL_PLANE, namespace, "", needed)
