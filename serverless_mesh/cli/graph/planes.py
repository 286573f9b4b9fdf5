"""The control planes: that of Serverless's mesh, and those of other meshes."""

from collections.abc import Iterator, Sequence
from typing import Final

from mesh_policy.documented.kinds import ISTIO_CNI, ISTIO_REVISION, ISTIO_REVISION_TAG
from mesh_policy.documented.names import KNATIVE_NAMESPACES
from mesh_policy.findings import Ref
from mesh_policy.mesh.mesh import Mesh
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import text
from serverless_mesh.cli.graph.model import Group, Lane, Node, listed
from serverless_mesh.cli.graph.scene import Scene, readiness

_MEMBERS_SHOWN: Final = 3
_OTHERS_SHOWN: Final = 2


def control_plane(scene: Scene, mesh: Mesh) -> Iterator[Node]:
    """Give a mesh's control plane, and with Service Mesh 3 the plugin that redirects traffic."""
    plane = mesh.control_plane
    beside = [*mesh.rolls, *mesh.memberships, *(each.item for each in mesh.refused.values())]
    if plane is None:
        kind = mesh.variant.control_plane.name if mesh.rolls else "Control plane"
        lines = ["not among what was read", *_members(mesh)]
        yield scene.node(mesh.name or mesh.namespace, lines, beside, kind=kind, identity="plane")
        return
    world = scene.world
    if not mesh.variant.roll:
        beside += [*world.objects(ISTIO_REVISION), *world.objects(ISTIO_REVISION_TAG)]
    lines = [str(mesh.variant), *_version(plane), *_members(mesh)]
    yield scene.node(plane.ref.name, lines, [plane, *beside])
    if not mesh.variant.roll:
        for item in world.objects(ISTIO_CNI):
            yield scene.node(item.ref.name, _version(item), [item])


def _version(item: Object) -> list[str]:
    version = text(item.get("spec", "version"))
    state = readiness(item)
    return [", ".join([version, *state])] if version else state


def _members(mesh: Mesh) -> list[str]:
    if mesh.everything:
        return ["every namespace is a member"]
    # Knative's own come first: they matter most.
    order = sorted(mesh.explicit - {mesh.namespace}, key=lambda name: (not _is_own(name), name))
    return [f"members: {listed(order, _MEMBERS_SHOWN)}"] if order else []


def _is_own(namespace: str) -> bool:
    return namespace in KNATIVE_NAMESPACES


def other_meshes(scene: Scene, drawn: Sequence[str]) -> Iterator[Group]:
    """Give the meshes that Serverless is not in; those of namespaces that are drawn are there."""
    own = scene.mesh
    others = [mesh for mesh in scene.world.meshes if mesh is not own]
    order = sorted(others, key=lambda mesh: not scene.on(_refs(mesh)))
    apart = [mesh for mesh in order if mesh.namespace not in drawn]
    for mesh in apart[:_OTHERS_SHOWN]:
        yield Group(
            f"mesh/{mesh}",
            Lane.INGRESS,
            "another mesh",
            mesh.namespace,
            nodes=tuple(_other(scene, mesh)),
        )
    if more := apart[_OTHERS_SHOWN:]:
        names = (listed([mesh.namespace for mesh in more], _MEMBERS_SHOWN),)
        marks = scene.within([mesh.namespace for mesh in more])
        name = f"and {len(more)} more"
        yield Group("more-meshes", Lane.INGRESS, "other meshes", name, names, (), marks)


def _refs(mesh: Mesh) -> list[Ref]:
    return [mesh.ref, *(item.ref for item in (*mesh.rolls, *mesh.memberships))]


def _other(scene: Scene, mesh: Mesh) -> Iterator[Node]:
    plane, beside = mesh.control_plane, [*mesh.rolls, *mesh.memberships]
    kind = mesh.variant.control_plane.name if plane else "Member roll"
    lines = [str(mesh.variant), *(_version(plane) if plane else []), *_members(mesh)]
    found = [*([plane] if plane else []), *beside]
    yield scene.node(mesh.name or "its members", lines, found, kind=kind)
