"""What takes long says so, to people alone: on stderr, and only on a terminal."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show that something is being done, until it is."""
    # Rich shows it on a terminal alone.
    with Console(stderr=True).status(what):
        yield
