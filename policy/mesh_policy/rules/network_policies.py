"""Network policies let the mesh in, and sidecars out; those of Serverless count on the mesh's."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from mesh_policy.documented.kinds import (
    EVENTING,
    KNATIVE_SERVICE,
    MESH_KINDS,
    NAMESPACE,
    NETWORK_POLICY,
    SERVING,
)
from mesh_policy.documented.names import (
    EVENTING_NAMESPACE,
    KNATIVE_NAMESPACES,
    MEMBER_OF,
    NO_NETWORK_POLICIES,
    PART_OF,
    PLATFORM_INGRESS_NAMESPACE,
    SERVERLESS,
    SERVING_NAMESPACE,
    WEBHOOK_PORT,
)
from mesh_policy.documented.sections import NETWORK_POLICIES_SECTION
from mesh_policy.findings import Finding, Severity, Violation
from mesh_policy.mesh.mesh import Mesh
from mesh_policy.reading.ingress_class import ISTIO_CLASS, chosen_or, default_class
from mesh_policy.reading.knative import config_value, istio_switch, uses_istio
from mesh_policy.reading.label_selectors import first
from mesh_policy.reading.network_policies import Direction, Pods, Port, admits, allows, selecting
from mesh_policy.reading.objects import Object, ref_of
from mesh_policy.reading.values import UNKNOWN, at, changed, has_unknown, settable, show, text
from mesh_policy.rule import Rule
from mesh_policy.world import World, serverless_plane

_PATH: Final = ("metadata", "annotations", NO_NETWORK_POLICIES)
_PLACE: Final = ".".join(_PATH)
_TRUE: Final = ("1", "t", "T", "TRUE", "true", "True")
"""What the operator takes for true in its annotation."""
_ACTIVATOR_PORT: Final = Port(8012)
_AUTOSCALER_PORT: Final = Port(8080)
_DISPATCHER_PORT: Final = Port(8080)
_PROXY_PORT: Final = Port(8012)
"""Of the proxy of a Knative Service."""
_GATEWAY_PORT: Final = Port(8443)
_WEBHOOK_PORT: Final = Port(WEBHOOK_PORT)
_DISCOVERY_PORT: Final = Port(15012)
_DNS_PORT: Final = Port(5353, "UDP", "dns")
_ROUTERS: Final = Pods(
    "OpenShift's routers",
    PLATFORM_INGRESS_NAMESPACE,
    {"ingresscontroller.operator.openshift.io/deployment-ingresscontroller": "default"},
    {
        "network.openshift.io/policy-group": "ingress",
        "policy-group.network.openshift.io/ingress": "",
    },
)
_HOSTS: Final = Pods(
    "the API server",
    "openshift-host-network",
    {},
    {"policy-group.network.openshift.io/host-network": ""},
)
"""Where the API server is, and routers may be, as OpenShift's policies know them."""
_DNS: Final = Pods(
    "the cluster's DNS",
    "openshift-dns",
    {"dns.operator.openshift.io/daemonset-dns": "default"},
)


_NEVER_LEFT: Final = -1
"""The burst of requests for which the activator always stays."""
_BURST: Final = "autoscaling.knative.dev/target-burst-capacity"
_TEMPLATE: Final = ("spec", "template", "metadata")
_Through = Callable[[Iterable[Object], Pods, Pods, Port, Direction], bool | None]


class _Flow(NamedTuple):
    """Traffic that must be let through: into pods, or out of them."""

    pods: Pods
    others: tuple[Pods, ...]
    """Any of these will do."""
    port: Port
    direction: Direction = Direction.INGRESS
    when: str = ""
    """When there is such traffic; empty: from the start."""

    def __str__(self) -> str:
        kept, place = self.others[0].what, self.pods.what
        if self.direction is Direction.EGRESS:
            kept, place = place, kept
        return f"{kept} from {place} {self.when}".rstrip()


