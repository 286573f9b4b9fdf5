"""The stack `dev` of the embedded default: `pulumi` on the local API server, state in the folder.

The stack file that the engine writes to (it adds the salt of its secrets) is a copy in the working
folder; the repository's `Pulumi.dev.yaml` is never changed.
"""

import json
import secrets
import shutil
import signal
import subprocess
from typing import Any, Final

import yaml

from toolchain.environment import pulumi_environment
from toolchain.paths import BIN, ROOT, WORK

STACK: Final = "dev"
SETTINGS: Final = ROOT / f"Pulumi.{STACK}.yaml"
FOLDER: Final = WORK / "dev"
"""A project of the same name, for the commands that know no --config-file but write the salt."""
STACK_FILE: Final = FOLDER / SETTINGS.name
STATE: Final = WORK / "state"
PASSPHRASE: Final = WORK / "passphrase"
CA_CERTIFICATE: Final = WORK / "root.crt"
PACK: Final = ("--policy-pack", str(ROOT / "policy"))


def environment() -> dict[str, str]:
    """Return the environment for `pulumi` on this stack, with a passphrase of its own."""
    WORK.mkdir(exist_ok=True)
    if not PASSPHRASE.exists():
        PASSPHRASE.touch(mode=0o600)
        PASSPHRASE.write_text(secrets.token_urlsafe(32), encoding="utf-8")
    return pulumi_environment(STATE, PASSPHRASE)


def prepare() -> None:
    """Bring the working copy of the stack file up to date and select the stack, made if absent."""
    settings = yaml.safe_load(SETTINGS.read_text("utf-8")) or {}
    if STACK_FILE.exists():
        old = yaml.safe_load(STACK_FILE.read_text("utf-8")) or {}
        settings |= {key: old[key] for key in ("encryptionsalt",) if key in old}
    FOLDER.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ROOT / "Pulumi.yaml", FOLDER / "Pulumi.yaml")
    STACK_FILE.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    captured("stack", "select", "--create")


def pulumi(*arguments: str) -> int:
    """Run `pulumi` on the terminal and return its exit code; an interrupt is its to handle."""
    command = [*_command(*arguments), "--config-file", str(STACK_FILE)]
    process = subprocess.Popen(command, cwd=ROOT, env=environment())
    # The engine gets the terminal's interrupt too and stops in good order; leave it the time.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return process.wait()
    finally:
        signal.signal(signal.SIGINT, before)


def captured(*arguments: str) -> str:
    """Run `pulumi` and return what it prints.

    Raises:
        subprocess.CalledProcessError: it exits with something other than 0.
    """
    done = subprocess.run(
        [*_command(*arguments), "--non-interactive"],
        cwd=FOLDER,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def exists() -> bool:
    """Say whether the stack was ever made here."""
    return any((STATE / ".pulumi" / "stacks").rglob(f"{STACK}.json"))


def outputs() -> dict[str, Any]:
    """Return the stack's outputs, secrets masked."""
    return dict(json.loads(captured("stack", "output", "--json")))


def keep_ca_certificate(outputs: dict[str, Any]) -> None:
    """Write the CA certificate of the stack's outputs where the commands look for it."""
    CA_CERTIFICATE.write_text(outputs["caCertificatePem"], encoding="utf-8")


def resources() -> list[dict[str, Any]]:
    """Return the resources in the stack's state."""
    exported = json.loads(captured("stack", "export"))
    return list(exported["deployment"].get("resources", []))


def forget() -> None:
    """Remove the destroyed stack with its settings, state and passphrase."""
    for folder in (STATE, FOLDER):
        shutil.rmtree(folder, ignore_errors=True)
    for file in (PASSPHRASE, CA_CERTIFICATE):
        file.unlink(missing_ok=True)


def _command(*arguments: str) -> list[str]:
    return [str(BIN / "pulumi"), *arguments, "--stack", STACK]
