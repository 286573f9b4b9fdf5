"""Gateways and certificates cover the names that Knative gives to Knative Services."""

from collections.abc import Iterator, Sequence
from typing import Final

from mesh_policy.documented.kinds import (
    CERTIFICATE,
    DOMAIN_MAPPING,
    GATEWAY,
    INGRESS_CONFIG,
    KNATIVE_SERVICE,
    MESH_KINDS,
    SECRET,
    SERVING,
)
from mesh_policy.documented.sections import ASSUMPTIONS
from mesh_policy.findings import Finding, Ref, Severity
from mesh_policy.mapped_domains import MappedDomains, certified_names, is_covered
from mesh_policy.mesh.gateway_secrets import named_secrets
from mesh_policy.mesh.knative_gateways import (
    default_gateways,
    ingress_gateways,
    local_gateways,
)
from mesh_policy.reading.cluster_hosts import ServiceName, is_cluster_local
from mesh_policy.reading.dns_names import is_subdomain
from mesh_policy.reading.ingress_class import ISTIO_CLASS, chosen_or, default_class
from mesh_policy.reading.istio_gateways import Server, servers
from mesh_policy.reading.knative import config_map
from mesh_policy.reading.knative_domains import (
    LONGEST_LABEL,
    Named,
    Naming,
    named,
    naming,
    tags,
)
from mesh_policy.reading.label_selectors import first
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import UNKNOWN, has_unknown, mapping, show, text
from mesh_policy.rule import Rule
from mesh_policy.world import World

_SAMPLE: Final = ("my-project", "hello", "v1")
"""Namespace, name and tag of a Knative Service that shows what a template makes."""
_ANY_DOMAIN: Final = "apps.example.com"
"""Stands for the cluster's domain where that is not known."""
_NEEDED: Final = "one label below the domain, as {{.Name}}-{{.Namespace}}.{{.Domain}} gives"
_EVERY: Final = "*"
_HOSTS: Final = "spec.servers[0].hosts"
_OF_ITS_OWN: Final = (".Labels", ".Annotations")


def check(world: World) -> Iterator[Finding]:
    """Check the templates, Knative's Gateways, the Knative Services, and mapped domains."""
    for serving in world.objects(SERVING)[:1]:
        yield from _serving(world, serving)
        if default_class(serving) in (ISTIO_CLASS, UNKNOWN):
            yield from _gateways(world, naming(world, serving))
    mapped = MappedDomains(world)
    for item in world.objects(DOMAIN_MAPPING):
        yield from mapped.check(item)


def _serving(world: World, serving: Object) -> Iterator[Finding]:
    rules = naming(world, serving)
    if UNKNOWN in (rules.template, rules.tag_template):
        path = rules.template_path if rules.template is UNKNOWN else rules.tag_path
        yield serving.unknown(path)
        return
    if rules.domains is None and mapping(config_map(serving, "domain")):
        if has_unknown(config_map(serving, "domain")):
            yield serving.unknown(rules.domain_path)
        else:
            yield serving.unsure(rules.domain_path, "an entry that is not read as a selector")
        return
    general = default_class(serving)
    patterns = certified_names(world)
    broken: set[tuple[str, bool]] = set()
    if general in (ISTIO_CLASS, UNKNOWN):
        for domain in rules.domains or {_ANY_DOMAIN: {}}:
            if not is_cluster_local(domain):
                yield from _sample(serving, rules, domain, patterns, broken)
    if rules.domains is None:
        return
    for item in world.objects(KNATIVE_SERVICE):
        if chosen_or(general, item) in (ISTIO_CLASS, UNKNOWN):
            yield from _service(item, rules, patterns, broken)


def _sample(
    serving: Object,
    rules: Naming,
    domain: str,
    patterns: Sequence[str],
    broken: set[tuple[str, bool]],
) -> Iterator[Finding]:
    """Check what the templates make of a sample; what is found is added to `broken`."""
    if any(part in text(rules.template) for part in _OF_ITS_OWN):
        # Each Knative Service tells its own.
        return
    namespace, name, tag = _SAMPLE
    sample = Named(namespace, name, {}, {})
    guessed = rules.domains is None
    known = [f"*.{domain}"] if guessed else patterns
    for tagged, path, template in (
        (False, rules.template_path, rules.template),
        (True, rules.tag_path, rules.tag_template),
    ):
        host = rules.host(sample, tag if tagged else "", domain)
        if host is None:
            broken.add((domain, tagged))
            yield serving.unsure(path, f"{show(template)} takes more than names, to be followed")
            return
        if is_covered(host, known) or not is_covered(f"x.{domain}", known):
            # A domain that is not covered at all is found by domain-mapped.
            continue
        broken.add((domain, tagged))
        if guessed:
            yield serving.unsure(path, f"gives {host}; for what the certificate is, is not known")
        elif any(f".{each}".endswith(f".{domain}") and each[2:] != domain for each in known):
            broken.discard((domain, tagged))
            yield serving.unsure(path, f"gives {host}; the certificate is for some such names")
        else:
            found = f"{show(template)}, which gives {host}; the certificate is for {first(known)}"
            yield serving.breaks(path, found, f"{_NEEDED}, or a certificate for all such names")
        return


