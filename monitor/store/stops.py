"""What keeps runs from being started: open stops, ceilings of a day, the shared pause; and what is told only once.

Counted from committed rows and decided in the transaction that would begin the run, so that any number of processes
agree and a kill resets nothing (reliability.md A5, A6). Statements on a connection inside a transaction; must not know
the settings that ceilings come from.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select, update

from monitor.store import history, rows
from monitor.store.records import NewStop, Refused, StartLimits, Stop, stamp
from monitor.store.tables import UNFINISHED, marks, notices, runs, stops
from monitor.store.upserts import insert
from monitor.watch.run import Run

PROBES = {"auth": timedelta(minutes=5), "billing": timedelta(hours=1)}  # reliability.md, override of A6
LONGEST_PAUSE = timedelta(hours=1)
_PAUSE = "pause"
_SCHEMA = "schema_in_goal:"  # then the digest of a key
_SHOWN = 200  # characters of what the API said in a reason


def refusal(connection: Connection, run: Run, limits: StartLimits, now: datetime) -> Refused | None:
    """Return why a run may not be started; None when it may, and then a due probe is used up by it.

    Whoever asks holds the write lock, so of several processes one probes. A run whose occurrence is recorded or whose
    watch is running is not refused here: that answer goes first.
    """
    if _answered_otherwise(connection, run):
        return None
    probed, refused = _stopped(connection, limits, now)
    refused = refused or _ceiling(connection, run.watch, limits)
    if refused is None:
        for kind in probed:
            connection.execute(update(stops).where(stops.c.kind == kind).values(probe_at=now + PROBES[kind]))
    return refused


def _answered_otherwise(connection: Connection, run: Run) -> bool:
    same = (runs.c.watch == run.watch, runs.c.due_at == run.due_at, runs.c.attempt == run.attempt)
    for where in (same, (runs.c.watch == run.watch, UNFINISHED)):
        if connection.execute(select(runs.c.id).where(*where).limit(1)).first() is not None:
            return True
    return False


def _stopped(connection: Connection, limits: StartLimits, now: datetime) -> tuple[list[str], Refused | None]:
    """Return the stops that this run probes, and why it may not start; a stop of a key that was changed is closed."""
    probed: list[str] = []
    for stop in listed(connection):
        if stop.kind == "auth" and stop.key_digest != limits.key_digest:
            connection.execute(delete(stops).where(stops.c.kind == stop.kind))
        elif limits.probe or (stop.kind == "billing" and stop.probe_at <= now):
            probed.append(stop.kind)
        else:
            said = " ".join(stop.message.split())[:_SHOWN]
            again = f"looked at again at {stamp(max(stop.probe_at, now))}"
            return [], Refused("BREAKER", f"{stop.code} since {stamp(stop.opened_at)}: {said}; {again}")
    return probed, None


def _ceiling(connection: Connection, watch: str, limits: StartLimits) -> Refused | None:
    since = stamp(limits.day_start)
    if limits.per_watch is not None:
        used = history.runs_since(connection, watch, limits.day_start)
        if used >= limits.per_watch:
            return Refused("CEILING", f"{used} of {limits.per_watch} runs a day of {watch} are used up since {since}")
    if limits.in_all is not None:
        used = history.runs_since(connection, None, limits.day_start)
        if used >= limits.in_all:
            why = f"{used} of {limits.in_all} runs a day of all watches are used up since {since}"
            return Refused("CEILING", why, whole=True)
    if limits.usd_in_all is not None:
        spent = round(history.steps_since(connection, limits.day_start) * limits.usd_per_step, 6)
        if spent >= limits.usd_in_all:
            why = f"about ${spent:,.2f} of ${limits.usd_in_all:,.2f} a day of all watches are spent since {since}"
            return Refused("CEILING", why, whole=True)
    return None


def listed(connection: Connection) -> list[Stop]:
    """Return the open stops."""
    return [rows.stop(row) for row in connection.execute(rows.STOPS.order_by(stops.c.kind))]


def opened(connection: Connection, stop: NewStop, run: str, now: datetime) -> bool:
    """Open a stop; False when it is open already."""
    row = {
        "kind": stop.kind,
        "code": str(stop.code),
        "message": stop.message,
        "opened_at": now,
        "probe_at": now + PROBES[stop.kind],
        "key_digest": stop.key_digest,
        "run": run,
    }
    return connection.execute(insert(connection, stops).values(**row).on_conflict_do_nothing()).rowcount == 1


def closed(connection: Connection, kind: str, *, proved_by: str | None = None) -> Stop | None:
    """Close a stop and return it; None when it is not open, or `proved_by` was begun before it and proves nothing."""
    query = rows.STOPS.where(stops.c.kind == kind)
    if proved_by is not None:
        query = query.where(
            stops.c.opened_at <= select(runs.c.opened_at).where(runs.c.id == proved_by).scalar_subquery()
        )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    connection.execute(delete(stops).where(stops.c.kind == kind))
    return rows.stop(row)


def probe_claimed(connection: Connection, kind: str, now: datetime) -> bool:
    """Use up the probe of an open stop if it is due; exactly one who asks is told True."""
    changed = connection.execute(
        update(stops).where(stops.c.kind == kind, stops.c.probe_at <= now).values(probe_at=now + PROBES[kind])
    )
    return changed.rowcount == 1


def first_time(connection: Connection, key: str, now: datetime) -> bool:
    """Remember that something was told; False when it was before."""
    return (
        connection.execute(insert(connection, notices).values(key=key, at=now).on_conflict_do_nothing()).rowcount == 1
    )


def forget(connection: Connection, before: datetime) -> int:
    """Forget what was told before an instant."""
    return connection.execute(delete(notices).where(notices.c.at < before)).rowcount


def pause(connection: Connection, instant: datetime, now: datetime) -> None:
    """Let nobody start a run before an instant, at most an hour ahead; the later of two pauses wins."""
    later = max(instant, paused_until(connection) or instant)
    history.mark(connection, _PAUSE, min(later, now + LONGEST_PAUSE))  # also of a clock that was stepped back


def paused_until(connection: Connection) -> datetime | None:
    """Return the end of the newest pause, also when it is over."""
    found: datetime | None = connection.execute(select(marks.c.at).where(marks.c.name == _PAUSE)).scalar_one_or_none()
    return found


def refuse_schema(connection: Connection, key_digest: str, now: datetime) -> None:
    """Remember that a key may not use `output_schema`, and forget the keys before it."""
    others = (marks.c.name >= _SCHEMA, marks.c.name < f"{_SCHEMA[:-1]};", marks.c.name != _SCHEMA + key_digest)
    connection.execute(delete(marks).where(*others))
    history.mark(connection, _SCHEMA + key_digest, now)


def schema_refused_at(connection: Connection, key_digest: str) -> datetime | None:
    """Return when a key was last refused `output_schema`."""
    query = select(marks.c.at).where(marks.c.name == _SCHEMA + key_digest)
    found: datetime | None = connection.execute(query).scalar_one_or_none()
    return found


def kept_runs(connection: Connection) -> Collection[str]:
    """Return the runs that stops refer to."""
    return list(connection.execute(select(stops.c.run)).scalars())
