"""Which `pulumi` and which plugins are taken: the user's, the vendor's, or ours."""

import os
from pathlib import Path

import pytest

from toolchain import pulumi
from toolchain.downloads import NotDownloadedError, Release, Vendors
from toolchain.log import Log
from toolchain.steps import ToBuild


class Refusing(Vendors):
    """Vendors' sites that can't be reached."""

    def fetch(self, *_: object) -> Path:
        raise NotDownloadedError("no route")


class Serving(Vendors):
    """Vendors' sites that have everything."""

    def __init__(self, folder: Path) -> None:
        self._has = folder

    def fetch(self, release: Release, *_: object) -> Path:
        folder = self._has / release.name
        folder.mkdir(parents=True, exist_ok=True)
        for program in release.programs:
            (folder / program).touch(mode=0o755)
        return folder


def install(folder: Path, version: str) -> Path:
    folder.mkdir(parents=True)
    for program in pulumi.PROGRAMS:
        (folder / program).write_text(f"#!/bin/sh\necho v{version}\n")
        (folder / program).chmod(0o755)
    return folder


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "log")


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi, "BIN", tmp_path / "bin")
    monkeypatch.setattr(pulumi, "PULUMI_HOME", tmp_path / "home")
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "users"))


@pytest.mark.parametrize(
    ("version", "taken"), [("3.220.0", True), ("3.300.1", True), ("3.219.9", False)]
)
def test_a_recent_installation_on_path_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: Log, version: str, taken: bool
) -> None:
    folder = install(tmp_path / "vendor", version)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    said = pulumi._linked(Refusing(), ("pulumi",), log)
    assert said == (f"found in {folder}" if taken else ToBuild("no route"))
    assert (tmp_path / "bin" / "pulumi").exists() is taken


def test_an_incomplete_installation_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = install(tmp_path / "vendor", "3.300.0")
    (folder / "pulumi-language-python").unlink()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    assert pulumi._on_path() is None


def test_the_vendors_release_is_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    monkeypatch.setattr(pulumi, "_on_path", lambda: None)
    said = pulumi._linked(Serving(tmp_path / "site"), pulumi.PROGRAMS, log)
    assert said == "downloaded from get.pulumi.com"
    assert all((tmp_path / "bin" / name).exists() for name in pulumi.PROGRAMS)


def test_a_plugin_of_the_users_own_is_taken(tmp_path: Path, log: Log) -> None:
    step = pulumi.plugin(Refusing(), "tls")
    folder = tmp_path / "users" / "plugins" / step.makes[0].parent.name
    folder.mkdir(parents=True)
    (folder / "pulumi-resource-tls").touch()
    assert step.run(log) == f"found in {folder}"
    assert step.makes[0].exists()


@pytest.mark.parametrize("name", pulumi.PROVIDERS)
def test_a_plugin_of_the_vendors_is_next(tmp_path: Path, log: Log, name: str) -> None:
    step = pulumi.plugin(Serving(tmp_path / "site"), name)
    assert step.run(log) == "downloaded from get.pulumi.com"
    assert step.makes[0].exists()


def test_the_kubernetes_plugin_can_be_built_and_the_others_are_played(log: Log) -> None:
    assert pulumi.plugin(Refusing(), "kubernetes").run(log) == ToBuild("no route")
    for name in ("random", "tls"):
        said = pulumi.plugin(Refusing(), name).run(log)
        assert isinstance(said, str)
        assert said.startswith("STAND-IN")


@pytest.mark.parametrize("name", pulumi.PROVIDERS)
def test_a_plugin_is_done_anew_where_there_was_another(tmp_path: Path, log: Log, name: str) -> None:
    step = pulumi.plugin(Serving(tmp_path / "site"), name)
    step.run(log)
    assert step.run(log) == "downloaded from get.pulumi.com"
