"""Distinguished names and alternative names, in the official plugin's order."""

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from toolchain.providers.logical import UnusableInputError

SUBJECT: Final = {
    "country": NameOID.COUNTRY_NAME,
    "organization": NameOID.ORGANIZATION_NAME,
    "organizationalUnit": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "locality": NameOID.LOCALITY_NAME,
    "province": NameOID.STATE_OR_PROVINCE_NAME,
    "streetAddresses": NameOID.STREET_ADDRESS,
    "postalCode": NameOID.POSTAL_CODE,
    "commonName": NameOID.COMMON_NAME,
    "serialNumber": NameOID.SERIAL_NUMBER,
    "emailAddress": NameOID.EMAIL_ADDRESS,
}
"""The fields of a subject in the order in which they are written."""
ALTERNATIVES: Final[dict[str, Callable[[str], x509.GeneralName]]] = {
    "dnsNames": x509.DNSName,
    "ipAddresses": lambda text: x509.IPAddress(ipaddress.ip_address(text)),
    "uris": x509.UniformResourceIdentifier,
}
"""The inputs that make up a subjectAltName, in the order in which they are written."""


def distinguished(subject: Mapping[str, Any] | None) -> x509.Name:
    """Make a distinguished name of the subject's fields; several streets stand side by side.

    Raises:
        UnusableInputError: a field is unknown, of another type, or longer than X.509 allows.
    """
    fields = subject or {}
    if odd := sorted(fields.keys() - SUBJECT.keys()):
        raise UnusableInputError(f"subject.{odd[0]}", f"is none of {', '.join(SUBJECT)}")
    parts = []
    for field, oid in SUBJECT.items():
        value = fields.get(field)
        texts: list[str] = value or [] if field == "streetAddresses" else [value] if value else []
        try:
            attributes = [x509.NameAttribute(oid, text) for text in texts]
        except (TypeError, ValueError) as error:
            raise UnusableInputError(f"subject.{field}", f"is refused: {error}") from None
        if attributes:
            parts.append(x509.RelativeDistinguishedName(attributes))
    return x509.Name(parts)


def alternative(inputs: Mapping[str, Any]) -> list[x509.GeneralName]:
    """Collect the alternative names of the inputs in `ALTERNATIVES`.

    Raises:
        UnusableInputError: a text is no such name.
    """
    names = []
    for field, make in ALTERNATIVES.items():
        for text in inputs.get(field) or []:
            try:
                if not text:
                    raise ValueError("it is empty")
                names.append(make(text))
            except ValueError as error:
                raise UnusableInputError(field, f"holds {text!r}, which is none: {error}") from None
    return names


def signable(names: Iterable[x509.GeneralName]) -> list[x509.GeneralName]:
    """Keep the kinds of names that a signed certificate takes over from its request."""
    kinds = (x509.DNSName, x509.IPAddress, x509.UniformResourceIdentifier)
    given = list(names)
    return [name for kind in kinds for name in given if isinstance(name, kind)]
