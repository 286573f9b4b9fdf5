"""Certificates and requests, as the official plugin makes them."""

import datetime
import hashlib
import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from toolchain.providers.tls import keys

KEY_USAGES: Final = {
    "digital_signature": "digital_signature",
    "content_commitment": "content_commitment",
    "key_encipherment": "key_encipherment",
    "data_encipherment": "data_encipherment",
    "key_agreement": "key_agreement",
    "cert_signing": "key_cert_sign",
    "crl_signing": "crl_sign",
    "encipher_only": "encipher_only",
    "decipher_only": "decipher_only",
}
EXTENDED_KEY_USAGES: Final = {
    "any_extended": ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    "client_auth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "code_signing": ExtendedKeyUsageOID.CODE_SIGNING,
    "email_protection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "ipsec_end_system": ObjectIdentifier("1.3.6.1.5.5.7.3.5"),
    "ipsec_tunnel": ObjectIdentifier("1.3.6.1.5.5.7.3.6"),
    "ipsec_user": ObjectIdentifier("1.3.6.1.5.5.7.3.7"),
    "microsoft_commercial_code_signing": ObjectIdentifier("1.3.6.1.4.1.311.2.1.22"),
    "microsoft_kernel_code_signing": ObjectIdentifier("1.3.6.1.4.1.311.61.1.1"),
    "microsoft_server_gated_crypto": ObjectIdentifier("1.3.6.1.4.1.311.10.3.3"),
    "netscape_server_gated_crypto": ObjectIdentifier("2.16.840.1.113730.4.1"),
    "ocsp_signing": ExtendedKeyUsageOID.OCSP_SIGNING,
    "server_auth": ExtendedKeyUsageOID.SERVER_AUTH,
    "timestamping": ExtendedKeyUsageOID.TIME_STAMPING,
}
_SUBJECT: Final = (
    ("country", NameOID.COUNTRY_NAME),
    ("organization", NameOID.ORGANIZATION_NAME),
    ("organizationalUnit", NameOID.ORGANIZATIONAL_UNIT_NAME),
    ("locality", NameOID.LOCALITY_NAME),
    ("province", NameOID.STATE_OR_PROVINCE_NAME),
    ("streetAddresses", NameOID.STREET_ADDRESS),
    ("postalCode", NameOID.POSTAL_CODE),
    ("commonName", NameOID.COMMON_NAME),
    ("serialNumber", NameOID.SERIAL_NUMBER),
    ("emailAddress", NameOID.EMAIL_ADDRESS),
)
"""The subject's fields in the order in which the official plugin's library writes them."""


class UnusableInputError(ValueError):
    """An input can't be used; says which one and why."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name} {reason}")
        self.name = name
        self.reason = reason


def name(subject: Mapping[str, Any] | None) -> x509.Name:
    """Make a distinguished name of the subject's fields."""
    attributes = []
    for field, oid in _SUBJECT:
        value = (subject or {}).get(field)
        for text in value if isinstance(value, list) else [value] if value else []:
            try:
                attributes.append(x509.NameAttribute(oid, text))
            except ValueError as error:
                raise UnusableInputError(f"subject.{field}", f"is refused: {error}") from None
    return x509.Name(attributes)


def alternative_names(inputs: Mapping[str, Any]) -> list[x509.GeneralName]:
    """Collect the subjectAltName of `dnsNames`, `ipAddresses` and `uris`."""
    names: list[x509.GeneralName] = []
    for field, make in (
        ("dnsNames", x509.DNSName),
        ("ipAddresses", lambda text: x509.IPAddress(ipaddress.ip_address(text))),
        ("uris", x509.UniformResourceIdentifier),
    ):
        for text in inputs.get(field) or []:
            try:
                names.append(make(text))
            except ValueError as error:
                raise UnusableInputError(field, f"holds {text!r}, which is none: {error}") from None
    return names


def load_key(field: str, inputs: Mapping[str, Any]) -> keys.PrivateKey:
    """Read the private key in the input `field`."""
    try:
        return keys.load(inputs[field])
    except keys.UnusableKeyError as error:
        raise UnusableInputError(field, str(error)) from None


def load_certificate(field: str, inputs: Mapping[str, Any]) -> x509.Certificate:
    """Read the certificate in the input `field`."""
    try:
        return x509.load_pem_x509_certificate(inputs[field].encode())
    except ValueError as error:
        raise UnusableInputError(field, f"takes a certificate in PEM: {error}") from None


def load_request(field: str, inputs: Mapping[str, Any]) -> x509.CertificateSigningRequest:
    """Read the certificate request in the input `field`, its signature checked."""
    try:
        request = x509.load_pem_x509_csr(inputs[field].encode())
    except ValueError as error:
        raise UnusableInputError(field, f"takes a request in PEM: {error}") from None
    if not request.is_signature_valid:
        raise UnusableInputError(field, "is not signed by its own key")
    return request


