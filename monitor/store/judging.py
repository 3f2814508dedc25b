"""What one decision changes: the record, the watch's state and baseline, the outbox rows and the retry, all or nothing.

Statements on a connection inside a write transaction (reliability.md B5). Must not know how a decision was made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection, Row, delete, func, select, update

from monitor.agent.outcome import Outcome
from monitor.errors import StoreConflict
from monitor.judge.decision import Baseline, Decision, Verdict, WatchState
from monitor.store import memory, opening, rows, stops
from monitor.store.records import EndedStop, NewDelivery, NewStop, Notice, Record
from monitor.store.tables import UNFINISHED, outbox, retries, runs, watch_state
from monitor.store.upserts import insert
from monitor.watch.run import Run


def state_of(connection: Connection, watch: str) -> WatchState:
    """Return all that is remembered of a watch, the baseline with its result; an empty state for an unknown watch."""
    query = (
        select(watch_state, runs.c.due_at, runs.c.result)
        .outerjoin(runs, runs.c.id == watch_state.c.baseline_run)
        .where(watch_state.c.watch == watch)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return WatchState()
    baseline = None if row.baseline_run is None else Baseline(row.baseline_run, row.due_at, row.result)
    remembered = memory.restored(connection, row.memory, baseline)
    incident = memory.with_told(rows.incident(row), row.memory)
    return WatchState(row.generation, baseline, row.failures, incident, row.last_good_at, **remembered)


def judge(
    connection: Connection, run: Run, owner: str, outcome: Outcome, decision: Decision, now: datetime, told: int
) -> Record:
    """Close the run's row and return the record; raises StoreConflict when it is judged already or another's.

    `told` is the number of notifications. The outcome is written only where `settle` did not write it before.
    """
    stage = connection.execute(select(runs.c.stage).where(runs.c.id == run.id)).scalar_one_or_none()
    fields = {} if stage == "settled" else opening.outcome_fields(outcome, now)
    fields |= {
        "stage": "judged",
        "verdict": str(decision.verdict),
        "reason": decision.reason,
        "code": str(decision.code) if decision.code else func.coalesce(fields.get("code"), runs.c.code),
        "result": decision.result,
        "changes": [change.as_json() for change in decision.changes] or None,
        "violations": [violation.as_json() for violation in decision.violations] or None,
        "coerced": [coercion.as_json() for coercion in decision.coerced] or None,
        "looks": [look.as_json() for look in decision.looks] or None,
        "notifications": told,
        "updated_at": now,
    }
    ours = (runs.c.id == run.id, runs.c.owner == owner, runs.c.watch == run.watch, runs.c.dry == run.dry, UNFINISHED)
    if connection.execute(update(runs).where(*ours).values(**fields)).rowcount != 1:
        raise opening.conflict(connection, run.id, owner)
    return rows.record(connection.execute(rows.RECORDS.where(runs.c.id == run.id)).one())


def replace_state(connection: Connection, run: Run, decision: Decision, now: datetime) -> None:
    """Write the watch's next state; the baseline stays or becomes this run's result (reliability.md B1)."""
    before = connection.execute(select(watch_state).where(watch_state.c.watch == run.watch)).one_or_none()
    _check_baseline(run, decision, before)
    write_state(connection, run.watch, decision.state, run.id, now)


def write_state(connection: Connection, watch: str, state: WatchState, last_run: str, now: datetime) -> None:
    """Write a state of a watch as it is given."""
    incident = state.incident
    values = {
        "generation": state.generation,
        "baseline_run": state.baseline.run if state.baseline else None,
        "failures": state.failures,
        "incident_id": incident.id if incident else None,
        "incident_opened_at": incident.opened_at if incident else None,
        "incident_code": str(incident.code) if incident else None,
        "incident_announced": incident.announced if incident else None,
        "last_run": last_run,
        "last_good_at": state.last_good_at,
        "updated_at": now,
        "memory": memory.as_json(state),
    }
    connection.execute(
        insert(connection, watch_state)
        .values(watch=watch, **values)
        .on_conflict_do_update(index_elements=["watch"], set_=values)
    )


def silent_since(connection: Connection, before: datetime) -> list[tuple[str, datetime]]:
    """Return the watches whose last valid result, or else first failure, is older; those told of are left out."""
    since = func.coalesce(watch_state.c.last_good_at, watch_state.c.incident_opened_at)
    query = select(watch_state.c.watch, since, watch_state.c.memory).where(since <= before)
    return [(row[0], row[1]) for row in connection.execute(query) if not (row.memory or {}).get("stale_told")]


def told_before(connection: Connection, instant: datetime) -> list[tuple[str, datetime]]:
    """Return the watches whose open incident was last told before an instant, and when."""
    query = select(watch_state).where(watch_state.c.incident_id.is_not(None))
    found = [(row.watch, memory.with_told(rows.incident(row), row.memory)) for row in connection.execute(query)]
    told = [(watch, incident.told_at) for watch, incident in found if incident is not None]
    return [(watch, at) for watch, at in told if at is not None and at <= instant]


def tell_unrun(
    connection: Connection,
    watch: str,
    tell: Callable[[Run, WatchState], tuple[WatchState, Sequence[NewDelivery]]],
    now: datetime,
) -> bool:
    """Write what `tell` makes of a watch's state; its messages belong to the last run."""
    last = connection.execute(
        select(runs).join(watch_state, watch_state.c.last_run == runs.c.id).where(watch_state.c.watch == watch)
    ).one_or_none()
    if last is None:
        return False
    before = state_of(connection, watch)
    after, deliveries = tell(rows.run(last), before)
    if after != before:
        write_state(connection, watch, after, last.id, now)
        enqueue(connection, last.id, watch, deliveries, now)
    return bool(deliveries)


