"""A watch that fails: counting, when a failure is told, and the one recovery (reliability.md C8).

Must not know results: it sees verdicts, codes and the state before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from monitor.judge.decision import Incident, Kind, Notification, WatchState
from monitor.judge.verdict import TOLD_AT_ONCE, Judgement
from monitor.watch.model import Watch

NewEvent = Callable[[], str]


def targets(watch: Watch, kind: Kind) -> tuple[str, ...]:
    """Return whom the watch's rules tell of a kind of event, each target once, in the order of the rules."""
    return tuple(dict.fromkeys(target for rule in watch.notify if kind.value in rule.on for target in rule.to))


def worse(
    watch: Watch, judged: Judgement, state: WatchState, now: datetime, new_event: NewEvent
) -> tuple[WatchState, tuple[Notification, ...]]:
    """Return the state after one more bad verdict, and the failure notification if it is due and somebody wants it.

    Due is the first one after `failing_after` failures in a row (at once for the codes that only a person can mend),
    and inside an incident that was announced every code other than the one told last.
    """
    code = judged.code or ""
    failures = state.failures + 1
    incident = state.incident or Incident(id=new_event(), opened_at=now, code=code)
    enough = failures >= watch.limits.failing_after or code in TOLD_AT_ONCE
    due = code != incident.code if incident.announced else enough
    whom = targets(watch, Kind.FAILURE) if due else ()
    incident = replace(incident, code=code, announced=incident.announced or bool(whom))
    after = replace(state, failures=failures, incident=incident)
    if not whom:
        return after, ()
    return after, (
        Notification(
            event=new_event(),
            kind=Kind.FAILURE,
            targets=whom,
            code=code,
            message=judged.reason,
            hint=judged.hint,
            since=incident.opened_at,
            failures=failures,
        ),
    )


def recovered(watch: Watch, state: WatchState, new_event: NewEvent) -> tuple[Notification, ...]:
    """Return the recovery notification of a good verdict: exactly one, and only of an incident that was announced."""
    incident, whom = state.incident, targets(watch, Kind.RECOVERY)
    if incident is None or not incident.announced or not whom:
        return ()
    return (
        Notification(
            event=new_event(),
            kind=Kind.RECOVERY,
            targets=whom,
            code=incident.code,
            since=incident.opened_at,
            failures=state.failures,
        ),
    )
