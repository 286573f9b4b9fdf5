"""The project whose stack a pack checks is found by its name, from where the engine runs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mesh_policy.crossguard import project


def write(folder: Path, name: str, file: str = "Pulumi.yaml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / file).write_text(json.dumps({"name": name, "runtime": "python"}), "utf-8")
    return folder


def test_it_is_the_nearest_of_that_name_at_or_above(tmp_path: Path) -> None:
    wanted = write(tmp_path / "wanted", "wanted")
    other = write(wanted / "other", "other")
    assert project.find("wanted", [other / "deep"]) == wanted
    assert project.find("other", [other]) == other
    assert project.find("nobody", [other]) is None
    assert project.find("wanted", [tmp_path, wanted]) == wanted


@pytest.mark.parametrize("content", ["name: [", "- a", "name: 7", "\x00", ""])
def test_a_project_file_that_is_none_is_passed_over(tmp_path: Path, content: str) -> None:
    above = write(tmp_path, "wanted", "Pulumi.yml")
    below = tmp_path / "below"
    below.mkdir()
    (below / "Pulumi.yaml").write_text(content, "utf-8")
    assert project.find("wanted", [below]) == above


def test_the_folder_of_who_started_the_pack_counts(tmp_path: Path) -> None:
    wanted = write(tmp_path / "wanted", "wanted")
    pack = tmp_path / "pack"
    pack.mkdir()
    asks = "from mesh_policy.crossguard import project; print(project.folder())"
    # As the engine does: from the project, by a script, in the pack's own folder.
    script = f"cd {pack} && {sys.executable} -c '{asks}' && true"
    env = {**os.environ, "PULUMI_PROJECT": "wanted"}
    env["PYTHONPATH"] = str(Path(project.__file__).parents[2])
    engine = (
        "import subprocess; print(subprocess.run(['sh', '-c', "
        f"{script!r}], capture_output=True, text=True).stdout)"
    )
    command = [sys.executable, "-c", engine]
    done = subprocess.run(command, cwd=wanted, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(wanted)
