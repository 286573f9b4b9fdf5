"""Certificates and requests, as the official plugin makes them.

The inputs are those of the resources, with their defaults. A private key is given either in
`<name>` or, to stay out of the outputs, in `<name>Wo`.
"""

import datetime
import hashlib
import secrets
from collections.abc import Iterable, Mapping
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

from toolchain.providers.logical import Outcome, UnusableInputError, Values
from toolchain.providers.tls import keys, names

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
_SERIAL_BITS: Final = 128


def load_key(name: str, inputs: Values) -> keys.PrivateKey:
    """Read the private key in the input `name` or in its write-only twin."""
    given = name if name in inputs else f"{name}Wo"
    try:
        return keys.load(inputs[given])
    except keys.UnusableKeyError as error:
        raise UnusableInputError(given, str(error)) from None


def load_certificate(name: str, inputs: Values) -> x509.Certificate:
    """Read the certificate in the input `name`."""
    try:
        return x509.load_pem_x509_certificate(inputs[name].encode())
    except ValueError:
        raise UnusableInputError(name, "takes a certificate in PEM") from None


def load_request(name: str, inputs: Values) -> x509.CertificateSigningRequest:
    """Read the certificate request in the input `name`, and check its signature."""
    try:
        request = x509.load_pem_x509_csr(inputs[name].encode())
    except ValueError:
        raise UnusableInputError(name, "takes a certificate request in PEM") from None
    if not isinstance(request.public_key(), keys.PublicKey):
        raise UnusableInputError(name, f"takes a key of {', '.join(keys.ALGORITHMS)}")
    if not request.is_signature_valid:
        raise UnusableInputError(name, "is not signed by its own key")
    return request


def authority(inputs: Values) -> tuple[x509.Certificate, keys.PrivateKey]:
    """Read the authority of `caCertPem` and its key, which must belong to each other."""
    certificate = load_certificate("caCertPem", inputs)
    key = load_key("caPrivateKeyPem", inputs)
    if key.public_key() != certificate.public_key():
        raise UnusableInputError("caPrivateKeyPem", "is not the key of caCertPem")
    return certificate, key