def check(world: World) -> Iterator[Finding]:
    """Check what Serverless generates, and the policies that others made.

    What Service Mesh 2 makes by itself lets in whatever is in the mesh. Nobody makes ways out.
    """
    for mesh, plane in serverless_plane(world):
        path = mesh.variant.network_policies
        managed = mesh.applied(path) if path else False
        if managed is UNKNOWN:
            yield mesh.unclear(plane, path)
        if NETWORK_POLICY not in world.unread:
            yield from _judged(world, mesh, unmanaged=managed is False)


def _judged(world: World, mesh: Mesh, *, unmanaged: bool) -> Iterator[Finding]:
    flows: dict[str, list[_Flow]] = defaultdict(list)
    for flow in _flows(world, mesh):
        flows[flow.pods.namespace].append(flow)
    generating = _generating(world) if unmanaged else []
    for resource in generating:
        yield from _generated(world, mesh, resource, flows[resource.ref.namespace])
    # Who is let in there has been judged, or is the mesh's own affair.
    settled = {resource.ref.namespace for resource in generating} if unmanaged else {*flows}
    for namespace, wanted in flows.items():
        directions = (Direction.EGRESS,) if namespace in settled else tuple(Direction)
        asked = [flow for flow in wanted if flow.direction in directions]
        yield from _shut(world.objects(NETWORK_POLICY, namespace), asked)


def _generating(world: World) -> list[Object]:
    """Return the resources for which the operator makes policies, or may."""
    found = []
    for resource in (*world.objects(SERVING), *world.objects(EVENTING)):
        value = resource.get(*_PATH)
        if _integrates(resource) is not False and text(value) not in _TRUE and value is not True:
            found.append(resource)
    return found


def _generated(
    world: World, mesh: Mesh, resource: Object, flows: Sequence[_Flow]
) -> Iterator[Finding]:
    """Check whether policies of others let in what those of the operator shut out."""
    namespace, value = resource.ref.namespace, resource.get(*_PATH)
    own = world.objects(NETWORK_POLICY, namespace)
    complete = _are_complete(own, flows)
    if value is UNKNOWN or _integrates(resource) is None:
        if not complete:
            yield resource.unknown(_PLACE if value is UNKNOWN else istio_switch(resource)[0])
    elif complete is None:
        why = f"whether the policies of {namespace} let the mesh in is not known"
        yield resource.unsure(_PLACE, why)
    elif not complete:
        found = f"{show(value)}, so that Serverless lets nothing in but monitoring"
        plane = mesh.control_plane
        related = tuple(item.ref for item in (*([plane] if plane else ()), *own[:2]))
        needed = f'"true", or policies that let the mesh in: {_reason(mesh)}'
        yield resource.breaks(_PLACE, found, needed, related)


def _integrates(resource: Object) -> bool | None:
    """Say whether the operator integrates a resource, or will when it is told to; None: not known.

    In a mesh, that nothing is said of it is what `knative-gateway-config` is about.
    """
    return True if istio_switch(resource)[1] is None else uses_istio(resource)


def _reason(mesh: Mesh) -> str:
    if mesh.variant.network_policies:
        return "the control plane has manageNetworkPolicy: false"
    return f"{mesh.variant} makes none"


def _are_complete(own: Sequence[Object], flows: Sequence[_Flow]) -> bool | None:
    """Say whether policies of others let in all that the operator's would shut out.

    Those of the operator select all pods, so that what no other lets in is shut out; webhooks it
    opens itself.
    """
    found = [
        _passes(allows, own, flow)
        for flow in flows
        if flow.direction is Direction.INGRESS and _HOSTS not in flow.others
    ]
    return False if False in found else None if None in found else bool(own)


def _passes(through: _Through, policies: Sequence[Object], flow: _Flow) -> bool | None:
    found = [
        through(policies, flow.pods, other, flow.port, flow.direction) for other in flow.others
    ]
    return True if True in found else None if None in found else False


