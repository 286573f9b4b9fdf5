"""What the policy pack adds to `pulumi preview` of the real program, on the local API server."""

import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from bench.errors import BenchError
from toolchain.cluster import Cluster
from toolchain.environment import pulumi_environment
from toolchain.paths import BIN, ROOT

RUNS: Final = 5
_STACK: Final = "bench"
_PACK: Final = ("--policy-pack", str(ROOT / "policy"))


def run(console: Console, runs: int = RUNS) -> None:
    """Preview without and with the pack in turns, so that both meet the same machine.

    Raises:
        BenchError: the local environment is not set up, or a command fails.
    """
    if not (BIN / "kube-apiserver").exists():
        raise BenchError("the local environment is not set up: run `make setup`")
    seconds: dict[str, list[float]] = {"without": [], "with": []}
    with tempfile.TemporaryDirectory() as name, Cluster(Path(name) / "cluster") as cluster:
        preview = _stack(Path(name), cluster.kubeconfig)
        # Each once unmeasured: the first run compiles Python's modules.
        preview.run()
        preview.run(*_PACK)
        for turn in range(runs):
            seconds["without"].append(preview.run())
            seconds["with"].append(preview.run(*_PACK))
            console.print(
                f"{turn + 1}: {seconds['without'][-1]:.2f} s, with the pack "
                f"{seconds['with'][-1]:.2f} s"
            )
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    table = Table(title=f"`pulumi preview`, {runs} runs each: seconds")
    for column in ("policy pack", "fastest", "median", "slowest", "ratio"):
        table.add_column(column, justify="right")
    for name, values in seconds.items():
        median = medians[name]
        table.add_row(
            name,
            *(f"{value:.2f}" for value in (min(values), median, max(values))),
            f"{median / medians['without']:.2f}",
        )
    console.print(table)


class _Preview:
    """A stack of this checkout's program; its settings and state are in a folder of its own."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self._folder = folder
        self._env = env

    def run(self, *arguments: str) -> float:
        """Preview once and return the seconds that it takes."""
        start = time.perf_counter()
        settings = self._folder / f"Pulumi.{_STACK}.yaml"
        self.pulumi("preview", "--config-file", str(settings), *arguments, cwd=ROOT)
        return time.perf_counter() - start

    def pulumi(self, *arguments: str, cwd: Path | None = None) -> None:
        done = subprocess.run(
            [BIN / "pulumi", *arguments, "--stack", _STACK, "--non-interactive"],
            cwd=cwd or self._folder,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            raise BenchError(f"pulumi exited with {done.returncode}:\n{done.stdout}")


def _stack(folder: Path, kubeconfig: Path) -> _Preview:
    project = folder / "project"
    project.mkdir()
    shutil.copyfile(ROOT / "Pulumi.yaml", project / "Pulumi.yaml")
    passphrase = folder / "passphrase"
    passphrase.write_text("only for this bench", "utf-8")
    preview = _Preview(project, pulumi_environment(folder / "state", passphrase))
    preview.pulumi("stack", "select", "--create")
    preview.pulumi("config", "set", "kubernetes:kubeconfig", str(kubeconfig))
    return preview
