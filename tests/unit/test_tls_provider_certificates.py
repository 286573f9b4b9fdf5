"""Certificates and requests of the stand-in `tls`, read back with the cryptography library."""

import datetime
import ipaddress
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from toolchain.providers.logical import UnusableInputError
from toolchain.providers.tls import certificates, keys, names

NOW = datetime.datetime(2026, 3, 1, 12, 30, 15, 250_000, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)
DEFAULTS = {
    "earlyRenewalHours": 0,
    "isCaCertificate": False,
    "maxPathLength": -1,
    "setAuthorityKeyId": False,
    "setSubjectKeyId": False,
    "validityPeriodHours": 24,
    "allowedUses": [],
}
SUBJECT = {
    "commonName": "example.com",
    "country": "DE",
    "emailAddress": "root@example.com",
    "locality": "Berlin",
    "organization": "Example Inc.",
    "organizationalUnit": "Mesh",
    "postalCode": "10115",
    "province": "Berlin",
    "serialNumber": "42",
    "streetAddresses": ["1 Main Street", "2 Side Street"],
}


def key(algorithm: str = "ECDSA", curve: str = "P256") -> str:
    _, forms = keys.describe(keys.generate(algorithm, rsa_bits=2048, ecdsa_curve=curve))
    return str(forms["privateKeyPem"])


KEYS = {name: key(*name) for name in (("RSA", ""), ("ECDSA", "P384"), ("ED25519", ""))}


def self_signed(**inputs: Any) -> tuple[str, dict[str, Any], x509.Certificate]:
    given_inputs = {**DEFAULTS, "privateKeyPem": KEYS["ECDSA", "P384"], **inputs}
    identity, outputs = certificates.self_signed(given_inputs, NOW)
    return identity, outputs, x509.load_pem_x509_certificate(outputs["certPem"].encode())


def authority(**inputs: Any) -> dict[str, Any]:
    """Return the inputs of a certificate that a new authority signs."""
    _, outputs, _ = self_signed(
        **{"isCaCertificate": True, "subject": SUBJECT, "allowedUses": ["cert_signing"], **inputs}
    )
    private = inputs.get("privateKeyPem", KEYS["ECDSA", "P384"])
    return {"caCertPem": outputs["certPem"], "caPrivateKeyPem": private}


def request(**inputs: Any) -> str:
    _, outputs = certificates.request({"privateKeyPem": KEYS["RSA", ""], **inputs})
    return str(outputs["certRequestPem"])


def locally_signed(**inputs: Any) -> tuple[str, dict[str, Any], x509.Certificate]:
    identity, outputs = certificates.locally_signed({**DEFAULTS, **inputs}, NOW)
    return identity, outputs, x509.load_pem_x509_certificate(outputs["certPem"].encode())


def test_a_subject_has_every_field_in_the_official_order() -> None:
    _, _, made = self_signed(subject=SUBJECT)
    assert made.subject == made.issuer
    assert [[(a.oid, a.value) for a in rdn] for rdn in made.subject.rdns] == [
        [(NameOID.COUNTRY_NAME, "DE")],
        [(NameOID.ORGANIZATION_NAME, "Example Inc.")],
        [(NameOID.ORGANIZATIONAL_UNIT_NAME, "Mesh")],
        [(NameOID.LOCALITY_NAME, "Berlin")],
        [(NameOID.STATE_OR_PROVINCE_NAME, "Berlin")],
        [
            (NameOID.STREET_ADDRESS, "1 Main Street"),
            (NameOID.STREET_ADDRESS, "2 Side Street"),
        ],
        [(NameOID.POSTAL_CODE, "10115")],
        [(NameOID.COMMON_NAME, "example.com")],
        [(NameOID.SERIAL_NUMBER, "42")],
        [(NameOID.EMAIL_ADDRESS, "root@example.com")],
    ]


