"""Private keys: made of RSA, and read of every algorithm that an authority may bring along."""

import base64
import hashlib
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from toolchain.providers.logical import Outcome

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

SECRETS: Final = ("privateKeyOpenssh", "privateKeyPem", "privateKeyPemPkcs8")
PUBLIC: Final = (
    "publicKeyFingerprintMd5",
    "publicKeyFingerprintSha256",
    "publicKeyOpenssh",
    "publicKeyPem",
)


def load(text: str) -> PrivateKey:
    """Read a private key in PEM.

    Raises:
        ValueError: it is none, encrypted, or of another algorithm; the message never holds it.
    """
    try:
        key = serialization.load_pem_private_key(text.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, PrivateKey):
        raise ValueError("takes an unencrypted private key in PEM: RSA, ECDSA or ED25519")
    return key


def algorithm(key: PrivateKey) -> str:
    """Name the algorithm of a key."""
    match key:
        case rsa.RSAPrivateKey():
            return "RSA"
        case ec.EllipticCurvePrivateKey():
            return "ECDSA"
        case _:
            return "ED25519"


def signature_hash(key: PrivateKey) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | None:
    """Return the hash that signatures by this key use; the larger curves have larger ones."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return None
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.key_size > 256:
        return hashes.SHA384() if key.curve.key_size == 384 else hashes.SHA512()
    return hashes.SHA256()


def state_hash(der: bytes) -> str:
    """Return the id of what DER encodes, as the official plugin computes it."""
    return hashlib.sha1(der.strip(), usedforsecurity=False).hexdigest()


def generate(bits: int) -> Outcome:
    """Make an RSA key; return its id (a hash of the public key) and every form of it."""
    key = rsa.generate_private_key(65537, bits)
    public = key.public_key()
    line = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    wire = base64.b64decode(line.split()[1])
    sha256 = base64.b64encode(hashlib.sha256(wire).digest()).decode().rstrip("=")
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return state_hash(der), {
        "privateKeyOpenssh": _pem(key, PrivateFormat.OpenSSH),
        "privateKeyPem": _pem(key, PrivateFormat.TraditionalOpenSSL),
        "privateKeyPemPkcs8": _pem(key, PrivateFormat.PKCS8),
        "publicKeyFingerprintMd5": hashlib.md5(wire, usedforsecurity=False).digest().hex(":"),
        "publicKeyFingerprintSha256": f"SHA256:{sha256}",
        "publicKeyOpenssh": line + "\n",
        "publicKeyPem": public.public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        ).decode(),
    }


def _pem(key: PrivateKey, form: PrivateFormat) -> str:
    return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()
