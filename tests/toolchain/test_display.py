"""What is shown of work that goes on side by side, on a terminal and elsewhere."""

import io
import time

from toolchain.display import Display


class Terminal(io.StringIO):
    """A terminal that keeps what was written to it."""

    def isatty(self) -> bool:
        return True


def test_each_start_and_end_is_a_line() -> None:
    out = io.StringIO()
    with Display(out) as display:
        display.start("one")
        display.start("two")
        display.end("one", "found on PATH")
        display.end("two", "failed: no space", mark="✗")
    assert out.getvalue().splitlines() == [
        "one ...",
        "two ...",
        "✓ one: found on PATH (0 s)",
        "✗ two: failed: no space (0 s)",
    ]


def test_a_terminal_shows_what_runs_and_keeps_the_ends() -> None:
    out = Terminal()
    deadline = time.monotonic() + 30
    with Display(out) as display:
        display.start("one")
        display.start("two")
        while "one 0 s, two 0 s" not in out.getvalue():
            assert time.monotonic() < deadline, out.getvalue()
            time.sleep(0.01)
        display.end("one", "built")
    assert "\r\x1b[2K✓ one: built (0 s)\n" in out.getvalue()
    # The live line is gone at the end.
    assert out.getvalue().endswith("\r\x1b[2K")
