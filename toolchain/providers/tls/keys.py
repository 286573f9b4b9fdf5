"""Private keys in every form that the official plugin gives."""

import base64
import hashlib
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
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


class UnusableKeyError(ValueError):
    """A key can't be made or read; the message says why and never holds the key."""


def generate(inputs: dict[str, Any]) -> PrivateKey:
    """Make a key as `algorithm`, `rsaBits` and `ecdsaCurve` ask for."""
    algorithm = inputs["algorithm"]
    if algorithm == "RSA":
        return rsa.generate_private_key(65537, int(inputs["rsaBits"]))
    if algorithm == "ECDSA":
        return ec.generate_private_key(CURVES[inputs["ecdsaCurve"]])
    return ed25519.Ed25519PrivateKey.generate()


def algorithm(key: PrivateKey | PublicKey) -> str:
    """Name the algorithm of a key."""
    if isinstance(key, rsa.RSAPrivateKey | rsa.RSAPublicKey):
        return "RSA"
    if isinstance(key, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey):
        return "ECDSA"
    return "ED25519"


def load(pem: str) -> PrivateKey:
    """Read a PEM (or OpenSSH) private key.

    Raises:
        UnusableKeyError: it is none, encrypted, or of another algorithm.
    """
    try:
        if "OPENSSH PRIVATE KEY" in pem:
            key: object = serialization.load_ssh_private_key(pem.encode(), None)
        else:
            key = serialization.load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # What the library says may quote the input.
        raise UnusableKeyError("takes an unencrypted private key in PEM") from None
    if not isinstance(key, PrivateKey):
        raise UnusableKeyError(f"takes a private key of {', '.join(ALGORITHMS)}")
    return key


def describe(key: PrivateKey) -> tuple[str, dict[str, Any]]:
    """Return the id (a hash of the public key) and the computed outputs of a private key."""
    public = key.public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pkcs8 = _pem(key, PrivateFormat.PKCS8)
    # Ed25519 has no older form; P-224 has none that OpenSSH knows.
    old = pkcs8 if algorithm(key) == "ED25519" else _pem(key, PrivateFormat.TraditionalOpenSSL)
    openssh = not (isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == "secp224r1")
    outputs = {
        "privateKeyPem": old,
        "privateKeyPemPkcs8": pkcs8,
        "privateKeyOpenssh": _pem(key, PrivateFormat.OpenSSH) if openssh else "",
        "publicKeyPem": public.public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        ).decode(),
        **(_openssh(public) if openssh else dict.fromkeys(_OPENSSH, "")),
    }
    return hashlib.sha1(der.strip(), usedforsecurity=False).hexdigest(), outputs


_OPENSSH: Final = ("publicKeyOpenssh", "publicKeyFingerprintMd5", "publicKeyFingerprintSha256")


def _openssh(public: PublicKey) -> dict[str, str]:
    line = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    wire = base64.b64decode(line.split()[1])
    md5 = hashlib.md5(wire, usedforsecurity=False).hexdigest()
    sha256 = base64.b64encode(hashlib.sha256(wire).digest()).decode().rstrip("=")
    pairs = ":".join(md5[i : i + 2] for i in range(0, len(md5), 2))
    return dict(zip(_OPENSSH, (line + "\n", pairs, f"SHA256:{sha256}"), strict=True))


def _pem(key: PrivateKey, form: PrivateFormat) -> str:
    return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()
