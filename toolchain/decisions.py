"""The list of the decisions, by the headings of their records."""

from typing import Final

from toolchain.paths import ROOT

_HEAD: Final = """\
# Decisions

Generated from the records in this folder by `make docs`. Each is a choice that a newcomer would
question, with its reason.
"""


def index() -> str:
    """Return the list, as Markdown."""
    lines = [_HEAD]
    for record in sorted((ROOT / "docs" / "adr").glob("[0-9]*.md")):
        heading = record.read_text("utf-8").partition("\n")[0].removeprefix("# ")
        lines.append(f"- [{heading}]({record.name})")
    return "\n".join(lines) + "\n"
