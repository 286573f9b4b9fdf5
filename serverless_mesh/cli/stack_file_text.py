"""The text of a stack file: settings in their order, each with why it is there."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml

from mesh_policy.escaping import printable
from serverless_mesh.settings import PROJECT

MODELINE: Final = "# yaml-language-server: $schema=docs/stack-file.schema.json"
"""By which an editor finds the schema: a stack file is beside Pulumi.yaml."""
_WIDTH: Final = 100
_STEP: Final = "  "


@dataclass(frozen=True)
class Setting:
    """A key with its value, or with the settings of a section, and why it is so, in paragraphs.

    One that is not `active` is written as a comment, for whoever reads it to decide.
    """

    key: str
    value: Any = None
    why: str = ""
    section: "Sequence[Setting]" = ()
    active: bool = True


def written(about: str, remarks: Sequence[str], settings: Sequence[Setting]) -> str:
    """Write a stack file; `about` says what it is, `remarks` what there is to look at in it."""
    lines = [MODELINE, "#", *_comment(about, "")]
    if remarks:
        lines += ["#", "# To look at:"]
    for remark in remarks:
        first, *more = _comment(remark, "", len("- "))
        lines += [f"# - {first.removeprefix('# ')}"]
        lines += [f"#   {line.removeprefix('# ')}" for line in more]
    lines.append("config:")
    for index, setting in enumerate(settings):
        if index:
            lines.append("")
        lines += _lines(setting, _STEP)
    return "\n".join(lines) + "\n"


def _lines(setting: Setting, indent: str) -> Iterator[str]:
    yield from _comment(setting.why, indent)
    key = setting.key if ":" in setting.key or indent != _STEP else f"{PROJECT}:{setting.key}"
    if setting.section and setting.active:
        yield f"{indent}{key}:"
        for each in setting.section:
            yield from _lines(each, indent + _STEP)
        return
    value = _plain(setting)
    # A list on one line, a section over several.
    style = None if isinstance(value, list) else False
    text = yaml.safe_dump({key: value}, sort_keys=False, width=1000, default_flow_style=style)
    mark = "" if setting.active else "# "
    yield from (f"{indent}{mark}{line}" for line in text.splitlines())


def _plain(setting: Setting) -> Any:
    if not setting.section:
        return setting.value
    return {each.key: _plain(each) for each in setting.section}


def _comment(text: str, indent: str, less: int = 0) -> Iterator[str]:
    """Wrap each paragraph; an indented one is a command, and stays whole to be copied."""
    width = _WIDTH - len(indent) - len("# ") - less
    for paragraph in map(printable, text.splitlines()):
        lines = [paragraph]
        if not paragraph.startswith(_STEP):
            lines = textwrap.wrap(paragraph, width, break_long_words=False, break_on_hyphens=False)
        yield from (f"{indent}# {line}" for line in lines)
