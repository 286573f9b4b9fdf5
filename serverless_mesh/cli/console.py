"""Where a command writes: its answer to stdout or a file, what it says beside it to stderr."""

import sys
from pathlib import Path
from typing import Final

import typer

from mesh_policy.escaping import printable
from mesh_policy.reading.files import decoded, read_text, within
from serverless_mesh.cli.failures import COULD_NOT, Output

WRONG: Final = 1
STANDARD: Final = "-"
"""Names standard input, or standard output."""
out = Output(highlight=False, soft_wrap=True)
err = Output(stderr=True, highlight=False, soft_wrap=True)


def stop(message: str) -> typer.Exit:
    """Say what could not be done, and return how the command ends."""
    err.print("[red]error:[/] ", end="")
    for line in message.splitlines():
        err.print(printable(line), markup=False)
    return typer.Exit(COULD_NOT)


def note(message: str) -> None:
    """Say what is good to know, beside the answer."""
    err.print(printable(message), markup=False)


def write(text: str, output: Path | None) -> None:
    """Write a document to a file, or to stdout.

    Raises:
        typer.Exit: it can't be written, which was said.
    """
    if output is None or str(output) == STANDARD:
        typer.echo(text, nl=False)
        return
    try:
        output.write_text(text, "utf-8")
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise stop(f"--output {output} can't be written: {why}") from None


def read(file: Path, largest: int) -> str:
    """Read a file of at most so many bytes, or standard input (`-`).

    Raises:
        FileError: it can't be read, or is larger.
    """
    if str(file) == STANDARD:
        return decoded(within(sys.stdin.buffer.read(largest + 1), largest))
    return read_text(file, largest)
