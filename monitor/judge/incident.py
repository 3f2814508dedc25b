"""A watch that fails: when that is told, reminded of and over, and a watch that flaps (reliability.md C8).

One failure message when an incident opens, one for every other kind of error inside it, reminders, one recovery. After
`FLAPS` incidents in `WINDOW` the watch is told as flapping once; then its incidents are silent until its state has not
changed for `STEADY`. Must not know results: it sees verdicts, codes and the state before.

Where the flapping rule comes from: Nagios counts changes of state over the last checks and silences a host above one
bound until it falls below a lower one; Alertmanager's habit is a window and a repeat interval. Here: a count in a
window to begin, a span without change to end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from monitor.judge.decision import Flapping, Incident, Kind, Notification, WatchState
from monitor.judge.telling import targets
from monitor.judge.verdict import TOLD_AT_ONCE, Judgement
from monitor.watch.model import Watch

FLAPS = 3  # incidents in `WINDOW` that make a watch a flapping one
WINDOW = timedelta(hours=24)
STEADY = timedelta(hours=6)  # without a change of state: then it flaps no more

NewEvent = Callable[[], str]


def worse(
    watch: Watch, judged: Judgement, state: WatchState, now: datetime, new_event: NewEvent
) -> tuple[WatchState, tuple[Notification, ...]]:
    """Return the state after one more bad verdict, and what is told of it if somebody wants to know.

    Told are the first one after `failing_after` failures in a row (at once for the codes that only a person can mend),
    inside an incident every kind of error that was not told in it, and a reminder after `remind_every`.
    """
    code = judged.code or ""
    failures = state.failures + 1
    opened = state.incident or Incident(id=new_event(), opened_at=now, code=code)
    incident = replace(opened, code=code)
    after = replace(state, failures=failures, incident=incident)
    enough = failures >= watch.limits.failing_after or code in TOLD_AT_ONCE
    if state.flapping is not None and state.flapping.since is not None:
        after = replace(after, flapping=replace(state.flapping, bad_at=now))
        return _while_flapping(watch, judged, after, now, new_event, enough=enough)
    if enough and not _told(incident):
        return _opened(watch, judged, after, now, new_event)
    if _told(incident) and code not in _codes(opened):
        return _telling(watch, Kind.FAILURE, judged, after, now, new_event)
    return _reminded(watch, after, now, new_event, judged)


def _opened(
    watch: Watch, judged: Judgement, state: WatchState, now: datetime, new_event: NewEvent
) -> tuple[WatchState, tuple[Notification, ...]]:
    """Tell an incident; the one that makes the watch a flapping one is told as that, if anybody wants failures."""
    flapping = state.flapping or Flapping()
    opened = (*(each for each in flapping.opened if now - each < WINDOW), now)[-FLAPS:]
    if len(opened) < FLAPS or not targets(watch, Kind.FAILURE):
        after = replace(state, flapping=replace(flapping, opened=opened))
        return _telling(watch, Kind.FAILURE, judged, after, now, new_event)
    code = judged.code or ""
    flapping = Flapping((), now, since=opened[0], told_at=now, incidents=FLAPS, codes=(code,))
    return _telling(watch, Kind.FAILURE, judged, replace(state, flapping=flapping), now, new_event)


def _while_flapping(
    watch: Watch, judged: Judgement, state: WatchState, now: datetime, new_event: NewEvent, *, enough: bool
) -> tuple[WatchState, tuple[Notification, ...]]:
    """Be silent, but for a kind of error that was not told, for what fails steadily by now, and for a reminder."""
    flapping, incident = state.flapping, state.incident
    assert flapping is not None
    assert incident is not None
    if not enough:
        return state, ()
    if now - incident.opened_at >= STEADY:  # an ordinary incident from here on; what was told counts as told in it
        incident = replace(incident, codes=flapping.codes, announced=True)
        state = replace(state, incident=incident, flapping=None)
        return _telling(watch, Kind.FAILURE, judged, state, now, new_event)
    if incident.told_at is None:  # counted once, silently
        state = replace(state, incident=replace(incident, told_at=now))
        flapping = replace(flapping, incidents=flapping.incidents + 1)
    if (judged.code or "") not in flapping.codes:
        kind = Kind.FAILURE
    elif flapping.told_at is None or now - flapping.told_at >= watch.limits.remind_every:
        kind = Kind.REMINDER
    else:
        return replace(state, flapping=flapping), ()
    flapping = replace(flapping, told_at=now, codes=tuple(dict.fromkeys((*flapping.codes, judged.code or ""))))
    return _telling(watch, kind, judged, replace(state, flapping=flapping), now, new_event)


def reminder(
    watch: Watch, state: WatchState, now: datetime, new_event: NewEvent
) -> tuple[WatchState, tuple[Notification, ...]]:
    """Return the state and the reminder of an incident that goes on while no run is made; nothing before it is due."""
    if state.flapping is not None and state.flapping.since is not None:
        return state, ()  # looked at when it fails again
    return _reminded(watch, state, now, new_event)


def _reminded(
    watch: Watch, state: WatchState, now: datetime, new_event: NewEvent, judged: Judgement | None = None
) -> tuple[WatchState, tuple[Notification, ...]]:
    incident = state.incident
    if incident is None or not _told(incident):
        return state, ()
    if now - (incident.told_at or incident.opened_at) < watch.limits.remind_every:
        return state, ()
    return _telling(watch, Kind.REMINDER, judged, state, now, new_event)


def _telling(
    watch: Watch,
    kind: Kind,
    judged: Judgement | None,
    state: WatchState,
    now: datetime,
    new_event: NewEvent,
) -> tuple[WatchState, tuple[Notification, ...]]:
    """Return the state once this was told, and the notification if somebody wants it."""
    incident, flapping = state.incident, state.flapping or Flapping()
    assert incident is not None
    whom = targets(watch, kind)
    codes = tuple(dict.fromkeys((*_codes(incident), incident.code)))
    told = replace(incident, announced=incident.announced or bool(whom), told_at=now, codes=codes)
    after = replace(state, incident=told)
    if not whom:
        return after, ()
    note = Notification(
        event=new_event(),
        kind=kind,
        targets=whom,
        code=incident.code,
        message=judged.reason if judged else None,
        hint=judged.hint if judged else None,
        since=flapping.since or incident.opened_at,
        failures=state.failures,
        incidents=flapping.incidents if flapping.since else 0,
    )
    return after, (note,)


def recovered(
    watch: Watch, state: WatchState, now: datetime, new_event: NewEvent
) -> tuple[Flapping | None, tuple[Notification, ...]]:
    """Return how unsteady the watch is from a good verdict on, and its recovery notification.

    That is exactly one, of an incident that was announced, or of the flapping once it is over.
    """
    incident, flapping = state.incident, state.flapping
    if flapping is not None and flapping.since is not None:
        if flapping.bad_at is not None and now - flapping.bad_at < STEADY:
            return flapping, ()
        return None, _recovery(watch, flapping.since, None, new_event, incidents=flapping.incidents)
    if flapping is not None:
        opened = tuple(each for each in flapping.opened if now - each < WINDOW)
        flapping = replace(flapping, opened=opened) if opened else None
    if incident is None or not incident.announced:
        return flapping, ()
    return flapping, _recovery(watch, incident.opened_at, incident.code, new_event, failures=state.failures)


def _recovery(
    watch: Watch,
    since: datetime,
    code: str | None,
    new_event: NewEvent,
    *,
    failures: int = 0,
    incidents: int = 0,
) -> tuple[Notification, ...]:
    whom = targets(watch, Kind.RECOVERY)
    if not whom:
        return ()
    note = Notification(
        new_event(), Kind.RECOVERY, whom, code=code, since=since, failures=failures, incidents=incidents
    )
    return (note,)


def _told(incident: Incident) -> bool:
    return incident.announced or incident.told_at is not None


def _codes(incident: Incident) -> tuple[str, ...]:
    """Return the kinds of error that were told in an incident; one from before they were kept has told its last."""
    if incident.codes:
        return incident.codes
    return (incident.code,) if incident.announced else ()
