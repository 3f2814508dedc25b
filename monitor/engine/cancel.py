"""Cancelling a run that goes on: at the API, and in the store what came of it (reliability.md A7).

Must not know who asks: a command, a second thought at Ctrl-C, or a daemon that finds runs of watches that are gone.
"""

from __future__ import annotations

from collections.abc import Sequence

from monitor.agent.follow import Resume, stop
from monitor.agent.outcome import Code, Completed, Failed, Outcome
from monitor.engine.desk import Desk
from monitor.engine.execute import settled, take_over
from monitor.engine.journal import Journal
from monitor.engine.judging import commit, judged
from monitor.engine.patience import patiently
from monitor.engine.spooling import drop, taken
from monitor.errors import NoSuch, UsageError
from monitor.judge.decision import Decision, Verdict
from monitor.store.records import Unfinished
from monitor.watch.model import Watch

BY_HAND = "the run was cancelled by hand"
GONE = "its watch is not defined any more"


def named(flight: Sequence[Unfinished], name: str) -> Unfinished:
    """Return the one run in flight that `name` means; raises NoSuch when there is none, UsageError when there are more.

    A watch, a run's id or at least 6 characters of its beginning, or the API's run_id.
    """
    found = [
        left
        for left in flight
        if name in {left.run.watch, left.run_id, left.run.id}
        or (len(name) >= 6 and left.run.id.startswith(name.upper()))
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f'"{name}" means {len(found)} runs', hint="give more of the id; monitor status lists them")
    raise NoSuch(f'no run in flight is "{name}"', hint="monitor status lists the runs in flight")


async def cancel_run(
    desk: Desk, left: Unfinished, watch: Watch | None = None, *, why: str = BY_HAND, followed: bool = False
) -> Outcome:
    """Cancel an unfinished run and return how it ended, which may be completed: the API's answer is honoured (A7).

    A run of this process, or of a dead one, is judged and recorded too; without its `watch` it is recorded FAILED,
    CANCELLED. A run that another living process follows, or another task of this one (`followed`), is only cancelled at
    the API: who follows it records it. Nothing is recorded where the API could not be asked (UNKNOWN_OUTCOME): the run
    stays as it is. Takes four minutes at most.
    """
    ours = not followed and (left.owner == desk.owner.id or await take_over(left, desk))
    if left.outcome is not None and ours:
        outcome = desk.store.outcome_of(left)
    elif ours and (spooled := await taken(left, desk)) is not None:
        outcome = await settled(left.run, spooled, desk)
        await drop(left.run.id, desk)
    else:
        outcome = await _stopped(desk, left, watch, why, ours=ours)
        if not ours or (outcome.fault is not None and outcome.fault.code is Code.UNKNOWN_OUTCOME):
            return outcome
        outcome = await settled(left.run, outcome, desk)
    if watch is None:
        await _recorded_without_watch(desk, left, outcome, why)
    else:
        await judged(watch, left.run, outcome, desk, generation=left.generation)
    return outcome


async def _stopped(desk: Desk, left: Unfinished, watch: Watch | None, why: str, *, ours: bool) -> Outcome:
    others = [] if watch is None else [watch]
    return await stop(
        desk.client,
        Resume(left.run_id, left.goal, left.opened_at),
        why,
        clock=desk.clock,
        journal=Journal(left.run, desk, others, desk.clock.now(), further=True, ours=ours),
        transport="sse" if watch is None else watch.transport,
    )


async def _recorded_without_watch(desk: Desk, left: Unfinished, outcome: Outcome, why: str) -> None:
    """Record a run that nothing can judge: what it gave is kept raw, and changes nothing."""
    became = "it had completed" if isinstance(outcome, Completed) else "it was cancelled"
    if isinstance(outcome, Failed) and outcome.fault is not None:
        became = f"it had failed: {outcome.fault.message}"
    reason = f"{GONE}; {became}" if why == GONE else f"{why}; {GONE}; {became}"
    now = desk.clock.now()
    state = await patiently(desk, desk.store.state_of, left.run.watch)
    decision = Decision(Verdict.FAILED, reason, state, code=Code.CANCELLED)
    await commit(left.run, outcome, decision, desk, now)
