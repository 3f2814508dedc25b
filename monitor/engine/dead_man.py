"""The dead man's switch: an address outside is asked for every minute while all is well; its silence is the alarm.

The address is the operator's own, so it may lie in a private network; it is a secret and is never shown: nothing of an
error's text either, which names the host (reliability.md C10, row 121; interface.md, `dead_man`). Must not know how
it is found out that all is well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Self

import structlog

from monitor import fetch
from monitor.clock import Clock
from monitor.errors import FetchError
from monitor.files.secrets import Secret

log = structlog.get_logger("dead_man")

EVERY = 60.0  # seconds between pings
SOON = 5.0  # seconds between looks while something stands still
# No redirect: it would hand the address on. The answer is of no interest but for its status.
POLICY = fetch.Policy(allow_loopback=True, allow_private=True, max_bytes=64 * 1024, timeout=10.0, max_redirects=0)
_REASONS = {
    "too_many_redirects": "it answers with a redirect, which is not followed: write the address that it leads to",
    "blocked_address": "it leads to an address that is never asked",
    "dns": "its name cannot be resolved",
    "timeout": f"there was no answer within {POLICY.timeout:g} s",
    "tls": "its certificate is not accepted",
    "connect": "there is no connection to it",
    "bad_url": "it is not an http or https url that can be asked for",
}


class DeadMan:
    """Pings while it is open and `problems()` is empty; a failing ping is told once until one arrives again."""

    def __init__(self, url: Secret, clock: Clock, problems: Callable[[], Collection[str]]) -> None:
        self._url = url
        self._clock = clock
        self._problems = problems
        self._silent = False
        self._failing = False
        self._task: asyncio.Task[None] | None = None

    async def turn(self) -> bool:
        """Ping unless something stands still; returns whether a ping was sent, arrived or not."""
        found = self._problems()
        if found:
            if not self._silent:
                log.warning("dead_man is not pinged until this is over", why="; ".join(found))
            self._silent = True
            return False
        if self._silent:
            log.info("dead_man is pinged again")
        self._silent = False
        why = await self._ping()
        if why is not None and not self._failing:
            log.warning("dead_man cannot be pinged; tried again every minute", why=why)
        elif why is None and self._failing:
            log.info("dead_man takes pings again")
        self._failing = why is not None
        return True

    async def _ping(self) -> str | None:
        """Send one ping and return why it did not arrive."""
        try:
            (await fetch.fetch(self._url.reveal(), policy=POLICY)).checked()
        except FetchError as error:
            code = error.code or ""
            status = code.removeprefix("http_")
            return f"it answered {status}" if status != code else _REASONS.get(code, f"its answer is no good ({code})")
        return None

    async def _run(self) -> None:
        while True:
            try:
                pinged = await self.turn()
            except Exception as error:  # noqa: BLE001 - a defect here must not reach the daemon
                log.error("dead_man broke", kind=type(error).__name__)  # noqa: TRY400 - a traceback may show the url
                pinged = True
            await self._clock.sleep(EVERY if pinged else SOON)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="dead man")
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
