"""Certificates and requests, as the official plugin makes them of the same inputs."""

import datetime
import secrets
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from toolchain.providers import keys
from toolchain.providers.logical import Outcome, Values

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey

SUBJECT: Final = {
    "organization": NameOID.ORGANIZATION_NAME,
    "commonName": NameOID.COMMON_NAME,
}
"""The fields of a subject in the order in which the official plugin writes them."""
KEY_USAGES: Final = {
    "digital_signature": "digital_signature",
    "key_encipherment": "key_encipherment",
    "cert_signing": "key_cert_sign",
    "crl_signing": "crl_sign",
}
EXTENDED_KEY_USAGES: Final = {"server_auth": ExtendedKeyUsageOID.SERVER_AUTH}
_NO_USAGE: Final = {
    "digital_signature": False,
    "content_commitment": False,
    "key_encipherment": False,
    "data_encipherment": False,
    "key_agreement": False,
    "key_cert_sign": False,
    "crl_sign": False,
    "encipher_only": False,
    "decipher_only": False,
}
_SERIAL_BITS: Final = 128


def load(pem: str) -> x509.Certificate:
    """Read a certificate, the first if there are several.

    Raises:
        ValueError: there is none.
    """
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        raise ValueError("takes a certificate in PEM") from None


def load_request(pem: str) -> x509.CertificateSigningRequest:
    """Read a certificate request.

    Raises:
        ValueError: there is none, or it is not signed by its own key.
    """
    try:
        request = x509.load_pem_x509_csr(pem.encode())
    except ValueError:
        raise ValueError("takes a certificate request in PEM") from None
    if not request.is_signature_valid:
        raise ValueError("takes a request that is signed by its own key")
    return request


def distinguished(subject: Values) -> x509.Name:
    """Make a distinguished name of a subject's fields.

    Raises:
        ValueError: a field is unknown, of another type, or longer than X.509 allows.
    """
    if subject.keys() - SUBJECT.keys():
        raise ValueError(f"takes {', '.join(SUBJECT)}; the official plugin takes more")
    try:
        return x509.Name(
            x509.NameAttribute(oid, subject[name])
            for name, oid in SUBJECT.items()
            if name in subject
        )
    except (TypeError, ValueError) as error:
        raise ValueError(f"is refused: {error}") from None


def alternative(dns_names: list[str]) -> list[x509.DNSName]:
    """Make alternative names.

    Raises:
        ValueError: a text is no such name.
    """
    try:
        return [x509.DNSName(name) for name in dns_names]
    except (TypeError, ValueError):
        raise ValueError("takes a list of domain names in ASCII") from None


def usages(allowed: list[str]) -> list[x509.KeyUsage | x509.ExtendedKeyUsage]:
    """Make the extensions for the uses allowed: at most one of each.

    Raises:
        ValueError: a use is unknown.
    """
    if set(allowed) - KEY_USAGES.keys() - EXTENDED_KEY_USAGES.keys():
        known = ", ".join([*KEY_USAGES, *EXTENDED_KEY_USAGES])
        raise ValueError(f"takes a list of {known}; the official plugin takes more")
    made: list[x509.KeyUsage | x509.ExtendedKeyUsage] = []
    if flags := {KEY_USAGES[use]: True for use in allowed if use in KEY_USAGES}:
        made.append(x509.KeyUsage(**{**_NO_USAGE, **flags}))
    if oids := [EXTENDED_KEY_USAGES[use] for use in allowed if use in EXTENDED_KEY_USAGES]:
        made.append(x509.ExtendedKeyUsage(oids))
    return made


def request(inputs: Values) -> Outcome:
    """Make a certificate request; return its id and computed outputs."""
    key = keys.load(inputs["privateKeyPem"])
    subject = distinguished(inputs.get("subject", {}))
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    if alternatives := alternative(inputs.get("dnsNames", [])):
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    made = builder.sign(key, keys.signature_hash(key))
    return keys.state_hash(made.public_bytes(Encoding.DER)), {
        "certRequestPem": made.public_bytes(Encoding.PEM).decode(),
        "keyAlgorithm": keys.algorithm(key),
    }


