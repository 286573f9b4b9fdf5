"""Texts of others, as they can be printed: on one line, and never taken for a command."""

import re
from typing import Final

_COMMAND: Final = re.compile(r"^\s*::|##(?=\[|vso\[)")
"""What a pipeline's runner takes for a command: at the beginning of a line, or anywhere."""


def printable(text: str) -> str:
    """Return a text with its control characters, line breaks and runner's commands escaped."""
    if not text.isprintable():
        text = "".join(char if char.isprintable() else _escaped(char) for char in text)
    return _COMMAND.sub(lambda found: "".join(map(_coded, found.group())), text)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def _coded(char: str) -> str:
    return f"\\x{ord(char):02x}"


def in_json(text: str) -> str:
    """Return JSON in which no runner finds a command; it means the same."""
    return text.replace("##", "#\\u0023")
