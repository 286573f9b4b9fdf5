"""Private keys of the stand-in `tls`: every form reads back as the same key, in the right shape."""

import base64
import re
import subprocess
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from toolchain.providers import keys

IDENTITY, FORMS = keys.generate(2048)


def pem(key: Any) -> str:
    return str(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


def test_every_form_is_the_same_key() -> None:
    assert FORMS.keys() == {*keys.SECRETS, *keys.PUBLIC}
    assert re.fullmatch(r"[0-9a-f]{40}", IDENTITY)
    assert FORMS["privateKeyPem"].startswith("-----BEGIN RSA PRIVATE KEY-----\n")
    assert FORMS["privateKeyPemPkcs8"].startswith("-----BEGIN PRIVATE KEY-----\n")
    key = keys.load(FORMS["privateKeyPem"])
    assert pem(key) == FORMS["privateKeyPemPkcs8"]
    assert pem(keys.load(FORMS["privateKeyPemPkcs8"])) == FORMS["privateKeyPemPkcs8"]
    assert serialization.load_pem_public_key(FORMS["publicKeyPem"].encode()) == key.public_key()
    openssh = FORMS["privateKeyOpenssh"]
    assert pem(serialization.load_ssh_private_key(openssh.encode(), None)) == pem(key)
    assert openssh.endswith("-----END OPENSSH PRIVATE KEY-----\n")
    assert {len(line) for line in openssh.splitlines()[1:-2]} == {64}
    assert FORMS["publicKeyOpenssh"].endswith("\n")
    found = serialization.load_ssh_public_key(FORMS["publicKeyOpenssh"].encode())
    assert isinstance(found, rsa.RSAPublicKey)
    assert found == key.public_key()
    md5 = serialization.ssh_key_fingerprint(found, hashes.MD5())
    sha256 = serialization.ssh_key_fingerprint(found, hashes.SHA256())
    assert FORMS["publicKeyFingerprintMd5"] == ":".join(f"{byte:02x}" for byte in md5)
    encoded = base64.b64encode(sha256).decode().rstrip("=")
    assert FORMS["publicKeyFingerprintSha256"] == f"SHA256:{encoded}"


@pytest.mark.parametrize("name", ["privateKeyPem", "privateKeyPemPkcs8"])
def test_openssl_reads_the_pem_forms(name: str) -> None:
    done = subprocess.run(
        ["openssl", "pkey", "-pubout"],
        input=FORMS[name],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == FORMS["publicKeyPem"]


def test_every_key_is_another_of_the_bits_asked_for() -> None:
    identity, forms = keys.generate(1024)
    key = keys.load(forms["privateKeyPem"])
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 1024
    assert identity != keys.generate(1024)[0]


@pytest.mark.parametrize(
    ("key", "algorithm", "hashed"),
    [
        (rsa.generate_private_key(65537, 2048), "RSA", 256),
        (ec.generate_private_key(ec.SECP256R1()), "ECDSA", 256),
        (ec.generate_private_key(ec.SECP384R1()), "ECDSA", 384),
        (ec.generate_private_key(ec.SECP521R1()), "ECDSA", 512),
        (ed25519.Ed25519PrivateKey.generate(), "ED25519", None),
    ],
)
def test_an_authoritys_key_may_be_of_any_algorithm(
    key: keys.PrivateKey, algorithm: str, hashed: int | None
) -> None:
    found = keys.load(pem(key))
    assert pem(found) == pem(key)
    assert keys.algorithm(found) == algorithm
    signing = keys.signature_hash(found)
    assert (signing and signing.digest_size * 8) == hashed


def test_other_and_encrypted_keys_are_refused() -> None:
    locked = keys.load(FORMS["privateKeyPem"]).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
    )
    for text in (pem(dsa.generate_private_key(1024)), locked.decode(), FORMS["privateKeyOpenssh"]):
        with pytest.raises(ValueError, match="unencrypted private key in PEM: RSA, ECDSA"):
            keys.load(text)


@given(st.sampled_from(["privateKeyPem", "privateKeyPemPkcs8"]), st.data())
def test_a_damaged_key_is_refused_without_being_quoted(name: str, data: st.DataObject) -> None:
    text = FORMS[name]
    cut = data.draw(st.integers(1, len(text) - 30))
    with pytest.raises(ValueError, match="private key in PEM") as refused:
        keys.load(text[:cut] + text[cut + 20 :])
    assert not any(line in str(refused.value) for line in text.splitlines()[1:-1])
