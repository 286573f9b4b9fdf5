"""The certificate covers the names that Knative gives to Knative Services."""

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
from mesh_policy.documented.names import PASSTHROUGH
from mesh_policy.documented.sections import ASSUMPTIONS
from mesh_policy.findings import Finding, Ref, Severity
from mesh_policy.mesh.gateway_secrets import all_served, named_secrets, requested, served_names
from mesh_policy.mesh.knative_gateways import (
    default_gateways,
    ingress_gateways,
    local_gateways,
)
from mesh_policy.reading.cluster_hosts import ServiceName, is_cluster_local
from mesh_policy.reading.dns_names import is_subdomain
from mesh_policy.reading.domain_mappings import gets_certificate, has_route, passes_through
from mesh_policy.reading.ingress_class import ISTIO_CLASS, default_class, own_class
from mesh_policy.reading.istio_credentials import served
from mesh_policy.reading.istio_gateways import Layer, Server, servers
from mesh_policy.reading.knative import config_map
from mesh_policy.reading.knative_domains import (
    LONGEST_LABEL,
    Named,
    Naming,
    named,
    naming,
    services_domain,
    tags,
)
from mesh_policy.reading.label_selectors import first
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import UNKNOWN, has_unknown, mapping, show, strings, text
from mesh_policy.reading.x509 import covers, names
from mesh_policy.rule import Rule
from mesh_policy.world import World

_SAMPLE: Final = ("my-project", "hello", "v1")
"""Namespace, name and tag of a Knative Service that shows what a template makes."""
_ANY_DOMAIN: Final = "apps.example.com"
"""Stands for the cluster's domain where that is not known."""
_NEEDED: Final = "one label below the domain, as {{.Name}}-{{.Namespace}}.{{.Domain}} gives"
_EVERY: Final = "*"
_HOSTS: Final = "spec.servers[0].hosts"
_CERTIFICATE: Final = "spec.tls.secretName"
"""Of a DomainMapping."""
_UNREACHED: Final = (
    "nothing, so that its Route leads to plain HTTP, which the gateway does not take"
)
_OF_ITS_OWN: Final = (".Labels", ".Annotations")


def check(world: World) -> Iterator[Finding]:
    """Check the templates, Knative's Gateways, the Knative Services, and mapped domains."""
    for serving in world.objects(SERVING)[:1]:
        yield from _serving(world, serving)
        if default_class(serving) in (ISTIO_CLASS, UNKNOWN):
            yield from _gateways(world, naming(world, serving))
    for item in world.objects(DOMAIN_MAPPING):
        yield from _mapping(world, item)


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
    patterns = _patterns(world)
    broken: set[tuple[str, bool]] = set()
    if general in (ISTIO_CLASS, UNKNOWN):
        for domain in rules.domains or {_ANY_DOMAIN: {}}:
            if not is_cluster_local(domain):
                yield from _sample(serving, rules, domain, patterns, broken)
    if rules.domains is None:
        return
    for item in world.objects(KNATIVE_SERVICE):
        own = own_class(item)[1]
        if (general if own is None else own) in (ISTIO_CLASS, UNKNOWN):
            yield from _service(item, rules, patterns, broken)


def _patterns(world: World) -> list[str]:
    """Return the names that the certificate is for, and the router's wildcard."""
    domain = services_domain(world)
    own = [f"*.{domain}"] if text(domain) else []
    return list(dict.fromkeys([*own, *served_names(world, world.serverless_mesh)]))


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
        if _is_covered(host, known) or not _is_covered(f"x.{domain}", known):
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
            and _is_covered(f"x.{domain}", patterns)
            and not _is_covered(host, patterns)
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


def _is_covered(host: str, patterns: Sequence[str]) -> bool:
    return any(covers(pattern, host) for pattern in patterns)


def _mapping(world: World, item: Object) -> Iterator[Finding]:
    """Check with which certificate a mapped domain is served."""
    name = item.get("spec", "tls", "secretName")
    if name is UNKNOWN:
        yield item.unknown(_CERTIFICATE)
    elif is_cluster_local(item.ref.name):
        return
    elif text(name):
        yield from _own_certificate(world, item, name)
    elif item.get("metadata", "annotations") is UNKNOWN:
        yield item.unknown("metadata.annotations")
    elif has_route(item):
        yield from _no_certificate(world, item)


