"""`serverless-mesh config`: stack files, without an engine."""

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from mesh_policy.escaping import printable
from mesh_policy.reading.documents import DocumentError, parse
from mesh_policy.reading.files import FileError, read_text
from serverless_mesh.cli.console import WRONG, err, out, stop, write
from serverless_mesh.cli.help_texts import epilog
from serverless_mesh.cli.new_stack_file import command as new_stack_file
from serverless_mesh.cli.options import OutputFile

_LARGEST: Final = 16 << 20
"""Bytes of a stack file."""

settings_app = typer.Typer(help="The settings of a stack file.", no_args_is_help=True)
settings_app.command("new", epilog=new_stack_file.EPILOG)(new_stack_file.new_stack_file)


@settings_app.command(
    "check", epilog=epilog("config check Pulumi.production.yaml", "config check Pulumi.*.yaml")
)
def check_settings(
    stack_files: Annotated[list[Path], typer.Argument(help="For example Pulumi.dev.yaml.")],
) -> None:
    """Check stack files without an engine, a cluster or a passphrase: every error at once.

    Of an encrypted value it counts that it is there. What hangs on the cluster, `pulumi preview`
    finds.
    """
    # A list, so that each is checked whatever the others are.
    if worst := max([_judged(each) for each in stack_files]):
        raise typer.Exit(worst)


def _judged(stack_file: Path) -> int:
    from serverless_mesh import settings
    from serverless_mesh.settings import PROJECT, SettingsError

    try:
        content = _stack_file(stack_file)
    except typer.Exit as stopped:
        return stopped.exit_code
    given = content.pop("config", None) or {}
    # Keys of providers keep their prefix and are theirs to check.
    prefix = f"{PROJECT}:"
    ours = {
        key.removeprefix(prefix): value
        for key, value in given.items()
        if key.startswith(prefix) or ":" not in key
    }
    try:
        plain = {key: value for key, value in given.items() if not _is_encrypted(value)}
        settings.refuse_plaintext({**content, **plain}, stack_file.name)
        settings.check(ours, stack_file.name)
    except SettingsError as error:
        # Of several lines, each of them is fit to be printed.
        err.print(str(error), markup=False)
        return WRONG
    out.print(f"{printable(str(stack_file))}: the settings are good", markup=False)
    return 0


def _is_encrypted(value: object) -> bool:
    return isinstance(value, dict) and value.keys() == {"secure"}


def _stack_file(file: Path) -> dict[str, Any]:
    try:
        content = parse(read_text(file, _LARGEST))
    except (FileError, DocumentError) as error:
        raise stop(f"{file} can't be read: {error}") from None
    config = content.get("config") if isinstance(content, dict) else None
    whole = content is None or isinstance(content, dict)
    if not whole or not isinstance(config, dict | None):
        raise stop(f"{file} is no stack file: it takes config: with a value for each key")
    if not all(isinstance(key, str) for key in config or ()):
        raise stop(f"{file} is no stack file: a key under config: is no text")
    return content or {}


@settings_app.command(
    "schema",
    epilog=epilog(
        "config schema --output stack-file.schema.json",
        "config schema --markdown --output settings.md",
        codes="0 written, 2 it can't be",
    ),
)
def schema(
    markdown: Annotated[
        bool, typer.Option("--markdown", help="The reference, instead of a schema.")
    ] = False,
    output: OutputFile = None,
) -> None:
    """Print the JSON Schema of a stack file, for an editor, or the reference of the settings."""
    from serverless_mesh.cli import settings_reference

    text = settings_reference.reference() if markdown else settings_reference.stack_file_schema()
    write(text, output)