def self_signed(inputs: Values, now: datetime.datetime) -> Outcome:
    """Make a self-signed certificate valid from `now` on; return its id and computed outputs."""
    key = keys.load(inputs["privateKeyPem"])
    is_authority = inputs["isCaCertificate"]
    subject = distinguished(inputs.get("subject", {}))
    public = key.public_key()
    builder = _builder(inputs, subject, subject, public, now).add_extension(
        x509.BasicConstraints(is_authority, None), critical=True
    )
    if inputs["setSubjectKeyId"] or is_authority:
        identifier = x509.SubjectKeyIdentifier.from_public_key(public)
        builder = builder.add_extension(identifier, critical=False)
    identity, outputs = _signed(builder, key, inputs, now)
    return identity, {**outputs, "keyAlgorithm": keys.algorithm(key)}


def locally_signed(inputs: Values, now: datetime.datetime) -> Outcome:
    """Sign a request as the authority of `caCertPem`; return the id and computed outputs.

    The subject, the alternative names and the public key are the request's.

    Raises:
        ValueError: the authority's key does not match its certificate.
    """
    authority, key = load(inputs["caCertPem"]), keys.load(inputs["caPrivateKeyPem"])
    if key.public_key() != authority.public_key():
        raise ValueError("caPrivateKeyPem is not the key of caCertPem")
    wanted = load_request(inputs["certRequestPem"])
    public = wanted.public_key()
    assert isinstance(public, PublicKey)
    builder = _builder(inputs, wanted.subject, authority.subject, public, now).add_extension(
        x509.BasicConstraints(ca=False, path_length=None), critical=True
    )
    for extension in authority.extensions:
        if isinstance(extension.value, x509.SubjectKeyIdentifier):
            identifier = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
                extension.value
            )
            builder = builder.add_extension(identifier, critical=False)
    for extension in wanted.extensions:
        if isinstance(extension.value, x509.SubjectAlternativeName):
            # Without a subject nothing else says whose certificate it is (RFC 5280, 4.2.1.6).
            builder = builder.add_extension(extension.value, critical=not list(wanted.subject))
    identity, outputs = _signed(builder, key, inputs, now)
    return identity, {**outputs, "caKeyAlgorithm": keys.algorithm(key)}


def ready_for_renewal(state: Values, now: datetime.datetime) -> bool:
    """Say whether a certificate is so near its end that the next update renews it."""
    end, hours = state.get("validityEndTime"), state.get("earlyRenewalHours")
    if not isinstance(end, str) or not isinstance(hours, int):
        return False
    return now >= datetime.datetime.fromisoformat(end) - datetime.timedelta(hours=hours)


def _builder(
    inputs: Values,
    subject: x509.Name,
    issuer: x509.Name,
    key: PublicKey,
    now: datetime.datetime,
) -> x509.CertificateBuilder:
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(secrets.randbelow(2**_SERIAL_BITS - 1) + 1)
        .not_valid_before(now.replace(microsecond=0))
        .not_valid_after(_end(inputs, now).replace(microsecond=0))
    )
    for usage in usages(inputs["allowedUses"]):
        builder = builder.add_extension(usage, critical=isinstance(usage, x509.KeyUsage))
    return builder


def _end(inputs: Values, now: datetime.datetime) -> datetime.datetime:
    return now + datetime.timedelta(hours=inputs["validityPeriodHours"])


def _signed(
    builder: x509.CertificateBuilder,
    key: keys.PrivateKey,
    inputs: Values,
    now: datetime.datetime,
) -> Outcome:
    made = builder.sign(key, keys.signature_hash(key))
    return str(made.serial_number), {
        "certPem": made.public_bytes(Encoding.PEM).decode(),
        "validityEndTime": _timestamp(_end(inputs, now)),
        "validityStartTime": _timestamp(now),
    }


def _timestamp(moment: datetime.datetime) -> str:
    return moment.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")
