"""Certificates that the settings provide, or name: checked before anything is applied.

Documentation: "Creating a certificate to encrypt incoming external traffic".
"""

from collections.abc import Iterator
from datetime import datetime

from mesh_policy.reading import x509
from serverless_mesh.settings import (
    PROJECT,
    FromAuthority,
    FromPem,
    FromSecret,
    Settings,
    SettingsError,
)


def check(
    settings: Settings, apps_domain: str, found: tuple[str, str] | None, now: datetime
) -> None:
    """Check the certificate, key and chain that the settings provide, or name.

    `found` are certificate and key of the existing secret, None where it could not be read.

    Raises:
        SettingsError: with everything that is wrong at once, before anything is touched.
    """
    lines = [f"  - {line}" for line in _problems(settings, apps_domain, found, now)]
    if lines:
        raise SettingsError("the certificates can't be used\n" + "\n".join(lines))


def _problems(
    settings: Settings, apps_domain: str, found: tuple[str, str] | None, now: datetime
) -> Iterator[str]:
    wildcard = f"*.{apps_domain}"
    key = settings.private_key.get_secret_value() if settings.private_key else ""
    match settings.certificate:
        case FromAuthority(ca_certificate=str(authority)):
            for problem in x509.authority_problems(authority, key, now):
                yield _line(_setting(problem, "caCertificate"), problem)
        case FromPem() as section:
            authority = section.ca_certificate or ""
            for problem in x509.problems(section.certificate, key, wildcard, now, authority):
                yield _line(_setting(problem, "certificate"), problem)
        case FromSecret() as section if found is not None:
            place = f"the Secret {settings.mesh.ingress.namespace}/{section.secret}"
            authority = section.ca_certificate or ""
            for problem in x509.problems(*found, wildcard, now, authority):
                yield _line(f"{problem.entry} of {place}", problem)


def _setting(problem: x509.Problem, certificate: str) -> str:
    """Return the key of the setting that a problem is about."""
    places = {"tls.crt": f"certificate.{certificate}", "tls.key": "privateKey"}
    return f"{PROJECT}:{places[problem.entry]}"


def _line(place: str, problem: x509.Problem) -> str:
    return f"{place}: found {problem.found}; needed: {problem.needed}"
