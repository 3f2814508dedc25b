"""An opened database on PostgreSQL: its connections, its transactions, and the proof that a commit arrived.

Every write begins with the locks of `locks.py` and moves the counter in this process's row of `writers`: where the row
is gone, others took this process for dead and it writes nothing any more (reliability.md R7, row 109); where a COMMIT
was not answered, the counter tells whether it arrived (row 105). Reads are REPEATABLE READ, so that several statements
see one state. Must not know the tables' meaning.
"""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import psycopg
import sqlalchemy
from sqlalchemy.exc import DBAPIError
from ulid import ULID

from monitor.errors import StoreBusy, StoreConflict, StoreError
from monitor.store import sqlite
from monitor.store.postgresql import locks, schema
from monitor.store.postgresql.address import Address, address
from monitor.store.postgresql.connecting import connect, run
from monitor.store.postgresql.meanings import lost, translated
from monitor.store.postgresql.owners import PostgresOwner, daemon_holder

_POOL = 8  # connections kept; as many again are opened when more threads read at once
_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_ASKED_AGAIN = (0.0, 0.1, 0.3, 1.0, 2.0, 4.0, 8.0)  # seconds before each question whether a commit arrived
NOW = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"  # the server's clock, in our microseconds


class PostgresDatabase:
    """A database of ours on PostgreSQL at the present revision; `writer` is the id of its row of `writers`."""

    def __init__(self, where: Address, path: Path, busy_timeout: float) -> None:
        self.where = where
        self.path = path
        self.busy_timeout = busy_timeout
        self.writer = str(ULID())  # an identity, never compared with a time
        self._commits = 0
        self._known = False  # the row of `writers` was made
        self._closed = False
        self._writing = threading.Lock()
        self._waiting = threading.Event()  # set when this is closed: nobody waits on
        self._engine = sqlalchemy.create_engine(
            "postgresql+psycopg://",
            creator=lambda: connect(where, lock_timeout=busy_timeout),
            poolclass=sqlalchemy.QueuePool,
            pool_size=_POOL,
            max_overflow=_POOL,
            pool_timeout=busy_timeout,
            hide_parameters=True,  # what pages said must not reach a log through an exception
            use_native_hstore=False,  # else every connection asks for a type that we do not use
            execution_options={"preserve_rowcount": True},  # else an INSERT does not say whether it found its row there
        )

    @classmethod
    def open(cls, url: str, *, create: bool, busy_timeout: float, folder: Path | None) -> Self:
        """Open or migrate the database, making the tables where there are none; see `Store.open` for what is raised.

        The database itself is made by its administrator.
        """
        where = address(url)
        with translated(where):
            with connect(where, lock_timeout=busy_timeout) as connection:
                revision = schema.revision_of(connection, where)
            if revision is None and not create:
                raise StoreError(f"{where.name}: there is no store yet", hint="the first run makes it")
            if revision != sqlite.REVISIONS[-1]:
                schema.bring_up(where)
            name = hashlib.sha256(where.name.encode()).hexdigest()[:16]
            return cls(where, (folder or Path("state")).absolute() / f"postgresql-{name}", busy_timeout)

    @classmethod
    def exists(cls, url: str) -> bool:
        """Return whether a database has our tables."""
        where = address(url)
        with translated(where), connect(where, lock_timeout=sqlite.BUSY_TIMEOUT) as connection:
            return schema.revision_of(connection, where) is not None

    @property
    def durability(self) -> str:
        """What the server does before it answers a COMMIT, in words."""
        with self._begun(_READ) as connection:
            rows, _ = run(_driver(connection), "SELECT version(), current_setting('fsync')")
        version = " ".join(str(rows[0][0]).split()[:2])
        return f"{version}, synchronous_commit on, fsync {rows[0][1]}"

    def close(self) -> None:
        """Close the connections and forget this process as a writer; waits for a write that is going on."""
        with self._writing:
            if self._known and not self._closed:
                self._forget()
            self._closed = True
            self._waiting.set()
            self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[sqlalchemy.Connection]:
        """Give a connection inside a read transaction."""
        with translated(self.where), self._begun(_READ) as connection:
            yield connection

    @contextmanager
    def write(self, *parts: str) -> Iterator[sqlalchemy.Connection]:
        """Give a connection inside a write transaction: committed whole at the end, rolled back on any exception.

        READ COMMITTED under the locks of its parts: what was committed before the locks were taken is seen, and nobody
        changes it until the end. Raises StoreConflict when others took this process for dead.
        """
        if not self._writing.acquire(timeout=self.busy_timeout):
            raise StoreBusy(f"{self.where.name}: another thread writes for too long", hint="try again")
        try:
            with translated(self.where):
                self._introduce()
                self._commits += 1
                moved = f"UPDATE writers SET commits = {self._commits} WHERE id = '{self.writer}'"  # noqa: S608 # nosec B608 - a number, a ULID
                with self._begun(f"BEGIN; {locks.writing(parts)}; {moved}", about=1) as connection:
                    yield connection
                    self._commit(connection)
        finally:
            self._writing.release()

    def damage(self, connection: sqlalchemy.Connection) -> list[str]:
        """Return the indexes that the server itself calls invalid; it looks after the rest."""
        words = (
            "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
            " WHERE i.indrelid = to_regclass('runs') AND NOT i.indisvalid"
        )
        return [f"the index {name} is not valid" for (name,) in run(_driver(connection), words)[0]]

    def shrink(self, connection: sqlalchemy.Connection, pages: int) -> bool:  # noqa: ARG002 - as the protocol has it
        """Do nothing: the server's autovacuum uses free pages again."""
        return False

    def backup(self, target: Path) -> None:
        """Write everything to a SQLite file, from one state; see `Upkeep.backup`."""
        from monitor.store import moving

        moving.to_file(self, target)

    def owner(self) -> PostgresOwner:
        """Return this process as the holder of runs and messages, by a lock of a connection of its own."""
        with self._writing, translated(self.where):
            self._introduce()
        return PostgresOwner.claim(self.where, self.writer)

    def daemon_is_gone(self) -> bool:
        """Return True when no daemon holds the lock of the daemon."""
        with translated(self.where), self._begun(_READ) as connection:
            return daemon_holder(_driver(connection)) is None

    def _introduce(self) -> None:
        """Make this process's row of `writers`, once: where it is gone later, it does not come back."""
        if self._known:
            return
        who = f"'{self.writer}', '{_plain(socket.gethostname())}', {os.getpid()}, {NOW}, {NOW}, 0"
        words = f"BEGIN; INSERT INTO writers VALUES ({who}) ON CONFLICT DO NOTHING"  # noqa: S608 # nosec B608 - ours, the host's name made plain
        with self._begun(words) as connection:
            connection.commit()
        self._known = True

    def _forget(self) -> None:
        """Remove the row; one that stays is removed by housekeeping of others."""
        words = f"BEGIN; DELETE FROM writers WHERE id = '{self.writer}'"  # noqa: S608 # nosec B608 - a ULID
        try:
            with self._begun(words) as connection:
                connection.commit()
        except (DBAPIError, psycopg.Error) as error:
            if not lost(getattr(error, "orig", error)):
                raise

    @contextmanager
    def _begun(self, words: str, about: int | None = None) -> Iterator[sqlalchemy.Connection]:
        """Give a connection on which a transaction was begun; rolled back at the end unless it was committed.

        `about` is how many rows the last of the words has to be about.
        """
        connection = self._opened(words, about)
        try:
            yield connection
        finally:
            _ended(connection)

    def _opened(self, words: str, about: int | None) -> sqlalchemy.Connection:
        """Begin a transaction; connections that broke while they lay in the pool are replaced, once."""
        if self._closed:
            raise StoreError(f"{self.where.name}: the store is closed")
        for last in (False, True):
            connection = self._engine.connect()
            try:
                connection.begin()
                _, found = run(_driver(connection), words)
                self._check_not_fenced(about in {None, found})
            except BaseException as error:
                _ended(connection)
                if last or not lost(error):
                    raise
                self._engine.dispose()  # what lies in the pool was opened before that, too
            else:
                return connection
        raise AssertionError("the second try returns or raises")

    def _commit(self, connection: sqlalchemy.Connection) -> None:
        """Commit; where the answer is lost, find out whether the commit arrived, and raise where it did not."""
        try:
            connection.commit()
        except DBAPIError as error:
            if not lost(error.orig):
                raise
            connection.invalidate()
            if not self._arrived():
                raise

    def _arrived(self) -> bool:
        """Return whether the last commit of this process is there; False, too, while that cannot be known.

        The row is locked, so a commit that the server is still about is waited for.
        """
        counted = f"SELECT commits FROM writers WHERE id = '{self.writer}'"  # noqa: S608 # nosec B608 - a ULID
        asked = f"BEGIN; {counted} FOR UPDATE"
        for wait in _ASKED_AGAIN:
            self._waiting.wait(wait)
            try:
                with self._begun(asked) as connection:
                    rows, _ = run(_driver(connection), counted)
            except (DBAPIError, psycopg.Error) as error:
                if lost(getattr(error, "orig", error)):
                    continue
                raise
            return bool(rows) and rows[0][0] == self._commits
        return False

    def _check_not_fenced(self, there: bool) -> None:  # noqa: FBT001 - the row of this process is there
        if not there:
            raise StoreConflict(
                f"{self.where.name}: this process was silent for so long that others took over its work;"
                " it writes no more",
                hint="start it again",
            )


def _ended(connection: sqlalchemy.Connection) -> None:
    """Give a connection back with nothing begun on it; a broken one is thrown away.

    SQLAlchemy rolls nothing back where its own commit was cut short, so the driver is told (it asks nobody when idle).
    """
    try:
        if not connection.invalidated:
            _driver(connection).rollback()
    except psycopg.Error:
        connection.invalidate()
    finally:
        connection.close()


def _driver(connection: sqlalchemy.Connection) -> psycopg.Connection[tuple[Any, ...]]:
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver


def _plain(host: str) -> str:
    """Return a host's name that can stand between quotes."""
    return "".join(letter for letter in host[:100] if letter.isalnum() or letter in ".-_")
