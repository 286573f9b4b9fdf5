"""A host outside the wildcard has a DomainMapping."""

from collections.abc import Iterator, Set
from typing import Any

from mesh_policy.documented.kinds import (
    DOMAIN_MAPPING,
    GATEWAY,
    INGRESS_CONFIG,
    MESH_KINDS,
    ROUTE,
    SECRET,
    SERVING,
    VIRTUAL_SERVICE,
)
from mesh_policy.documented.names import INGRESS_SERVICE
from mesh_policy.documented.sections import ASSUMPTIONS
from mesh_policy.findings import Finding, Ref, Severity
from mesh_policy.mapped_domains import certified_names
from mesh_policy.mesh.gateway_secrets import named_secrets
from mesh_policy.mesh.knative_gateways import configs, ingress_gateways
from mesh_policy.reading.cluster_hosts import ServiceName, canonical, is_cluster_local
from mesh_policy.reading.knative import config_map
from mesh_policy.reading.knative_domains import naming
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import UNKNOWN, has_unknown, items, mapping, strings, text
from mesh_policy.reading.x509 import covers
from mesh_policy.rule import Rule
from mesh_policy.world import World


def check(world: World) -> Iterator[Finding]:
    """Check the hosts that lead to the ingress gateway, and the domains that Knative is set to."""
    wildcards = certified_names(world)
    mapped = {item.ref.name.lower() for item in world.objects(DOMAIN_MAPPING)}
    for item, path, host in _hosts(world):
        if host is UNKNOWN:
            yield item.unknown(path)
        elif host.lower() in mapped or any(covers(name, host) for name in wildcards):
            continue
        elif not wildcards:
            yield item.unsure(path, f"leads {host} here; the cluster's domain is not known")
        elif DOMAIN_MAPPING not in world.unread:
            needed = f"a DomainMapping {host}, or a host that {', '.join(wildcards)} covers"
            if world.complete or mapped:
                yield item.breaks(path, host, needed)
            else:
                yield from world.missing(DOMAIN_MAPPING, item.ref.namespace, host, needed)


def _hosts(world: World) -> Iterator[tuple[Object, str, Any]]:
    gateways = {each.ref[1:] for config in configs(world) for each in config.external}
    for item in world.objects(VIRTUAL_SERVICE):
        if _is_bound(item, gateways):
            hosts = item.get("spec", "hosts")
            if hosts is UNKNOWN:
                yield item, "spec.hosts", UNKNOWN
            every = set(strings(hosts))
            for index, host in enumerate(items(hosts)):
                # net-istio lists a service's name in the cluster in its short forms, too.
                if canonical(text(host)) in every - {text(host)}:
                    continue
                if host is UNKNOWN or _is_external(text(host)):
                    yield item, f"spec.hosts[{index}]", host
    mesh = world.serverless_mesh
    targets = {each.target for config in configs(world) for each in config.external}
    for item in world.objects(ROUTE):
        to, host = item.get("spec", "to", "name"), item.get("spec", "host")
        made = to == INGRESS_SERVICE and (
            mesh is None or item.ref.namespace == mesh.ingress.namespace
        )
        here = made or ServiceName(text(to), item.ref.namespace) in targets
        if here and (host is UNKNOWN or text(host)):
            yield item, "spec.host", host
    for serving in world.objects(SERVING):
        set_ = mapping(config_map(serving, "domain"))
        for domain in naming(world, serving).domains or ():
            if domain in set_ and _is_external(domain):
                yield serving, f"spec.config.domain.{domain}", f"<service>.{domain}"


def _is_bound(item: Object, gateways: Set[tuple[str, str]]) -> bool:
    named = item.get("spec", "gateways")
    if has_unknown(named):
        return False
    found = (name.rpartition("/") for name in strings(named))
    return any((namespace or item.ref.namespace, name) in gateways for namespace, _, name in found)


def _is_external(host: str) -> bool:
    """Tell a domain of the outside from names of the cluster's inside and lone wildcards."""
    return "." in host.removesuffix(".") and not is_cluster_local(host)


def _wanted(world: World) -> Iterator[Ref]:
    return named_secrets(world.serverless_mesh, ingress_gateways(world))


RULE = Rule(
    id="domain-mapped",
    title="A host outside the wildcard has a DomainMapping",
    severity=Severity.ERROR,
    why=(
        "The wildcard certificate covers one label under the cluster's domain. Any other host is "
        "served with a certificate that is not its own, unless it is mapped."
    ),
    remedy="Create a DomainMapping of that name, with a certificate for it.",
    section=ASSUMPTIONS,
    kinds=MESH_KINDS | {VIRTUAL_SERVICE, ROUTE, DOMAIN_MAPPING, GATEWAY, INGRESS_CONFIG},
    by_name={SECRET: _wanted},
    check=check,
    in_mesh=True,
)
