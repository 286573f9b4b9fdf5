"""The warm Python of the tests: each start is a process as Python's own would be."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Final

import pytest

from harness import until
from toolchain.paths import VENV
from toolchain.processes import birth
from warm_python import warm_python

pytestmark = pytest.mark.e2e

WITHIN: Final = 60.0
TELLING: Final = """
import json, os, sys

print(json.dumps({
    "arguments": sys.argv[1:],
    "searched": sys.path[:2],
    "folder": os.getcwd(),
    "variable": os.environ.get("VARIABLE"),
    "parent": os.getppid(),
    "imported": sorted({name.partition(".")[0] for name in sys.modules}),
}))
print("and this", file=sys.stderr)
sys.exit(int(sys.argv[1]))
"""
ENDING: Final = """
import atexit, concurrent.futures, threading, time

pool = concurrent.futures.ThreadPoolExecutor(1)
pool.submit(print, "in the pool")
threading.Thread(target=lambda: (time.sleep(0.1), print("in a thread"))).start()
atexit.register(print, "at the end")
%s
"""
WAITING: Final = """
import os, time

print(os.getpid(), flush=True)
time.sleep(600)
"""


def started(folder: Path, program: str, *arguments: str) -> "subprocess.Popen[str]":
    """Start a program as the language host does."""
    executor = folder / "pulumi-language-python-exec"
    executor.write_text(program, "utf-8")
    environment = {
        **os.environ,
        **warm_python(),
        "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": "/somewhere",
        "VARIABLE": "given",
    }
    return subprocess.Popen(
        [environment["PULUMI_PYTHON_CMD"], executor, *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("code", [0, 3])
def test_a_program_has_what_it_was_started_with(tmp_path: Path, code: int) -> None:
    process = started(tmp_path, TELLING, str(code), "more")
    out, err = process.communicate(timeout=WITHIN)
    assert (process.returncode, err) == (code, "and this\n")
    said = json.loads(out)
    assert said["arguments"] == [str(code), "more"]
    assert said["searched"] == [str(tmp_path), "/somewhere"]
    assert said["folder"] == str(tmp_path)
    assert said["variable"] == "given"
    assert said["parent"] == os.getpid()
    assert "pulumi" in said["imported"]
    ours = {"components", "mesh_policy", "preflight", "serverless_mesh", "toolchain"}
    assert not ours & set(said["imported"])


@pytest.mark.parametrize(
    ("last", "code", "said"),
    [
        ("", 0, ""),
        ("raise SystemExit", 0, ""),
        ("raise SystemExit('no')", 1, "no\n"),
        ("1 / 0", 1, "ZeroDivisionError: division by zero\n"),
    ],
)
def test_a_program_ends_as_python_does(tmp_path: Path, last: str, code: int, said: str) -> None:
    process = started(tmp_path, ENDING % last)
    out, err = process.communicate(timeout=WITHIN)
    assert process.returncode == code
    assert out.splitlines() == ["in the pool", "in a thread", "at the end"]
    assert err.endswith(said) if said else not err


def test_a_signal_reaches_the_program(tmp_path: Path) -> None:
    process = started(tmp_path, WAITING)
    assert process.stdout is not None
    process.stdout.readline()
    # Not an interrupt, which is ignored where whoever runs the tests does.
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=WITHIN)
    assert process.returncode == -signal.SIGTERM


def test_a_killed_client_takes_its_program_with_it(tmp_path: Path) -> None:
    process = started(tmp_path, WAITING)
    assert process.stdout is not None
    program = int(process.stdout.readline())
    assert birth(program) is not None
    process.kill()
    process.communicate(timeout=WITHIN)
    until(lambda: birth(program) is None, WITHIN)
