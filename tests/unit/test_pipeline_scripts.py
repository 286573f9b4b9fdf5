"""The pipelines' scripts, with an engine that is played."""

import os
import stat
import subprocess
import sys
from pathlib import Path

PREVIEW = Path(__file__).resolve().parents[2] / "examples" / "pipelines" / "preview.sh"


def preview(tmp_path: Path, engine: str) -> tuple[int, str]:
    """Run the script in a folder with an old report; return how it ends, and the report."""
    program = tmp_path / "bin" / "pulumi"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{engine}\n", "utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {}\n", "utf-8")
    report = tmp_path / "report.md"
    report.write_text("of another run: it may go on", "utf-8")
    places = (str(program.parent), str(Path(sys.executable).parent), os.environ["PATH"])
    env = {"PATH": os.pathsep.join(places), "HOME": str(tmp_path), "STACK": "org/project/dev"}
    done = subprocess.run([str(PREVIEW)], cwd=tmp_path, env=env, capture_output=True, check=False)
    return done.returncode, report.read_text("utf-8") if report.exists() else ""


def test_a_stack_that_can_not_be_made_is_commented_as_a_preview_that_is_not_there(
    tmp_path: Path,
) -> None:
    code, report = preview(tmp_path, "exit 255")
    assert code == 2
    assert report.startswith("<!-- serverless-mesh report: serverless-mesh/dev -->\n")
    assert "can't be read" in report


def test_the_report_of_another_run_is_not_left(tmp_path: Path) -> None:
    code, report = preview(tmp_path, 'kill -9 "$PPID"')
    assert code != 0
    assert report == ""


def test_an_engine_that_fails_without_a_word_does_not_go_on(tmp_path: Path) -> None:
    words = '{"steps": [], "changeSummary": {"same": 1}}'
    code, _ = preview(tmp_path, f"[ \"$1\" = stack ] || {{ echo '{words}'; exit 255; }}")
    assert code == 1
