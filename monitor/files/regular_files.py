"""Reading one whole file that somebody else wrote: regular, bounded, never blocking (reliability.md row 1)."""

from __future__ import annotations

import os
import stat
from pathlib import Path


class UnreadableFile(Exception):
    """A file that is not read; the text says why, in words that follow "it" (`is a directory`), and names no path."""


def contents(path: Path, limit: int) -> tuple[bytes, int]:
    """Return the bytes of a regular file of at most `limit` bytes, and its permission bits; raises UnreadableFile.

    Opening a FIFO or a device never blocks, and the kind is asked of the open file, so that it cannot be exchanged in
    between.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise UnreadableFile("does not exist") from None
    except ValueError:  # a NUL in the path
        raise UnreadableFile("has a name that cannot be") from None
    except OSError as problem:
        raise UnreadableFile(_reason(problem)) from None
    try:
        return _read(descriptor, limit)
    except OSError as problem:
        raise UnreadableFile(_reason(problem)) from None
    finally:
        os.close(descriptor)


def _read(descriptor: int, limit: int) -> tuple[bytes, int]:
    about = os.fstat(descriptor)
    if stat.S_ISDIR(about.st_mode):
        raise UnreadableFile("is a directory")
    if not stat.S_ISREG(about.st_mode):
        raise UnreadableFile("is not a regular file")
    data = b"" if about.st_size > limit else os.read(descriptor, limit + 1)
    while data and len(data) <= limit and (more := os.read(descriptor, limit + 1 - len(data))):
        data += more
    if about.st_size > limit or len(data) > limit:
        raise UnreadableFile(f"is larger than {limit // 1024:,} KiB")
    return data, stat.S_IMODE(about.st_mode)


def _reason(problem: OSError) -> str:
    return f"cannot be read: {(problem.strerror or 'unknown error').lower()}"