@pytest.mark.parametrize(
    ("spec", "algorithm", "oid"),
    [
        (("RSA", ""), "RSA", x509.SignatureAlgorithmOID.RSA_WITH_SHA256),
        (("ECDSA", "P384"), "ECDSA", x509.SignatureAlgorithmOID.ECDSA_WITH_SHA384),
        (("ED25519", ""), "ED25519", x509.SignatureAlgorithmOID.ED25519),
    ],
)
def test_each_algorithm_signs(
    spec: tuple[str, str], algorithm: str, oid: x509.ObjectIdentifier
) -> None:
    _, outputs, made = self_signed(privateKeyPem=KEYS[spec])
    assert outputs["keyAlgorithm"] == algorithm
    assert made.signature_algorithm_oid == oid
    made.verify_directly_issued_by(made)


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


def test_a_validity_beyond_all_calendars_names_its_input() -> None:
    with pytest.raises(UnusableInputError, match="validityPeriodHours"):
        self_signed(validityPeriodHours=10**9)


@given(st.lists(st.sampled_from(sorted(certificates.KEY_USAGES)), unique=True))
def test_key_usages_are_those_asked_for(uses: list[str]) -> None:
    # X.509 gives the last two a meaning only beside key_agreement.
    if {"encipher_only", "decipher_only"} & set(uses):
        uses = [*uses, "key_agreement"]
    (usage,) = certificates.usages({"allowedUses": uses}) or (None,)
    if usage is None:
        assert uses == []
        return
    assert isinstance(usage, x509.KeyUsage)
    flags = {
        name
        for name, flag in certificates.KEY_USAGES.items()
        if (flag not in ("encipher_only", "decipher_only") or usage.key_agreement)
        and getattr(usage, flag)
    }
    assert flags == set(uses)


def test_extended_key_usages_keep_their_order_and_stand_beside_the_others() -> None:
    _, _, made = self_signed(allowedUses=["server_auth", "key_encipherment", "client_auth"])
    extended = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert list(extended.value) == [
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.CLIENT_AUTH,
    ]
    assert not extended.critical
    usage = made.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.key_encipherment
    assert not usage.value.digital_signature


def test_every_documented_use_is_known() -> None:
    documented = {
        "any_extended", "cert_signing", "client_auth", "code_signing", "content_commitment",
        "crl_signing", "data_encipherment", "decipher_only", "digital_signature",
        "email_protection", "encipher_only", "ipsec_end_system", "ipsec_tunnel", "ipsec_user",
        "key_agreement", "key_encipherment", "microsoft_commercial_code_signing",
        "microsoft_kernel_code_signing", "microsoft_server_gated_crypto",
        "netscape_server_gated_crypto", "ocsp_signing", "server_auth", "timestamping",
    }  # fmt: skip
    assert certificates.KEY_USAGES.keys() | certificates.EXTENDED_KEY_USAGES.keys() == documented


@pytest.mark.parametrize("uses", [["server-auth"], ["decipher_only"]])
def test_uses_that_can_not_be_are_refused(uses: list[str]) -> None:
    with pytest.raises(UnusableInputError, match="allowedUses"):
        certificates.usages({"allowedUses": uses})


@pytest.mark.parametrize(
    ("is_ca", "length", "found"),
    [(False, -1, None), (True, -1, None), (True, 0, 0), (True, 2, 2), (False, 2, None)],
)
def test_basic_constraints(is_ca: bool, length: int, found: int | None) -> None:
    _, _, made = self_signed(isCaCertificate=is_ca, maxPathLength=length, subject=SUBJECT)
    constraints = made.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert (constraints.value.ca, constraints.value.path_length) == (is_ca, found)
    assert certificates.is_authority(made) is is_ca


@pytest.mark.parametrize("spec", KEYS)
def test_key_identifiers(spec: tuple[str, str]) -> None:
    def ids(**inputs: Any) -> tuple[bytes | None, bytes | None]:
        _, _, made = self_signed(privateKeyPem=KEYS[spec], subject=SUBJECT, **inputs)
        subject = [
            e.value for e in made.extensions if isinstance(e.value, x509.SubjectKeyIdentifier)
        ]
        issuer = [
            e.value for e in made.extensions if isinstance(e.value, x509.AuthorityKeyIdentifier)
        ]
        return (
            subject[0].digest if subject else None,
            issuer[0].key_identifier if issuer else None,
        )

    public = keys.load(KEYS[spec]).public_key()
    standard = x509.SubjectKeyIdentifier.from_public_key(public).digest
    assert ids() == (None, None)
    own, issuer = ids(setSubjectKeyId=True)
    assert issuer is None
    # The official plugin hashes an Ed25519 key together with its ASN.1 header.
    assert (own == standard) is (spec[0] != "ED25519")
    assert ids(isCaCertificate=True) == (own, None)
    assert ids(isCaCertificate=True, setAuthorityKeyId=True) == (own, own)


