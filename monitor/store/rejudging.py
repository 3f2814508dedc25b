"""Judging a stored result again: what to judge it against, and the new judgement beside the old (reliability.md B6).

A record may change its verdict after its watch was mended; the state of the watch follows only as far as nothing newer
stands against it (B7). Statements on a connection inside a transaction; must not know how a decision is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, insert, or_, select, update

from monitor.agent.outcome import Outcome
from monitor.errors import StoreConflict
from monitor.judge.decision import Baseline, Decision, Verdict, WatchState
from monitor.store import judging, rows, terminal
from monitor.store.records import Judgement, NewDelivery, Record, Rejudging, Standing
from monitor.store.tables import judgements, runs, watch_state

_GOOD = [str(verdict) for verdict in Verdict if verdict.good]
_BASELINES = ["BASELINE", "CHANGED"]
_MADE = and_(runs.c.stage == "judged", runs.c.opened_at.is_not(None), runs.c.dry.is_(False))
_SAID = ("generation", "verdict", "code", "reason", "changes", "violations", "result")


def outcome(connection: Connection, run_id: str) -> Outcome | None:
    """Return the stored outcome of a judged run; None for what did not run."""
    row = _row(connection, run_id)
    return None if row is None else terminal.from_json(row.terminal)


def prepared(connection: Connection, run_id: str) -> Rejudging | None:
    """Return what it takes to judge a run again; None for what did not run or is not judged."""
    row = _row(connection, run_id)
    if row is None:
        return None
    standing = _standing(connection, row)
    state = _state_before(connection, row, standing)
    return Rejudging(rows.run(row), terminal.from_json(row.terminal), state, standing)


def earlier(connection: Connection, run_id: str) -> list[Judgement]:
    """Return the judgements of a run that were replaced, in their order."""
    query = rows.JUDGEMENTS.where(judgements.c.run == run_id).order_by(judgements.c.id)
    return [rows.judgement(row) for row in connection.execute(query)]


def commit(
    connection: Connection,
    found: Rejudging,
    decision: Decision,
    deliveries: Sequence[NewDelivery],
    generation: str,
    now: datetime,
) -> Record:
    """Replace a run's judgement and keep the old one; see `Archive.rejudged`."""
    run_id = found.run.id
    row = _row(connection, run_id)
    if row is None:
        raise StoreConflict(f"run {run_id} has no stored result to judge")
    standing = _standing(connection, row)
    if standing != found.standing or _state_before(connection, row, standing).baseline != found.state.baseline:
        raise StoreConflict(f"run {run_id}: something newer was recorded meanwhile", hint="judge it again")
    said = _fields(row, decision, generation)
    if all(getattr(row, name) == said[name] for name in _SAID):
        return rows.record(row)
    old = {name: getattr(row, name) for name in _SAID}
    connection.execute(insert(judgements).values(run=run_id, replaced_at=now, **old))
    told = row.notifications + len({each.event for each in deliveries})
    connection.execute(update(runs).where(runs.c.id == run_id).values(notifications=told, updated_at=now, **said))
    if standing != "past":
        _replace_state(connection, row, decision, found, now)
    judging.enqueue(connection, run_id, row.watch, deliveries, now)
    return rows.record(connection.execute(rows.RECORDS.where(runs.c.id == run_id)).one())


def _row(connection: Connection, run_id: str) -> Row[Any] | None:
    query = rows.WHOLE.where(runs.c.id == run_id, runs.c.stage == "judged", runs.c.terminal.is_not(None))
    return connection.execute(query).one_or_none()


def _after(row: Row[Any]) -> ColumnElement[bool]:
    return or_(runs.c.due_at > row.due_at, and_(runs.c.due_at == row.due_at, runs.c.attempt > row.attempt))


def _standing(connection: Connection, row: Row[Any]) -> Standing:
    if row.dry:
        return "past"
    newer = select(runs.c.id).where(runs.c.watch == row.watch, _MADE, _after(row)).limit(1)
    if connection.execute(newer.where(runs.c.verdict.in_(_GOOD))).first() is not None:
        return "past"
    return "newest" if connection.execute(newer).first() is None else "newest_good"


def _state_before(connection: Connection, row: Row[Any], standing: Standing) -> WatchState:
    """Return the state as it would be had this run not been judged."""
    state = judging.state_of(connection, row.watch)
    if standing == "past" or (state.baseline is not None and state.baseline.run == row.id):
        before = _baseline_before(connection, row)
        generation = "" if before is None else before.generation
        baseline = None if before is None else Baseline(before.id, before.due_at, before.result)
        state = replace(state, generation=generation, baseline=baseline)
    if standing == "past":
        return replace(state, failures=0, incident=None)
    if Verdict(row.verdict).bad and standing == "newest":
        return replace(state, failures=max(0, state.failures - 1))
    return state


def _baseline_before(connection: Connection, row: Row[Any]) -> Row[Any] | None:
    query: Select[Any] = select(runs.c.id, runs.c.due_at, runs.c.generation, runs.c.result).where(
        runs.c.watch == row.watch,
        _MADE,
        runs.c.verdict.in_(_BASELINES),
        ~_after(row),
        runs.c.id != row.id,
    )
    query = query.order_by(runs.c.due_at.desc(), runs.c.attempt.desc()).limit(1)
    return connection.execute(query).one_or_none()


def _fields(row: Row[Any], decision: Decision, generation: str) -> dict[str, Any]:
    fault = terminal.from_json(row.terminal).fault
    code = decision.code or (fault.code if fault else None)
    return {
        "generation": generation,
        "verdict": str(decision.verdict),
        "code": str(code) if code else None,
        "reason": decision.reason,
        "changes": [change.as_json() for change in decision.changes] or None,
        "violations": [violation.as_json() for violation in decision.violations] or None,
        "result": decision.result,
    }


def _replace_state(connection: Connection, row: Row[Any], decision: Decision, found: Rejudging, now: datetime) -> None:
    """Write the state as far as this run may; what newer bad runs say of failing stays as it is."""
    baseline = decision.state.baseline
    own = baseline is not None and baseline.run == row.id and str(decision.verdict) in _BASELINES
    if baseline is not None and not own and baseline != found.state.baseline:
        raise StoreConflict(f"run {row.id} ended {decision.verdict}: the baseline cannot become that of {baseline.run}")
    state, last_run = decision.state, row.id
    if found.standing == "newest_good":
        stored = judging.state_of(connection, row.watch)
        state = replace(state, failures=stored.failures, incident=stored.incident)
        last_run = connection.execute(
            select(watch_state.c.last_run).where(watch_state.c.watch == row.watch)
        ).scalar_one()
    judging.write_state(connection, row.watch, state, last_run, now)
