"""The SQLite file: making it, recognising it, connections to it, and what its errors mean.

Every version that the program knows is listed here, so that opening needs plain SQL only and Alembic just to migrate.
Must not know the tables.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy.exc

from monitor.errors import StoreBusy, StoreCorrupt, StoreError, StoreNewer, StoreUnwritable, UsageError

APPLICATION_ID = 0x676D6F6E  # "gmon", in the header of every file that is ours
REVISIONS = (
    "0001",
    "0002",
    "0003",
    "0004",
    "0005",
)  # every migration in order; a test holds it against the packaged ones
BUSY_TIMEOUT = 10.0  # seconds (reliability.md row 100)

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_UNWRITABLE = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_NOLFS,
}
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}
_IOERR_CORRUPTFS = sqlite3.SQLITE_IOERR | (33 << 8)


@dataclass(frozen=True, slots=True)
class Journal:
    """How commits reach the disk: `PRAGMA journal_mode` and `PRAGMA synchronous`."""

    mode: str
    synchronous: str


def journal_for(version: tuple[int, int, int]) -> Journal:
    """Return the journal for a linked SQLite version; both survive power loss (reliability.md finding 10, R1, R2).

    WAL only where the WAL-reset bug is fixed: 3.51.3 and later, 3.50.7 and later of 3.50, 3.44.6 and later of 3.44.
    """
    fixed = version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)
    return Journal("wal", "FULL") if fixed else Journal("delete", "EXTRA")


def path_of(url_or_path: str) -> Path:
    """Return the file that a setting names: a path, or `sqlite:///path`; raises UsageError for everything else."""
    scheme, found, rest = url_or_path.partition("://")
    if not found and scheme.partition(":")[0].lower() in {"postgresql", "postgres", "sqlite"} and ":" in scheme:
        raise UsageError("a store is a path, sqlite:///path or postgresql://…", hint="write :// after the scheme")
    if not found:
        path = url_or_path
    elif scheme == "sqlite" and rest.startswith("/"):
        path = rest[1:]
    elif scheme.partition("+")[0] in {"postgresql", "postgres"}:
        raise UsageError(
            "this is done with a file, not with a store on PostgreSQL", hint="use a path or sqlite:///path"
        )
    else:
        raise UsageError(f"{scheme}:// is no store that this program knows", hint="use a path or sqlite:///path")
    if not path or path == ":memory:":
        raise UsageError("a store needs a file", hint="use a path or sqlite:///path")
    return Path(path).absolute()


def make_file(path: Path) -> None:
    """Create an empty file 0600 in a folder 0700; what exists keeps its modes. Raises StoreUnwritable."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        if not path.is_file():
            wrong = path if path.exists() else path.parent
            raise StoreUnwritable(f"{path}: {wrong.name} is in the way", hint="name a file for the store") from None
    except OSError as error:
        raise StoreUnwritable(
            f"{path}: cannot be created: {error.strerror}", hint="check the folder and its owner"
        ) from error


def connect(path: Path, *, busy_timeout: float, foreign_keys: bool = True) -> sqlite3.Connection:
    """Return a connection to an existing file that begins no transaction by itself; `busy_timeout` in seconds.

    The file is never opened by anything but SQLite: closing another descriptor of it would drop SQLite's own locks.
    """
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode=rw", uri=True, timeout=busy_timeout, isolation_level=None, check_same_thread=False
    )
    try:
        synchronous = journal_for(sqlite3.sqlite_version_info).synchronous
        for pragma in (
            f"foreign_keys={int(foreign_keys)}",
            f"synchronous={synchronous}",
            "trusted_schema=OFF",
            "cell_size_check=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def set_journal(connection: sqlite3.Connection, path: Path) -> Journal:
    """Set the journal of this SQLite version and return it; raises StoreBusy when another process prevents it."""
    journal = journal_for(sqlite3.sqlite_version_info)
    (mode,) = connection.execute(f"PRAGMA journal_mode={journal.mode}").fetchone()
    if mode != journal.mode:
        raise StoreBusy(
            f"{path}: journal mode stays {mode} where {journal.mode} is needed", hint="stop other programs that use it"
        )
    return journal


def revision_of(connection: sqlite3.Connection, path: Path, known: tuple[str, ...] = REVISIONS) -> str | None:
    """Return the revision of a database of ours, None when it is empty; reads only.

    Raises StoreCorrupt when it belongs to another program, StoreNewer when its revision is none of `known`.
    """
    alone = not connection.in_transaction
    if alone:
        connection.execute("BEGIN")  # one look: another process may make the tables between two
    try:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    finally:
        if alone:
            connection.rollback()
    if not application and not tables:
        return None
    if application != APPLICATION_ID or "alembic_version" not in tables:
        raise StoreCorrupt(f"{path}: a database, but not one of goal-monitor; left as it is", hint="name another file")
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    if row is None or row[0] not in known:
        raise StoreNewer(
            f"{path}: revision {row[0] if row else '?'} is newer than {known[-1]}, our last; left as it is",
            hint="upgrade goal-monitor, or restore a backup",
        )
    return str(row[0])


def backup(source: sqlite3.Connection, target: Path) -> None:
    """Write a consistent copy of an open database, mode 0600, whole or not at all."""
    partial = target.with_name(target.name + ".partial")
    partial.unlink(missing_ok=True)
    make_file(partial)
    copy = sqlite3.connect(partial)
    try:
        source.backup(copy)
    finally:
        copy.close()
    partial.replace(target)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn errors of SQLite and SQLAlchemy into those of `monitor.errors`; texts hold no values of rows."""
    try:
        yield
    except sqlalchemy.exc.DBAPIError as error:
        raise meaning(error.orig, path) from error
    except sqlalchemy.exc.TimeoutError as error:
        raise StoreBusy(f"{path}: every connection is in use", hint="try again") from error
    except sqlalchemy.exc.SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or type(error).__name__
        raise StoreError(f"{path}: {cause}", hint="this is a defect; please report it") from error
    except sqlite3.Error as error:
        raise meaning(error, path) from error


def meaning(error: BaseException | None, path: Path) -> StoreError:
    """Return what a driver's error means to us (reliability.md rows 100-103)."""
    code = getattr(error, "sqlite_errorcode", None) or 0
    primary = code & 0xFF
    if primary in _BUSY:
        return StoreBusy(f"{path}: locked by another process for too long", hint="try again, or stop the other process")
    if primary in _CORRUPT or code == _IOERR_CORRUPTFS:
        return StoreCorrupt(
            f"{path}: damaged or not a database ({error})",
            hint="keep the file and restore a backup: monitor restore FILE",
        )
    if primary in _UNWRITABLE:
        return StoreUnwritable(
            f"{path}: cannot be written ({error})", hint="check disk space, permissions and the disk"
        )
    return StoreError(f"{path}: {error}", hint="this is a defect; please report it")
