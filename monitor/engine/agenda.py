"""Coming occurrences with what a person wants to know of them: local time, UTC, and what summer time does to them.

Pure; the instants are `watch.cron`'s. Must not know how they are shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from monitor.engine.schedule import next_due, offset
from monitor.store.records import stamp
from monitor.watch.cron import occurrences
from monitor.watch.model import Watch

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Coming:
    """One occurrence to come: `due_at` in UTC, `local` in the watch's zone, `offset` how long after it the run starts.

    `note` says what a change of the clocks has to do with it, None for nothing.
    """

    watch: str
    due_at: datetime
    local: datetime
    timezone: str
    offset: timedelta
    note: str | None

    def as_json(self) -> dict[str, Any]:
        """Return the object of `schedule --json`."""
        return {
            "watch": self.watch,
            "due_at": stamp(self.due_at),
            "starts_at": stamp(self.due_at + self.offset),
            "local": self.local.isoformat(timespec="seconds"),
            "timezone": self.timezone,
            "note": self.note,
        }


def coming(watch: Watch, now: datetime, count: int) -> list[Coming]:
    """Return the next `count` occurrences of a watch, in order; none of one that is disabled."""
    if not watch.enabled:
        return []
    zone = ZoneInfo(watch.timezone)
    found, before = [], now
    for instant in next_due(watch, now, count):
        note = "; ".join(_notes(before, instant, zone)) or None
        found.append(Coming(watch.name, instant, instant.astimezone(zone), watch.timezone, offset(watch), note))
        before = instant
    return found


def _notes(before: datetime, instant: datetime, zone: ZoneInfo) -> Iterator[str]:
    """Yield what is to be said of an instant: a change of the clocks since the one before, a time that comes twice."""
    then, now = _utc_offset(before, zone), _utc_offset(instant, zone)
    if then != now:
        change = _change(before, instant, zone)
        moved = now - then
        way = f"forward by {_spelled(moved)}" if moved > timedelta(0) else f"back by {_spelled(-moved)}"
        yield f"the clock goes {way} at {(change - _SECOND).astimezone(zone) + _SECOND:%Y-%m-%d %H:%M} local time"
    local = instant.astimezone(zone)
    twice = local.replace(fold=0).utcoffset(), local.replace(fold=1).utcoffset()
    if twice[0] != twice[1] and twice[0] is not None and twice[1] is not None and twice[0] > twice[1]:
        yield f"this local time comes twice that day: it is the {'second' if local.fold else 'first'} one"


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant in (before, after] from which on the zone has the offset of `after`, to the second."""
    low, high = before, after
    while high - low > _SECOND:
        middle = low + (high - low) / 2
        if _utc_offset(middle, zone) == _utc_offset(after, zone):
            high = middle
        else:
            low = middle
    rounded = high.replace(microsecond=0)
    return rounded if _utc_offset(rounded, zone) == _utc_offset(after, zone) else rounded + _SECOND


def _utc_offset(instant: datetime, zone: ZoneInfo) -> timedelta:
    return instant.astimezone(UTC).astimezone(zone).utcoffset() or timedelta(0)


def _spelled(moved: timedelta) -> str:
    minutes = round(moved.total_seconds() / 60)
    return f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min"


class Dues:
    """When watches are due next, computed once for each schedule until that instant has passed."""

    def __init__(self) -> None:
        self._known: dict[tuple[tuple[str, ...], str], tuple[datetime, datetime | None]] = {}

    def next(self, watch: Watch, now: datetime) -> datetime | None:
        """Return the next occurrence of a watch, without its jitter; None for one that is disabled or has none."""
        if not watch.enabled:
            return None
        key = (watch.cron, watch.timezone)
        asked, due = self._known.get(key, (None, None))
        if asked is None or now < asked or (due is not None and due <= now):
            due = next(iter(occurrences(watch.cron, watch.timezone, now)), None)
            if len(self._known) > 10_000:
                self._known.clear()
            self._known[key] = (now, due)
        return due
