"""The command: which files are read, where the comment goes, and how it ends."""

from datetime import UTC, datetime
from functools import reduce
from pathlib import Path
from typing import Annotated, Final

import typer

from mesh_policy.reading.files import FileError
from serverless_mesh.cli import console
from serverless_mesh.cli.console import STANDARD, WRONG, stop, write
from serverless_mesh.cli.engine_words import LARGEST
from serverless_mesh.cli.help_texts import epilog
from serverless_mesh.cli.options import OutputFile
from serverless_mesh.cli.report.comment import comment, may_go_on, unreadable
from serverless_mesh.cli.report.merging import together
from serverless_mesh.cli.report.preview import Preview
from serverless_mesh.cli.report.reading import PreviewError, read

_STDIN: Final = Path(STANDARD)
EPILOG: Final = epilog(
    "report preview.json",
    "report preview.json events.json --stack serverless-mesh/dev --output report.md",
    codes="0 it may go on, 1 violations or a failed preview, 2 no preview could be read",
)


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
        typer.Option(
            "--drift", help="Nothing was meant to change: say what somebody else has changed."
        ),
    ] = False,
    output: OutputFile = None,
) -> None:
    """Turn a preview into one Markdown comment of a review.

    What changes, why it matters for traffic, violations and what to do, certificates, the order. No
    secret is ever in it. Its first line is a marker, by which the same comment can be updated.
    """
    try:
        previews = [_read(each) for each in files or [_STDIN]]
    except _ReadError as error:
        end = stop(str(error))
        if stack is not None:
            write(unreadable(stack, error.why), output)
        raise end from None
    stacks = {each.stack for each in previews} - {None}
    if len(stacks) > 1:
        raise stop("the files are previews of several stacks: report each by itself")
    preview = reduce(together, previews)
    name = stack or preview.stack
    if name is None:
        raise stop("the preview names no resource, and so no stack: give --stack PROJECT/STACK")
    write(comment(preview, name, datetime.now(UTC), drift=drift), output)
    if not may_go_on(preview):
        raise typer.Exit(WRONG)


class _ReadError(Exception):
    """A file can't be read; `why` does not name it."""

    def __init__(self, file: Path, why: str) -> None:
        super().__init__(f"{'standard input' if file == _STDIN else file}: {why}")
        self.why = why


def _read(file: Path) -> Preview:
    try:
        return read(console.read(file, LARGEST))
    except (FileError, PreviewError) as error:
        raise _ReadError(file, str(error)) from None
