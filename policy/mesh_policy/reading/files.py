"""Reading files that others name: no device is waited for, and none is larger than expected."""

import os
import stat
from pathlib import Path
from typing import Final

_MIB: Final = 1 << 20


class FileError(Exception):
    """A file can't be read; the message says why, and quotes neither its name nor its content."""


def read(path: Path, limit: int) -> bytes:
    """Return what a regular file of at most `limit` bytes holds.

    Raises:
        FileError: it is not there, is no file, is larger, or may not be read.
    """
    try:
        # Whoever opens a pipe without a writer would wait for one.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise FileError("it is a pipe or a device, not a file")
            content = file.read(limit + 1)
    except OSError as error:
        raise FileError(error.strerror or type(error).__name__) from None
    except ValueError:
        # A name with a NUL in it.
        raise FileError("no file can have this name") from None
    return within(content, limit)


def within(content: bytes, limit: int) -> bytes:
    """Return a content that is not larger than `limit`.

    Raises:
        FileError: it is.
    """
    if len(content) > limit:
        raise FileError(f"it is larger than {limit // _MIB} MiB")
    return content


def read_text(path: Path, limit: int) -> str:
    """Return the text of a file, as `read` does.

    Raises:
        FileError: it can't be read, or is no text in UTF-8.
    """
    return decoded(read(path, limit))


def decoded(content: bytes) -> str:
    """Decode a text in UTF-8, with or without a byte order mark.

    Raises:
        FileError: it is none.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(str(error)) from None
