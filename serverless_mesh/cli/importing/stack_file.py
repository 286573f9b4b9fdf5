"""The text of a stack file, with a comment above each key."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Final

import yaml

from mesh_policy.escaping import printable
from serverless_mesh.settings import PROJECT

_WIDTH: Final = 92
_INTRODUCTION: Final = (
    "Written by `serverless-mesh import settings` from what was in the cluster. Read the comments, "
    "see that it is what you mean, and go on with docs/guides/import.md."
)


def written(
    settings: Mapping[str, Any],
    notes: Sequence[tuple[str, str]],
    provider: Mapping[str, str],
) -> str:
    """Return a stack file; `provider` are the keys of the Kubernetes plugin."""
    lines = _comment(_INTRODUCTION)
    about: dict[str, list[str]] = {}
    for key, text in notes:
        about.setdefault(key if key in settings else "", []).append(text)
    for text in about.get("", []):
        lines += _comment(f"- {text}")
    lines.append("config:")
    for key, value in provider.items():
        lines += _entry(f"kubernetes:{key}", value)
    for key, value in settings.items():
        texts = about.get(key, [])
        bullet = "- " if len(texts) > 1 else ""
        lines += [f"  {line}" for text in texts for line in _comment(bullet + text)]
        lines += _entry(f"{PROJECT}:{key}", value)
    return "\n".join(lines) + "\n"


def _comment(text: str) -> list[str]:
    hanging = "  " if text.startswith("- ") else ""
    first, *commands = text.splitlines()
    return [
        *_wrapped(first, hanging),
        # Whole, to be copied.
        *(f"# {hanging}  {printable(each)}" for each in commands),
    ]


def _wrapped(text: str, hanging: str) -> list[str]:
    return textwrap.wrap(
        printable(text),
        _WIDTH,
        initial_indent="# ",
        subsequent_indent=f"# {hanging}",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _entry(key: str, value: Any) -> list[str]:
    dumped = yaml.safe_dump({key: value}, sort_keys=False, allow_unicode=True, width=_WIDTH)
    return [f"  {line}" for line in dumped.splitlines()]
