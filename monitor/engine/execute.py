"""Execute one run: open its row, follow it, judge the outcome, commit the decision. Only the order of calls.

What is decided is decided elsewhere: `agent.tracker` (what to ask the API next), `judge.decide` (what it means),
`alert.message` (how it is told). Every way through ends in exactly one record (reliability.md G1), and once the row is
open nothing here starts a second run: a row that another process left behind is resumed, never repeated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog

from monitor.agent.follow import Progress, Resume, follow
from monitor.agent.outcome import Code, Failed, Fault, Outcome
from monitor.agent.request import goal_text
from monitor.engine.desk import Desk
from monitor.engine.judging import judged
from monitor.engine.patience import patiently
from monitor.errors import MonitorError, StoreCorrupt, StoreError
from monitor.judge.decision import Verdict
from monitor.store.records import Record, Unfinished
from monitor.store.store import Begun
from monitor.watch.model import Watch
from monitor.watch.run import Run, Trigger

log = structlog.get_logger("run")

Watcher = Callable[[Progress], None]

LOOK = 1.0  # seconds between looks at a run of another process that has to end first
RETRIES_WITHIN = timedelta(days=1)  # no retry waits longer (judge.decide caps what a server may ask for at 1 h)


@dataclass(slots=True)
class _Journal:
    """Stores the remote run's id the moment it is known (reliability.md A1)."""

    run: Run
    desk: Desk
    run_id: str | None = None

    async def accepted(self, run_id: str, streaming_url: str | None) -> None:
        """Commit the remote id before anything else is done with it."""
        desk = self.desk
        await patiently(desk, desk.store.accepted, self.run.id, run_id, streaming_url, desk.clock.now())
        self.run_id = run_id


async def execute(watch: Watch, run: Run, desk: Desk, progress: Watcher | None = None) -> Record:
    """Execute `run` and return its record; when the watch is already running, return a SKIPPED record instead.

    A run of the watch that a dead process left behind is finished first, without another POST. Raises StoreError when
    the row cannot be opened: then nothing was asked of the API, and the same call may be made again. After that it
    raises only StoreError that no waiting mends, and cancellation: the row stays as far as it got, for `resume`.
    """
    goal = goal_text(watch, run)
    while True:
        now = desk.clock.now()
        begun = await desk.writer(
            desk.store.begin_run, run, goal=goal, generation=watch.fingerprint, owner=desk.owner.id, now=now
        )
        if isinstance(begun, Begun):
            return await _carry_on(watch, run, None, desk, progress)
        left = begun.unfinished
        if left is None:
            return _recorded(watch, run, begun.record)
        again = left.run.id == run.id and left.owner == desk.owner.id  # an earlier call of ours was broken off
        if again or await take_over(left, desk):
            record = await resume(watch, left, desk, progress)
            if begun.reason == "recorded" or _answers(left, watch, run, desk):
                return record
        elif begun.reason == "running" and run.attempt == 1:
            skipped = await _overlapped(run, left, desk)
            if skipped is not None:
                return skipped
        else:  # this very attempt runs elsewhere, or a retry has to wait for its turn: both end with that run
            await desk.clock.sleep(LOOK)


def _answers(left: Unfinished, watch: Watch, run: Run, desk: Desk) -> bool:
    """Say whether a run that was finished for a dead process is what this run asks for.

    It is for somebody who asks by hand for a result, as long as it is fresh; an occurrence needs a record of its own.
    """
    fresh = desk.clock.now() - left.opened_at <= watch.limits.timeout
    return run.trigger is Trigger.MANUAL and run.dry == left.run.dry and fresh


def _recorded(watch: Watch, run: Run, record: Record | None) -> Record:
    if record is None:
        due = run.due_at.isoformat()
        raise StoreError(f"the occurrence {due} of {watch.name} is recorded, but its record cannot be read")
    return record


async def _overlapped(run: Run, left: Unfinished, desk: Desk) -> Record | None:
    """Record that the watch was running already; None when the occurrence got its record elsewhere in between."""
    why = f"run {left.run.id} of this watch is still going on"
    now = desk.clock.now()
    return await desk.writer(
        desk.store.record_skip, run.watch, run.due_at, run.trigger, Verdict.SKIPPED, "OVERLAP", why, now
    )


async def take_over(left: Unfinished, desk: Desk) -> bool:
    """Make a run that a dead process left behind ours; False while its process lives, and for our own."""
    if left.owner == desk.owner.id or desk.owner.alive(left.owner):
        return False
    return bool(await desk.writer(desk.store.take_over, left.run.id, left.owner, desk.owner.id))


async def resume(watch: Watch, left: Unfinished, desk: Desk, progress: Watcher | None = None) -> Record:
    """Finish a run that was opened earlier: judge what is stored, or find the remote run; never start one."""
    if left.outcome is None:
        return await _carry_on(watch, left.run, left, desk, progress)
    try:
        outcome = desk.store.outcome_of(left)
    except StoreCorrupt as error:
        outcome = Failed(run_id=left.run_id, fault=Fault(Code.INTERNAL, error.message, hint=error.hint))
    return await judged(watch, left.run, outcome, desk, generation=left.generation)


async def _carry_on(watch: Watch, run: Run, left: Unfinished | None, desk: Desk, progress: Watcher | None) -> Record:
    """Follow a run, new or `left`, to its outcome, store that, and judge it."""
    rest = None if left is None else Resume(left.run_id, left.goal, left.opened_at)
    outcome = await _outcome(watch, run, rest, desk, progress)
    try:
        await patiently(desk, desk.store.settle, run.id, outcome, desk.clock.now())
    except StoreError:
        raise
    except Exception:  # what cannot be stored as it came must not keep the run from having an end
        log.exception("an outcome could not be stored", watch=watch.name, run=run.id)
        message = "internal error: what the agent returned could not be stored"
        outcome = Failed(run_id=outcome.run_id, fault=Fault(Code.INTERNAL, message, hint=_log_of(run)))
        await patiently(desk, desk.store.settle, run.id, outcome, desk.clock.now())
    return await judged(watch, run, outcome, desk, generation=left.generation if left else None)


async def _outcome(watch: Watch, run: Run, left: Resume | None, desk: Desk, progress: Watcher | None) -> Outcome:
    """Follow the run to its one outcome; whatever breaks in here is an outcome too: a run never stops its siblings.

    Raises only StoreError, where the remote id could not be stored: the run goes on at the API, and the row with its
    reference finds it again.
    """
    journal = _Journal(run, desk)
    opened_at = desk.clock.now()
    try:
        return await follow(
            desk.client,
            watch,
            run,
            clock=desk.clock,
            journal=journal,
            resume=left,
            progress=None if progress is None else _Display(progress, run),
            reveal=desk.reveal,
        )
    except StoreError:
        raise
    except Exception as error:
        log.exception("a run broke inside", watch=watch.name, run=run.id)
        if left is None and journal.run_id is not None:  # it is paid for: a poll may still get its result
            return await _outcome(watch, run, Resume(journal.run_id, goal_text(watch, run), opened_at), desk, progress)
        return Failed(fault=_internal(error, run))


def _internal(error: Exception, run: Run) -> Fault:
    """Return the fault of a defect: the words of our own errors are safe to show, those of others are not."""
    message = error.message if isinstance(error, MonitorError) else f"internal error: {type(error).__name__}"
    return Fault(Code.INTERNAL, message, hint=_log_of(run))


def _log_of(run: Run) -> str:
    return f"see the log of run {run.id}"


class _Display:
    """Shows progress until showing breaks (a closed terminal, say): a paid run does not end with its display."""

    def __init__(self, show: Watcher, run: Run) -> None:
        self._show: Watcher | None = show
        self._run = run

    def __call__(self, progress: Progress) -> None:
        if self._show is None:
            return
        try:
            self._show(progress)
        except Exception:
            self._show = None
            log.exception("the display broke; the run goes on", run=self._run.id)


async def execute_to_the_end(watch: Watch, run: Run, desk: Desk, progress: Watcher | None = None) -> Record:
    """Execute `run` and, when the decision asks for it, the retry of the same occurrence; returns the last record.

    For `monitor run`, which has nobody else to make the second attempt (docs/decisions/0003). Waits in this process
    until the retry is due; retries of other occurrences are not its business.
    """
    record = await execute(watch, run, desk, progress)
    while waiting := await _retry_of(record, desk):
        again, seconds = waiting
        await desk.clock.sleep(seconds)
        record = await execute(watch, again, desk, progress)
    return record


async def _retry_of(record: Record, desk: Desk) -> tuple[Run, float] | None:
    """Return the retry of a record's occurrence that waits, and in how many seconds it is due."""
    now = desk.clock.now()
    for run, at in await patiently(desk, desk.store.due_retries, now + RETRIES_WITHIN):
        if (run.watch, run.due_at) == (record.watch, record.due_at):
            return run, (at - now).total_seconds()
    return None
