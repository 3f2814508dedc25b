"""The daemon's own work around a schedule: resume what was left, catch up, record what did not run, stop in time.

It is given its services ready made (store, client, dispatcher, outbox, web); `cli` composes them. Must not know HTTP,
SQL or targets.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from datetime import datetime

import structlog

from monitor.clock import WallClock
from monitor.engine.desk import Desk
from monitor.engine.dispatch import Dispatcher
from monitor.engine.execute import patiently, take_over
from monitor.engine.schedule import Schedule, overdue
from monitor.judge.decision import Verdict
from monitor.watch.model import Watch
from monitor.watch.run import Run, Trigger, new_id

log = structlog.get_logger("daemon")

STOP_WITHIN = 9.0  # seconds from SIGTERM to the end (interface: 10 s)
RETRY_LOOK = 5.0  # seconds between looks for retries that are due


class Daemon:
    """Turns due instants into runs and records those that did not become one."""

    def __init__(self, watches: Mapping[str, Watch], desk: Desk, dispatcher: Dispatcher, clock: WallClock) -> None:
        self.watches = dict(watches)
        self.desk = desk
        self.dispatcher = dispatcher
        self.clock = clock
        self.schedule = Schedule(clock, self.due, self.missed)
        self._records: asyncio.Queue[tuple[Watch, datetime, str, str]] = asyncio.Queue()

    @property
    def enabled(self) -> list[Watch]:
        """The watches that are scheduled."""
        return [watch for watch in self.watches.values() if watch.enabled]

    def due(self, watch: Watch, instant: datetime) -> None:
        """Hand a due occurrence to the dispatcher."""
        self.dispatcher.start(watch, Run(new_id(self.clock.now()), watch.name, instant))

    def missed(self, watch: Watch, instant: datetime, code: str, reason: str) -> None:
        """Note an occurrence that will not run; it is recorded by the recorder's task."""
        self._records.put_nowait((watch, instant, code, reason))

    async def resume(self) -> int:
        """Finish every run that a dead process left behind; returns how many."""
        count = 0
        for left in await self.desk.writer.read(self.desk.store.unfinished):
            watch = self.watches.get(left.run.watch)
            if watch is None:
                log.warning(
                    "a run of a watch that is no longer defined stays unfinished", watch=left.run.watch, run=left.run.id
                )
                continue
            if await take_over(left, self.desk):
                log.info("resuming", watch=watch.name, run=left.run.id, stage=left.stage)
                self.dispatcher.resume(watch, left)
                count += 1
        return count

    async def catch_up(self, now: datetime, *, fresh: bool = False) -> None:
        """Run the newest occurrence that each watch missed while nobody looked, and record the others as MISSED.

        A watch without any recorded occurrence waits for its first due time, unless `fresh` (for `--once`, where the
        caller's own schedule is the clock).
        """
        for watch in self.enabled:
            last = await self.desk.writer.read(self.desk.store.last_occurrence, watch.name)
            if last is None and not fresh:
                continue
            newest, others = overdue(watch, last or datetime.min.replace(tzinfo=now.tzinfo), now)
            if last is not None:
                for instant in others:
                    self.missed(watch, instant, "DOWN", "nothing was running at the due time")
            if newest is not None:
                self.due(watch, newest)

    async def record_missed(self) -> None:
        """Record missed occurrences for ever."""
        while True:
            watch, instant, code, reason = await self._records.get()
            desk = self.desk
            await patiently(
                desk,
                desk.store.record_skip,
                watch.name,
                instant,
                Trigger.CRON,
                Verdict.MISSED,
                code,
                reason,
                desk.clock.now(),
            )
            self._records.task_done()

    async def retry(self) -> None:
        """Start retries when they are due, for ever."""
        while True:
            for run, _at in await self.desk.writer.read(self.desk.store.due_retries, self.clock.now()):
                watch = self.watches.get(run.watch)
                if watch is not None and not self.dispatcher.holds(run):
                    self.dispatcher.start(watch, run)
            await self.clock.sleep(RETRY_LOOK)

    async def recorded(self) -> None:
        """Wait until every missed occurrence noted so far is recorded."""
        await self._records.join()


@contextmanager
def stop_signals(stop: asyncio.Event) -> Iterator[None]:
    """Set `stop` on the first SIGTERM or SIGINT; a second one ends the process at once (reliability.md R6)."""
    loop = asyncio.get_running_loop()

    def on_signal(number: int) -> None:
        if stop.is_set():
            loop.remove_signal_handler(number)
            signal.raise_signal(number)
        stop.set()

    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


async def serve(daemon: Daemon, services: Sequence[AbstractAsyncContextManager[object]], stop: asyncio.Event) -> None:
    """Run the daemon until `stop`: resume, catch up, schedule; then close the services in reverse."""
    async with AsyncExitStack() as stack:
        for service in services:
            await stack.enter_async_context(service)
        async with asyncio.TaskGroup() as group:
            loops = [
                group.create_task(daemon.record_missed(), name="record missed occurrences"),
                group.create_task(daemon.retry(), name="retries"),
            ]
            await daemon.resume()
            now = daemon.clock.now()
            await daemon.catch_up(now)
            daemon.schedule.add(daemon.enabled, now)
            async with daemon.schedule:
                log.info("watching", watches=len(daemon.enabled))
                await stop.wait()
                log.info("stopping")
            for task in loops:
                task.cancel()


async def once(daemon: Daemon) -> None:
    """Resume what was left, run what is due now, record the rest, and end."""
    async with asyncio.TaskGroup() as group:
        recorder = group.create_task(daemon.record_missed(), name="record missed occurrences")
        await daemon.resume()
        await daemon.catch_up(daemon.clock.now(), fresh=True)
        await daemon.dispatcher.idle()
        await daemon.recorded()
        recorder.cancel()
