"""Rows as values: what `records.py` promises, built from what the tables hold. Must not know when a row is read."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, Select, select

from monitor.judge.decision import Incident
from monitor.store.records import Delivery, Judgement, Record, Stop, Unfinished
from monitor.store.tables import judgements, outbox, runs, stops
from monitor.watch.run import Run, Trigger

# Built once: putting thirty columns into a statement costs more than SQLite takes to answer it.
_FIRST_VERDICT = (
    select(judgements.c.verdict)
    .where(judgements.c.run == runs.c.id)
    .order_by(judgements.c.id)
    .limit(1)
    .scalar_subquery()
    .label("rejudged_from")
)
WHOLE: Select[Any] = select(*(column for column in runs.c if column.name != "progress"), _FIRST_VERDICT)
_UNREAD = {"goal", "terminal", "progress"}  # of a record that is listed
RECORDS: Select[Any] = select(*(column for column in runs.c if column.name not in _UNREAD), _FIRST_VERDICT)
RAW_RECORDS = RECORDS.add_columns(runs.c.terminal)
STOPS = select(stops)
JUDGEMENTS = select(*(column for column in judgements.c if column.name not in {"id", "run"}))
DELIVERIES = select(*(column for column in outbox.c if column.name != "sender"))


def record(row: Row[Any], *, raw: bool = False) -> Record:
    """Return a judged row as a `Record`."""
    return Record(
        id=row.id,
        watch=row.watch,
        due_at=row.due_at,
        attempt=row.attempt,
        trigger=row.trigger,
        dry=row.dry,
        run_id=row.run_id,
        verdict=row.verdict,
        reason=row.reason,
        code=row.code,
        outcome={"kind": row.kind, "code": row.code, "api_code": row.api_code, "message": row.message},
        changes=row.changes or [],
        violations=row.violations or [],
        coerced=row.coerced or [],
        looks=row.looks or [],
        result=row.result,
        steps=row.steps,
        notifications=row.notifications,
        started_at=row.started_at,
        finished_at=row.finished_at,
        generation=row.generation,
        raw=row.terminal.get("raw") if raw and row.terminal else None,
        streaming_url=row.streaming_url,
        rejudged_from=row.rejudged_from,
    )


def run(row: Row[Any]) -> Run:
    """Return the `Run` that a row of `runs` was opened for."""
    return Run(row.id, row.watch, row.due_at, row.attempt, Trigger(row.trigger), row.dry)


def retry(row: Row[Any]) -> Run:
    """Return the `Run` that a row of `retries` waits to open."""
    return Run(row.run, row.watch, row.due_at, row.attempt, Trigger(row.trigger))


def unfinished(row: Row[Any]) -> Unfinished:
    """Return a row that is not judged as `Unfinished`."""
    return Unfinished(
        run=run(row),
        stage=row.stage,
        goal=row.goal or "",
        opened_at=row.opened_at,
        run_id=row.run_id,
        outcome=row.terminal,
        owner=row.owner,
        generation=row.generation,
        streaming_url=row.streaming_url,
    )


def incident(row: Row[Any]) -> Incident | None:
    """Return the open incident of a row of `watch_state`."""
    if row.incident_id is None:
        return None
    return Incident(row.incident_id, row.incident_opened_at, row.incident_code, announced=row.incident_announced)


def stop(row: Row[Any]) -> Stop:
    """Return a row of `stops` as a `Stop`."""
    return Stop(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping


def judgement(row: Row[Any]) -> Judgement:
    """Return a row of `judgements` as a `Judgement`."""
    lists = {"changes": row.changes or [], "violations": row.violations or []}
    return Judgement(**(dict(row._mapping) | lists))  # noqa: SLF001 - as above


def delivery(row: Row[Any]) -> Delivery:
    """Return a row of the outbox as a `Delivery`."""
    fields = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping
    return Delivery(**(fields | ({"state": "dropped"} if row.dropped_at else {})))
