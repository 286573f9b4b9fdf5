"""Serverless is in a mesh and stays in it, and each namespace is in one only."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from mesh_policy.documented.kinds import (
    CONTROL_PLANE,
    DEFINITION,
    EVENTING,
    GATEWAY,
    ISTIO,
    MESH_KINDS,
    SERVING,
    Kind,
)
from mesh_policy.documented.names import (
    EVENTING_NAMESPACE,
    KNATIVE_GATEWAYS,
    KNATIVE_NAMESPACES,
    SERVING_NAMESPACE,
)
from mesh_policy.documented.sections import ASSUMPTIONS
from mesh_policy.findings import Finding, Ref, Severity, Undetermined, Violation
from mesh_policy.mesh.mesh import Mesh
from mesh_policy.reading.knative import asks_for_mesh, istio_switch
from mesh_policy.reading.values import show, text
from mesh_policy.rule import Rule
from mesh_policy.world import World, has_serverless, knative_gateway

_UNCHECKED: Final = "nothing else of the integration is checked"
_NO_SIDECARS: Final = "no sidecar is injected, so that nothing enforces mTLS"
_KOURIER: Final = "Knative Services are called through Kourier, past the gateway of a mesh"
_NO_GATEWAY: Final = "nothing acts on Knative's Gateways, so that no Knative Service turns ready"


def check(world: World) -> Iterator[Finding]:
    """Check that Serverless is in a mesh, all members, and the Serverless mesh as it runs."""
    if world.is_plain:
        yield _plain(world)
    elif world.lacks_control_plane:
        yield from _meshless(world)
    else:
        yield from _unplaced(world)
    yield from _shared(world)
    yield from _split(world)
    yield from _moved(world)


def _plain(world: World) -> Violation:
    first, *others = [*world.objects(SERVING), *world.objects(EVENTING)]
    path, value = istio_switch(first)
    needed = "Istio switched on, and a mesh around it, where Serverless is to be in one"
    related = tuple(item.ref for item in others[:1])
    return first.breaks(
        path,
        show(value),
        needed,
        related,
        severity=Severity.WARNING,
        consequences=_consequences(world, _KOURIER),
    )


def _meshless(world: World) -> Iterator[Finding]:
    """Say that there is no control plane; as of an object that is missing, this gates nothing.

    Whoever declares Serverless before its mesh may do so.
    """
    mesh = world.serverless_mesh
    ref = Ref(CONTROL_PLANE, mesh.namespace if mesh else "", "")
    needed = f"a control plane, as {_asking(world)} is meant to be in a mesh"
    if world.is_meshless:
        found = "no such object, and no Istio of Service Mesh 3 either"
        if not _serves_control_planes(world):
            found += "; no Service Mesh operator is installed that would run one"
        follows = _consequences(world, _NO_GATEWAY)
        yield Violation(ref, "", found, needed, consequences=follows)
    elif not world.complete:
        why = "neither it nor an Istio is among the objects given, and no cluster was read"
        yield Undetermined(ref, "", f"{why}; needed: {needed}")


def _serves_control_planes(world: World) -> bool:
    served = {
        Kind(text(item.get("spec", "group")), text(item.get("spec", "names", "kind")))
        for item in world.objects(DEFINITION)
    }
    return DEFINITION in world.unread or not served.isdisjoint({CONTROL_PLANE, ISTIO})


def _consequences(world: World, of_serving: str) -> tuple[str, ...]:
    serving = (of_serving,) if world.objects(SERVING) else ()
    return (*serving, _NO_SIDECARS, _UNCHECKED)


def _asking(world: World) -> Ref:
    """Return what wants a mesh."""
    resources = [*world.objects(SERVING), *world.objects(EVENTING)]
    gateways = [found for name in KNATIVE_GATEWAYS if (found := knative_gateway(world, name))]
    rolls = world.serverless_mesh.rolls if world.serverless_mesh else ()
    asking = [item for item in resources if asks_for_mesh(item)]
    found = next(iter([*asking, *gateways, *resources, *rolls]), None)
    return found.ref if found else Ref(SERVING, SERVING_NAMESPACE, SERVING_NAMESPACE)


def _unplaced(world: World) -> Iterator[Finding]:
    """Say that Serverless is in none of several meshes, or that it is not known in which."""
    if world.serverless_mesh is not None or len(world.meshes) < 2:
        return
    names = ", ".join(map(str, world.meshes))
    planes = [mesh.control_plane for mesh in world.meshes if mesh.control_plane]
    outside = {mesh.has(name) for mesh in world.meshes for name in KNATIVE_NAMESPACES} == {False}
    if world.complete and outside and has_serverless(world):
        needed = f"one of which {_asking(world)} is a part"
        follows = _consequences(world, _NO_GATEWAY)
        yield Violation(Ref(CONTROL_PLANE, "", ""), "", names, needed, consequences=follows)
        return
    for plane in planes[:1]:
        why = f"there are several meshes ({names}) and nothing tells which one is Serverless's"
        yield plane.unsure("", f"{why}; say its namespace")


def _shared(world: World) -> Iterator[Finding]:
    claimed: dict[str, list[Mesh]] = defaultdict(list)
    wide = [mesh for mesh in world.meshes if mesh.everything]
    for mesh in world.meshes:
        for namespace in mesh.explicit | {mesh.namespace}:
            claimed[namespace].append(mesh)
    for namespace in KNATIVE_NAMESPACES if len(wide) > 1 else ():
        claimed.setdefault(namespace, [])
    for namespace in sorted(claimed):
        named = claimed[namespace]
        owners = [*named, *(mesh for mesh in wide if mesh not in named)]
        if len(owners) > 1 and _are_apart(owners, namespace):
            names = ", ".join(map(str, owners[1:]))
            ref = _place(owners[0], namespace)
            related = tuple(_place(mesh, namespace) for mesh in owners[1:4])
            found = f"{namespace}, which is in the mesh {names} as well"
            yield _violation(world, ref, found, "each namespace in one mesh", related)


def _are_apart(owners: Sequence[Mesh], namespace: str) -> bool:
    """Say whether control planes that claim a namespace are of different meshes.

    Control planes of one root namespace share its certificate authority. Pods of other teams may
    each choose a revision of Service Mesh 3 for themselves.
    """
    if all(mesh.namespace == namespace for mesh in owners):
        return False
    chosen = all(not mesh.variant.roll for mesh in owners)
    apart = len({(mesh.variant.version, mesh.namespace) for mesh in owners}) > 1
    return apart and (not chosen or namespace in KNATIVE_NAMESPACES)


def _split(world: World) -> Iterator[Finding]:
    places = {
        namespace: [mesh for mesh in world.meshes if namespace in mesh.explicit]
        for namespace in KNATIVE_NAMESPACES
    }
    serving, eventing = (places[namespace] for namespace in KNATIVE_NAMESPACES)
    alone = len(serving) == 1 and len(eventing) == 1
    if alone and _are_apart([serving[0], eventing[0]], EVENTING_NAMESPACE):
        found = f"{EVENTING_NAMESPACE}, while {SERVING_NAMESPACE} is in the mesh {serving[0]}"
        ref = _place(eventing[0], EVENTING_NAMESPACE)
        related = (_place(serving[0], SERVING_NAMESPACE),)
        yield _violation(world, ref, found, "Serverless in one mesh", related)


def _moved(world: World) -> Iterator[Finding]:
    before = replace(world, by_key=world.running, given_mesh=None)
    running = before.objects(SERVING)
    old, new = before.serverless_mesh, world.serverless_mesh
    if old is None or new is None or not any(item.ref in world.by_key for item in running):
        return
    if SERVING_NAMESPACE not in old.explicit or (old.namespace, old.name) == (
        new.namespace,
        new.name,
    ):
        return
    if old.namespace == new.namespace and not (old.name and new.name):
        return
    found = f"the mesh {new}, while Serverless runs in the mesh {old}"
    needed = f"the mesh {old}, or Serverless uninstalled first and installed again"
    ref = _place(new, SERVING_NAMESPACE)
    yield _violation(world, ref, found, needed, (running[0].ref,))


def _place(mesh: Mesh, namespace: str) -> Ref:
    """Return the object that makes a namespace a member."""
    for item in mesh.memberships:
        if item.ref.namespace == namespace:
            return item.ref
    if mesh.rolls:
        return mesh.rolls[0].ref
    if mesh.control_plane is not None:
        return mesh.control_plane.ref
    return Ref(SERVING, SERVING_NAMESPACE, SERVING_NAMESPACE)


def _violation(
    world: World, ref: Ref, found: str, needed: str, related: tuple[Ref, ...]
) -> Finding:
    item = world.by_key.get(ref)
    named = item is not None and item.get("spec", "members") is not None
    return Violation(ref, "spec.members" if named else "", found, needed, related)


RULE = Rule(
    id="one-mesh-only",
    title="Serverless is in one mesh, and is not moved to another",
    severity=Severity.ERROR,
    why=(
        "Serverless that is meant for a mesh does not work without one. It works in one mesh only, "
        "and moving it to another is not supported. A namespace that two meshes claim belongs to "
        "whichever comes first."
    ),
    remedy=(
        "Make a control plane for Serverless, and leave each namespace in one mesh. To change the "
        "mesh of Serverless, uninstall it, then install it again in the other mesh."
    ),
    section=ASSUMPTIONS,
    kinds=MESH_KINDS | {DEFINITION, EVENTING, GATEWAY},
    check=check,
    harmful=True,
)
