"""The recipe of the container image: held to the sources, since nothing here can build it."""

import json
import re
import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LINES = (ROOT / "Containerfile").read_text("utf-8").replace("\\\n", "").splitlines()
PIP = "/opt/app-root/serverless-mesh/bin/pip"


def arguments(instruction: str) -> list[list[str]]:
    found = (line.removeprefix(instruction) for line in LINES if line.startswith(instruction + " "))
    return [shlex.split(each) for each in found]


def test_all_that_is_copied_is_there_and_is_not_ignored() -> None:
    ignored = (ROOT / ".containerignore").read_text("utf-8").splitlines()
    let_through = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copied = {
        source for each in arguments("COPY") if "--from=build" not in each for source in each[1:-1]
    }
    assert copied == let_through
    assert all((ROOT / source).exists() for source in copied)


def test_what_is_installed_is_locked_by_hashes() -> None:
    installs = [each[1:] for each in arguments("RUN") if each[0] == PIP]
    assert installs[0] == [
        *("install", "--no-cache-dir", "--require-hashes", "--only-binary", ":all:"),
        *("-r", "requirements.txt"),
    ]
    # The rest is this project, by the build tools that are locked as well.
    assert all("--no-index" in each and "--no-deps" in each for each in installs[1:])
    readme = (ROOT / "README.md").read_text("utf-8")
    assert "pip install --require-hashes --only-binary :all: -r requirements.txt" in readme


def test_nobody_is_root_and_the_console_script_is_what_runs() -> None:
    assert arguments("USER") == [["1001"], ["1001"]]
    (entry,) = (line for line in LINES if line.startswith("ENTRYPOINT"))
    scripts = re.findall(r'(?m)^(\S+) = "serverless_mesh\.', (ROOT / "pyproject.toml").read_text())
    assert json.loads(entry.removeprefix("ENTRYPOINT ")) == scripts
