"""Knative's namespaces are members of the mesh, where that has a roll of them."""

from collections.abc import Iterator, Mapping
from typing import Any

from mesh_policy.documented.kinds import (
    EVENTING,
    KAFKA,
    KNATIVE_SERVICE,
    MEMBER_ROLL,
    MESH_KINDS,
    SERVING,
)
from mesh_policy.documented.names import (
    DEFAULT_ROLL,
    EVENTING_NAMESPACE,
    KNATIVE_NAMESPACES,
    SERVING_NAMESPACE,
)
from mesh_policy.documented.sections import MESH_SECTION
from mesh_policy.findings import Finding, Severity
from mesh_policy.mesh.mesh import Mesh
from mesh_policy.mesh.service_mesh_2 import CONTROL_PLANE_NAME
from mesh_policy.reading.label_selectors import first
from mesh_policy.reading.objects import Object, ref_of
from mesh_policy.reading.values import UNKNOWN, at, changed, has_unknown, settable, show, strings
from mesh_policy.rule import Rule
from mesh_policy.world import World


def check(world: World) -> Iterator[Finding]:
    """Check the member roll of the Serverless mesh.

    Service Mesh 3 has none: what injects Knative's pods, and which namespaces are discovered, is
    what other rules check.
    """
    mesh = world.serverless_mesh
    if mesh is None:
        return
    if mesh.variant.roll:
        yield from _rolled(world, mesh)


def needed(world: World) -> list[str]:
    """Return which of Knative's namespaces must be members: those of what is installed.

    Where nothing of it is here, both.
    """
    here = {
        SERVING_NAMESPACE: bool(world.objects(SERVING)),
        EVENTING_NAMESPACE: bool(world.objects(EVENTING) or world.objects(KAFKA)),
    }
    return [name for name in KNATIVE_NAMESPACES if here[name] or not any(here.values())]


def _rolled(world: World, mesh: Mesh) -> Iterator[Finding]:
    yield from _memberships(world, mesh)
    outside = [name for name in needed(world) if mesh.has(name) is not True]
    absent = [name for name in outside if name not in mesh.refused]
    roll = next((item for item in mesh.rolls if item.ref.name == DEFAULT_ROLL), None)
    for item in mesh.rolls:
        if item is not roll:
            yield item.breaks("metadata.name", item.ref.name, f"{DEFAULT_ROLL}, the only one read")
    if not absent:
        return
    wanted = f"members {' and '.join(needed(world))}"
    if roll is None:
        # Of a mesh without a control plane `one-mesh-only` speaks.
        if mesh.control_plane is not None or mesh.rolls or mesh.memberships:
            yield from world.missing(MEMBER_ROLL, mesh.namespace, DEFAULT_ROLL, wanted)
        return
    members = roll.get("spec", "members")
    if has_unknown(members):
        yield roll.unknown("spec.members")
    elif all(mesh.has(name) is False for name in absent):
        found = first(strings(members), 10) if strings(members) else show(members)
        yield roll.breaks("spec.members", f"{found}, without {' and '.join(absent)}", wanted)
    else:
        yield roll.unknown("spec.memberSelectors")


def _memberships(world: World, mesh: Mesh) -> Iterator[Finding]:
    """Check the memberships of Knative's namespaces and of those that have Knative Services."""
    services = (item.ref.namespace for item in world.objects(KNATIVE_SERVICE))
    concerned = {*needed(world), *services}
    for namespace, (item, path, found, wanted, _) in mesh.refused.items():
        if namespace in concerned and mesh.has(namespace) is not True:
            yield item.breaks(path, found, wanted)
    for item in mesh.memberships:
        if item.ref.namespace in concerned:
            yield from _doubts(world, mesh, item)


def _doubts(world: World, mesh: Mesh, item: Object) -> Iterator[Finding]:
    """Say why it is not known whether the operator takes a membership."""
    name, named = ("metadata", "name"), CONTROL_PLANE_NAME
    unknown = [path for path in (name, named) if item.get(*path) is UNKNOWN]
    if unknown:
        yield item.unknown(".".join(unknown[0]))
    elif mesh.control_plane is None and not world.complete:
        why = f"no control plane of {mesh.namespace} is among the objects given"
        yield item.unsure(".".join(named), why)


def remediate(body: Mapping[str, Any], world: World) -> dict[str, Any] | None:
    """Add Knative's namespaces to the roll of the Serverless mesh."""
    mesh, ref = world.serverless_mesh, ref_of(body)
    members = at(body, "spec", "members")
    if (
        mesh is None
        or ref.kind != MEMBER_ROLL
        or (ref.namespace, ref.name) != (mesh.namespace, DEFAULT_ROLL)
        or has_unknown(members)
        or not (members is None or isinstance(members, list | tuple))
    ):
        return None
    outside = [name for name in needed(world) if mesh.has(name) is False]
    absent = [name for name in outside if not mesh.is_barred(name)]
    if not absent:
        return None
    path = ("spec", "members")
    return changed(body, path, [*(members or ()), *absent]) if settable(body, path) else None


RULE = Rule(
    id="member-roll-complete",
    title="Knative's namespaces are in the member roll of Service Mesh 2",
    severity=Severity.ERROR,
    why=(
        "Outside the mesh, Knative's own parts have no sidecars and strict mTLS shuts them out. A "
        "ServiceMeshMember makes no member where its name is not `default`, or where it names no "
        "control plane that there is."
    ),
    remedy=(
        "Add knative-serving and knative-eventing to the members of the member roll `default`. "
        "Call a ServiceMeshMember `default`, and name the control plane in its controlPlaneRef."
    ),
    section=MESH_SECTION,
    kinds=MESH_KINDS,
    check=check,
    harmful=True,
    remediate=remediate,
)