def _check_baseline(run: Run, decision: Decision, before: Row[tuple[object, ...]] | None) -> None:
    baseline = decision.state.baseline
    if baseline is None or (before is not None and baseline.run == before.baseline_run):
        return
    if baseline.run != run.id:
        raise StoreConflict(f"run {run.id} was judged against a state of {run.watch} that is no longer the stored one")
    if decision.verdict not in {Verdict.BASELINE, Verdict.CHANGED}:
        raise StoreConflict(f"run {run.id} ended {decision.verdict}: its result cannot become the baseline")


def change_stops(connection: Connection, run: Run, changes: Sequence[NewStop | EndedStop], now: datetime) -> None:
    """Open and close the stops that a run gives rise to or proves to be over, each with its messages."""
    for change in changes:
        if isinstance(change, NewStop):
            open_stop(connection, change, run.id, now)
        elif stops.closed(connection, change.kind, proved_by=run.id) is not None:
            enqueue(connection, run.id, "", change.deliveries, now)


def open_stop(connection: Connection, stop: NewStop, run: str, now: datetime) -> bool:
    """Open a stop with its messages, which belong to no watch; False, and no message, when it is open already."""
    new = stops.opened(connection, stop, run, now)
    if new:
        enqueue(connection, run, "", stop.deliveries, now)
    return new


def tell_once(connection: Connection, notice: Notice, run: str, watch: str, now: datetime) -> bool:
    """Write the messages of a notice if its key was never told."""
    first = stops.first_time(connection, notice.key, now)
    if first:
        enqueue(connection, run, watch, notice.deliveries, now)
    return first


def enqueue(connection: Connection, run: str, watch: str, deliveries: Sequence[NewDelivery], now: datetime) -> None:
    """Insert one pending outbox row per delivery, in their order; a pair (event, target) that exists stays one row."""
    for each in deliveries:
        row = {
            "event": each.event,
            "run": run,
            "watch": watch,
            "target": each.target,
            "kind": str(each.kind),
            "title": each.title,
            "body": each.body,
            "state": "pending",
            "attempts": 0,
            "created_at": now,
            "next_at": now,
            "repeat": False,
            "cause": each.cause,
        }
        connection.execute(insert(connection, outbox).values(**row).on_conflict_do_nothing())


def wait(connection: Connection, run: Run, at: datetime, reason: str) -> None:
    """Make a run that is to begin later durable: the next attempt of an occurrence, or a confirming run."""
    row = {
        "watch": run.watch,
        "due_at": run.due_at,
        "attempt": run.attempt,
        "run": run.id,
        "trigger": str(run.trigger),
        "at": at,
        "reason": reason,
    }
    connection.execute(insert(connection, retries).values(**row).on_conflict_do_nothing())


def drop_checks(connection: Connection, watch: str) -> None:
    """Forget the confirming run that a watch waits for: a good result came, and it says what is to be done next."""
    connection.execute(delete(retries).where(retries.c.watch == watch, retries.c.trigger == "confirm"))