def is_authority(certificate: x509.Certificate) -> bool:
    """Tell whether the certificate may sign others."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def usages(inputs: Values) -> list[x509.KeyUsage | x509.ExtendedKeyUsage]:
    """Make the extensions that `allowedUses` asks for: at most one of each."""
    wanted = dict.fromkeys(inputs["allowedUses"])
    known = sorted(KEY_USAGES.keys() | EXTENDED_KEY_USAGES.keys())
    if odd := [use for use in wanted if use not in known]:
        raise UnusableInputError("allowedUses", f"holds {odd[0]!r}; it takes {', '.join(known)}")
    made: list[x509.KeyUsage | x509.ExtendedKeyUsage] = []
    if flags := {KEY_USAGES[use] for use in wanted if use in KEY_USAGES}:
        try:
            made.append(x509.KeyUsage(**{flag: flag in flags for flag in KEY_USAGES.values()}))
        except ValueError as error:
            raise UnusableInputError("allowedUses", f"is refused: {error}") from None
    if oids := [EXTENDED_KEY_USAGES[use] for use in wanted if use in EXTENDED_KEY_USAGES]:
        made.append(x509.ExtendedKeyUsage(oids))
    return made


def validity_end(inputs: Values, now: datetime.datetime) -> datetime.datetime:
    """Return the moment `validityPeriodHours` after `now`."""
    try:
        return now + datetime.timedelta(hours=inputs["validityPeriodHours"])
    except OverflowError:
        raise UnusableInputError("validityPeriodHours", "reaches beyond the year 9999") from None


def request(inputs: Values) -> Outcome:
    """Make a certificate request; return its id and computed outputs."""
    key = load_key("privateKeyPem", inputs)
    subject = names.distinguished(inputs.get("subject"))
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    if alternatives := names.alternative(inputs):
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    made = builder.sign(key, keys.signature_hash(key))
    return keys.state_hash(made.public_bytes(Encoding.DER)), {
        "certRequestPem": made.public_bytes(Encoding.PEM).decode(),
        "keyAlgorithm": keys.algorithm(key),
    }


def self_signed(inputs: Values, now: datetime.datetime) -> Outcome:
    """Make a self-signed certificate valid from `now` on; return its id and computed outputs."""
    key = load_key("privateKeyPem", inputs)
    subject = names.distinguished(inputs.get("subject"))
    identifier = _key_identifier(key.public_key()) if inputs["setAuthorityKeyId"] else None
    builder = _builder(
        inputs, subject, subject, key.public_key(), names.alternative(inputs), identifier, now
    )
    identity, outputs = _signed(builder, key, inputs, now)
    return identity, {**outputs, "keyAlgorithm": keys.algorithm(key)}


def locally_signed(inputs: Values, now: datetime.datetime) -> Outcome:
    """Sign a request as the authority of `caCertPem`; return the id and computed outputs.

    The subject, the alternative names and the public key are the request's.

    Raises:
        UnusableInputError: also when the authority's key does not match its certificate.
    """
    certificate, key = authority(inputs)
    wanted = load_request("certRequestPem", inputs)
    public = wanted.public_key()
    assert isinstance(public, keys.PublicKey)
    try:
        found = wanted.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        alternatives = names.signable(found.value)
    except x509.ExtensionNotFound:
        alternatives = []
    identifier = None
    if wanted.subject != certificate.subject:
        try:
            found_id = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
            identifier = found_id.value
        except x509.ExtensionNotFound:
            pass
    builder = _builder(
        inputs, wanted.subject, certificate.subject, public, alternatives, identifier, now
    )
    identity, outputs = _signed(builder, key, inputs, now)
    return identity, {**outputs, "caKeyAlgorithm": keys.algorithm(key)}


def ready_for_renewal(state: Values, now: datetime.datetime) -> bool:
    """Tell whether a certificate is so near its end that the next update renews it."""
    end, hours = state.get("validityEndTime"), state.get("earlyRenewalHours")
    if not isinstance(end, str) or not isinstance(hours, int):
        return False
    return now >= datetime.datetime.fromisoformat(end) - datetime.timedelta(hours=hours)


def _builder(
    inputs: Values,
    subject: x509.Name,
    issuer: x509.Name,
    key: keys.PublicKey,
    alternatives: Iterable[x509.GeneralName],
    authority_identifier: x509.SubjectKeyIdentifier | None,
    now: datetime.datetime,
) -> x509.CertificateBuilder:
    is_ca, length = inputs["isCaCertificate"], inputs["maxPathLength"]
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(secrets.randbelow(2**_SERIAL_BITS - 1) + 1)
        .not_valid_before(now.replace(microsecond=0))
        .not_valid_after(validity_end(inputs, now).replace(microsecond=0))
    )
    for usage in usages(inputs):
        builder = builder.add_extension(usage, critical=isinstance(usage, x509.KeyUsage))
    constraints = x509.BasicConstraints(is_ca, length if is_ca and length >= 0 else None)
    builder = builder.add_extension(constraints, critical=True)
    if inputs["setSubjectKeyId"] or is_ca:
        builder = builder.add_extension(_key_identifier(key), critical=False)
    if authority_identifier is not None:
        identifier = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
            authority_identifier
        )
        builder = builder.add_extension(identifier, critical=False)
    if given := list(alternatives):
        # Without a subject nothing else says whose certificate it is (RFC 5280, 4.2.1.6).
        extension = x509.SubjectAlternativeName(given)
        builder = builder.add_extension(extension, critical=not list(subject))
    return builder


def _key_identifier(key: keys.PublicKey) -> x509.SubjectKeyIdentifier:
    if isinstance(key, ed25519.Ed25519PublicKey):
        # The official plugin hashes the key inside an ASN.1 octet string.
        raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        digest = hashlib.sha1(bytes([4, len(raw)]) + raw, usedforsecurity=False).digest()
        return x509.SubjectKeyIdentifier(digest)
    return x509.SubjectKeyIdentifier.from_public_key(key)


def _signed(
    builder: x509.CertificateBuilder,
    key: keys.PrivateKey,
    inputs: Mapping[str, Any],
    now: datetime.datetime,
) -> Outcome:
    made = builder.sign(key, keys.signature_hash(key))
    return str(made.serial_number), {
        "certPem": made.public_bytes(Encoding.PEM).decode(),
        # A certificate that is due already is renewed by the next update, not said to be due now.
        "readyForRenewal": False,
        "validityEndTime": _timestamp(validity_end(inputs, now)),
        "validityStartTime": _timestamp(now),
    }


def _timestamp(moment: datetime.datetime) -> str:
    return moment.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")
