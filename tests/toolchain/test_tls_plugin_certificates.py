"""Certificates and requests of the stand-in `tls`, read back with the cryptography library."""

import datetime
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from toolchain.providers import certificates, keys

NOW = datetime.datetime(2026, 3, 1, 12, 30, 15, 250_000, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)
DEFAULTS = {
    "earlyRenewalHours": 0,
    "isCaCertificate": False,
    "setSubjectKeyId": False,
    "validityPeriodHours": 24,
    "allowedUses": [],
}
SUBJECT = {"commonName": "example.com", "organization": "Example Inc."}


def pem(key: keys.PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


RSA, OTHER = (keys.generate(2048)[1]["privateKeyPem"] for _ in range(2))
AUTHORITIES = {
    "RSA": RSA,
    "ECDSA": pem(ec.generate_private_key(ec.SECP384R1())),
    "ED25519": pem(ed25519.Ed25519PrivateKey.generate()),
}
"""Keys of authorities; those that are provided may be of any algorithm."""


def self_signed(**inputs: Any) -> tuple[str, dict[str, str], x509.Certificate]:
    identity, outputs = certificates.self_signed({**DEFAULTS, "privateKeyPem": RSA, **inputs}, NOW)
    return identity, outputs, x509.load_pem_x509_certificate(outputs["certPem"].encode())


def authority(private: str = RSA, now: datetime.datetime = NOW) -> dict[str, Any]:
    """Return the inputs of a certificate that a new authority signs."""
    inputs = {
        **DEFAULTS,
        "privateKeyPem": private,
        "isCaCertificate": True,
        "subject": SUBJECT,
        "allowedUses": ["cert_signing", "crl_signing"],
    }
    _, outputs = certificates.self_signed(inputs, now)
    return {"caCertPem": outputs["certPem"], "caPrivateKeyPem": private}


def request(**inputs: Any) -> str:
    _, outputs = certificates.request({"privateKeyPem": OTHER, **inputs})
    return outputs["certRequestPem"]


def locally_signed(**inputs: Any) -> tuple[dict[str, str], x509.Certificate]:
    _, outputs = certificates.locally_signed({**DEFAULTS, **inputs}, NOW)
    return outputs, x509.load_pem_x509_certificate(outputs["certPem"].encode())


def test_a_subject_has_its_fields_in_the_official_order() -> None:
    _, _, made = self_signed(subject=SUBJECT)
    assert made.subject == made.issuer
    assert [(each.oid, each.value) for each in made.subject] == [
        (NameOID.ORGANIZATION_NAME, "Example Inc."),
        (NameOID.COMMON_NAME, "example.com"),
    ]


def test_the_id_is_the_serial_number_and_random() -> None:
    made = [self_signed() for _ in range(20)]
    assert all(identity == str(certificate.serial_number) for identity, _, certificate in made)
    assert len({identity for identity, _, _ in made}) == 20
    assert all(0 < certificate.serial_number < 2**128 for _, _, certificate in made)


def test_the_validity_begins_now_and_lasts_as_long_as_asked() -> None:
    _, outputs, made = self_signed(validityPeriodHours=36)
    assert outputs["validityStartTime"] == "2026-03-01T12:30:15.250000Z"
    assert outputs["validityEndTime"] == "2026-03-03T00:30:15.250000Z"
    assert made.not_valid_before_utc == NOW.replace(microsecond=0)
    assert made.not_valid_after_utc == made.not_valid_before_utc + 36 * HOUR


@pytest.mark.parametrize("use", certificates.KEY_USAGES)
def test_a_key_usage_is_the_one_asked_for(use: str) -> None:
    (usage,) = certificates.usages([use])
    assert isinstance(usage, x509.KeyUsage)
    flags = certificates.KEY_USAGES
    assert {name for name, flag in flags.items() if getattr(usage, flag)} == {use}


def test_extended_key_usages_stand_beside_the_others() -> None:
    _, _, made = self_signed(allowedUses=["server_auth", "key_encipherment"])
    extended = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert list(extended.value) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert not extended.critical
    usage = made.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.key_encipherment
    assert certificates.usages([]) == []


@pytest.mark.parametrize("is_authority", [True, False])
@pytest.mark.parametrize("identified", [True, False])
def test_an_authority_says_so_and_has_an_identifier(is_authority: bool, identified: bool) -> None:
    _, _, made = self_signed(
        isCaCertificate=is_authority, setSubjectKeyId=identified, subject=SUBJECT
    )
    constraints = made.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert (constraints.value.ca, constraints.value.path_length) == (is_authority, None)
    expected = x509.SubjectKeyIdentifier.from_public_key(keys.load(RSA).public_key())
    found = [e.value for e in made.extensions if isinstance(e.value, x509.SubjectKeyIdentifier)]
    assert found == ([expected] if is_authority or identified else [])


def test_a_request_holds_what_was_asked_for() -> None:
    inputs = {"privateKeyPem": RSA, "subject": SUBJECT, "dnsNames": ["a.example.com"]}
    identity, outputs = certificates.request(inputs)
    made = x509.load_pem_x509_csr(outputs["certRequestPem"].encode())
    assert made.is_signature_valid
    assert made.subject == certificates.distinguished(SUBJECT)
    found = made.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert list(found.value) == [x509.DNSName("a.example.com")]
    assert outputs["keyAlgorithm"] == "RSA"
    again, _ = certificates.request(inputs)
    assert identity == again, "an RSA signature is the same again, and so is its hash"


@pytest.mark.parametrize("algorithm", AUTHORITIES)
def test_a_signed_certificate_takes_the_request_over(algorithm: str) -> None:
    subject, names = {"commonName": "*.apps.example.com"}, ["*.apps.example.com", "b.example.com"]
    signer = authority(AUTHORITIES[algorithm])
    outputs, made = locally_signed(
        **signer, certRequestPem=request(subject=subject, dnsNames=names)
    )
    root = x509.load_pem_x509_certificate(signer["caCertPem"].encode())
    made.verify_directly_issued_by(root)
    assert outputs["caKeyAlgorithm"] == algorithm
    assert made.subject == certificates.distinguished(subject)
    assert made.public_key() == keys.load(OTHER).public_key()
    found = made.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert found.value.get_values_for_type(x509.DNSName) == names
    assert not found.critical
    issuer = made.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    own = root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert issuer.key_identifier == own.digest


def test_names_without_a_subject_are_critical() -> None:
    _, made = locally_signed(**authority(), certRequestPem=request(dnsNames=["a.example.com"]))
    assert made.extensions.get_extension_for_class(x509.SubjectAlternativeName).critical


def test_a_request_that_was_tampered_with_is_refused() -> None:
    builder = x509.CertificateSigningRequestBuilder()
    made = builder.subject_name(certificates.distinguished(SUBJECT)).sign(
        keys.load(RSA), hashes.SHA256()
    )
    der = made.public_bytes(serialization.Encoding.DER)
    forged = x509.load_der_x509_csr(der.replace(b"Example Inc.", b"Example Ink."))
    with pytest.raises(ValueError, match="signed by its own key"):
        certificates.load_request(forged.public_bytes(serialization.Encoding.PEM).decode())


@given(
    early=st.integers(0, 100_000),
    hours=st.integers(0, 100_000),
    passed=st.floats(0, 200_000, allow_nan=False),
)
def test_a_certificate_is_due_from_its_early_renewal_on(
    early: int, hours: int, passed: float
) -> None:
    end = NOW + hours * HOUR
    state = {"validityEndTime": end.isoformat(), "earlyRenewalHours": early}
    later = NOW + passed * HOUR
    assert certificates.ready_for_renewal(state, later) is (later - end + early * HOUR >= 0 * HOUR)


def test_the_official_plugins_times_are_understood() -> None:
    state = {"validityEndTime": "2026-03-01T12:30:15.577151145Z", "earlyRenewalHours": 0}
    assert not certificates.ready_for_renewal(state, NOW)
    assert certificates.ready_for_renewal(state, NOW + HOUR)


@pytest.mark.parametrize("algorithm", AUTHORITIES)
def test_openssl_accepts_the_chain(algorithm: str, tmp_path: Path) -> None:
    moment = datetime.datetime.now(datetime.UTC)
    signer = authority(AUTHORITIES[algorithm], moment)
    wanted = request(subject={"commonName": "a"}, dnsNames=["*.apps.example.com"])
    uses = ["digital_signature", "key_encipherment", "server_auth"]
    inputs = {**DEFAULTS, **signer, "certRequestPem": wanted, "allowedUses": uses}
    _, leaf = certificates.locally_signed(inputs, moment)
    (tmp_path / "root.crt").write_text(signer["caCertPem"])
    (tmp_path / "leaf.crt").write_text(leaf["certPem"])

    def verify(host: str) -> int:
        return subprocess.run(
            ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", "root.crt",
             "-verify_hostname", host, "leaf.crt"],
            cwd=tmp_path,
            capture_output=True,
            check=False,
        ).returncode  # fmt: skip

    assert verify("hello-default.apps.example.com") == 0
    assert verify("hello.example.com") != 0
