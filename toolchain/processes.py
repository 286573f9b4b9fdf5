"""Child processes that end with their parent, and are ended by id only."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


def die_with_parent() -> None:
    """Have the kernel end this process, before it becomes another program, with its parent."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def start(
    command: Sequence[str | Path],
    log: Path,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child with its output in `log`; it is ended when this process ends, however that is.

    To be called from the main thread: the kernel ties the child to the thread that made it.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        return subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            cwd=cwd,
            preexec_fn=die_with_parent,
        )


def stop(process: subprocess.Popen[bytes], retries: float = 10) -> None:
    """End a child: asked first, killed when it has not ended after `retries` seconds."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(retries)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert isinstance(port, int)
    return port


def is_free(port: int) -> bool:
    """Say whether a server could listen on the port of 127.0.0.1."""
    with contextlib.closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def birth(pid: int) -> str | None:
    """Return when a process was started (kernel ticks since boot), or None when there is none.

    Together with the id this tells a process from a later one that was given the same id.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    # The second field is the program's name in parentheses and may hold spaces.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields[19]


def signal_by_id(pid: int, started: str, number: signal.Signals) -> bool:
    """Signal the process `pid` if it is still the one that was started then; say whether it was."""
    if birth(pid) != started:
        return False
    os.kill(pid, number)
    return True
