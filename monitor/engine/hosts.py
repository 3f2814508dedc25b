"""Pacing by site: how far apart runs of one host begin, and how many of them go on at once (`hosts` of monitor.yaml).

In front of the places of all runs, so that a run that waits for its site keeps no place from the others. Must not know
what a run does, nor which settings the pace comes from.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from monitor.clock import Clock


class Pace(Protocol):
    """What is asked of the runs of one host: seconds between two starts, and runs at once; None for no limit."""

    @property
    def seconds(self) -> float:
        """The seconds between two starts, 0 for none."""
        ...

    @property
    def concurrency(self) -> int | None:
        """The runs at once."""
        ...


@dataclass(slots=True)
class _Host:
    order: asyncio.Lock = field(default_factory=asyncio.Lock)  # whoever came first begins first
    freed: asyncio.Event = field(default_factory=asyncio.Event)
    going: int = 0
    waiting: int = 0
    begun_at: float | None = None


class Turns:
    """Places for runs: `concurrency` in all, and at each host as `pace` says at present (None: as in all)."""

    def __init__(self, concurrency: int, pace: Callable[[str], Pace | None], clock: Clock) -> None:
        self._places = asyncio.Semaphore(concurrency)
        self._pace = pace
        self._clock = clock
        self._hosts: dict[str, _Host] = {}

    @asynccontextmanager
    async def turn(self, url: str) -> AsyncIterator[None]:
        """Wait for a place in all and at the url's host, and hold both."""
        name = host_of(url)
        if self._pace(name) is None and name not in self._hosts:
            async with self._places:
                yield
            return
        host = self._hosts.setdefault(name, _Host())
        host.waiting += 1
        try:
            await self._begin(name, host)
        finally:
            host.waiting -= 1
        try:
            yield
        finally:
            self._places.release()
            host.going -= 1
            host.freed.set()
            self._forget(name, host)

    async def _begin(self, name: str, host: _Host) -> None:
        """Take both places once the host has one and the distance to its last start is kept."""
        async with host.order:
            while self._full(name, host):
                host.freed.clear()
                await host.freed.wait()
            while (left := self._left(name, host)) > 0:
                await self._clock.sleep(left)
            await self._places.acquire()
            host.going += 1
            host.begun_at = self._clock.monotonic()

    def _full(self, name: str, host: _Host) -> bool:
        pace = self._pace(name)
        return pace is not None and pace.concurrency is not None and host.going >= pace.concurrency

    def _left(self, name: str, host: _Host) -> float:
        pace = self._pace(name)
        if pace is None or host.begun_at is None:
            return 0.0
        return host.begun_at + pace.seconds - self._clock.monotonic()

    def _forget(self, name: str, host: _Host) -> None:
        """Keep no host that has no pace any more."""
        if not host.going and not host.waiting and self._pace(name) is None:
            self._hosts.pop(name, None)


def host_of(url: str) -> str:
    """Return the host of a url as it stands in `hosts`: in small letters, an IPv6 address in brackets."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    return f"[{host}]" if ":" in host else host
