"""Service Mesh 3 has its IstioCNI, without which injected pods do not start."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from mesh_policy.documented.kinds import ISTIO_CNI, MESH_KINDS
from mesh_policy.documented.names import ISTIO_CNI_NAME
from mesh_policy.documented.sections import MESH_SECTION
from mesh_policy.findings import Finding, Severity, Violation
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import UNKNOWN, at, items, show, text, truth
from mesh_policy.rule import Rule
from mesh_policy.world import World


def check(world: World) -> Iterator[Finding]:
    """Check the IstioCNI of the cluster, where Serverless is in a mesh of Service Mesh 3."""
    mesh = world.serverless_mesh
    plane = mesh.control_plane if mesh else None
    if mesh is None or plane is None or mesh.variant.roll:
        return
    if truth(plane.get("spec", "values", "pilot", "cni", "enabled")) is False:
        return
    for item in world.objects(ISTIO_CNI):
        if item.ref.name != ISTIO_CNI_NAME:
            yield item.breaks("metadata.name", item.ref.name, f"{ISTIO_CNI_NAME}, the only one")
    found = world.get(ISTIO_CNI, "", ISTIO_CNI_NAME)
    if found is None:
        yield from _missing(world, plane)
        return
    for kind in ("Reconciled", "Ready"):
        condition = _condition(found, kind)
        if at(condition, "status") == "False":
            said = f"{kind} False: {_why(condition)}"
            yield found.breaks("status.conditions", said, f"{kind} True")
            return


def _missing(world: World, plane: Object) -> Iterator[Finding]:
    """Say that there is none: an error where the operator says that the mesh waits for it."""
    condition = _condition(plane, "DependenciesHealthy")
    waiting = at(condition, "status") == "False" and "CNI" in text(at(condition, "reason"))
    needed = f"the network plugin of {plane.ref}"
    for finding in world.missing(ISTIO_CNI, "", ISTIO_CNI_NAME, needed):
        if waiting:
            said = f"DependenciesHealthy False: {_why(condition)}"
            yield plane.breaks("status.conditions", said, f"an IstioCNI {ISTIO_CNI_NAME}")
        elif isinstance(finding, Violation):
            yield replace(finding, severity=Severity.WARNING)
        else:
            yield finding


def _why(condition: Any) -> str:
    return show(text(at(condition, "message")) or text(at(condition, "reason")))


def _condition(item: Object, kind: str) -> Any:
    conditions = item.get("status", "conditions")
    found = (each for each in items(conditions) if at(each, "type") == kind)
    return UNKNOWN if conditions is UNKNOWN else next(found, None)


RULE = Rule(
    id="istio-cni-ready",
    title="Service Mesh 3 has an IstioCNI, and it is ready",
    severity=Severity.ERROR,
    why=(
        "On OpenShift the network plugin of Istio leads the traffic of pods to their sidecars. "
        "Without it injected pods hang at their start, while the gateway, which needs no "
        "redirection, looks well."
    ),
    remedy="Create the IstioCNI `default` (in istio-cni, say) with the version of the Istio.",
    section=MESH_SECTION,
    kinds=MESH_KINDS | {ISTIO_CNI},
    check=check,
)
