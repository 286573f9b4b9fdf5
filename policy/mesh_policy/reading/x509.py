"""What is wrong with a certificate and its key; nothing of a key is ever shown."""

import base64
import binascii
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from mesh_policy.documented.variants import CURVES_SINCE, Version, written
from mesh_policy.reading.certificate_paths import (
    digest,
    extension,
    is_signed_weakly,
    issued,
    may_sign,
    path_to,
    without_expired_end,
)

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

_RSA_BITS: Final = 2048
_CURVES: Final = ("secp256r1", *CURVES_SINCE)
_KEYS: Final = f"RSA of {_RSA_BITS} bits or more, or EC on P-256, P-384 or P-521"
"""The keys that the newest Envoy serves from."""
_PEM: Final = re.compile(r"-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----")
_BOUNDARY: Final = re.compile(r"-----(?:BEGIN|END) [A-Z0-9 ]+-----")
_NEEDED: Final = "certificates in PEM, the leaf first, each BEGIN and END alone on its line"


@dataclass(frozen=True)
class Problem:
    """What is wrong with the certificate (`tls.crt`), its key (`tls.key`) or `ca.crt`."""

    entry: str
    found: str
    needed: str


@dataclass(frozen=True)
class Doubt:
    """What may be wrong with an entry, by something that is not known here."""

    entry: str
    why: str


def covers(pattern: str, host: str) -> bool:
    """Say whether a certificate's name covers a host, which may be a wildcard itself.

    A wildcard stands for exactly one label.
    """
    pattern, host = pattern.lower().rstrip("."), host.lower().rstrip(".")
    if pattern == host:
        return True
    _, _, domain = host.partition(".")
    return pattern.startswith("*.") and pattern[2:] == domain and not host.startswith("*.")


def names(certificate: str) -> list[str]:
    """Return the DNS names in the subjectAltName of the first certificate; none if it is none."""
    try:
        return _names(_load(certificate)[0])
    except ValueError:
        return []


def validity(certificate: str) -> tuple[datetime, datetime] | None:
    """Return from when until when the first certificate is valid, None where it is none."""
    try:
        first = _load(certificate)[0]
    except ValueError:
        return None
    return first.not_valid_before_utc, first.not_valid_after_utc


def problems(
    certificate: str,
    key: str,
    wildcard: str | None,
    now: datetime,
    authority: str = "",
    istio: Version | None = None,
) -> Iterator[Problem | Doubt]:
    """List what is wrong with a PEM certificate (leaf first) and its PEM key.

    `wildcard` is the name that it must cover, None for any wildcard; `authority` is the PEM of the
    certificates that its chain must end at, empty where not known; `istio` is the version whose
    gateways serve it, None where not known.
    """
    try:
        chain = _load(certificate)
    except ValueError as error:
        yield Problem("tls.crt", str(error), _NEEDED)
        return
    yield from _name_problems(chain[0], wildcard)
    yield from _use_problems(chain[0])
    yield from _chain_problems(chain)
    yield from _trust_problems(chain, authority, now)
    yield from _key_problems(chain[0], key)
    yield from _curve_problems(chain[0], istio)


def unreadable(certificate: str) -> str | None:
    """Say why a PEM certificate can't be checked here, though gateways may serve it."""
    try:
        _load(certificate)
    except ValueError:
        if any(_is_serial_number_refused(block) for block in _PEM.findall(certificate)):
            return (
                "a certificate whose serial number is not positive, which the installed "
                "cryptography does not read"
            )
    return None


def authority_problems(certificate: str, key: str, now: datetime) -> Iterator[Problem]:
    """List what keeps a PEM certificate and its PEM key from being a certificate authority."""
    try:
        first = _load(certificate)[0]
    except ValueError as error:
        yield Problem("tls.crt", str(error), "the authority's certificate")
        return
    if not may_sign(first):
        yield Problem("tls.crt", "a certificate that may not sign others", "an authority's (CA)")
    yield from _date_problems(first, now)
    yield from _key_problems(first, key)


def _load(pem: str) -> "Sequence[x509.Certificate]":
    """Return the certificates in a PEM.

    Raises:
        ValueError: there are none, or one can't be read; the message says so, and nothing of them.
    """
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    if shared := _shared_boundary(pem):
        raise ValueError(f"{shared} with something else on its line")
    try:
        found = _quietly(pem.encode("utf-8", "replace"))
        for each in found:
            # Read only when asked for, and so refused only then.
            _ = each.subject, each.issuer, each.not_valid_before_utc, each.not_valid_after_utc
    except x509.InvalidVersion:
        raise ValueError("a certificate of an X.509 version other than 3") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("no certificate in PEM") from None
    return found