def test_alternative_names_of_every_kind_in_order() -> None:
    given_names = {
        "uris": ["spiffe://example.com/ns/a"],
        "dnsNames": ["*.apps.example.com", "example.com"],
        "ipAddresses": ["127.0.0.1", "::1"],
    }
    expected = [
        x509.DNSName("*.apps.example.com"),
        x509.DNSName("example.com"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.IPAddress(ipaddress.ip_address("::1")),
        x509.UniformResourceIdentifier("spiffe://example.com/ns/a"),
    ]
    for subject, critical in ((SUBJECT, False), (None, True)):
        _, _, made = self_signed(subject=subject, **given_names)
        found = made.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        assert list(found.value) == expected
        assert found.critical is critical


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("dnsNames", ["exämple.com"]),
        ("dnsNames", [""]),
        ("ipAddresses", ["127.0.0.256"]),
        ("ipAddresses", ["localhost"]),
        ("uris", ["https://exämple.com"]),
    ],
)
def test_a_name_that_is_none_is_refused_by_its_input(field: str, value: list[str]) -> None:
    with pytest.raises(UnusableInputError) as refused:
        names.alternative({field: value})
    assert refused.value.name == field
    assert repr(value[0]) in refused.value.reason


@pytest.mark.parametrize(
    "subject",
    [
        {"country": "Germany"},
        {"commonName": "x" * 65},
        {"commonName": 5},
        {"streetAddresses": [5]},
        {"common_name": "example.com"},
    ],
)
def test_a_subject_that_is_none_is_refused_by_its_field(subject: dict[str, Any]) -> None:
    with pytest.raises(UnusableInputError) as refused:
        names.distinguished(subject)
    assert refused.value.name == f"subject.{next(iter(subject))}"


def test_a_request_holds_what_was_asked_for() -> None:
    inputs = {"privateKeyPem": KEYS["RSA", ""], "subject": SUBJECT, "dnsNames": ["a.example.com"]}
    identity, outputs = certificates.request(inputs)
    made = x509.load_pem_x509_csr(outputs["certRequestPem"].encode())
    assert made.is_signature_valid
    assert made.subject == names.distinguished(SUBJECT)
    found = made.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert list(found.value) == [x509.DNSName("a.example.com")]
    assert outputs["keyAlgorithm"] == "RSA"
    again, _ = certificates.request(inputs)
    assert identity == again, "an RSA signature is the same again, and so is its hash"
    assert identity == keys.state_hash(made.public_bytes(serialization.Encoding.DER))


def test_a_signed_certificate_takes_the_request_over() -> None:
    wanted = request(
        subject={"commonName": "*.apps.example.com"},
        dnsNames=["*.apps.example.com"],
        ipAddresses=["10.0.0.1"],
        uris=["spiffe://a/b"],
    )
    signer = authority()
    _, outputs, made = locally_signed(**signer, certRequestPem=wanted, allowedUses=["server_auth"])
    root = x509.load_pem_x509_certificate(signer["caCertPem"].encode())
    made.verify_directly_issued_by(root)
    assert outputs["caKeyAlgorithm"] == "ECDSA"
    assert made.subject == names.distinguished({"commonName": "*.apps.example.com"})
    assert made.public_key() == keys.load(KEYS["RSA", ""]).public_key()
    found = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [name.value for name in found] == [
        "*.apps.example.com",
        ipaddress.ip_address("10.0.0.1"),
        "spiffe://a/b",
    ]
    issuer = made.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    own = root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert issuer.key_identifier == own.digest