def request(inputs: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Make a certificate request; return its id and computed outputs."""
    key = load_key("privateKeyPem", inputs)
    builder = x509.CertificateSigningRequestBuilder().subject_name(name(inputs.get("subject")))
    if names := alternative_names(inputs):
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    made = builder.sign(key, _hash(key))
    identity = hashlib.sha1(made.public_bytes(Encoding.DER).strip(), usedforsecurity=False)
    pem = made.public_bytes(Encoding.PEM).decode()
    return identity.hexdigest(), {"certRequestPem": pem, "keyAlgorithm": keys.algorithm(key)}


def self_signed(inputs: Mapping[str, Any], now: datetime.datetime) -> tuple[str, dict[str, Any]]:
    """Make a self-signed certificate valid from `now` on; return its id and computed outputs."""
    key = load_key("privateKeyPem", inputs)
    subject = name(inputs.get("subject"))
    builder = _builder(inputs, subject, subject, key.public_key(), now)
    if names := alternative_names(inputs):
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if inputs["setAuthorityKeyId"]:
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
        builder = builder.add_extension(identifier, critical=False)
    made = builder.sign(key, _hash(key))
    return str(made.serial_number), {
        **_outputs(made, inputs, now),
        "keyAlgorithm": keys.algorithm(key),
    }


def locally_signed(inputs: Mapping[str, Any], now: datetime.datetime) -> tuple[str, dict[str, Any]]:
    """Sign a request as the authority of `caCertPem`; return the id and computed outputs.

    The subject, the names and the public key are the request's.

    Raises:
        UnusableInputError: also when the authority's key does not match its certificate.
    """
    authority = load_certificate("caCertPem", inputs)
    key = load_key("caPrivateKeyPem", inputs)
    if key.public_key() != authority.public_key():
        raise UnusableInputError("caPrivateKeyPem", "is not the key of caCertPem")
    wanted = load_request("certRequestPem", inputs)
    public = wanted.public_key()
    assert isinstance(public, keys.PublicKey)
    builder = _builder(inputs, wanted.subject, authority.subject, public, now)
    try:
        names = wanted.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        builder = builder.add_extension(names.value, names.critical)
    except x509.ExtensionNotFound:
        pass
    try:
        found = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(found.value)
        builder = builder.add_extension(identifier, critical=False)
    except x509.ExtensionNotFound:
        pass
    made = builder.sign(key, _hash(key))
    return str(made.serial_number), {
        **_outputs(made, inputs, now),
        "caKeyAlgorithm": keys.algorithm(key),
    }


def ready_for_renewal(state: Mapping[str, Any], early_hours: float, now: datetime.datetime) -> bool:
    """Tell whether a certificate is so near its end that the next update renews it."""
    try:
        end = datetime.datetime.fromisoformat(state["validityEndTime"])
    except (KeyError, TypeError, ValueError):
        return False
    return now >= end - datetime.timedelta(hours=early_hours)


def _builder(
    inputs: Mapping[str, Any],
    subject: x509.Name,
    issuer: x509.Name,
    key: keys.PublicKey,
    now: datetime.datetime,
) -> x509.CertificateBuilder:
    authority = bool(inputs["isCaCertificate"])
    length = inputs.get("maxPathLength")
    path_length = int(length) if authority and length is not None and length >= 0 else None
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(hours=inputs["validityPeriodHours"]))
        .add_extension(x509.BasicConstraints(authority, path_length), critical=True)
    )
    for usage in _usages(inputs["allowedUses"]):
        builder = builder.add_extension(usage, critical=isinstance(usage, x509.KeyUsage))
    if inputs["setSubjectKeyId"] or authority:
        identifier = x509.SubjectKeyIdentifier.from_public_key(key)
        builder = builder.add_extension(identifier, critical=False)
    return builder


def _usages(allowed: Iterable[str]) -> list[x509.KeyUsage | x509.ExtendedKeyUsage]:
    wanted = list(dict.fromkeys(allowed))
    usages: list[x509.KeyUsage | x509.ExtendedKeyUsage] = []
    if flags := {KEY_USAGES[use] for use in wanted if use in KEY_USAGES}:
        try:
            usages.append(x509.KeyUsage(**{flag: flag in flags for flag in KEY_USAGES.values()}))
        except ValueError as error:
            raise UnusableInputError("allowedUses", f"is refused: {error}") from None
    if oids := [EXTENDED_KEY_USAGES[use] for use in wanted if use in EXTENDED_KEY_USAGES]:
        usages.append(x509.ExtendedKeyUsage(oids))
    return usages


def _outputs(
    made: x509.Certificate, inputs: Mapping[str, Any], now: datetime.datetime
) -> dict[str, Any]:
    start, end = (
        time.strftime("%Y-%m-%dT%H:%M:%SZ")
        for time in (made.not_valid_before_utc, made.not_valid_after_utc)
    )
    times = {"validityStartTime": start, "validityEndTime": end}
    return {
        "certPem": made.public_bytes(Encoding.PEM).decode(),
        **times,
        "readyForRenewal": ready_for_renewal(times, inputs["earlyRenewalHours"], now),
    }


def _hash(key: keys.PrivateKey) -> hashes.SHA256 | None:
    return None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
