"""Certificates that the settings provide, or name: checked before anything is applied.

Documentation: "Creating a certificate to encrypt incoming external traffic".
"""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Final

from mesh_policy.documented.variants import Version, version_of
from mesh_policy.reading import x509
from serverless_mesh.settings import (
    PROJECT,
    FromAuthority,
    FromPem,
    FromSecret,
    Issued,
    ServiceMesh3,
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
    key = settings.private_key.get_secret_value() if settings.private_key else ""
    match settings.certificate:
        case FromAuthority(ca_certificate=str(authority)):
            for problem in x509.authority_problems(authority, key, now):
                yield _line(_setting(problem, "caCertificate"), problem)
        case FromPem() as section:
            for problem in _unfit(settings, section, (section.certificate, key), domain, now):
                yield _line(_setting(problem, "certificate"), problem)
            yield from _uncovered(settings, domain, x509.names(section.certificate))
        case FromSecret() as section if found is not None:
            place = f"the Secret {settings.mesh.ingress.namespace}/{section.secret}"
            for problem in _unfit(settings, section, found, domain, now):
                own = problem.entry in ("tls.crt", "tls.key")
                where = f"{problem.entry} of {place}" if own else _setting(problem, "certificate")
                yield _line(where, problem)
            yield from _uncovered(settings, domain, x509.names(found[0]))
    if isinstance(settings.certificate, Issued):
        yield from _uncovered(settings, domain, settings.certificate.names(domain))


def _unfit(
    settings: Settings,
    section: FromPem | FromSecret,
    pair: tuple[str, str],
    domain: str,
    now: datetime,
) -> Iterator[x509.Problem]:
    """Find what is wrong with a certificate and its key; what can't be told stops no update."""
    authority, istio = section.ca_certificate or "", _istio(settings)
    for problem in x509.problems(*pair, f"*.{domain}", now, authority, istio):
        if isinstance(problem, x509.Problem):
            yield problem


def _istio(settings: Settings) -> Version | None:
    """Return the Istio that serves the certificate; None where the settings do not say."""
    mesh = settings.mesh
    if isinstance(mesh, ServiceMesh3) and mesh.istio_version is not None:
        return version_of(mesh.istio_version)
    return mesh.variant.istio


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
    places = {
        "tls.crt": f"certificate.{certificate}",
        "tls.key": "privateKey",
        "ca.crt": "certificate.caCertificate",
    }
    return f"{PROJECT}:{places[problem.entry]}"


def _line(place: str, problem: x509.Problem) -> str:
    return f"{place}: found {problem.found}; needed: {problem.needed}"
