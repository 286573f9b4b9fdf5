"""What the official plugin tells about a certificate in PEM."""

import hashlib
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID, SignatureAlgorithmOID

_SIGNATURES: Final = {
    SignatureAlgorithmOID.RSA_WITH_MD5: "MD5-RSA",
    SignatureAlgorithmOID.RSA_WITH_SHA1: "SHA1-RSA",
    SignatureAlgorithmOID.RSA_WITH_SHA256: "SHA256-RSA",
    SignatureAlgorithmOID.RSA_WITH_SHA384: "SHA384-RSA",
    SignatureAlgorithmOID.RSA_WITH_SHA512: "SHA512-RSA",
    SignatureAlgorithmOID.DSA_WITH_SHA1: "DSA-SHA1",
    SignatureAlgorithmOID.DSA_WITH_SHA256: "DSA-SHA256",
    SignatureAlgorithmOID.ECDSA_WITH_SHA1: "ECDSA-SHA1",
    SignatureAlgorithmOID.ECDSA_WITH_SHA256: "ECDSA-SHA256",
    SignatureAlgorithmOID.ECDSA_WITH_SHA384: "ECDSA-SHA384",
    SignatureAlgorithmOID.ECDSA_WITH_SHA512: "ECDSA-SHA512",
    SignatureAlgorithmOID.ED25519: "Ed25519",
}
_KEYS: Final[dict[type[Any], str]] = {
    rsa.RSAPublicKey: "RSA",
    ec.EllipticCurvePublicKey: "ECDSA",
    ed25519.Ed25519PublicKey: "Ed25519",
    dsa.DSAPublicKey: "DSA",
}
_NAMES: Final = {
    NameOID.SERIAL_NUMBER: "SERIALNUMBER",
    NameOID.POSTAL_CODE: "POSTALCODE",
}
"""The names of attributes that the library writes as numbers otherwise (RFC 2253, 2.3)."""


def describe(pem: str) -> dict[str, Any]:
    """Describe a certificate: algorithms, number, names, dates and fingerprint.

    Raises:
        ValueError: the text is no certificate.
    """
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        key = certificate.public_key()
    except ValueError:
        raise ValueError("takes a certificate in PEM") from None
    der = certificate.public_bytes(Encoding.DER)
    is_ca, length = _constraints(certificate)
    return {
        "certPem": certificate.public_bytes(Encoding.PEM).decode(),
        "isCa": is_ca,
        "issuer": certificate.issuer.rfc4514_string(_NAMES),
        "maxPathLength": length,
        "notAfter": certificate.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "notBefore": certificate.not_valid_before_utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "publicKeyAlgorithm": next(
            (name for kind, name in _KEYS.items() if isinstance(key, kind)), "0"
        ),
        "serialNumber": str(certificate.serial_number),
        "sha1Fingerprint": hashlib.sha1(der, usedforsecurity=False).hexdigest(),
        "signatureAlgorithm": _SIGNATURES.get(certificate.signature_algorithm_oid, "0"),
        "subject": certificate.subject.rfc4514_string(_NAMES),
        "version": certificate.version.value + 1,
    }


def _constraints(certificate: x509.Certificate) -> tuple[bool, int]:
    """Return whether it is an authority's, and how many more may follow: -1 for any number."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return False, 0
    return found.ca, -1 if found.path_length is None else found.path_length
