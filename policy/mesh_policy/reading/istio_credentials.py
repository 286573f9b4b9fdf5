"""Credentials of gateways as istiod reads them: which secret a name means, and what it holds."""

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from mesh_policy.reading.objects import Object
from mesh_policy.reading.values import UNKNOWN, at, items, text

_SECRETS: Final = "kubernetes://"
_OTHERS: Final = ("kubernetes-gateway://", "configmap://", "builtin://", "invalid://")
"""What is no secret that a Gateway of Istio may name, or none at all."""
AUTHORITY_SUFFIX: Final = "-cacert"
"""How the name of the secret ends that holds the clients' authority, if one of its own does."""
MUTUAL_MODES: Final = ("MUTUAL", "OPTIONAL_MUTUAL")
"""The modes in which clients are asked for a certificate."""
_PAIRS: Final = (("cert", "key"), ("tls.crt", "tls.key"))
_AUTHORITIES: Final = ("cacert", "ca.crt")


class SecretName(NamedTuple):
    """The secret that a credential's name means."""

    namespace: str
    name: str


class Served(NamedTuple):
    """A certificate and its key, each with its entry: UNKNOWN where not known, None if not there.

    What is no text in base64 is an empty one.
    """

    certificate_entry: str
    certificate: Any
    key_entry: str
    key: Any


def credentials(gateway: Object) -> Iterator[tuple[str, Any]]:
    """List the names of the credentials of a Gateway's servers with their paths."""
    for index, server in enumerate(items(gateway.get("spec", "servers"))):
        tls, path = at(server, "tls"), f"spec.servers[{index}].tls"
        yield f"{path}.credentialName", at(tls, "credentialName")
        for position, name in enumerate(items(at(tls, "credentialNames"))):
            yield f"{path}.credentialNames[{position}]", name


def secret_name(credential: Any, namespace: str) -> SecretName | None:
    """Return the secret that a credential's name means to gateways of a namespace, if one."""
    written = text(credential)
    if not written or written.startswith(_OTHERS):
        return None
    first, slash, second = written.removeprefix(_SECRETS).partition("/")
    if not slash or not written.startswith(_SECRETS):
        return SecretName(namespace, written.removeprefix(_SECRETS))
    return SecretName(first, second.partition("/")[0])


def served(secret: Mapping[str, Any]) -> Served:
    """Return the pair of a Secret's entries that gateways serve.

    `cert` and `key` come first, if both are there; where neither pair is whole, it is that of which
    something is there.
    """
    found = [
        Served(crt, entry(secret, crt), key, entry(secret, key))
        for crt, key in (_PAIRS if _has_entries(secret) else _PAIRS[1:])
    ]
    whole = [each for each in found if each.certificate and each.key]
    part = [each for each in found if each.certificate is not None or each.key is not None]
    # An unknown value may be an empty one, or not: it is taken as what it is meant to be.
    return (whole or part[::-1] or found[::-1])[0]


def clients_authority(secret: Mapping[str, Any]) -> Any:
    """Return the certificates that clients must be signed by: UNKNOWN or None where not there."""
    for key in _AUTHORITIES:
        if found := entry(secret, key):
            return found
    return None


def _has_entries(secret: Mapping[str, Any]) -> bool:
    return UNKNOWN not in (at(secret, "data"), at(secret, "stringData"))


def entry(secret: Mapping[str, Any], key: str) -> Any:
    """Return an entry of a Secret, decoded: None where there is none, UNKNOWN where not known."""
    plain, coded = at(secret, "stringData", key), at(secret, "data", key)
    if plain is UNKNOWN or (coded is UNKNOWN and not isinstance(plain, str)):
        return UNKNOWN
    if isinstance(plain, str):
        return plain
    return None if coded is None else decoded(coded)


def decoded(coded: Any) -> str:
    """Decode a text in base64; anything else is an empty text."""
    try:
        return base64.b64decode(text(coded)).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""
