"""The operators' stand-in as a process of its own, on any local API server."""

import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from toolchain import processes
from toolchain.paths import ROOT


@contextmanager
def running_operators(
    kubeconfig: Path, log: Path, without: Iterable[str] = ()
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run it with its output in `log`, and end it afterwards; kinds in `without` are left alone."""
    left_alone = (part for kind in without for part in ("--without", kind))
    process = processes.start(
        [sys.executable, "-m", "toolchain.operators", "--kubeconfig", kubeconfig, *left_alone],
        log,
        cwd=ROOT,
    )
    try:
        yield process
    finally:
        processes.stop(process)
