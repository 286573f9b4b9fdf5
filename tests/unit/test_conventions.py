"""What is the same for every command: help, version, completion, colours, progress, exit codes."""

import os
import pty
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer
import typer.main

import mesh_policy
from serverless_mesh.cli.help_texts import EXIT_CODES
from serverless_mesh.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(sys.executable).with_name("serverless-mesh")
ESCAPE = "\x1b["
COLOUR = re.compile(r"\x1b\[(\d+;)*(3[0-7]|9[0-7])(;\d+)*m")


def commands(command: Any, names: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """List every command that does something, by its names."""
    if hasattr(command, "commands"):
        for name, below in command.commands.items():
            yield from commands(below, (*names, name))
    else:
        yield names, command


TOP: Any = typer.main.get_command(app)
COMMANDS = dict(commands(TOP))


class Ended(NamedTuple):
    code: int
    out: str
    err: str


def run(*arguments: str, env: dict[str, str] | None = None, terminal: str = "") -> Ended:
    """Run the console script; `terminal` is the stream, `out` or `err`, that is one."""
    plain = {key: text for key, text in os.environ.items() if key not in ("NO_COLOR", "COLUMNS")}
    ours, theirs = pty.openpty() if terminal else (-1, -1)
    with subprocess.Popen(
        [SCRIPT, *arguments],
        env={**plain, "TERM": "xterm-256color", **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=theirs if terminal == "out" else subprocess.PIPE,
        stderr=theirs if terminal == "err" else subprocess.PIPE,
        cwd=ROOT,
        text=True,
    ) as process:
        shown = ""
        if terminal:
            os.close(theirs)
            shown = _read(ours)
        out, err = process.communicate()
    return Ended(process.returncode, *((shown, err) if terminal == "out" else (out, shown or err)))


def _read(terminal: int) -> str:
    said = b""
    while True:
        try:
            chunk = os.read(terminal, 1 << 16)
        except OSError:
            chunk = b""
        if not chunk:
            os.close(terminal)
            return said.decode()
        said += chunk


def test_the_version_is_that_of_the_project() -> None:
    assert run("--version") == Ended(0, f"serverless-mesh {mesh_policy.__version__}\n", "")


@pytest.mark.parametrize("names", COMMANDS, ids=" ".join)
def test_help_has_examples_that_can_be_parsed_and_the_exit_codes(names: tuple[str, ...]) -> None:
    command = COMMANDS[names]
    assert command.help
    head, *examples, codes = (command.epilog or "").split("\n\n")
    assert (head, codes.partition(":")[0]) == ("Examples:", "Exit codes")
    assert examples
    for example in examples:
        script, *arguments = shlex.split(example)
        assert (script, *arguments[: len(names)]) == ("serverless-mesh", *names)
        command.make_context(names[-1], arguments[len(names) :])


def test_an_example_that_is_none_would_be_found() -> None:
    with pytest.raises(Exception, match="No such option"):
        COMMANDS["check",].make_context("check", ["--contexts", "a"])


@pytest.mark.parametrize(
    ("shell", "typed"),
    [
        ("bash", {"COMP_WORDS": "serverless-mesh ver", "COMP_CWORD": "1"}),
        ("zsh", {"_TYPER_COMPLETE_ARGS": "serverless-mesh ver"}),
        (
            "fish",
            {
                "_TYPER_COMPLETE_ARGS": "serverless-mesh ver",
                "_TYPER_COMPLETE_FISH_ACTION": "get-args",
            },
        ),
    ],
)
def test_shells_complete_commands(shell: str, typed: dict[str, str]) -> None:
    named = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    shown = run("--show-completion", shell, env=named)
    assert shown.code == 0
    assert "_SERVERLESS_MESH_COMPLETE" in shown.out
    completed = run(env={"_SERVERLESS_MESH_COMPLETE": f"complete_{shell}", **typed})
    assert "verify" in completed.out
    assert "rules" not in completed.out


@pytest.mark.parametrize(
    "arguments", [("--help",), ("check", "--nonsense"), ("check", "--rule", "none")], ids=" ".join
)
def test_there_are_colours_on_a_terminal_alone_and_none_with_no_color(
    arguments: tuple[str, ...],
) -> None:
    terminal = "out" if arguments == ("--help",) else "err"
    piped = run(*arguments)
    assert ESCAPE not in piped.out + piped.err
    shown = run(*arguments, terminal=terminal)
    assert COLOUR.search(shown.out + shown.err)
    without = run(*arguments, terminal=terminal, env={"NO_COLOR": "1"})
    assert not COLOUR.search(without.out + without.err)


def test_progress_is_shown_on_stderr_and_on_a_terminal_alone() -> None:
    command = ("check", "--file", "tests/data/documented/serving.yaml", "--format", "json")
    shown = run(*command, terminal="err")
    assert "reading files" in shown.err
    piped = run(*command)
    assert "reading files" not in piped.err + piped.out + shown.out
    assert shown.out == piped.out


def test_what_a_document_is_can_be_written_to_a_file(tmp_path: Path) -> None:
    file = tmp_path / "document"
    for command in (
        ("config", "schema"),
        ("config", "schema", "--markdown"),
        ("check", "--file", "tests/data/documented/serving.yaml", "--format", "sarif"),
        ("check", "--file", "tests/data/documented/serving.yaml"),
    ):
        printed = run(*command)
        written = run(*command, "--output", str(file))
        assert (written.code, written.out, written.err) == (printed.code, "", printed.err)
        assert file.read_text("utf-8") == printed.out
    refused = run("config", "schema", "--output", str(tmp_path / "nowhere" / "document"))
    assert refused.code == 2
    assert "nowhere/document can't be written: No such file or directory" in refused.err


def test_several_stack_files_are_checked_at_once(tmp_path: Path) -> None:
    bad = tmp_path / "Pulumi.bad.yaml"
    bad.write_text("config:\n  serverless-mesh:projekts: []\n", "utf-8")
    done = run("config", "check", "Pulumi.dev.yaml", str(bad), "Pulumi.mesh3.yaml")
    assert done.code == 1
    assert "did you mean projects?" in done.err
    assert done.out.count("the settings are good") == 2
    # What can't be read counts for more, and keeps no other one from being checked.
    assert run("config", "check", str(tmp_path / "gone"), str(bad)).code == 2


def test_the_guide_names_each_command_and_the_exit_codes() -> None:
    guide = (ROOT / "docs" / "guides" / "command-line.md").read_text("utf-8")
    for names in COMMANDS:
        assert f"`serverless-mesh {' '.join(names)}`" in guide
    codes = dict(part.split(" ", 1) for part in re.split(r", (?=\d)", EXIT_CODES))
    for code, meaning in codes.items():
        assert f"| {code} | {meaning} |" in guide


def test_the_hooks_are_commands_that_are_there() -> None:
    hooks = (ROOT / ".pre-commit-hooks.yaml").read_text("utf-8")
    entries = re.findall(r"entry: serverless-mesh (.*)", hooks)
    assert [tuple(entry.split()) for entry in entries] == [("check",), ("config", "check")]
    assert all(tuple(entry.split()) in COMMANDS for entry in entries)
