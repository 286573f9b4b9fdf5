"""From a stack file to settings: every error at once, each with its key and what it takes.

Nothing is touched before the settings are good.
"""

import difflib
import json
import re
from collections.abc import Container, Iterator, Mapping
from functools import cache
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

import pydantic
from pydantic import BaseModel, Tag

from mesh_policy.escaping import printable
from mesh_policy.reading.private_keys import holds_private_key
from serverless_mesh.errors import ServerlessMeshError
from serverless_mesh.settings.sections import DISCRIMINATORS, PROJECT, Settings

SECRETS: Final = ("privateKey",)
"""The keys that must be set with `--secret`."""
_LONGEST: Final = 100
"""Characters of a value that an error shows."""
_UNREADABLE: Final = (
    "has something in it that no setting takes: half a character, a number without end, or a "
    "nesting without end"
)
_Location = tuple[str | int, ...]


class SettingsError(ServerlessMeshError):
    """The stack file is wrong; the message lists every error, one a line."""


def parse(values: Mapping[str, Any], stack_file: str, secrets: Container[str] = ()) -> Settings:
    """Check the values of a stack file, keyed as in the file without the project's prefix.

    No error shows the value of a key that is among the `secrets`.

    Raises:
        SettingsError: with every error at once.
    """
    found = _validated(values, secrets)
    if isinstance(found, Settings):
        return found
    raise _wrong(stack_file, [line for _, line in found])


def check(values: Mapping[str, Any], stack_file: str) -> None:
    """Check the values of a stack file in which secrets are encrypted, as the engine writes them.

    Of an encrypted value it counts that it is there.

    Raises:
        SettingsError: with every error at once.
    """
    encrypted: set[_Location] = set()
    found = _validated(_opened(values, (), encrypted), ())
    if isinstance(found, Settings):
        return
    lines = [
        line
        for location, line in found
        if not any(location[:end] in encrypted for end in range(1, len(location) + 1))
    ]
    if lines:
        raise _wrong(stack_file, lines)


def _opened(value: Any, place: _Location, encrypted: set[_Location]) -> Any:
    """Return a value in which texts stand for what is encrypted, of which the places are kept."""
    if isinstance(value, dict):
        if value.keys() == {"secure"}:
            encrypted.add(place)
            return "encrypted"
        return {key: _opened(below, (*place, key), encrypted) for key, below in value.items()}
    if isinstance(value, list):
        return [_opened(each, (*place, index), encrypted) for index, each in enumerate(value)]
    return value


def _validated(
    values: Mapping[str, Any], secrets: Container[str]
) -> Settings | list[tuple[_Location, str]]:
    """Return the settings, or every error with its place."""
    known = set(keys())
    ours = {str(key): value if key in known else None for key, value in values.items()}
    if unread := [key for key, value in ours.items() if not _is_json(value)]:
        return [((key,), f"{PROJECT}:{key} {_UNREADABLE}") for key in unread]
    try:
        # As from JSON: lists become tuples, and nothing else is converted.
        return Settings.model_validate_json(json.dumps(ours, ensure_ascii=False))
    except pydantic.ValidationError as error:
        return [
            (_resolved(problem["loc"])[0], line)
            for problem in error.errors(include_url=False)
            for line in _lines(dict(problem), secrets)
        ]


def _is_json(value: object) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _wrong(stack_file: str, lines: list[str]) -> SettingsError:
    count = "1 error" if len(lines) == 1 else f"{len(lines)} errors"
    text = "\n".join(f"  - {printable(line)}" for line in lines)
    return SettingsError(f"{printable(stack_file)}: {count} in the settings\n{text}")


def refuse_plaintext(plain: Mapping[str, Any], stack_file: str) -> None:
    """Refuse private keys among the values that stand in plaintext, by their whole keys.

    Raises:
        SettingsError: with all of them and what to do about it.
    """
    whole = {f"{PROJECT}:{key}" for key in SECRETS}
    lines = [
        f"  - {_named(key)} stands in plaintext and is a private key, or holds one"
        for key, value in plain.items()
        if (key in whole and value not in ("", None)) or holds_private_key([key, value])
    ]
    if lines:
        raise SettingsError(
            "\n".join([f"{printable(stack_file)}: private keys in plaintext", *lines])
            + "\nReplace each key, for it may have been seen, and set the new one as a secret: "
            f"pulumi config set --secret {PROJECT}:{SECRETS[0]} < new.key"
        )


def _refuse_misplaced(hidden: Mapping[str, Any], stack_file: str) -> None:
    """Refuse private keys in secret settings of ours that are not for them, by their whole keys.

    The engine takes a section for secret when a part of it is, so the key may be in plaintext.
    """
    place = f"{PROJECT}:{SECRETS[0]}"
    found = [
        f"{key} has a private key in it, which belongs into {place}. Where it stood in plaintext, "
        "replace it: it may have been seen"
        for key, value in hidden.items()
        if key != place and holds_private_key(value)
    ]
    if found:
        raise _wrong(stack_file, found)


def _named(key: str) -> str:
    return "a setting" if holds_private_key(key) else printable(key)


def from_config(config: Mapping[str, str], stack: str, secrets: Container[str] = ()) -> Settings:
    """Read the settings out of a stack's whole configuration, in which every value is a text.

    `secrets` are the whole keys of the configuration that the engine holds as secrets.

    Raises:
        SettingsError: with every error at once.
    """
    prefix, stack_file = f"{PROJECT}:", f"Pulumi.{stack}.yaml"
    values = {
        key: _typed(key.removeprefix(prefix), text)
        for key, text in config.items()
        # The engine has no optional keys: one that is left out has an empty default.
        if text != ""
    }
    # A key shows in the text as well as in what it means, whatever that escapes.
    both = {key: [config[key], value] for key, value in values.items()}
    refuse_plaintext({key: each for key, each in both.items() if key not in secrets}, stack_file)
    ours = {key: value for key, value in values.items() if key.startswith(prefix)}
    _refuse_misplaced({key: both[key] for key in ours if key in secrets}, stack_file)
    hidden = {key.removeprefix(prefix) for key in config if key in secrets}
    return parse(
        {key.removeprefix(prefix): value for key, value in ours.items()}, stack_file, hidden
    )


