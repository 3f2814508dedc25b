"""Time as a value: the one place that reads the clock and sleeps, passed down to whoever needs it.

Rooms get a `Clock` (or just its `now`) as an argument, so that a test can simulate a year and the demo can run
one minute in three seconds. Must not know what is timed.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol, overload


class Clock(Protocol):
    """What rooms need of time: aware UTC instants, monotonic seconds, and a sleep in this clock's own seconds."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never step back, in this clock's own pace."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Sleep for `seconds` of this clock."""
        ...


class WallClock:
    """The machine's clock, optionally driven `speed` times faster (the demo: 20, one minute = 3 s).

    A driven clock shows the machine's time at `origin` (default: now) and runs faster from then on; processes that are
    given the same origin show the same time.
    """

    def __init__(self, speed: float = 1.0, origin: datetime | None = None) -> None:
        if speed <= 0:
            raise ValueError("a clock's speed is a positive number")
        self.speed = speed
        now = datetime.now(UTC)
        self._start_wall = origin or now
        self._start_monotonic = time.monotonic() - (now - self._start_wall).total_seconds()

    def now(self) -> datetime:
        """Return the present instant; at speed 1 this is the machine's wall clock, steps of it included."""
        if self.speed == 1.0:
            return datetime.now(UTC)
        return self._start_wall + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Return this clock's seconds since its origin."""
        return (time.monotonic() - self._start_monotonic) * self.speed

    async def sleep(self, seconds: float) -> None:
        """Sleep for `seconds` of this clock, `seconds / speed` of the machine's."""
        await asyncio.sleep(max(0.0, seconds) / self.speed)

    def wall(self, instant: datetime) -> datetime:
        """Return when, on the machine's wall clock, this clock will show `instant`."""
        if self.speed == 1.0:
            return instant
        return self._start_wall + (instant - self._start_wall) / self.speed

    def at(self, wall: datetime) -> datetime:
        """Return what this clock shows when the machine's wall clock shows `wall`."""
        if self.speed == 1.0:
            return wall
        return self._start_wall + (wall - self._start_wall) * self.speed


@overload
def stamp(instant: datetime) -> str: ...


@overload
def stamp(instant: datetime | None) -> str | None: ...


def stamp(instant: datetime | None) -> str | None:
    """Return an instant as RFC 3339 in UTC with `Z`, to the second where it is whole, else to the millisecond."""
    if instant is None:
        return None
    text = instant.isoformat(timespec="milliseconds" if instant.microsecond else "seconds")
    return text.replace("+00:00", "Z")