def _gateways(world: World, rules: Naming) -> Iterator[Finding]:
    """Check that Knative's Gateways take the names, whatever namespace a route for them is in."""
    namespace, name, _ = _SAMPLE
    sample, defaults = Named(namespace, name, {}, {}), default_gateways(world)
    # A domain by label may be that of a Gateway for the same label.
    every = len(ingress_gateways(world)) == len(defaults)
    outside = [
        rules.host(sample, "", domain)
        for domain, selector in (rules.domains or {}).items()
        if not is_cluster_local(domain) and (every or not selector)
    ]
    if rules.domains is None:
        outside.append(None)
    inside = ServiceName(name, namespace).host
    for gateways, hosts in ((defaults, outside), (local_gateways(world), [inside])):
        for gateway in gateways:
            for host in hosts:
                yield from _taken(gateway, host)


def _taken(gateway: Object, host: str | None) -> Iterator[Finding]:
    """Check that a Gateway takes a host; None: one that is not known."""
    found = list(servers(gateway))
    known = [each for each in found if isinstance(each, Server)]
    taken = [each.name for server in known for each in server.hosts]
    if _EVERY in taken or not taken:
        return
    if unknown := [each for each in found if isinstance(each, str)]:
        yield gateway.unknown(unknown[0])
    elif host is None:
        yield gateway.unsure(_HOSTS, f"{first(taken)}; what names Knative makes is not known")
    elif not any(each.startswith(_EVERY) and host.endswith(each[1:]) for each in taken):
        needed = f'"*", or a wildcard for {host}, of every namespace'
        lost = (f"nobody answers for {host}",)
        yield gateway.breaks(_HOSTS, first(taken), needed, consequences=lost)


def _service(
    item: Object, rules: Naming, patterns: Sequence[str], broken: set[tuple[str, bool]]
) -> Iterator[Finding]:
    """Check the names of a Knative Service and of its tags."""
    about = named(item)
    if about is None:
        yield item.unknown("metadata")
        return
    domain = rules.domain(about.labels)
    if about.is_inside or not domain or is_cluster_local(domain):
        return
    for path, tag in (("metadata.name", ""), *tags(item)):
        if tag is UNKNOWN:
            yield item.unknown(path)
            continue
        host = rules.host(about, text(tag))
        if host is None:
            if (domain, bool(tag)) not in broken and (domain, False) not in broken:
                yield item.unsure(path, "its name is made by a template that is not followed")
                return
        elif (wrong := _no_name(host)) is not None:
            yield item.breaks(path, *wrong)
        elif (
            not {(domain, False), (domain, bool(tag))} & broken
            and is_covered(f"x.{domain}", patterns)
            and not is_covered(host, patterns)
        ):
            found = f"{host}; the certificate is for {first(patterns)}"
            yield item.breaks(path, found, f"{_NEEDED}, or a certificate for it")


def _no_name(host: str) -> tuple[str, str] | None:
    longest = max(host.split("."), key=len)
    if len(longest) > LONGEST_LABEL:
        found = f"{len(longest)} characters in one label of {show(host)}"
        return found, f"{LONGEST_LABEL} or fewer, for name, namespace and tag together"
    if not is_subdomain(host):
        return f"{show(host)}, which is no host", "a name that the templates make a host of"
    return None


def _wanted(world: World) -> Iterator[Ref]:
    yield from named_secrets(world.serverless_mesh, ingress_gateways(world))
    for item in world.objects(DOMAIN_MAPPING):
        if name := text(item.get("spec", "tls", "secretName")):
            yield Ref(SECRET, item.ref.namespace, name)


RULE = Rule(
    id="domain-names-covered",
    title="Gateways and certificate cover the names that Knative gives to Knative Services",
    severity=Severity.ERROR,
    why=(
        "A wildcard stands for one label. With a template that puts the namespace into a label "
        "of its own, as Knative's default does and OpenShift's does not, no client trusts what "
        "the gateway serves. A label of more than 63 characters is no name at all. Of a name that "
        "is not among the hosts of Knative's Gateways, istiod routes nothing. A mapped domain "
        "without a certificate gets the gateway's, or no answer: where its Route does not pass TLS "
        "through, that leads to plain HTTP, which the documented gateway does not take."
    ),
    remedy=(
        "Leave domain-template and tag-template of config-network to the operator, or let name, "
        "namespace and tag stand in one label; shorten what is too long. Let Knative's Gateways "
        'have the host "*". '
        "Name a certificate for a mapped domain in spec.tls.secretName of its DomainMapping."
    ),
    section=ASSUMPTIONS,
    kinds=MESH_KINDS
    | {SERVING, GATEWAY, INGRESS_CONFIG, KNATIVE_SERVICE, DOMAIN_MAPPING, CERTIFICATE},
    by_name={SECRET: _wanted},
    check=check,
    in_mesh=True,
)
