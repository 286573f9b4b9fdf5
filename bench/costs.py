"""What a command costs."""

import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from bench.errors import BenchError

Result = TypeVar("Result")
_KIB: Final = 1024


class Cost(NamedTuple):
    """Seconds: until it ended, and of the processors."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.wall:.2f} ({self.cpu:.2f})"


class Process(NamedTuple):
    """What one process printed and took; `memory` are the bytes that it held at its peak."""

    output: str
    remarks: str
    cost: Cost
    memory: int


def measured(command: Callable[[], Result]) -> tuple[Result, Cost]:
    """Run a command that starts programs; return what it returns and what they took."""
    before, start = _children(), time.perf_counter()
    result = command()
    return result, Cost(time.perf_counter() - start, _children() - before)


def _children() -> float:
    """Return the CPU seconds of all children that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def process(command: Sequence[str | Path], good: Sequence[int]) -> Process:
    """Run one process to its end; `good` are the exit codes with which it has done its work.

    Raises:
        BenchError: it exits with another.
    """
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as remarks:
        start = time.perf_counter()
        running = subprocess.Popen(command, stdout=output, stderr=remarks)
        # Only so is it said what this very process took, and not all that were there before it.
        _, status, used = os.wait4(running.pid, 0)
        wall = time.perf_counter() - start
        running.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        remarks.seek(0)
        said, remarked = output.read(), remarks.read()
    if running.returncode not in good:
        name = Path(command[0]).name
        raise BenchError(f"{name} exited with {running.returncode}: {remarked}")
    return Process(said, remarked, Cost(wall, used.ru_utime + used.ru_stime), used.ru_maxrss * _KIB)
