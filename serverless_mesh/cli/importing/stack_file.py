"""The stack file of an integration that was made by hand."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from serverless_mesh.cli import stack_file_text
from serverless_mesh.cli.stack_file_text import Setting

_ABOUT: Final = (
    "Written by `serverless-mesh import settings` from what was in the cluster. Read the comments, "
    "see that it is what you mean, and go on with docs/guides/import.md."
)


def written(
    settings: Mapping[str, Any],
    notes: Sequence[tuple[str, str]],
    provider: Mapping[str, str],
) -> str:
    """Return a stack file; `provider` are the keys of the Kubernetes plugin."""
    about: dict[str, list[str]] = {}
    for key, text in notes:
        about.setdefault(key if key in settings else "", []).append(text)
    plugin = [Setting(f"kubernetes:{key}", value) for key, value in provider.items()]
    ours = [Setting(key, value, "\n".join(about.get(key, ()))) for key, value in settings.items()]
    return stack_file_text.written(_ABOUT, about.get("", []), [*plugin, *ours])
