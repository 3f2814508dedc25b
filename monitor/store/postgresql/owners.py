"""Who is alive, on PostgreSQL: an advisory lock that the server drops with its connection, and a beat beside it.

A process that lost its connection has `LOST` to come back before others may take it for dead; one that holds the lock
and does not beat (stopped, frozen) has `STALE`. Whoever takes a process for dead removes its row of `writers`, and from
then on that process can write nothing (`database.py`): so nobody works under an id that others gave up. All times are
the server's, so the clocks of machines do not matter. Must not know what owners hold.
"""

from __future__ import annotations

import os
import socket
import threading
from typing import Any, Self

import psycopg
import structlog

from monitor.errors import StoreLocked
from monitor.store.postgresql import locks
from monitor.store.postgresql.address import Address
from monitor.store.postgresql.connecting import connect, run
from monitor.store.postgresql.meanings import translated

log = structlog.get_logger("store")

BEAT = 5.0  # seconds between two signs of life
LOST = 15.0  # seconds without a beat after which a process that holds no lock is dead
STALE = 60.0  # … one that holds it
_PATIENCE = 2.0  # seconds of waiting for a lock while somebody is asked for
_DAEMON = "daemon"
_NOW = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
# Put together from constants of this module and of `locks.py`.
_BEATS = f"UPDATE writers SET beat_at = {_NOW} WHERE id = %s"  # noqa: S608 # nosec B608 - as above
_STARTED = "(extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint"
_IS_HELD = f"EXISTS (SELECT 1 FROM pg_locks AS l WHERE {locks.HELD})"  # noqa: S608 # nosec B608 - as above
_DEAD = f"{_NOW} - greatest(beat_at, {_STARTED}) > CASE WHEN {_IS_HELD} THEN %s ELSE %s END"
_IS_DEAD = f"SELECT {_DEAD} FROM writers WHERE id = %s"  # noqa: S608 # nosec B608 - as above
_FORGETS = f"DELETE FROM writers WHERE beat_at < {_NOW} - 86400000000"  # noqa: S608 # nosec B608 - as above; of a day ago
_BURIES = f"DELETE FROM writers WHERE id = %s AND {_DEAD}"  # noqa: S608 # nosec B608 - as above
_ACTIVE = "pg_locks AS l LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid"
_WHO = f"SELECT coalesce(a.application_name, '') FROM {_ACTIVE} WHERE {locks.HELD}"  # noqa: S608 # nosec B608 - as above


