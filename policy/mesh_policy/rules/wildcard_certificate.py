"""The ingress gateway serves a good wildcard certificate for the cluster's domain."""

from collections.abc import Iterator
from typing import Any, Final

from mesh_policy.credentials import (
    apps_domain,
    credentials,
    entry,
    gateway_secrets,
    serving_secrets,
)
from mesh_policy.documented.kinds import CERTIFICATE, GATEWAY, INGRESS_CONFIG, MESH_KINDS, SECRET
from mesh_policy.documented.names import INGRESS_GATEWAY, INGRESS_PORT
from mesh_policy.documented.sections import CERTIFICATE_SECTION
from mesh_policy.findings import Finding, Ref, Severity
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import UNKNOWN, at, items, number, show, strings, text
from mesh_policy.reading.x509 import covers, problems
from mesh_policy.rule import Rule
from mesh_policy.world import World, knative_gateway

_MODES: Final = ("SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL")


def check(world: World) -> Iterator[Finding]:
    """Check the server on port 443 and the secret that it names."""
    gateway = knative_gateway(world, INGRESS_GATEWAY)
    if gateway is None:
        return
    servers = gateway.get("spec", "servers")
    ports = [at(server, "port", "number") for server in items(servers)]
    if servers is UNKNOWN or UNKNOWN in ports:
        yield gateway.unknown("spec.servers")
        return
    if INGRESS_PORT not in map(number, ports):
        needed = f"a server on {INGRESS_PORT} with the wildcard certificate"
        yield gateway.breaks("spec.servers", f"ports {show(ports)}", needed)
    names = dict(credentials(gateway))
    for index, server in enumerate(items(servers)):
        if number(ports[index]) == INGRESS_PORT:
            path = f"spec.servers[{index}]"
            yield from _server(gateway, server, path)
            own = {key: name for key, name in names.items() if key.startswith(f"{path}.")}
            yield from _names(world, gateway, own)


def _server(gateway: Object, server: Any, path: str) -> Iterator[Finding]:
    for place, good in ((("port", "protocol"), ("HTTPS",)), (("tls", "mode"), _MODES)):
        value = at(server, *place)
        where = f"{path}.{'.'.join(place)}"
        if value is UNKNOWN:
            yield gateway.unknown(where)
        elif value not in good:
            yield gateway.breaks(where, show(value), good[0])


def _names(world: World, gateway: Object, names: dict[str, Any]) -> Iterator[Finding]:
    given = {path: name for path, name in names.items() if name is not None}
    if not given:
        path = next(iter(names))
        yield gateway.breaks(path, "nothing", "the secret with the wildcard certificate")
    for path, name in given.items():
        if name is UNKNOWN:
            yield gateway.unknown(path)
        elif not text(name):
            yield gateway.breaks(path, show(name), "the name of a secret")
        elif found := gateway_secrets(world, name):
            for secret in found:
                yield from _secret(world, secret)
        else:
            yield from _absent(world, gateway, path, name)


def _absent(world: World, gateway: Object, path: str, name: str) -> Iterator[Finding]:
    mesh = world.serverless_mesh
    if mesh is None:
        yield gateway.unsure(path, f"the secret {name} is not among the objects given")
        return
    namespace = mesh.ingress.namespace
    for item in world.objects(CERTIFICATE, namespace):
        if item.get("spec", "secretName") == name:
            yield from _requested(world, item)
            return
    elsewhere = [item for item in world.objects(SECRET) if item.ref.name == name]
    needed = f"the secret that {gateway.ref} names, where the gateway looks for it"
    if elsewhere and Ref(SECRET, namespace, name) not in world.unseen:
        found = f"{name}, of which there is none in {namespace}, but {elsewhere[0].ref}"
        yield gateway.breaks(path, found, f"a secret in {namespace}", (elsewhere[0].ref,))
    else:
        yield from world.missing(SECRET, namespace, name, needed)


def _requested(world: World, item: Object) -> Iterator[Finding]:
    """Check a cert-manager Certificate whose secret is still to come."""
    domain = apps_domain(world)
    names = item.get("spec", "dnsNames")
    if names is UNKNOWN or UNKNOWN in items(names) or domain is UNKNOWN:
        yield item.unknown("spec.dnsNames")
    elif domain is not None and not any(covers(name, f"*.{domain}") for name in strings(names)):
        yield item.breaks("spec.dnsNames", show(names), f"*.{domain} among them")
    else:
        yield item.unsure("spec.secretName", "cert-manager has not made the secret yet")


def _secret(world: World, secret: Object) -> Iterator[Finding]:
    certificate = entry(secret, "tls.crt", "cert")
    key = entry(secret, "tls.key", "key")
    for name, value in (("tls.crt", certificate), ("tls.key", key)):
        if value is UNKNOWN:
            yield secret.unknown(f"data.{name}")
        elif value is None:
            yield secret.breaks(f"data.{name}", "nothing", "the certificate and its key")
    domain = apps_domain(world)
    if domain is UNKNOWN:
        yield secret.unsure("data.tls.crt", "the cluster's domain is unknown until update")
    if isinstance(certificate, str) and isinstance(key, str):
        wildcard = f"*.{domain}" if isinstance(domain, str) else None
        authority = entry(secret, "ca.crt", "cacert")
        known = authority if isinstance(authority, str) else ""
        for problem in problems(certificate, key, wildcard, world.now, known):
            yield secret.breaks(f"data.{problem.entry}", problem.found, problem.needed)


RULE = Rule(
    id="wildcard-certificate",
    title="The ingress gateway serves a good wildcard certificate for the cluster's domain",
    severity=Severity.ERROR,
    why=(
        "Without the certificate, its key or the right name in the subjectAltName, every client "
        "of every Knative Service refuses the connection."
    ),
    remedy=(
        "Put a certificate for *.<apps domain>, with that subjectAltName, and its key into the "
        "secret that knative-ingress-gateway names, in the namespace of the ingress gateway."
    ),
    section=CERTIFICATE_SECTION,
    kinds=MESH_KINDS | {GATEWAY, INGRESS_CONFIG, CERTIFICATE},
    by_name={SECRET: serving_secrets},
    check=check,
    in_mesh=True,
    harmful=True,
)
