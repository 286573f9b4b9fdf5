"""`serverless-mesh check` on the live cluster, as a user runs it."""

import subprocess

from mesh.installation import Installation
from toolchain.paths import ROOT, VENV


def check(installation: Installation) -> "subprocess.CompletedProcess[str]":
    """Check the live cluster, as a user would."""
    return subprocess.run(
        [VENV / "bin" / "serverless-mesh", "check", "--kubeconfig", str(installation.kubeconfig)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
