"""Property values between the engine's wire form and plain Python.

Secrets are wrapped in `Secret`; a value that is not known until the update is `UNKNOWN`. Both may
stand anywhere in a tree of dicts, lists, texts, numbers, booleans and None.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf import struct_pb2
from pulumi.runtime import rpc

_SIGNATURE: Final = rpc._special_sig_key
_SECRET: Final = rpc._special_secret_sig
_OUTPUT: Final = rpc._special_output_value_sig


class Unknown:
    """The type of `UNKNOWN`."""

    def __repr__(self) -> str:
        return "<unknown until update>"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True)
class Secret:
    """A value that the engine encrypts in state and masks wherever it shows."""

    value: Any

    def __repr__(self) -> str:
        return "[secret]"


def decode(struct: struct_pb2.Struct) -> dict[str, Any]:
    """Read a message's properties."""
    return {name: _decode(value) for name, value in struct.fields.items()}


def _decode(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        fields = value.struct_value.fields
        signature = fields[_SIGNATURE].string_value if _SIGNATURE in fields else ""
        if signature == _SECRET:
            return Secret(_decode(fields["value"]))
        if signature == _OUTPUT:
            inner = _decode(fields["value"]) if "value" in fields else UNKNOWN
            return Secret(inner) if fields["secret"].bool_value else inner
        return decode(value.struct_value)
    if kind == "list_value":
        return [_decode(item) for item in value.list_value.values]
    if kind == "string_value":
        return UNKNOWN if value.string_value == rpc.UNKNOWN else value.string_value
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    return value.bool_value if kind == "bool_value" else None


def encode(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    """Write properties for a message."""
    return struct_pb2.Struct(fields={name: _encode(value) for name, value in properties.items()})


def _encode(value: Any) -> struct_pb2.Value:
    match value:
        case Secret(inner):
            marked = {
                _SIGNATURE: struct_pb2.Value(string_value=_SECRET),
                "value": _encode(inner),
            }
            return struct_pb2.Value(struct_value=struct_pb2.Struct(fields=marked))
        case Unknown():
            return struct_pb2.Value(string_value=rpc.UNKNOWN)
        case None:
            return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
        case bool():
            return struct_pb2.Value(bool_value=value)
        case int() | float():
            return struct_pb2.Value(number_value=value)
        case str():
            return struct_pb2.Value(string_value=value)
        case Mapping():
            return struct_pb2.Value(struct_value=encode(value))
        case _:
            items = [_encode(item) for item in value]
            return struct_pb2.Value(list_value=struct_pb2.ListValue(values=items))


def plain(value: Any) -> Any:
    """Take the secret wrappers away, at every depth."""
    match value:
        case Secret(inner):
            return plain(inner)
        case dict():
            return {name: plain(item) for name, item in value.items()}
        case list():
            return [plain(item) for item in value]
        case _:
            return value


def has_unknowns(value: Any) -> bool:
    """Tell whether anything in the tree is not known until the update."""
    match value:
        case Unknown():
            return True
        case Secret(inner):
            return has_unknowns(inner)
        case dict():
            return any(map(has_unknowns, value.values()))
        case list():
            return any(map(has_unknowns, value))
        case _:
            return False


def mark_like(value: Any, marked: Any) -> Any:
    """Wrap in `value` whatever is secret at the same place in `marked`."""
    if isinstance(marked, Secret):
        return value if isinstance(value, Secret) else Secret(plain(value))
    if isinstance(value, dict) and isinstance(marked, dict):
        return {name: mark_like(item, marked.get(name)) for name, item in value.items()}
    if isinstance(value, list) and isinstance(marked, list):
        padded = [*marked, *[None] * (len(value) - len(marked))]
        return [mark_like(item, mark) for item, mark in zip(value, padded, strict=False)]
    return value