def _shared_boundary(pem: str) -> str | None:
    """Return a BEGIN or END that does not stand alone on its line, by which OpenSSL reads none.

    It passes over blanks after it, and over the mark of a text in Unicode before the first.
    """
    for line in pem.removeprefix("\ufeff").split("\n"):
        found = _BOUNDARY.search(line)
        if found and found[0] != line.rstrip():
            return found[0]
    return None


def _quietly(pem: bytes) -> "Sequence[x509.Certificate]":
    from cryptography import x509
    from cryptography.utils import CryptographyDeprecationWarning

    with warnings.catch_warnings():
        # What is against the standard and served all the same is no news for a reader of findings.
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        return x509.load_pem_x509_certificates(pem)


def _is_serial_number_refused(block: str) -> bool:
    """Say whether the base64 of a certificate holds a serial number of zero or less."""
    try:
        der = base64.b64decode("".join(block.split()), validate=True)
    except (binascii.Error, ValueError):
        return False
    # Certificate, TBSCertificate, and before the number perhaps the version, [0] {INTEGER}.
    found = re.match(
        rb"\x30(?:\x82..|\x81.|.)\x30(?:\x82..|\x81.|.)(?:\xa0\x03\x02\x01.)?"
        rb"\x02(.)(.)",
        der,
        re.DOTALL,
    )
    return found is not None and (found[2] >= b"\x80" or found.group(1, 2) == (b"\x01", b"\x00"))


def _subject(certificate: "x509.Certificate") -> str:
    return certificate.subject.rfc4514_string() or "no subject"


def _names(certificate: "x509.Certificate") -> list[str]:
    from cryptography import x509

    found = extension(certificate, x509.SubjectAlternativeName)
    return [] if found is None else found.get_values_for_type(x509.DNSName)


def _name_problems(certificate: "x509.Certificate", wildcard: str | None) -> Iterator[Problem]:
    found = _names(certificate)
    if wildcard is None:
        covered, needed = any(name.startswith("*.") for name in found), "*.<apps domain>"
    else:
        covered, needed = any(covers(name, wildcard) for name in found), wildcard
    if not covered:
        shown = f"subjectAltName {', '.join(found)}" if found else "no subjectAltName"
        yield Problem(
            "tls.crt",
            f"{shown} ({_subject(certificate)})",
            f"the subjectAltName {needed}; clients ignore the common name",
        )


def _use_problems(certificate: "x509.Certificate") -> Iterator[Problem]:
    from cryptography import x509

    serving = (
        x509.oid.ExtendedKeyUsageOID.SERVER_AUTH,
        x509.oid.ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    )
    uses = extension(certificate, x509.ExtendedKeyUsage)
    if uses is not None and not any(use in serving for use in uses):
        yield Problem("tls.crt", "an extended key usage without server auth", "server auth")
    usage = extension(certificate, x509.KeyUsage)
    if usage is not None and not usage.digital_signature:
        yield Problem("tls.crt", "a key usage without digital signature", "digital signature")


def _date_problems(
    certificate: "x509.Certificate", now: datetime, entry: str = "tls.crt"
) -> Iterator[Problem]:
    subject = _subject(certificate)
    if certificate.not_valid_before_utc > now:
        since = certificate.not_valid_before_utc.isoformat()
        yield Problem(entry, f"{subject} is valid from {since}", "a certificate valid now")
    if certificate.not_valid_after_utc <= now:
        until = certificate.not_valid_after_utc.isoformat()
        yield Problem(entry, f"{subject} expired at {until}", "a certificate valid now")


def _digest_problems(certificate: "x509.Certificate") -> Iterator[Problem]:
    if is_signed_weakly(certificate):
        yield Problem(
            "tls.crt",
            f"{_subject(certificate)} is signed with {digest(certificate).upper()}",
            "a signature with SHA-256 or better; clients refuse this one",
        )


def _chain_problems(chain: "Sequence[x509.Certificate]") -> Iterator[Problem]:
    for lower, upper in pairwise(chain):
        if not issued(lower, upper):
            yield Problem(
                "tls.crt",
                f"{_subject(lower)} is not signed by the next, {_subject(upper)}",
                "each certificate signed by the next one",
            )


