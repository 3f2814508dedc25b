"""What a daemon does beside its runs, every so often: free messages of dead senders, tell what time alone makes
worth telling (silence, reminders), probe a refused key, prune.

Must not decide what may go (`store.retention`), nor send anything itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Self

import structlog

from monitor.alert.message import compose
from monitor.engine import screenshots
from monitor.engine.breaking import kept_up
from monitor.engine.desk import Desk
from monitor.engine.patience import patiently
from monitor.engine.stops import probe_key
from monitor.errors import StoreError
from monitor.judge.conditions.rules import watch_values
from monitor.judge.conditions.texts import with_texts
from monitor.judge.decision import Notification, WatchState
from monitor.judge.incident import NewEvent, reminder
from monitor.judge.silence import stale
from monitor.store.records import NewDelivery
from monitor.watch.model import Watch
from monitor.watch.run import Run, new_id

log = structlog.get_logger("daemon")

RELEASE_EVERY = 60.0  # seconds between looks for messages that a dead process had in hand
PRUNE_EVERY = 6 * 3_600.0  # seconds between prunings
KEEP = timedelta(days=365)  # interface.md, "Defaults": retention
REST = 0.05  # seconds of the loop between two slices of a pruning, so that runs are not held up

Tell = Callable[[Watch, WatchState, datetime, NewEvent], tuple[WatchState, tuple[Notification, ...]]]


class Housekeeping:
    """Looks after the store while it is open; a transient error is logged and tried again at the next turn."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._task: asyncio.Task[None] | None = None

    def _watches(self) -> dict[str, Watch]:
        """Return the watches that are scheduled at present, by name."""
        return {watch.name: watch for watch in self._desk.everyone()}

    async def release(self) -> None:
        """Give messages back that a dead process was sending, marked as possible repeats."""
        desk = self._desk
        if await desk.writer(desk.store.release, desk.owner.dead):
            desk.told()

    async def tell_silence(self) -> None:
        """Tell of watches that gave no valid result for too long, also where no run was made that would tell it."""
        desk, told, now = self._desk, False, self._desk.clock.now()
        watches = self._watches()
        shortest = min((watch.stale_after for watch in watches.values()), default=KEEP)
        for name, last in await patiently(desk, desk.store.silent_since, now - shortest):
            watch = watches.get(name)
            if watch is not None and now - last >= watch.stale_after:
                page = desk.page("watches", name)
                told |= await desk.writer(desk.store.tell_unrun, name, partial(_told, stale, watch, now, page), now)
        if told:
            desk.told()

    async def remind(self) -> None:
        """Remind of incidents that go on, also where no run is made that would tell it; not of what is paused."""
        desk, told, now = self._desk, False, self._desk.clock.now()
        watches = self._watches()
        shortest = min((watch.limits.remind_every for watch in watches.values()), default=KEEP)
        paused = await patiently(desk, desk.store.pauses, now)
        for name, last in await patiently(desk, desk.store.told_before, now - shortest):
            watch = watches.get(name)
            if watch is None or not watch.enabled or name in paused:
                continue
            if now - last >= watch.limits.remind_every:
                page = desk.page("watches", name)
                told |= await desk.writer(desk.store.tell_unrun, name, partial(_told, reminder, watch, now, page), now)
        if told:
            desk.told()

    async def prune(self) -> int:
        """Remove old records slice by slice and return how many."""
        desk = self._desk
        slices = desk.store.pruning(desk.clock.now(), KEEP)
        removed = 0
        while (count := await desk.writer(_next, slices.__next__)) is not None:
            removed += count
            await desk.clock.sleep(REST)
        screenshots.prune(desk.store.path, desk.clock.now())
        if removed:
            log.info("removed old records", records=removed)
        return removed

    async def _run(self) -> None:
        pruned_at = -PRUNE_EVERY
        while True:
            try:
                await self.release()
                await self.tell_silence()
                await self.remind()
                await probe_key(self._desk)
                if self._desk.clock.monotonic() - pruned_at >= PRUNE_EVERY:
                    pruned_at = self._desk.clock.monotonic()
                    await self.prune()
            except StoreError as error:  # a damaged store ends the daemon through its own loop
                log.warning("the store could not be looked after", error=str(error))
            await self._desk.clock.sleep(RELEASE_EVERY)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(kept_up(self._run, self._desk.clock, "housekeeping"), name="housekeeping")
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def _told(  # `page` is the watch's on the dashboard
    tell: Tell, watch: Watch, now: datetime, page: str | None, run: Run, state: WatchState
) -> tuple[WatchState, list[NewDelivery]]:
    """Return the state once something was told of a watch, and the messages, which belong to its last run."""
    after, told = tell(watch, state, now, lambda: new_id(now))
    notes = [with_texts(note, watch, {"watch": watch_values(watch), "now": now}) for note in told]
    return after, [each for note in notes for each in compose(note, watch, run, now, page)]


def _next(step: Callable[[], int]) -> int | None:
    """Take one step of an iterator on the writer's thread; None at its end (StopIteration cannot cross a future)."""
    try:
        return step()
    except StopIteration:
        return None
