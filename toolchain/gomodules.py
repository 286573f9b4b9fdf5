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


@dataclass(frozen=True)
class Embedded:
    """A file that a program of ours embeds: `name` beside its main, `path` inside of a module."""

    name: str
    module: Module
    path: str


@dataclass(frozen=True)
class Program:
    """One program of the Go packages that the folder `module` under `toolchain/go/` pins.

    `variables` are set by the linker. `embedded` lie beside the package's main while it is built,
    and only then, so that nothing of a vendor's is copied into the repository.
    """

    name: str
    module: str
    package: str
    variables: tuple[tuple[str, str], ...] = ()
    embedded: tuple[Embedded, ...] = ()

    @property
    def inputs(self) -> tuple[Path | str, ...]:
        """What it is made from: when this changes, it is to be built again."""
        sources = (self._folder / "go.mod", self._folder / "go.sum", *self._folder.glob("*.go"))
        return (*sorted(sources), self.package, self._ldflags, repr(self.embedded))

    def build(self, log: Log, target: Path) -> None:
        """Build it, statically linked and stripped.

        Raises:
            StepFailedError: Go is missing, a module can't be had or does not compile.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        # Written beside and renamed: an interrupted link never leaves half a program behind.
        unfinished = target.with_name(f".{self.name}.unfinished")
        command = ["go", "build", "-trimpath", "-ldflags", self._ldflags, "-o", str(unfinished)]
        if self.embedded:
            overlay = log.path.with_suffix(".overlay.json")
            places = {
                str(self._folder / e.name): str(e.module.fetch(log) / e.path) for e in self.embedded
            }
            overlay.write_text(json.dumps({"Replace": places}), encoding="utf-8")
            command += ["-overlay", str(overlay)]
        log.run(
            [*command, self.package],
            cwd=self._folder,
            env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly"},
        )
        unfinished.rename(target)

    def step(self) -> Step:
        """Provide it in the working folder's bin."""

        def build(log: Log) -> str:
            self.build(log, BIN / self.name)
            return f"built from {self.package}"

        return Step(self.name, (BIN / self.name,), self.inputs, build)

    @property
    def _folder(self) -> Path:
        return MODULES / self.module

    @property
    def _ldflags(self) -> str:
        return " ".join(["-s -w", *(f"-X {name}={value}" for name, value in self.variables)])
