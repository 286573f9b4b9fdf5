"""Existing random values, put into a state by what the official plugin takes for an import."""

import base64
import binascii
import uuid

from toolchain.providers.logical import Outcome
from toolchain.providers.random import values


def identifier(given: str) -> Outcome:
    """Read `<id>` or `<prefix>,<id>`."""
    prefix, _, text = given.rpartition(",")
    raw = _decoded(text, b"-_")
    identity, outputs = values.notations(raw, prefix)
    state = {"byteLength": len(raw), **outputs}
    return identity, {**state, "prefix": prefix} if prefix else state


def octets(given: str) -> Outcome:
    """Read the bytes in base64."""
    raw = _decoded(given, b"+/")
    identity, outputs = values.octets_notations(raw)
    return identity, {"length": len(raw), **outputs}


def integer(given: str) -> Outcome:
    """Read `<result>,<min>,<max>`."""
    try:
        result, low, high = map(int, given.split(","))
    except ValueError:
        raise ValueError("takes <result>,<min>,<max> as whole numbers, and no seed") from None
    return str(result), {"result": result, "min": low, "max": high}


def text(given: str) -> Outcome:
    """Read the string itself."""
    return given, {"result": given, "length": len(given)}


def password(given: str) -> Outcome:
    """Read the password itself."""
    identity, outputs = values.hashed(given)
    return identity, {"length": len(given), **outputs}


def universal(given: str) -> Outcome:
    """Read a UUID."""
    try:
        result = str(uuid.UUID(given))
    except ValueError:
        raise ValueError("takes a UUID") from None
    return result, {"result": result}


def _decoded(text: str, letters: bytes) -> bytes:
    padded = text + "=" * (-len(text) % 4)
    try:
        return base64.b64decode(padded, letters, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("takes its bytes in base64") from None
