"""A Python that has imported the SDK already, for the engine's language host to start.

Each update starts Python three times (to list the packages, for the program, for the pack), and
most of what they do is to import the same modules. Here one process imports them and forks for each
start. Nothing of this project is among them: a program finds its own copy, as in any new process.

What the language host starts is the client beside this file. It hands over its arguments, its
environment, its working folder and its streams, passes signals on, and ends as the fork does; when
it is killed, so is the fork. Other commands than those three are Python's own.
"""

import atexit
import gc
import io
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NoReturn

IMPORTED: Final = (
    "cryptography.x509",
    "pip._internal.cli.main_parser",
    "pip._internal.commands.list",
    "pulumi.policy",
    "pulumi_kubernetes.apiextensions",
    "pulumi_kubernetes.core.v1",
    "pulumi_policy",
    "pulumi_random",
    "pulumi_tls",
    "pydantic.main",
    "pydantic.plugin._schema_validator",
    "urllib3",
    "yaml",
)
_CLIENT: Final = Path(__file__).with_name("warm_python_client.py")


@cache
def warm_python() -> dict[str, str]:
    """Start the process that forks, to end with this one; return what engines need to use it."""
    from toolchain.paths import VENV
    from toolchain.processes import die_with_parent

    address = f"warm-python-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("\0" + address)
        listener.listen()
        subprocess.Popen(
            [VENV / "bin" / "python", "-I", __file__, str(listener.fileno())],
            stdin=subprocess.DEVNULL,
            pass_fds=[listener.fileno()],
            preexec_fn=die_with_parent,
        )
    return {"PULUMI_PYTHON_CMD": str(_CLIENT), "WARM_PYTHON": address}


def serve(listener: socket.socket) -> None:
    """Fork for each client until this process is ended; only the forks return, as their start."""
    for name in IMPORTED:
        import_module(name)
    assert threading.active_count() == 1, "a fork would lack the threads"
    gc.collect()
    gc.freeze()
    ended, told = socket.socketpair()
    ended.setblocking(False)
    told.setblocking(False)
    signal.set_wakeup_fd(told.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    clients: dict[int, socket.socket] = {}
    with selectors.DefaultSelector() as ready:
        ready.register(listener, selectors.EVENT_READ)
        ready.register(ended, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                if key.fileobj is ended:
                    ended.recv(4096)
                    _tell_ends(clients)
                    continue
                client, _ = listener.accept()
                if (forked := os.fork()) == 0:
                    for other in (listener, ended, told, *clients.values()):
                        other.close()
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    start(client)
                    return
                clients[forked] = client


def _tell_ends(clients: dict[int, socket.socket]) -> None:
    """Tell clients how their forks have ended: the exit code, or below zero the signal."""
    for forked in list(clients):
        found, status = os.waitpid(forked, os.WNOHANG)
        if found:
            # It may be gone before its fork.
            with clients.pop(forked) as client, suppress(OSError):
                client.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))


def start(client: socket.socket) -> None:
    """Become what the client was to be, and do it."""
    _, streams, _, _ = socket.recv_fds(client, 1, 3)
    with client.makefile() as asking:
        asked: dict[str, Any] = json.loads(asking.readline())
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    # The pack looks for its project in the folders of those who started it.
    os.getppid = lambda: asked["parent"]
    client.sendall(b"%d\n" % os.getpid())
    threading.Thread(target=_end_with, args=(client,), daemon=True).start()
    arguments: list[str] = asked["arguments"]
    if arguments[0] == "-u":
        del arguments[0]
        for name, number in (("stdout", 1), ("stderr", 2)):
            raw = io.FileIO(number, "w", closefd=False)
            setattr(sys, name, io.TextIOWrapper(raw, "utf-8", write_through=True))
    searched = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        sys.path[:0] = [asked["folder"], *searched]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        sys.path[:0] = [str(Path(arguments[0]).parent), *searched]
        runpy.run_path(arguments[0], run_name="__main__")


def _end_with(client: socket.socket) -> None:
    """End with the client, which has nothing more to say until it has ended."""
    client.recv(1)
    os._exit(1)


def end(code: int) -> NoReturn:
    """Do what Python does at its end, but for clearing its memory.

    That would make a fork copy all that has been imported, which takes longer than to start it.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    try:
        serve(socket.socket(fileno=int(sys.argv[1])))
    except SystemExit as asked_for:
        if not isinstance(asked_for.code, int | None):
            raise
        end(asked_for.code or 0)
    end(0)
