"""How often one host is asked: a place and a distance in time for each request. Must not know what is fetched."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

MAX_HOSTS = 1_000


@dataclass(slots=True)
class _Host:
    places: asyncio.Semaphore
    users: int = 0
    free_at: float = 0.0


class Pace:
    """Turns at hosts: at most `places` requests at once, begun at least `interval` seconds apart.

    `monotonic` and `sleep` are a clock's; hosts that nobody waits for are forgotten, the longest unused first.
    """

    def __init__(
        self,
        interval: float,
        places: int,
        *,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._interval = interval
        self._places = places
        self._monotonic = monotonic
        self._sleep = sleep
        self._hosts: OrderedDict[str, _Host] = OrderedDict()

    @asynccontextmanager
    async def turn(self, host: str, *, interval: float = 0.0) -> AsyncIterator[None]:
        """Wait for a turn at `host` and hold its place; `interval` may ask for a longer distance than the usual."""
        entry = self._hosts.setdefault(host, _Host(asyncio.Semaphore(self._places)))
        self._hosts.move_to_end(host)
        entry.users += 1
        try:
            async with entry.places:
                now = self._monotonic()
                begin = max(now, entry.free_at)
                entry.free_at = begin + max(self._interval, interval)
                if begin > now:
                    await self._sleep(begin - now)
                yield
        finally:
            entry.users -= 1
            self._forget()

    def _forget(self) -> None:
        if len(self._hosts) > MAX_HOSTS:
            now = self._monotonic()
            idle = [name for name, host in self._hosts.items() if not host.users and host.free_at <= now]
            for name in idle[: len(self._hosts) - MAX_HOSTS]:
                del self._hosts[name]