def _own_certificate(world: World, item: Object, name: str) -> Iterator[Finding]:
    """Check the certificate that a DomainMapping brings."""
    host = item.ref.name
    secret = world.get(SECRET, item.ref.namespace, name)
    if secret is None and (request := requested(world, item.ref.namespace, name)):
        asked = request.get("spec", "dnsNames")
        if has_unknown(asked):
            yield request.unknown("spec.dnsNames")
        elif _is_covered(host, strings(asked)):
            yield item.unsure(_CERTIFICATE, f"{name}, which cert-manager has not made yet")
        else:
            yield request.breaks("spec.dnsNames", show(asked), f"{host} among them", (item.ref,))
        return
    if secret is None:
        needed = f"the secret with the certificate for {host}, which {item.ref} names"
        yield from world.missing(SECRET, item.ref.namespace, name, needed)
        return
    certificate = served(secret.body).certificate
    found = names(text(certificate))
    if certificate is UNKNOWN:
        yield secret.unknown("data.tls.crt")
    elif not _is_covered(host, found):
        shown = f"{name}, for {first(found)}" if found else f"{name}, for no name"
        yield item.breaks(_CERTIFICATE, shown, f"a certificate for {host}", (secret.ref,))


def _no_certificate(world: World, item: Object) -> Iterator[Finding]:
    """Check a DomainMapping that is left to Knative's Gateways and their certificate."""
    serving = next(iter(world.objects(SERVING)), None)
    if serving is None:
        if not world.complete:
            yield item.unsure(_CERTIFICATE, "how it is served, KnativeServing tells, not here")
        return
    general, own = default_class(serving), own_class(item)[1]
    issued = gets_certificate(item, serving)
    if issued or (general if own is None else own) not in (ISTIO_CLASS, UNKNOWN):
        return
    if issued is None:
        yield item.unsure(_CERTIFICATE, "nothing; whether Knative gets one for it is not known")
    elif passes_through(item):
        yield from _gateways_certificate(world, item)
    else:
        yield from _plaintext(world, item)


def _gateways_certificate(world: World, item: Object) -> Iterator[Finding]:
    """Check a host that is served with the certificate of Knative's Gateways."""
    patterns = _patterns(world)
    if _is_covered(item.ref.name, patterns):
        return
    if patterns and (world.complete or all_served(world, world.serverless_mesh)):
        found = f"nothing; the gateway's certificate is for {first(patterns)}"
        yield item.breaks(_CERTIFICATE, found, f"a certificate for {item.ref.name}")
    else:
        yield item.unsure(_CERTIFICATE, "nothing; for what the gateway's is, is not known")


def _plaintext(world: World, item: Object) -> Iterator[Finding]:
    """Check a host whose TLS ends at the router, which calls the gateway by plain HTTP."""
    patterns, listens = _patterns(world), _takes_plaintext(world)
    covered, needed = _is_covered(item.ref.name, patterns), f"a certificate for {item.ref.name}"
    if listens is None or (listens and not patterns):
        yield item.unsure(_CERTIFICATE, "nothing; what its Route leads to is not known")
    elif listens and not covered:
        found = "nothing: the router answers with its own certificate, and plain HTTP works"
        yield item.breaks(_CERTIFICATE, found, needed, severity=Severity.WARNING)
    elif not listens and covered:
        path = f"metadata.annotations.{PASSTHROUGH}"
        yield item.breaks(path, _UNREACHED, f'"true", or {needed} at {_CERTIFICATE}')
    elif not listens:
        yield item.breaks(_CERTIFICATE, _UNREACHED, needed)


def _takes_plaintext(world: World) -> bool | None:
    """Say whether Knative's ingress Gateways serve by plain HTTP; None: not known."""
    found = [server for gateway in ingress_gateways(world) for server in servers(gateway)]
    known = [each for each in found if isinstance(each, Server)]
    if any(each.layer is Layer.HTTP and not each.redirects for each in known):
        return True
    return False if known and len(known) == len(found) else None


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
