"""The Services before our own gateway lead to where its Gateways have it listen."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from mesh_policy.documented.kinds import GATEWAY, MESH_KINDS, SERVICE
from mesh_policy.documented.sections import MESH_SECTION
from mesh_policy.findings import Finding, Severity, Violation
from mesh_policy.gateway_services import (
    external_services,
    local_ports,
    local_services,
    untranslated,
)
from mesh_policy.mesh.knative_gateways import default_gateways
from mesh_policy.mesh.listeners import listeners, makes_service, translation
from mesh_policy.mesh.mesh import Mesh
from mesh_policy.reading.istio_gateways import target
from mesh_policy.reading.label_selectors import Labels, labels, written
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import at, has_unknown, items, show, text
from mesh_policy.rule import Rule
from mesh_policy.world import World

_ROUTED: Final = ("http2", "https")
"""The names of the ports that OpenShift's Routes to Knative Services target."""


def check(world: World) -> Iterator[Finding]:
    """Check the Services that Knative points at, where the control plane makes none."""
    mesh = world.serverless_mesh
    if mesh is None:
        return
    external = external_services(world)
    if not makes_service(mesh):
        for service in external:
            yield from _service(world, service, mesh, _ports)
        for service in local_services(world, mesh):
            if service not in external:
                yield from _service(world, service, mesh, local_ports)
                yield from untranslated(service)
    for gateway in default_gateways(world):
        yield from _probed(world, gateway, external, mesh)


def _service(
    world: World,
    service: Object,
    mesh: Mesh,
    ports: Callable[[World, Object, Mesh], Iterable[Finding]],
) -> Iterator[Finding]:
    """Check whom a Service selects, and where it leads if it selects somebody."""
    found = list(_selector(world, service, mesh))
    yield from found
    if not any(isinstance(each, Violation) for each in found):
        yield from ports(world, service, mesh)


def _selector(world: World, service: Object, mesh: Mesh) -> Iterator[Finding]:
    found = service.get("spec", "selector")
    selector = labels(found)
    pods = [each.labels for each in mesh.deployed if each.namespace == service.ref.namespace]
    needed = f"labels of a gateway in {service.ref.namespace}"
    if selector is None or (None in pods and selector):
        yield service.unknown("spec.selector")
    elif not selector:
        yield service.breaks("spec.selector", show(found), needed)
    elif not any(selector <= (carried or frozenset()) for carried in pods):
        if pods or world.complete:
            yield service.breaks("spec.selector", written(selector), needed)
        else:
            why = f"selects {written(selector)}; the gateway, whose labels would tell, is not here"
            yield service.unsure("spec.selector", why)


def _ports(world: World, service: Object, mesh: Mesh) -> Iterator[Finding]:
    """Check the ports that Routes target, and that somebody listens behind `https`."""
    ports = service.get("spec", "ports")
    if has_unknown(ports):
        yield service.unknown("spec.ports")
        return
    named = {text(at(port, "name")): port for port in items(ports)}
    if absent := [name for name in _ROUTED if name not in named]:
        shown = ", ".join(filter(None, named)) or "no name"
        needed = f"ports named {' and '.join(_ROUTED)}, which OpenShift's Routes target"
        yield service.breaks("spec.ports", f"{shown}, without {' and '.join(absent)}", needed)
    secure = named.get("https")
    if secure is None or service.ref.namespace != mesh.ingress.namespace:
        return
    translated = translation(world, mesh)
    found = [listeners(each, translated, "HTTPS") for each in default_gateways(world)]
    wanted = {port for each in found if each for port in each}
    leads = target(secure)
    if None in found or not wanted:
        return
    if leads is None:
        yield service.unsure(
            "spec.ports", "a targetPort by name, which the pods would have to tell"
        )
    elif leads not in wanted:
        shown = " or ".join(map(str, sorted(wanted)))
        needed = f"targetPort {shown} for https, where the Gateways have the gateway listen"
        yield service.breaks("spec.ports", show(secure), needed)


def _probed(world: World, gateway: Object, external: list[Object], mesh: Mesh) -> Iterator[Finding]:
    """Warn where net-istio finds not exactly one Service by which to probe a Gateway.

    It looks in all namespaces for Services whose labels are the Gateway's selector.
    """
    selector = labels(gateway.get("spec", "selector"))
    if not selector or not external:
        return
    found = [item for item in world.objects(SERVICE) if selector <= _labels(item)]
    if len(found) > 1:
        others = tuple(item.ref for item in found[:1])
        yield found[-1].breaks(
            "metadata.labels",
            f"{written(selector)}, as on {found[0].ref}",
            f"one Service with the selector of {gateway.ref}: net-istio probes any one of them",
            others,
            severity=Severity.WARNING,
        )
    elif not found and not makes_service(mesh) and not _unknown_labels(external):
        yield external[0].breaks(
            "metadata.labels",
            "not the labels by which net-istio finds what to probe",
            f"{written(selector)}, the selector of {gateway.ref}; a Knative Service turns ready "
            "before the gateway serves it otherwise",
            (gateway.ref,),
            severity=Severity.WARNING,
        )


def _labels(item: Object) -> Labels:
    return labels(item.get("metadata", "labels")) or frozenset()


def _unknown_labels(services: list[Object]) -> bool:
    return any(has_unknown(item.get("metadata", "labels")) for item in services)


RULE = Rule(
    id="gateway-service",
    title="The Services before our own gateway lead to where its Gateways have it listen",
    severity=Severity.ERROR,
    why=(
        "With Service Mesh 3 the gateway's Services are nobody's but ours. Where no pod is "
        "selected, no port has the name that Routes target, or nobody listens at the targetPort, "
        "every call fails."
    ),
    remedy=(
        "Let the Services select the gateway's pods, name the ports http2 and https, and lead "
        "443 to 8443 and the local 80 to the port of the local Gateway: 8081, or 8080 where it "
        "claims 80."
    ),
    section=MESH_SECTION,
    kinds=MESH_KINDS | {GATEWAY, SERVICE},
    check=check,
    in_mesh=True,
)
