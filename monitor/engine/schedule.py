"""The schedule: which watch is due when, as APScheduler jobs, one per distinct schedule and not per watch.

APScheduler only wakes us (reliability.md finding 1; measurements.md "Scheduling": 100,000 single jobs blocked its loop
for 13 s). The instants come from `watch.cron` and are handed over exactly; the clock may run faster than the machine's.
Must not know what a run is or does.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from monitor.clock import WallClock
from monitor.watch.cron import occurrences
from monitor.watch.model import Watch

CATCH_UP = timedelta(hours=24)  # interface.md: one period, at most 24 h
PULSE = 30.0  # reliability.md D5: a stepped or suspended clock is noticed within 30 s
SLICE = 200  # watches handed over before the loop gets a turn (measurements.md: 200 cost 4 ms)
MOST_MISSED = 1_000  # occurrences of one schedule that are recorded after one downtime, suspension or stall
LOOK_BACK = timedelta(days=366)  # older occurrences are not recorded
EARLY = timedelta(seconds=0.5)  # a driven clock rounds: what fires this little early is due

Due = Callable[[Watch, datetime], None]
Missed = Callable[[Watch, Sequence[datetime], str, str], None]


def offset(watch: Watch) -> timedelta:
    """Return the watch's own delay after each due instant: whole seconds below its jitter, always the same (D6)."""
    spread = max(1, int(watch.jitter.total_seconds()))
    digest = hashlib.sha256(watch.name.encode()).digest()
    return timedelta(seconds=int.from_bytes(digest[:8]) % spread)


def overdue(watch: Watch, last_due: datetime, now: datetime) -> tuple[datetime | None, list[datetime]]:
    """Return (the one occurrence to catch up, or None; those that are missed, oldest first) of (last_due, now].

    At most one is caught up: the newest, if it is younger than `catch_up` (reliability.md D4); younger than one period
    it always is. At most the newest `MOST_MISSED` of a year are looked at.
    """
    due = _newest(watch.cron, watch.timezone, last_due, now)
    if not due or now - due[-1] > watch.catch_up:
        return None, due
    return due[-1], due[:-1]


def unrecorded(watch: Watch, recorded: Sequence[datetime], since: datetime | None = None) -> list[datetime]:
    """Return the occurrences between the first and the last recorded one that have no record (reliability.md G1).

    `since` is when the watch was first scheduled, if that is known: what was due between then and the first record
    counts too. For records since the definition was last edited: an earlier cron had other occurrences.
    """
    if not recorded:
        return []
    due = _newest(watch.cron, watch.timezone, min(recorded[0], since or recorded[0]), recorded[-1])
    return sorted(set(due) - set(recorded))


def _newest(expressions: Sequence[str], timezone: str, after: datetime, until: datetime) -> list[datetime]:
    """Return the instants of (after, until], oldest first, at most the newest `MOST_MISSED` of a year.

    Looks back from `until` in spans that double, so that years of downtime of a watch of every minute cost no seconds.
    """
    earliest = max(after, until - LOOK_BACK)
    span = CATCH_UP
    while True:
        start = max(earliest, until - span)
        due = list(itertools.takewhile(lambda instant: instant <= until, occurrences(expressions, timezone, start)))
        if start == earliest or len(due) >= MOST_MISSED:
            return due[-MOST_MISSED:]
        span *= 2


_Key = tuple[tuple[str, ...], str, timedelta]


def _key(watch: Watch) -> _Key:
    return tuple(watch.cron), watch.timezone, offset(watch)


@dataclass(slots=True)
class _Member:
    """A watch of a group, and since when: what was due before is not its."""

    watch: Watch
    since: datetime


@dataclass
class _Group:
    """The watches of one schedule and one offset; `cursor` is the last instant that was handed over."""

    expressions: Sequence[str]
    timezone: str
    delay: timedelta
    cursor: datetime
    members: dict[str, _Member] = field(default_factory=dict)
    job: str = ""

    def take(self, now: datetime) -> list[datetime]:
        """Return the instants that are due by now and move the cursor behind them."""
        due = _newest(self.expressions, self.timezone, self.cursor, now + EARLY - self.delay)
        if due:
            self.cursor = due[-1]
        return due


class _Occurrences(BaseTrigger):  # type: ignore[misc] # APScheduler ships no types
    """APScheduler's view of a group: when, on the machine's clock, the next instant of our clock is due."""

    def __init__(self, group: _Group, clock: WallClock) -> None:
        self._group = group
        self._clock = clock

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:  # noqa: ARG002 - APScheduler's signature
        # APScheduler asks more than once for the same previous time, so nothing is remembered here. Instants that were
        # slept through need no fire of their own: `_Group.take` finds them by its cursor.
        group, clock = self._group, self._clock
        after = group.cursor
        if previous_fire_time is not None:
            after = max(clock.at(previous_fire_time) + EARLY, clock.now()) - group.delay
        instant = next(iter(occurrences(group.expressions, group.timezone, after)), None)
        if instant is None:
            return None
        return clock.wall(instant + group.delay)


