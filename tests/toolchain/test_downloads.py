"""What a vendor's site can do: serve, refuse, break off, serve something else, never answer."""

import hashlib
import io
import platform
import socket
import tarfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.serving import serving
from toolchain import releases
from toolchain.downloads import Binary, NotDownloadedError, Release, Vendors
from toolchain.log import Log, StepFailedError

PATIENCE = 30.0
"""A limit, in seconds, that no test reaches unless something is wrong."""


class Vendor(ThreadingHTTPServer):
    """A site on 127.0.0.1 that serves `files`, and keeps what it was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.broken: set[str] = set()
        """Paths of which only the first half is sent, once the site has been seen to answer."""
        self.refuses = False
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Vendor

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        content = self.server.files.get(self.path)
        if content is None or self.server.refuses:
            self.send_error(403)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        broken = self.path in self.server.broken
        self.wfile.write(content[: len(content) // 2] if broken else content)

    def log_message(self, *_: object) -> None:
        """Keep the tests' output to themselves."""


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with Vendor() as server, serving(server):
        yield server


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "log")


@pytest.fixture
def vendors(tmp_path: Path) -> Vendors:
    return Vendors(tmp_path / "downloads", reached_within=PATIENCE, stalled_after=PATIENCE)


def archive(**programs: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, content in {**programs, "README": b"about"}.items():
            entry = tarfile.TarInfo(f"vendor-1.2.3/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def release(vendor: Vendor, name: str, content: bytes, checksum: str | None = None) -> Release:
    """Publish an archive with a program of that name; the checksum is right unless given."""
    vendor.files[f"/{name}-1.2.3-amd64.tar.gz"] = content
    pinned = hashlib.sha256(content).hexdigest() if checksum is None else checksum
    url = f"{vendor.url}/{name}-{{version}}-{{machine}}.tar.gz"
    return Release(name, "1.2.3", url, (name,), (Binary("x86_64", "amd64", pinned),))


def nothing_is_left(tmp_path: Path) -> bool:
    folder = tmp_path / "downloads"
    return not folder.exists() or not list(folder.iterdir())


def test_the_vendors_own_is_unpacked(vendor: Vendor, vendors: Vendors, log: Log) -> None:
    folder = vendors.fetch(release(vendor, "tool", archive(tool=b"real")), log)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == {"tool": b"real"}
    assert (folder / "tool").stat().st_mode & 0o111


def test_a_program_by_itself_is_taken_as_it_is(vendor: Vendor, vendors: Vendors, log: Log) -> None:
    vendor.files["/tool"] = b"real"
    checksum = hashlib.sha512(b"real").hexdigest()
    binaries = (Binary("x86_64", "amd64", checksum),)
    folder = vendors.fetch(Release("tool", "1", f"{vendor.url}/tool", ("tool",), binaries), log)
    assert (folder / "tool").read_bytes() == b"real"


def test_nothing_is_fetched_twice(vendor: Vendor, vendors: Vendors, log: Log) -> None:
    wanted = release(vendor, "tool", archive(tool=b"real"))
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(lambda _: vendors.fetch(wanted, log), range(4)))) == 1
    # One request to see whether the site can be reached, one for the file.
    assert len(vendor.asked) == 2


def test_after_one_refusal_the_site_is_not_asked_again(
    vendor: Vendor, vendors: Vendors, log: Log, tmp_path: Path
) -> None:
    vendor.refuses = True
    wanted = [release(vendor, name, archive(**{name: b"real"})) for name in ("one", "two", "three")]

    def reason(part: Release) -> str:
        with pytest.raises(NotDownloadedError) as caught:
            vendors.fetch(part, log)
        return str(caught.value)

    with ThreadPoolExecutor(3) as pool:
        reasons = list(pool.map(reason, wanted))
    assert len(vendor.asked) == 1
    for part, said in zip(wanted, reasons, strict=True):
        assert said == (
            f"{part.name} 1.2.3 was not downloaded: {part.site} can't be used: "
            "HTTP Error 403: Forbidden"
        )
        assert said in log.path.read_text()
    assert nothing_is_left(tmp_path)


def test_a_refusal_of_one_file_stops_the_questions_too(
    vendor: Vendor, vendors: Vendors, log: Log
) -> None:
    vendors.fetch(release(vendor, "tool", archive(tool=b"real")), log)
    wanted = [release(vendor, name, archive(**{name: b"real"})) for name in ("one", "two")]
    vendor.refuses = True
    for part in wanted:
        with pytest.raises(NotDownloadedError, match="HTTP Error 403"):
            vendors.fetch(part, log)
    assert vendor.asked[2:] == ["/one-1.2.3-amd64.tar.gz"]


