"""Programs and files out of pinned Go modules.

Programs are built from a go.mod and go.sum of our own under `toolchain/go/`; single files (custom
resource definitions, Pulumi's helper scripts) are taken out of a module whose checksum is pinned.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from toolchain.log import Log, StepFailedError
from toolchain.paths import COPIES, ROOT, WORK

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
        log.say(f"$ go mod download -json {coordinates}\n{done.stdout}{done.stderr}")
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
class Changed:
    """A vendor's module of which a copy is compiled that has a file of ours in one's place.

    The go.mod names the copy, which is in the ignored folder `.toolchain/modules/<name>`. `path` is
    the file's in the module, `ours` that of ours, in the folder of the go.mod.
    """

    name: str
    module: Module
    path: str
    ours: str

    def prepare(self, folder: Path, log: Log) -> None:
        """Make the copy; `folder` is that of the go.mod.

        Raises:
            StepFailedError: the module can't be had.
        """
        copy = COPIES / self.name
        if copy.exists():
            shutil.rmtree(copy)
        shutil.copytree(self.module.fetch(log), copy)
        # What lies in Go's module cache is read-only.
        for path in (copy, *copy.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        shutil.copyfile(folder / self.ours, copy / self.path)


CHANGED: Final[dict[str, tuple[Changed, ...]]] = {
    "base": (
        # By the Go type of each of Kubernetes' kinds the Kubernetes plugin registers what its own
        # YAML and Helm components find. To compile them all is two fifths of the whole set-up.
        Changed(
            "pulumi-kubernetes-sdk",
            Module(
                "github.com/pulumi/pulumi-kubernetes/sdk/v4",
                "v4.24.0",
                "h1:dlDJvsugKow8tCaD0yJngc7PXdv8WT2YwPEUmj48tF4=",
            ),
            "go/kubernetes/yaml/v2/kinds.go",
            "kubernetes-kinds/kinds.go",
        ),
    )
}
"""By the folder of the go.mod that names the copies."""


@dataclass(frozen=True)
class Program:
    """A program to build at `target`, from the packages that a folder under `toolchain/go/` pins.

    `vendor` is the vendor's module where the package is one of our own. `variables` are set by the
    linker. `embedded` lie beside the package's main while it is built, and only then, so that
    nothing of a vendor's is copied into the repository.
    """

    target: Path
    module: str
    package: str
    variables: tuple[tuple[str, str], ...] = ()
    vendor: str = ""
    embedded: tuple[Embedded, ...] = ()

    @property
    def inputs(self) -> tuple[Path | str, ...]:
        """What it is made from: when this changes, it is to be built again."""
        folder = MODULES / self.module
        sources = sorted((folder / "go.mod", folder / "go.sum", *folder.rglob("*.go")))
        changed = CHANGED.get(self.module, ())
        return (
            *sources,
            self.package,
            repr(self.variables),
            repr(self.embedded),
            *map(repr, changed),
        )

    @property
    def provenance(self) -> str:
        """Where it comes from, in a few words."""
        return f"built from {self.vendor or self.package}"

    @property
    def folder(self) -> Path:
        """The folder of a package of our own."""
        return MODULES / self.module / self.package.rpartition("/")[2]


def build(programs: Sequence[Program], log: Log) -> None:
    """Build programs of one go.mod at once: what they share is compiled once, links overlap.

    They are linked statically and stripped. Those that can be built are there even when others
    can't; what was at their place before is gone.

    Raises:
        StepFailedError: Go is missing, a module can't be had or does not compile.
    """
    for program in programs:
        program.target.unlink(missing_ok=True)
    (module,) = {program.module for program in programs}
    variables = sorted({pair for program in programs for pair in program.variables})
    ldflags = " ".join(["-s -w", *(f"-X {name}={value}" for name, value in variables)])
    overlay = {
        str(program.folder / embedded.name): str(embedded.module.fetch(log) / embedded.path)
        for program in programs
        for embedded in program.embedded
    }
    for changed in CHANGED.get(module, ()):
        changed.prepare(MODULES / module, log)
    # Built elsewhere and moved: an interrupted link never leaves half a program behind.
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=WORK) as name:
        finished = Path(name) / "bin"
        finished.mkdir()
        places = Path(name) / "overlay.json"
        places.write_text(json.dumps({"Replace": overlay}), encoding="utf-8")
        try:
            log.run(
                [
                    *("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", ldflags),
                    *("-overlay", str(places)),
                    *("-o", f"{finished}{os.sep}", *(program.package for program in programs)),
                ],
                cwd=MODULES / module,
                env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly"},
            )
        finally:
            for program in programs:
                executable = finished / _executable(program.package)
                if executable.exists():
                    program.target.parent.mkdir(parents=True, exist_ok=True)
                    executable.rename(program.target)


def _executable(package: str) -> str:
    """Return the name that Go gives a package's program: its last element that is no version."""
    return re.sub(r"/v\d+$", "", package).rpartition("/")[2]
