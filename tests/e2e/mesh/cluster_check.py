"""`serverless-mesh check` and `verify` on the live cluster, as a user runs them."""

import subprocess
from pathlib import Path

import yaml

from mesh.installation import Installation, Manifest
from serverless_mesh.cli.verification import Link, Target, verify
from toolchain.paths import ROOT, VENV


def check(
    installation: Installation, *manifests: Manifest, folder: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    """Check the live cluster, as a user would; with manifests, as it would be with those."""
    arguments: list[str | Path] = ["--kubeconfig", installation.kubeconfig]
    if folder is not None:
        file = folder / "manifests.yaml"
        file.write_text(yaml.safe_dump_all(manifests), encoding="utf-8")
        arguments += ["--file", file]
    return subprocess.run(
        [VENV / "bin" / "serverless-mesh", "check", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def assert_found(
    done: "subprocess.CompletedProcess[str]", rule: str, symptom: str, severity: str = "ERROR"
) -> None:
    """See that a rule found something, and says what it does to traffic."""
    findings = [each for each in done.stdout.split("\n\n") if each.startswith(f"{severity} {rule}")]
    assert findings, done.stdout + done.stderr
    assert symptom in findings[0]


def broken_link(installation: Installation) -> Link | None:
    """Return the link at which `verify` stops."""
    router = ("127.0.0.1", installation.mesh.services.router.port)
    last = verify(Target(installation.url, installation.root.read_text("utf-8"), router))[-1]
    return None if last.holds else last.link
