"""The whole judgement of one run, as one pure function: outcome and state in, `Decision` out; time is an argument.

The baseline moves only on a first good result and on a change, never on a bad one, never backwards in time, never for a
dry run (reliability.md B1, B4, B7, B8). Must not know the store, the network or how messages are worded.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta

from monitor.agent.outcome import Code, Fault, Outcome
from monitor.judge import confirmation, incident, silence, telling
from monitor.judge.conditions import texts
from monitor.judge.conditions.history import History
from monitor.judge.decision import Baseline, Decision, Kind, Notification, Retry, Verdict, WatchState
from monitor.judge.drift import profile as drift
from monitor.judge.incident import NewEvent
from monitor.judge.news import Seen, news
from monitor.judge.schemas import validation
from monitor.judge.values.reading import GOAL
from monitor.judge.verdict import Judgement, judge
from monitor.watch.model import Watch
from monitor.watch.run import Run

RETRY_AFTER = 10.0  # seconds, where the API named none
_SHORTEST, _LONGEST = 1.0, 3_600.0  # what a server may ask for (reliability.md row 36)


def decide(
    watch: Watch,
    run: Run,
    outcome: Outcome,
    state: WatchState,
    now: datetime,
    new_event: NewEvent,
    *,
    history: History | None = None,
) -> Decision:
    """Return what a run means and what follows from it. Never raises, whatever the agent returned.

    `new_event` gives a fresh ULID at every call; `state` is what was remembered before this run; `history` holds the
    places that `rules.reads_history` names.
    """
    baseline = state.baseline if state.generation == watch.fingerprint else None
    judged = judge(watch, outcome, baseline)
    if run.dry:
        return _kept(judged, state, judged.reason)
    if state.baseline is not None and _older(run, state.baseline, now):
        return _kept(judged, state, f"older than the baseline, history only ({judged.reason})")
    about = texts.run_values(run, outcome, judged, now)
    if judged.verdict.bad:
        return texts.attached(_bad(watch, run, judged, state, now, new_event), watch, about, now)
    if judged.verdict is Verdict.BASELINE and state.baseline is not None:
        judged = replace(judged, reason="first good result since the watch was changed")
    seen = Seen(run, outcome, judged, state, None, now, history)
    return texts.attached(_good(watch, seen, new_event), watch, about, now)


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
        coerced=judged.coerced,
    )


def _bad(watch: Watch, run: Run, judged: Judgement, state: WatchState, now: datetime, new_event: NewEvent) -> Decision:
    state, drifted = _drift(watch, judged, state, now, new_event)
    if judged.fault and run.attempt <= watch.limits.retries and _worth_another(judged.fault, watch):
        seconds = _wait(judged.fault)
        why = f"{judged.reason}; tried again in {seconds:.0f} s"
        return replace(_kept(judged, state, why), retry=Retry(now + timedelta(seconds=seconds), judged.reason))
    after, told = incident.worse(watch, judged, state, now, new_event)
    after, silent = silence.stale(watch, after, now, new_event)
    told += silent + drifted
    return replace(_kept(judged, after, judged.reason), notifications=told, looks=telling.plainly(watch, told))


def _worth_another(fault: Fault, watch: Watch) -> bool:
    """Say whether a paid retry may help: what the API calls retryable, and what else the user asked for by number."""
    asked_for = watch.limits.retries_are_set and (fault.code is Code.TIMEOUT or fault.category == "UNKNOWN")
    return fault.retryable or asked_for


def _wait(fault: Fault) -> float:
    asked = fault.retry_after
    if asked is None or not math.isfinite(asked):
        return RETRY_AFTER
    return min(max(asked, _SHORTEST), _LONGEST)


def _good(watch: Watch, seen: Seen, new_event: NewEvent) -> Decision:
    run, state, now = seen.run, seen.before, seen.now
    same = state.generation == watch.fingerprint
    found = confirmation.weighed(watch, run, seen.judged, state.pending if same else None, now)
    judged = found.judged
    moved = judged.verdict in {Verdict.BASELINE, Verdict.CHANGED}
    result = Baseline(run.id, run.due_at, judged.result)
    before = state if same else replace(state, baseline=None, first=None, memories={})
    after = WatchState(
        generation=watch.fingerprint,
        baseline=result if moved else state.baseline,
        last_good_at=now,
        first=(before.first or before.baseline) if same else result,
        pending=found.pending,
        profile=state.profile if same else None,
    )
    flapping, again = incident.recovered(watch, state, now, new_event)
    told = news(watch, replace(seen, judged=judged, before=before, first=after.first), new_event)
    after, drifted = _drift(watch, judged, replace(after, memories=told.memories, flapping=flapping), now, new_event)
    beside = again + drifted
    return replace(
        _kept(judged, after, judged.reason),
        notifications=beside + told.notifications,
        looks=told.looks + telling.plainly(watch, beside),
        check=found.check,
    )


def _drift(
    watch: Watch, judged: Judgement, state: WatchState, now: datetime, new_event: NewEvent
) -> tuple[WatchState, tuple[Notification, ...]]:
    """Return the state with what this result adds to the watch's profile, and the drift that it shows."""
    if not watch.drift or state.generation not in {"", watch.fingerprint}:
        return replace(state, profile=None), ()
    if not isinstance(judged.result, dict) or judged.code == GOAL:
        return state, ()  # a run that failed, or whose goal did, says nothing of the fields and forgets nothing
    scope = validation.compiled(watch.output_schema).scope
    profile, findings = drift.observed(state.profile, judged.result, scope, now, watch.compare)
    whom = telling.targets(watch, Kind.DRIFT) if findings else ()
    message = "\n".join(f"{each.path}: {each.figures}" for each in findings)
    told = (Notification(new_event(), Kind.DRIFT, whom, message=message),) if whom else ()
    return replace(state, profile=profile), told
