"""Texts of others in Markdown, where they stay texts: no format, no HTML, nobody is called.

GitHub's flavour; GitLab reads all of it the same way.
"""

import html
import re
from collections.abc import Iterable
from typing import Final

from mesh_policy.escaping import printable
from mesh_policy.reading.private_keys import holds_private_key

LIMIT: Final = 65_000
"""Bytes of a comment; GitHub takes 65,536 characters."""
_SPECIAL: Final = re.compile(r"([\\`*_\[\]<>#!|~$&])")
_RUNS: Final = re.compile("`+")
_CALLS: Final = re.compile(r"@(?=\w)")
"""What calls somebody; a character without a width keeps it from that."""
_NAMES: Final = re.compile(r"[^A-Za-z0-9._/-]")
_LABELS: Final = re.compile(r"[^A-Za-z0-9 ._/,-]")


def plain(text: str) -> str:
    """Return a text for the middle of a line of Markdown."""
    return _SPECIAL.sub(r"\\\1", _CALLS.sub("@\u200b", printable(text)))


def code(text: str) -> str:
    """Return a text as code in the middle of a line."""
    line = printable(text).strip() or " "
    fence = "`" * (max((len(run) for run in _RUNS.findall(line)), default=0) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def code_in_html(text: str) -> str:
    """Return a text as code between tags, as in a summary."""
    return f"<code>{html.escape(printable(text))}</code>"


def block(lines: Iterable[str], language: str) -> str:
    """Return lines as a block of code."""
    shown = [printable(line) for line in lines]
    runs = (len(run) for line in shown for run in _RUNS.findall(line))
    fence = "`" * max(3, max(runs, default=0) + 1)
    return "\n".join([fence + language, *shown, fence])


def link(title: str, url: str) -> str:
    """Return a link, or the title alone where the address is none of the web's."""
    if not re.fullmatch(r"https://[\w.-]+(/[\w./#%~=&?+-]*)?", url, re.ASCII):
        return plain(title)
    return f"[{plain(title)}]({url})"


def marker(stack: str) -> str:
    """Return the line by which the comment of a stack is found again; a reader does not see it."""
    return f"<!-- serverless-mesh report: {_NAMES.sub('_', stack)} -->"


def label(text: str) -> str:
    """Return a text for a label of a Mermaid graph, of which nothing is syntax."""
    return _LABELS.sub(lambda found: f"#{ord(found[0])};", printable(text))


def details(summary: str, content: str) -> str:
    """Return what shows when a reader opens it; the summary is HTML."""
    return f"<details><summary>{summary}</summary>\n\n{content}\n\n</details>"


def joined(blocks: Iterable[str], limit: int = LIMIT) -> str:
    """Join blocks with a blank line between them, as far as there is room.

    What holds a private key is left out, too, wherever that comes from.
    """
    cut = "*{} left out: a comment can't be longer, and shows no key.*"
    room = limit - len(cut.encode()) - 10
    kept: list[str] = []
    left = 0
    for each in blocks:
        room -= len(each.encode()) + 2
        if room < 0 or holds_private_key(each):
            left += 1
        else:
            kept.append(each)
    if left:
        kept.append(cut.format(f"{left} part{'s' if left > 1 else ''}"))
    return "\n\n".join(kept) + "\n"
