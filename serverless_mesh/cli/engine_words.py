"""What the engine writes in previews, for whoever reads one: its marks, and what failed."""

from collections.abc import Mapping
from typing import Any, Final

from mesh_policy.reading.values import at, items, text

LARGEST: Final = 256 << 20
"""Bytes of a preview."""
HIDDEN: Final = "[secret]"
"""What stands in the place of a secret."""
SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
"""The key by which it marks what is no plain value: secrets, files, references."""
UNKNOWN_MARKS: Final = frozenset(
    {
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
"""What it writes for a value that only the update will tell, one for each type of value."""


def failures(preview: Mapping[str, Any]) -> list[str]:
    """Return what the errors of `pulumi preview --json` say; one may say nothing."""
    return [
        text(at(each, "message")).strip()
        for each in items(preview.get("diagnostics"))
        if at(each, "severity") == "error"
    ]
