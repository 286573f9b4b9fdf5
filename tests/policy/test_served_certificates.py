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

from mesh_policy.documented.variants import Version
from mesh_policy.reading import x509 as reading
from mesh_policy.reading.istio_credentials import SecretName, secret_name, served
from mesh_policy.reading.private_keys import holds_private_key
from mesh_policy.reading.values import UNKNOWN
from mesh_policy.reading.x509 import Doubt
from tests.policy.cases import certificate, private_key, tls_data, weakly_signed

NOW = datetime.now(UTC)
WILDCARD = "*.apps.example.com"
Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
LEAF, MIDDLE, ROOT, OLD = (ec.generate_private_key(ec.SECP256R1()) for _ in range(4))
NEW = (1, 25)
CA = x509.BasicConstraints(True, None)
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


def authority(
    subject: str, key: Key, issuer: str, issuer_key: ec.EllipticCurvePrivateKey, days: int = 90
) -> str:
    return pem(subject, key, issuer, issuer_key, days, [CA])


def judged(certificate: str, key: Key = LEAF, roots: str = "", istio: Version = NEW) -> list[str]:
    """Return what is found, and what is in doubt as `unknown:`."""
    read = reading.problems(certificate, key_pem(key), WILDCARD, NOW, roots, istio)
    return [f"unknown: {each.why}" if isinstance(each, Doubt) else each.found for each in read]


def found(certificate: str, key: Key = LEAF, roots: str = "", istio: Version = NEW) -> list[str]:
    every = judged(certificate, key, roots, istio)
    assert not any(each.startswith("unknown: ") for each in every), every
    return every


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


@pytest.mark.parametrize("curve", [ec.SECP384R1(), ec.SECP521R1()])
def test_other_curves_are_served_since_a_version_of_istio(curve: ec.EllipticCurve) -> None:
    key = ec.generate_private_key(curve)
    assert found(leaf(key), key, istio=(1, 24)) == [f"an EC key on {curve.name}"]
    assert found(leaf(), istio=(1, 24)) == []
    read = list(reading.problems(leaf(key), key_pem(key), WILDCARD, NOW))
    assert [type(each) for each in read] == [Doubt]
    assert list(reading.problems(leaf(), key_pem(LEAF), WILDCARD, NOW)) == []


MIDDLE_OF_ROOT = authority("middle", MIDDLE, "root", ROOT)
OF_MIDDLE = pem("leaf", LEAF, "middle", MIDDLE)
OWN_ROOT = authority("root", ROOT, "root", ROOT)
CROSSED = authority("root", ROOT, "old", OLD, days=-1)


def test_an_expired_cross_signed_root_is_fine() -> None:
    chain = OF_MIDDLE + MIDDLE_OF_ROOT
    assert found(chain + CROSSED) == []
    assert found(chain + CROSSED + authority("old", OLD, "old", OLD, days=-2)) == []
    assert found(chain + CROSSED, roots=OWN_ROOT) == []
    assert found(leaf() + CROSSED, roots=OWN_ROOT) == []
    expired = authority("root", ROOT, "root", ROOT, days=-1)
    assert found(leaf() + CROSSED, roots=expired + OWN_ROOT) == []


def test_an_expired_end_is_found_where_clients_trust_no_other() -> None:
    old = authority("old", OLD, "old", OLD)
    for chain in (leaf() + CROSSED, OF_MIDDLE + MIDDLE_OF_ROOT + CROSSED):
        assert [each.partition(" expired")[0] for each in found(chain, roots=old)] == ["CN=root"]
        assert len(found(chain, roots=CROSSED)) == 1
    (only,) = reading.problems(
        leaf(), key_pem(LEAF), WILDCARD, NOW, authority("root", ROOT, "root", ROOT, days=-1)
    )
    assert only.entry == "ca.crt"


def test_whether_an_expired_signer_is_trusted_by_its_key_is_not_known() -> None:
    (only,) = judged(leaf() + CROSSED)
    assert only.startswith("unknown: CN=root expired at")
    other = judged(leaf() + CROSSED, roots=authority("other", MIDDLE, "other", MIDDLE))
    assert other == ["CN=root is not signed by the authority of ca.crt", only]


def test_an_expired_signer_of_the_leaf_is_found() -> None:
    chain = OF_MIDDLE + authority("middle", MIDDLE, "root", ROOT, days=-1)
    for given, roots in (
        (chain, OWN_ROOT),
        (chain + authority("root", ROOT, "old", OLD), ""),
        (leaf() + authority("root", ROOT, "root", ROOT, days=-1), ""),
    ):
        assert len(found(given, roots=roots)) == 1
        assert " expired at " in found(given, roots=roots)[0]


CAN_SIGN = x509.KeyUsage(**{**USAGE, "key_cert_sign": True})
CANNOT_SIGN = x509.KeyUsage(**{**USAGE, "digital_signature": True})


