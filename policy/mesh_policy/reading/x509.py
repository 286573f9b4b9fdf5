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
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

_Extension = TypeVar("_Extension", bound="x509.ExtensionType")
_RSA_BITS: Final = 2048
_CURVES: Final = ("secp256r1", "secp384r1", "secp521r1")
_KEYS: Final = f"RSA of {_RSA_BITS} bits or more, or EC on P-256, P-384 or P-521"
"""The keys that Envoy serves from."""
_PEM: Final = re.compile(r"-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----")


@dataclass(frozen=True)
class Problem:
    """What is wrong with the certificate (`tls.crt`) or the key (`tls.key`)."""

    entry: str
    found: str
    needed: str


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


def problems(
    certificate: str, key: str, wildcard: str | None, now: datetime, authority: str = ""
) -> Iterator[Problem]:
    """List what is wrong with a PEM certificate (leaf first) and its PEM key.

    `wildcard` is the name that it must cover, None for any wildcard; `authority` is the PEM of the
    certificates that its chain must end at, empty where not known.
    """
    try:
        chain = _load(certificate)
    except ValueError as error:
        yield Problem("tls.crt", str(error), "a certificate, the leaf first")
        return
    yield from _name_problems(chain[0], wildcard)
    yield from _use_problems(chain[0])
    for each in _needed_to_be_valid(chain, now):
        yield from _date_problems(each, now)
    yield from _chain_problems(chain, authority)
    yield from _key_problems(chain[0], key)


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
    from cryptography import x509

    try:
        first = _load(certificate)[0]
    except ValueError as error:
        yield Problem("tls.crt", str(error), "the authority's certificate")
        return
    constraints = _extension(first, x509.BasicConstraints)
    if constraints is None or not constraints.ca:
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


def _needed_to_be_valid(
    chain: "Sequence[x509.Certificate]", now: datetime
) -> "Sequence[x509.Certificate]":
    """Return a chain without the expired certificates at its end that clients need not use.

    An authority signed by an older one too, which has expired, is trusted by its key. The leaf and
    who signed it must be valid.
    """
    end = len(chain)
    while end > 2 and chain[end - 1].not_valid_after_utc <= now:
        end -= 1
    return chain[:end]


def _subject(certificate: "x509.Certificate") -> str:
    return certificate.subject.rfc4514_string() or "no subject"


def _names(certificate: "x509.Certificate") -> list[str]:
    from cryptography import x509

    found = _extension(certificate, x509.SubjectAlternativeName)
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
    uses = _extension(certificate, x509.ExtendedKeyUsage)
    if uses is not None and not any(use in serving for use in uses):
        yield Problem("tls.crt", "an extended key usage without server auth", "server auth")
    usage = _extension(certificate, x509.KeyUsage)
    if usage is not None and not usage.digital_signature:
        yield Problem("tls.crt", "a key usage without digital signature", "digital signature")


def _extension(certificate: "x509.Certificate", kind: type[_Extension]) -> _Extension | None:
    """Return an extension; None where there is none, or none that can be read."""
    from cryptography import x509

    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except (
        x509.ExtensionNotFound,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
        ValueError,
    ):
        return None


def _date_problems(certificate: "x509.Certificate", now: datetime) -> Iterator[Problem]:
    subject = _subject(certificate)
    if certificate.not_valid_before_utc > now:
        since = certificate.not_valid_before_utc.isoformat()
        yield Problem("tls.crt", f"{subject} is valid from {since}", "a certificate valid now")
    if certificate.not_valid_after_utc <= now:
        until = certificate.not_valid_after_utc.isoformat()
        yield Problem("tls.crt", f"{subject} expired at {until}", "a certificate valid now")


def _chain_problems(chain: "Sequence[x509.Certificate]", authority: str) -> Iterator[Problem]:
    for lower, upper in pairwise(chain):
        if not _issued(lower, upper):
            yield Problem(
                "tls.crt",
                f"{_subject(lower)} is not signed by the next, {_subject(upper)}",
                "each certificate signed by the next one",
            )
    if authority:
        try:
            roots = _load(authority)
        except ValueError as error:
            yield Problem("ca.crt", str(error), "the authority's certificate")
            return
        if not any(_issued(chain[-1], root) or chain[-1] == root for root in roots):
            yield Problem(
                "tls.crt",
                f"{_subject(chain[-1])} is not signed by the authority of ca.crt",
                "a chain that ends at the authority",
            )


def _issued(lower: "x509.Certificate", upper: "x509.Certificate") -> bool:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    try:
        lower.verify_directly_issued_by(upper)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


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


def _key_problems(certificate: "x509.Certificate", key: str) -> Iterator[Problem]:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    try:
        public = certificate.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        public = None
    own = _public_key(key)
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
