"""The environment in which the engine runs: ours, with nothing of the user's touched."""

import os
from pathlib import Path

from toolchain.paths import BIN, PULUMI_HOME, VENV


def pulumi_environment(backend: Path, passphrase: Path) -> dict[str, str]:
    """Return the environment for `pulumi` with its state in the folder `backend`.

    The passphrase that encrypts the stack's secrets is read from the file `passphrase`, so that it
    shows in no process list. The virtual environment leads PATH because the language host that can
    be built here does not know Pulumi.yaml's `virtualenv` option.
    """
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PULUMI_")}
    backend.mkdir(parents=True, exist_ok=True)
    return {
        **inherited,
        "PATH": os.pathsep.join([str(VENV / "bin"), str(BIN), os.environ["PATH"]]),
        "VIRTUAL_ENV": str(VENV),
        "PULUMI_HOME": str(PULUMI_HOME),
        "PULUMI_BACKEND_URL": backend.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }
