"""Execute one run: open its row, follow it, judge the outcome, commit the decision. Only the order of calls.

What is decided is decided elsewhere: `agent.tracker` (what to ask the API next), `judge.decide` (what it means),
`alert.message` (how it is told). Every way through ends in exactly one record (reliability.md G1), and once the row is
open nothing here starts a second run: a row that another process left behind is resumed, never repeated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ParamSpec, TypeVar

import structlog

from monitor.agent.follow import Progress, Resume, follow
from monitor.agent.outcome import Code, Failed, Fault, Outcome
from monitor.agent.request import goal_text
from monitor.alert.message import compose
from monitor.engine.desk import Desk
from monitor.errors import MonitorError, SecretError, StoreError
from monitor.judge.decide import decide
from monitor.judge.decision import Decision, Verdict
from monitor.store.records import Record, Unfinished
from monitor.store.store import Begun
from monitor.watch.model import Watch
from monitor.watch.run import Run, Trigger, new_id

log = structlog.get_logger("run")

Watcher = Callable[[Progress], None]
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Journal:
    """Stores the remote run's id the moment it is known (reliability.md A1)."""

    run: Run
    desk: Desk

    async def accepted(self, run_id: str, streaming_url: str | None) -> None:
        """Commit the remote id before anything else is done with it."""
        desk = self.desk
        await patiently(desk, desk.store.accepted, self.run.id, run_id, streaming_url, desk.clock.now())


async def execute(watch: Watch, run: Run, desk: Desk, progress: Watcher | None = None) -> Record:
    """Execute `run` and return its record; when the watch is already running, return a SKIPPED record instead.

    Raises StoreError when the row cannot be opened: then nothing was asked of the API. After that the
    only exception that leaves is cancellation, with the row as far as it got, for `resume`.
    """
    goal = goal_text(watch, run)
    now = desk.clock.now()
    begun = await desk.writer(
        desk.store.begin_run, run, goal=goal, generation=watch.fingerprint, owner=desk.owner.id, now=now
    )
    if isinstance(begun, Begun):
        return await _carry_on(watch, run, None, desk, progress)
    if begun.unfinished is not None:
        left = begun.unfinished
        if await take_over(left, desk):
            return await resume(watch, left, desk, progress)
        return await _skipped(watch, run, desk, "OVERLAP", f"run {left.run.id} of this watch is still going on")
    record = begun.record
    if record is None:
        raise StoreError(
            f"the occurrence {run.due_at.isoformat()} of {watch.name} is recorded, but its record cannot be read"
        )
    return record


async def take_over(left: Unfinished, desk: Desk) -> bool:
    """Make a run that a dead process left behind ours; False while its process lives."""
    if left.owner == desk.owner.id or desk.owner.alive(left.owner):
        return False
    return bool(await desk.writer(desk.store.take_over, left.run.id, left.owner, desk.owner.id))


async def resume(watch: Watch, left: Unfinished, desk: Desk, progress: Watcher | None = None) -> Record:
    """Finish a run that was opened earlier: judge what is stored, or find the remote run; never start one."""
    if left.outcome is not None:
        outcome = desk.store.outcome_of(left)
        return await _judge(watch, left.run, outcome, desk)
    return await _carry_on(watch, left.run, Resume(left.run_id, left.goal, left.opened_at), desk, progress)


async def _carry_on(watch: Watch, run: Run, left: Resume | None, desk: Desk, progress: Watcher | None) -> Record:
    outcome = await _outcome(watch, run, left, desk, progress)
    await patiently(desk, desk.store.settle, run.id, outcome, desk.clock.now())
    return await _judge(watch, run, outcome, desk)


async def _outcome(watch: Watch, run: Run, left: Resume | None, desk: Desk, progress: Watcher | None) -> Outcome:
    """Follow the run to its one outcome; whatever breaks in here is an outcome too: a run never stops its siblings."""
    try:
        return await follow(
            desk.client,
            watch,
            run,
            clock=desk.clock,
            journal=_Journal(run, desk),
            resume=left,
            progress=progress,
            reveal=desk.reveal,
        )
    except SecretError as error:
        return Failed(fault=Fault(Code.SECRET, error.message, hint=error.hint))
    except MonitorError as error:
        return Failed(fault=Fault(Code.INTERNAL, str(error)))
    except Exception as error:
        log.exception("a run broke inside", watch=watch.name, run=run.id)
        return Failed(
            fault=Fault(Code.INTERNAL, f"internal error: {type(error).__name__}", hint=f"see the log of run {run.id}")
        )


async def _judge(watch: Watch, run: Run, outcome: Outcome, desk: Desk) -> Record:
    state = await desk.writer.read(desk.store.state_of, watch.name)
    now = desk.clock.now()
    decision: Decision = decide(watch, run, outcome, state, now, lambda: new_id(now))
    deliveries = [item for note in decision.notifications for item in compose(note, watch, run, now)]
    retry = _retry_of(run, decision, now)
    record = await patiently(
        desk, desk.store.commit, run, outcome, decision, deliveries, now=now, owner=desk.owner.id, retry_run=retry
    )
    if deliveries:
        desk.told()
    return record


def _retry_of(run: Run, decision: Decision, now: datetime) -> Run | None:
    if decision.retry is None:
        return None
    return replace(run, id=new_id(now), attempt=run.attempt + 1, trigger=Trigger.RETRY)


async def _skipped(watch: Watch, run: Run, desk: Desk, code: str, reason: str) -> Record:
    record = await desk.writer(
        desk.store.record_skip, watch.name, run.due_at, run.trigger, Verdict.SKIPPED, code, reason, desk.clock.now()
    )
    if record is None:
        raise StoreError(f"the occurrence {run.due_at.isoformat()} of {watch.name} is recorded already")
    return record


async def patiently(desk: Desk, method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a store method until the store takes it: what was paid for is kept in memory while a disk is full (R3).

    Waits 1 s, doubling to 60 s, while the error is transient; any other StoreError is raised.
    """
    wait = 1.0
    while True:
        try:
            return await desk.writer(method, *args, **kwargs)
        except StoreError as error:
            if not error.transient:
                raise
            log.warning("the store does not take a record; trying again", error=str(error), seconds=wait)
            await desk.clock.sleep(wait)
            wait = min(wait * 2, 60.0)


async def execute_to_the_end(watch: Watch, run: Run, desk: Desk, progress: Watcher | None = None) -> Record:
    """Execute `run` and, when the decision asks for it, the retry of the same occurrence; returns the last record.

    For `monitor run`, which has nobody else to make the second attempt. Waits in this process until the retry is due.
    """
    record = await execute(watch, run, desk, progress)
    while (waiting := await desk.writer.read(desk.store.waiting_retry, watch.name)) is not None and not run.dry:
        again, at = waiting
        await desk.clock.sleep((at - desk.clock.now()).total_seconds())
        record = await execute(watch, again, desk, progress)
    return record
