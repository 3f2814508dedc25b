"""Removing old records, and what stays whatever its age (reliability.md B10; interface.md, "retention").

A walk over the records older than the cut, oldest first, in slices, each one short transaction. What nobody may lose is
looked up for each slice in that transaction. Must not know who asks for it or how often.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from sqlalchemy import Connection, Row, Select, delete, func, select, tuple_
from ulid import ULID

from monitor.errors import UsageError
from monitor.store import memory, stops
from monitor.store.tables import judgements, outbox, retries, runs, watch_state

LEAST = timedelta(days=2)  # what ceilings of a day and the schedule's catch-up count is never removed
NOTICES = timedelta(days=32)
SPARE = 256  # free pages that are left in the file: they are used again at once
_INCREMENTAL = 2  # PRAGMA auto_vacuum
_COLUMNS: Select[Any] = select(
    runs.c.id, runs.c.watch, runs.c.due_at, runs.c.attempt, runs.c.trigger, runs.c.stage, runs.c.updated_at
)


@dataclass(frozen=True, slots=True)
class Walk:
    """Where a walk is: ids after `after` and before `before` are still to be looked at.

    `bounds` are looked up once a walk: what changes meanwhile is of today, and all of the last days stays anyhow.
    """

    before: str
    cut: datetime
    at_least: int
    after: str = ""
    bounds: dict[str, _Bounds] = field(default_factory=dict)

    @classmethod
    def of(cls, now: datetime, keep: timedelta, at_least: int) -> Self | None:
        """Return a walk from the beginning; None when nothing can be old enough."""
        if keep < timedelta(0) or at_least < 0:
            raise UsageError("what is to be kept cannot be less than nothing", hint="give a duration such as 365d")
        try:
            cut = now - max(keep, LEAST)
        except OverflowError:
            return None
        if cut <= datetime(1970, 1, 1, tzinfo=UTC):
            return None
        # An id begins with the millisecond in which its run was opened, so it bounds the walk by the primary key.
        return cls(str(ULID.from_datetime(cut.astimezone(UTC)))[:10], cut, at_least)


def step(connection: Connection, walk: Walk, size: int) -> tuple[Walk | None, int]:
    """Look at the next `size` records and remove those that may go; returns where to go on, None at the end."""
    query = _COLUMNS.where(runs.c.id > walk.after, runs.c.id < walk.before).order_by(runs.c.id)
    seen: Sequence[Row[Any]] = connection.execute(query.limit(max(1, size))).all()
    removed, chosen = 0, seen
    while gone := _removable(connection, chosen, walk):
        _remove(connection, [row.id for row in gone])
        removed += len(gone)
        chosen = _attempts_before(connection, gone)
    return (replace(walk, after=seen[-1].id) if seen else None), removed


def forget_notices(connection: Connection, now: datetime) -> None:
    """Forget what was told long ago."""
    stops.forget(connection, now - NOTICES)


def shrink(connection: Connection, pages: int) -> bool:
    """Give up to `pages` free pages back to the file system; False when there is nothing (more) to give.

    Files that were made before revision 0002 stay as large as they are and fill up again: to change that, SQLite would
    have to write them anew under the write lock.
    """
    free = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
    if free <= SPARE or connection.exec_driver_sql("PRAGMA auto_vacuum").scalar_one() != _INCREMENTAL:
        return False
    for _ in range(min(pages, free - SPARE)):  # SQLite gives back one page a step, and the driver makes one step
        connection.exec_driver_sql("PRAGMA incremental_vacuum(1)")
    return True


def _removable(connection: Connection, chosen: Sequence[Row[Any]], walk: Walk) -> list[Row[Any]]:
    old = [row for row in chosen if row.stage == "judged" and row.updated_at < walk.cut]
    if not old:
        return []
    stays = _referred_to(connection, old)
    for watch in {row.watch for row in old} - walk.bounds.keys():
        walk.bounds[watch] = _Bounds.of(connection, watch, walk.at_least)
    return [row for row in old if row.id not in stays and not walk.bounds[row.watch].keep(row)]


@dataclass(frozen=True, slots=True)
class _Bounds:
    """What stays of one watch."""

    newest: str | None  # the oldest id of the newest records that stay; None when all stay
    occurrence: datetime | None  # the newest occurrence: what the schedule goes on from
    incident: datetime | None
    remembered: frozenset[str]

    @classmethod
    def of(cls, connection: Connection, watch: str, at_least: int) -> Self:
        """Look the bounds of a watch up."""
        newest: str | None = "~"  # after every id
        if at_least:
            ids = select(runs.c.id).where(runs.c.watch == watch, runs.c.stage == "judged").order_by(runs.c.id.desc())
            newest = connection.execute(ids.limit(1).offset(at_least - 1)).scalar_one_or_none()
        due = select(func.max(runs.c.due_at)).where(runs.c.watch == watch, runs.c.trigger == "cron")
        state = select(watch_state.c.incident_opened_at, watch_state.c.memory).where(watch_state.c.watch == watch)
        failing, stored = connection.execute(state).one_or_none() or (None, None)
        return cls(newest, connection.execute(due).scalar_one(), failing, frozenset(memory.kept(stored)))

    def keep(self, row: Row[Any]) -> bool:
        """Return whether a record of the watch stays."""
        return (
            self.newest is None
            or row.id >= self.newest
            or row.id in self.remembered
            or (row.trigger == "cron" and row.due_at == self.occurrence)
            or (self.incident is not None and row.updated_at >= self.incident)
        )


def _referred_to(connection: Connection, old: Collection[Row[Any]]) -> set[str]:
    """Return the ids of records that something else needs."""
    ids = [row.id for row in old]
    found = set(
        connection.execute(select(outbox.c.run).where(outbox.c.run.in_(ids), outbox.c.state != "done")).scalars()
    )
    found |= set(stops.kept_runs(connection))
    for column in (watch_state.c.baseline_run, watch_state.c.last_run):
        found |= set(connection.execute(select(column).where(column.in_(ids))).scalars())
    followed = {(row.watch, row.due_at, row.attempt + 1): row.id for row in old}
    for table in (runs, retries):
        key = tuple_(table.c.watch, table.c.due_at, table.c.attempt)
        following = select(table.c.watch, table.c.due_at, table.c.attempt).where(key.in_(list(followed)))
        found |= {followed[tuple(row)] for row in connection.execute(following)}
    return found


def _attempts_before(connection: Connection, gone: Collection[Row[Any]]) -> Sequence[Row[Any]]:
    """Return the attempts that stayed only because those that are gone followed them."""
    keys = [(row.watch, row.due_at, row.attempt - 1) for row in gone if row.attempt > 1]
    if not keys:
        return []
    key = tuple_(runs.c.watch, runs.c.due_at, runs.c.attempt)
    found: Sequence[Row[Any]] = connection.execute(_COLUMNS.where(key.in_(keys))).all()
    return found


def _remove(connection: Connection, ids: Collection[str]) -> None:
    for column in (outbox.c.run, judgements.c.run, runs.c.id):
        connection.execute(delete(column.table).where(column.in_(ids)))
