"""Knative's Istio integration is on and points at the mesh's gateways."""

from collections.abc import Iterator
from typing import Any, Final

import yaml

from mesh_policy.documented.kinds import EVENTING, MESH_KINDS, SERVICE, SERVING
from mesh_policy.documented.names import (
    DEFAULT_MESH_NAMESPACE,
    INGRESS_GATEWAY,
    INGRESS_SERVICE,
    LOCAL_GATEWAY,
    LOCAL_PORT,
    NO_PORT_TRANSLATION,
    SERVING_NAMESPACE,
)
from mesh_policy.documented.sections import SERVERLESS_SECTION
from mesh_policy.findings import Finding, Severity
from mesh_policy.mesh.mesh import Mesh
from mesh_policy.reading.knative import ISTIO_ENABLED, config_value
from mesh_policy.reading.label_selectors import labels
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import UNKNOWN, at, has_unknown, items, number, show, text, truth
from mesh_policy.rule import Rule
from mesh_policy.world import World

_EXTERNAL: Final = (
    f"gateway.{SERVING_NAMESPACE}.{INGRESS_GATEWAY}",
    "external-gateways",
    INGRESS_GATEWAY,
    INGRESS_SERVICE,
)
_LOCAL: Final = (
    f"local-gateway.{SERVING_NAMESPACE}.{LOCAL_GATEWAY}",
    "local-gateways",
    LOCAL_GATEWAY,
    LOCAL_GATEWAY,
)


def check(world: World) -> Iterator[Finding]:
    """Check the integration's switches, `config.istio` and the Services that it points at."""
    for serving in world.objects(SERVING):
        enabled = serving.get(*ISTIO_ENABLED)
        if enabled is UNKNOWN:
            yield serving.unknown(".".join(ISTIO_ENABLED))
        elif enabled is not True:
            yield serving.breaks(".".join(ISTIO_ENABLED), show(enabled), "true")
        elif world.serverless_mesh is not None:
            for key, list_key, gateway, service in (_EXTERNAL, _LOCAL):
                yield from _address(
                    world, serving, world.serverless_mesh, (key, list_key, gateway), service
                )
    for eventing in world.objects(EVENTING):
        feature = config_value(eventing, "features", "istio")
        if feature is UNKNOWN:
            yield eventing.unknown("spec.config.features.istio")
        elif text(feature).lower() != "enabled":
            yield eventing.breaks("spec.config.features.istio", show(feature), "enabled")
    mesh = world.serverless_mesh
    local = world.get(SERVICE, mesh.ingress.namespace, LOCAL_GATEWAY) if mesh else None
    if local is not None and mesh is not None:
        yield from _local_service(local, mesh)


def _address(
    world: World, serving: Object, mesh: Mesh, keys: tuple[str, str, str], service: str
) -> Iterator[Finding]:
    key, list_key, gateway = keys
    path = f"spec.config.istio.{key}"
    value: Any = config_value(serving, "istio", key)
    if value is None and (several := config_value(serving, "istio", list_key)) is not None:
        path, value = f"spec.config.istio.{list_key}", _listed(several, gateway)
    namespace = mesh.ingress.namespace
    name = service if service == LOCAL_GATEWAY else mesh.ingress_service or ""
    needed = f"{name or '<service>'}.{namespace}.svc.cluster.local"
    if value is UNKNOWN:
        yield serving.unknown(path)
    elif value is None and (namespace == DEFAULT_MESH_NAMESPACE or mesh.ingress_service is None):
        if mesh.ingress_service is not None:
            yield from _exists(world, mesh, name, namespace)
    elif (target := _service_of(text(value))) is None or target[1] != namespace:
        yield serving.breaks(path, show(value), needed)
    else:
        yield from _exists(world, mesh, *target)


def _listed(several: Any, gateway: str) -> Any:
    """Return the service of a Gateway out of the form of a list written as YAML."""
    if several is UNKNOWN:
        return UNKNOWN
    try:
        entries = yaml.safe_load(text(several))
    except yaml.YAMLError:
        return show(several)
    for entry in items(entries):
        if (at(entry, "namespace"), at(entry, "name")) == (SERVING_NAMESPACE, gateway):
            return at(entry, "service") or show(entry)
    return show(several)


def _service_of(address: str) -> tuple[str, str] | None:
    """Return name and namespace out of `name.namespace.svc.cluster.local`."""
    name, _, rest = address.rstrip(".").partition(".")
    namespace, _, domain = rest.partition(".")
    return (name, namespace) if name and namespace and domain.startswith("svc") else None


def _exists(world: World, mesh: Mesh, name: str, namespace: str) -> Iterator[Finding]:
    # The operator makes the ingress gateway's Service out of the control plane.
    made = name == mesh.ingress_service and namespace == mesh.ingress.namespace
    if world.get(SERVICE, namespace, name) is None and not made:
        yield from world.missing(SERVICE, namespace, name, "the Service that Knative points at")


def _local_service(local: Object, mesh: Mesh) -> Iterator[Finding]:
    spec = local.get("spec")
    selector = labels(at(spec, "selector"))
    if selector is None:
        yield local.unknown("spec.selector")
    elif mesh.ingress.labels is not None and not (selector and selector <= mesh.ingress.labels):
        yield local.breaks(
            "spec.selector", show(at(spec, "selector")), "labels of the ingress gateway"
        )
    ports = at(spec, "ports")
    if has_unknown(ports):
        yield local.unknown("spec.ports")
    elif not any(
        number(at(port, "port")) == 80 and number(at(port, "targetPort")) == LOCAL_PORT
        for port in items(ports)
    ):
        yield local.breaks("spec.ports", show(ports), f"port 80 with targetPort {LOCAL_PORT}")
    value = at(local.body, "metadata", "labels", NO_PORT_TRANSLATION)
    path = f"metadata.labels.{NO_PORT_TRANSLATION}"
    if value is UNKNOWN:
        yield local.unknown(path)
    elif truth(value) is not True:
        yield local.breaks(path, show(value), '"true"')


RULE = Rule(
    id="knative-gateway-config",
    title="Knative's Istio integration is on and points at the mesh's gateways",
    severity=Severity.ERROR,
    why=(
        "Knative looks for the gateways in istio-system. With the mesh elsewhere, or a Service "
        "that is not there, its routes lead nowhere and no Knative Service turns ready."
    ),
    remedy=(
        "Enable Istio in KnativeServing and KnativeEventing; where the mesh is not in "
        "istio-system, set both gateway keys of config.istio to Services of its namespace."
    ),
    section=SERVERLESS_SECTION,
    kinds=MESH_KINDS | {EVENTING, SERVICE},
    check=check,
    in_mesh=True,
)
