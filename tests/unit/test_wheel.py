"""What is installed: two packages with names of their own, a licence, a version from one source."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from email import message_from_string
from pathlib import Path

import pytest
import yaml

import mesh_policy

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "serverless_mesh", "policy")
ONCE_OURS = ("settings", "cluster", "cli", "components", "policy", "preflight")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    # Built from a copy, for setuptools leaves its work beside the sources.
    folder = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(source, folder / name, ignore=ignored)
        else:
            shutil.copy(source, folder / name)
    command = ("pip", "wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation")
    done = subprocess.run(
        [sys.executable, "-m", *command, "--wheel-dir", str(folder / "made"), str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (made,) = (folder / "made").iterdir()
    return zipfile.ZipFile(made)


def test_the_wheel_has_names_of_its_own_alone(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    about = f"serverless_mesh-{mesh_policy.__version__}.dist-info"
    assert {name.partition("/")[0] for name in names} == {"mesh_policy", "serverless_mesh", about}
    for package in ("mesh_policy", "serverless_mesh"):
        sources = ROOT / "policy" / package if package == "mesh_policy" else ROOT / package
        ours = {
            f"{package}/{path.relative_to(sources).as_posix()}"
            for path in sources.rglob("*")
            if path.suffix == ".py" or path.name == "py.typed"
        }
        assert {name for name in names if name.startswith(f"{package}/")} == ours


def test_the_wheel_says_what_it_is(wheel: zipfile.ZipFile) -> None:
    about = f"serverless_mesh-{mesh_policy.__version__}.dist-info"
    metadata = message_from_string(wheel.read(f"{about}/METADATA").decode())
    assert metadata["Version"] == mesh_policy.__version__
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata["Project-URL"]
    assert metadata["Classifier"]
    assert b"Apache License" in wheel.read(f"{about}/licenses/LICENSE")
    assert b"serverless-mesh = serverless_mesh.cli.main:app" in wheel.read(
        f"{about}/entry_points.txt"
    )


def test_the_wheel_is_installed_as_pipx_does_it(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    """In an environment of its own, whose requirements are those that are here already."""
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    python = environment / "bin" / "python"
    (site,) = (environment / "lib").glob("python*/site-packages")
    (site / "requirements.pth").write_text(f"{sysconfig.get_path('purelib')}\n", "utf-8")
    command = ("install", "--quiet", "--no-deps", "--no-index", str(wheel.filename))
    pip = [sys.executable, "-m", "pip", "--python", str(python)]
    subprocess.run([*pip, *command], check=True)
    scripts = {each.name for each in (environment / "bin").iterdir()}
    assert {name for name in scripts if not name.lower().startswith(("python", "activate"))} == {
        "serverless-mesh"
    }
    asked = (
        "import serverless_mesh, mesh_policy; print(serverless_mesh.__file__, mesh_policy.__file__)"
    )
    env = {key: text for key, text in os.environ.items() if key != "PYTHONPATH"}
    commands: list[list[str | Path]] = [
        [python, "-c", asked],
        [environment / "bin" / "serverless-mesh", "rules"],
        [environment / "bin" / "serverless-mesh", "config", "schema"],
    ]
    for run in commands:
        done = subprocess.run(
            run, cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        if run[0] == python:
            assert done.stdout.count(str(site)) == 2


def test_the_pack_has_the_version_of_the_project() -> None:
    pack = yaml.safe_load((ROOT / "policy" / "PulumiPolicy.yaml").read_text("utf-8"))
    assert pack["version"] == mesh_policy.__version__


def test_modules_of_a_user_harm_nothing(tmp_path: Path) -> None:
    for name in ONCE_OURS:
        (tmp_path / f"{name}.py").write_text("raise ImportError('a module of the user')\n")
    command = Path(sys.executable).with_name("serverless-mesh")
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    for arguments in (["rules"], ["config", "check", str(ROOT / "Pulumi.dev.yaml")]):
        done = subprocess.run(
            [command, *arguments],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
