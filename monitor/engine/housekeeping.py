"""What a daemon does beside its runs, every so often: free messages of dead senders, probe a refused key, prune.

Must not decide what may go (`store.retention`), nor send anything itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Self

import structlog

from monitor.engine.desk import Desk
from monitor.engine.stops import probe_key
from monitor.errors import StoreError

log = structlog.get_logger("daemon")

RELEASE_EVERY = 60.0  # seconds between looks for messages that a dead process had in hand
PRUNE_EVERY = 6 * 3_600.0  # seconds between prunings
KEEP = timedelta(days=365)  # interface.md, "Defaults": retention
REST = 0.05  # seconds of the loop between two slices of a pruning, so that runs are not held up


class Housekeeping:
    """Looks after the store while it is open; a transient error is logged and tried again at the next turn."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._task: asyncio.Task[None] | None = None

    async def release(self) -> None:
        """Give messages back that a dead process was sending, marked as possible repeats."""
        desk = self._desk
        if await desk.writer(desk.store.release, desk.owner.dead):
            desk.told()

    async def prune(self) -> int:
        """Remove old records slice by slice and return how many."""
        desk = self._desk
        slices = desk.store.pruning(desk.clock.now(), KEEP)
        removed = 0
        while (count := await desk.writer(_next, slices.__next__)) is not None:
            removed += count
            await desk.clock.sleep(REST)
        if removed:
            log.info("removed old records", records=removed)
        return removed

    async def _run(self) -> None:
        pruned_at = -PRUNE_EVERY
        while True:
            try:
                await self.release()
                await probe_key(self._desk)
                if self._desk.clock.monotonic() - pruned_at >= PRUNE_EVERY:
                    pruned_at = self._desk.clock.monotonic()
                    await self.prune()
            except StoreError as error:  # a damaged store ends the daemon through its own loop
                log.warning("the store could not be looked after", error=str(error))
            await self._desk.clock.sleep(RELEASE_EVERY)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="housekeeping")
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def _next(step: Callable[[], int]) -> int | None:
    """Take one step of an iterator on the writer's thread; None at its end (StopIteration cannot cross a future)."""
    try:
        return step()
    except StopIteration:
        return None
