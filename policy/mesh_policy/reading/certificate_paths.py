"""By which certificates clients get from a gateway's own to an authority that they trust."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from cryptography import x509

_Extension = TypeVar("_Extension", bound="x509.ExtensionType")
_WEAK_DIGESTS: Final = ("md5", "sha1")


def path_to(
    roots: "Sequence[x509.Certificate]", chain: "Sequence[x509.Certificate]", now: datetime
) -> "Sequence[x509.Certificate]":
    """Return the certificates from the leaf to one of the roots; none where it leads to none.

    Clients stop at the first that they trust, and what follows in the chain does not matter. Of
    several paths they take one that is valid.
    """
    paths = [
        list(dict.fromkeys((*chain[: index + 1], root)))
        for index, each in enumerate(chain)
        for root in roots
        if each == root or issued(each, root)
    ]
    valid = (path for path in paths if all(_is_valid(each, now) for each in path))
    return next(valid, paths[0] if paths else [])


def without_expired_end(
    chain: "Sequence[x509.Certificate]", now: datetime
) -> "Sequence[x509.Certificate]":
    """Return a chain without the expired certificates at its end that clients need not use.

    An authority signed by an older one too, which has expired, is trusted by its key. The leaf and
    who signed it stay.
    """
    end = len(chain)
    while end > 2 and chain[end - 1].not_valid_after_utc <= now:
        end -= 1
    return chain[:end]


def issued(lower: "x509.Certificate", upper: "x509.Certificate") -> bool:
    """Say whether a certificate was signed by the key of another, and names it as its issuer."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    if is_signed_weakly(lower):
        # The installed cryptography may verify no such signature, and clients take none.
        return lower.issuer == upper.subject
    try:
        lower.verify_directly_issued_by(upper)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def is_signed_weakly(certificate: "x509.Certificate") -> bool:
    """Say whether a certificate is signed with a digest that clients refuse by now."""
    return digest(certificate) in _WEAK_DIGESTS


def digest(certificate: "x509.Certificate") -> str:
    """Return the digest of a certificate's signature; empty where there is none, or a rare one."""
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        found = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return ""
    return found.name if found else ""


def may_sign(certificate: "x509.Certificate") -> bool:
    """Say whether a certificate is an authority's, so that clients take what it has signed.

    One of version 1 can't say so; as a root it is taken all the same.
    """
    from cryptography import x509

    if certificate.version is x509.Version.v1:
        return certificate.issuer == certificate.subject
    constraints = extension(certificate, x509.BasicConstraints)
    usage = extension(certificate, x509.KeyUsage)
    return constraints is not None and constraints.ca and (usage is None or usage.key_cert_sign)


def extension(certificate: "x509.Certificate", kind: type[_Extension]) -> _Extension | None:
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


def _is_valid(certificate: "x509.Certificate", now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc
