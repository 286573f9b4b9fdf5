"""What vendors publish as binaries: fetched from their sites, with checksums pinned here.

A site that refuses once, or does not answer in time, is not asked again in the same set-up.
Whatever goes wrong leaves nothing behind.
"""

import hashlib
import http.client
import platform
import queue
import shutil
import tarfile
import tempfile
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from toolchain.log import Log, StepFailedError
from toolchain.paths import WORK

REACHED_WITHIN: Final = 5.0
"""Seconds until a site must have answered for the first time."""
STALLED_AFTER: Final = 30.0
"""Seconds without a byte after which a transfer counts as broken."""
_CHUNK: Final = 1 << 20
_BROKEN: Final = (OSError, http.client.HTTPException)


class NotDownloadedError(Exception):
    """The vendor's own can't be had here; the message says of which part, from where and why."""


@dataclass(frozen=True)
class Binary:
    """What a release has for one kind of machine.

    `machine` is Linux's name of it, `label` the vendor's in the URL; `checksum` is the SHA-256 or
    SHA-512 (told apart by their length) in hexadecimal of what lies at the URL.
    """

    machine: str
    label: str
    checksum: str


@dataclass(frozen=True)
class Release:
    """One version of a vendor's programs: a gzipped tar archive, or one program by itself.

    `url` has places for `{version}` and `{machine}`. `programs` are the files to take out of the
    archive, wherever they lie in it.
    """

    name: str
    version: str
    url: str
    programs: tuple[str, ...]
    binaries: tuple[Binary, ...]

    @property
    def site(self) -> str:
        """The host that it is downloaded from."""
        return urlsplit(self.url).netloc


class Vendors:
    """The vendors' sites in one set-up; safe to be used by several threads.

    `folder` keeps what was fetched, so that nothing is fetched twice.
    """

    def __init__(
        self,
        folder: Path = WORK / "downloads",
        reached_within: float = REACHED_WITHIN,
        stalled_after: float = STALLED_AFTER,
    ) -> None:
        """Ask nobody anything yet; both limits are in seconds."""
        self._folder = folder
        self._reached_within = reached_within
        self._stalled_after = stalled_after
        self._locks: dict[str, threading.Lock] = {}
        self._refusals: dict[str, str | None] = {}
        """By site, why it is not to be asked (again), or None when it can be."""
        self._errors: dict[str, Exception] = {}
        """By name and version, why a release is not there."""

    def fetch(self, release: Release, log: Log) -> Path:
        """Return the folder with a release's programs, downloaded unless it is there.

        Raises:
            NotDownloadedError: the vendor has nothing for this machine, the site can't be reached
                or refuses, or the transfer breaks off.
            StepFailedError: what came is not what was pinned.
        """
        title = f"{release.name} {release.version}"
        target = self._folder / title.replace(" ", "-")
        with self._lock(title):
            if title not in self._errors and not target.exists():
                try:
                    self._download(release, title, target)
                except (NotDownloadedError, StepFailedError) as error:
                    self._errors[title] = error
            if failure := self._errors.get(title):
                log.say(str(failure))
                raise failure
            return target

    def _download(self, release: Release, title: str, target: Path) -> None:
        machine = platform.machine() if platform.system() == "Linux" else platform.system()
        binary = next((item for item in release.binaries if item.machine == machine), None)
        if binary is None:
            raise NotDownloadedError(f"{title} was not downloaded: none is pinned for {machine}")
        url = release.url.format(version=release.version, machine=binary.label)
        with self._lock(release.site):
            if release.site not in self._refusals:
                self._refusals[release.site] = _refusal(url, self._reached_within)
        if refusal := self._refusals[release.site]:
            raise NotDownloadedError(
                f"{title} was not downloaded: {release.site} can't be used: {refusal}"
            )
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=self._folder) as name:
            file = Path(name) / "file"
            try:
                found = self._transfer(url, file, len(binary.checksum))
            except _BROKEN as error:
                if isinstance(error, urllib.error.HTTPError):
                    self._refusals[release.site] = _why(error)
                raise NotDownloadedError(
                    f"{title} was not downloaded: {url}: {_why(error)}"
                ) from None
            if found != binary.checksum:
                raise StepFailedError(
                    f"{title}: what came from {url} has the checksum {found}, pinned is "
                    f"{binary.checksum}. It is not what the vendor published, so nothing of it was "
                    "kept. Find out who changed it before you try again."
                )
            programs = Path(name) / "programs"
            programs.mkdir()
            _unpack(file, release, programs)
            programs.rename(target)

    def _lock(self, name: str) -> threading.Lock:
        return self._locks.setdefault(name, threading.Lock())

    def _transfer(self, url: str, file: Path, digits: int) -> str:
        """Fetch a URL into a file and return its checksum of so many hexadecimal digits."""
        digest = hashlib.new(f"sha{digits * 4}")
        received = 0
        with (
            urllib.request.urlopen(url, timeout=self._stalled_after) as answer,  # noqa: S310
            file.open("wb") as out,
        ):
            while chunk := answer.read(_CHUNK):
                received += len(chunk)
                digest.update(chunk)
                out.write(chunk)
            announced = answer.headers.get("Content-Length")
        if announced is not None and received != int(announced):
            raise OSError(f"the transfer broke off after {received:,} of {int(announced):,} bytes")
        return digest.hexdigest()


def _refusal(url: str, within: float) -> str | None:
    """Say why a site can't be used, or None when it answers; in `within` seconds at most."""
    said: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def ask() -> None:
        try:
            with urllib.request.urlopen(url, timeout=within):  # noqa: S310 - the URLs are our own
                said.put(None)
        except _BROKEN as error:
            said.put(_why(error))

    # In a thread of its own, since no time limit holds for the look-up of a name.
    threading.Thread(target=ask, daemon=True).start()
    try:
        return said.get(timeout=within)
    except queue.Empty:
        return f"no answer within {within:g} s"


def _why(error: Exception) -> str:
    """Return an error's reason without Python's wrapping."""
    if isinstance(error, urllib.error.URLError) and not isinstance(error, urllib.error.HTTPError):
        return str(error.reason)
    return str(error)


def _unpack(file: Path, release: Release, folder: Path) -> None:
    """Put a release's programs into a folder.

    Raises:
        StepFailedError: one of them is not there.
    """
    if not release.url.endswith(".tar.gz"):
        (program,) = release.programs
        file.rename(folder / program)
    else:
        with tarfile.open(file) as archive:
            for member in archive:
                name = Path(member.name).name
                if member.isfile() and name in release.programs:
                    content = archive.extractfile(member)
                    assert content is not None
                    with content, (folder / name).open("wb") as out:
                        shutil.copyfileobj(content, out)
    for program in release.programs:
        if not (folder / program).exists():
            raise StepFailedError(f"{release.name} {release.version} has no {program} in it")
        (folder / program).chmod(0o755)
