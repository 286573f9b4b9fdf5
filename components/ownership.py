"""What is there already and is not the stack's is never taken over.

Until 4.29 the Kubernetes plugin takes over an object that exists when it makes one; from then on it
is refused in the middle of the update. Here the program looks before anything is touched: the
engine says what it is about to create, in previews too, and what it creates is not in the state.
"""

from collections.abc import Mapping
from typing import Any

from policy.model import Ref


class TakeOverError(Exception):
    """An object that the stack is about to make is there already."""


def writers(found: Mapping[str, Any]) -> list[str]:
    """Return the field managers of an object, those of its status left out."""
    entries = found.get("metadata", {}).get("managedFields", [])
    names = [entry.get("manager", "") for entry in entries if not entry.get("subresource")]
    return list(dict.fromkeys(filter(None, names)))


def refusal(type_token: str, logical_name: str, ref: Ref, found: Mapping[str, Any]) -> str:
    """Say what is there, who wrote it and what to do."""
    place = f"{ref.namespace}/{ref.name}" if ref.namespace else ref.name
    by = f", written by {', '.join(who)}" if (who := writers(found)) else ""
    return (
        f"{ref} already exists and is not of this stack{by}. Nothing of it was changed. If it "
        "is yours, let the stack have it by `pulumi import --generate-code=false "
        f"{type_token} {logical_name} {place}`; `pulumi preview --diff` shows then what the stack "
        'would change in it. For other ways see docs/troubleshooting.md, "The object is there '
        'already"'
    )
