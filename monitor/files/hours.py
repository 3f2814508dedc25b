"""Hours of the day by the clock on a wall: `from` to `to` in a time zone, also across midnight and where clocks change.

Owns only when such hours are; must not know what they are for. Wall times are turned into instants and compared as
instants, so that nothing depends on how often a clock shows a time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Self
from zoneinfo import ZoneInfo

from monitor.files import zones

_FORM = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])\Z")


def clock_time(text: str) -> time:
    """Return the time of day that `22:00` names; raises ValueError with a message for the user."""
    found = _FORM.match(text)
    if not found:
        raise ValueError(f"{text!r} is not a time of day: write hours and minutes from 00:00 to 23:59, in quotes")
    return time(int(found[1]), int(found[2]))


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Hours of every day in which messages of the kinds in `hold` are held.

    They begin when the clock of `zone` first shows `start`, or leaps over it, and end when it last shows `end`.
    """

    start: time
    end: time
    zone: str
    hold: frozenset[str]

    @classmethod
    def of(cls, start: str, end: str, zone: str, hold: frozenset[str]) -> Self:
        """Return the hours that texts name; raises ValueError with a message for the user."""
        first, last = clock_time(start), clock_time(end)
        if first == last:
            raise ValueError("from and to are the same time: hours that never end would hold messages for ever")
        return cls(first, last, zones.zone(zone).key, hold)

    def __str__(self) -> str:
        """Return the hours as they may be shown: `22:00-07:00 Europe/Berlin, holds change`."""
        return f"{self.start:%H:%M}-{self.end:%H:%M} {self.zone}, holds {' and '.join(sorted(self.hold))}"

    def until(self, now: datetime) -> datetime | None:
        """Return the end of the hours that `now` (aware) lies in, in UTC; None when it lies in none."""
        zone = zones.zone(self.zone)
        today = now.astimezone(zone).date()
        for days in (-1, 0, 1):  # the hours that began yesterday, and a zone that leapt over a date
            day = today + timedelta(days=days)
            last = day + timedelta(days=1) if self.end < self.start else day
            if _shown(day, self.start, zone, last=False) <= now < (end := _shown(last, self.end, zone, last=True)):
                return end
        return None


def _shown(day: date, at: time, zone: ZoneInfo, *, last: bool) -> datetime:
    """Return the instant at which the clocks of a zone first (or last) show a time, or leap over it."""
    wanted = datetime.combine(day, at)
    first, second = (wanted.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first <= second:  # shown once, or twice
        return second if last else first
    # Leapt over: `second` is read with the offset after the leap and lies before it, `first` the other way round.
    before, after = second, first
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        if middle.astimezone(zone).replace(tzinfo=None) < wanted:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)
