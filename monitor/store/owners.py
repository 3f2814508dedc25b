"""Which processes are alive, by locks that the operating system drops when a process dies, however it dies.

An owner is a file `owners/<id>.lock` in the state folder under `flock` for the life of the process; its id stands in
the rows that the process holds. `flock` and not `lockf`: those vanish when any descriptor of the file is closed, and
this module opens files to ask. Descriptors are not inherited by programs that are started. Must not know the database.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from pathlib import Path
from typing import Protocol, Self

from ulid import ULID

from monitor.errors import StoreLocked, StoreUnwritable

_FOLDER = "owners"
_TRIES = 10
_NOTE_MAX = 1_000  # bytes of a lock file that are read


class Holder(Protocol):
    """A process as the holder of runs and messages, and what it knows of others."""

    @property
    def id(self) -> str:
        """What stands in the rows that the process holds."""
        ...

    def alive(self, owner_id: str) -> bool:
        """Return whether the process with this id lives; this one does."""
        ...

    def dead(self, owner_id: str) -> bool:
        """Return whether the process with this id is gone."""
        ...

    def release(self) -> None:
        """End the ownership; what is still held can be taken over."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class Owner:
    """This process as the holder of runs and messages, until `release` or its death."""

    def __init__(self, owner_id: str, path: Path, descriptor: int) -> None:
        self.id: str = owner_id
        self._path = path
        self._descriptor: int | None = descriptor

    @classmethod
    def claim(cls, state_dir: Path) -> Owner:
        """Make an owner with a fresh id; the folder is created 0700 where missing. Raises StoreUnwritable."""
        folder = state_dir / _FOLDER
        with_hint = f"{folder}: cannot be written"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for _ in range(_TRIES):
                owner_id = str(ULID())  # an identity, never compared with a time
                path = folder / f"{owner_id}.lock"
                descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
                if _locked(descriptor) and path.exists():  # else somebody took the unlocked file for a dead process's
                    os.write(descriptor, _note())
                    return cls(owner_id, path, descriptor)
                os.close(descriptor)
        except OSError as error:
            raise StoreUnwritable(f"{with_hint}: {error.strerror}", hint="check the folder and its owner") from error
        raise StoreUnwritable(f"{with_hint}: locks do not hold there", hint="use a local file system")

    def alive(self, owner_id: str) -> bool:
        """Return whether the process with this id lives; this one does."""
        return alive(self._path.parent.parent, owner_id)

    def dead(self, owner_id: str) -> bool:
        """Return whether the process with this id is gone, for `Store.unfinished` and `Store.release`."""
        return not self.alive(owner_id)

    def release(self) -> None:
        """End the ownership; what is still held can be taken over."""
        if self._descriptor is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def alive(state_dir: Path, owner_id: str) -> bool:
    """Return whether the owner's process lives; the lock file of a dead one is removed. Raises StoreUnwritable."""
    if not owner_id.isascii() or not owner_id.isalnum():
        return False  # none of ours, and never a path
    path = state_dir / _FOLDER / f"{owner_id}.lock"
    try:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            if not _locked(
                descriptor, fcntl.LOCK_SH
            ):  # shared: two that ask at once do not take each other for the owner
                return True
            path.unlink(missing_ok=True)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StoreUnwritable(f"{path}: {error.strerror}", hint="check the folder and its owner") from error
    return False


def living(state_dir: Path) -> list[str]:
    """Return who uses a state folder at the moment, in words; a process of ours that holds no owner is not seen."""
    found = []
    for path in sorted((state_dir / _FOLDER).glob("*.lock")):
        if alive(state_dir, path.stem):
            try:
                found.append(_holder(path.read_bytes()[:_NOTE_MAX]))
            except FileNotFoundError:
                continue  # it ended just now
    return found


def daemon_is_gone(state_dir: Path) -> bool:
    """Return True when the process that took the lock of the daemon last did not give it back and is no more.

    By its number, not by asking for the lock: a daemon that starts at that moment would be refused. False where that
    cannot be known, as of a process of another machine or container, or when its number is in use again.
    """
    try:
        found = json.loads((state_dir / "daemon.lock").read_bytes()[:_NOTE_MAX])
        if found["host"] != socket.gethostname():
            return False
        os.kill(int(found["pid"]), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError, ValueError, KeyError, TypeError):
        return False
    return False


class DaemonLock:
    """Held by the one daemon of a state folder while it is entered (reliability.md R7, row 108)."""

    def __init__(self, state_dir: Path) -> None:
        self.path = state_dir / "daemon.lock"
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        """Take the lock; raises StoreLocked, naming the process that has it."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            raise StoreUnwritable(
                f"{self.path}: cannot be written: {error.strerror}", hint="check the folder and its owner"
            ) from error
        if not _locked(descriptor):
            holder = _holder(os.pread(descriptor, _NOTE_MAX, 0))
            os.close(descriptor)
            raise StoreLocked(
                f"another daemon ({holder}) holds {self.path.parent}", hint="stop it first, or use another workspace"
            )
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, _note(), 0)
        self._descriptor = descriptor
        return self

    def __exit__(self, *_: object) -> None:
        """Give the lock back; the file stays, so that nobody ever locks a file that is no longer there."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None


def _locked(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _note() -> bytes:
    return json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode()


def _holder(note: bytes) -> str:
    try:
        found = json.loads(note)
        return f"pid {int(found['pid'])} on {str(found['host'])[:100]!r}"
    except (ValueError, KeyError, TypeError):
        return "its process did not say who it is"
