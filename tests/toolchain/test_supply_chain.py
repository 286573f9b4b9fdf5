"""All that is downloaded is pinned by a checksum, and the documents say what is needed."""

import re
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.docs.shown import blocks, commands
from toolchain import releases
from toolchain.downloads import Release

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.txt", "requirements-dev.txt")


def shown_by_the_readme(program: str) -> list[str]:
    shown = [each.text for block in blocks("README.md") for each in commands(block)]
    return [text for text in shown if text.startswith(program)]


def test_the_production_install_fetches_nothing_without_a_checksum() -> None:
    pinned, own = shown_by_the_readme("pip install")
    # What has to be built would have its builder fetched, in a version of the day.
    assert "--require-hashes" in pinned
    assert "--only-binary :all:" in pinned
    assert "-r requirements.txt" in pinned
    for option in ("--no-index", "--no-deps", "--no-build-isolation"):
        assert option in own


def test_the_environments_own_install_does_neither() -> None:
    bootstrap = (ROOT / "toolchain" / "bootstrap.py").read_text("utf-8")
    for option in ("--require-hashes", "--only-binary", "--no-index", "--no-build-isolation"):
        assert f'"{option}"' in bootstrap


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_has_hashes(lock: str) -> None:
    entries = re.split(r"\n(?=\S)", (ROOT / lock).read_text("utf-8"))
    packages = [entry for entry in entries if not entry.startswith("#")]
    assert packages
    for entry in packages:
        assert re.match(r"[\w.\[\]-]+==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry


def test_what_builds_the_package_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    (needed,) = project["build-system"]["requires"]
    assert needed in project["project"]["optional-dependencies"]["build"]
    assert re.search(r"(?m)^setuptools==", (ROOT / "requirements.txt").read_text("utf-8"))


def test_every_address_of_a_download_is_a_releases_own() -> None:
    known = [each for each in vars(releases).values() if isinstance(each, Release)]
    sites = {urlsplit(each.url).netloc for each in (*known, *releases.PLUGINS.values())}
    suffixes = r"https://[^\s\"']+\.(?:tar\.gz|tgz|zip|whl|exe)"
    for file in (ROOT / "toolchain").rglob("*.py"):
        if file.name != "releases.py":
            assert not re.search(suffixes, file.read_text("utf-8")), file
    assert sites == {"get.pulumi.com", "dl.k8s.io", "github.com"}


def test_every_go_module_is_held_to_its_checksums() -> None:
    modules = list((ROOT / "toolchain" / "go").glob("*/go.mod"))
    assert modules
    for module in modules:
        assert " h1:" in module.with_name("go.sum").read_text("utf-8"), module


def test_the_documents_and_the_modules_agree_on_go() -> None:
    asked = {
        tuple(map(int, match.groups()))
        for file in (ROOT / "toolchain" / "go").glob("*/go.mod")
        if (match := re.search(r"(?m)^go (\d+)\.(\d+)", file.read_text("utf-8")))
    }
    for name in ("README.md", "CONTRIBUTING.md"):
        (said,) = re.findall(r"Go\s(\d+)\.(\d+)", (ROOT / name).read_text("utf-8"))
        assert tuple(map(int, said)) == max(asked), name
