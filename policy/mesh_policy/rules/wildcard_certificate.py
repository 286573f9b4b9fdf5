"""The ingress gateway serves a good wildcard certificate for the domain of Knative Services."""

from collections.abc import Iterator
from typing import Any, Final

from mesh_policy.documented.kinds import CERTIFICATE, GATEWAY, INGRESS_CONFIG, MESH_KINDS, SECRET
from mesh_policy.documented.names import INGRESS_PORT
from mesh_policy.documented.sections import CERTIFICATE_SECTION
from mesh_policy.documented.variants import Version, version_of
from mesh_policy.findings import Finding, Ref, Severity
from mesh_policy.mesh.gateway_secrets import named_secrets, secrets_of
from mesh_policy.mesh.knative_gateways import default_gateways
from mesh_policy.reading.istio_credentials import (
    AUTHORITY_SUFFIX,
    MUTUAL_MODES,
    SecretName,
    clients_authority,
    credentials,
    secret_name,
    served,
)
from mesh_policy.reading.knative_domains import services_domain
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import UNKNOWN, at, items, number, show, strings, text
from mesh_policy.reading.x509 import Doubt, covers, problems, unreadable
from mesh_policy.rule import Rule
from mesh_policy.world import World, serverless_plane

_MODES: Final = ("SIMPLE", *MUTUAL_MODES)


def check(world: World) -> Iterator[Finding]:
    """Check the servers on port 443 of Knative's ingress Gateways and the secrets they name."""
    for gateway in default_gateways(world):
        yield from _gateway(world, gateway)


def _gateway(world: World, gateway: Object) -> Iterator[Finding]:
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
            mutual = at(server, "tls", "mode") in MUTUAL_MODES
            yield from _names(world, gateway, own, mutual)


def _server(gateway: Object, server: Any, path: str) -> Iterator[Finding]:
    for place, good in ((("port", "protocol"), ("HTTPS",)), (("tls", "mode"), _MODES)):
        value = at(server, *place)
        where = f"{path}.{'.'.join(place)}"
        if value is UNKNOWN:
            yield gateway.unknown(where)
        elif value not in good:
            yield gateway.breaks(where, show(value), good[0])


def _names(world: World, gateway: Object, names: dict[str, Any], mutual: bool) -> Iterator[Finding]:
    given = {path: name for path, name in names.items() if name is not None}
    if not given:
        path = next(iter(names))
        yield gateway.breaks(path, "nothing", "the secret with the wildcard certificate")
    mesh = world.serverless_mesh
    here = mesh.ingress.namespace if mesh else ""
    for path, name in given.items():
        secret = secret_name(name, here)
        if name is UNKNOWN:
            yield gateway.unknown(path)
        elif secret is None or not secret.name:
            yield gateway.breaks(path, show(name), "the name of a secret")
        elif secret.namespace != here and not mesh:
            yield gateway.unsure(path, f"the ingress gateway must be in {secret.namespace} for it")
        elif secret.namespace != here:
            needed = f"a secret of {here}: a gateway gets none of other namespaces"
            yield gateway.breaks(path, show(name), needed)
        elif found := secrets_of(world, mesh, secret.name):
            for item in found:
                yield from _secret(world, item, mutual)
        else:
            yield from _absent(world, gateway, path, secret)


def _absent(world: World, gateway: Object, path: str, secret: SecretName) -> Iterator[Finding]:
    name, namespace = secret.name, secret.namespace
    if world.serverless_mesh is None:
        yield gateway.unsure(path, f"the secret {name} is not among the objects given")
        return
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
    domain = services_domain(world)
    names = item.get("spec", "dnsNames")
    if names is UNKNOWN or UNKNOWN in items(names) or domain is UNKNOWN:
        yield item.unknown("spec.dnsNames")
    elif domain is not None and not any(covers(name, f"*.{domain}") for name in strings(names)):
        yield item.breaks("spec.dnsNames", show(names), f"*.{domain} among them")
    else:
        yield item.unsure("spec.secretName", "cert-manager has not made the secret yet")


def _secret(world: World, secret: Object, mutual: bool) -> Iterator[Finding]:
    pair = served(secret.body)
    entries = ((pair.certificate_entry, pair.certificate), (pair.key_entry, pair.key))
    for name, value in entries:
        if value is UNKNOWN:
            yield secret.unknown(f"data.{name}")
        elif value is None:
            yield secret.breaks(f"data.{name}", "nothing", "the certificate and its key")
    domain = services_domain(world)
    if domain is UNKNOWN:
        yield secret.unsure("data.tls.crt", "the services' domain is unknown until update")
    if mutual:
        yield from _authority(world, secret)
    certificate, key = pair.certificate, pair.key
    if not isinstance(certificate, str) or not isinstance(key, str):
        return
    if reason := unreadable(certificate):
        yield secret.unsure(f"data.{pair.certificate_entry}", reason)
        return
    wildcard = f"*.{domain}" if isinstance(domain, str) else None
    # With mutual TLS, the authority in the secret is that of the clients.
    authority = None if mutual else clients_authority(secret.body)
    known = authority.strip() if isinstance(authority, str) else ""
    places = {"tls.crt": pair.certificate_entry, "tls.key": pair.key_entry}
    for problem in problems(certificate, key, wildcard, world.now, known, _istio(world)):
        place = f"data.{places.get(problem.entry, problem.entry)}"
        if isinstance(problem, Doubt):
            yield secret.unsure(place, problem.why)
        else:
            yield secret.breaks(place, problem.found, problem.needed)


def _istio(world: World) -> Version | None:
    """Return the Istio of the gateway, the newest that it may be; None where not known."""
    for mesh, plane in serverless_plane(world):
        if mesh.variant.istio is not None:
            return mesh.variant.istio
        written = plane.get("spec", "version")
        if written is None and plane.ref in world.running:
            # The operator chose one when it was made, and keeps to it.
            written = world.running[plane.ref].get("spec", "version")
        return version_of(text(written))
    return None


def _authority(world: World, secret: Object) -> Iterator[Finding]:
    """Check that clients can be told by an authority, in the secret or in one beside it."""
    name = f"{secret.ref.name}{AUTHORITY_SUFFIX}"
    beside = world.get(SECRET, secret.ref.namespace, name)
    found = clients_authority((beside or secret).body)
    needed = "the authority of the clients, for the mode MUTUAL"
    if found is UNKNOWN:
        yield (beside or secret).unknown("data.ca.crt")
    elif not found and beside is not None:
        yield beside.breaks("data.ca.crt", "nothing", needed)
    elif not found and world.serverless_mesh is not None:
        needed += f", here or as ca.crt of {secret.ref.name}"
        yield from world.missing(SECRET, secret.ref.namespace, name, needed)


def _wanted(world: World) -> Iterator[Ref]:
    return named_secrets(world.serverless_mesh, default_gateways(world))


RULE = Rule(
    id="wildcard-certificate",
    title="The ingress gateway serves a good wildcard certificate for Knative Services",
    severity=Severity.ERROR,
    why=(
        "Without the certificate, its key or the right name in the subjectAltName, every client "
        "of every Knative Service refuses the connection."
    ),
    remedy=(
        "Put a certificate for *.<domain of Knative Services>, with that subjectAltName, and its "
        "key into the secret that knative-ingress-gateway names, in the namespace of the ingress "
        "gateway."
    ),
    section=CERTIFICATE_SECTION,
    kinds=MESH_KINDS | {GATEWAY, INGRESS_CONFIG, CERTIFICATE},
    by_name={SECRET: _wanted},
    check=check,
    in_mesh=True,
    harmful=True,
)
