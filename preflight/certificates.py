"""Certificates that the settings provide, or name: checked before anything is applied.

Documentation: "Creating a certificate to encrypt incoming external traffic".
"""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Final

from mesh_policy.reading import x509
from serverless_mesh.settings import (
    PROJECT,
    FromAuthority,
    FromPem,
    FromSecret,
    Issued,
    Settings,
    SettingsError,
)

_ANY_SERVICE: Final = "hello"
_ANY_PROJECT: Final = "my-project"
"""A Knative Service, and its project where none is known, that show what a template makes."""


def check(settings: Settings, domain: str, found: tuple[str, str] | None, now: datetime) -> None:
    """Check the certificate, key and chain that the settings provide, or name.

    `found` are certificate and key of the existing secret, None where it could not be read.

    Raises:
        SettingsError: with everything that is wrong at once, before anything is touched.
    """
    lines = [f"  - {line}" for line in _problems(settings, domain, found, now)]
    if lines:
        raise SettingsError("the certificates can't be used\n" + "\n".join(lines))


def _problems(
    settings: Settings, domain: str, found: tuple[str, str] | None, now: datetime
) -> Iterator[str]:
    wildcard = f"*.{domain}"
    key = settings.private_key.get_secret_value() if settings.private_key else ""
    match settings.certificate:
        case FromAuthority(ca_certificate=str(authority)):
            for problem in x509.authority_problems(authority, key, now):
                yield _line(_setting(problem, "caCertificate"), problem)
        case FromPem() as section:
            authority = section.ca_certificate or ""
            for problem in x509.problems(section.certificate, key, wildcard, now, authority):
                yield _line(_setting(problem, "certificate"), problem)
            yield from _uncovered(settings, domain, x509.names(section.certificate))
        case FromSecret() as section if found is not None:
            place = f"the Secret {settings.mesh.ingress.namespace}/{section.secret}"
            authority = section.ca_certificate or ""
            for problem in x509.problems(*found, wildcard, now, authority):
                yield _line(f"{problem.entry} of {place}", problem)
            yield from _uncovered(settings, domain, x509.names(found[0]))
    if isinstance(settings.certificate, Issued):
        yield from _uncovered(settings, domain, settings.certificate.names(domain))


def _uncovered(settings: Settings, domain: str, names: Collection[str]) -> Iterator[str]:
    """Find the projects whose Knative Services a domain template names as no certificate does."""
    template = settings.knative.domain_template
    for project in settings.joining or [_ANY_PROJECT] if template is not None else ():
        host = settings.knative.host(_ANY_SERVICE, project, domain)
        if not any(x509.covers(name, host) for name in names):
            yield (
                f"{PROJECT}:knative.domainTemplate: found {template}, which makes {host} of the "
                f"Knative Service {_ANY_SERVICE} in {project}; needed: a name that the "
                f"certificate is for, which are {', '.join(names)}: one label below the domain, "
                "or a wildcard for it in certificate.subjectAltNames"
            )


def _setting(problem: x509.Problem, certificate: str) -> str:
    """Return the key of the setting that a problem is about."""
    places = {"tls.crt": f"certificate.{certificate}", "tls.key": "privateKey"}
    return f"{PROJECT}:{places[problem.entry]}"


def _line(place: str, problem: x509.Problem) -> str:
    return f"{place}: found {problem.found}; needed: {problem.needed}"
