"""Random values, as the official plugin makes them, from the system's source of randomness."""

import base64
import secrets
import string
import uuid
from collections.abc import Mapping
from typing import Any, Final

import bcrypt

SPECIAL: Final = "!@#$%&*()-_=+[]{}<>:?"
_BCRYPT_LIMIT: Final = 72
"""bcrypt looks at no more bytes than these."""

Outcome = tuple[str, dict[str, Any]]
"""A resource's id and its computed outputs."""


def uuid4(_: Mapping[str, Any]) -> Outcome:
    """Make a random UUID."""
    result = str(uuid.uuid4())
    return result, {"result": result}


def identifier(inputs: Mapping[str, Any]) -> Outcome:
    """Make `byteLength` random bytes in four notations, each behind `prefix` but for the id."""
    raw = secrets.token_bytes(int(inputs["byteLength"]))
    url = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    notations = {
        "b64Std": base64.b64encode(raw).decode(),
        "b64Url": url,
        "dec": str(int.from_bytes(raw, "big")),
        "hex": raw.hex(),
    }
    prefix = inputs.get("prefix") or ""
    return url, {notation: prefix + text for notation, text in notations.items()}


def octets(inputs: Mapping[str, Any]) -> Outcome:
    """Make `length` random bytes, all of them secret."""
    raw = secrets.token_bytes(int(inputs["length"]))
    return base64.b64encode(raw).decode(), {
        "base64": base64.b64encode(raw).decode(),
        "hex": raw.hex(),
    }


def integer(inputs: Mapping[str, Any]) -> Outcome:
    """Make an integer from `min` to `max`, both included."""
    low, high = int(inputs["min"]), int(inputs["max"])
    result = low + secrets.randbelow(high - low + 1)
    return str(result), {"result": result}


def text(inputs: Mapping[str, Any]) -> Outcome:
    """Make a string of `length` characters of the classes allowed, with the least of each."""
    classes = {
        "Lower": string.ascii_lowercase,
        "Upper": string.ascii_uppercase,
        "Numeric": string.digits,
        "Special": inputs.get("overrideSpecial") or SPECIAL,
    }
    allowed = "".join(chars for name, chars in classes.items() if inputs[name.lower()])
    picked = [
        secrets.choice(chars)
        for name, chars in classes.items()
        for _ in range(int(inputs[f"min{name}"]))
    ]
    picked += [secrets.choice(allowed) for _ in range(int(inputs["length"]) - len(picked))]
    secrets.SystemRandom().shuffle(picked)
    result = "".join(picked)
    return result, {"result": result}


def password(inputs: Mapping[str, Any]) -> Outcome:
    """Make a string as `text` does, secret, with its bcrypt hash."""
    _, outputs = text(inputs)
    hashed = bcrypt.hashpw(outputs["result"].encode()[:_BCRYPT_LIMIT], bcrypt.gensalt(10))
    return "none", {**outputs, "bcryptHash": hashed.decode()}
