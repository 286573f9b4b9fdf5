"""`serverless-mesh check` beside `istioctl analyze`, both as a user runs them, over one file."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import yaml
from rich.console import Console
from rich.table import Table

from bench.costs import measured
from bench.errors import BenchError
from bench.gateways import gateways
from toolchain.paths import BIN

COUNTS: Final = (1_000, 4_000, 16_000)
_CHECK: Final = (Path(sys.executable).with_name("serverless-mesh"), "check", "--format", "json")
# Without --all-namespaces it keeps what it finds outside of `default` to itself.
_ANALYZE: Final = (BIN / "istioctl", "analyze", "--all-namespaces", "--use-kube=false", "--verbose")
_RULE: Final = "no-conflicting-wildcard-gateway"
_CODE: Final = "IST0145"
_ANALYZER: Final = "gateway.ConflictingGatewayAnalyzer"
_FOUND_ISSUES: Final = 79
"""istioctl's exit code for that."""


class _Run(NamedTuple):
    seconds: float
    cpu: float
    output: str
    remarks: str

    def __str__(self) -> str:
        return f"{self.seconds:.2f} ({self.cpu:.2f})"


def run(console: Console, counts: Sequence[int] = COUNTS) -> None:
    """Give both the same files, one after the other.

    Raises:
        BenchError: one of them is not there or fails.
    """
    if not _ANALYZE[0].exists():
        raise BenchError("istioctl is not there: `.venv/bin/python -m toolchain setup --bench`")
    table = Table(title="Gateways in one YAML file: seconds from start to end (of which CPU)")
    for column in ("Gateways", "check", "conflicts", "istioctl", "conflicts", "ratio (CPU)"):
        table.add_column(column, justify="right")
    skipped = False
    with tempfile.TemporaryDirectory() as folder:
        for count in counts:
            file = Path(folder) / f"{count}.yaml"
            file.write_text(yaml.safe_dump_all(gateways(count)), "utf-8")
            ours = _timed(*_CHECK, "--file", file, good=(0, 1))
            theirs = _timed(*_ANALYZE, file, good=(0, _FOUND_ISSUES))
            skipped = _ANALYZER in theirs.remarks.partition("Executed")[0]
            found = sum(each["rule"] == _RULE for each in json.loads(ours.output))
            table.add_row(
                f"{count:,}",
                str(ours),
                f"{found:,}",
                str(theirs),
                "skipped" if skipped else f"{theirs.output.count(_CODE):,}",
                f"{theirs.seconds / ours.seconds:.1f} ({theirs.cpu / ours.cpu:.1f})",
            )
            console.print(f"{count:,}: {ours} s, istioctl {theirs} s")
    console.print(table)
    if skipped:
        console.print(f"istioctl skips {_ANALYZER} where it has only files")


def _timed(*command: str | Path, good: Sequence[int]) -> _Run:
    run = partial(subprocess.run, command, capture_output=True, text=True, check=False)
    done, cost = measured(run)
    if done.returncode not in good:
        raise BenchError(f"{Path(command[0]).name} exited with {done.returncode}: {done.stderr}")
    return _Run(cost.wall, cost.cpu, done.stdout, done.stderr)
