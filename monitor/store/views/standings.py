"""Where every watch stands: its last run, its incident, its pause. Reads only; must not know definitions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Integer, bindparam, func, select

from monitor.store.records import stamp
from monitor.store.tables import NEWS, pauses, runs, watch_state
from monitor.store.views.bounds import BY_WATCH, id_at


@dataclass(frozen=True, slots=True)
class Standing:
    """What the store knows of one watch; `failing_since` is None while it does not fail.

    `last_run` is the newest run that was made (skips do not move it). `paused_until` is None also without an end.
    """

    watch: str
    last_run: str | None = None
    last_verdict: str | None = None
    last_code: str | None = None
    last_reason: str | None = None
    last_run_at: datetime | None = None
    last_good_at: datetime | None = None
    failing_since: datetime | None = None
    failing_code: str | None = None
    failures: int = 0
    paused: bool = False
    paused_until: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the object of the overview, instants in UTC."""
        return {
            "last_run": self.last_run,
            "last_verdict": self.last_verdict,
            "last_code": self.last_code,
            "last_reason": self.last_reason,
            "last_run_at": stamp(self.last_run_at),
            "last_good_at": stamp(self.last_good_at),
            "failing_since": stamp(self.failing_since),
            "failing_code": self.failing_code,
            "failures": self.failures,
            "paused": self.paused,
            "paused_until": stamp(self.paused_until),
        }


# Without the memory and the results: what a list does not show is not read.
_STATES = select(
    watch_state.c.watch,
    watch_state.c.last_run,
    watch_state.c.last_good_at,
    watch_state.c.incident_opened_at,
    watch_state.c.incident_code,
    watch_state.c.failures,
    runs.c.verdict,
    runs.c.code,
    runs.c.reason,
    runs.c.finished_at,
).outerjoin(runs, runs.c.id == watch_state.c.last_run)


def standings(connection: Connection, now: datetime, watch: str | None = None) -> dict[str, Standing]:
    """Return the standing of every watch that ran or is paused, or of one, by name."""
    silent = {row.watch: row.until for row in connection.execute(select(pauses.c.watch, pauses.c.until))}
    paused = {name: until for name, until in silent.items() if until is None or until > now}
    query = _STATES if watch is None else _STATES.where(watch_state.c.watch == watch)
    found = {}
    for name, last, good, since, failing, failures, verdict, code, reason, at in connection.execute(query):
        found[name] = Standing(name, last, verdict, code, reason, at, good, since, failing, failures,
                               name in paused, paused.get(name))  # fmt: skip
    for name in paused.keys() - found.keys():
        if watch in {None, name}:
            found[name] = Standing(name, paused=True, paused_until=paused[name])
    return found


_COUNTED = (
    select(BY_WATCH, func.count(type_=Integer))
    .where(NEWS, runs.c.verdict == "CHANGED", runs.c.id >= bindparam("since"), runs.c.dry.is_(False))
    .group_by(BY_WATCH)
)


def changes_by_watch(connection: Connection, since: datetime) -> Counter[str]:
    """Return how many changes each watch had since an instant: what makes one noisy."""
    return Counter({row[0]: row[1] for row in connection.execute(_COUNTED, {"since": id_at(since)})})
