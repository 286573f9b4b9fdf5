"""What the documents show: their fenced blocks, and the commands in those of a shell.

A block says in its first line what it is: `sh` has commands, one a line or continued by a
backslash; `console` has them after a dollar, with what they print; `yaml title="pack.yaml"` is a
file that the reader makes. A command whose comment says `ends with 1` is to have that exit code.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from toolchain.paths import ROOT

SHELL: Final = "sh"
TRANSCRIPT: Final = "console"
_FENCE: Final = re.compile(r"^(?P<indent> *)```(?P<language>[\w+-]*)(?P<rest>.*)$")
_TITLE: Final = re.compile(r'title="([^"]+)"')
_ENDS: Final = re.compile(r"#.*\bends with (\d+)")
_COMMENT: Final = re.compile(r"(^|\s)#.*$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: where it begins, its language, the name of the file that it is, its text."""

    page: str
    line: int
    language: str
    title: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Command:
    """A command as it is to be typed, and the exit code that it ends with."""

    page: str
    line: int
    text: str
    code: int = 0

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.text}"


def pages() -> list[str]:
    """List the documents, by their paths from the repository's root."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return sorted(str(each.relative_to(ROOT)) for each in found)


def blocks(page: str) -> Iterator[Block]:
    """Take a document's fenced blocks, in their order."""
    yield from blocks_of(page, (ROOT / page).read_text("utf-8"))


def blocks_of(page: str, text: str) -> Iterator[Block]:
    """Take the fenced blocks of a document's text."""
    opened: re.Match[str] | None = None
    begin, body = 0, list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        fence = _FENCE.match(line)
        if opened is None:
            if fence:
                opened, begin, body = fence, number, []
        elif fence and not fence["language"]:
            title = _TITLE.search(opened["rest"])
            name = title[1] if title else ""
            yield Block(page, begin, opened["language"], name, "\n".join(body) + "\n")
            opened = None
        else:
            body.append(line.removeprefix(opened["indent"]))
    assert opened is None, f"{page}:{begin}: a block without an end"


def commands(block: Block) -> Iterator[Command]:
    """Take the commands of a shell's block, without comments."""
    whole, begin = "", 0
    for number, line in _lines(block):
        begin = begin if whole else number
        whole += line
        if whole.endswith("\\"):
            whole = whole.removesuffix("\\").rstrip() + " "
            continue
        ends = _ENDS.search(whole)
        text = re.sub(r"\s+", " ", _COMMENT.sub("", whole)).strip()
        if text:
            yield Command(block.page, begin, text, int(ends[1]) if ends else 0)
        whole = ""


def _lines(block: Block) -> Iterator[tuple[int, str]]:
    """Take the lines of a block that are commands, each with its number."""
    for number, line in enumerate(block.text.splitlines(), block.line + 1):
        if block.language == SHELL:
            yield number, line
        elif block.language == TRANSCRIPT and line.startswith("$ "):
            yield number, line.removeprefix("$ ")


def all_commands() -> list[Command]:
    """Take the commands of every document."""
    return [each for page in pages() for block in blocks(page) for each in commands(block)]
