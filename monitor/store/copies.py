"""Copies of the store: writing one while others write, and putting one back in the store's place (reliability.md R9).

A copy is a database of its own: one file, mode 0600, on the disk and looked through before it has its name. A copy that
is put back is bytes from outside: it is copied to a private file first, and what was checked there is what is used.
Must not know the store's open connections.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from monitor.errors import StoreCorrupt, StoreLocked, StoreUnwritable, UsageError
from monitor.store import owners, sqlite

_BESIDE = ("-journal", "-wal", "-shm")  # what SQLite keeps beside a file that is in use or was left by a crash
_TABLES = {"runs", "watch_state", "retries", "outbox", "marks"}
_WAIT = 2.0  # seconds for a lock that nobody should hold


def write(source: sqlite3.Connection, target: Path) -> None:
    """Write a copy of an open database, from within a read transaction of it; see `Upkeep.backup`."""
    target = target.absolute()
    if os.path.lexists(target):
        raise UsageError(f"{target} exists already and is left as it is", hint="name another file")
    source.execute("SELECT count(*) FROM sqlite_master").fetchone()  # takes the read lock, with the usual time-out
    with unfinished(target) as made:
        with sqlite.translated(target), closing(sqlite.connect(made, busy_timeout=_WAIT)) as copy:
            source.backup(copy)
        publish(made, target)


def publish(made: Path, target: Path) -> None:
    """Make a finished copy one file, check it and give it its name; raises UsageError when the name is taken."""
    with sqlite.translated(target):
        with closing(sqlite.connect(made, busy_timeout=_WAIT)) as copy:
            copy.execute("PRAGMA journal_mode=DELETE").fetchone()  # whatever the source is
        check(made, named=target)
        _publish(made, target)


def restore(source: Path, database: Path, *, now: datetime) -> Path | None:
    """Put a copy in the store's place and return where the replaced database is kept; None when there was none.

    Raises UsageError (`source` is no plain file, or is the store itself), StoreCorrupt and StoreNewer (not a sound
    database of ours that this version can read), StoreLocked and StoreBusy (something uses the store), StoreUnwritable.
    A kill at any point leaves the old database or the new one in place, whole.
    """
    source, database = source.absolute(), database.absolute()
    if database.is_symlink():
        raise UsageError(f"{database} is a symbolic link", hint="name the file that it leads to")
    if not database.parent.is_dir():
        raise UsageError(f"{database.parent} is not a folder", hint="make it first, or use another workspace")
    with owners.DaemonLock(database.parent):  # no daemon runs, and none starts meanwhile
        users = owners.living(database.parent)
        if users:
            raise StoreLocked(f"{database} is in use by {', '.join(users)}", hint="stop it first")
        with unfinished(database) as partial:
            _take_in(source, partial, database)
            check(partial, named=source)
            return _put(partial, database, now)


def check(path: Path, *, named: Path) -> None:
    """Raise StoreCorrupt or StoreNewer unless a file is a sound database of ours; it is called `named`."""
    with sqlite.translated(named), closing(sqlite.connect(path, busy_timeout=_WAIT)) as connection:
        if sqlite.revision_of(connection, named) is None:
            raise StoreCorrupt(f"{named}: an empty database", hint="name a copy that `monitor backup` made")
        found = dict(connection.execute("SELECT name, type FROM sqlite_master WHERE type <> 'index'").fetchall())
        if not found.keys() >= _TABLES or set(found.values()) != {"table"}:
            raise StoreCorrupt(f"{named}: its tables are not those of goal-monitor", hint="name another file")
        wrong = [line for (line,) in connection.execute("PRAGMA quick_check(1)") if line != "ok"]
        if wrong or connection.execute("PRAGMA foreign_key_check").fetchone():
            why = wrong[0] if wrong else "rows refer to rows that do not exist"
            raise StoreCorrupt(f"{named}: damaged ({why})", hint="use another copy")


@contextmanager
def unfinished(target: Path) -> Iterator[Path]:
    """Give a private file beside `target` that is gone at the end, unless it was given its name."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent)
        os.close(descriptor)
        try:
            yield Path(name)
        finally:
            for path in (name, *(name + suffix for suffix in _BESIDE)):
                Path(path).unlink(missing_ok=True)
    except OSError as error:
        raise StoreUnwritable(
            f"{target}: cannot be written: {error.strerror}", hint="check the folder, its owner and disk space"
        ) from error


