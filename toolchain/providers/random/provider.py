"""The resources of the plugin `random`, as a table."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from toolchain.providers.logical import (
    Input,
    Kind,
    LogicalProvider,
    Trial,
    UnusableInputError,
    Values,
    tried,
)
from toolchain.providers.properties import has_unknowns
from toolchain.providers.random import imports, values

_KEEPERS: Final = {"keepers": Input(dict)}
_LEAST: Final = tuple(f"min{name.title()}" for name in values.CLASSES)
_TEXT: Final = {
    **_KEEPERS,
    "length": Input(int, required=True, least=1),
    **{name: Input(bool, default=True) for name in values.CLASSES if name != "numeric"},
    "numeric": Input(bool),
    "number": Input(bool),
    **dict.fromkeys(_LEAST, Input(int, default=0, least=0)),
    "overrideSpecial": Input(str),
}
_SEED: Final = {"seed": "only its own generator makes the same of the same seed"}


def _complete_text(inputs: Values) -> dict[str, Any]:
    """Let `numeric` and its deprecated name `number` say the same."""
    numeric = inputs.get("numeric", inputs.get("number", True))
    return {**inputs, "numeric": numeric, "number": inputs.get("number", numeric)}


def _one_number(inputs: Values) -> None:
    if inputs["number"] != inputs["numeric"]:
        raise UnusableInputError("number", "is the deprecated name of numeric and contradicts it")


def _room(inputs: Values) -> None:
    needed = sum(values.least(inputs).values())
    if needed > inputs["length"]:
        reason = f"takes at least {needed}, the sum of {', '.join(_LEAST)}"
        raise UnusableInputError("length", f"{reason}; found {inputs['length']}")
    if needed < inputs["length"] and not any(inputs[name] for name in values.CLASSES):
        raise UnusableInputError("length", f"takes {needed} when no class of characters is allowed")


def _ordered(inputs: Values) -> None:
    if inputs["min"] > inputs["max"]:
        reason = f"takes at least min, {inputs['min']}; found {inputs['max']}"
        raise UnusableInputError("max", reason)


def _texts(inputs: Values) -> None:
    for name, value in inputs["keepers"].items():
        if not isinstance(value, str):
            raise UnusableInputError(f"keepers.{name}", "takes a text")


_KEEPING: Final[tuple[Trial, ...]] = ((("keepers",), _texts),)
_TEXT_TRIALS: Final[tuple[Trial, ...]] = (
    *_KEEPING,
    (("number", "numeric"), _one_number),
    (("length", *values.CLASSES, *_LEAST), _room),
)


def _telling_id(inputs: Values) -> Iterator[str]:
    if not has_unknowns(inputs):
        yield (
            "the id of a RandomBytes is its bytes, as with the official plugin, and so they stand "
            "readable in the state: use a RandomPassword for a secret"
        )


def _uuid(compute: Any) -> Kind:
    return Kind(
        inputs=_KEEPERS,
        outputs=("result",),
        compute=compute,
        problems=tried(_KEEPING),
        imported=imports.universal,
    )


class Random(LogicalProvider):
    """Random identifiers, numbers and texts."""

    name = "random"
    absent: Mapping[str, str] = {
        "random:index/randomPet:RandomPet": "it has no list of words to choose from"
    }
    kinds: Mapping[str, Kind] = {
        "random:index/randomBytes:RandomBytes": Kind(
            inputs={**_KEEPERS, "length": Input(int, required=True, least=1)},
            outputs=("base64", "hex"),
            compute=values.octets,
            secrets=frozenset({"base64", "hex"}),
            problems=tried(_KEEPING),
            cautions=_telling_id,
            imported=imports.octets,
        ),
        "random:index/randomId:RandomId": Kind(
            inputs={
                **_KEEPERS,
                "byteLength": Input(int, required=True, least=1),
                "prefix": Input(str),
            },
            outputs=("b64Std", "b64Url", "dec", "hex"),
            compute=values.identifier,
            problems=tried(_KEEPING),
            imported=imports.identifier,
        ),
        "random:index/randomInteger:RandomInteger": Kind(
            inputs={
                **_KEEPERS,
                "max": Input(int, required=True),
                "min": Input(int, required=True),
            },
            outputs=("result",),
            compute=values.integer,
            problems=tried((*_KEEPING, (("min", "max"), _ordered))),
            imported=imports.integer,
            unsupported=_SEED,
        ),
        "random:index/randomPassword:RandomPassword": Kind(
            inputs=_TEXT,
            outputs=("bcryptHash", "result"),
            compute=values.password,
            secrets=frozenset({"bcryptHash", "result"}),
            complete=_complete_text,
            problems=tried(_TEXT_TRIALS),
            imported=imports.password,
            schema_version=3,
        ),
        "random:index/randomShuffle:RandomShuffle": Kind(
            inputs={
                **_KEEPERS,
                "inputs": Input(list, required=True),
                "resultCount": Input(int, least=0),
            },
            outputs=("results",),
            compute=values.shuffled,
            problems=tried(_KEEPING),
            unsupported=_SEED,
        ),
        "random:index/randomString:RandomString": Kind(
            inputs=_TEXT,
            outputs=("result",),
            compute=values.text,
            complete=_complete_text,
            problems=tried(_TEXT_TRIALS),
            imported=imports.text,
            schema_version=2,
        ),
        "random:index/randomUuid:RandomUuid": _uuid(values.uuid4),
        "random:index/randomUuid4:RandomUuid4": _uuid(values.uuid4),
        "random:index/randomUuid7:RandomUuid7": _uuid(values.uuid7),
    }