def _shut(policies: Sequence[Object], flows: Sequence[_Flow]) -> Iterator[Finding]:
    """Say, once a namespace, what its policies keep out."""
    if not policies:
        return
    shut = [(flow, _passes(admits, policies, flow)) for flow in flows]
    at_once = [flow for flow, passes in shut if passes is False and not flow.when]
    out = [*at_once, *(flow for flow, passes in shut if passes is False and flow.when)]
    doubtful = [flow for flow, passes in shut if passes is None]
    if out:
        to_blame = selecting(policies, out[0].pods, out[0].direction)
        kept = first([str(flow) for flow in out])
        needed = "policies that let it through"
        related = tuple(item.ref for item in to_blame[1:4])
        severity = None if at_once else Severity.WARNING
        yield to_blame[0].breaks("spec", f"keeps {kept}", needed, related, severity=severity)
    if doubtful and not at_once:
        yield policies[0].unsure("spec", f"whether policies keep {doubtful[0]} is not known")


def _flows(world: World, mesh: Mesh) -> Iterator[_Flow]:
    """List what the integration needs, of what is here."""
    place = mesh.ingress.namespace
    carried = dict(mesh.ingress.labels or ())
    gateway = _pods(world, "the ingress gateway", place, carried)
    activator = _pods(world, "the activator", SERVING_NAMESPACE, {"app": "activator"})
    istiod = _pods(world, "istiod", mesh.namespace, {"app": "istiod"})
    if any(_integrates(item) is not False for item in world.objects(SERVING)):
        yield from _of_serving(world, activator, gateway, istiod)
        yield _Flow(istiod, (activator,), _DISCOVERY_PORT)
        yield _Flow(gateway, (_ROUTERS, _HOSTS), _GATEWAY_PORT)
    if any(_integrates(item) is not False for item in world.objects(EVENTING)):
        broker = _pods(world, "brokers", EVENTING_NAMESPACE, {"app": "mt-broker-ingress"})
        dispatcher = _pods(world, "channels", EVENTING_NAMESPACE, {"app": "imc-dispatcher"})
        webhook = _pods(
            world, "Eventing's webhook", EVENTING_NAMESPACE, {"app": "eventing-webhook"}
        )
        yield _Flow(dispatcher, (broker,), _DISPATCHER_PORT)
        yield _Flow(webhook, (_HOSTS,), _WEBHOOK_PORT)
        yield from _ways_out(broker, istiod)


def _of_serving(world: World, activator: Pods, gateway: Pods, istiod: Pods) -> Iterator[_Flow]:
    services = _knative_services(world)
    autoscaler = _pods(world, "the autoscaler", SERVING_NAMESPACE, {"app": "autoscaler"})
    yield _Flow(activator, (gateway,), _ACTIVATOR_PORT)
    yield _Flow(autoscaler, (activator,), _AUTOSCALER_PORT)
    for name in ("webhook", "net-istio-webhook"):
        webhook = _pods(world, f"Serving's {name}", SERVING_NAMESPACE, {"app": name})
        yield _Flow(webhook, (_HOSTS,), _WEBHOOK_PORT)
    everywhere = _one_each(world, services)
    for pods in everywhere:
        yield _Flow(pods, (activator,), _PROXY_PORT)
    # For these the activator steps aside while they have pods to spare.
    for pods in _one_each(world, _left(world, services)):
        yield _Flow(pods, (gateway,), _PROXY_PORT, when="once the activator has stepped aside")
    for pods in (gateway, activator, autoscaler, *everywhere):
        yield from _ways_out(pods, istiod)
    yield _Flow(gateway, (activator,), _ACTIVATOR_PORT, Direction.EGRESS)
    yield _Flow(activator, (autoscaler,), _AUTOSCALER_PORT, Direction.EGRESS)
    for pods in everywhere:
        yield _Flow(activator, (pods,), _PROXY_PORT, Direction.EGRESS)


