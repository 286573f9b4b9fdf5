"""Certificates that are brought along: judged before anything is applied.

Documentation: "Creating a certificate to encrypt incoming external traffic".
"""

from collections.abc import Iterator
from datetime import datetime

from policy import x509
from settings import PROJECT, Settings, SettingsError


def check(
    settings: Settings, apps_domain: str, found: tuple[str, str] | None, now: datetime
) -> None:
    """Judge the certificate, key and chain that the settings bring, or name.

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
    authority, wildcard = settings.ca_certificate or "", f"*.{apps_domain}"
    if settings.wildcard_from == "authority" and settings.ca_key is not None:
        places = {"tls.crt": "caCertificate", "tls.key": "caKey"}
        for problem in x509.authority_problems(authority, settings.ca_key.get_secret_value(), now):
            yield _line(f"{PROJECT}:{places[problem.entry]}", problem)
    elif settings.wildcard_from == "pem" and settings.wildcard_key is not None:
        places = {"tls.crt": "wildcardCertificate", "tls.key": "wildcardKey"}
        for problem in x509.problems(
            settings.wildcard_certificate or "",
            settings.wildcard_key.get_secret_value(),
            wildcard,
            now,
            authority,
        ):
            yield _line(f"{PROJECT}:{places[problem.entry]}", problem)
    elif settings.wildcard_from == "secret" and found is not None:
        place = f"the Secret {settings.mesh_namespace}/{settings.wildcard_secret}"
        for problem in x509.problems(*found, wildcard, now, authority):
            yield _line(f"{problem.entry} of {place}", problem)


def _line(place: str, problem: x509.Problem) -> str:
    return f"{place}: found {problem.found}; needed: {problem.needed}"
