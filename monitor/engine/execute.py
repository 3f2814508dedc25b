"""Execute one run: open its row, follow it, judge the outcome, commit the decision. Only the order of calls.

What is decided is decided elsewhere: `agent.tracker` (what to ask the API next), `engine.starts` (whether the POST may
be sent again), `judge.decide` (what it means), `alert.message` (how it is told). Every way through ends in exactly one
record (reliability.md G1), and once the row is open no second run is started: a row that another process left behind is
resumed, and its POST is sent again only when it is proved that no run exists.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import structlog

from monitor.agent.follow import Progress, Resume, follow
from monitor.agent.goal import goal_text
from monitor.agent.outcome import Code, Failed, Fault, Outcome, Proof
from monitor.engine.desk import Desk
from monitor.engine.journal import Journal, Watcher
from monitor.engine.judging import judged
from monitor.engine.patience import patiently
from monitor.engine.spooling import drop, settle, taken
from monitor.engine.starts import Tally, again, bounded, given_up, limits_of, window
from monitor.engine.stating import REMARK, in_goal, into_goal, was_stated
from monitor.engine.stops import ceiling
from monitor.errors import MonitorError, StoreCorrupt, StoreError
from monitor.judge.decision import Verdict
from monitor.store.records import Begun, Existing, Record, Refused, Unfinished
from monitor.watch.model import Watch
from monitor.watch.run import Run, Trigger

log = structlog.get_logger("run")

LOOK = 1.0  # seconds between looks at a run of another process that has to end first
RETRIES_WITHIN = timedelta(days=1)  # no retry waits longer (judge.decide caps what a server may ask for at 1 h)


async def execute(watch: Watch, run: Run, desk: Desk, progress: Watcher | None = None) -> Record:
    """Execute `run` and return its record; a SKIPPED one when the watch runs already, or a stop or ceiling forbids it.

    A run of the watch that a dead process left behind is finished first, without another POST. Raises StoreError when
    the row cannot be opened: then nothing was asked of the API, and the same call may be made again. After that it
    raises only StoreError that no waiting mends, and cancellation: the row stays as far as it got, for `resume`.
    """
    stated = await in_goal(desk)
    goal = goal_text(watch, run, stated=stated)
    while True:
        now = desk.clock.now()
        begun = await desk.writer(
            desk.store.begin_run,
            run,
            goal=goal,
            generation=watch.fingerprint,
            owner=desk.owner.id,
            now=now,
            limits=limits_of(watch, run, now, desk.ceilings(), desk.client.key_digest),
        )
        if isinstance(begun, Begun):
            return await _carry_on(watch, run, None, desk, progress, stated=stated)
        if isinstance(begun, Refused):
            return await _refused(watch, run, begun, desk)
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


async def _refused(watch: Watch, run: Run, refused: Refused, desk: Desk) -> Record:
    """Record that a stop or a ceiling kept the run from being started (row 17); a retry is given up with it."""
    now = desk.clock.now()
    record = None
    if run.attempt == 1:
        notice = ceiling(refused, watch, run, desk, now)
        record = await desk.writer(
            desk.store.record_skip,
            *(run.watch, run.due_at, run.trigger, Verdict.SKIPPED, refused.code, refused.reason, now),
            notice=notice,
        )
        if notice is not None:
            desk.told()
    if record is None:  # the occurrence has its record already: that of its first attempt
        await patiently(desk, desk.store.drop_retry, run)
        log.info("a retry is given up", watch=run.watch, reason=refused.reason)
        first = replace(run, attempt=1)
        found = await desk.writer(
            desk.store.begin_run, first, goal="", generation="", owner=desk.owner.id, now=now
        )  # it never begins a run here: its row exists
        record = _recorded(watch, first, found.record if isinstance(found, Existing) else None)
    return record


async def take_over(left: Unfinished, desk: Desk) -> bool:
    """Make a run that a dead process left behind ours; False while its process lives, and for our own."""
    if left.owner == desk.owner.id or desk.owner.alive(left.owner):
        return False
    return bool(await desk.writer(desk.store.take_over, left.run.id, left.owner, desk.owner.id))


async def resume(watch: Watch, left: Unfinished, desk: Desk, progress: Watcher | None = None) -> Record:
    """Finish a run that was opened earlier: judge what is stored or spooled, or find the remote run.

    One is started only where the search proves that none exists, in its window and for the same definition.
    """
    remark = REMARK if was_stated(watch, left) else ""
    if left.outcome is None:
        spooled = await taken(left, desk)
        if spooled is not None:
            outcome = await settled(left.run, spooled, desk)
            await drop(left.run.id, desk)
            return await judged(watch, left.run, outcome, desk, generation=left.generation, remark=remark)
        return await _carry_on(watch, left.run, left, desk, progress, stated=was_stated(watch, left))
    try:
        outcome = desk.store.outcome_of(left)
    except StoreCorrupt as error:
        outcome = Failed(run_id=left.run_id, fault=Fault(Code.INTERNAL, error.message, hint=error.hint))
    return await judged(watch, left.run, outcome, desk, generation=left.generation, remark=remark)


async def _carry_on(
    watch: Watch, run: Run, left: Unfinished | None, desk: Desk, progress: Watcher | None, *, stated: bool
) -> Record:
    """Follow a run, new or `left`, to its outcome, store that, and judge it; `stated`: its schema is in its goal."""
    until = window(watch, run, desk.clock.now() if left is None else left.opened_at)
    show = None if progress is None else _Display(progress, run)
    journal = Journal(run, desk, [watch], until, show, further=left is not None, stated=stated)
    outcome = await _started_and_followed(watch, left, journal)
    outcome = await settled(run, outcome, desk)
    return await judged(
        watch,
        run,
        outcome,
        desk,
        generation=left.generation if left else None,
        remark=REMARK if journal.stated else "",
    )


async def settled(run: Run, outcome: Outcome, desk: Desk) -> Outcome:
    """Store an outcome before it is judged (B6) and return it, or what stands for one that cannot be stored.

    While the store takes nothing, it is in the spool too (row 101).
    """
    try:
        await settle(run, outcome, desk)
    except StoreError:
        raise
    except Exception:  # what cannot be stored as it came must not keep the run from having an end
        log.exception("an outcome could not be stored", watch=run.watch, run=run.id)
        message = "internal error: what the agent returned could not be stored"
        outcome = Failed(run_id=outcome.run_id, fault=Fault(Code.INTERNAL, message, hint=_log_of(run)))
        await patiently(desk, desk.store.settle, run.id, outcome, desk.clock.now())
    return outcome


async def _started_and_followed(watch: Watch, left: Unfinished | None, journal: Journal) -> Outcome:
    """Return the outcome of an attempt: of its only start, or of the last one that the policy of `starts` allows.

    Every start is of the same row, with the same reference and the goal that is in the row: whichever of them made a
    run, a search finds it. The goal changes only where it is proved that the one before made none.
    """
    run, desk = journal.run, journal.desk
    rest = None if left is None else Resume(left.run_id, left.goal, left.opened_at)
    goal = goal_text(watch, run, stated=journal.stated)
    same = left is None or (left.goal, left.generation) == (goal, watch.fingerprint)
    tally = Tally()
    while True:
        outcome = await _outcome(watch, run, rest, desk, journal)
        next_start = again(run, outcome, tally, desk.clock.now(), journal.until) if same else None
        if outcome.proof is Proof.LIMITED and outcome.fault is not None:
            await journal.limited(next_start.seconds if next_start else bounded(outcome.fault.retry_after))
        if next_start is None or outcome.fault is None:
            return given_up(outcome, tally)
        if next_start.stated:
            await into_goal(watch, run, desk)
            journal.stated = True
        elif not next_start.everyone:  # the shared pause is waited for by `Journal.starting`
            await journal.wait(next_start.seconds, outcome.fault.message)
        tally, rest, journal.further = next_start.tally, None, True


async def _outcome(watch: Watch, run: Run, left: Resume | None, desk: Desk, journal: Journal) -> Outcome:
    """Follow the run to its one outcome; whatever breaks in here is an outcome too: a run never stops its siblings.

    Raises only StoreError, where the remote id could not be stored: the run goes on at the API, and the row with its
    reference finds it again.
    """
    opened_at = desk.clock.now()
    try:
        return await follow(
            desk.client,
            watch,
            run,
            clock=desk.clock,
            journal=journal,
            resume=left,
            progress=journal.show,
            reveal=desk.reveal,
            stated=journal.stated,
        )
    except StoreError:
        raise
    except Exception as error:
        log.exception("a run broke inside", watch=watch.name, run=run.id)
        if left is None and journal.run_id is not None:  # it is paid for: a poll may still get its result
            rest = Resume(journal.run_id, goal_text(watch, run, stated=journal.stated), opened_at)
            return await _outcome(watch, run, rest, desk, journal)
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
