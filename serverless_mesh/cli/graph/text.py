"""Texts in a picture: fit to be shown, measured without a font, and broken into lines."""

import re
import unicodedata
from typing import Final

from mesh_policy.escaping import printable
from mesh_policy.reading.values import show

_WIDTHS: Final = {
    0.33: "ijlI.,:;|!'`",
    0.42: 'ft()[]{} "-/\\',
    0.56: "crsz",
    0.65: "0123456789abdeghknopquvxyEFLSTYZJ_^~?<>=+",
    0.72: "ABCKPRVXw&$#",
    0.8: "DGHNOQU",
    1.0: "mMW@%…→✓",
}
"""Widths in em that no letter exceeds in the usual sans-serif fonts, the wide ones among them."""
_WIDTH: Final = {char: width for width, chars in _WIDTHS.items() for char in chars}
_OTHER, _WIDE, _BOLD = 0.85, 1.1, 1.1
_BREAKS: Final = re.compile(r"(?<=[ ,/=\-])(?=\S)|(?<=\.)(?=[a-zA-Z])")


def label(text: str) -> str:
    """Return what a picture says of an object: short, on one line, never a key."""
    return show(text)


def sentence(text: str) -> str:
    """Return what a rule has to say, of any length."""
    return printable(text)


def width(text: str, size: float, bold: bool = False) -> float:
    """Return how wide a text is at most, in a size."""
    ems = sum(_em(char) for char in text)
    return ems * size * (_BOLD if bold else 1)


def _em(char: str) -> float:
    if (known := _WIDTH.get(char)) is not None:
        return known
    return _WIDE if unicodedata.east_asian_width(char) in "WF" else _OTHER


def wrapped(text: str, room: float, size: float, limit: int, bold: bool = False) -> list[str]:
    """Break a text into no more lines than `limit`, each no wider than there is room."""
    lines = [""]
    for part in _BREAKS.split(text):
        if width((lines[-1] + part).rstrip(), size, bold) <= room:
            lines[-1] += part
            continue
        *whole, last = _pieces(part, room, size, bold)
        lines += [*whole, last]
    found = [line.rstrip() for line in lines if line.strip()]
    if len(found) <= limit:
        return found
    return [*found[: limit - 1], _shortened(f"{found[limit - 1]}…", room, size, bold)]


def _pieces(part: str, room: float, size: float, bold: bool) -> list[str]:
    """Cut what has no place to break it, wherever the room ends."""
    pieces = [""]
    for char in part:
        if pieces[-1] and width(pieces[-1] + char, size, bold) > room:
            pieces.append("")
        pieces[-1] += char
    return pieces


def _shortened(line: str, room: float, size: float, bold: bool) -> str:
    while len(line) > 1 and width(line, size, bold) > room:
        line = f"{line[:-2]}…"
    return line
