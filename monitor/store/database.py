"""What the store needs of a database, whichever it is: transactions, and the few things that differ between the two.

The statements are shared (SQLAlchemy Core); what SQLite and PostgreSQL say differently is behind this protocol and in
`upserts.py`. Must not know the tables' meaning.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection

from monitor.store import owners, postgresql, sqlite
from monitor.store.owners import Holder

BUSY_TIMEOUT = sqlite.BUSY_TIMEOUT  # seconds that a transaction waits for others


class Database(Protocol):
    """An opened database of ours, at the present revision. Every method raises the kinds of StoreError."""

    @property
    def path(self) -> Path:
        """The file, or a path that stands for a database elsewhere: its folder is the state folder of this machine."""
        ...

    @property
    def durability(self) -> str:
        """How commits reach the disk, in words."""
        ...

    def read(self) -> AbstractContextManager[Connection]:
        """Give a connection inside a read transaction, in which all statements see one state."""
        ...

    def write(self, *parts: str) -> AbstractContextManager[Connection]:
        """Give a connection inside a write transaction: committed whole at the end, rolled back on any exception.

        Nobody else writes meanwhile. A caller that names the `parts` it reads and changes, such as `watch:NAME`, is
        alone with those only, where the database can do so; it must then touch nothing that other parts decide by.
        """
        ...

    def damage(self, connection: Connection) -> list[str]:
        """Return what is wrong with what holds the tables, in words; nothing when it is sound."""
        ...

    def shrink(self, connection: Connection, pages: int) -> bool:
        """Give up to `pages` free pages back to the file system; False when there is nothing (more) to give."""
        ...

    def backup(self, target: Path) -> None:
        """Write a consistent copy as a SQLite file; raises UsageError when `target` exists."""
        ...

    def owner(self) -> Holder:
        """Return this process as the holder of runs and messages, until its `release` or its death."""
        ...

    def daemon_is_gone(self) -> bool:
        """Return True when the daemon that ran last did not end by itself; False where that cannot be known."""
        ...

    def close(self) -> None:
        """Close the connections; waits for a write that is going on."""
        ...


def opened(url_or_path: str, *, create: bool, busy_timeout: float, folder: Path | None) -> Database:
    """Open the database that a setting names; see `Store.open`."""
    if on_postgresql(url_or_path):
        from monitor.store.postgresql.database import PostgresDatabase

        return PostgresDatabase.open(url_or_path, create=create, busy_timeout=busy_timeout, folder=folder)
    from monitor.store.sqlite_database import SqliteDatabase

    return SqliteDatabase.open(sqlite.path_of(url_or_path), create=create, busy_timeout=busy_timeout)


def exists(url_or_path: str) -> bool:
    """Return whether a setting names a store that was made; raises the kinds of StoreError for what is in its way."""
    if on_postgresql(url_or_path):
        from monitor.store.postgresql.database import PostgresDatabase

        return PostgresDatabase.exists(url_or_path)
    return sqlite.path_of(url_or_path).exists()


def daemon_lock(url_or_path: str, folder: Path) -> AbstractContextManager[object]:
    """Return the lock of the one daemon of a store, for entering; `folder` is this machine's state folder."""
    if on_postgresql(url_or_path):
        from monitor.store.postgresql.address import address
        from monitor.store.postgresql.owners import PostgresDaemonLock

        return PostgresDaemonLock(address(url_or_path))
    return owners.DaemonLock(folder)


def on_postgresql(url_or_path: str) -> bool:
    """Return whether a setting names a database on PostgreSQL; raises UsageError where its driver is not installed."""
    if not postgresql.is_url(url_or_path):
        return False
    from monitor.store.postgresql.address import require_driver

    require_driver()
    return True
