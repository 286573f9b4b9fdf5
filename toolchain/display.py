"""Progress of work that goes on side by side: a line at each start and end, and what runs now.

Standard library only: the set-up shows its progress before anything is installed.
"""

import shutil
import threading
import time
from types import TracebackType
from typing import Final, Self, TextIO

_EVERY: Final = 0.2
"""Seconds between two looks of the live line, which is there on a terminal only."""
_FRAMES: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class Display:
    """What runs, with its seconds; safe to be used by several threads inside of `with`."""

    def __init__(self, out: TextIO) -> None:
        """Show nothing yet."""
        self._out = out
        self._live = out.isatty()
        self._lock = threading.Lock()
        self._begun: dict[str, float] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._animate, daemon=True)

    def __enter__(self) -> Self:
        if self._live:
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        if self._live:
            self._thread.join()

    def start(self, name: str) -> None:
        """Show that something begins."""
        with self._lock:
            self._begun[name] = time.monotonic()
            if not self._live:
                self._print(f"{name} ...")

    def end(self, name: str, said: str, mark: str = "✓") -> None:
        """Show that something ended, and what came of it."""
        with self._lock:
            seconds = time.monotonic() - self._begun.pop(name)
            self._print(f"{mark} {name}: {said} ({seconds:.0f} s)")

    def _print(self, text: str) -> None:
        self._out.write(f"\r\x1b[2K{text}\n" if self._live else f"{text}\n")
        self._out.flush()

    def _animate(self) -> None:
        turn = 0
        while not self._ended.wait(_EVERY):
            turn += 1
            with self._lock:
                now = time.monotonic()
                running = ", ".join(f"{name} {now - at:.0f} s" for name, at in self._begun.items())
                line = f"{_FRAMES[turn % len(_FRAMES)]} {running}"[
                    : shutil.get_terminal_size().columns - 1
                ]
                self._out.write(f"\r\x1b[2K{line}")
                self._out.flush()
        self._out.write("\r\x1b[2K")
        self._out.flush()
