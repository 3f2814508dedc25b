"""An opened SQLite file: its connections, its transactions, and one lock for all that write from this process.

Writes are `BEGIN IMMEDIATE`, so they wait for the write lock at once instead of failing in the middle (reliability.md
E15, row 100); threads of this process queue on a lock of ours first, because SQLite's waiting is polling and unfair.
Reads are transactions too, so that several statements see one state; they must be short, since under a rollback journal
an open reader holds up commits. Must not know the tables' meaning.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import sqlalchemy
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

from monitor.errors import StoreBusy, StoreError, StoreReplaced, StoreUnwritable
from monitor.store import copies, history, migrate, owners, retention, sqlite

_POOL = 8  # connections kept; as many again are opened when more threads read at once


class SqliteDatabase:
    """A SQLite file of ours at the present revision."""

    def __init__(self, path: Path, journal: sqlite.Journal, busy_timeout: float) -> None:
        self.path = path
        self.journal = journal
        self._busy_timeout = busy_timeout
        self._closed = False
        self._writing = threading.Lock()
        self._file = _identity(path)
        self._engine = sqlalchemy.create_engine(
            "sqlite://",
            creator=lambda: sqlite.connect(path, busy_timeout=busy_timeout),
            poolclass=sqlalchemy.QueuePool,
            pool_size=_POOL,
            max_overflow=_POOL,
            pool_timeout=busy_timeout,
            hide_parameters=True,  # what pages said must not reach a log through an exception
        )
        event.listen(self._engine, "begin", _begin)

    @classmethod
    def open(cls, path: Path, *, create: bool, busy_timeout: float) -> SqliteDatabase:
        """Open, make or migrate the file; see `Store.open` for what is raised."""
        with sqlite.translated(path):
            if create:
                sqlite.make_file(path)
            elif not path.is_file() or not path.stat().st_size:
                raise StoreError(f"{path}: there is no store yet", hint="the first run makes it")
            with closing(sqlite.connect(path, busy_timeout=busy_timeout)) as connection:
                revision = sqlite.revision_of(connection, path)
                if revision is None:
                    connection.execute("PRAGMA auto_vacuum=INCREMENTAL")  # only an empty file can be given it
                journal = sqlite.set_journal(connection, path)
            if revision != sqlite.REVISIONS[-1]:
                migrate.bring_up(path)
            return cls(path, journal, busy_timeout)

    def close(self) -> None:
        """Close the connections; waits for a write that is going on."""
        with self._writing:
            self._closed = True
            self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[sqlalchemy.Connection]:
        """Give a connection inside a read transaction."""
        with sqlite.translated(self.path), self._transaction(write=False) as connection:
            yield connection

    @contextmanager
    def write(self, *parts: str) -> Iterator[sqlalchemy.Connection]:  # noqa: ARG002 - a file has one writer at a time
        """Give a connection inside a write transaction: committed whole at the end, rolled back on any exception."""
        if not self._writing.acquire(timeout=self._busy_timeout):
            raise StoreBusy(f"{self.path}: another thread writes for too long", hint="try again")
        try:
            self.check_same_file()
            with sqlite.translated(self.path), self._transaction(write=True) as connection:
                self.check_same_file()  # it may have been replaced while the lock was waited for
                yield connection
        finally:
            self._writing.release()

    @property
    def durability(self) -> str:
        """How commits reach the disk, in words."""
        return f"{self.journal.mode}, synchronous {self.journal.synchronous}"

    def damage(self, connection: sqlalchemy.Connection) -> list[str]:
        """Return what is wrong with the file in words."""
        checked = connection.exec_driver_sql(f"PRAGMA quick_check({history.DAMAGE_SHOWN})").scalars()
        found = [f"quick_check: {line}" for line in checked if line != "ok"]
        if found:
            return found
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()[: history.DAMAGE_SHOWN]
        return [f"a row of {row[0]} refers to a row of {row[2]} that does not exist" for row in broken]

    def shrink(self, connection: sqlalchemy.Connection, pages: int) -> bool:
        """Give free pages back to the file system; False when there are no more."""
        return retention.shrink(connection, pages)

    def backup(self, target: Path) -> None:
        """Write a copy; see `Upkeep.backup`."""
        with self.read() as connection:
            source = connection.connection.driver_connection
            assert isinstance(source, sqlite3.Connection)
            copies.write(source, target)

    def owner(self) -> owners.Owner:
        """Return this process as the holder of runs and messages, by a lock of the operating system."""
        return owners.Owner.claim(self.path.parent)

    def daemon_is_gone(self) -> bool:
        """Return True when the daemon that ran last did not end by itself."""
        return owners.daemon_is_gone(self.path.parent)

    def check_same_file(self) -> None:
        """Raise StoreReplaced when the file was deleted or replaced since it was opened (reliability.md row 104).

        Every write asks, holding the write lock: else connections from before would go on writing to a file that has
        no name any more, and those made since to another one.
        """
        if _identity(self.path) != self._file:
            raise StoreReplaced(
                f"{self.path}: the file was deleted or replaced while in use; nothing is written",
                hint="put the file back, or restart the program to use the new one",
            )

    @contextmanager
    def _transaction(self, *, write: bool) -> Iterator[sqlalchemy.Connection]:
        if self._closed:
            raise StoreError(f"{self.path}: the store is closed")
        with self._engine.connect().execution_options(monitor_write=write) as connection:
            try:
                with connection.begin():
                    yield connection
            except DBAPIError as error:
                if isinstance(sqlite.meaning(error.orig, self.path), StoreUnwritable):
                    connection.invalidate()  # after an error of the disk a connection is not believed again (row 102)
                raise


def _begin(connection: sqlalchemy.Connection) -> None:
    write = connection.get_execution_options().get("monitor_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino
