"""One part of the set-up: it has a fingerprint of what it is made from, and is done once for it."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from toolchain.gomodules import Program
from toolchain.log import Log, StepFailedError
from toolchain.paths import LOGS, STAMPS


@dataclass(frozen=True)
class ToBuild:
    """What a step says that has only its program left to be built, and why."""

    reason: str


@dataclass(frozen=True)
class Step:
    """One part of the set-up.

    `makes` are the files that must be there afterwards; `inputs` (files or plain strings) are what
    they are made from: when these change, the step runs again. `run` returns a few words on where
    the part comes from, which are shown and kept; or it leaves its `program` to the caller, who
    builds at once what shares its packages.
    """

    name: str
    makes: tuple[Path, ...]
    inputs: tuple[Path | str, ...]
    run: Callable[[Log], str | ToBuild]
    program: Program | None = None

    def outcome(self) -> str | None:
        """What an earlier run said of this step, or None when it has to run (again)."""
        if not self._stamp.exists() or not all(path.exists() for path in self.makes):
            return None
        fingerprint, _, said = self._stamp.read_text(encoding="utf-8").partition("\n")
        return said if fingerprint == self._fingerprint() else None

    def begin(self) -> str | ToBuild:
        """Run the step, and remember that it is done unless its program is still to be built.

        Raises:
            StepFailedError: with the reason and the step's log.
        """
        LOGS.mkdir(parents=True, exist_ok=True)
        log = Log(LOGS / f"{self.name}.log")
        log.path.write_text("", encoding="utf-8")
        try:
            said = self.run(log)
            if isinstance(said, str):
                self.finish(said)
        except StepFailedError as error:
            raise StepFailedError(f"{error}\nThe whole log: {log.path}") from None
        return said

    def finish(self, said: str) -> None:
        """Remember that the step is done.

        Raises:
            StepFailedError: what it makes is not there.
        """
        if missing := [str(path) for path in self.makes if not path.exists()]:
            raise StepFailedError(f"it did not make {', '.join(missing)}")
        STAMPS.mkdir(parents=True, exist_ok=True)
        self._stamp.write_text(f"{self._fingerprint()}\n{said}", encoding="utf-8")

    @property
    def _stamp(self) -> Path:
        return STAMPS / self.name

    def _fingerprint(self) -> str:
        digest = hashlib.sha256()
        for part in self.inputs:
            digest.update(part.read_bytes() if isinstance(part, Path) else part.encode())
            digest.update(b"\0")
        return digest.hexdigest()