class Session:
    """A connection of its own on a thread of its own, which holds a lock until `release` or the end of the process.

    Where the connection is lost, it is made and the lock taken again, as soon as both can be had.
    """

    def __init__(self, where: Address, name: str, *, every: float = BEAT) -> None:
        self._where = where
        self._name = name
        self._every = every
        self._ended = threading.Event()
        self._holds = False
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None
        self._thread = threading.Thread(target=self._live, name=f"store-{name}", daemon=True)

    def hold(self) -> bool:
        """Connect, take the lock and begin to beat; False when somebody else has the lock."""
        with translated(self._where):
            connection = self._connected()
            if not self._holds:
                connection.close()
                return False
            self._beat(connection)
        self._thread.start()
        return True

    def release(self) -> None:
        """Let the lock go."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(timeout=_PATIENCE)
        if self._connection is not None:
            self._connection.close()

    def _connected(self) -> psycopg.Connection[tuple[Any, ...]]:
        """Return the connection, with the lock if it can be had; the server may not know yet that the old one broke."""
        if self._connection is None or self._connection.closed:
            self._holds = False
            self._connection = connect(self._where, lock_timeout=_PATIENCE)
            who = f"goal-monitor, pid {os.getpid()} on {socket.gethostname()}"[:60].replace("'", "")
            run(self._connection, f"SET application_name = '{who}'")
        if not self._holds:
            ((self._holds,),), _ = run(self._connection, locks.holding(self._name))
        return self._connection

    def _beat(self, connection: psycopg.Connection[Any]) -> None:
        """Give a sign of life, which proves the connection too."""
        run(connection, "SELECT 1")

    def _live(self) -> None:
        while not self._ended.wait(self._every):
            try:
                self._beat(self._connected())
            except Exception as error:  # noqa: BLE001 - whatever it is, the next beat tries again; others act on silence
                log.warning("no sign of life can be given", error=self._where.said(str(error)))
                if self._connection is not None:
                    self._connection.close()


class PostgresOwner(Session):
    """This process as the holder of runs and messages, until `release` or its death."""

    def __init__(
        self, where: Address, writer: str, *, every: float = BEAT, lost: float = LOST, stale: float = STALE
    ) -> None:
        super().__init__(where, writer, every=every)
        self.id: str = writer
        self._patience = round(stale * 1_000_000), round(lost * 1_000_000)  # with and without the lock
        self._living: set[str] = set()  # who was found alive since the last beat

    @classmethod
    def claim(cls, where: Address, writer: str, **paces: float) -> Self:
        """Take the lock of a writer whose row exists; `paces` are those of a test.

        Rows that processes left behind a day ago and longer are removed.
        """
        with translated(where), connect(where, lock_timeout=_PATIENCE) as connection:
            connection.execute(_FORGETS)
        owner = cls(where, writer, **paces)
        owner.hold()
        return owner

    def alive(self, owner_id: str) -> bool:
        """Return whether the process with this id lives, as of the last few seconds; this one does.

        Whoever is found dead can write no more. Raises the kinds of StoreError when the server cannot be asked.
        """
        if owner_id == self.id or owner_id in self._living:
            return True
        if not owner_id.isascii() or not owner_id.isalnum():
            return False  # none of ours, and never a part of a statement
        with translated(self._where), connect(self._where, lock_timeout=_PATIENCE) as connection:
            try:
                found = not self._buried(connection, owner_id)
            except psycopg.errors.LockNotAvailable:  # it stands in the middle of a transaction, which the server ends
                found = True
        if found:
            self._living.add(owner_id)
        return found

    def dead(self, owner_id: str) -> bool:
        """Return whether the process with this id is gone, for `Store.unfinished` and `Store.release`."""
        return not self.alive(owner_id)

    def _beat(self, connection: psycopg.Connection[Any]) -> None:
        self._living.clear()
        connection.execute(_BEATS, (self.id,))

    def _buried(self, connection: psycopg.Connection[tuple[Any, ...]], owner_id: str) -> bool:
        """Return whether a process is dead, and remove the row by which it would still write.

        Silence counts from the server's own start: before it, nobody could beat.
        """
        asked = (locks.key(owner_id), *self._patience)
        while rows := connection.execute(_IS_DEAD, (*asked, owner_id)).fetchall():
            if not rows[0][0]:
                return False
            connection.execute(_BURIES, (owner_id, *asked))  # asks once more: it may beat just now
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def daemon_holder(connection: psycopg.Connection[tuple[Any, ...]]) -> str | None:
    """Return who holds the lock of the daemon, in words; None when nobody does."""
    rows = connection.execute(_WHO, (locks.key(_DAEMON),)).fetchall()
    said = str(rows[0][0]).removeprefix("goal-monitor, ") if rows else ""
    return (said or "its process did not say who it is") if rows else None


class PostgresDaemonLock:
    """Held by the one daemon of a store while it is entered (reliability.md row 108)."""

    def __init__(self, where: Address) -> None:
        self._where = where
        self._session = Session(where, _DAEMON)

    def __enter__(self) -> Self:
        """Take the lock; raises StoreLocked, naming the process that has it."""
        if not self._session.hold():
            with translated(self._where), connect(self._where, lock_timeout=_PATIENCE) as connection:
                holder = daemon_holder(connection)
            raise StoreLocked(
                f"another daemon ({holder or 'which ended just now'}) holds {self._where.name}",
                hint="stop it first, or run workers beside it (MONITOR_QUEUE=postgres)",
            )
        return self

    def __exit__(self, *_: object) -> None:
        """Give the lock back."""
        self._session.release()
