"""The settings, described: for the engine, for an editor, and for people."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

from serverless_mesh.settings import DISCRIMINATORS, PROJECT, Settings

MARK: Final = "# Below: generated from serverless_mesh/settings by `make docs`.\n"
_TYPES: Final = ("integer", "boolean", "string", "array", "object")
_SECURE: Final = {
    "type": "object",
    "description": "A value that is encrypted: `pulumi config set --secret`.",
    "properties": {"secure": {"type": "string"}},
    "required": ["secure"],
    "additionalProperties": False,
}
_ABOUT: Final = ("description", "default", "title")
"""What a schema says about a value besides what it takes."""
Schema = Mapping[str, Any]


def _schema() -> dict[str, Any]:
    return dict(Settings.model_json_schema())


def _options(schema: Schema, definitions: Schema) -> list[Schema]:
    """Return what a value may be, but for being left out."""
    options = schema.get("anyOf") or schema.get("oneOf") or [schema]
    resolved = [_resolved(option, definitions) for option in options]
    return [option for option in resolved if option.get("type") != "null"]


def _resolved(schema: Schema, definitions: Schema) -> Schema:
    name = schema.get("$ref", "").rpartition("/")[2]
    return definitions[name] if name else schema


def _type(options: list[Schema]) -> str:
    found = [str(option.get("type")) for option in options]
    return next(name for name in _TYPES if name in found)


def project_config() -> dict[str, Any]:
    """Return the `config` of Pulumi.yaml: type, default and description of every key.

    The engine takes a key without a default for required, so one that may be left out has the empty
    text, which the settings take for left out. Such a section has no type, which would refuse that.
    """
    schema = _schema()
    definitions = schema["$defs"]
    declared = {}
    for key, described in schema["properties"].items():
        options = _options(described, definitions)
        kind, default = _type(options), described.get("default")
        entry: dict[str, Any] = {"type": kind}
        if kind == "array":
            items = _options(options[0]["items"], definitions)
            entry["items"] = {"type": _type(items)}
        entry["description"] = described["description"]
        if kind == "object" and default is None:
            del entry["type"]
        made_of = {} if kind == "object" else default
        entry["default"] = "" if default is None else made_of
        declared[key] = entry
    return declared


def project_file(current: str) -> str:
    """Return the text of Pulumi.yaml with its generated part made anew."""
    head = current.partition(MARK)[0]
    return head + MARK + yaml.safe_dump({"config": project_config()}, sort_keys=False, width=96)


def stack_file_schema() -> str:
    """Return the JSON Schema of a stack file, by which an editor completes and checks it."""
    schema = _schema()
    definitions = {name: _encryptable(each) for name, each in schema["$defs"].items()}
    keys = _encryptable(schema)["properties"]
    written = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": f"Stack file of {PROJECT}",
        "type": "object",
        "properties": {
            "config": {
                "type": "object",
                "properties": {f"{PROJECT}:{key}": each for key, each in keys.items()},
            }
        },
        "$defs": {**definitions, "Secure": _SECURE},
    }
    return json.dumps(written, indent=2, ensure_ascii=False) + "\n"


def _encryptable(section: Schema) -> dict[str, Any]:
    """Return the schema of a section of which each value may be encrypted."""
    properties = {
        key: {
            **{name: each[name] for name in ("description", "default") if name in each},
            "anyOf": [
                {name: part for name, part in each.items() if name not in _ABOUT},
                {"$ref": "#/$defs/Secure"},
            ],
        }
        for key, each in section.get("properties", {}).items()
    }
    return {**section, "properties": properties}


def reference() -> str:
    """Return the reference of all settings, as Markdown."""
    schema = _schema()
    definitions = schema["$defs"]
    sections = {
        key: options
        for key, described in schema["properties"].items()
        if _type(options := _options(described, definitions)) == "object"
    }
    lines = [
        "# Settings",
        "",
        "Generated from `serverless_mesh/settings` by `make docs`. Every key is in the project's "
        f"namespace: `pulumi config set {PROJECT}:KEY VALUE`, with `--path` for a key of a section "
        f"(`pulumi config set --path {PROJECT}:mesh.namespace my-mesh`), or under `config:` in "
        "`Pulumi.<stack>.yaml`. An unknown key, a wrong type or a wrong value is an error before "
        "anything is touched, and all of them are reported at once. So is a private key in "
        "plaintext, under whatever key of the stack file: set it with `--secret`. "
        "[stack-file.schema.json](stack-file.schema.json) is the schema for an editor.",
        "",
        *_table(schema, definitions, ""),
    ]
    for key, options in sections.items():
        lines += ["", f"## `{key}`", "", schema["properties"][key]["description"]]
        for option in options:
            if len(options) > 1:
                part = next(
                    each for each in DISCRIMINATORS.values() if each in option["properties"]
                )
                value = option["properties"][part]["const"]
                lines += ["", f"### `{part}: {value}`"]
            lines += ["", *_table(option, definitions, f"{key}.")]
    return "\n".join(lines) + "\n"


def _table(section: Schema, definitions: Schema, prefix: str) -> Iterator[str]:
    yield "| key | takes | default | meaning |"
    yield "|---|---|---|---|"
    required = section.get("required", ())
    for key, described in section["properties"].items():
        options = _options(described, definitions)
        nested = prefix and _type(options) == "object"
        takes = "a section" if _type(options) == "object" else _takes(options, definitions)
        default = described.get("default")
        shown = "required" if key in required else "left out"
        if default is not None and _type(options) != "object":
            shown = f"`{_plain(default)}`"
        yield f"| `{prefix}{key}` | {takes} | {shown} | {described['description']} |"
        if nested:
            yield from list(_table(options[0], definitions, f"{prefix}{key}."))[2:]


def _takes(options: list[Schema], definitions: Schema) -> str:
    for option in options:
        if values := option.get("enum") or ([option["const"]] if "const" in option else []):
            return ", ".join(f"`{value}`" for value in values)
    kind, option = _type(options), options[0]
    if kind == "array":
        return f"list of {_type(_options(option['items'], definitions))}s"
    least, most = option.get("minimum"), option.get("maximum")
    bounds = f" from {least}" * (least is not None) + f" to {most}" * (most is not None)
    return kind + bounds


def _plain(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True).removesuffix("\n...\n").strip()
