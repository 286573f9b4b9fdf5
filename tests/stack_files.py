"""Settings as a stack file has them."""

from collections.abc import Mapping
from typing import Any

from serverless_mesh.settings import Settings, parse


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sections of a stack file by keys such as `mesh.namespace`."""
    found: dict[str, Any] = {}
    for path, value in values.items():
        *sections, key = path.split(".")
        place = found
        for section in sections:
            place = place.setdefault(section, {})
        place[key] = value
    return found


def settings(values: Mapping[str, Any] | None = None, **more: Any) -> Settings:
    """Return the settings of a stack file with these values."""
    return parse({**nested(values or {}), **more}, "Pulumi.test.yaml")
