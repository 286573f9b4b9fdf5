"""The log of one piece of the set-up: what was run, and what it printed."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolchain.errors import LocalEnvironmentError
from toolchain.paths import ROOT


class StepFailedError(LocalEnvironmentError):
    """A step of the set-up failed; the message says which, why, and where its log is."""


@dataclass(frozen=True)
class Log:
    """A log file; commands and remarks are appended to it."""

    path: Path

    def say(self, text: str) -> None:
        """Append a remark."""
        with self.path.open("a", encoding="utf-8") as log:
            log.write(f"{text}\n")

    def run(
        self, command: Sequence[str], *, cwd: Path = ROOT, env: Mapping[str, str] | None = None
    ) -> None:
        """Run a command with its output in the log.

        Raises:
            StepFailedError: the command can't be started or exits with something other than 0.
        """
        with self.path.open("a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(command)}\n")
            log.flush()
            try:
                done = subprocess.run(
                    command, cwd=cwd, env=env, stdout=log, stderr=subprocess.STDOUT, check=False
                )
            except FileNotFoundError:
                raise StepFailedError(f"`{command[0]}` is not installed or not on PATH") from None
        if done.returncode:
            tail = "\n  ".join(self.path.read_text(encoding="utf-8").splitlines()[-5:])
            raise StepFailedError(f"`{command[0]}` exited with {done.returncode}:\n  {tail}")
