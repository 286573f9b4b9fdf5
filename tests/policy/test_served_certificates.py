"""Which pair of a secret gateways serve, and which certificates they, or clients, refuse."""

import base64
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

from mesh_policy.reading import x509 as reading
from mesh_policy.reading.istio_credentials import SecretName, secret_name, served
from mesh_policy.reading.private_keys import holds_private_key
from mesh_policy.reading.values import UNKNOWN

NOW = datetime.now(UTC)
WILDCARD = "*.apps.example.com"
Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
LEAF, MIDDLE, ROOT, OLD = (ec.generate_private_key(ec.SECP256R1()) for _ in range(4))
USAGE: dict[str, Any] = dict.fromkeys(
    (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
        *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    ),
    False,
)


def pem(
    subject: str,
    key: Key,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    days: int = 90,
    extensions: Sequence[x509.ExtensionType] = (),
) -> str:
    def name(written: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, written)])

    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(NOW - timedelta(days=1000))
        .not_valid_after(NOW + timedelta(days=days))
    )
    for each in (x509.SubjectAlternativeName([x509.DNSName(WILDCARD)]), *extensions):
        builder = builder.add_extension(each, critical=False)
    signed = builder.sign(issuer_key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def key_pem(key: Key) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def found(certificate: str, key: Key = LEAF) -> list[str]:
    return [each.found for each in reading.problems(certificate, key_pem(key), WILDCARD, NOW)]


def leaf(key: Key = LEAF, **given: Any) -> str:
    return pem("leaf", key, "root", ROOT, **given)


def with_serial_number(certificate: str, number: int) -> str:
    """Write another serial number into a certificate; its signature is not read."""
    der = base64.b64decode("".join(certificate.splitlines()[1:-1]))
    assert der.count(b"\x02\x01\x07") == 1
    changed = der.replace(b"\x02\x01\x07", b"\x02\x01" + bytes([number]))
    coded = base64.encodebytes(changed).decode()
    return f"-----BEGIN CERTIFICATE-----\n{coded}-----END CERTIFICATE-----\n"


def test_a_good_certificate_is_fine() -> None:
    assert found(leaf()) == []
    assert found(leaf(extensions=[x509.KeyUsage(**{**USAGE, "digital_signature": True})])) == []


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        (ec.generate_private_key(ec.SECP224R1()), "an EC key on secp224r1"),
        (ec.generate_private_key(ec.SECP256K1()), "an EC key on secp256k1"),
        (ed25519.Ed25519PrivateKey.generate(), "a key of Ed25519PublicKey"),
    ],
)
def test_keys_that_envoy_refuses_are_found(key: Key, shown: str) -> None:
    assert found(leaf(key), key) == [shown]


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_keys_that_envoy_takes_are_fine(curve: ec.EllipticCurve) -> None:
    key = ec.generate_private_key(curve)
    assert found(leaf(key), key) == []


def test_a_key_usage_without_digital_signature_is_found() -> None:
    usage = x509.KeyUsage(**{**USAGE, "key_encipherment": True})
    assert found(leaf(extensions=[usage])) == ["a key usage without digital signature"]


def test_an_expired_cross_signed_root_is_fine() -> None:
    chain = pem("leaf", LEAF, "middle", MIDDLE) + pem("middle", MIDDLE, "root", ROOT)
    assert found(chain + pem("root", ROOT, "old", OLD, days=-1)) == []
    older = pem("root", ROOT, "old", OLD, days=-1) + pem("old", OLD, "old", OLD, days=-2)
    assert found(chain + older) == []


def test_an_expired_signer_of_the_leaf_is_found() -> None:
    chain = pem("leaf", LEAF, "middle", MIDDLE) + pem("middle", MIDDLE, "root", ROOT, days=-1)
    assert [each.partition(" expired")[0] for each in found(chain)] == ["CN=middle"]
    between = chain + pem("root", ROOT, "old", OLD)
    assert len(found(between)) == 1


@pytest.mark.parametrize("number", [0, 0x80, 0xFF])
def test_a_serial_number_of_zero_or_less_is_read_quietly(number: int) -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert found(with_serial_number(leaf(), number)) == []
        assert reading.names(with_serial_number(leaf(), number)) == [WILDCARD]
    assert said == []


def test_a_serial_number_that_is_refused_is_told_from_no_certificate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(_: bytes) -> None:
        raise ValueError("serial numbers must be positive")

    monkeypatch.setattr(x509, "load_pem_x509_certificates", refused)
    for number in (0, 0x80):
        assert "serial number" in (reading.unreadable(with_serial_number(leaf(), number)) or "")
    assert reading.unreadable(leaf()) is None
    assert reading.unreadable("no certificate") is None


CASES: list[tuple[dict[str, Any], tuple[str, Any, str, Any]]] = [
    ({"tls.crt": "c", "tls.key": "k"}, ("tls.crt", "c", "tls.key", "k")),
    ({"cert": "g", "key": "h", "tls.crt": "c", "tls.key": "k"}, ("cert", "g", "key", "h")),
    ({"cert": "g", "tls.crt": "c", "tls.key": "k"}, ("tls.crt", "c", "tls.key", "k")),
    ({"cert": "", "key": "h", "tls.crt": "c", "tls.key": "k"}, ("tls.crt", "c", "tls.key", "k")),
    ({"cert": "g", "tls.key": "k"}, ("tls.crt", None, "tls.key", "k")),
    ({"cert": "g"}, ("cert", "g", "key", None)),
    ({}, ("tls.crt", None, "tls.key", None)),
]


@pytest.mark.parametrize(("entries", "pair"), CASES)
def test_a_whole_pair_is_served_and_the_generic_one_first(
    entries: dict[str, Any], pair: tuple[str, Any, str, Any]
) -> None:
    coded = {name: base64.b64encode(value.encode()).decode() for name, value in entries.items()}
    assert served({"data": coded}) == served({"stringData": entries}) == pair


def test_what_is_not_known_stays_so() -> None:
    assert served({"data": UNKNOWN}) == ("tls.crt", UNKNOWN, "tls.key", UNKNOWN)
    known = served({"data": {"tls.crt": UNKNOWN, "tls.key": UNKNOWN}})
    assert known == ("tls.crt", UNKNOWN, "tls.key", UNKNOWN)


@pytest.mark.parametrize(
    ("credential", "meant"),
    [
        ("certs", ("here", "certs")),
        ("kubernetes://certs", ("here", "certs")),
        ("kubernetes://there/certs", ("there", "certs")),
        ("builtin://", None),
        ("configmap://there/certs", None),
        ("", None),
        (None, None),
        (UNKNOWN, None),
    ],
)
def test_a_credential_means_a_secret(credential: Any, meant: tuple[str, str] | None) -> None:
    assert secret_name(credential, "here") == (SecretName(*meant) if meant else None)


@pytest.mark.parametrize("before", range(3))
def test_a_key_after_a_certificate_in_one_base64_is_a_key(before: int) -> None:
    both = "x" * before + leaf() + key_pem(LEAF)
    coded = base64.encodebytes(both.encode()).decode()
    assert holds_private_key(coded)
    assert holds_private_key({"bundle": [coded.replace("\n", "\r\n  ")]})
    assert not holds_private_key(base64.b64encode(leaf().encode()).decode())
