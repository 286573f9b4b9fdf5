"""Set-up as steps: each has a fingerprint of what it is made from, and is done once for it."""

import hashlib
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from toolchain.errors import LocalEnvironmentError
from toolchain.paths import LOGS, ROOT, STAMPS


class StepFailedError(LocalEnvironmentError):
    """A step of the set-up failed; the message says which, why, and where its log is."""


@dataclass(frozen=True)
class Log:
    """A step's log file; commands append to it."""

    path: Path

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


@dataclass(frozen=True)
class Step:
    """One part of the set-up.

    `makes` are the files that must be there afterwards; `inputs` (files or plain strings) are
    what they are made from: when these change, the step runs again. `run` returns a few words
    on what was done, which are shown and kept (for example which provenance a part has).
    """

    name: str
    makes: tuple[Path, ...]
    inputs: tuple[Path | str, ...]
    run: Callable[[Log], str]

    @property
    def _stamp(self) -> Path:
        return STAMPS / self.name

    def _fingerprint(self) -> str:
        digest = hashlib.sha256()
        for part in self.inputs:
            digest.update(part.read_bytes() if isinstance(part, Path) else part.encode())
            digest.update(b"\0")
        return digest.hexdigest()

    def outcome(self) -> str | None:
        """What an earlier run said of this step, or None when it has to run (again)."""
        if not self._stamp.exists() or not all(path.exists() for path in self.makes):
            return None
        fingerprint, _, said = self._stamp.read_text(encoding="utf-8").partition("\n")
        return said if fingerprint == self._fingerprint() else None

    def perform(self) -> str:
        """Run the step and remember its outcome.

        Raises:
            StepFailedError: with the step's name, the reason and its log.
        """
        LOGS.mkdir(parents=True, exist_ok=True)
        STAMPS.mkdir(parents=True, exist_ok=True)
        log = Log(LOGS / f"{self.name}.log")
        log.path.write_text("", encoding="utf-8")
        try:
            said = self.run(log)
            if missing := [str(path) for path in self.makes if not path.exists()]:
                raise StepFailedError(f"it did not make {', '.join(missing)}")
        except StepFailedError as error:
            raise StepFailedError(f"{self.name}: {error}\nThe whole log: {log.path}") from None
        self._stamp.write_text(f"{self._fingerprint()}\n{said}", encoding="utf-8")
        return said


def perform_all(steps: Iterable[Step], console: Console) -> None:
    """Perform the steps that are not done yet, in order, showing each with its elapsed time.

    Raises:
        StepFailedError: at the first step that fails; those before it stay done.
    """
    for step in steps:
        if step.outcome() is not None:
            continue
        started = time.monotonic()
        if not console.is_terminal:
            console.print(f"{step.name} ...", highlight=False)
        with Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        ) as progress:
            progress.add_task(step.name, total=None)
            said = step.perform()
        seconds = time.monotonic() - started
        console.print(
            f"[green]✓[/] {step.name}: {said} [dim]({seconds:.0f} s)[/]",
            highlight=False,
            soft_wrap=True,
        )
