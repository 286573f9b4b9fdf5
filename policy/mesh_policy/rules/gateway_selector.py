"""The control plane's label and the selectors of Knative's Gateways agree."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mesh_policy.documented.kinds import GATEWAY, MESH_KINDS
from mesh_policy.documented.names import (
    DEFAULT_INGRESS_LABELS,
    GATEWAY_SELECTOR,
    REVISION,
    SCOPED_GATEWAYS,
    SERVING_NAMESPACE,
)
from mesh_policy.documented.sections import MESH_SECTION
from mesh_policy.documented.variants import SERVICE_MESH_2
from mesh_policy.findings import Finding, Severity
from mesh_policy.gateways import goes_by
from mesh_policy.mesh.knative_gateways import configs
from mesh_policy.mesh.mesh import Mesh
from mesh_policy.reading.ingress_class import is_integrated
from mesh_policy.reading.label_selectors import Labels, labels, written
from mesh_policy.reading.net_istio import DEFAULTS
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import UNKNOWN, at, mapping, show, truth
from mesh_policy.remediation import is_serverless_plane, with_value
from mesh_policy.rule import Rule
from mesh_policy.world import World

_LABELS: Final = SERVICE_MESH_2.ingress_labels
_WANTED: Final = frozenset(GATEWAY_SELECTOR.items())
_DOCUMENTED: Final = frozenset(each.ref for each in (*DEFAULTS.external, *DEFAULTS.local))
_DEFAULTS: Final = frozenset(DEFAULT_INGRESS_LABELS.items())


def check(world: World) -> Iterator[Finding]:
    """Check the ingress gateway's label in the control plane and both Gateways' selectors."""
    mesh = world.serverless_mesh
    if mesh is not None and mesh.control_plane is not None:
        yield from _scope(mesh, mesh.control_plane)
        if mesh.variant.ingress_labels:
            yield from _control_plane(mesh, mesh.control_plane)
    for config in configs(world):
        for each in (*config.external, *config.local):
            gateway = world.get(*each.ref)
            if gateway is not None:
                yield from _gateway(gateway, mesh)
                yield from _revision(world, gateway, mesh)
            elif each.ref in _DOCUMENTED and _is_asked_for(world):
                # Of any other, knative-gateway-config says so.
                needed = "Knative's Gateway, for the traffic that Knative Services get"
                yield from world.missing(*each.ref, needed)


def _is_asked_for(world: World) -> bool:
    return is_integrated(world) and not world.lacks_control_plane


def _control_plane(mesh: Mesh, plane: Object) -> Iterator[Finding]:
    own = labels(mesh.applied(_LABELS))
    for path, value in mesh.switches:
        if value is UNKNOWN and own is not None:
            yield mesh.unclear(plane, path)
        elif truth(value) is False and mesh.other_ingress is None:
            needed = f"true, or another gateway of the mesh with the label {written(_WANTED)}"
            yield plane.breaks(".".join(path), show(value), needed)
    if mesh.without_ingress:
        return
    if own is None:
        yield mesh.unclear(plane, _LABELS)
    elif not own - _DEFAULTS:
        yield plane.breaks(".".join(_LABELS), show(mesh.applied(_LABELS)), written(_WANTED))


def _scope(mesh: Mesh, plane: Object) -> Iterator[Finding]:
    """Check that gateways take Gateways of other namespaces, which Knative's are."""
    path = (*mesh.variant.variables, SCOPED_GATEWAYS)
    if mesh.scoped is None:
        yield plane.unknown(".".join(path))
    elif mesh.scoped and mesh.ingress.namespace != SERVING_NAMESPACE:
        needed = f"false: the gateway in {mesh.ingress.namespace} takes no Gateway of Knative's"
        yield plane.breaks(".".join(path), show(plane.get(*path)), needed)


def _revision(world: World, gateway: Object, mesh: Mesh | None) -> Iterator[Finding]:
    """Check that the control plane reads a Gateway that is labelled for a revision."""
    read = mesh is None or goes_by(world, mesh, gateway)
    path, found = f"metadata.labels.{REVISION}", show(gateway.labels.get(REVISION))
    if read is False and mesh is not None:
        yield gateway.breaks(path, found, f"no such label, or the revision of {mesh}")
    elif read is None:
        yield gateway.unsure(path, f"whether {mesh} goes by {found} is not known")


def _gateway(gateway: Object, mesh: Mesh | None) -> Iterator[Finding]:
    found = gateway.get("spec", "selector")
    selector = labels(found)
    if selector is None:
        yield gateway.unknown("spec.selector")
        return
    wanted = _wanted(mesh)
    if wanted is None:
        return
    seen = mesh is not None and mesh.control_plane is not None
    specific = selector - _DEFAULTS
    carried = selector <= wanted | _DEFAULTS or _selected(mesh, selector)
    if len(selector) != len(mapping(found)) or not specific or (seen and carried is False):
        yield gateway.breaks("spec.selector", show(found), written(wanted))
    elif not seen and not carried:
        yield gateway.unsure(
            "spec.selector",
            f"selects {written(selector)}; the control plane, which would tell, is not here",
        )
    elif carried is None:
        why = "whether the gateway's pods carry all of that is not known"
        yield gateway.unsure("spec.selector", f"selects {written(selector)}; {why}")


def _selected(mesh: Mesh | None, selector: Labels) -> bool | None:
    """Say whether a gateway of the mesh that Serverless may use is selected; None: not known."""
    if mesh is None:
        return False
    found = [each.selected_by(selector) for each in (mesh.ingress, *mesh.others)]
    return True if True in found else None if None in found else False


def _wanted(mesh: Mesh | None) -> Labels | None:
    """Return what the control plane labels the gateway with, beyond the defaults."""
    if mesh is None or mesh.control_plane is None:
        return _WANTED
    if not mesh.variant.ingress_labels:
        return mesh.ingress.labels
    if mesh.without_ingress:
        return mesh.other_ingress.labels if mesh.other_ingress else _WANTED
    own = labels(mesh.applied(_LABELS))
    return None if own is None else (own - _DEFAULTS) or _WANTED


def remediate(body: Mapping[str, Any], world: World) -> dict[str, Any] | None:
    """Add the documented label to a control plane without one."""
    own = labels(at(body, *_LABELS))
    if own is None or own - _DEFAULTS or not is_serverless_plane(body, world):
        return None
    return with_value(body, _LABELS, {**mapping(at(body, *_LABELS)), **GATEWAY_SELECTOR})


RULE = Rule(
    id="gateway-selector",
    title="The control plane's label and both Gateways' selectors agree",
    severity=Severity.ERROR,
    why=(
        "The Gateways reach the ingress gateway by a label of its own. Without the label they "
        "configure nothing; with a shared one they meet other teams' Gateways."
    ),
    remedy=(
        "Set the label knative: ingressgateway on the ingress gateway's Service in the control "
        "plane, and the same as the selector of both Gateways."
    ),
    section=MESH_SECTION,
    kinds=MESH_KINDS | {GATEWAY},
    check=check,
    in_mesh=True,
    remediate=remediate,
)