def test_a_new_set_up_asks_again(vendor: Vendor, log: Log, tmp_path: Path) -> None:
    wanted = release(vendor, "tool", archive(tool=b"real"))
    vendor.refuses = True
    with pytest.raises(NotDownloadedError):
        Vendors(tmp_path / "downloads", PATIENCE, PATIENCE).fetch(wanted, log)
    vendor.refuses = False
    assert Vendors(tmp_path / "downloads", PATIENCE, PATIENCE).fetch(wanted, log).exists()


def test_a_wrong_checksum_stops_the_set_up(
    vendor: Vendor, vendors: Vendors, log: Log, tmp_path: Path
) -> None:
    content = archive(tool=b"not the vendor's")
    wanted = release(vendor, "tool", content, checksum="0" * 64)
    with pytest.raises(StepFailedError) as caught:
        vendors.fetch(wanted, log)
    said = str(caught.value)
    assert "tool 1.2.3" in said
    assert "0" * 64 in said
    assert hashlib.sha256(content).hexdigest() in said
    assert said in log.path.read_text()
    assert nothing_is_left(tmp_path)


def test_a_broken_transfer_is_no_wrong_checksum(
    vendor: Vendor, vendors: Vendors, log: Log, tmp_path: Path
) -> None:
    content = archive(tool=bytes(100_000))
    wanted = release(vendor, "tool", content)
    vendor.broken.add("/tool-1.2.3-amd64.tar.gz")
    with pytest.raises(NotDownloadedError) as caught:
        vendors.fetch(wanted, log)
    half, whole = len(content) // 2, len(content)
    assert f"broke off after {half:,} of {whole:,} bytes" in str(caught.value)
    assert "tool 1.2.3" in log.path.read_text()
    assert nothing_is_left(tmp_path)


def test_a_vendor_that_never_answers_is_not_waited_for(log: Log, tmp_path: Path) -> None:
    vendors = Vendors(tmp_path / "downloads", reached_within=0.05, stalled_after=PATIENCE)
    # It takes connections, and says nothing.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/tool"
        wanted = Release("tool", "1", url, ("tool",), (Binary("x86_64", "amd64", "0" * 64),))
        with pytest.raises(NotDownloadedError, match=r"timed out|no answer within 0\.05 s"):
            vendors.fetch(wanted, log)
    assert nothing_is_left(tmp_path)


def test_a_name_that_is_never_found_is_not_waited_for(
    log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_up = threading.Event()

    def look_up(*_: object, **__: object) -> None:
        given_up.wait(PATIENCE)
        raise OSError("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    vendors = Vendors(tmp_path / "downloads", reached_within=0.05, stalled_after=PATIENCE)
    binaries = (Binary("x86_64", "amd64", "0" * 64),)
    wanted = Release("tool", "1", "http://vendor.example/tool", ("tool",), binaries)
    try:
        with pytest.raises(NotDownloadedError, match=r"no answer within 0\.05 s"):
            vendors.fetch(wanted, log)
    finally:
        given_up.set()


def test_a_transfer_that_stalls_is_broken(log: Log, tmp_path: Path) -> None:
    vendors = Vendors(tmp_path / "downloads", reached_within=PATIENCE, stalled_after=0.05)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connections: list[socket.socket] = []

        def serve() -> None:
            for _ in range(2):
                connection, _ = listener.accept()
                connection.recv(1000)
                connection.sendall(head)
                connections.append(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/tool"
        wanted = Release("tool", "1", url, ("tool",), (Binary("x86_64", "amd64", "0" * 64),))
        with pytest.raises(NotDownloadedError, match="timed out"):
            vendors.fetch(wanted, log)
        thread.join()
        for connection in connections:
            connection.close()
    assert nothing_is_left(tmp_path)


def test_an_archive_without_the_program_is_named(
    vendor: Vendor, vendors: Vendors, log: Log, tmp_path: Path
) -> None:
    with pytest.raises(StepFailedError, match=r"tool 1\.2\.3 has no tool in it"):
        vendors.fetch(release(vendor, "tool", archive(other=b"real")), log)
    assert nothing_is_left(tmp_path)


def test_another_machine_has_nothing_to_download(
    vendor: Vendor, vendors: Vendors, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(NotDownloadedError, match="none is pinned for riscv64"):
        vendors.fetch(release(vendor, "tool", archive(tool=b"real")), log)
    assert vendor.asked == []


@pytest.mark.parametrize(
    "pinned",
    [
        *(each for each in vars(releases).values() if isinstance(each, Release)),
        *releases.PLUGINS.values(),
    ],
    ids=lambda pinned: pinned.name,
)
def test_both_machines_have_a_checksum_of_their_own(pinned: Release) -> None:
    assert [binary.machine for binary in pinned.binaries] == ["x86_64", "aarch64"]
    checksums = {binary.checksum for binary in pinned.binaries}
    assert len(checksums) == 2
    assert {len(bytes.fromhex(checksum)) for checksum in checksums} <= {32, 64}
    assert pinned.url.startswith("https://")
    assert "{version}" in pinned.url
    assert "{machine}" in pinned.url
