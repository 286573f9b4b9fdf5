"""The settings, described: the schema in Pulumi.yaml and the reference in the documentation."""

from collections.abc import Mapping
from typing import Any, Final

import yaml

from settings import PROJECT, Settings

MARK: Final = "# Below: generated from settings.py by `make docs`.\n"
_TYPES: Final = ("integer", "boolean", "string", "array")


def _properties() -> dict[str, dict[str, Any]]:
    return dict(Settings.model_json_schema()["properties"])


def _type(schema: Mapping[str, Any]) -> str:
    options = [option.get("type") for option in schema.get("anyOf", [schema])]
    return next((name for name in _TYPES if name in options), "object")


def project_config() -> dict[str, Any]:
    """Return the `config` of Pulumi.yaml: type, default and description of every key.

    The engine takes a key without a default for required, so one that may be left out has the
    empty text, which the settings take for left out.
    """
    declared = {}
    for key, schema in _properties().items():
        kind = _type(schema)
        default = schema.get("default")
        entry: dict[str, Any] = {"type": kind}
        if kind == "array":
            entry["items"] = {"type": _type(schema["items"])}
        entry["description"] = schema["description"]
        entry["default"] = "" if default is None else default
        declared[key] = entry
    return declared


def project_file(current: str) -> str:
    """Return the text of Pulumi.yaml with its generated part made anew."""
    head = current.partition(MARK)[0]
    return head + MARK + yaml.safe_dump({"config": project_config()}, sort_keys=False, width=96)


def reference() -> str:
    """Return the reference of all settings, as Markdown."""
    lines = [
        "# Settings",
        "",
        "Generated from `settings.py` by `make docs`. Every key is in the project's namespace: "
        f"`pulumi config set {PROJECT}:KEY VALUE`, or under `config:` in `Pulumi.<stack>.yaml`. "
        "An unknown key, a wrong type or a wrong value is an error before anything is touched, "
        "and all of them are reported at once. So is a private key in plaintext, under whatever "
        "key of the stack file: set it with `--secret`.",
        "",
        "| key | takes | default | meaning |",
        "|---|---|---|---|",
    ]
    for key, schema in _properties().items():
        default = schema.get("default")
        shown = "left out" if default is None else f"`{_plain(default)}`"
        lines.append(f"| `{key}` | {_takes(schema)} | {shown} | {schema['description']} |")
    return "\n".join(lines) + "\n"


def _takes(schema: Mapping[str, Any]) -> str:
    for option in schema.get("anyOf", [schema]):
        if "enum" in option:
            return ", ".join(f"`{value}`" for value in option["enum"])
    kind = _type(schema)
    if kind == "array":
        return f"list of {_type(schema['items'])}s"
    least, most = schema.get("minimum"), schema.get("maximum")
    bounds = f" from {least}" * (least is not None) + f" to {most}" * (most is not None)
    return kind + bounds


def _plain(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True).removesuffix("\n...\n").strip()
