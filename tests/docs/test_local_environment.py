"""The commands of the local environment, run in this checkout as they are shown."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from tests.docs.claims import RUN_HERE
from tests.docs.shown import blocks, commands
from toolchain import daemon, dev
from toolchain.paths import CLUSTER, ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.mesh]

SET_UP = r"TOOLCHAIN=.venv/bin/python\ -m\ toolchain"
"""What the Makefile's commands come to once everything is set up, as it is where tests run."""


def run(command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=ROOT,
        env={**os.environ, "MAKEFLAGS": SET_UP},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.fixture
def unused() -> Iterator[None]:
    """See that nobody uses the checkout's own cluster, and leave none."""
    if daemon.Running.read() is not None or CLUSTER.exists() or dev.held():
        pytest.skip("the local cluster of this checkout is in use; `make down` ends it")
    yield
    assert run("make down").returncode == 0


def test_what_the_page_shows_works(unused: None) -> None:
    said: dict[str, str] = {}
    for command in (each for block in blocks(RUN_HERE) for each in commands(block)):
        done = run(command.text)
        assert done.returncode == command.code, f"{command}\n{done.stdout}"
        said[command.text] = done.stdout
    assert "Hello Openshift!" in said["make mesh"]
    assert "✓ service" in said["make verify"]
    assert not CLUSTER.exists()
