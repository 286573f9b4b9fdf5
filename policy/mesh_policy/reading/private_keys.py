"""Private keys in what is meant to be read: in PEM of any kind, and in base64 of it."""

import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final

_PEM: Final = re.compile(r"BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY")


def _in_base64(text: bytes, shift: int) -> str:
    """Return the part of a text's base64 that is the same whatever stands before and after it.

    `shift` is how many bytes of a group of three stand before it.
    """
    coded = b64encode(bytes(shift) + text).decode()
    return coded[-(-shift * 8 // 6) : (shift + len(text)) * 8 // 6]


_CODED: Final = tuple(_in_base64(b"PRIVATE KEY", shift) for shift in range(3))


def holds_private_key(value: Any) -> bool:
    """Say whether a value holds a private key, at whatever depth and beside whatever else."""
    # Without recursion: how deeply a value nests is up to whoever wrote it.
    pending = [value]
    while pending:
        found = pending.pop()
        if isinstance(found, bytes):
            found = found.decode("latin-1")
        if isinstance(found, str):
            if _PEM.search(found) or _is_coded(found):
                return True
        elif isinstance(found, Mapping):
            pending += [*found.keys(), *found.values()]
        elif isinstance(found, list | tuple):
            pending += found
    return False


def _is_coded(text: str) -> bool:
    # Base64 is often broken into lines.
    joined = "".join(text.split())
    return any(part in joined for part in _CODED)