@pytest.mark.parametrize(
    ("extensions", "may"),
    [
        ([CA], True),
        ([CA, CAN_SIGN], True),
        ([CA, CANNOT_SIGN], False),
        ([x509.BasicConstraints(False, None)], False),
        ([x509.BasicConstraints(False, None), CAN_SIGN], False),
        ([], False),
    ],
)
def test_only_an_authority_may_sign(extensions: list[x509.ExtensionType], may: bool) -> None:
    said = [] if may else ["CN=middle, which may not sign others, but has signed CN=leaf"]
    middle = pem("middle", MIDDLE, "root", ROOT, extensions=extensions)
    assert found(OF_MIDDLE + middle) == said
    assert found(OF_MIDDLE + middle, roots=OWN_ROOT) == said
    assert found(OF_MIDDLE, roots=pem("middle", MIDDLE, "middle", MIDDLE, 90, extensions)) == said


def test_a_leaf_that_signed_itself_need_be_no_authority() -> None:
    own = pem("leaf", LEAF, "leaf", LEAF)
    assert found(own) == []
    assert found(own, roots=own) == []


RSA_ROOT, RSA_MIDDLE = private_key("root", 2048, False), private_key("middle", 2048, False)
DAYS = (-1, 90)


def rsa_leaf(issuer: str, key: Any) -> str:
    return certificate("leaf", RSA_MIDDLE, issuer, key, [WILDCARD], DAYS, "server")


def weak_problems(chain: str, roots: str = "") -> list[str]:
    key = tls_data(encoded=False)["tls.key"]
    read = reading.problems(chain, key, WILDCARD, NOW, roots, NEW)
    return [
        said
        for each in read
        if "MD5" in (said := each.why if isinstance(each, Doubt) else each.found)
        or "SHA1" in said
        or "signed by" in said
    ]


@pytest.mark.parametrize("weak", ["md5", "sha1"])
def test_a_weak_signature_is_found_unless_nobody_looks_at_it(weak: str) -> None:
    said = f"is signed with {weak.upper()}"
    root = certificate("root", RSA_ROOT, "root", RSA_ROOT, [], DAYS, "authority")
    bad_root = weakly_signed(root, RSA_ROOT, weak)
    good, bad = (
        rsa_leaf("root", RSA_ROOT),
        weakly_signed(rsa_leaf("root", RSA_ROOT), RSA_ROOT, weak),
    )
    for chain, roots in ((bad, ""), (bad, root), (bad + root, ""), (bad + root, root)):
        assert weak_problems(chain, roots) == [f"CN=leaf {said}"]
    for chain, roots in ((good, bad_root), (good + bad_root, ""), (good + bad_root, bad_root)):
        assert weak_problems(chain, roots) == []
    own = certificate("leaf", RSA_ROOT, "leaf", RSA_ROOT, [WILDCARD], DAYS, "server")
    assert weak_problems(weakly_signed(own, RSA_ROOT, weak)) == []
    middle = certificate("middle", RSA_MIDDLE, "root", RSA_ROOT, [], DAYS, "authority")
    chain = rsa_leaf("middle", RSA_MIDDLE) + weakly_signed(middle, RSA_ROOT, weak)
    assert weak_problems(chain, root) == weak_problems(chain + root) == [f"CN=middle {said}"]
    assert weak_problems(chain)[0].startswith(f"CN=middle {said}, and whether")


def written_otherwise(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


@pytest.mark.parametrize(
    ("old", "new", "marker"),
    [
        (f"{END}\n{BEGIN}", f"{END}{BEGIN}", END),
        (f"{END}\n", f"{END} # the leaf\n", END),
        (f"{END}\n", f" {END}\n", END),
        (BEGIN, f" {BEGIN}", BEGIN),
        (BEGIN, f"leaf: {BEGIN}", BEGIN),
        ("\n", " ", BEGIN),
        ("\n", "\r", BEGIN),
    ],
)
def test_a_begin_or_end_that_shares_its_line_is_found(old: str, new: str, marker: str) -> None:
    chain = written_otherwise(OF_MIDDLE + MIDDLE_OF_ROOT, old, new)
    assert found(chain) == [f"{marker} with something else on its line"]
    assert found(OF_MIDDLE, roots=chain) == [f"{marker} with something else on its line"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n", "\r\n"),
        ("-----\n", "----- \t\n"),
        (f"{END}\n{BEGIN}", f"{END}\n\nsubject=middle\n{BEGIN}"),
        (OF_MIDDLE, f"\ufeff{OF_MIDDLE}"),
        (MIDDLE_OF_ROOT, MIDDLE_OF_ROOT.rstrip()),
    ],
)
def test_blanks_after_begin_and_end_and_lines_between_are_fine(old: str, new: str) -> None:
    assert found(written_otherwise(OF_MIDDLE + MIDDLE_OF_ROOT, old, new)) == []


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
