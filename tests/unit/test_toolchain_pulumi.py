"""Which `pulumi` is taken: the one on PATH, the vendor's release, or none of them."""

import functools
import http.server
import io
import os
import platform
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from toolchain import pulumi
from toolchain.steps import Log


def install(folder: Path, version: str) -> Path:
    folder.mkdir(parents=True)
    for program in pulumi.PROGRAMS:
        (folder / program).write_text(f"#!/bin/sh\necho v{version}\n")
        (folder / program).chmod(0o755)
    return folder


@pytest.mark.parametrize(
    ("version", "taken"), [("3.220.0", True), ("3.300.1", True), ("3.219.9", False)]
)
def test_a_recent_installation_on_path_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, taken: bool
) -> None:
    folder = install(tmp_path / "vendor", version)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    assert (pulumi._on_path() == folder) is taken


def test_an_incomplete_installation_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = install(tmp_path / "vendor", "3.300.0")
    (folder / "pulumi-language-python").unlink()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    assert pulumi._on_path() is None


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Serve a folder on 127.0.0.1 as the vendor's download site."""
    served = tmp_path / "site"
    served.mkdir()
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(served))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", served
        server.shutdown()


def test_the_vendors_release_is_unpacked(
    site: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulumi, "WORK", tmp_path / "work")
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    url, served = site
    name = f"pulumi-v{pulumi.RELEASE}-linux-x64.tar.gz"
    with tarfile.open(served / name, "w:gz") as archive:
        entry = tarfile.TarInfo("pulumi/pulumi")
        entry.size = 4
        archive.addfile(entry, io.BytesIO(b"real"))
    folder = pulumi._download(Log(tmp_path / "log"), url)
    assert folder is not None
    assert (folder / "pulumi").read_bytes() == b"real"


@pytest.mark.parametrize("content", [None, b"<html>no such release</html>"])
def test_what_is_not_a_release_is_refused(
    site: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    monkeypatch.setattr(pulumi, "WORK", tmp_path / "work")
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    url, served = site
    if content is not None:
        (served / f"pulumi-v{pulumi.RELEASE}-linux-x64.tar.gz").write_bytes(content)
    assert pulumi._download(Log(tmp_path / "log"), url) is None
    assert "can't be downloaded" in (tmp_path / "log").read_text()
    assert not (tmp_path / "work" / f"pulumi-{pulumi.RELEASE}").exists()
