"""The whole judgement of one run, as one pure function: outcome and state in, `Decision` out; time is an argument.

The baseline moves only on a first good result and on a change, never on a bad one, never backwards in time, never for a
dry run (reliability.md B1, B4, B7, B8). Must not know the store, the network or how messages are worded.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta

from monitor.agent.outcome import Code, Fault, Outcome
from monitor.judge import incident
from monitor.judge.decision import Baseline, Decision, Kind, Notification, Retry, Verdict, WatchState
from monitor.judge.incident import NewEvent
from monitor.judge.verdict import Judgement, judge
from monitor.watch.model import Watch
from monitor.watch.run import Run

RETRY_AFTER = 10.0  # seconds, where the API named none
_SHORTEST, _LONGEST = 1.0, 3_600.0  # what a server may ask for (reliability.md row 36)


def decide(watch: Watch, run: Run, outcome: Outcome, state: WatchState, now: datetime, new_event: NewEvent) -> Decision:
    """Return what a run means and what follows from it. Never raises, whatever the agent returned.

    `new_event` gives a fresh ULID at every call; `state` is what was remembered before this run.
    """
    baseline = state.baseline if state.generation == watch.fingerprint else None
    judged = judge(watch, outcome, baseline)
    if run.dry:
        return _kept(judged, state, judged.reason)
    if state.baseline is not None and _older(run, state.baseline, now):
        return _kept(judged, state, f"older than the baseline, history only ({judged.reason})")
    if judged.verdict.bad:
        return _bad(watch, run, judged, state, now, new_event)
    if judged.verdict is Verdict.BASELINE and state.baseline is not None:
        judged = replace(judged, reason="first good result since the watch was changed")
    return _good(watch, run, judged, state, now, new_event)


def _older(run: Run, baseline: Baseline, now: datetime) -> bool:
    """Say whether a run looked at the page before the baseline's did: a late result replaces no newer one (B7).

    Ids are ULIDs and begin with when a run was opened. An occurrence that was due before a run made by hand, but opened
    after it, looked later. A baseline from the future was taken while the clock was wrong and silences nothing.
    """
    return run.due_at < baseline.due_at <= now and run.id < baseline.run


def _kept(judged: Judgement, state: WatchState, why: str) -> Decision:
    """Return a decision that is recorded and changes nothing."""
    return Decision(
        verdict=judged.verdict,
        reason=why,
        state=state,
        code=judged.code,
        result=judged.result,
        changes=judged.changes,
        violations=judged.violations,
    )


def _bad(watch: Watch, run: Run, judged: Judgement, state: WatchState, now: datetime, new_event: NewEvent) -> Decision:
    if judged.fault and run.attempt <= watch.limits.retries and _worth_another(judged.fault, watch):
        seconds = _wait(judged.fault)
        why = f"{judged.reason}; tried again in {seconds:.0f} s"
        return replace(_kept(judged, state, why), retry=Retry(now + timedelta(seconds=seconds), judged.reason))
    after, told = incident.worse(watch, judged, state, now, new_event)
    return replace(_kept(judged, after, judged.reason), notifications=told)


def _worth_another(fault: Fault, watch: Watch) -> bool:
    """Say whether a paid retry may help: what the API calls retryable, and what else the user asked for by number."""
    asked_for = watch.limits.retries_are_set and (fault.code is Code.TIMEOUT or fault.category == "UNKNOWN")
    return fault.retryable or asked_for


def _wait(fault: Fault) -> float:
    asked = fault.retry_after
    if asked is None or not math.isfinite(asked):
        return RETRY_AFTER
    return min(max(asked, _SHORTEST), _LONGEST)


def _good(watch: Watch, run: Run, judged: Judgement, state: WatchState, now: datetime, new_event: NewEvent) -> Decision:
    moved = judged.verdict in {Verdict.BASELINE, Verdict.CHANGED}
    after = WatchState(
        generation=watch.fingerprint,
        baseline=Baseline(run.id, run.due_at, judged.result) if moved else state.baseline,
        last_good_at=now,
    )
    told = incident.recovered(watch, state, new_event) + _news(watch, judged, new_event)
    return replace(_kept(judged, after, judged.reason), notifications=told)


def _news(watch: Watch, judged: Judgement, new_event: NewEvent) -> tuple[Notification, ...]:
    """Return the notification of a baseline or a change, if a rule wants it."""
    kind = {Verdict.BASELINE: Kind.BASELINE, Verdict.CHANGED: Kind.CHANGE}.get(judged.verdict)
    whom = incident.targets(watch, kind) if kind else ()
    if kind is None or not whom:
        return ()
    first = judged.result if kind is Kind.BASELINE else None
    return (Notification(new_event(), kind, whom, changes=judged.changes, result=first),)
