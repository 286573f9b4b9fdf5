"""Where things lie: the repository and its ignored working folder."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
VENV: Final = ROOT / ".venv"
LOCK: Final = ROOT / "requirements-dev.txt"
"""Every Python package of the environment, pinned."""
WORK: Final = ROOT / ".toolchain"
BIN: Final = WORK / "bin"
COPIES: Final = WORK / "modules"
"""Copies of Go modules, each with a file of ours in it."""
CRDS: Final = WORK / "crds"
LOGS: Final = WORK / "log"
STAMPS: Final = WORK / "stamps"
PULUMI_HOME: Final = WORK / "pulumi-home"
"""Our own PULUMI_HOME, so that plugins and credentials of the user's are never touched."""
CLUSTER: Final = WORK / "cluster"
"""Data of the embedded default's API server."""
