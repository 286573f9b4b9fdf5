"""A stack of the embedded default: `pulumi` on the local API server, state in the folder.

There is one for each stack file of the repository that uses the local cluster, which holds one of
them at a time: both would make the same objects. The stack file that the engine writes to (it adds
the salt of its secrets) is a copy in the working folder; the repository's is never changed.
"""

import json
import secrets
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from toolchain.environment import pulumi_environment
from toolchain.errors import LocalEnvironmentError
from toolchain.paths import BIN, ROOT, WORK

DEFAULT: Final = "dev"
FOLDER: Final = WORK / "dev"
"""A project of the same name, for the commands that know no --config-file but write the salt."""
STATE: Final = WORK / "state"
PASSPHRASE: Final = WORK / "passphrase"
CA_CERTIFICATE: Final = WORK / "root.crt"
PACK: Final = ("--policy-pack", str(ROOT / "policy"))


def environment() -> dict[str, str]:
    """Return the environment for `pulumi` on these stacks, with a passphrase of their own."""
    WORK.mkdir(exist_ok=True)
    if not PASSPHRASE.exists():
        PASSPHRASE.touch(mode=0o600)
        PASSPHRASE.write_text(secrets.token_urlsafe(32), encoding="utf-8")
    return pulumi_environment(STATE, PASSPHRASE)


def held() -> list[str]:
    """Return the names of the stacks that were made here and not destroyed."""
    return sorted(file.stem for file in (STATE / ".pulumi" / "stacks").rglob("*.json"))


def chosen(name: str | None) -> "Stack":
    """Return the stack of that name; without one the stack that is there, or the default.

    Raises:
        LocalEnvironmentError: the cluster holds another one, or there is no such stack file.
    """
    there = held()
    if name is not None and there and name not in there:
        raise LocalEnvironmentError(
            f"the local cluster holds the stack {there[0]}, and one at a time. To have {name} "
            "instead: make down, then again"
        )
    stack = Stack(name or next(iter(there), DEFAULT))
    if not stack.settings.exists():
        raise LocalEnvironmentError(f"found no {stack.settings.name}, which a stack needs")
    return stack


@dataclass(frozen=True)
class Stack:
    """One of the stacks, by its name."""

    name: str

    @property
    def settings(self) -> Path:
        """The repository's stack file."""
        return ROOT / f"Pulumi.{self.name}.yaml"

    @property
    def file(self) -> Path:
        """The working copy of it."""
        return FOLDER / self.settings.name

    def prepare(self) -> None:
        """Bring the working copy up to date and select the stack, made if absent."""
        settings = yaml.safe_load(self.settings.read_text("utf-8")) or {}
        if self.file.exists():
            old = yaml.safe_load(self.file.read_text("utf-8")) or {}
            settings |= {key: old[key] for key in ("encryptionsalt",) if key in old}
        FOLDER.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / "Pulumi.yaml", FOLDER / "Pulumi.yaml")
        self.file.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
        self._captured("stack", "select", "--create")

    def pulumi(self, *arguments: str) -> int:
        """Run `pulumi` on the terminal and return its exit code; an interrupt is its to handle."""
        command = [*self._command(*arguments), "--config-file", str(self.file)]
        process = subprocess.Popen(command, cwd=ROOT, env=environment())
        # The engine gets the terminal's interrupt too and stops in good order; leave it the time.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            return process.wait()
        finally:
            signal.signal(signal.SIGINT, before)

    def exists(self) -> bool:
        """Say whether the stack was ever made here."""
        return self.name in held()

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs, secrets masked."""
        return dict(json.loads(self._captured("stack", "output", "--json")))

    def resources(self) -> list[dict[str, Any]]:
        """Return the resources in the stack's state."""
        exported = json.loads(self._captured("stack", "export"))
        return list(exported["deployment"].get("resources", []))

    def _captured(self, *arguments: str) -> str:
        """Run `pulumi` and return what it prints.

        Raises:
            subprocess.CalledProcessError: it exits with something other than 0.
        """
        done = subprocess.run(
            [*self._command(*arguments), "--non-interactive"],
            cwd=FOLDER,
            env=environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def _command(self, *arguments: str) -> list[str]:
        return [str(BIN / "pulumi"), *arguments, "--stack", self.name]


def keep_ca_certificate(outputs: dict[str, Any]) -> None:
    """Write the CA certificate of the stack's outputs where the commands look for it."""
    CA_CERTIFICATE.write_text(outputs["caCertificatePem"], encoding="utf-8")


def forget() -> None:
    """Remove the destroyed stack with its settings, state and passphrase."""
    for folder in (STATE, FOLDER):
        shutil.rmtree(folder, ignore_errors=True)
    for file in (PASSPHRASE, CA_CERTIFICATE):
        file.unlink(missing_ok=True)
