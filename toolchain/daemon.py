"""The local cluster in the background: one process that holds all the others.

It ends when told to, or by itself after a day; its children end with it.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

from toolchain import processes
from toolchain.errors import LocalEnvironmentError
from toolchain.mesh.programs import FOLDER
from toolchain.operators.running import running_operators
from toolchain.paths import CLUSTER, LOGS, ROOT

LIFETIME: Final = 24 * 3600.0
"""Seconds after which a forgotten cluster stops by itself; its data stay for the next start."""
START_WITHIN: Final = 180.0
_LOG: Final = LOGS / "cluster.log"


@dataclass(frozen=True)
class Running:
    """The record of a running cluster: its process (id and start, so that ids are safe) and URL.

    With a mesh on it, `router` is the port of 127.0.0.1 where its router answers.
    """

    pid: int
    started: str
    url: str
    router: int | None = None

    @classmethod
    def read(cls) -> Self | None:
        """Return the record when the process that it names still runs."""
        try:
            record = cls(**json.loads(_record().read_text("utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        return record if processes.birth(record.pid) == record.started else None


def _record() -> Path:
    return CLUSTER / "running.json"


def start(*, mesh: bool = False) -> Running:
    """Start the cluster in the background unless it runs, and wait until it is ready.

    With `mesh` the real operators and proxies run on it; one without is started anew, its data
    kept. Data that had a mesh have one again: only its operators let go of what they hold.

    Raises:
        LocalEnvironmentError: it ends or is not ready in time.
    """
    mesh = mesh or (CLUSTER / FOLDER).exists()
    if running := Running.read():
        if not mesh or running.router is not None:
            return running
        stop()
    _LOG.parent.mkdir(parents=True, exist_ok=True)
    with _LOG.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "toolchain", "serve", *(["--mesh"] if mesh else [])],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_WITHIN
    while (running := Running.read()) is None:
        if process.poll() is not None or time.monotonic() > deadline:
            processes.stop(process)
            said = _LOG.read_text("utf-8").strip().splitlines()[-1:] or ["it said nothing"]
            raise LocalEnvironmentError(
                f"the local cluster did not start: {said[0]}\nIts log: {_LOG}"
            )
        time.sleep(0.1)
    return running


def stop() -> bool:
    """Stop the cluster and wait for its end; say whether it ran."""
    running = Running.read()
    if running is None or not processes.signal_by_id(running.pid, running.started, signal.SIGTERM):
        return False
    while processes.birth(running.pid) == running.started:
        time.sleep(0.1)
    return True


def serve(*, mesh: bool) -> None:
    """Run the cluster, and the operators' stand-in or the mesh on it, until told to stop.

    Raises:
        ClusterError: a part of it can't be started.
    """
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    # Only the process in the background needs the Kubernetes client, which is slow to import.
    from toolchain.cluster import Cluster
    from toolchain.mesh.local import LocalMesh

    with Cluster(CLUSTER) as cluster:
        if mesh:
            with LocalMesh(cluster) as local, _recorded(cluster.url, local.services.router.port):
                local.run(told, LIFETIME)
        else:
            operators = running_operators(cluster.kubeconfig, LOGS / "operators.log")
            with operators, _recorded(cluster.url):
                told.wait(LIFETIME)


@contextmanager
def _recorded(url: str, router: int | None = None) -> Iterator[None]:
    """Let others know of the running cluster, for as long as it runs."""
    started = processes.birth(os.getpid())
    assert started is not None
    unfinished = _record().with_suffix(".unfinished")
    record = asdict(Running(os.getpid(), started, url, router))
    unfinished.write_text(json.dumps(record), encoding="utf-8")
    unfinished.rename(_record())
    try:
        yield
    finally:
        _record().unlink(missing_ok=True)
