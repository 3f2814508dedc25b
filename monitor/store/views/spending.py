"""What was spent: runs and steps by UTC day and watch, counted from committed intents, dry runs too, skips not.

A day that is over does not change any more, so it is counted once and kept. Reads only; must not know prices.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import Connection, Integer, func, select

from monitor.store.tables import definitions, runs
from monitor.store.views.bounds import BY_WATCH, id_at

SETTLED = timedelta(hours=30)  # after a day's end: a run may take 24 h until its outcome is known
MOST_DAYS = 400  # kept
MOST_RUNS = 200_000  # that are counted one by one


@dataclass(frozen=True, slots=True)
class Spent:
    """Runs that were begun, and the steps of those that told how many they took."""

    runs: int = 0
    steps: int = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.runs + other.runs, self.steps + other.steps)


Day = Mapping[str, Spent]


def started(day: date) -> datetime:
    """Return the instant at which a UTC day begins."""
    return datetime.combine(day, time(), UTC)


@dataclass
class Ledger:
    """The days that are over, as they were counted; one for each store, shared by threads."""

    days: dict[date, Day] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def by_day(self, connection: Connection, first: date, last: date, now: datetime) -> dict[date, Day]:
        """Return what each watch spent on each day from `first` to `last`, both included."""
        found: dict[date, Day] = {}
        day = max(first, last - timedelta(days=MOST_DAYS - 1))
        while day <= last:
            with self.lock:
                counted = self.days.get(day)
            if counted is None:
                counted = on_day(connection, day)
                self._keep(day, counted, now)
            found[day] = counted
            day += timedelta(days=1)
        return found

    def _keep(self, day: date, counted: Day, now: datetime) -> None:
        if started(day) + timedelta(days=1) + SETTLED > now:
            return
        with self.lock:
            self.days[day] = counted
            while len(self.days) > MOST_DAYS:
                del self.days[min(self.days)]


def of_watches(connection: Connection, names: Sequence[str], day: date) -> Day:
    """Return what some watches spent since a day began."""
    begin = started(day)
    query = (
        select(runs.c.watch, runs.c.steps)
        .where(runs.c.watch.in_(names), runs.c.id >= id_at(begin), runs.c.opened_at >= begin)
        .limit(MOST_RUNS)
    )
    found: dict[str, Spent] = {}
    for watch, steps in connection.execute(query):
        found[watch] = found.get(watch, Spent()) + Spent(1, steps or 0)
    return found


def on_day(connection: Connection, day: date) -> Day:
    """Return what each watch spent on one day."""
    query = (
        select(BY_WATCH, func.count(type_=Integer), func.coalesce(func.sum(runs.c.steps), 0))
        .where(runs.c.opened_at >= started(day), runs.c.opened_at < started(day + timedelta(days=1)))
        .group_by(BY_WATCH)
    )
    return {watch: Spent(count, steps) for watch, count, steps in connection.execute(query)}


def since(connection: Connection, instant: datetime) -> Spent:
    """Return what all watches spent since an instant."""
    query = select(func.count(type_=Integer), func.coalesce(func.sum(runs.c.steps), 0))
    count, steps = connection.execute(query.select_from(runs).where(runs.c.opened_at >= instant)).one()
    return Spent(count, steps)


def planned(connection: Connection) -> dict[str, int]:
    """Return how many runs of 30 days the daemon's definitions come to, by watch."""
    query = select(definitions.c.watch, definitions.c.runs_a_month)
    return {row.watch: row.runs_a_month for row in connection.execute(query)}
