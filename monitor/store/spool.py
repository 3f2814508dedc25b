"""Where a paid result waits that the database cannot take: a private folder of files on the system's temp file system.

One file per run, mode 0600, whole or not there; the folder is 0700 and named after the database and its user
(reliability.md row 101). Nothing in it is believed that another user could have put there, or that is not whole. Must
not know the database, nor when a result is put here or taken.
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monitor.agent.outcome import Outcome
from monitor.errors import StoreCorrupt, StoreError, StoreUnwritable
from monitor.store import columns, terminal
from monitor.watch.run import Run

MAX_BYTES = 32 * 1024 * 1024  # of one file: more than a stream may bring (reliability.md 2.3)
MAX_FILES = 200  # more results than this are not kept here; the API still has them
_SUFFIX = ".outcome"
_DIGEST = 64  # characters of a SHA-256 in hex: what a file begins with, of all that follows


@dataclass(frozen=True, slots=True)
class Spool:
    """The results of one database that wait outside of it."""

    folder: Path

    @classmethod
    def of(cls, database: Path) -> Spool:
        """Return the spool of a database; the same for every process of this user that sees the same TMPDIR.

        Not `tempfile.gettempdir`: it looks elsewhere while the disk is full, and the next process would not look there.
        """
        temp = Path(os.environ.get("TMPDIR") or "/tmp")  # noqa: S108 # nosec B108 - a folder of ours in it, 0700 and checked
        name = hashlib.sha256(os.fsencode(os.path.realpath(database))).hexdigest()[:16]
        return cls(temp / f"goal-monitor-{os.geteuid()}-{name}")

    def put(self, run: Run, outcome: Outcome) -> None:
        """Write how a run ended, in place of what was written of it before, and onto the disk.

        Raises StoreUnwritable when the file system does not allow it or the caps are reached, ValueError for an outcome
        that is not JSON.
        """
        data = _encoded({"run": run.id, "watch": run.watch, "outcome": terminal.as_json(outcome)})
        path = self._path(run.id)
        partial = path.with_suffix(".partial")
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._check_folder()
            if len(data) > MAX_BYTES or len({*self.waiting(), run.id}) > MAX_FILES:
                raise StoreUnwritable(f"{self.folder}: no room for another result")
            partial.unlink(missing_ok=True)
            try:
                descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(descriptor)
                partial.replace(path)
            finally:
                partial.unlink(missing_ok=True)
        except OSError as error:
            raise StoreUnwritable(f"{self.folder}: cannot be written: {error.strerror}") from error

    def take(self, run: Run) -> Outcome | None:
        """Return how a run ended, None when nothing waits for it; the file stays until `drop`.

        Raises StoreError, naming the file, for one that is not to be believed: another user's, damaged, or of another
        run.
        """
        path = self._path(run.id)
        try:
            self._check_folder()
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{path}: cannot be read: {error.strerror}") from error
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            _check_private(found, path, stat.S_ISREG(found.st_mode))
            try:
                data = file.read(MAX_BYTES + 1)
            except OSError as error:
                raise StoreError(f"{path}: cannot be read: {error.strerror}") from error
        return _outcome(data, run, path)

    def drop(self, run_id: str) -> None:
        """Forget a result; nothing happens where none waits. Raises StoreUnwritable when its file stays."""
        path = self._path(run_id)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StoreUnwritable(f"{path}: cannot be removed: {error.strerror}") from error

    def waiting(self) -> list[str]:
        """Return the ids of the runs whose results wait; raises StoreError when the folder is not to be believed."""
        try:
            self._check_folder()
            names = sorted(path.name for path in self.folder.iterdir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(f"{self.folder}: cannot be read: {error.strerror}") from error
        return [name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX)]

    def _path(self, run_id: str) -> Path:
        if not (run_id.isascii() and run_id.isalnum()):
            raise StoreError(f"{run_id!r} is no id of a run")  # and never a path
        return self.folder / f"{run_id}{_SUFFIX}"

    def _check_folder(self) -> None:
        found = self.folder.lstat()
        _check_private(found, self.folder, stat.S_ISDIR(found.st_mode))


def _check_private(found: os.stat_result, path: Path, right_kind: bool) -> None:  # noqa: FBT001 - what its name says
    """Raise StoreError unless a folder or file is ours and nobody else may change it."""
    if not right_kind or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise StoreError(f"{path}: not a place of this user alone; what is there is not believed")


def _encoded(value: dict[str, Any]) -> bytes:
    packed = columns.pack(value)
    return hashlib.sha256(packed).hexdigest().encode() + packed


def _outcome(data: bytes, run: Run, path: Path) -> Outcome:
    digest, packed = data[:_DIGEST], data[_DIGEST:]
    if hashlib.sha256(packed).hexdigest().encode() != digest:
        raise StoreError(f"{path}: not whole, or not written by this program")
    try:
        found = columns.unpack(packed)
        if (found["run"], found["watch"]) != (run.id, run.watch):
            raise StoreError(f"{path}: the result of another run")
        return terminal.from_json(found["outcome"])
    except (StoreCorrupt, KeyError, TypeError) as error:
        raise StoreError(f"{path}: cannot be read as a result") from error
