"""Serverless is in no ambient mesh: it works with sidecars only."""

from collections.abc import Iterator
from typing import Final

from mesh_policy.documented.kinds import ISTIO, KNATIVE_SERVICE, MESH_KINDS, NAMESPACE, ZTUNNEL
from mesh_policy.documented.names import AMBIENT, DATAPLANE_MODE, KNATIVE_NAMESPACES
from mesh_policy.documented.sections import ASSUMPTIONS
from mesh_policy.findings import Finding, Severity
from mesh_policy.mesh.injectors import sources
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import UNKNOWN, at, text
from mesh_policy.rule import Rule
from mesh_policy.world import World, has_serverless

_SIDECARS: Final = "sidecars: Serverless is not supported in an ambient mesh"


def check(world: World) -> Iterator[Finding]:
    """Check the namespaces and the pods of Serverless, and the proxy of an ambient mesh."""
    if not has_serverless(world) and not world.objects(KNATIVE_SERVICE):
        return
    mesh = world.serverless_mesh
    ours = {*KNATIVE_NAMESPACES, *(item.ref.namespace for item in world.objects(KNATIVE_SERVICE))}
    if mesh is not None:
        ours |= {mesh.ingress.namespace} if mesh.deployed else set()
    for item in world.objects(NAMESPACE):
        mode = item.get("metadata", "labels", DATAPLANE_MODE)
        if item.ref.name in ours and mode is UNKNOWN:
            yield item.unknown(f"metadata.labels.{DATAPLANE_MODE}")
        elif item.ref.name in ours and mode == AMBIENT:
            yield item.breaks(f"metadata.labels.{DATAPLANE_MODE}", AMBIENT, _SIDECARS)
    for source in sources(world):
        if source.pod.namespace in ours and at(source.pod.labels, DATAPLANE_MODE) == AMBIENT:
            found = f"{DATAPLANE_MODE}={AMBIENT} for {source.name}"
            yield source.item.breaks(source.path, found, _SIDECARS)
    for tunnel in world.objects(ZTUNNEL):
        yield from _tunnel(world, tunnel)


def _tunnel(world: World, tunnel: Object) -> Iterator[Finding]:
    """Check a ZTunnel that is of Serverless's mesh: that of its target, or of the only one."""
    mesh = world.serverless_mesh
    if mesh is not None and mesh.variant.roll:
        found = f"a ZTunnel beside {mesh.variant}"
        yield tunnel.breaks("", found, f"none: {mesh.variant} takes no ambient mesh beside it")
        return
    target = tunnel.get("spec", "targetRef", "name")
    if target is UNKNOWN:
        yield tunnel.unknown("spec.targetRef")
    elif target is None and len(world.objects(ISTIO)) > 1:
        yield tunnel.unsure("", "whether it is of the mesh of Serverless is not known")
    elif mesh is not None and target in (None, mesh.name, *_revisions(world)):
        yield tunnel.breaks("", f"a ZTunnel for the mesh {mesh}", _SIDECARS)


def _revisions(world: World) -> list[str]:
    mesh = world.serverless_mesh
    return [text(name) for name in world.injectors.revisions.names(mesh.ref)] if mesh else []


RULE = Rule(
    id="ambient-not-supported",
    title="Serverless is in no ambient mesh",
    severity=Severity.ERROR,
    why=(
        "Knative's parts are set up for sidecars: their ports are excluded, their probes rewritten "
        "and their requests forwarded by them. In ambient mode nothing of that is tested, and it "
        "is not supported."
    ),
    remedy=(
        "Remove the label istio.io/dataplane-mode from Serverless's namespaces, and leave its mesh "
        "without a ZTunnel; applications in ambient mode need a mesh of their own."
    ),
    section=ASSUMPTIONS,
    kinds=MESH_KINDS | {ZTUNNEL},
    check=check,
)
