"""Figures for metrics: counts of records, how long runs took and how late they began, and how old the outbox is.

Bounded: what is long over is counted once per process and kept. Reads only. Must not know what metrics are called.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from sqlalchemy import Connection, func, select, true

from monitor.store import definitions, deliveries, history, stops
from monitor.store.definitions import Reload
from monitor.store.tables import OPEN, UNFINISHED, outbox, retries, runs
from monitor.store.views.bounds import id_at
from monitor.store.views.standings import Standing, standings

OVER = timedelta(hours=26)  # a run that was opened before is judged: it is given up after 24 h (interface.md)
RUNS = 5_000  # runs of which the times are looked at


@dataclass(slots=True)
class Tally:
    """The records by verdict since this process began to count; one for each store, shared by threads.

    What was pruned meanwhile still counts, so that the numbers never go back.
    """

    until: str = ""
    over: Counter[str] = field(default_factory=Counter)
    lock: Lock = field(default_factory=Lock)


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of the newest runs, sorted: how long each took, and how late those of the schedule began."""

    took: tuple[float, ...]
    late: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Scrape:
    """What the store says at one instant."""

    verdicts: Mapping[str, int]
    times: Times
    in_flight: int
    retries: int
    messages: Mapping[str, int]
    oldest: datetime | None
    runs_today: int
    steps_today: int
    stops: frozenset[str]
    standings: Mapping[str, Standing]
    reload: Reload | None


def scrape(connection: Connection, tally: Tally, now: datetime, window: timedelta) -> Scrape:
    """Return all figures of one instant; the times are those of the last `window`."""
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return Scrape(
        verdicts=_by_verdict(connection, tally, now),
        times=_times(connection, now - window),
        in_flight=_unfinished(connection),
        retries=_waiting_retries(connection),
        messages=deliveries.counts(connection),
        oldest=_oldest_open(connection),
        runs_today=history.runs_since(connection, None, day),
        steps_today=history.steps_since(connection, day),
        stops=frozenset(str(stop.kind) for stop in stops.listed(connection)),
        standings=standings(connection, now),
        reload=definitions.last_reload(connection),
    )


def _by_verdict(connection: Connection, tally: Tally, now: datetime) -> dict[str, int]:
    """Return how many records of each verdict there are; those that are over are counted once."""
    with tally.lock:
        until = max(tally.until, id_at(now - OVER))
        # At first everything, in the order of an index that has the verdict: by id, each row would be looked up.
        begin = runs.c.id >= tally.until if tally.until else func.coalesce(runs.c.id, "") < until
        tally.over.update(_counted(connection, begin, runs.c.id < until if tally.until else true()))
        tally.until = until
        return dict(tally.over + Counter(_counted(connection, runs.c.id >= until)))


def _counted(connection: Connection, *where: Any) -> dict[str, int]:
    query = select(runs.c.verdict, func.count()).where(runs.c.verdict.is_not(None), *where)
    return {row[0]: row[1] for row in connection.execute(query.group_by(runs.c.verdict))}


def _times(connection: Connection, since: datetime) -> Times:
    """Return the times of the runs that were opened since an instant, the newest `RUNS` of them."""
    query = select(runs.c.due_at, runs.c.opened_at, runs.c.finished_at, runs.c.trigger, runs.c.attempt)
    query = query.where(runs.c.opened_at >= since).order_by(runs.c.opened_at.desc()).limit(RUNS)
    took, late = [], []
    for row in connection.execute(query):
        if row.trigger == "cron" and row.attempt == 1:
            late.append(max(0.0, (row.opened_at - row.due_at).total_seconds()))
        if row.finished_at is not None:
            took.append(max(0.0, (row.finished_at - row.opened_at).total_seconds()))
    return Times(tuple(sorted(took)), tuple(sorted(late)))


def _oldest_open(connection: Connection) -> datetime | None:
    """Return when the oldest message that is not delivered yet was written; None where all are."""
    found: datetime | None = connection.execute(select(func.min(outbox.c.created_at)).where(OPEN)).scalar_one()
    return found


def _unfinished(connection: Connection) -> int:
    """Return how many runs are not judged."""
    return int(connection.execute(select(func.count()).select_from(runs).where(UNFINISHED)).scalar_one())


def _waiting_retries(connection: Connection) -> int:
    """Return how many retries wait for their time."""
    return int(connection.execute(select(func.count()).select_from(retries)).scalar_one())
