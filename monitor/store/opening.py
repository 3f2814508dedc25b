"""A run's row from intent to settled: begun before anything is asked, its remote id, its raw end, and who holds it.

Statements on a connection that is inside a write transaction; the unique indexes decide and row counts tell.
Must not know what an outcome means for a watch.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, and_, delete, func, select, update

from monitor.agent.outcome import Outcome
from monitor.errors import StoreConflict
from monitor.judge.decision import Verdict
from monitor.store import rows, stops, terminal
from monitor.store.columns import pack
from monitor.store.records import Begun, Existing, Record, Refused, StartLimits, Unfinished
from monitor.store.tables import UNFINISHED, retries, runs
from monitor.store.upserts import insert
from monitor.watch.run import Run, Trigger

_STEPS_MAX = 2**31 - 1


def begin(
    connection: Connection, run: Run, fields: dict[str, Any], limits: StartLimits | None = None
) -> Begun | Existing | Refused:
    """Insert the intent row, or say what is in its way; a waiting retry of the same attempt is used up.

    A run that is refused leaves no row, and its retry waits on.
    """
    refused = None if limits is None else stops.refusal(connection, run, limits, fields["opened_at"])
    if refused is not None:
        return refused
    added = connection.execute(
        insert(connection, runs)
        .values(**_occurrence(run), stage="intent", notifications=0, **fields)
        .on_conflict_do_nothing()
    )
    if added.rowcount == 1:
        drop_retry(connection, run)
        return Begun(run)
    occurrence = connection.execute(_runs_of(run)).one_or_none()
    if occurrence is None:
        row = connection.execute(rows.WHOLE.where(runs.c.watch == run.watch, UNFINISHED)).one_or_none()
        if row is None:
            raise StoreConflict(f"run {run.id} exists already for another occurrence", hint="use a fresh id")
        return Existing("running", unfinished=rows.unfinished(row))
    drop_retry(connection, run)
    if occurrence.id == run.id and occurrence.owner == fields["owner"] and occurrence.stage == "intent":
        # The commit of an earlier call arrived although its answer did not (row 105): nothing was sent since.
        restate(connection, run.id, occurrence.owner, fields["goal"], fields["updated_at"])
        return Begun(run)
    if occurrence.stage == "judged":
        return Existing("recorded", record=rows.record(occurrence))
    return Existing("recorded", unfinished=rows.unfinished(occurrence))


def accept(
    connection: Connection,
    row_id: str,
    owner: str,
    run_id: str,
    fields: dict[str, Any],
    replaces: str | None = None,
) -> None:
    """Store the remote run's id; raises StoreConflict when the row has another one or is no longer ours.

    The only other one that gives way is `replaces`: who knows it has the proof that it is not ours (row 57).
    """
    changed = connection.execute(
        update(runs)
        .where(runs.c.id == row_id, runs.c.owner == owner, runs.c.stage.in_(("intent", "accepted")))
        .where(func.coalesce(runs.c.run_id, run_id).in_((run_id, replaces or run_id)))
        .values(stage="accepted", run_id=run_id, **fields)
    )
    if changed.rowcount != 1:
        raise conflict(connection, row_id, owner)


def restate(connection: Connection, row_id: str, owner: str, goal: str, now: datetime) -> None:
    """Store another goal for a run that the API does not have; raises StoreConflict when it has, or it is not ours."""
    changed = connection.execute(
        update(runs)
        .where(runs.c.id == row_id, runs.c.owner == owner, runs.c.stage == "intent")
        .values(goal=goal, updated_at=now)
    )
    if changed.rowcount != 1:
        raise conflict(connection, row_id, owner)


def settle(connection: Connection, row_id: str, owner: str, outcome: Outcome, now: datetime) -> None:
    """Store how the run ended; the same end twice is one end, another end raises StoreConflict."""
    changed = connection.execute(
        update(runs)
        .where(runs.c.id == row_id, runs.c.owner == owner, runs.c.stage.in_(("intent", "accepted")))
        .values(stage="settled", **outcome_fields(outcome, now))
    )
    if changed.rowcount == 1:
        return
    row = connection.execute(rows.WHOLE.where(runs.c.id == row_id)).one_or_none()
    if (
        row is None
        or row.owner != owner
        or row.stage != "settled"
        or pack(row.terminal) != pack(terminal.as_json(outcome))
    ):
        raise conflict(connection, row_id, owner)


def skip(connection: Connection, run: Run, values: dict[str, Any]) -> Record | None:
    """Insert the record of an occurrence that did not run; None when the occurrence has a row already."""
    added = connection.execute(insert(connection, runs).values(**_occurrence(run), **values).on_conflict_do_nothing())
    if added.rowcount != 1:
        return None
    return rows.record(connection.execute(_runs_of(run)).one())


def skip_fields(verdict: Verdict, code: str, reason: str, now: datetime) -> dict[str, Any]:
    """Return the columns of a skip; `opened_at` stays NULL, so it never counts as a run."""
    return {
        "stage": "judged",
        "owner": "",
        "generation": "",
        "started_at": now,
        "finished_at": now,
        "updated_at": now,
        "kind": "not_started",
        "code": str(code),
        "verdict": str(verdict),
        "reason": reason,
        "notifications": 0,
    }


def outcome_fields(outcome: Outcome, now: datetime) -> dict[str, Any]:
    """Return the columns that an outcome fills: the whole of it, and what is looked up by."""
    fault = outcome.fault
    found = {"run_id": outcome.run_id} if outcome.run_id else {}
    steps = outcome.steps if outcome.steps is not None and 0 <= outcome.steps <= _STEPS_MAX else None
    return found | {
        "kind": outcome.kind,
        "code": str(fault.code) if fault else None,
        "api_code": fault.api_code if fault else None,
        "message": fault.message if fault else None,
        "steps": steps,
        "started_at": func.coalesce(runs.c.started_at, runs.c.opened_at)
        if outcome.started_at is None
        else _utc(outcome.started_at),
        "finished_at": now if outcome.finished_at is None else _utc(outcome.finished_at),
        "terminal": terminal.as_json(outcome),
        "updated_at": now,
    }


def unfinished(connection: Connection) -> list[Unfinished]:
    """Return every run that is not judged, oldest first."""
    # Put in order here: asked for it, SQLite walks the whole history by its ids instead of the index of a few rows.
    found = [rows.unfinished(row) for row in connection.execute(rows.WHOLE.where(UNFINISHED))]
    return sorted(found, key=lambda left: left.run.id)


def take_over(connection: Connection, row_id: str, old_owner: str, new_owner: str) -> bool:
    """Make an unfinished run another owner's if it is still the old one's."""
    changed = connection.execute(
        update(runs)
        .where(runs.c.id == row_id, runs.c.owner == old_owner, runs.c.stage != "judged")
        .values(owner=new_owner)
    )
    return changed.rowcount == 1


def due_retries(connection: Connection, until: datetime | None, watch: str | None = None) -> list[tuple[Run, datetime]]:
    """Return the waiting retries, first due first."""
    query = select(retries).order_by(retries.c.at, retries.c.run)
    if until is not None:
        query = query.where(retries.c.at <= until)
    if watch is not None:
        query = query.where(retries.c.watch == watch)
    return [(rows.retry(row), row.at) for row in connection.execute(query)]


def drop_retry(connection: Connection, run: Run) -> bool:
    """Forget a waiting retry."""
    return connection.execute(delete(retries).where(_same_occurrence(retries, run))).rowcount == 1


def owner_in(held: Callable[[str], str | None], row_id: str) -> str:
    """Return under which owner this store holds a run; raises StoreConflict when it does not."""
    owner = held(row_id)
    if owner is None:
        raise StoreConflict(f"run {row_id} was neither begun nor taken over here", hint="take it over first")
    return owner


def conflict(connection: Connection, row_id: str, owner: str) -> StoreConflict:
    """Return why a row that was to be ours did not change, as the error to raise."""
    row = connection.execute(select(runs.c.stage, runs.c.owner, runs.c.run_id).where(runs.c.id == row_id)).one_or_none()
    if row is None:
        return StoreConflict(f"run {row_id} has no row")
    if row.owner != owner:
        return StoreConflict(f"run {row_id} was taken over by another process ({row.owner})")
    return StoreConflict(f"run {row_id} is {row.stage} already, as remote run {row.run_id}")


def _occurrence(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "watch": run.watch,
        "due_at": run.due_at,
        "attempt": run.attempt,
        "trigger": str(Trigger(run.trigger)),
        "dry": run.dry,
    }


def _same_occurrence(table: Any, run: Run) -> Any:
    return and_(table.c.watch == run.watch, table.c.due_at == run.due_at, table.c.attempt == run.attempt)


def _runs_of(run: Run) -> Any:
    return rows.WHOLE.where(_same_occurrence(runs, run))


def _utc(instant: datetime) -> datetime:
    """Return an instant as it is, or as UTC where an API left its zone out."""
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
