"""Private keys in every form that the official plugin gives."""

import base64
import hashlib
import textwrap
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey

CURVES: Final[dict[str, ec.EllipticCurve]] = {
    "P224": ec.SECP224R1(),
    "P256": ec.SECP256R1(),
    "P384": ec.SECP384R1(),
    "P521": ec.SECP521R1(),
}
ALGORITHMS: Final = ("RSA", "ECDSA", "ED25519")
SECRETS: Final = ("privateKeyOpenssh", "privateKeyPem", "privateKeyPemPkcs8")
PUBLIC: Final = (
    "publicKeyFingerprintMd5",
    "publicKeyFingerprintSha256",
    "publicKeyOpenssh",
    "publicKeyPem",
)
_OPENSSH_HEAD: Final = "-----BEGIN OPENSSH PRIVATE KEY-----"
_OPENSSH_FOOT: Final = "-----END OPENSSH PRIVATE KEY-----"


class UnusableKeyError(ValueError):
    """A key can't be read; the message says why and never holds the key."""


def generate(algorithm: str, *, rsa_bits: int, ecdsa_curve: str) -> PrivateKey:
    """Make a key of one of `ALGORITHMS`; the curve is one of `CURVES`."""
    if algorithm == "RSA":
        return rsa.generate_private_key(65537, rsa_bits)
    if algorithm == "ECDSA":
        return ec.generate_private_key(CURVES[ecdsa_curve])
    return ed25519.Ed25519PrivateKey.generate()


def algorithm(key: PrivateKey | PublicKey) -> str:
    """Name the algorithm of a key."""
    if isinstance(key, rsa.RSAPrivateKey | rsa.RSAPublicKey):
        return "RSA"
    if isinstance(key, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey):
        return "ECDSA"
    return "ED25519"


def load(text: str) -> PrivateKey:
    """Read a private key in PEM: PKCS#1, SEC 1 or PKCS#8.

    Raises:
        UnusableKeyError: it is none, encrypted, or of another algorithm.
    """
    try:
        key = serialization.load_pem_private_key(text.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # What the library says may quote the input.
        raise UnusableKeyError("takes an unencrypted private key in PEM") from None
    return _supported(key)


def load_openssh(text: str) -> PrivateKey:
    """Read a private key in OpenSSH's own format, or in the older PEM ones that it takes too.

    Raises:
        UnusableKeyError: it is none, encrypted, or of another algorithm.
    """
    if _OPENSSH_HEAD not in text:
        return load(text)
    try:
        key = serialization.load_ssh_private_key(text.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise UnusableKeyError("takes an unencrypted private key of OpenSSH's format") from None
    return _supported(key)


def _supported(key: object) -> PrivateKey:
    curves = {curve.name for curve in CURVES.values()}
    if not isinstance(key, PrivateKey):
        raise UnusableKeyError(f"takes a private key of {', '.join(ALGORITHMS)}")
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name not in curves:
        raise UnusableKeyError(f"takes a curve of {', '.join(CURVES)}, found {key.curve.name}")
    return key


def signature_hash(
    key: PrivateKey,
) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | None:
    """Return the hash that signatures by this key use; the larger curves have larger ones."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return None
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.key_size > 256:
        return hashes.SHA384() if key.curve.key_size == 384 else hashes.SHA512()
    return hashes.SHA256()


def state_hash(der: bytes) -> str:
    """Return the id of what DER encodes, as the official plugin computes it."""
    return hashlib.sha1(der.strip(), usedforsecurity=False).hexdigest()


def describe(key: PrivateKey) -> tuple[str, dict[str, Any]]:
    """Return the id (a hash of the public key) and the computed outputs of a private key.

    The forms for OpenSSH are empty for the curve P-224, which OpenSSH does not know.
    """
    pkcs8 = _pem(key, PrivateFormat.PKCS8)
    ed = isinstance(key, ed25519.Ed25519PrivateKey)
    identity, public = describe_public(key.public_key())
    return identity, {
        "privateKeyOpenssh": _private_openssh(key) if public["publicKeyOpenssh"] else "",
        # Ed25519 has no older form.
        "privateKeyPem": pkcs8 if ed else _pem(key, PrivateFormat.TraditionalOpenSSL),
        "privateKeyPemPkcs8": pkcs8,
        **public,
    }


def describe_public(key: PublicKey) -> tuple[str, dict[str, str]]:
    """Return the id and the outputs of a public key."""
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    forms = {**dict.fromkeys(PUBLIC, ""), "publicKeyPem": pem}
    if not (isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == "secp224r1"):
        line = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
        wire = base64.b64decode(line.split()[1])
        sha256 = base64.b64encode(hashlib.sha256(wire).digest()).decode().rstrip("=")
        forms["publicKeyOpenssh"] = line + "\n"
        forms["publicKeyFingerprintMd5"] = (
            hashlib.md5(wire, usedforsecurity=False).digest().hex(":")
        )
        forms["publicKeyFingerprintSha256"] = f"SHA256:{sha256}"
    return state_hash(der), forms


def _private_openssh(key: PrivateKey) -> str:
    # The library breaks lines elsewhere than the official plugin.
    body = "".join(_pem(key, PrivateFormat.OpenSSH).splitlines()[1:-1])
    return "\n".join([_OPENSSH_HEAD, *textwrap.wrap(body, 64), _OPENSSH_FOOT, ""])


def _pem(key: PrivateKey, form: PrivateFormat) -> str:
    return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()
