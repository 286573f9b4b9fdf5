"""Stacks of the real engine, each with its own state and used as a user would: by command."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from compileall import compile_dir
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, Any, NamedTuple

import yaml

from plugins import running_plugins
from toolchain.environment import pulumi_environment
from toolchain.paths import BIN, ROOT
from warm_python import warm_python

PASSPHRASE = "only for this test"
PROGRAM_FILES = ("Pulumi.yaml", "__main__.py", "components", "preflight")


@dataclass(frozen=True)
class Run:
    """What a command printed (both streams, in order) and how it ended."""

    output: str
    code: int


@dataclass(frozen=True)
class PulumiStack:
    """One stack of one project, with its own state; every call is a real `pulumi` process."""

    project: Path
    name: str
    env: Mapping[str, str]

    def named(self, name: str) -> "PulumiStack":
        """Return the stack under the name that the engine knows it by now."""
        return replace(self, name=name, env={**self.env, "PULUMI_STACK": name})

    def run(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        stdin: IO[str] | int = subprocess.DEVNULL,
    ) -> Run:
        """Run `pulumi` with the arguments, whatever it says."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.project,
            env={**self.env, **(env or {})},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Run(done.stdout, done.returncode)

    def command(self, *arguments: str) -> list[str]:
        return [str(BIN / "pulumi"), *arguments, "--non-interactive", "--color=never"]

    def start(self, *arguments: str, own_group: bool = False) -> "subprocess.Popen[str]":
        """Start `pulumi` and leave it running; the caller waits for its end.

        In a process group of its own it is as a shell would start it.
        """
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.project,
            env=dict(self.env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=own_group,
        )

    def succeed(self, *arguments: str) -> str:
        run = self.run(*arguments)
        assert run.code == 0, run.output
        return run.output

    def fail(self, *arguments: str) -> str:
        run = self.run(*arguments)
        assert run.code != 0, run.output
        return run.output

    def up(self, *arguments: str) -> str:
        """Update at once; previews are asked for by name, since they take as long again."""
        return self.succeed("up", "--yes", "--skip-preview", *arguments)

    def preview(self, *arguments: str) -> str:
        return self.succeed("preview", "--diff", *arguments)

    def refresh(self, *arguments: str) -> str:
        return self.succeed("refresh", "--yes", "--skip-preview", "--diff", *arguments)

    def destroy(self, *arguments: str) -> str:
        return self.succeed("destroy", "--yes", "--skip-preview", *arguments)

    def configure(self, values: Mapping[str, object] | None = None, **more: object) -> None:
        """Set values of the stack file, as an editor does, by keys such as `mesh.namespace`.

        Those of other namespaces have theirs before them: `kubernetes:kubeconfig`.
        """
        content = self._content()
        for key, value in {**(values or {}), **more}.items():
            *sections, last = self._path(key)
            place = content["config"]
            for section in sections:
                place = place.setdefault(section, {})
            place[last] = str(value) if isinstance(value, Path) else value
        self._write(content)

    def set_secret(self, key: str, text: str) -> None:
        """Have the engine encrypt a value; by a file, since arguments show in process lists."""
        with TemporaryFile("w+", encoding="utf-8") as file:
            file.write(text)
            file.seek(0)
            done = self.run("config", "set", "--secret", key, stdin=file)
        assert done.code == 0, done.output

    def remove(self, *keys: str) -> None:
        """Take values out of the stack file, and sections that are empty then."""
        content = self._content()
        for key in keys:
            self._remove(content["config"], self._path(key))
        self._write(content)

    def _remove(self, place: dict[str, Any], path: list[str]) -> None:
        first, *rest = path
        if rest and first in place:
            self._remove(place[first], rest)
        if not rest or not place.get(first, True):
            place.pop(first, None)

    def _path(self, key: str) -> list[str]:
        space, colon, path = key.rpartition(":")
        first, *rest = path.split(".")
        return [f"{space if colon else _name(self.project)}:{first}", *rest]

    @property
    def file(self) -> Path:
        """The stack file."""
        return self.project / f"Pulumi.{self.name}.yaml"

    def _content(self) -> dict[str, Any]:
        found = yaml.safe_load(self.file.read_text("utf-8"))
        return {**found, "config": found.get("config") or {}}

    def _write(self, content: dict[str, Any]) -> None:
        self.file.write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")

    def outputs(self) -> dict[str, Any]:
        return dict(json.loads(self.succeed("stack", "output", "--json", "--show-secrets")))

    def state(self) -> str:
        """Return the state file's text as it lies on disk (secrets encrypted)."""
        files = Path(self.env["PULUMI_BACKEND_URL"].removeprefix("file://"))
        (file,) = (files / ".pulumi" / "stacks").rglob(f"{self.name}.json")
        return file.read_text("utf-8")

    def deployment(self) -> dict[str, Any]:
        """Return what `pulumi stack export` would show, without a process for it."""
        return dict(json.loads(self.state())["checkpoint"]["latest"])

    def resources(self) -> list[dict[str, Any]]:
        return list(self.deployment().get("resources", []))


