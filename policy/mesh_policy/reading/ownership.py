"""Whose an object is, and how a stack comes by one that others made."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from mesh_policy.findings import Ref
from mesh_policy.reading.values import at, items, text

IMPORT_FILE: Final = "SERVERLESS_MESH_IMPORT_FILE"
"""The variable of the program's environment that names the file for what it finds there already."""


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
    return f"pulumi import --generate-code=false {token} {logical_name} {import_id(ref)}"


def import_id(ref: Ref) -> str:
    """Return the id by which the Kubernetes plugin reads an object."""
    return f"{ref.namespace}/{ref.name}" if ref.namespace else ref.name


def import_file(found: Iterable[tuple[str, str, Ref]]) -> dict[str, Any]:
    """Return what `pulumi import --file` takes, for objects with their types and logical names.

    They have no parents: the program finds them by an alias, and the next update moves each to the
    component that declares it.
    """
    return {
        "resources": [
            {"type": token, "name": logical_name, "id": import_id(ref)}
            for token, logical_name, ref in found
        ]
    }


def import_of(urn: str, ref: Ref) -> str:
    """Return the same for a resource that is known by its URN."""
    token, _, logical_name = urn.rpartition("::")
    return import_command(token.rpartition("::")[2].rpartition("$")[2], logical_name, ref)