def test_names_of_other_kinds_stay_in_the_request() -> None:
    builder = x509.CertificateSigningRequestBuilder().subject_name(names.distinguished(SUBJECT))
    alternatives = x509.SubjectAlternativeName(
        [x509.RFC822Name("a@example.com"), x509.DNSName("a.example.com")]
    )
    private = keys.load(KEYS["ECDSA", "P384"])
    wanted = builder.add_extension(alternatives, critical=True).sign(private, hashes.SHA256())
    pem = wanted.public_bytes(serialization.Encoding.PEM).decode()
    _, _, made = locally_signed(**authority(), certRequestPem=pem)
    found = made.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert list(found.value) == [x509.DNSName("a.example.com")]
    assert not found.critical


def test_an_authority_of_the_same_name_is_not_identified() -> None:
    _, _, made = locally_signed(**authority(), certRequestPem=request(subject=SUBJECT))
    with pytest.raises(x509.ExtensionNotFound):
        made.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)


def test_a_key_of_another_authority_is_refused() -> None:
    signer = {**authority(), "caPrivateKeyPem": KEYS["ED25519", ""]}
    with pytest.raises(UnusableInputError, match="caPrivateKeyPem is not the key of caCertPem"):
        locally_signed(**signer, certRequestPem=request(subject=SUBJECT))


def test_a_request_that_was_tampered_with_is_refused() -> None:
    builder = x509.CertificateSigningRequestBuilder().subject_name(names.distinguished(SUBJECT))
    made = builder.sign(keys.load(KEYS["ECDSA", "P384"]), hashes.SHA256())
    der = made.public_bytes(serialization.Encoding.DER)
    forged = x509.load_der_x509_csr(der.replace(b"Example Inc.", b"Example Ink."))
    pem = forged.public_bytes(serialization.Encoding.PEM).decode()
    with pytest.raises(UnusableInputError, match="certRequestPem is not signed by its own key"):
        locally_signed(**authority(), certRequestPem=pem)


@pytest.mark.parametrize("name", ["caCertPem", "certRequestPem", "caPrivateKeyPem"])
def test_text_that_is_no_pem_is_refused_by_its_input(name: str) -> None:
    inputs = {**authority(), "certRequestPem": request(subject=SUBJECT), name: "no PEM"}
    with pytest.raises(UnusableInputError) as refused:
        locally_signed(**inputs)
    assert refused.value.name == name
    assert "PEM" in refused.value.reason


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


def test_a_new_certificate_is_never_said_to_be_due() -> None:
    _, outputs, _ = self_signed(validityPeriodHours=1, earlyRenewalHours=2)
    assert outputs["readyForRenewal"] is False
    assert certificates.ready_for_renewal({**outputs, "earlyRenewalHours": 2}, NOW)


def test_the_official_plugins_times_are_understood() -> None:
    state = {"validityEndTime": "2026-03-01T12:30:15.577151145Z", "earlyRenewalHours": 0}
    assert not certificates.ready_for_renewal(state, NOW)
    assert certificates.ready_for_renewal(state, NOW + HOUR)


@pytest.mark.parametrize("spec", KEYS)
def test_openssl_accepts_the_chain(spec: tuple[str, str], tmp_path: Path) -> None:
    signer = authority(privateKeyPem=KEYS[spec])
    moment = datetime.datetime.now(datetime.UTC)
    _, root = certificates.self_signed(
        {
            **DEFAULTS,
            "privateKeyPem": KEYS[spec],
            "isCaCertificate": True,
            "maxPathLength": 0,
            "subject": SUBJECT,
            "allowedUses": ["cert_signing", "crl_signing"],
        },
        moment,
    )
    signer["caCertPem"] = root["certPem"]
    wanted = request(subject={"commonName": "a"}, dnsNames=["*.apps.example.com"])
    uses = ["digital_signature", "key_encipherment", "server_auth"]
    inputs = {**DEFAULTS, **signer, "certRequestPem": wanted, "allowedUses": uses}
    _, leaf = certificates.locally_signed(inputs, moment)
    (tmp_path / "root.crt").write_text(root["certPem"])
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
