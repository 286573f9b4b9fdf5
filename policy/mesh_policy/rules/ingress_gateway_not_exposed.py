"""No Service of type NodePort or LoadBalancer opens the ingress gateway to the outside."""

from collections.abc import Iterator

from mesh_policy.documented.kinds import CONTROL_PLANE, GATEWAY, MESH_KINDS, SERVICE
from mesh_policy.documented.names import DEFAULT_INGRESS_LABELS, GATEWAY_SELECTOR, INGRESS_SERVICE
from mesh_policy.documented.sections import PREREQUISITES
from mesh_policy.findings import Finding, Severity
from mesh_policy.reading.label_selectors import Labels, labels, written
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import UNKNOWN, at, items, mapping, show, text
from mesh_policy.rule import Rule
from mesh_policy.world import World

_EXPOSING = ("NodePort", "LoadBalancer")
_NEEDED = "type ClusterIP: Knative Services are called through OpenShift's Routes"


def check(world: World) -> Iterator[Finding]:
    """Check the Services that select the ingress gateway, and the control plane's own setting."""
    mesh = world.serverless_mesh
    if mesh is not None and mesh.control_plane is not None and mesh.variant.ingress_labels:
        yield from _control_plane(mesh.control_plane)
    for service in world.objects(SERVICE):
        if mesh is None:
            chosen = not world.meshes and _selects(service, _documented(), "anywhere")
        else:
            chosen = _selects(service, mesh.ingress.labels, mesh.ingress.namespace)
        if chosen is None or chosen:
            yield from _service(service, certain=chosen is True)


def _documented() -> Labels:
    return frozenset({**DEFAULT_INGRESS_LABELS, **GATEWAY_SELECTOR}.items())


def _selects(service: Object, workload: Labels | None, namespace: str) -> bool | None:
    """Say whether a Service selects the ingress gateway; None: is not known."""
    if namespace not in ("anywhere", service.ref.namespace):
        return False
    if service.ref.name == INGRESS_SERVICE:
        return True
    selector = labels(service.get("spec", "selector"))
    if selector is None or (workload is None and selector):
        return None
    return bool(selector) and workload is not None and selector <= workload


def _service(service: Object, *, certain: bool) -> Iterator[Finding]:
    kind = service.get("spec", "type")
    addresses = service.get("spec", "externalIPs")
    if kind is UNKNOWN:
        yield service.unknown("spec.type")
    elif kind in _EXPOSING and not certain:
        yield service.unknown("spec.selector")
    elif kind in _EXPOSING:
        selected = written(labels(service.get("spec", "selector")) or frozenset())
        yield service.breaks("spec.type", f"{kind}, selecting {selected}", _NEEDED)
    if addresses is UNKNOWN:
        yield service.unknown("spec.externalIPs")
    elif items(addresses) and certain:
        yield service.breaks("spec.externalIPs", show(addresses), "no external addresses")


def _control_plane(plane: Object) -> Iterator[Finding]:
    gateways = plane.get("spec", "gateways")
    if gateways is UNKNOWN:
        yield plane.unknown("spec.gateways")
    wanted = frozenset(GATEWAY_SELECTOR.items())
    settings = [("spec.gateways.ingress", at(gateways, "ingress"))]
    settings += [
        (f"spec.gateways.additionalIngress.{name}", setting)
        for name, setting in mapping(at(gateways, "additionalIngress")).items()
        if wanted <= (labels(at(setting, "service", "metadata", "labels")) or frozenset())
    ]
    for path, setting in settings:
        kind = at(setting, "service", "type")
        if kind is UNKNOWN and gateways is not UNKNOWN:
            yield plane.unknown(f"{path}.service.type")
        elif text(kind) in _EXPOSING:
            yield plane.breaks(f"{path}.service.type", text(kind), _NEEDED)


RULE = Rule(
    id="ingress-gateway-not-exposed",
    title="The ingress gateway is not exposed as NodePort or LoadBalancer",
    severity=Severity.ERROR,
    why=(
        "Calls from outside the cluster are expected through OpenShift Ingress. Reaching the mesh "
        "directly is not supported and goes around the cluster's routes."
    ),
    remedy="Make the Service ClusterIP, in the control plane where the operator makes it.",
    section=PREREQUISITES,
    kinds=MESH_KINDS | {SERVICE, GATEWAY, CONTROL_PLANE},
    check=check,
    harmful=True,
)
