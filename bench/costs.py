"""What a command costs."""

import resource
import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

Result = TypeVar("Result")


class Cost(NamedTuple):
    """Seconds: until it ended, and of the processors."""

    wall: float
    cpu: float


def measured(command: Callable[[], Result]) -> tuple[Result, Cost]:
    """Run a command that starts programs; return what it returns and what they took."""
    before, start = _children(), time.perf_counter()
    result = command()
    return result, Cost(time.perf_counter() - start, _children() - before)


def _children() -> float:
    """Return the CPU seconds of all children that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
