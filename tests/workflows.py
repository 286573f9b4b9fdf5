"""Runs the shell steps of a workflow, as GitHub's runner would, on this machine."""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from toolchain.paths import ROOT

PIPELINES = ROOT / "examples" / "pipelines"
_EXPRESSION = re.compile(r"\$\{\{\s*([\w.]+)\s*\}\}")


@dataclass(frozen=True)
class Workflow:
    """The one job of a workflow, and what its expressions come to."""

    name: str
    folder: Path
    env: Mapping[str, str]
    values: Mapping[str, str]

    @property
    def steps(self) -> list[dict[str, Any]]:
        """Its steps."""
        content = yaml.safe_load((PIPELINES / "github" / f"{self.name}.yml").read_text("utf-8"))
        (job,) = content["jobs"].values()
        return list(job["steps"])

    def run(self, name: str) -> tuple[int, str]:
        """Run the step of that name; return how it ended, and what it said."""
        (step,) = (each for each in self.steps if each.get("name") == name)
        given = {key: self._evaluated(value) for key, value in step.get("env", {}).items()}
        done = subprocess.run(
            [
                "bash",
                "--noprofile",
                "--norc",
                "-eo",
                "pipefail",
                "-c",
                self._evaluated(step["run"]),
            ],
            cwd=self.folder,
            env={**self.env, **given},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    def _evaluated(self, text: str) -> str:
        return _EXPRESSION.sub(lambda found: self.values[found[1]], text)