class Schedule:
    """Fires each watch at its instants: `due(watch, instant)` for the newest, `missed(...)` for those slept through."""

    def __init__(self, clock: WallClock, due: Due, missed: Missed) -> None:
        self._clock = clock
        self._due = due
        self._missed = missed
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._groups: dict[_Key, _Group] = {}
        self._of: dict[str, _Key] = {}  # the group of each watch
        self._pulse: asyncio.Task[None] | None = None
        self.last_pulse = clock.monotonic()

    def add(self, watches: Iterable[Watch], now: datetime) -> None:
        """Schedule watches from `now` on."""
        for watch in watches:
            key = self._of[watch.name] = _key(watch)
            group = self._groups.get(key)
            if group is None:
                group = self._groups[key] = _Group(key[0], key[1], key[2], cursor=now)
                group.job = self._scheduler.add_job(
                    self._fire,
                    _Occurrences(group, self._clock),
                    args=(group,),
                    misfire_grace_time=None,  # lateness is ours to judge: its default of 1 s loses runs
                    coalesce=True,
                    max_instances=1,
                ).id
            group.members[watch.name] = _Member(watch, now)

    def remove(self, name: str) -> None:
        """Schedule a watch no more; what was due and not handed over is gone."""
        key = self._of.pop(name, None)
        if key is None:
            return
        group = self._groups[key]
        del group.members[name]
        if not group.members:
            del self._groups[key]
            self._scheduler.remove_job(group.job)

    def change(self, watch: Watch, now: datetime) -> None:
        """Go on with another definition of a scheduled watch; what was due and waited for its offset runs now."""
        group = self._groups[self._of[watch.name]]
        member = group.members[watch.name]
        if self._of[watch.name] == _key(watch):
            member.watch = watch
            return
        handed = max(group.cursor, member.since)
        due = _newest(group.expressions, group.timezone, handed, now)
        self.remove(watch.name)
        self.add([watch], max(handed, now))
        self._hand(watch, due, now)

    async def _fire(self, group: _Group) -> None:
        now = self._clock.now()
        due = group.take(now)
        if not due:
            return  # handed over by an earlier call already
        for number, name in enumerate(list(group.members)):
            member = group.members.get(name)  # None: taken out while others had their turn
            if member is not None:
                mine = due if member.since < due[0] else [each for each in due if each > member.since]
                self._hand(member.watch, mine, now)
            if number % SLICE == SLICE - 1:
                await asyncio.sleep(0)

    def _hand(self, watch: Watch, due: Sequence[datetime], now: datetime) -> None:
        """Hand over what is due of a watch: the newest runs, unless it is too old, and the others are missed."""
        fresh = bool(due) and now - due[-1] <= CATCH_UP
        missed = due[:-1] if fresh else due
        if missed:
            self._missed(watch, missed, "LATE", "the daemon did not come round to it in time")
        if fresh:
            self._due(watch, due[-1])

    async def _keep_pulse(self) -> None:
        while True:
            await asyncio.sleep(PULSE / 3)
            self._scheduler.wakeup()
            self.last_pulse = self._clock.monotonic()

    @property
    def stalled(self) -> bool:
        """True when the loop has not come round for so long that occurrences are late."""
        return self._clock.monotonic() - self.last_pulse > 3 * PULSE * self._clock.speed

    async def __aenter__(self) -> Self:
        self._scheduler.start()
        self._pulse = asyncio.create_task(self._keep_pulse(), name="schedule pulse")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._scheduler.shutdown(wait=False)
        if self._pulse is not None:
            self._pulse.cancel()
            await asyncio.gather(self._pulse, return_exceptions=True)


def next_due(watch: Watch, now: datetime, count: int = 1) -> list[datetime]:
    """Return the next `count` occurrences of a watch, without its offset."""
    found: list[datetime] = []
    for instant in occurrences(watch.cron, watch.timezone, now):
        found.append(instant)
        if len(found) == count:
            break
    return found


def runs_a_month(watch: Watch, now: datetime) -> int:
    """Return about how many occurrences 30 days hold: counted, or scaled up from whole weeks once those hold 5,000.

    Whole weeks, so that a schedule of working days is not taken for one of every day.
    """
    month, week, most = timedelta(days=30), timedelta(days=7), 5_000
    count, sample = 0, week
    for instant in occurrences(watch.cron, watch.timezone, now):
        while instant > now + sample and sample < month:
            if count >= most:
                return round(count * (month / sample))
            sample = min(sample + week, month)
        if instant > now + month:
            break
        count += 1
    return count
