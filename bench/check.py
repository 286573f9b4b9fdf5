"""`serverless-mesh check` as a user runs it, from files, and its loader beside PyYAML's own."""

import gc
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml
from rich.console import Console
from rich.table import Table

from bench.costs import Cost, Process, process
from bench.gateways import gateways
from bench.limits import Limit, hold
from serverless_mesh.cli import sources

CHECK: Final = (Path(sys.executable).with_name("serverless-mesh"), "check", "--format", "json")
REPEATS: Final = 3
_SMALL: Final = 16_000
_LARGE: Final = 100_000
_FILES: Final = 10_000
_GROWTH: Final = 7.0
"""From 16,000 to 100,000: linear is 6.25."""
_MEMORY: Final = 1.0
"""GB at the most."""
_LOADING: Final = 1.3
"""Of what PyYAML's own loader in C takes over the same text."""


class _Case(NamedTuple):
    name: str
    path: Path
    runs: list[Process]

    @property
    def best(self) -> Cost:
        """The least that its runs took."""
        costs = [each.cost for each in self.runs]
        return Cost(min(each.wall for each in costs), min(each.cpu for each in costs))

    @property
    def gigabytes(self) -> float:
        """The most that one of them held."""
        return max(each.memory for each in self.runs) / 1e9


def run(console: Console) -> None:
    """Check the same Gateways in one file and in many; the best of some runs in turns counts.

    Raises:
        BenchError: a check fails.
        LimitError: it takes more than it may.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small, large = (
            _Case(f"{count:,} in one file", _one(folder / f"{count}.yaml", count), [])
            for count in (_SMALL, _LARGE)
        )
        many = _Case(f"{_LARGE:,} in {_FILES:,} files", _many(folder / "many"), [])
        cases = (small, large, many)
        for _ in range(REPEATS):
            for case in cases:
                case.runs.append(process([*CHECK, "--file", case.path], good=(0, 1)))
                console.print(f"{case.name}: {case.runs[-1].cost} s")
        _print(console, cases)
        text = small.path.read_text("utf-8")
        ours, own = _loading(small.path, text)
    hold(
        console,
        [
            Limit("growth of the time in one file", large.best.cpu / small.best.cpu, _GROWTH),
            Limit("growth of the time in many files", many.best.cpu / small.best.cpu, _GROWTH),
            Limit("GB of memory", max(case.gigabytes for case in cases), _MEMORY),
            Limit(f"loading ({ours:.2f} s) to PyYAML's ({own:.2f} s)", ours / own, _LOADING),
        ],
    )


def _one(file: Path, count: int) -> Path:
    return _written(file, gateways(count))


def _many(folder: Path) -> Path:
    folder.mkdir()
    left = gateways(_LARGE)
    for index in range(_FILES):
        _written(folder / f"{index}.yaml", islice(left, _LARGE // _FILES))
    return folder


def _written(file: Path, bodies: Iterable[dict[str, Any]]) -> Path:
    with file.open("w", encoding="utf-8") as stream:
        yaml.dump_all(bodies, stream, yaml.CSafeDumper)
    return file


def _print(console: Console, cases: Iterable[_Case]) -> None:
    table = Table(title="check of Gateways: seconds from start to end (of which CPU), and memory")
    for column in ("Gateways", "seconds", "MB"):
        table.add_column(column, justify="right")
    for case in cases:
        table.add_row(case.name, str(case.best), f"{case.gigabytes * 1000:,.0f}")
    console.print(table)


def _loading(file: Path, text: str) -> tuple[float, float]:
    """Return the CPU seconds of our loader, and of PyYAML's own in C, over the same text."""
    rounds = [
        (
            cpu_seconds(lambda: sources.read([file], frozenset()).given),
            cpu_seconds(lambda: list(yaml.load_all(text, yaml.CSafeLoader))),
        )
        for _ in range(REPEATS)
    ]
    ours, own = zip(*rounds, strict=True)
    return min(ours), min(own)


def cpu_seconds(load: Callable[[], Any]) -> float:
    """Return the CPU seconds that something takes in this process."""
    # As in `serverless-mesh check`, and the same for both.
    gc.collect()
    gc.disable()
    try:
        start = time.process_time()
        load()
        return time.process_time() - start
    finally:
        gc.enable()
