"""A limit in time for what has none: a look-up of a name, a server that answers bit by bit."""

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def within(seconds: float, do: Callable[[], T]) -> T:
    """Return what `do` returns, or raise what it raises.

    When the time is over it goes on in a thread that nobody waits for any more.

    Raises:
        TimeoutError: the time is over.
    """
    done: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            done.put((do(), None))
        except BaseException as error:
            done.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        result, error = done.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"it takes longer than {seconds:g} s") from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]
