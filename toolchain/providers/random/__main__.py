"""The stand-in plugin `random`."""

import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Final

from toolchain.providers.logical import Input, Kind, LogicalProvider
from toolchain.providers.plugin import Failure, serve
from toolchain.providers.random import values

_KEEPERS: Final = Input(dict)
_TEXT: Final = {
    "keepers": _KEEPERS,
    "length": Input(int, required=True, least=1),
    **{name: Input(bool, default=True) for name in ("lower", "upper", "numeric", "special")},
    **{
        name: Input(int, default=0, least=0)
        for name in ("minLower", "minUpper", "minNumeric", "minSpecial")
    },
    "overrideSpecial": Input(str),
}
_NUMBER: Final = {"number": "deprecated by the official plugin; use numeric"}


def _text_problems(inputs: Mapping[str, Any]) -> Iterator[Failure]:
    least = [inputs.get(name, 0) for name in ("minLower", "minUpper", "minNumeric", "minSpecial")]
    if "length" in inputs and sum(least) > inputs["length"]:
        reason = f"takes at least {sum(least)} (the sum of the min… inputs)"
        yield Failure("length", f"{reason}, found {inputs['length']}")
    if not any(inputs.get(name, True) for name in ("lower", "upper", "numeric", "special")):
        yield Failure("special", "no class of characters is allowed")


def _integer_problems(inputs: Mapping[str, Any]) -> Iterator[Failure]:
    if "min" in inputs and "max" in inputs and inputs["min"] > inputs["max"]:
        yield Failure("max", f"takes at least min ({inputs['min']}), found {inputs['max']}")


def _imported_uuid(identity: str) -> dict[str, Any]:
    return {"result": str(uuid.UUID(identity))}


class Random(LogicalProvider):
    """Random identifiers, numbers and texts."""

    name = "random"
    kinds: Mapping[str, Kind] = {
        "random:index/randomUuid:RandomUuid": Kind(
            inputs={"keepers": _KEEPERS},
            outputs=("result",),
            compute=values.uuid4,
            imported=_imported_uuid,
        ),
        "random:index/randomId:RandomId": Kind(
            inputs={
                "byteLength": Input(int, required=True, least=1),
                "keepers": _KEEPERS,
                "prefix": Input(str),
            },
            outputs=("b64Std", "b64Url", "dec", "hex"),
            compute=values.identifier,
        ),
        "random:index/randomBytes:RandomBytes": Kind(
            inputs={"length": Input(int, required=True, least=1), "keepers": _KEEPERS},
            outputs=("base64", "hex"),
            compute=values.octets,
            secrets=frozenset({"base64", "hex"}),
        ),
        "random:index/randomInteger:RandomInteger": Kind(
            inputs={
                "min": Input(int, required=True),
                "max": Input(int, required=True),
                "keepers": _KEEPERS,
            },
            outputs=("result",),
            compute=values.integer,
            problems=_integer_problems,
            unsupported={"seed": "the official plugin's sequence of numbers"},
        ),
        "random:index/randomString:RandomString": Kind(
            inputs=_TEXT,
            outputs=("result",),
            compute=values.text,
            problems=_text_problems,
            unsupported=_NUMBER,
        ),
        "random:index/randomPassword:RandomPassword": Kind(
            inputs=_TEXT,
            outputs=("result", "bcryptHash"),
            compute=values.password,
            secrets=frozenset({"result", "bcryptHash"}),
            problems=_text_problems,
            unsupported=_NUMBER,
        ),
    }


if __name__ == "__main__":
    serve(Random)
