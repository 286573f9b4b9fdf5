"""What others need is not deleted by an update."""

from collections.abc import Iterator, Sequence

from mesh_policy.documented.kinds import (
    CONTROL_PLANE,
    DOMAIN_MAPPING,
    GATEWAY,
    ISTIO,
    KNATIVE_SERVICE,
    MEMBER_ROLL,
    MESH_KINDS,
    NAMESPACE,
    SECRET,
    SERVING,
)
from mesh_policy.documented.names import DEFAULT_MESH_NAMESPACE
from mesh_policy.documented.sections import ASSUMPTIONS
from mesh_policy.findings import Finding, Ref, Severity
from mesh_policy.reading.istio_credentials import credentials, secret_name
from mesh_policy.reading.objects import Given, Object
from mesh_policy.rule import Rule
from mesh_policy.world import World

_SHOWN = 3


def check(world: World) -> Iterator[Finding]:
    """Check what the update deletes by what is left that needs it."""
    for item in world.going.values():
        if item.ref.kind == NAMESPACE:
            yield from _namespace(world, item)
        elif item.ref.kind in (CONTROL_PLANE, MEMBER_ROLL, ISTIO):
            yield from _mesh(world, item)
        elif item.ref.kind == SERVING:
            services = [ref for ref in world.running if ref.kind == KNATIVE_SERVICE]
            yield from _needed(item, "Knative Services", _others(world, services))
        elif item.ref.kind == SECRET:
            yield from _needed(item, "those who serve it", _servers(world, item))


def _namespace(world: World, item: Object) -> Iterator[Finding]:
    inside = _others(world, [ref for ref in world.running if ref.namespace == item.ref.name])
    yield from _needed(item, "objects in it", inside)
    known = world.complete and NAMESPACE not in world.unread
    if not inside and (item.ref in world.running or not known):
        yield item.breaks(
            "",
            "deleted by this update with all that is in it, of which rules read a few kinds only",
            "kept: retainOnDelete",
        )


def _mesh(world: World, item: Object) -> Iterator[Finding]:
    now = World.of(observed=[Given(each.body) for each in world.running.values()])
    name = item.get("spec", "namespace") if item.ref.kind == ISTIO else item.ref.namespace
    for mesh in now.meshes:
        if mesh.namespace == (name or DEFAULT_MESH_NAMESPACE):
            members = [Ref(NAMESPACE, "", member) for member in sorted(mesh.explicit)]
            yield from _needed(item, "members", members)


def _servers(world: World, item: Object) -> list[Ref]:
    """Return what is left and serves the secret: Gateways and mapped domains."""
    gateways = {workload.namespace for mesh in world.meshes for workload in mesh.workloads} or {
        item.ref.namespace
    }
    here = item.ref.namespace
    wanted = (here, item.ref.name)
    found = [
        gateway.ref
        for gateway in world.objects(GATEWAY)
        if item.ref.namespace in gateways
        and any(secret_name(name, here) == wanted for _, name in credentials(gateway))
    ]
    return found + [
        mapping.ref
        for mapping in world.objects(DOMAIN_MAPPING, item.ref.namespace)
        if mapping.get("spec", "tls", "secretName") == item.ref.name
    ]


def _others(world: World, refs: Sequence[Ref]) -> list[Ref]:
    """Leave out what is the stack's own."""
    return [ref for ref in refs if ref not in (world.owned or frozenset())]


def _needed(item: Object, what: str, refs: Sequence[Ref]) -> Iterator[Finding]:
    if refs:
        shown = ", ".join(map(str, refs[:_SHOWN]))
        more = f" and {len(refs) - _SHOWN} more" if len(refs) > _SHOWN else ""
        yield item.breaks(
            "",
            f"deleted by this update, with {what} left: {shown}{more}",
            "kept, or first nobody that needs it",
            tuple(refs[:_SHOWN]),
        )


RULE = Rule(
    id="nothing-torn-down",
    title="Nothing is deleted that others need",
    severity=Severity.ERROR,
    why=(
        "Deleting a namespace deletes all that is in it, deleting a control plane or its roll "
        "takes every member out of the mesh, and Knative's services end with KnativeServing."
    ),
    remedy=(
        "Have the program declare it again, or keep it with retainOnDelete when it changes hands; "
        "where it really is to go, let those that need it go first."
    ),
    section=ASSUMPTIONS,
    kinds=MESH_KINDS | {GATEWAY, DOMAIN_MAPPING, KNATIVE_SERVICE},
    check=check,
    harmful=True,
    of_updates=True,
)
