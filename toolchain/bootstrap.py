"""Make the Python environment, then hand over to `python -m toolchain`.

Standard library only: this is what runs before anything is installed.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCK = ROOT / "requirements-dev.txt"
PROJECT = ROOT / "pyproject.toml"
STAMP = VENV / ".installed"
LOG = ROOT / ".toolchain" / "log" / "python.log"
OLDEST = (3, 11)


def fingerprint() -> str:
    """Say what the environment is made from: the lock, the project file and the interpreter."""
    digest = hashlib.sha256(sys.version.encode())
    for file in (LOCK, PROJECT):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def install() -> None:
    """Make `.venv` anew from the lock file, hashes checked."""
    started = time.monotonic()
    print(f"python environment: {LOCK.name} into .venv ...", flush=True)
    LOG.parent.mkdir(parents=True, exist_ok=True)
    if VENV.exists():
        shutil.rmtree(VENV)
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install"]
    with LOG.open("w", encoding="utf-8") as log:
        for command in (
            [sys.executable, "-m", "venv", str(VENV)],
            [*pip, "--require-hashes", "--requirement", str(LOCK)],
            [*pip, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)],
        ):
            done = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False)
            if done.returncode:
                log.flush()
                tail = "\n  ".join(LOG.read_text(encoding="utf-8").splitlines()[-5:])
                sys.exit(
                    f"python environment: failed (exit code {done.returncode}):\n  {tail}\n"
                    f"The whole log: {LOG}"
                )
    STAMP.write_text(fingerprint(), encoding="utf-8")
    print(f"python environment: done in {time.monotonic() - started:.0f} s", flush=True)


def main() -> None:
    """Install when the lock has changed, then run the toolchain's own commands."""
    if sys.version_info < OLDEST:
        found = ".".join(map(str, sys.version_info[:3]))
        sys.exit(f"python3 is {found}; 3.11 or newer is needed. Set PYTHON to one: make PYTHON=...")
    if not STAMP.exists() or STAMP.read_text(encoding="utf-8") != fingerprint():
        install()
    python = str(VENV / "bin" / "python")
    os.chdir(ROOT)
    os.execv(python, [python, "-m", "toolchain", *sys.argv[1:]])  # noqa: S606


if __name__ == "__main__":
    main()
