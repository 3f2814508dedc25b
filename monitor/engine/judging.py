"""From a settled outcome to its record: read the state, decide, compose, commit, in this order and in one place.

Every settled run gets a record, whatever its outcome does to the code that judges it. Must not know the network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

import structlog

from monitor.agent.outcome import Code, Completed, Failed, Fault, Outcome
from monitor.alert.message import compose
from monitor.engine import screenshots
from monitor.engine.desk import Desk
from monitor.engine.patience import patiently
from monitor.engine.stops import changes, quiet
from monitor.errors import StoreConflict, StoreError
from monitor.judge.conditions.history import History
from monitor.judge.conditions.rules import reads_history
from monitor.judge.decide import decide
from monitor.judge.decision import Decision, Verdict, WatchState
from monitor.store.records import EndedStop, NewDelivery, NewStop, Record
from monitor.watch.model import Watch
from monitor.watch.run import Run, Trigger, new_id

log = structlog.get_logger("run")

Decide = Callable[[WatchState, datetime, History | None], Decision]


async def judged(
    watch: Watch, run: Run, outcome: Outcome, desk: Desk, *, generation: str | None = None, remark: str = ""
) -> Record:
    """Judge a settled run, commit the decision with all it causes, and return the record.

    `generation` is that of the row when the run was opened by another process; a `remark` ends the reason. What judging
    breaks on is recorded as FAILED, INTERNAL, with the baseline where it was; raises only StoreError that no waiting
    mends.
    """
    fault = Fault(Code.INTERNAL, "internal error while the result was judged", hint=f"see the log of run {run.id}")
    broken = Failed(run_id=outcome.run_id, fault=fault)
    for each in (outcome, broken):
        try:
            decide_on = partial(_decision, watch, run, each, generation)
            return await _committed(watch, run, each, desk, partial(_remarked, decide_on, remark))
        except StoreError:
            raise
        except Exception:
            log.exception("judging broke", watch=watch.name, run=run.id, outcome=each.kind)
    return await _committed(watch, run, broken, desk, partial(_last_resort, fault))


def _decision(
    watch: Watch,
    run: Run,
    outcome: Outcome,
    generation: str | None,
    state: WatchState,
    now: datetime,
    history: History | None,
) -> Decision:
    """Decide; a run that was opened under another definition of the watch is history only (reliability.md B8)."""
    if generation is None or generation == watch.fingerprint:
        return decide(watch, run, outcome, state, now, lambda: new_id(now), history=history)
    kept = decide(watch, replace(run, dry=True), outcome, state, now, lambda: new_id(now))
    return replace(kept, reason=f"the watch was changed while this run was under way, history only ({kept.reason})")


def _remarked(decide_on: Decide, remark: str, state: WatchState, now: datetime, history: History | None) -> Decision:
    decision = decide_on(state, now, history)
    return replace(decision, reason=f"{decision.reason} ({remark})") if remark else decision


def _last_resort(fault: Fault, state: WatchState, _now: datetime, _history: History | None) -> Decision:
    """Return the decision that nothing can break: it changes nothing and tells nobody, the log has the rest."""
    return Decision(Verdict.FAILED, fault.message, state, code=fault.code)


async def _committed(watch: Watch, run: Run, outcome: Outcome, desk: Desk, decide_on: Decide) -> Record:
    state = await patiently(desk, desk.store.state_of, watch.name)
    now = desk.clock.now()
    decision = quiet(decide_on(state, now, await _looked_back(watch, outcome, desk, now)), state)
    page = desk.page("runs", run.id)
    deliveries = [item for note in decision.notifications for item in compose(note, watch, run, now, page)]
    await screenshots.keep(watch, run, outcome.run_id, decision, desk)
    stops = await changes(watch, run, outcome, desk, now)
    record = await commit(run, outcome, decision, desk, now, deliveries=deliveries, stops=stops)
    if deliveries or stops:
        desk.told()
    return record


async def _looked_back(watch: Watch, outcome: Outcome, desk: Desk, now: datetime) -> History | None:
    """Return what the conditions of a watch look back on; None when none does."""
    places = {place for rule in watch.notify for place in reads_history(rule)}
    if not places or not isinstance(outcome, Completed):
        return None
    return await patiently(desk, desk.store.looked_back, watch.name, watch.fingerprint, sorted(places), now)


async def commit(
    run: Run,
    outcome: Outcome,
    decision: Decision,
    desk: Desk,
    now: datetime,
    *,
    deliveries: Sequence[NewDelivery] = (),
    stops: Sequence[NewStop | EndedStop] = (),
) -> Record:
    """Commit a decision with all it causes and return the record, also where the commit arrived unheard (row 105)."""
    later = None
    if decision.retry is not None:
        later = replace(run, id=new_id(now), attempt=run.attempt + 1, trigger=Trigger.RETRY)
    elif decision.check is not None:
        later = Run(new_id(now), run.watch, decision.check.at, trigger=Trigger.CONFIRM)
    try:
        return await patiently(
            desk,
            desk.store.commit,
            run,
            outcome,
            decision,
            deliveries,
            now=now,
            owner=desk.owner.id,
            later=later,
            stops=stops,
        )
    except StoreConflict:
        # An error of the disk may hide a commit that arrived: then the record is there.
        stored = await patiently(desk, desk.store.record, run.id)
        if stored is None:
            raise
        return stored
