"""Which agents on one ledger are alive: a lock file per agent, held as long as its process lives, however that ends.

A command and a daemon of one workspace each run an embedded agent on the same file, so "unfinished" alone does not mean
"dead". Must not know what is owned.
"""

from __future__ import annotations

import fcntl
import os
import uuid
from pathlib import Path

from monitor.errors import StoreUnwritable


class Owner:
    """One living agent on the ledger at `ledger`; `id` is fresh for each."""

    def __init__(self, ledger: Path) -> None:
        """Take a new lock; raises StoreUnwritable."""
        self._folder = ledger.with_name(f"{ledger.name}.owners")
        self.id = uuid.uuid4().hex
        try:
            self._folder.mkdir(exist_ok=True, mode=0o700)
            lock = os.open(self._path(self.id), os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError as problem:
            raise StoreUnwritable(f"{self._folder} cannot be written: {problem.strerror}") from problem
        self._lock: int | None = lock

    def is_dead(self, owner: str) -> bool:
        """Return whether `owner` no longer lives; its lock file is then removed."""
        path = self._path(owner)
        try:
            lock = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        else:
            path.unlink(missing_ok=True)
            return True
        finally:
            os.close(lock)

    def release(self) -> None:
        """Let go of the lock and remove its file; harmless when it was done before."""
        if self._lock is not None:
            self._path(self.id).unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    def _path(self, owner: str) -> Path:
        return self._folder / f"{owner}.lock"
