"""A reader at work: a copy of the project, a shell, a kubeconfig, and files that pages show."""

import os
import shutil
import subprocess
from collections.abc import Container
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import yaml

from stacks import started_once
from tests.docs.shown import Block, Command, blocks, commands
from toolchain.cluster import Cluster
from toolchain.environment import pulumi_environment
from toolchain.paths import BIN, ROOT, VENV

CONTEXT: Final = "production"
_PROJECT: Final = ("Pulumi.yaml", "__main__.py")
_FOLDERS: Final = ("components", "preflight", "policy", "deploy", "examples", "serverless_mesh")
_LOOKING: Final = ("pulumi preview", "serverless-mesh ")
_OC: Final = Path(__file__).with_name("oc.py")
_SALT: Final = "encryptionsalt"


@dataclass(frozen=True)
class Workshop:
    """The reader's folder, and the environment in which commands run there."""

    folder: Path
    env: dict[str, str]
    _looks: set[str] = field(default_factory=set)

    @classmethod
    def open(cls, folder: Path, cluster: Cluster) -> "Workshop":
        """Copy the project, and put a kubeconfig and an `oc` beside it."""
        project = folder / "project"
        project.mkdir(parents=True)
        for name in _PROJECT:
            shutil.copyfile(ROOT / name, project / name)
        for name in _FOLDERS:
            shutil.copytree(ROOT / name, project / name)
        (project / ".venv").symlink_to(VENV)
        passphrase = folder / "passphrase"
        passphrase.write_text("only for this test", "utf-8")
        env = pulumi_environment(folder / "states", passphrase)
        path = os.pathsep.join([str(_tools(folder / "bin")), env["PATH"]])
        own = {
            "PATH": path,
            # The project's copy, not the installed one, is what runs.
            "PYTHONPATH": os.pathsep.join([str(project), str(project / "policy")]),
            "KUBECONFIG": str(_kubeconfig(folder / "kubeconfig", cluster)),
            "NO_COLOR": "true",
            **started_once(),
        }
        return cls(project, {**env, **own})

    def follow(self, page: str, left_out: Container[str]) -> None:
        """Do what a page says, in its order: make its files, run its commands.

        What only looks, and has been seen to work, is not looked at again.
        """
        for block in blocks(page):
            if block.title:
                self._write(block)
            for command in commands(block):
                if command.text not in left_out and command.text not in self._looks:
                    self.run(command)
                    if command.text.startswith(_LOOKING):
                        self._looks.add(command.text)

    def run(self, command: Command) -> str:
        """Run a command, which must end as the page says; return what it printed."""
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command.text],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == command.code, f"{command}\n{done.stdout}"
        return done.stdout

    def _write(self, block: Block) -> None:
        """Make a file; of a stack file that is there, the reader keeps the salt of its secrets."""
        file = self.folder / block.title
        file.parent.mkdir(exist_ok=True)
        text = block.text
        if file.name.startswith("Pulumi.") and file.exists():
            old = yaml.safe_load(file.read_text("utf-8"))
            text += "".join(f"{key}: {old[key]}\n" for key in (_SALT,) if key in old)
        file.write_text(text, "utf-8")


def _kubeconfig(file: Path, cluster: Cluster) -> Path:
    """Write a kubeconfig with the context that the pages name, and no other."""
    content = yaml.safe_load(cluster.kubeconfig.read_text("utf-8"))
    (context,) = content["contexts"]
    context["name"] = content["current-context"] = CONTEXT
    file.write_text(yaml.safe_dump(content), "utf-8")
    return file


def _tools(folder: Path) -> Path:
    """Make a folder with the programs that are played, and a `pulumi` that nobody has to answer.

    The reader has seen the preview before; that `pulumi up` shows it again takes as long again.
    """
    folder.mkdir()
    answered = """case "$1" in up|destroy) set -- "$@" --yes --skip-preview;; esac\n"""
    programs = {
        "oc": f'exec {VENV / "bin" / "python"} {_OC} "$@"\n',
        "pulumi": f'{answered}exec {BIN / "pulumi"} "$@"\n',
    }
    for name, text in programs.items():
        program = folder / name
        program.write_text(f"#!/bin/sh\n{text}", "utf-8")
        program.chmod(0o755)
    return folder
