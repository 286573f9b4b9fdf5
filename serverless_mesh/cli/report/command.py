"""The command: which files are read, where the comment goes, and how it ends."""

import sys
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path
from typing import Annotated, Final

import typer

from mesh_policy.escaping import printable
from mesh_policy.reading.files import FileError, decoded, read_text, within
from serverless_mesh.cli.failures import COULD_NOT
from serverless_mesh.cli.report.comment import comment, may_go_on, unreadable
from serverless_mesh.cli.report.merging import together
from serverless_mesh.cli.report.preview import Preview
from serverless_mesh.cli.report.reading import PreviewError, read

_LARGEST: Final = 256 << 20
"""Bytes of what the engine writes."""
_STDIN: Final = Path("-")
_WRONG: Final = 1


def report(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="What `pulumi preview --json` wrote, the log of its events, or both; - or nothing "
            "is standard input."
        ),
    ] = None,
    stack: Annotated[
        str | None,
        typer.Option(
            help="PROJECT/STACK, where the preview itself may fail before it says so: the comment "
            "is found again by it."
        ),
    ] = None,
    drift: Annotated[
        bool,
        typer.Option(help="Nothing was meant to change: say what somebody else has changed."),
    ] = False,
    output: Annotated[Path | None, typer.Option(help="A file to write to instead.")] = None,
) -> None:
    """Turn a preview into one Markdown comment of a review.

    What changes, why it matters for traffic, violations and what to do, certificates, the order. No
    secret is ever in it. Its first line is a marker, by which the same comment can be updated.
    """
    try:
        preview = reduce(together, map(_read, files or [_STDIN]))
    except _ReadError as error:
        typer.echo(f"error: {printable(str(error))}", err=True)
        if stack is not None:
            _write(unreadable(stack, error.why), output)
        raise typer.Exit(COULD_NOT) from None
    name = stack or preview.stack
    if name is None:
        message = (
            "error: the preview names no resource, and so no stack: give --stack PROJECT/STACK"
        )
        typer.echo(message, err=True)
        raise typer.Exit(COULD_NOT)
    _write(comment(preview, name, datetime.now(UTC), drift=drift), output)
    if not may_go_on(preview):
        raise typer.Exit(_WRONG)


class _ReadError(Exception):
    """A file can't be read; `why` does not name it."""

    def __init__(self, file: Path, why: str) -> None:
        super().__init__(f"{'standard input' if file == _STDIN else file}: {why}")
        self.why = why


def _read(file: Path) -> Preview:
    try:
        if file == _STDIN:
            content = decoded(within(sys.stdin.buffer.read(_LARGEST + 1), _LARGEST))
        else:
            content = read_text(file, _LARGEST)
        return read(content)
    except (FileError, PreviewError) as error:
        raise _ReadError(file, str(error)) from None


def _write(text: str, output: Path | None) -> None:
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        output.write_text(text, "utf-8")
    except OSError as error:
        why = error.strerror or type(error).__name__
        typer.echo(f"error: --output {printable(str(output))} can't be written: {why}", err=True)
        raise typer.Exit(COULD_NOT) from None
