"""The section `certificate`: a secret that is there, an issuer of cert-manager, or an authority."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from mesh_policy.documented.kinds import CLUSTER_ISSUER, SECRET
from mesh_policy.documented.names import INGRESS_GATEWAY
from mesh_policy.findings import Ref
from mesh_policy.reading import x509
from mesh_policy.reading.istio_credentials import served
from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import at, items, mapping, text
from mesh_policy.world import knative_gateway
from serverless_mesh.cli.new_stack_file.found import Found
from serverless_mesh.cli.new_stack_file.mesh_choice import Choices, Chosen, OpenChoiceError
from serverless_mesh.cli.stack_file_text import Setting
from serverless_mesh.settings import FromAuthority

USUAL: Final = FromAuthority().secret
OTHER: Final = "serverless-wildcard-certs"
"""Name of a secret of the stack's own, where the usual one is there and can't be served."""
_RENEWED_BY: Final = "cert-manager.io/certificate-name"
_SIGNING: Final = ("ca", "vault", "venafi")
"""The types of issuers that sign any name that they are asked for, wildcards among them."""


def secret(found: Found, chosen: Chosen) -> Ref:
    """Return which secret would be served: that of Knative's Gateway, or the documented one."""
    gateway = knative_gateway(found.world, INGRESS_GATEWAY)
    servers = items(gateway.get("spec", "servers")) if gateway else ()
    named = (text(at(server, "tls", "credentialName")) for server in servers)
    name = next((each for each in named if each and "/" not in each), USUAL)
    return Ref(SECRET, chosen.section.ingress.namespace, name, "v1")


def setting(found: Found, chosen: Chosen, choices: Choices) -> Setting:
    """Return the section `certificate`.

    Raises:
        OpenChoiceError: the issuer that was chosen is not there.
    """
    ref = secret(found, chosen)
    there = found.world.by_key.get(ref)
    if there is not None and not choices.issuer:
        state = _state(there, found, chosen)
        if state.good:
            keys = (Setting("from", "secret"), Setting("secret", ref.name))
            return Setting("certificate", why=f"Used as it is: {state.said}.", section=keys)
        return _made(found, choices, OTHER, f"{state.said}. Another secret is made.")
    if ref in found.world.unseen:
        said = f"{ref} could not be read: where it is there, serve it by from: secret."
        return _made(found, choices, USUAL, said)
    name = OTHER if there is not None else USUAL
    return _made(found, choices, name, "" if there else f"There is no {ref}.")


class _State(NamedTuple):
    good: bool
    said: str


def _state(there: Object, found: Found, chosen: Chosen) -> _State:
    """Say whether a secret can be served, and for which names until when it is good."""
    pair = served(there.body)
    certificate, key = text(pair.certificate), text(pair.key)
    wildcard = f"*.{found.services_domain}" if found.services_domain else None
    istio = chosen.section.variant.istio
    found_wrong = x509.problems(certificate, key, wildcard, found.world.now, istio=istio)
    wrong = [each for each in found_wrong if isinstance(each, x509.Problem)]
    if wrong:
        first = wrong[0]
        place = f"{first.entry} of {there.ref}"
        return _State(False, f"{place}: found {first.found}; needed: {first.needed}")
    names, valid = ", ".join(x509.names(certificate)), x509.validity(certificate)
    until = f" until {valid[1]:%Y-%m-%d}" if valid else ""
    by = text(there.annotations.get(_RENEWED_BY))
    renewed = f"cert-manager's Certificate {by} renews it" if by else "nothing here renews it"
    return _State(True, f"{there.ref} is for {names}{until}; {renewed}")


def _made(found: Found, choices: Choices, name: str, said: str) -> Setting:
    issuers = list(found.world.objects(CLUSTER_ISSUER))
    usable = [each for each in issuers if _signs_wildcards(each.body)]
    other = () if name == USUAL else (Setting("secret", name),)
    if choices.issuer:
        named = [each for each in issuers if each.ref.name == choices.issuer]
        if not named:
            names = ", ".join(each.ref.name for each in issuers) or "none"
            raise OpenChoiceError(
                f"--issuer {choices.issuer} is no ClusterIssuer of cert-manager; there is {names}"
            )
        return _issued(named[0].ref.name, f"{said} It was chosen by --issuer.", other)
    if len(usable) == 1:
        only = "cert-manager has one ClusterIssuer that issues wildcards."
        return _issued(usable[0].ref.name, f"{said} {only}", other)
    if usable:
        names = ", ".join(each.ref.name for each in usable)
        said += f" cert-manager has several ClusterIssuers ({names}): choose one by --issuer."
    why = (
        f"{said} The stack makes an authority and signs the certificate; clients have to trust it: "
        "`pulumi stack output caCertificatePem`."
    )
    organization = Setting("organization", "Example Inc.", "TO SET: O in the subjects.")
    keys = (Setting("from", "authority"), *other, organization)
    return Setting("certificate", why=why.strip(), section=keys)


def _issued(name: str, said: str, other: tuple[Setting, ...]) -> Setting:
    issuer = Setting("issuer", section=(Setting("kind", "ClusterIssuer"), Setting("name", name)))
    keys = (Setting("from", "cert-manager"), issuer, *other)
    return Setting("certificate", why=said.strip(), section=keys)


def _signs_wildcards(issuer: Mapping[str, Any]) -> bool:
    """Say whether an issuer that is ready issues wildcards that clients can trust."""
    conditions = items(at(issuer, "status", "conditions"))
    spec = mapping(at(issuer, "spec"))
    ready = any(at(each, "type") == "Ready" and at(each, "status") == "True" for each in conditions)
    by_dns = any("dns01" in mapping(each) for each in items(at(spec, "acme", "solvers")))
    return ready and (by_dns or any(key in spec for key in _SIGNING))


def remarks(found: Found, chosen: Chosen) -> Iterator[str]:
    """Say what could not be read about the certificate."""
    ref = secret(found, chosen)
    if why := found.world.unseen.get(ref):
        yield f"{ref} {why}."
