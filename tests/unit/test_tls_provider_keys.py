"""Private keys of the stand-in `tls`: every form reads back as the same key, in the right shape."""

import base64
import re
import subprocess

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from toolchain.providers.tls import keys

SPECS = [("RSA", "P224"), ("ED25519", "P224"), *(("ECDSA", curve) for curve in keys.CURVES)]
HEADS = {"RSA": "RSA PRIVATE KEY", "ECDSA": "EC PRIVATE KEY", "ED25519": "PRIVATE KEY"}


def make(algorithm: str, curve: str = "P256") -> keys.PrivateKey:
    return keys.generate(algorithm, rsa_bits=2048, ecdsa_curve=curve)


def pem(key: object) -> str:
    assert isinstance(key, dsa.DSAPrivateKey | keys.PrivateKey)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(("algorithm", "curve"), SPECS)
def test_every_form_is_the_same_key(algorithm: str, curve: str) -> None:
    key = make(algorithm, curve)
    identity, forms = keys.describe(key)
    assert re.fullmatch(r"[0-9a-f]{40}", identity)
    assert forms["privateKeyPem"].startswith(f"-----BEGIN {HEADS[algorithm]}-----\n")
    assert forms["privateKeyPemPkcs8"].startswith("-----BEGIN PRIVATE KEY-----\n")
    for name in ("privateKeyPem", "privateKeyPemPkcs8"):
        assert pem(keys.load(forms[name])) == pem(key)
    public = serialization.load_pem_public_key(forms["publicKeyPem"].encode())
    assert public == key.public_key()
    if curve == "P224" and algorithm == "ECDSA":
        # OpenSSH does not know this curve: the official plugin leaves its forms empty.
        assert {forms[name] for name in keys.PUBLIC} == {"", forms["publicKeyPem"]}
        assert forms["privateKeyOpenssh"] == ""
        return
    assert pem(keys.load_openssh(forms["privateKeyOpenssh"])) == pem(key)
    assert forms["privateKeyOpenssh"].endswith("-----END OPENSSH PRIVATE KEY-----\n")
    lines = forms["privateKeyOpenssh"].splitlines()[1:-1]
    assert {len(line) for line in lines[:-1]} == {64}
    line = forms["publicKeyOpenssh"]
    assert line.endswith("\n")
    found = serialization.load_ssh_public_key(line.encode())
    assert found == key.public_key()
    assert isinstance(found, keys.PublicKey)
    md5 = serialization.ssh_key_fingerprint(found, hashes.MD5())
    sha256 = serialization.ssh_key_fingerprint(found, hashes.SHA256())
    assert forms["publicKeyFingerprintMd5"] == ":".join(f"{byte:02x}" for byte in md5)
    encoded = base64.b64encode(sha256).decode().rstrip("=")
    assert forms["publicKeyFingerprintSha256"] == f"SHA256:{encoded}"


@pytest.mark.parametrize(("algorithm", "curve"), SPECS)
def test_openssl_reads_the_pem_forms(algorithm: str, curve: str) -> None:
    _, forms = keys.describe(make(algorithm, curve))
    for name in ("privateKeyPem", "privateKeyPemPkcs8"):
        done = subprocess.run(
            ["openssl", "pkey", "-pubout"],
            input=forms[name],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == forms["publicKeyPem"]


def test_rsa_has_the_bits_asked_for() -> None:
    key = keys.generate("RSA", rsa_bits=1024, ecdsa_curve="P224")
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 1024


@pytest.mark.parametrize(
    ("curve", "hashed"), [("P224", 256), ("P256", 256), ("P384", 384), ("P521", 512)]
)
def test_signatures_hash_as_wide_as_the_curve(curve: str, hashed: int) -> None:
    chosen = keys.signature_hash(make("ECDSA", curve))
    assert chosen is not None
    assert chosen.digest_size * 8 == hashed


def test_the_same_key_has_the_same_id_in_any_form() -> None:
    key = make("ED25519")
    identity, forms = keys.describe(key)
    again, _ = keys.describe(keys.load_openssh(forms["privateKeyOpenssh"]))
    other, _ = keys.describe(make("ED25519"))
    assert again == identity != other


def test_openssh_forms_are_no_pem() -> None:
    _, forms = keys.describe(make("ED25519"))
    with pytest.raises(keys.UnusableKeyError, match="private key in PEM"):
        keys.load(forms["privateKeyOpenssh"])
    assert pem(keys.load_openssh(forms["privateKeyPem"])) == forms["privateKeyPem"]


def test_other_algorithms_and_curves_are_refused_by_name() -> None:
    with pytest.raises(keys.UnusableKeyError, match="RSA, ECDSA, ED25519"):
        keys.load(pem(dsa.generate_private_key(1024)))
    with pytest.raises(keys.UnusableKeyError, match="found secp256k1"):
        keys.load(pem(ec.generate_private_key(ec.SECP256K1())))


def test_an_encrypted_key_is_refused() -> None:
    locked = make("ED25519").private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
    )
    with pytest.raises(keys.UnusableKeyError, match="unencrypted"):
        keys.load(locked.decode())


@given(st.data())
def test_a_damaged_key_is_refused_without_being_quoted(data: st.DataObject) -> None:
    _, forms = keys.describe(KEY)
    text = forms[data.draw(st.sampled_from(keys.SECRETS))]
    cut = data.draw(st.integers(1, len(text) - 30))
    damaged = text[:cut] + text[cut + 20 :]
    with pytest.raises(keys.UnusableKeyError) as refused:
        keys.load_openssh(damaged)
    assert not any(line in str(refused.value) for line in text.splitlines()[1:-1])


KEY = make("ED25519")
