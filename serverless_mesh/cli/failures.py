"""One place for whatever a command did not expect: exit code 2 and one line, never a traceback."""

import os
import sys
import traceback
from pathlib import Path
from typing import Any, Final

import typer
from rich.console import Console
from typer.core import TyperGroup

import mesh_policy
import serverless_mesh
from mesh_policy.escaping import printable

COULD_NOT: Final = 2
_OURS: Final = tuple(Path(str(each.__file__)).parent for each in (mesh_policy, serverless_mesh))
"""Where our own code is installed."""


class Output(Console):
    """A console that leaves it to `Commands` what it means when nobody reads on."""

    def on_broken_pipe(self) -> None:
        """Say so, where Rich would end with 1."""
        raise BrokenPipeError


class Commands(TyperGroup):
    """Commands that end with 0, 1 or 2, where only a command itself says 0 or 1."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command."""
        for stream in (sys.stdout, sys.stderr):
            # What the terminal can't show is escaped rather than an error.
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        try:
            return super().main(*args, **kwargs)
        except (SystemExit, KeyboardInterrupt, typer.Exit):
            raise
        except (MemoryError, RecursionError) as error:
            _stop(f"there is too much to read, or it nests too deeply ({type(error).__name__})")
        except BaseException as error:
            _stop(
                f"a fault of serverless-mesh itself, {_place(error)}: nothing was checked by it. "
                "Please report this line and the command, with its input where that may be shown"
            )
        return COULD_NOT

    def invoke(self, ctx: Any) -> Any:
        """Run a command; what Typer takes for 1 was not a command's word."""
        try:
            found = super().invoke(ctx)
            if sys.stdout is not None:
                sys.stdout.flush()
        except typer.TyperException as error:
            error.exit_code = COULD_NOT
            raise
        except typer.Abort:
            _stop("stopped before it was done")
        except BrokenPipeError:
            # Nobody reads on; neither does Python's own farewell need to be written.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(COULD_NOT) from None
        return found


def _stop(why: str) -> None:
    typer.echo(f"error: {why}", err=True)
    sys.exit(COULD_NOT)


def _place(error: BaseException) -> str:
    """Name an error and the line of ours that it comes from; its own words may quote a secret."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if _is_ours(Path(frame.filename))]
    kind = printable(type(error).__name__)
    return f"{kind} in {Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else kind


def _is_ours(file: Path) -> bool:
    return any(file.is_relative_to(folder) for folder in _OURS)
