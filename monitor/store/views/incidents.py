"""Incidents: the open ones, and those that ended, read from the records as streaks of bad runs without a good one.

Reads only; must not know when an incident is told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select

from monitor.judge.decision import Verdict
from monitor.store.records import stamp
from monitor.store.tables import NEWS, runs, watch_state
from monitor.store.views.bounds import id_at

MOST_BAD = 2_000  # bad runs that one look takes in, the newest
_GOOD = [str(verdict) for verdict in Verdict if verdict.good]


@dataclass(frozen=True, slots=True)
class Open:
    """An incident that goes on; `told` once a failure notification arose."""

    watch: str
    since: datetime
    code: str | None
    failures: int
    told: bool
    last_run: str | None
    reason: str | None

    def as_json(self) -> dict[str, Any]:
        """Return the object of the API."""
        return {
            "watch": self.watch,
            "since": stamp(self.since),
            "until": None,
            "code": self.code,
            "failures": self.failures,
            "told": self.told,
            "last_run": self.last_run,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Ended:
    """A streak of bad runs and the good one that ended it; `since` is when its first run was opened."""

    watch: str
    since: datetime
    until: datetime
    code: str | None
    failures: int
    first_run: str
    good_run: str
    reason: str

    def as_json(self) -> dict[str, Any]:
        """Return the object of the API."""
        return {
            "watch": self.watch,
            "since": stamp(self.since),
            "until": stamp(self.until),
            "code": self.code,
            "failures": self.failures,
            "first_run": self.first_run,
            "good_run": self.good_run,
            "reason": self.reason,
        }


def opened(connection: Connection, watch: str | None = None) -> list[Open]:
    """Return the incidents that go on, newest first, of one watch or all."""
    query = (
        select(
            watch_state.c.watch,
            watch_state.c.incident_opened_at,
            watch_state.c.incident_code,
            watch_state.c.failures,
            watch_state.c.incident_announced,
            watch_state.c.last_run,
            runs.c.reason,
        )
        .outerjoin(runs, runs.c.id == watch_state.c.last_run)
        .where(watch_state.c.incident_id.is_not(None))
        .order_by(watch_state.c.incident_opened_at.desc())
    )
    if watch is not None:
        query = query.where(watch_state.c.watch == watch)
    return [
        Open(name, since, code, failures, bool(told), last, reason)
        for name, since, code, failures, told, last, reason in connection.execute(query)
    ]


def _bad(since: str, watch: str | None) -> Select[Any]:
    """Return the query of bad runs since an id, each with the bad run of its watch before it."""
    bad = (
        select(runs.c.id, runs.c.watch, runs.c.opened_at, runs.c.code, runs.c.reason)
        .where(NEWS, runs.c.verdict.in_(("FAILED", "INVALID")), runs.c.id >= since, runs.c.dry.is_(False))
        .order_by(runs.c.id.desc())
        .limit(MOST_BAD)
    )
    newest = (bad if watch is None else bad.where(runs.c.watch == watch)).subquery()
    before = func.lag(newest.c.id).over(partition_by=newest.c.watch, order_by=newest.c.id)
    chained = select(newest, before.label("before")).subquery()
    between = (
        select(runs.c.id)
        .where(runs.c.watch == chained.c.watch, runs.c.id > chained.c.before, runs.c.id < chained.c.id)
        .where(runs.c.verdict.in_(_GOOD), runs.c.dry.is_(False))
        .order_by(runs.c.id)  # in this order the next run is the first that is looked at
        .limit(1)
        .scalar_subquery()
    )
    return select(chained, between.label("good")).order_by(chained.c.watch, chained.c.id)


def ended(connection: Connection, since: datetime, limit: int = 50, watch: str | None = None) -> list[Ended]:
    """Return the incidents that ended, newest first, of one watch or all; looks at the newest 2,000 bad runs."""
    streaks: list[list[Any]] = []
    for row in connection.execute(_bad(id_at(since), watch)):
        if row.before is None or row.good is not None or streaks[-1][0].watch != row.watch:
            streaks.append([])
        streaks[-1].append(row)
    streaks.sort(key=lambda streak: streak[-1].id, reverse=True)
    return list(_closed(connection, streaks, limit))


def _closed(connection: Connection, streaks: list[list[Any]], limit: int) -> Iterable[Ended]:
    left = limit
    for streak in streaks:
        first, last = streak[0], streak[-1]
        good = connection.execute(
            select(runs.c.id, runs.c.opened_at)
            .where(runs.c.watch == last.watch, runs.c.id > last.id)
            .where(runs.c.verdict.in_(_GOOD), runs.c.dry.is_(False))
            .order_by(runs.c.id)
            .limit(1)
        ).one_or_none()
        if good is None:
            continue  # it goes on
        yield Ended(first.watch, first.opened_at, good.opened_at, first.code, len(streak), first.id, good.id,
                    last.reason)  # fmt: skip
        left -= 1
        if not left:
            return
