"""Nothing opens the ingress gateway to the outside: no Service, and no port of a node."""

from collections.abc import Iterator
from typing import Any, Final

from mesh_policy.documented.kinds import CONTROL_PLANE, DEPLOYMENT, GATEWAY, MESH_KINDS, SERVICE
from mesh_policy.documented.names import GATEWAY_SELECTOR, INGRESS_SERVICE
from mesh_policy.documented.sections import PREREQUISITES
from mesh_policy.findings import Finding, Severity
from mesh_policy.gateways import workloads
from mesh_policy.mesh.mesh import Mesh
from mesh_policy.mesh.workload import Workload
from mesh_policy.reading.label_selectors import labels, written
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import UNKNOWN, at, items, mapping, number, show, text, truth
from mesh_policy.rule import Rule
from mesh_policy.world import World

_EXPOSING: Final = ("NodePort", "LoadBalancer")
_NEEDED: Final = "type ClusterIP: Knative Services are called through OpenShift's Routes"
_NO_ADDRESSES: Final = "no external addresses"
_NO_NODE: Final = "no port of the node: Knative Services are called through OpenShift's Routes"


def check(world: World) -> Iterator[Finding]:
    """Check what selects or runs the ingress gateway, and the control plane's own setting."""
    mesh = world.serverless_mesh
    if mesh is not None and mesh.control_plane is not None and mesh.variant.ingress_labels:
        yield from _control_plane(mesh.control_plane)
    for service in world.objects(SERVICE):
        if mesh is None:
            (documented,) = workloads(None)
            chosen = not world.meshes and _selects(service, documented)
        else:
            ours = service.ref.namespace == mesh.ingress.namespace
            chosen = ours and _selects(service, mesh.ingress)
        if chosen is None or chosen:
            yield from _service(service, certain=chosen is True)
    for deployment in mesh.deployments if mesh is not None else ():
        if _is_ingress(deployment, mesh):
            yield from _deployment(deployment)


def _selects(service: Object, workload: Workload) -> bool | None:
    """Say whether a Service selects the ingress gateway; None: is not known."""
    if service.ref.name == INGRESS_SERVICE:
        return True
    selector = labels(service.get("spec", "selector"))
    return None if selector is None else bool(selector) and workload.selected_by(selector)


def _service(service: Object, *, certain: bool) -> Iterator[Finding]:
    kind = service.get("spec", "type")
    addresses = service.get("spec", "externalIPs")
    if kind is UNKNOWN:
        yield service.unknown("spec.type")
    elif kind in _EXPOSING and not certain:
        yield service.unsure("spec.selector", "whether it selects the ingress gateway is not known")
    elif kind in _EXPOSING:
        selected = written(labels(service.get("spec", "selector")) or frozenset())
        yield service.breaks("spec.type", f"{kind}, selecting {selected}", _NEEDED)
    if addresses is UNKNOWN:
        yield service.unknown("spec.externalIPs")
    elif items(addresses) and certain:
        yield service.breaks("spec.externalIPs", show(addresses), _NO_ADDRESSES)


def _is_ingress(deployment: Object, mesh: Mesh | None) -> bool:
    carried = labels(deployment.get("spec", "template", "metadata", "labels"))
    return mesh is not None and bool(carried) and carried == mesh.ingress.labels


def _deployment(deployment: Object) -> Iterator[Finding]:
    pod = deployment.get("spec", "template", "spec")
    path = "spec.template.spec"
    if truth(at(pod, "hostNetwork")):
        yield deployment.breaks(f"{path}.hostNetwork", "true", _NO_NODE)
    for index, container in enumerate(items(at(pod, "containers"))):
        for position, port in enumerate(items(at(container, "ports"))):
            if number(at(port, "hostPort")):
                place = f"{path}.containers[{index}].ports[{position}].hostPort"
                yield deployment.breaks(place, show(at(port, "hostPort")), _NO_NODE)


def _control_plane(plane: Object) -> Iterator[Finding]:
    gateways = plane.get("spec", "gateways")
    if gateways is UNKNOWN:
        yield plane.unknown("spec.gateways")
    if truth(at(gateways, "enabled")) is False:
        return
    wanted = frozenset(GATEWAY_SELECTOR.items())
    settings = [("spec.gateways.ingress", at(gateways, "ingress"))]
    settings += [
        (f"spec.gateways.additionalIngress.{name}", setting)
        for name, setting in mapping(at(gateways, "additionalIngress")).items()
        if wanted <= (labels(at(setting, "service", "metadata", "labels")) or frozenset())
    ]
    for path, setting in settings:
        if truth(at(setting, "enabled")) is not False:
            yield from _made(plane, path, at(setting, "service"), gateways)


def _made(plane: Object, path: str, service: Any, gateways: Any) -> Iterator[Finding]:
    """Check what the operator is told to make of a gateway's Service."""
    kind, addresses = at(service, "type"), at(service, "externalIPs")
    if kind is UNKNOWN and gateways is not UNKNOWN:
        yield plane.unknown(f"{path}.service.type")
    elif text(kind) in _EXPOSING:
        yield plane.breaks(f"{path}.service.type", text(kind), _NEEDED)
    if items(addresses):
        yield plane.breaks(f"{path}.service.externalIPs", show(addresses), _NO_ADDRESSES)


RULE = Rule(
    id="ingress-gateway-not-exposed",
    title="The ingress gateway is not exposed by a Service, an address or a port of a node",
    severity=Severity.ERROR,
    why=(
        "Calls from outside the cluster are expected through OpenShift Ingress. Reaching the mesh "
        "directly is not supported and goes around the cluster's routes."
    ),
    remedy="Make the Service ClusterIP, in the control plane where the operator makes it.",
    section=PREREQUISITES,
    kinds=MESH_KINDS | {SERVICE, DEPLOYMENT, GATEWAY, CONTROL_PLANE},
    check=check,
    harmful=True,
)
