"""Random values, as the official plugin makes them, from the system's source of randomness.

Each function takes the inputs of its resource, with their defaults.
"""

import base64
import secrets
import string
import time
import uuid
from collections.abc import Callable
from typing import Any, Final

import bcrypt

from toolchain.providers.logical import Outcome, Values

SPECIAL: Final = "!@#$%&*()-_=+[]{}<>:?"
CLASSES: Final = ("lower", "upper", "numeric", "special")
_BCRYPT_LIMIT: Final = 72
"""bcrypt looks at no more bytes than these."""
_BCRYPT_COST: Final = 10


def uuid4(_: Values) -> Outcome:
    """Make a random UUID."""
    result = str(uuid.uuid4())
    return result, {"result": result}


def uuid7(_: Values, now: Callable[[], int] = time.time_ns) -> Outcome:
    """Make a UUID that begins with the time (RFC 9562, 5.7); `now` in nanoseconds since 1970."""
    moment = now() // 1_000_000
    value = moment << 80 | 0x7 << 76 | secrets.randbits(12) << 64
    value |= 0b10 << 62 | secrets.randbits(62)
    result = str(uuid.UUID(int=value))
    return result, {"result": result}


def identifier(inputs: Values) -> Outcome:
    """Make `byteLength` random bytes in four notations, each behind `prefix` but for the id."""
    return notations(secrets.token_bytes(inputs["byteLength"]), inputs.get("prefix") or "")


def notations(raw: bytes, prefix: str) -> Outcome:
    """Write bytes in four notations, each behind `prefix` but for the id."""
    url = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    forms = {
        "b64Std": base64.b64encode(raw).decode(),
        "b64Url": url,
        "dec": str(int.from_bytes(raw, "big")),
        "hex": raw.hex(),
    }
    return url, {notation: prefix + text for notation, text in forms.items()}


def octets(inputs: Values) -> Outcome:
    """Make `length` random bytes."""
    return octets_notations(secrets.token_bytes(inputs["length"]))


def octets_notations(raw: bytes) -> Outcome:
    """Write bytes in two notations; as with the official plugin, the id is one of them."""
    text = base64.b64encode(raw).decode()
    return text, {"base64": text, "hex": raw.hex()}


def integer(inputs: Values) -> Outcome:
    """Make an integer from `min` to `max`, both included."""
    result = inputs["min"] + secrets.randbelow(inputs["max"] - inputs["min"] + 1)
    return str(result), {"result": result}


def shuffled(inputs: Values) -> Outcome:
    """Make permutations of `inputs`, one after another, until there are `resultCount` results."""
    given = inputs["inputs"]
    count = inputs.get("resultCount") or len(given)
    results: list[str] = []
    while given and len(results) < count:
        results += secrets.SystemRandom().sample(given, len(given))
    return "-", {"results": results[:count]}


def text(inputs: Values) -> Outcome:
    """Make a string of `length` characters of the classes allowed, with the least of each."""
    result = _text(inputs)
    return result, {"result": result}


def password(inputs: Values) -> Outcome:
    """Make a string as `text` does, with its bcrypt hash and an id that says nothing."""
    return hashed(_text(inputs))


def hashed(result: str) -> Outcome:
    """Return a password's outputs."""
    salt = bcrypt.gensalt(_BCRYPT_COST, prefix=b"2a")
    digest = bcrypt.hashpw(result.encode()[:_BCRYPT_LIMIT], salt)
    return "none", {"bcryptHash": digest.decode(), "result": result}


def least(inputs: Values) -> dict[str, Any]:
    """Return how many characters of each class the inputs ask for at least."""
    return {name: inputs[f"min{name.title()}"] for name in CLASSES}


def _text(inputs: Values) -> str:
    alphabets = {
        "lower": string.ascii_lowercase,
        "upper": string.ascii_uppercase,
        "numeric": string.digits,
        "special": inputs.get("overrideSpecial") or SPECIAL,
    }
    allowed = "".join(alphabets[name] for name in CLASSES if inputs[name])
    picked = [
        secrets.choice(alphabets[name])
        for name, count in least(inputs).items()
        for _ in range(count)
    ]
    picked += [secrets.choice(allowed) for _ in range(inputs["length"] - len(picked))]
    secrets.SystemRandom().shuffle(picked)
    return "".join(picked)
