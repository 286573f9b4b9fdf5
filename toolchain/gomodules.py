"""Programs and files out of pinned Go modules.

Programs are built from a go.mod and go.sum of our own under `toolchain/go/`; single files (custom
resource definitions, Pulumi's helper scripts) are taken out of a module whose checksum is pinned.
"""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from toolchain.paths import BIN, ROOT
from toolchain.steps import Log, Step, StepFailedError

MODULES: Final = ROOT / "toolchain" / "go"


@dataclass(frozen=True)
class Module:
    """A Go module at a version, with the checksum (`h1:…`) that its zip must have."""

    path: str
    version: str
    checksum: str

    def fetch(self, log: Log) -> Path:
        """Download the module into Go's module cache and return its folder there.

        Raises:
            StepFailedError: Go is missing, the download fails or the checksum differs.
        """
        coordinates = f"{self.path}@{self.version}"
        try:
            done = subprocess.run(
                ["go", "mod", "download", "-json", coordinates],
                cwd=log.path.parent,
                capture_output=True,
                text=True,
                check=False,
            )
        except FileNotFoundError:
            raise StepFailedError("`go` is not installed or not on PATH") from None
        with log.path.open("a", encoding="utf-8") as out:
            out.write(f"$ go mod download -json {coordinates}\n{done.stdout}{done.stderr}")
        try:
            answer = json.loads(done.stdout)
        except ValueError:
            raise StepFailedError(f"go mod download {coordinates}: {done.stderr}") from None
        if "Error" in answer:
            raise StepFailedError(f"go mod download {coordinates}: {answer['Error']}")
        if answer["Sum"] != self.checksum:
            raise StepFailedError(
                f"{coordinates} has the checksum {answer['Sum']}, pinned is {self.checksum}: "
                "what was downloaded is not what this project was tested with"
            )
        return Path(answer["Dir"])


def program(
    name: str, *, module: str, package: str, variables: tuple[tuple[str, str], ...] = ()
) -> Step:
    """Build one program, statically linked and stripped, into the working folder's bin.

    `module` is the folder under `toolchain/go/` that pins it; `variables` are set by the linker.
    """
    folder = MODULES / module
    target = BIN / name
    ldflags = " ".join(["-s -w", *(f"-X {key}={value}" for key, value in variables)])

    def build(log: Log) -> str:
        BIN.mkdir(parents=True, exist_ok=True)
        # Written beside and renamed: an interrupted link never leaves half a program behind.
        unfinished = target.with_name(f".{name}.unfinished")
        log.run(
            ["go", "build", "-trimpath", "-ldflags", ldflags, "-o", str(unfinished), package],
            cwd=folder,
            env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly"},
        )
        unfinished.rename(target)
        return f"built from {package}"

    sources = (folder / "go.mod", folder / "go.sum", *sorted(folder.glob("*.go")))
    return Step(name, (target,), (*sources, package, ldflags), build)
