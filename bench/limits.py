"""What may be taken at the most: always a ratio of what is measured side by side, or bytes."""

from collections.abc import Iterable
from typing import NamedTuple

from rich.console import Console

from bench.errors import LimitError


class Limit(NamedTuple):
    """What was found of something, and the most (or, if so said, the least) that it may be."""

    what: str
    found: float
    limit: float
    least: bool = False

    @property
    def holds(self) -> bool:
        """Whether it is within the limit."""
        return self.found >= self.limit if self.least else self.found <= self.limit

    def __str__(self) -> str:
        word = "least" if self.least else "most"
        return f"{self.what}: {self.found:.2f}, at {word} {self.limit:g}"


def hold(console: Console, limits: Iterable[Limit]) -> None:
    """Print each limit.

    Raises:
        LimitError: one of them does not hold.
    """
    missed = []
    for each in limits:
        console.print(f"{'[green]✓[/]' if each.holds else '[red]✗[/]'} {each}")
        if not each.holds:
            missed.append(each)
    if missed:
        raise LimitError(f"not within the limits: {'; '.join(map(str, missed))}")
