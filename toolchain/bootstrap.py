"""Make the Python environment and what the command needs, then hand over to `toolchain`.

Standard library only, like all that the set-up is made of: this runs before anything is installed,
so that what has to be compiled is compiled meanwhile.
"""

import os
import shutil
import sys

OLDEST = (3, 11)
SETTING_UP = {"setup", "up", "preview", "start", "mesh"}
"""The commands that need the local environment; the others need Python only."""


def main() -> None:
    """Set up, then run the toolchain's own command in the environment."""
    if sys.version_info < OLDEST:
        found = ".".join(map(str, sys.version_info[:3]))
        sys.exit(f"python3 is {found}; 3.11 or newer is needed. Set PYTHON to one: make PYTHON=...")
    # Only now: older ones can't read them.
    from toolchain import setup
    from toolchain.downloads import Vendors
    from toolchain.errors import LocalEnvironmentError
    from toolchain.log import Log
    from toolchain.paths import LOCK, ROOT, VENV
    from toolchain.steps import Step

    def install(log: Log) -> str:
        if VENV.exists():
            shutil.rmtree(VENV)
        pip = [str(VENV / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install"]
        log.run([sys.executable, "-m", "venv", str(VENV)])
        # Python compiles what is used when it is used; most of these packages' modules never are.
        # Nothing is built of what is fetched: what builds it would be fetched without a checksum.
        pinned = ["--require-hashes", "--only-binary", ":all:", "--requirement", str(LOCK)]
        log.run([*pip, "--no-compile", *pinned])
        own = ["--no-index", "--no-deps", "--no-build-isolation", "--editable", str(ROOT)]
        log.run([*pip, *own])
        return f"{LOCK.name} in .venv"

    python = VENV / "bin" / "python"
    inputs = (sys.version, LOCK, ROOT / "pyproject.toml")
    steps = [Step("python-environment", (python,), inputs, install)]
    if SETTING_UP & set(sys.argv[1:2]):
        steps += setup.base(Vendors())
    try:
        setup.perform_all(steps)
    except LocalEnvironmentError:
        # Each failure was shown when it happened.
        sys.exit(2)
    os.chdir(ROOT)
    os.execv(python, [str(python), "-m", "toolchain", *sys.argv[1:]])  # noqa: S606


if __name__ == "__main__":
    main()
