"""A server in a thread of its own, for as long as a test needs it."""

from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseServer
from threading import Thread
from typing import Final

_LOOKS_EVERY: Final = 0.01
"""Seconds until a server sees that it is to end; the library's own half a second adds up."""


@contextmanager
def serving(server: BaseServer) -> Iterator[None]:
    """Have a server that listens already answer until the block ends."""
    thread = Thread(target=server.serve_forever, args=(_LOOKS_EVERY,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
