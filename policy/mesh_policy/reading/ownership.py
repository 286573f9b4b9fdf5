"""Whose an object is, and how a stack comes by one that others made."""

from collections.abc import Iterator, Mapping
from typing import Any

from mesh_policy.findings import Ref
from mesh_policy.reading.values import at, items, text


def managers(body: Mapping[str, Any], *path: str) -> Iterator[str]:
    """Return the field manager of each entry that holds `path`, those of the status left out."""
    for entry in items(at(body, "metadata", "managedFields")):
        held = at(entry, "fieldsV1", *(f"f:{key}" for key in path))
        if not at(entry, "subresource") and (held is not None or not path):
            yield text(at(entry, "manager"))


def writers(body: Mapping[str, Any]) -> list[str]:
    """Return the names of an object's field managers, each once."""
    return list(dict.fromkeys(filter(None, managers(body))))


def import_command(token: str, logical_name: str, ref: Ref) -> str:
    """Return the command that gives an object to a stack, which declares it by that type and name.

    The engine can write no code for the kinds of operators, so it is told not to.
    """
    place = f"{ref.namespace}/{ref.name}" if ref.namespace else ref.name
    return f"pulumi import --generate-code=false {token} {logical_name} {place}"


def import_of(urn: str, ref: Ref) -> str:
    """Return the same for a resource that is known by its URN."""
    token, _, logical_name = urn.rpartition("::")
    return import_command(token.rpartition("::")[2].rpartition("$")[2], logical_name, ref)
