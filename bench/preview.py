"""The real program beside a flat one that declares the same objects and checks nothing.

Each has a local API server of its own. `pulumi preview`, and `pulumi up` of what is there already,
are what people wait for in a review and in a pipeline that runs again.
"""

import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from bench.costs import Cost, measured
from bench.errors import BenchError
from toolchain.cluster import Cluster
from toolchain.dev import PACK
from toolchain.environment import pulumi_environment
from toolchain.operators.running import running_operators
from toolchain.paths import BIN, ROOT

RUNS: Final = 5
FLAT: Final = ROOT / "bench" / "flat"
_STACK: Final = "bench"
_SETTINGS: Final = {"verification.image": "openshift/hello-openshift"}
_EMPTY: Final = "import pulumi\n"


@dataclass
class Case:
    """One command of one program, and what each of its runs took."""

    name: str
    command: Callable[[], None]
    costs: list[Cost] = field(default_factory=list)

    def run(self) -> None:
        """Run it once more."""
        _, cost = measured(self.command)
        self.costs.append(cost)

    @property
    def median(self) -> Cost:
        """The medians of what its runs took."""
        return Cost(*(statistics.median(column) for column in zip(*self.costs, strict=True)))


def run(console: Console, runs: int = RUNS) -> None:
    """Run each command in turns, so that all meet the same machine.

    Raises:
        BenchError: the local environment is not set up, or a command fails.
    """
    if not (BIN / "kube-apiserver").exists():
        raise BenchError("the local environment is not set up: run `make setup`")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        flat = stack.enter_context(_deployed(folder / "flat", FLAT))
        ours = stack.enter_context(_deployed(folder / "ours", ROOT, _SETTINGS))
        empty = _Project(folder / "empty", _empty(folder / "nothing"))
        tables = {
            "pulumi preview": ("preview",),
            "pulumi up, nothing changed": ("up", "--yes", "--skip-preview"),
        }
        for title, command in tables.items():
            cases = [
                Case("flat", partial(flat.pulumi, *command)),
                Case("the program", partial(ours.pulumi, *command)),
                Case("with the pack", partial(ours.pulumi, *command, *PACK)),
                Case("an empty program", partial(empty.pulumi, *command)),
            ]
            _measure(console, title, cases, runs)


def _measure(console: Console, title: str, cases: list[Case], runs: int) -> None:
    for case in cases:
        # Once unmeasured: the first run compiles Python's modules.
        case.command()
    for turn in range(runs):
        for case in cases:
            case.run()
        said = ", ".join(f"{case.name} {case.costs[-1].wall:.2f}" for case in cases)
        console.print(f"{title} {turn + 1}: {said} s")
    table = Table(title=f"{title}, medians of {runs} runs: seconds (ratio to flat)")
    for column in ("program", "fastest", "median", "slowest", "CPU"):
        table.add_column(column, justify="right")
    anchor = cases[0].median
    for case in cases:
        wall, cpu = case.median
        seconds = [cost.wall for cost in case.costs]
        table.add_row(
            case.name,
            f"{min(seconds):.2f}",
            f"{wall:.2f} ({wall / anchor.wall:.2f})",
            f"{max(seconds):.2f}",
            f"{cpu:.2f} ({cpu / anchor.cpu:.2f})",
        )
    console.print(table)


class _Project:
    """A stack of the program in `program`; its settings and state are in a folder of its own."""

    def __init__(self, folder: Path, program: Path) -> None:
        self._program = program
        self._settings = folder / f"Pulumi.{_STACK}.yaml"
        folder.mkdir(parents=True)
        shutil.copyfile(program / "Pulumi.yaml", folder / "Pulumi.yaml")
        passphrase = folder / "passphrase"
        passphrase.write_text("only for this bench", "utf-8")
        self._env = pulumi_environment(folder / "state", passphrase)
        self._run(folder, "stack", "select", "--create")

    def configure(self, values: Mapping[str, str]) -> None:
        """Set config values."""
        for key, value in values.items():
            self._run(self._settings.parent, "config", "set", "--path", key, value)

    def pulumi(self, *arguments: str) -> None:
        """Run a command that takes a stack file."""
        self._run(self._program, *arguments, "--config-file", str(self._settings))

    def _run(self, folder: Path, *arguments: str) -> None:
        done = subprocess.run(
            [BIN / "pulumi", *arguments, "--stack", _STACK, "--non-interactive"],
            cwd=folder,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            raise BenchError(f"pulumi exited with {done.returncode}:\n{done.stdout}")


@contextmanager
def _deployed(
    folder: Path, program: Path, settings: Mapping[str, str] | None = None
) -> Iterator[_Project]:
    """Bring a program up on an API server of its own."""
    with (
        Cluster(folder / "cluster") as cluster,
        running_operators(cluster.kubeconfig, folder / "operators.log"),
    ):
        project = _Project(folder / "project", program)
        project.configure({"kubernetes:kubeconfig": str(cluster.kubeconfig), **(settings or {})})
        project.pulumi("up", "--yes", "--skip-preview")
        yield project


def _empty(folder: Path) -> Path:
    """Make a project whose program does nothing: what the engine takes by itself."""
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: empty\nruntime: python\n", "utf-8")
    (folder / "__main__.py").write_text(_EMPTY, "utf-8")
    return folder
