"""A watch without a valid result for too long (`stale_after`): told once, whatever the reason, until one comes.

Must not know why there was none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from monitor.judge.decision import Kind, Notification, WatchState
from monitor.judge.telling import targets
from monitor.watch.model import Watch


def since(state: WatchState) -> datetime | None:
    """Return since when there was no valid result, as far as it is known: a watch may never have had one."""
    if state.last_good_at is not None:
        return state.last_good_at
    return state.incident.opened_at if state.incident else None


def stale(
    watch: Watch, state: WatchState, now: datetime, new_event: Callable[[], str]
) -> tuple[WatchState, tuple[Notification, ...]]:
    """Return the state and what is told when no valid result came for `stale_after`, unless that was told already."""
    begin = since(state)
    if begin is None or state.stale_told or now - begin < watch.stale_after:
        return state, ()
    whom = targets(watch, Kind.STALE)
    if not whom:
        return replace(state, stale_told=True), ()
    why = "This watch has not given a valid result yet." if state.last_good_at is None else None
    note = Notification(new_event(), Kind.STALE, whom, message=why, since=begin, failures=state.failures)
    return replace(state, stale_told=True), (note,)
