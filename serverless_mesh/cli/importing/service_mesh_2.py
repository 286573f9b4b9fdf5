"""The settings nearest to a mesh of Service Mesh 2."""

from typing import Any, Final

from mesh_policy.documented.kinds import EVENTING, KAFKA, NAMESPACE, SERVING
from mesh_policy.documented.names import INJECT, KNATIVE_NAMESPACES, MEMBER_OF, NO_NETWORK_POLICIES
from mesh_policy.documented.variants import SERVICE_MESH_2
from mesh_policy.mesh.mesh import Mesh
from mesh_policy.reading.knative import workloads
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import UNKNOWN, at, items, mapping, show, text
from mesh_policy.world import World
from serverless_mesh.cli.importing.draft import Draft, others
from serverless_mesh.control_plane import needed
from serverless_mesh.settings import ServiceMesh2

_IDENTITY: Final = ("spec", "security", "identity", "type")


def put(draft: Draft, world: World, mesh: Mesh, plane: Object) -> None:
    """Add the section `mesh` and the projects."""
    variant = SERVICE_MESH_2
    draft.put(("mesh", "version"), 2, source="the control plane")
    shown = f"ServiceMeshControlPlane {plane.ref.namespace}/{plane.ref.name}"
    if mesh.namespace != ServiceMesh2().namespace:
        draft.put(("mesh", "namespace"), mesh.namespace, source=f"the namespace of {shown}")
    if plane.ref.name != ServiceMesh2().name:
        draft.put(("mesh", "name"), plane.ref.name, source=f"the name of {shown}")
    unknown = others(plane.body, _expressed())
    if unknown:
        draft.put(("mesh", "existing"), True, source=shown)
        draft.note(
            "mesh",
            f"The {shown} stays that of others (existing), since it has what no setting has "
            f"({', '.join(unknown)}): an update of one that is the stack's would take that away. "
            "What it lacks the preview asks for (allowChanges), and destroying the stack leaves "
            "it.",
        )
    else:
        draft.note(
            "mesh",
            f"The {shown} has nothing that settings can't say, so it is taken for yours. Where "
            "others use this mesh too, set existing to true.",
        )
        _put_differing(draft, "profiles", plane.get(*variant.profiles), ["default"])
    _put_differing(draft, "drainDuration", mesh.applied(mesh.drain), ServiceMesh2().drain_duration)
    ports = mesh.applied(variant.excluded_ports)
    _put_differing(draft, "excludedPorts", ports, list(ServiceMesh2().excluded_ports))
    _put_differing(draft, "identityType", plane.get(*_IDENTITY), None)
    if plane.get(*variant.network_policies) is False:
        _put_differing(draft, "manageNetworkPolicy", False, True)
    elif _makes_none(world):
        draft.note(
            "mesh",
            "Serverless makes no network policies here, and Service Mesh does: the update lets "
            "both make theirs, as documented. For none of both, set manageNetworkPolicy to false.",
        )
    _put_injection(draft, world)
    _put_projects(draft, world, mesh)


def _put_injection(draft: Draft, world: World) -> None:
    every = [
        entry
        for kind in (SERVING, EVENTING, KAFKA)
        for item in world.objects(kind)
        for _, entry in workloads(item)
    ]
    parts = ("labels", "annotations")
    asks = [part for part in parts if any(INJECT in mapping(at(each, part)) for each in every)]
    if len(asks) != 1:
        return
    only = asks[0].removesuffix("s")
    draft.put(("mesh", "injectionBy"), only, source="Knative's workloads")
    draft.note(
        "mesh",
        f"Knative's workloads ask for sidecars by {only} alone, which is enough. Leave injectionBy "
        "out, and they ask by both, when a rollout of them suits.",
    )


def _makes_none(world: World) -> bool:
    every = (*world.objects(SERVING), *world.objects(EVENTING))
    return any(item.annotations.get(NO_NETWORK_POLICIES) == "true" for item in every)


def _expressed() -> set[tuple[str, ...]]:
    every = ServiceMesh2(manage_network_policy=False, identity_type="ThirdParty")
    # Who leaves the version out keeps the one that is there: the operator's webhook sees to it.
    return {("spec", "version"), SERVICE_MESH_2.profiles, *(each.path for each in needed(every))}


def _put_differing(draft: Draft, key: str, found: Any, default: Any) -> None:
    if found is not UNKNOWN and found != default:
        draft.put(("mesh", key), found, source=f"the control plane's {key}")


def _put_projects(draft: Draft, world: World, mesh: Mesh) -> None:
    rolled = [text(name) for roll in mesh.rolls for name in items(roll.get("spec", "members"))]
    labelled = [
        item.ref.name
        for item in world.objects(NAMESPACE)
        if item.labels.get(MEMBER_OF) == mesh.namespace
    ]
    members = dict.fromkeys([*rolled, *labelled, *sorted(mesh.explicit)])
    joining = [name for name in members if name and name not in KNATIVE_NAMESPACES]
    put_projects(draft, joining)


def put_projects(draft: Draft, names: list[str]) -> None:
    """Add the projects, each that a setting takes."""
    for name in names:
        wanted = [*draft.settings.get("projects", []), name]
        draft.put(("projects",), wanted, source=f"the member {show(name)}")
