"""The folder that is written: only what an earlier rendering wrote is changed or removed.

A list of the files lies in it, so that what is not rendered any more goes, and nothing else does.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mesh_policy.reading.files import FileError, read_text
from serverless_mesh.cli.render.errors import RenderError

LIST: Final = ".serverless-mesh-render"
_HEADER: Final = "# Files that `serverless-mesh render` wrote: it changes and removes no others."
_LARGEST: Final = 16 << 20
_PATH: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*\.yaml", re.ASCII)


@dataclass(frozen=True)
class Difference:
    """What is to be done so that a folder holds what is rendered; nothing, where it does."""

    changed: tuple[str, ...]
    """Files that are not there, or not as rendered."""
    stale: tuple[str, ...]
    """Files that an earlier rendering wrote, and that are not rendered any more."""
    unlisted: bool
    """Whether the list of the files is not as it should be."""

    def __bool__(self) -> bool:
        return bool(self.changed or self.stale or self.unlisted)


class Folder:
    """A folder of rendered manifests."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def difference(self, files: Mapping[str, str]) -> Difference:
        """Compare the folder with what is rendered.

        Raises:
            RenderError: it can't be read, or a file is in the way that no rendering wrote.
        """
        try:
            return self._difference(files)
        except OSError as error:
            raise RenderError(f"{self._root} can't be read: {error.strerror}") from None

    def _difference(self, files: Mapping[str, str]) -> Difference:
        if self._root.exists() and not self._root.is_dir():
            raise RenderError(f"{self._root} is no folder")
        listed = self._listed()
        for path in files:
            self._refuse_links(path)
            if path not in listed and (self._root / path).exists():
                raise RenderError(
                    f"{self._root / path} is in the way: no rendering wrote it. Move it, or render "
                    "to another folder"
                )
        return Difference(
            tuple(path for path in sorted(files) if self._content(path) != files[path]),
            tuple(sorted(path for path in listed - files.keys() if self._is_there(path))),
            listed != files.keys(),
        )

    def write(self, files: Mapping[str, str]) -> Difference:
        """Make the folder hold what is rendered, and return what that took.

        Raises:
            RenderError: it can't be written.
        """
        found = self.difference(files)
        try:
            if found:
                self._root.mkdir(parents=True, exist_ok=True)
                # Before the files, so that whatever stops this leaves none that is not listed.
                self._list(self._listed() | files.keys())
                for path in found.changed:
                    target = self._root / path
                    target.parent.mkdir(exist_ok=True)
                    target.write_text(files[path], "utf-8")
                self._remove(found.stale)
                self._list(files)
        except OSError as error:
            raise RenderError(f"{self._root} can't be written: {error}") from None
        return found

    def _remove(self, stale: Iterable[str]) -> None:
        for path in stale:
            file = self._root / path
            file.unlink()
            if not any(file.parent.iterdir()):
                file.parent.rmdir()

    def _listed(self) -> set[str]:
        if (self._root / LIST).is_symlink():
            raise RenderError(f"{self._root / LIST} is a symbolic link: replace it")
        if not (self._root / LIST).exists():
            return set()
        lines = self._read(LIST).splitlines()
        listed = {line for line in lines if line and not line.startswith("#")}
        for path in listed:
            if not _PATH.fullmatch(path):
                raise RenderError(
                    f"{self._root / LIST} names what no rendering writes. Remove it, and the files "
                    "that it lists, and render again"
                )
            self._refuse_links(path)
        return listed

    def _list(self, files: Iterable[str]) -> None:
        (self._root / LIST).write_text("\n".join([_HEADER, *sorted(files), ""]), "utf-8")

    def _refuse_links(self, path: str) -> None:
        """Refuse what leads out of the folder."""
        file = self._root / path
        if file.is_symlink() or file.parent.is_symlink():
            raise RenderError(f"{file} is, or lies behind, a symbolic link: replace it")

    def _is_there(self, path: str) -> bool:
        return (self._root / path).is_file()

    def _content(self, path: str) -> str | None:
        return self._read(path) if self._is_there(path) else None

    def _read(self, path: str) -> str:
        try:
            return read_text(self._root / path, _LARGEST)
        except FileError as error:
            raise RenderError(f"{self._root / path} can't be read: {error}") from None