def _left(world: World, services: Iterable[Object]) -> Iterator[Object]:
    """List the services that the gateway calls itself at times, without the activator between."""
    servings = world.objects(SERVING)
    general = [config_value(each, "autoscaler", "target-burst-capacity") for each in servings]
    for service in services:
        own = service.get(*_TEMPLATE, "annotations", _BURST)
        burst = [own] if own is not None else general
        if any(each is UNKNOWN or _number(each) != _NEVER_LEFT for each in burst):
            yield service


def _number(written: Any) -> float | None:
    try:
        return float(str(written))
    except ValueError:
        return None


def _ways_out(pods: Pods, istiod: Pods) -> Iterator[_Flow]:
    """List what a sidecar needs to be configured: its control plane, and whoever knows that."""
    yield _Flow(pods, (istiod,), _DISCOVERY_PORT, Direction.EGRESS)
    yield _Flow(pods, (_DNS,), _DNS_PORT, Direction.EGRESS)


def _knative_services(world: World) -> list[Object]:
    """Return the Knative Services that Istio serves."""
    general = next((default_class(item) for item in world.objects(SERVING)), None)
    return [
        item
        for item in world.objects(KNATIVE_SERVICE)
        if chosen_or(general, item) in (None, ISTIO_CLASS, UNKNOWN)
    ]


def _one_each(world: World, services: Iterable[Object]) -> list[Pods]:
    """Return the pods of one Knative Service a namespace, which stands for all of them."""
    first_of: dict[str, Object] = {}
    for service in services:
        first_of.setdefault(service.ref.namespace, service)
    return [
        _pods(
            world,
            "Knative Services",
            namespace,
            {"serving.knative.dev/service": service.ref.name, "app": service.ref.name},
        )
        for namespace, service in sorted(first_of.items())
    ]


def _pods(world: World, what: str, namespace: str, labels: Mapping[str, Any]) -> Pods:
    found, mesh = world.get(NAMESPACE, "", namespace), world.serverless_mesh
    known = found is not None and not has_unknown(found.get("metadata", "labels"))
    member = mesh is not None and mesh.variant.roll and mesh.has(namespace)
    marked = {MEMBER_OF: mesh.namespace} if mesh and member else {}
    if namespace in KNATIVE_NAMESPACES:
        marked[PART_OF] = SERVERLESS
    return Pods(what, namespace, labels, found.labels if found and known else None, marked)


def remediate(body: Mapping[str, Any], world: World) -> dict[str, Any] | None:
    """Add the annotation where it is missing."""
    ref = ref_of(body)
    own = ref.kind in (SERVING, EVENTING)
    if not own or at(body, *_PATH) is not None or not settable(body, _PATH):
        return None
    asked = any(
        isinstance(finding, Violation) and (finding.ref, finding.field) == (ref, _PLACE)
        for finding in check(world)
    )
    return changed(body, _PATH, "true") if asked else None


RULE = Rule(
    id="network-policies",
    title="Network policies let the mesh in, and sidecars out to it",
    severity=Severity.ERROR,
    why=(
        "Serverless makes network policies that let in monitoring alone and count on the mesh's "
        "own. Service Mesh 3 makes none, nor does Service Mesh 2 with manageNetworkPolicy: false: "
        "then requests and events are not delivered, as with any other policy that shuts the mesh "
        "out. A sidecar that reaches neither istiod nor the cluster's DNS is never configured. The "
        "ingress gateway calls a Knative Service itself while it has pods to spare."
    ),
    remedy=(
        "Annotate KnativeServing and KnativeEventing with "
        'serverless.openshift.io/disable-istio-net-policies-generation: "true", or let the mesh in '
        "by policies of your own. Where policies restrict the way out, let sidecars through to "
        "istiod (port 15012) and to the pods of the cluster's DNS (port 5353, UDP). Let both the "
        "activator and the ingress gateway in to Knative Services (port 8012)."
    ),
    section=NETWORK_POLICIES_SECTION,
    kinds=MESH_KINDS | {EVENTING, KNATIVE_SERVICE, NETWORK_POLICY},
    check=check,
    remediate=remediate,
)