def _publish(partial: Path, target: Path) -> None:
    """Give a file its name, on the disk, without ever replacing another."""
    _sync(partial)
    try:
        os.link(partial, target, follow_symlinks=False)
    except FileExistsError:
        raise UsageError(f"{target} exists already and is left as it is", hint="name another file") from None
    except OSError:  # a file system without hard links
        if os.path.lexists(target):
            raise UsageError(f"{target} exists already and is left as it is", hint="name another file") from None
        partial.rename(target)
    _sync(target.parent)


def _take_in(source: Path, partial: Path, database: Path) -> None:
    """Copy the bytes of a plain file that nobody is writing."""
    with _plain(source) as file, partial.open("r+b") as copy:
        if database.exists() and os.path.samestat(os.fstat(file.fileno()), database.stat()):
            raise UsageError(f"{source} is the store itself", hint="name a copy of it")
        for suffix in ("-journal", "-wal"):
            beside = source.with_name(source.name + suffix)
            if beside.is_file() and beside.stat().st_size:
                raise UsageError(
                    f"{source} is a database in use or was left by a crash ({beside.name} is beside it)",
                    hint="name a copy that `monitor backup` made",
                )
        shutil.copyfileobj(file, copy, 1 << 20)
    _sync(partial)


def _plain(path: Path) -> IO[bytes]:
    """Open a plain file for reading; a link, a pipe or a device is refused and never waited for."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        link = path.is_symlink()
        why = "is a symbolic link" if link else f"cannot be read: {error.strerror}"
        raise UsageError(f"{path} {why}", hint="name the file itself") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UsageError(f"{path} is not a file", hint="name a copy that `monitor backup` made")
    return os.fdopen(descriptor, "rb")


def _put(partial: Path, database: Path, now: datetime) -> Path | None:
    if not database.exists():
        _leftovers(database, None)
        partial.replace(database)
        _sync(database.parent)
        return None
    kept = database.with_name(f"{database.name}.replaced-{now.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}")
    with _held(database):
        _keep(database, kept)
        _leftovers(database, kept)
        partial.replace(database)
        _sync(database.parent)
    return kept


def _held(database: Path) -> AbstractContextManager[object]:
    """Let nobody read or write the old database until the end; what a crash left half done is finished first.

    A journal beside the file belongs to the old database: SQLite would apply it to the new one. A database that is
    damaged cannot be held; its journal is moved along with it.
    """
    try:
        with sqlite.translated(database), ExitStack() as opened:
            connection = opened.enter_context(closing(sqlite.connect(database, busy_timeout=_WAIT)))
            connection.execute("PRAGMA journal_mode=DELETE").fetchone()  # folds a write-ahead log in
            connection.execute("BEGIN EXCLUSIVE")
            return opened.pop_all()
    except StoreCorrupt:
        return nullcontext()


def _keep(database: Path, kept: Path) -> None:
    """Give the old database a second name; it is opened by nothing but SQLite, or the lock on it would be lost."""
    try:
        os.link(database, kept, follow_symlinks=False)
    except FileExistsError:
        raise UsageError(f"{kept} exists already", hint="try again") from None
    except OSError:  # a file system without hard links; reading the file gives the lock up a moment early
        shutil.copyfile(database, kept, follow_symlinks=False)
        kept.chmod(0o600)
        _sync(kept)
    _sync(kept.parent)


def _leftovers(database: Path, kept: Path | None) -> None:
    """Move what lies beside a database that could not be opened along with it; a log without its file is nothing."""
    for suffix in _BESIDE:
        beside = database.with_name(database.name + suffix)
        if beside.exists():
            beside.unlink() if kept is None else beside.rename(kept.with_name(kept.name + suffix))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