def choose_domain(settings: Settings, found: str | None) -> str:
    """Choose the domain of Knative Services: the setting for it, or that of applications.

    Raises:
        SettingsError: as for the domain of applications, where that is asked for or given.
    """
    own = settings.knative.default_domain
    if own is not None and settings.apps_domain is None:
        return own
    applications = choose_apps_domain(settings, found)
    return own or applications


def choose_apps_domain(settings: Settings, found: str | None) -> str:
    """Choose between the setting and the domain `found` in the cluster, which must not differ.

    Raises:
        SettingsError: there is neither, or they differ.
    """
    key = f"{PROJECT}:appsDomain"
    if settings.apps_domain is None and found is None:
        raise SettingsError(
            f"{key} is not set and the cluster has no ingresses.config.openshift.io/cluster to "
            f"read it from; set it: pulumi config set {key} apps.openshift.example.com"
        )
    if settings.apps_domain is not None and found not in (None, settings.apps_domain):
        raise SettingsError(
            f"{key} is {settings.apps_domain}, but the cluster's own domain "
            f"(ingresses.config.openshift.io/cluster) is {found}: the wildcard certificate would "
            "match no route. Leave the setting out, or see that this is the cluster you mean"
        )
    return settings.apps_domain or found or ""


def _typed(key: str, text: str) -> object:
    """Undo the engine's making every value a text, by the type that the key takes."""
    if key in _texts():
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


@cache
def _texts() -> frozenset[str]:
    """Return the keys that take a text."""
    properties = Settings.model_json_schema()["properties"]
    return frozenset(
        key
        for key, schema in properties.items()
        if any(option.get("type") == "string" for option in schema.get("anyOf", [schema]))
    )


def _lines(problem: dict[str, Any], secrets: Container[str]) -> list[str]:
    said = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "json_invalid":
        return [f"{PROJECT}: a setting {_UNREADABLE}"]
    location, model = _resolved(problem["loc"])
    key, prefix = _path(location), _path(location[:-1])
    if problem["type"] == "value_error" and model is not None:
        # What keys of a section take together: the message begins with one of them.
        place = f"{key}." if key else ""
        return [f"{PROJECT}:{place}{line}" for line in said.splitlines()]
    if problem["type"] == "extra_forbidden":
        _, section = _resolved(problem["loc"][:-1])
        near = difflib.get_close_matches(str(location[-1]), keys(section or Settings), 1)
        hint = f"; did you mean {prefix}{'.' if prefix else ''}{near[0]}?" if near else ""
        return [f"{PROJECT}:{key} is no setting{hint}"]
    hidden = location[0] in SECRETS or location[0] in secrets
    found = problem["input"]
    match problem["type"]:
        case "missing":
            return [f"{PROJECT}:{key} must be set"]
        case "union_tag_invalid":
            part = DISCRIMINATORS[problem["ctx"]["discriminator"]]
            key, said = f"{key}.{part}", f"takes {problem['ctx']['expected_tags']}"
            found = problem["input"][part]
        case "model_type" | "union_tag_not_found":
            said = "takes a section, which is keys with values"
        case _:
            said = re.sub(r"^Input should be ", "takes ", said)
    return [f"{PROJECT}:{key} {said}, found {'a secret' if hidden else _shown(found)}"]


def _shown(value: object) -> str:
    if holds_private_key(value):
        return "a private key"
    shown = repr(value)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"


def _path(location: _Location) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return "".join(parts).removeprefix(".")


def _resolved(location: _Location) -> tuple[_Location, type[BaseModel] | None]:
    """Return where in the stack file it is, and the section there, if it is one.

    A location has the tags of unions in it, of which the stack file knows nothing.
    """
    resolved: list[str | int] = []
    place: Any = Settings
    for part in location:
        options = dict(_options(place))
        if part in options and None not in options:
            place = options[part]
            continue
        resolved.append(part)
        place = _below(options, part)
    sections = [each for each in dict(_options(place)).values() if _is_section(each)]
    return tuple(resolved), sections[0] if len(sections) == 1 else None


def _options(place: Any) -> Iterator[tuple[str | None, Any]]:
    """List what a type may be, by the tag of each; None for what has no tag."""
    origin, arguments = get_origin(place), get_args(place)
    if origin is Annotated:
        tags = [each.tag for each in arguments[1:] if isinstance(each, Tag)]
        if tags:
            yield tags[0], arguments[0]
        else:
            yield from _options(arguments[0])
    elif origin in (Union, UnionType):
        for argument in arguments:
            if argument is not type(None):
                yield from _options(argument)
    else:
        yield None, place


def _below(options: Mapping[str | None, Any], part: str | int) -> Any:
    for option in options.values():
        if isinstance(part, int) and get_origin(option) is tuple:
            return get_args(option)[0]
        if _is_section(option):
            for field in option.model_fields.values():
                if field.alias == part:
                    return field.annotation
    return None


def _is_section(place: Any) -> bool:
    return isinstance(place, type) and issubclass(place, BaseModel)


def keys(section: type[BaseModel] = Settings) -> list[str]:
    """List the keys of a section as they stand in a stack file; without one, the topmost."""
    return [str(field.alias) for field in section.model_fields.values()]
