"""The engine, asked by its command line for what only the program can tell."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final

from mesh_policy.escaping import printable
from mesh_policy.reading.ownership import IMPORT_FILE
from serverless_mesh.cli.engine_words import failures
from serverless_mesh.errors import ServerlessMeshError

_SHOWN: Final = 4000
"""Characters of what the engine says that an error shows."""


class EngineError(ServerlessMeshError):
    """The engine could not tell; the message has its words."""


def found_there(folder: Path, stack: str | None) -> dict[str, Any] | None:
    """Return what `pulumi import --file` takes, of all that a preview finds there already.

    None: there is nothing in the way of the stack.

    Raises:
        EngineError: the preview stopped for another reason.
    """
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "import.json"
        done = _pulumi(folder, stack, "preview", environment={IMPORT_FILE: str(file)})
        if file.exists():
            return dict(json.loads(file.read_text("utf-8")))
    if done.returncode != 0:
        raise EngineError(f"pulumi preview stopped:\n{_words(done.stdout + done.stderr)}")
    return None


def preview(folder: Path, stack: str | None) -> dict[str, Any]:
    """Return what `pulumi preview --json` prints.

    Raises:
        EngineError: it stopped.
    """
    done = _pulumi(folder, stack, "preview", "--json")
    found = read_preview(done.stdout)
    if done.returncode != 0:
        raise EngineError(f"pulumi preview stopped:\n{_words(done.stderr)}")
    if found is None:
        raise EngineError("pulumi preview --json printed no JSON")
    return found


def read_preview(printed: str) -> dict[str, Any] | None:
    """Return the preview in a text, None where there is none: lines before it are the engine's.

    Raises:
        EngineError: the preview stopped before its end.
    """
    try:
        found = json.loads(printed[max(printed.find("{"), 0) :])
    except ValueError:
        return None
    if not isinstance(found, dict):
        return None
    if said := "\n".join(failures(found)):
        raise EngineError(f"pulumi preview stopped:\n{_words(said)}")
    return found


def _pulumi(
    folder: Path, stack: str | None, *arguments: str, environment: dict[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    pulumi = shutil.which("pulumi")
    if pulumi is None:
        raise EngineError("there is no pulumi on PATH; install its command line")
    if not folder.is_dir():
        raise EngineError(f"--cwd {folder} is no folder")
    chosen = ["--stack", stack] if stack else []
    return subprocess.run(
        [pulumi, *arguments, *chosen, "--non-interactive", "--color=never"],
        cwd=folder,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def _words(said: str) -> str:
    _, mark, diagnostics = said.partition("Diagnostics:\n")
    lines = (diagnostics if mark else said).strip().splitlines()
    return "\n".join(map(printable, lines))[:_SHOWN]
