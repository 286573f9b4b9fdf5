"""`serverless-mesh check` beside `istioctl analyze`, both as a user runs them, over one file."""

import json
import tempfile
from collections.abc import Sequence
from operator import truediv
from pathlib import Path
from typing import Final

import yaml
from rich.console import Console
from rich.table import Table

from bench.check import CHECK
from bench.costs import Cost, process
from bench.errors import BenchError
from bench.gateways import gateways
from bench.limits import Limit, hold
from toolchain.paths import BIN

COUNTS: Final = (1_000, 4_000, 16_000)
_FASTER: Final = (16_000, 150.0)
"""Over how many Gateways `check` has to be how many times as fast."""
# Without --all-namespaces it keeps what it finds outside of `default` to itself.
_ANALYZE: Final = (BIN / "istioctl", "analyze", "--all-namespaces", "--use-kube=false", "--verbose")
_RULE: Final = "no-conflicting-wildcard-gateway"
_CODE: Final = "IST0145"
_ANALYZER: Final = "gateway.ConflictingGatewayAnalyzer"
_FOUND_ISSUES: Final = 79
"""istioctl's exit code for that."""


def run(console: Console, counts: Sequence[int] = COUNTS) -> None:
    """Give both the same files, one after the other.

    Raises:
        BenchError: one of them is not there or fails.
        LimitError: `check` is not as much faster as it has to be.
    """
    if not _ANALYZE[0].exists():
        raise BenchError("istioctl is not there: `.venv/bin/python -m toolchain setup --bench`")
    table = Table(title="Gateways in one YAML file: seconds from start to end (of which CPU)")
    for column in ("Gateways", "check", "conflicts", "istioctl", "conflicts", "ratio (CPU)"):
        table.add_column(column, justify="right")
    skipped, limits = False, []
    with tempfile.TemporaryDirectory() as folder:
        for count in counts:
            file = Path(folder) / f"{count}.yaml"
            file.write_text(yaml.safe_dump_all(gateways(count)), "utf-8")
            ours = process([*CHECK, "--file", file], good=(0, 1))
            theirs = process([*_ANALYZE, file], good=(0, _FOUND_ISSUES))
            skipped = _ANALYZER in theirs.remarks.partition("Executed")[0]
            found = sum(each["rule"] == _RULE for each in json.loads(ours.output))
            ratio = Cost(*map(truediv, theirs.cost, ours.cost))
            if count == _FASTER[0]:
                what = f"{count:,} Gateways, istioctl's time to check's"
                limits.append(Limit(what, ratio.wall, _FASTER[1], least=True))
            table.add_row(
                f"{count:,}",
                str(ours.cost),
                f"{found:,}",
                str(theirs.cost),
                "skipped" if skipped else f"{theirs.output.count(_CODE):,}",
                f"{ratio.wall:.1f} ({ratio.cpu:.1f})",
            )
            console.print(f"{count:,}: {ours.cost} s, istioctl {theirs.cost} s")
    console.print(table)
    if skipped:
        console.print(f"istioctl skips {_ANALYZER} where it has only files")
    hold(console, limits)