StackFactory = Callable[[str], PulumiStack]
"""Makes a stack of the text of a program."""


def started_once() -> dict[str, str]:
    """Return the variables by which engines use what runs already, and start it the first time."""
    return {**running_plugins(), **warm_python()}


def make_stack(
    folder: Path,
    kubeconfig: Path,
    *,
    program: str | None = None,
    stack_file: Path | None = None,
    name: str = "test",
) -> PulumiStack:
    """Make a stack of a one-file program, or (without one) of this project's own program.

    A `stack_file` is what it is made with, as by a user.
    """
    project = folder / "project"
    project.mkdir(parents=True)
    if program is None:
        for file in PROGRAM_FILES:
            if (ROOT / file).is_dir():
                # With what Python makes of it, so that no stack's first run does that again.
                compile_dir(ROOT / file, quiet=1)
                unfinished = shutil.ignore_patterns("*.pyc.*")
                shutil.copytree(ROOT / file, project / file, ignore=unfinished)
            elif (ROOT / file).exists():
                shutil.copyfile(ROOT / file, project / file)
    else:
        (project / "Pulumi.yaml").write_text("name: trial\nruntime: python\n", "utf-8")
        (project / "__main__.py").write_text(program, "utf-8")
    passphrase = folder / "passphrase"
    passphrase.write_text(PASSPHRASE, "utf-8")
    env = {
        **pulumi_environment(folder / "state", passphrase),
        # The project's copy, not the installed one, is what the program imports.
        "PYTHONPATH": str(project),
        "HOME": os.environ["HOME"],
        **started_once(),
    }
    stack = PulumiStack(project, name, env).named(name)
    given = {} if stack_file is None else yaml.safe_load(stack_file.read_text("utf-8"))
    blank = _blank((project / "Pulumi.yaml").read_text("utf-8"), name)
    for path, content in blank.state.items():
        (folder / "state" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "state" / path).write_bytes(content)
    stack.file.write_text(yaml.safe_dump({**given, "encryptionsalt": blank.salt}), "utf-8")
    place = {}
    if stack_file is not None:
        place = {"kubernetes:context": yaml.safe_load(kubeconfig.read_text())["current-context"]}
    # So that tests can destroy what they made; `test_ownership.py` has the default.
    unprotected = {"protect": False} if program is None else {}
    stack.configure({"kubernetes:kubeconfig": kubeconfig, **place, **unprotected})
    return stack


def _name(project: Path) -> str:
    return str(yaml.safe_load((project / "Pulumi.yaml").read_text("utf-8"))["name"])


class _Blank(NamedTuple):
    """What the engine writes for a new stack: its state by file, and the salt of its secrets."""

    state: dict[Path, bytes]
    salt: str


@cache
def _blank(project: str, name: str) -> _Blank:
    """Have the engine make a stack once, for all those that tests make by the same name."""
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "Pulumi.yaml").write_text(project, "utf-8")
        passphrase, state = folder / "passphrase", folder / "state"
        passphrase.write_text(PASSPHRASE, "utf-8")
        stack = PulumiStack(folder, name, pulumi_environment(state, passphrase))
        stack.succeed("stack", "init", name)
        files = {
            path.relative_to(state): path.read_bytes()
            for path in state.rglob("*")
            if path.is_file()
        }
        return _Blank(files, yaml.safe_load(stack.file.read_text("utf-8"))["encryptionsalt"])
