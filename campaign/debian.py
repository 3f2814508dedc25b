"""Debian's cron, minute by minute: an independent, slow oracle of when an expression is due in a zone.

It replays the main loop of Debian's cron(8): each real minute is compared with the virtual minute up to which jobs have
run. One minute on: run what matches. Up to three hours forward: jobs with a star in minute or hour follow the clock,
the others run for every minute that was skipped. Up to three hours back: only jobs with such a star run until the
virtual minute is reached again. Anything more: the clock was set, follow it. Must not import monitor.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
THREE_HOURS = 180
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a wall clock's minutes, without a zone
Wall = int  # minutes of a wall clock since its 1 January 1970


@dataclass(frozen=True, slots=True)
class Job:
    """One expression, as sets of values, with the flags that Debian's rules ask for."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool  # neither day field begins with a star: one of them is enough
    wild: bool  # minute or hour begins with a star: it follows the clock

    def matches(self, wall: Wall) -> bool:
        """Say whether it is due at this minute of the wall clock."""
        day, minute = divmod(wall, 1_440)
        if minute % 60 not in self.minutes or minute // 60 not in self.hours:
            return False
        return _day(self, day)


@lru_cache(maxsize=200_000)
def _day(job: Job, number: int) -> bool:
    date = EPOCH + timedelta(days=number)
    if date.month not in job.months:
        return False
    day, weekday = date.day in job.days, date.isoweekday() % 7 in job.weekdays
    return (day or weekday) if job.either_day else (day and weekday)


def job(expression: str) -> Job:
    """Return an expression of five plain fields as a job."""
    minute, hour, day, month, weekday = expression.lower().split()
    weekdays = frozenset(number % 7 for number in _values(weekday, 0, 7, DAYS))
    return Job(
        minutes=_values(minute, 0, 59),
        hours=_values(hour, 0, 23),
        days=_values(day, 1, 31),
        months=_values(month, 1, 12, MONTHS),
        weekdays=weekdays,
        either_day=day[0] != "*" and weekday[0] != "*",
        wild=minute[0] == "*" or hour[0] == "*",
    )


def _values(field: str, low: int, high: int, names: Sequence[str] = ()) -> frozenset[int]:
    found: set[int] = set()
    for term in field.split(","):
        span, _, step = term.partition("/")
        first, _, last = span.partition("-")
        begin, end = (low, high) if span == "*" else (_value(first, low, names), _value(last or first, low, names))
        found.update(range(begin, end + 1, int(step or 1)))
    return frozenset(found)


def _value(word: str, low: int, names: Sequence[str]) -> int:
    return names.index(word) + low if word in names else int(word)


def walls(zone: str, begin: datetime, minutes: int) -> list[Wall]:
    """Return what the wall clock of a zone shows at each of so many minutes from `begin`."""
    where, shown = ZoneInfo(zone), []
    for number in range(minutes):
        local = (begin + timedelta(minutes=number)).astimezone(where)
        shown.append((local.toordinal() - EPOCH.toordinal()) * 1_440 + local.hour * 60 + local.minute)
    return shown


def fires(what: Job, shown: Sequence[Wall]) -> Iterator[int]:
    """Yield the numbers of the minutes (of `shown`) in which cron starts the job, at most once each; the first none."""
    virtual = shown[0]
    for number in range(1, len(shown)):
        running = shown[number]
        ahead = running - virtual
        if ahead == 1 or ahead > THREE_HOURS or ahead <= -THREE_HOURS:
            virtual = running
            due = what.matches(running)
        elif ahead <= 0:
            due = what.wild and what.matches(running)
        else:
            skipped = range(virtual + 1, running + 1)
            due = what.matches(running) if what.wild else any(what.matches(each) for each in skipped)
            virtual = running
        if due:
            yield number


def utc(instant: datetime) -> datetime:
    """Return an instant without its seconds, in UTC."""
    return instant.astimezone(UTC).replace(second=0, microsecond=0)
