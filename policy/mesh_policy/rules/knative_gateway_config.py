"""Knative's Istio integration is on and points at the mesh's gateways."""

from collections.abc import Iterator, Sequence
from typing import Any

from mesh_policy.documented.kinds import EVENTING, GATEWAY, MESH_KINDS, SERVICE, SERVING
from mesh_policy.documented.names import LOCAL_GATEWAY
from mesh_policy.documented.sections import SERVERLESS_SECTION
from mesh_policy.findings import Finding, Severity
from mesh_policy.gateway_services import local_ports, local_services, untranslated
from mesh_policy.mesh.listeners import makes_service
from mesh_policy.mesh.mesh import Mesh
from mesh_policy.reading.cluster_hosts import ServiceName
from mesh_policy.reading.ingress_class import left_to_kourier
from mesh_policy.reading.knative import ISTIO_ENABLED, config_map, config_path, config_value
from mesh_policy.reading.label_selectors import labels
from mesh_policy.reading.net_istio import (
    DEFAULTS,
    EXTERNAL_KEY,
    LOCAL_KEY,
    KnativeGateway,
    RefusedConfig,
    config_istio,
    is_gateways_key,
    older_key,
)
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import UNKNOWN, at, has_unknown, mapping, show, text
from mesh_policy.rule import Rule
from mesh_policy.world import World


def check(world: World) -> Iterator[Finding]:
    """Check the integration's switches, `config.istio` and the Services that it points at."""
    for serving in world.objects(SERVING):
        if left_to_kourier(serving):
            continue
        enabled = serving.get(*ISTIO_ENABLED)
        if enabled is UNKNOWN:
            yield serving.unknown(".".join(ISTIO_ENABLED))
        elif enabled is not True:
            yield serving.breaks(".".join(ISTIO_ENABLED), show(enabled), "true")
        else:
            yield from _config(world, serving)
    for eventing in world.objects(EVENTING):
        feature = config_value(eventing, "features", "istio")
        if feature is UNKNOWN:
            yield eventing.unknown(config_path(eventing, "features", "istio"))
        elif text(feature).lower() != "enabled":
            path = config_path(eventing, "features", "istio")
            yield eventing.breaks(path, show(feature), "enabled")
    mesh = world.serverless_mesh
    if mesh is not None and makes_service(mesh):
        for local in local_services(world, mesh):
            if local.ref.namespace == mesh.ingress.namespace:
                yield from _local_service(world, local, mesh)


def _config(world: World, serving: Object) -> Iterator[Finding]:
    data = config_map(serving, "istio")
    config = config_istio(data)
    if config is None:
        yield from _not_known(serving, data)
    elif isinstance(config, RefusedConfig):
        path = config_path(serving, "istio", config.key)
        yield serving.breaks(path, config.found, f"{config.needed}; net-istio refuses it otherwise")
    else:
        newer = {each.key for each in (*config.external, *config.local)} & {EXTERNAL_KEY, LOCAL_KEY}
        for kind, gateways in ((EXTERNAL_KEY, config.external), (LOCAL_KEY, config.local)):
            yield from _replaced(world, serving, gateways, DEFAULTS.of(kind))
            for gateway in gateways:
                key = gateway.key or (kind if newer else older_key(kind, gateway))
                if world.serverless_mesh is not None:
                    path = config_path(serving, "istio", key)
                    yield from _address(world, serving, world.serverless_mesh, gateway, path)


def _not_known(serving: Object, data: Any) -> Iterator[Finding]:
    if data is UNKNOWN:
        for kind in (EXTERNAL_KEY, LOCAL_KEY):
            key = older_key(kind, DEFAULTS.of(kind)[0])
            yield serving.unknown(config_path(serving, "istio", key))
    for key, value in mapping(data).items():
        if isinstance(key, str) and is_gateways_key(key):
            path = config_path(serving, "istio", key)
            if has_unknown(value):
                yield serving.unknown(path)
            elif "&" in text(value):
                yield serving.unsure(path, "YAML with anchors, which is not followed")


def _replaced(
    world: World,
    serving: Object,
    gateways: Sequence[KnativeGateway],
    defaults: Sequence[KnativeGateway],
) -> Iterator[Finding]:
    """Check that the Gateways are there which replace the documented one."""
    documented = defaults[0]
    others = [each for each in gateways if each.ref != documented.ref]
    left = world.get(*documented.ref) if len(others) == len(gateways) else None
    absent = [each for each in others if world.get(*each.ref) is None]
    for each in absent:
        path = config_path(serving, "istio", each.key)
        needed = f"a Gateway that is there, in place of {documented.namespace}/{documented.name}"
        if left is not None and len(absent) == len(gateways):
            # Whatever the cluster has, the Gateway that is made for Knative stays without use.
            found = f"{each.namespace}/{each.name}, which is not here"
            yield serving.breaks(path, found, needed, (left.ref,))
        else:
            yield from world.missing(*each.ref, needed)


def _address(
    world: World, serving: Object, mesh: Mesh, gateway: KnativeGateway, path: str
) -> Iterator[Finding]:
    """Check one Gateway's Service."""
    service, host = gateway.target, gateway.service
    namespaces = {mesh.ingress.namespace, *(each.namespace for each in mesh.workloads)}
    own = mesh.ingress_service if DEFAULTS.external[0].ref == gateway.ref else LOCAL_GATEWAY
    needed = ServiceName(own or "<service>", mesh.ingress.namespace).host
    if service is None:
        yield serving.breaks(path, show(host), needed)
    elif gateway.is_default and mesh.ingress_service is None:
        if world.get(SERVICE, service.namespace, service.name) is None:
            yield serving.breaks(path, f"nothing, so that net-istio takes {host}", needed)
    elif service.namespace not in namespaces:
        found = f"nothing, so that net-istio takes {host}" if gateway.is_default else show(host)
        yield serving.breaks(path, found, needed)
    else:
        yield from _exists(world, mesh, service)


def _exists(world: World, mesh: Mesh, service: ServiceName) -> Iterator[Finding]:
    # The operator makes the ingress gateway's Service out of the control plane.
    made = makes_service(mesh) and service == (mesh.ingress_service, mesh.ingress.namespace)
    if world.get(SERVICE, service.namespace, service.name) is None and not made:
        needed = "the Service that Knative points at"
        yield from world.missing(SERVICE, service.namespace, service.name, needed)


def _local_service(world: World, local: Object, mesh: Mesh) -> Iterator[Finding]:
    spec = local.get("spec")
    selector = labels(at(spec, "selector"))
    if selector is None:
        yield local.unknown("spec.selector")
    elif mesh.ingress.labels is not None and not (selector and selector <= mesh.ingress.labels):
        yield local.breaks(
            "spec.selector", show(at(spec, "selector")), "labels of the ingress gateway"
        )
    yield from local_ports(world, local, mesh)
    yield from untranslated(local)


RULE = Rule(
    id="knative-gateway-config",
    title="Knative's Istio integration is on and points at the mesh's gateways",
    severity=Severity.ERROR,
    why=(
        "Knative looks for the gateways in istio-system. With the mesh elsewhere, or a Service "
        "that is not there, its routes lead nowhere and no Knative Service turns ready."
    ),
    remedy=(
        "Enable Istio in KnativeServing and KnativeEventing; with Service Mesh 3, or where the "
        "mesh is not in istio-system, set both gateway keys of config.istio, in one of the two "
        "forms, to Services that are before the mesh's gateways."
    ),
    section=SERVERLESS_SECTION,
    kinds=MESH_KINDS | {EVENTING, SERVICE, GATEWAY},
    check=check,
    in_mesh=True,
)
