"""The methods of `Store` that keep it sound, small and safe. Must not know a statement of SQL."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from monitor.store import copies, definitions, heartbeats, history, renaming, retention
from monitor.store.definitions import Loaded
from monitor.store.heartbeats import Heartbeat
from monitor.store.part import Part

_REST = 0.02  # seconds between two slices: other processes poll for the write lock


class Upkeep(Part):
    """Health, retention, backup, and a watch's new name."""

    def probe_write(self, now: datetime) -> None:
        """Prove with a small commit that the store can be written; called before every POST (reliability.md R3).

        The row is made anew: SQLite writes nothing for an update that leaves a row as it is, so a probe that is
        repeated with the same `now` would prove nothing (found by `campaign disk`, case 77).
        """
        with self._database.write() as connection:
            history.mark_anew(connection, "probe", now)

    def beat(self, parts: Collection[str], now: datetime, until: datetime) -> None:
        """Mark parts of a daemon as moving; the next mark is due by `until`, both on the machine's clock (C10)."""
        with self._database.write() as connection:
            heartbeats.beat(connection, parts, now, until)

    def run_definitions(self, found: Mapping[str, Loaded], now: datetime) -> None:
        """Write what the daemon runs from now on, for `monitor plan`."""
        with self._database.write() as connection:
            definitions.replace(connection, found, now)

    def definitions(self) -> dict[str, Loaded]:
        """Return what the daemon runs, by watch."""
        with self._database.read() as connection:
            return definitions.listed(connection)

    def heartbeats(self) -> list[Heartbeat]:
        """Return when each part of the daemon last moved; an empty list when none is supposed to run."""
        with self._database.read() as connection:
            return heartbeats.listed(connection)

    def still(self) -> None:
        """Forget the heartbeats, at the clean end of a daemon."""
        with self._database.write() as connection:
            heartbeats.still(connection)

    def integrity(self) -> list[str]:
        """Return what is wrong with the database, in words; an empty list when it is sound. Reads the whole file."""
        with self._database.read() as connection:
            return history.damage(connection)

    def prune(
        self,
        now: datetime,
        keep: timedelta,
        at_least: int = 50,
        *,
        slice: int = 500,  # noqa: A002 - the word for it
        sleep: Callable[[float], object] = time.sleep,
    ) -> int:
        """Remove records older than `keep`, but for what must stay, and return how many (reliability.md B10).

        See `pruning`; this walks all of it and lets others write between two slices. For a command, not for a daemon.
        """
        removed = 0
        for each in self.pruning(now, keep, at_least, slice=slice):
            removed += each
            sleep(_REST)
        return removed

    def pruning(
        self,
        now: datetime,
        keep: timedelta,
        at_least: int = 50,
        *,
        slice: int = 500,  # noqa: A002 - as above
    ) -> Iterator[int]:
        """Yield the number of records removed by each slice, one short transaction that looks at `slice` rows.

        What stays whatever its age: the newest `at_least` records of a watch, its baseline, last run and newest
        occurrence, runs of an open incident, with a message that was not delivered, of an open stop, unfinished, or
        followed by an attempt that stays, and everything of the last 2 days, which ceilings and the schedule count.
        """
        walk = retention.Walk.of(now, keep, at_least)
        while walk is not None:
            with self._database.write() as connection:
                walk, removed = retention.step(connection, walk, slice)
            yield removed
        with self._database.write() as connection:
            retention.forget_notices(connection, now)
        while self._shrunk(slice):
            yield 0

    def _shrunk(self, pages: int) -> bool:
        with self._database.write() as connection:
            return retention.shrink(connection, pages)

    def backup(self, target: Path) -> None:
        """Write a consistent, verified copy while others go on reading and writing (reliability.md R9).

        Mode 0600, on the disk when this returns, whole or not there. Raises UsageError when `target` exists.
        """
        with self._database.read() as connection:
            source = connection.connection.driver_connection
            assert isinstance(source, sqlite3.Connection)
            copies.write(source, target)

    def rename(self, old: str, new: str, now: datetime) -> int:
        """Move the records, state, messages and retries of a watch to another name; returns how many records.

        Raises UsageError when `new` has records already, StoreConflict when a run of `old` is not finished.
        """
        with self._database.write() as connection:
            return renaming.rename(connection, old, new, now)