def _trust_problems(
    chain: "Sequence[x509.Certificate]", authority: str, now: datetime
) -> Iterator[Problem | Doubt]:
    """List what is wrong on the way from the leaf to an authority that clients trust."""
    roots: Sequence[x509.Certificate] = ()
    try:
        roots = _load(authority) if authority else ()
    except ValueError as error:
        yield Problem("ca.crt", str(error), "the authority's certificate")
    path = path_to(roots, chain, now)
    if roots and not path:
        yield Problem(
            "tls.crt",
            f"{_subject(chain[-1])} is not signed by the authority of ca.crt",
            "a chain that ends at the authority",
        )
    known = path or without_expired_end(chain, now)
    yield from _signer_problems(known, chain)
    if path or issued(known[-1], known[-1]):
        yield from _path_problems(known, chain, now)
    else:
        yield from _open_path_problems(known, now)


def _signer_problems(
    path: "Sequence[x509.Certificate]", chain: "Sequence[x509.Certificate]"
) -> Iterator[Problem]:
    for lower, upper in pairwise(path):
        if issued(lower, upper) and not may_sign(upper):
            yield Problem(
                _entry(upper, chain),
                f"{_subject(upper)}, which may not sign others, but has signed {_subject(lower)}",
                "an authority's (CA), with certificate signing among its key usages, if it has any",
            )


def _path_problems(
    path: "Sequence[x509.Certificate]", chain: "Sequence[x509.Certificate]", now: datetime
) -> Iterator[Problem]:
    """Judge a path that ends at an authority; who trusts that does not look at its signature."""
    for each in path[:-1]:
        yield from _date_problems(each, now)
        yield from _digest_problems(each)
    yield from _date_problems(path[-1], now, _entry(path[-1], chain))


def _open_path_problems(
    path: "Sequence[x509.Certificate]", now: datetime
) -> Iterator[Problem | Doubt]:
    """Judge a path whose last certificate is signed by an authority that is not here.

    Unless that is the leaf, clients may trust its name and key by another certificate, and do not
    look at this one then.
    """
    for each in path[:-1] or path:
        yield from _date_problems(each, now)
        yield from _digest_problems(each)
    if len(path) > 1:
        for problem in (*_date_problems(path[-1], now), *_digest_problems(path[-1])):
            why = f"{problem.found}, and whether clients trust its key by another certificate"
            yield Doubt(problem.entry, f"{why} is not known without ca.crt")


def _entry(certificate: "x509.Certificate", chain: "Sequence[x509.Certificate]") -> str:
    return "tls.crt" if certificate in chain else "ca.crt"


@lru_cache(maxsize=8)
def _public_key(private: str) -> "PublicKeyTypes | None":
    """Return the public key of a private one in PEM, None where it can't be read.

    Reading one checks it, which takes as long as all else of a rule; a pack checks the same secret
    with every object of a stack.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(private.encode("utf-8", "replace"), None).public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None


def _certified_key(certificate: "x509.Certificate") -> "PublicKeyTypes | None":
    """Return the public key in a certificate, None where it can't be read."""
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        return certificate.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None


def _key_problems(certificate: "x509.Certificate", key: str) -> Iterator[Problem]:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    own, public = _public_key(key), _certified_key(certificate)
    if own is None or public is None:
        yield Problem("tls.key", "no readable key in PEM", "the certificate's key, not encrypted")
        return
    if own != public:
        yield Problem("tls.key", "another certificate's key", "the key of the certificate")
    if isinstance(public, rsa.RSAPublicKey):
        shown = f"an RSA key of {public.key_size} bits"
        served = public.key_size >= _RSA_BITS
    elif isinstance(public, ec.EllipticCurvePublicKey):
        shown = f"an EC key on {public.curve.name}"
        served = public.curve.name in _CURVES
    else:
        shown, served = f"a key of {type(public).__name__}", False
    if not served:
        yield Problem("tls.crt", shown, _KEYS)


def _curve_problems(
    certificate: "x509.Certificate", istio: Version | None
) -> Iterator[Problem | Doubt]:
    """Judge a curve that only newer gateways serve from."""
    from cryptography.hazmat.primitives.asymmetric import ec

    public = _certified_key(certificate)
    curve = public.curve.name if isinstance(public, ec.EllipticCurvePublicKey) else ""
    since = CURVES_SINCE.get(curve)
    if since is None:
        return
    served = f"gateways serve from P-384 and P-521 from Istio {written(since)} on"
    if istio is None:
        why = f"an EC key on {curve}: {served}, and which Istio is here is not known"
        yield Doubt("tls.crt", why)
    elif istio < since:
        needed = f"an EC key on P-256, or an RSA key: {served}, and here is an older one"
        yield Problem("tls.crt", f"an EC key on {curve}", needed)
