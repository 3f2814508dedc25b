"""The daemon's own work around a schedule: resume what was left, catch up, record what did not run, stop in time.

It is given its services ready made (store, client, dispatcher, outbox, web); `cli` composes them. Must not know HTTP,
SQL or targets.

What an error of the store does here: a transient one is waited out; one that concerns a single occurrence or row is
logged, and the loop goes on; a damaged store (StoreCorrupt) ends the daemon, exit 4, since nothing could be recorded
any more. A defect (any other exception) is logged with its traceback and the loop goes on (reliability.md R10).
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from datetime import datetime

import structlog

from monitor.clock import WallClock
from monitor.engine import backoff
from monitor.engine.cancel import GONE, cancel_run
from monitor.engine.desk import Desk
from monitor.engine.dispatch import Dispatcher
from monitor.engine.execute import take_over
from monitor.engine.patience import patiently
from monitor.engine.schedule import CATCH_UP, MOST_MISSED, Schedule, overdue
from monitor.engine.signals import STOP_WITHIN, stop_signals
from monitor.errors import MonitorError, StoreCorrupt, StoreError
from monitor.judge.decision import Verdict
from monitor.store.records import Unfinished
from monitor.watch.model import Watch
from monitor.watch.run import Run, Trigger, new_id

__all__ = ["STOP_WITHIN", "Daemon", "once", "serve", "stop_signals"]

log = structlog.get_logger("daemon")

LOOK = 5.0  # seconds between looks for due retries and for rows that nobody works on
LONGEST_LOOK = 600.0  # seconds between tries to finish one row that cannot be finished

Skip = tuple[Verdict, str, str]


class Daemon:
    """Turns due instants into runs and records those that did not become one."""

    def __init__(
        self,
        watches: Mapping[str, Watch],
        desk: Desk,
        dispatcher: Dispatcher,
        clock: WallClock,
        *,
        complete: bool = True,
    ) -> None:
        self.watches = dict(watches)
        self.complete = complete  # False while some definition cannot be read
        self.desk = desk
        self.dispatcher = dispatcher
        self.clock = clock
        self.schedule = Schedule(clock, self.due, self.missed)
        # One queue for what runs and what does not: the records of missed occurrences are then committed before a newer
        # occurrence of the watch begins, and a kill in between loses none of them (`catch_up` begins at the newest).
        self._occurrences: asyncio.Queue[tuple[Watch, datetime, Skip | None]] = asyncio.Queue()
        self._tries: dict[str, tuple[int, float]] = {}  # by run id: tries to finish its row, and when to try again
        self._unknown: set[str] = set()  # runs of watches that are not defined, told once each

    @property
    def enabled(self) -> list[Watch]:
        """The watches that are scheduled."""
        return [watch for watch in self.watches.values() if watch.enabled]

    def due(self, watch: Watch, instant: datetime) -> None:
        """Take an occurrence that is to run now."""
        self._occurrences.put_nowait((watch, instant, None))

    def missed(self, watch: Watch, instant: datetime, code: str, reason: str) -> None:
        """Take an occurrence that will not run."""
        self._occurrences.put_nowait((watch, instant, (Verdict.MISSED, code, reason)))

    async def hand_over(self) -> None:
        """Give occurrences to the dispatcher, or record why they do not run, in their order, for ever."""
        while True:
            watch, instant, skip = await self._occurrences.get()
            try:
                with _enduring("an occurrence was lost", watch=watch.name, due_at=instant.isoformat()):
                    if skip is None:
                        await self._start(watch, instant)
                    else:
                        await self._record(watch, instant, skip)
            finally:
                self._occurrences.task_done()

    async def _held_back(self, watch: Watch, instant: datetime) -> str | None:
        """Return why an occurrence of a watch that keeps failing is left out (D7), from what is stored."""
        store = self.desk.store
        state = await patiently(self.desk, store.state_of, watch.name)
        if backoff.every(state.failures) == 1:
            return None
        recent = await patiently(self.desk, store.history, watch.name, backoff.SLOWEST)
        left_out = list(itertools.takewhile(lambda record: record.code == backoff.CODE, recent))
        ran = recent[len(left_out)].started_at if len(left_out) < len(recent) else None
        return backoff.held_back(state.failures, len(left_out), ran, instant)

    async def _start(self, watch: Watch, instant: datetime) -> None:
        if why := await self._held_back(watch, instant):
            await self._record(watch, instant, (Verdict.SKIPPED, backoff.CODE, why))
            return
        run = Run(new_id(self.clock.now()), watch.name, instant)
        left_out = self.dispatcher.start(watch, run)
        if left_out is run:
            going = self.dispatcher.held()[watch.name].id
            await self._record(
                watch, instant, (Verdict.SKIPPED, "OVERLAP", f"run {going} of this watch is still going on")
            )
        elif left_out is not None:
            why = "it still waited for its turn when the next occurrence was due (see MONITOR_CONCURRENCY)"
            await self._record(watch, left_out.due_at, (Verdict.MISSED, "LATE", why))

    async def _record(self, watch: Watch, instant: datetime, skip: Skip) -> None:
        desk, now = self.desk, self.clock.now()
        await patiently(desk, desk.store.record_skip, watch.name, instant, Trigger.CRON, *skip, now)

    async def handed_over(self) -> None:
        """Wait until every occurrence taken so far was handed over or recorded."""
        await self._occurrences.join()

    async def take_up(self) -> set[str]:
        """Resume every run that nobody works on, of dead processes or of our own; returns the watches in flight.

        One of our own is a row whose task broke off. Where it breaks off again, the pauses grow to ten minutes.
        """
        held = self.dispatcher.held()
        unfinished = await patiently(self.desk, self.desk.store.unfinished)
        self._tries = {left.run.id: self._tries.get(left.run.id, (0, 0.0)) for left in unfinished}
        for left in unfinished:
            if left.run.watch in held or left.run.watch in self.dispatcher.held():
                continue
            watch = self.watches.get(left.run.watch)
            if watch is None:
                self._let_go(left)
            elif self._worth_a_try(left) and (left.owner == self.desk.owner.id or await take_over(left, self.desk)):
                log.info("resuming", watch=watch.name, run=left.run.id, stage=left.stage)
                self._count_try(left)
                self.dispatcher.resume(watch, left)
        return {left.run.watch for left in unfinished}

    def _worth_a_try(self, left: Unfinished) -> bool:
        return self.clock.monotonic() >= self._tries[left.run.id][1]

    def _count_try(self, left: Unfinished) -> None:
        tries = self._tries[left.run.id][0]
        pause = min(LOOK * 2.0 ** min(tries, 16), LONGEST_LOOK)
        self._tries[left.run.id] = (tries + 1, self.clock.monotonic() + pause)

    def _let_go(self, left: Unfinished) -> None:
        """Cancel the run of a watch that is gone (A7); where a definition cannot be read, it may be that watch's."""
        if left.owner != self.desk.owner.id and self.desk.owner.alive(left.owner):
            return
        if not self.complete:
            if left.run.id not in self._unknown:
                self._unknown.add(left.run.id)
                log.warning(
                    "a run of a watch that cannot be read stays as it is", watch=left.run.watch, run=left.run.id
                )
        elif self._worth_a_try(left):
            self._count_try(left)
            log.info("cancelling the run of a watch that is gone", watch=left.run.watch, run=left.run.id)
            self.dispatcher.end(left, lambda: cancel_run(self.desk, left, why=GONE))

    async def catch_up(self, now: datetime, *, fresh: bool = False) -> None:
        """Run the newest occurrence that each watch missed while nobody looked, and record the others as MISSED.

        A watch without any recorded occurrence waits for its first due time, unless `fresh` (for `--once`, where the
        caller's own schedule is the clock).
        """
        for watch in self.enabled:
            last = await patiently(self.desk, self.desk.store.last_occurrence, watch.name)
            if last is None and not fresh:
                continue
            newest, others = overdue(watch, last or now - CATCH_UP, now)
            good = await patiently(self.desk, self.desk.store.latest_result, watch.name)
            why = "nothing was running at the due time"
            if last is not None:
                if len(others) >= MOST_MISSED - 1:
                    log.warning("older occurrences than these are not recorded", watch=watch.name, recorded=len(others))
                for instant in others:
                    self.missed(watch, instant, "DOWN", why)
            if newest is not None and good and good[0].due_at >= newest:  # it would show nothing newer: not paid for
                self.missed(watch, newest, "DOWN", f"{why}, and run {good[0].id} has looked since")
            elif newest is not None:
                self.due(watch, newest)

    async def start_retries(self, in_flight: set[str]) -> None:
        """Start the retries that are due, except of watches in flight, and forget those that are of no use any more."""
        desk = self.desk
        for run, _at in await patiently(desk, desk.store.due_retries, self.clock.now()):
            watch = self.watches.get(run.watch)
            good = await patiently(desk, desk.store.latest_result, run.watch)
            if watch is None or not watch.enabled:
                why = "its watch is not scheduled any more"
            elif good and good[0].due_at > run.due_at:
                why = f"run {good[0].id} gave a newer result"
            else:
                if run.watch not in in_flight:
                    self.dispatcher.start(watch, run)
                continue
            await patiently(desk, desk.store.drop_retry, run)
            log.info("a retry is dropped", watch=run.watch, due_at=run.due_at.isoformat(), reason=why)

    async def look(self) -> None:
        """Take up what nobody works on and start retries that are due, once; what breaks is logged."""
        with _enduring("a look for runs to take up broke"):
            await self.start_retries(await self.take_up())

    async def run(self) -> None:
        """Resume what was left, catch up, then schedule and look, for ever."""
        with _enduring("runs could not be resumed at the start"):
            await self.take_up()
        now = self.clock.now()
        await self.catch_up(now)
        self.schedule.add(self.enabled, now)
        async with self.schedule, asyncio.TaskGroup() as group:
            group.create_task(self.hand_over(), name="hand over occurrences")
            log.info("watching", watches=len(self.enabled))
            while True:
                await self.look()
                await self.clock.sleep(LOOK)


@contextmanager
def _enduring(what: str, **about: str) -> Iterator[None]:
    """Log what breaks inside and go on; only a damaged store is raised (see the top of this file)."""
    try:
        yield
    except StoreCorrupt:
        raise
    except StoreError as error:
        log.error(what, error=str(error), **about)  # noqa: TRY400 - the line says all; no traceback for a full disk
    except Exception:
        log.exception(what, **about)


@contextmanager
def _one_error() -> Iterator[None]:
    """Raise the first error for the user out of a group of errors as it is, so that the command line can tell it."""
    try:
        yield
    except BaseExceptionGroup as group:
        first: BaseException = group
        while isinstance(first, BaseExceptionGroup):
            first = next(iter(first.exceptions))
        if isinstance(first, MonitorError):
            raise first from None
        raise


async def serve(daemon: Daemon, services: Sequence[AbstractAsyncContextManager[object]], stop: asyncio.Event) -> None:
    """Run the daemon until `stop`, then let go of runs in flight, then close the services in reverse.

    Raises StoreCorrupt when the store is found damaged, and what a service raises while it opens.
    """
    async with AsyncExitStack() as stack:
        for service in services:
            await stack.enter_async_context(service)
        stack.push_async_callback(daemon.dispatcher.close)  # no POST any more while the services close (R6)
        with _one_error():
            async with asyncio.TaskGroup() as group:
                work = group.create_task(daemon.run(), name="daemon")
                await stop.wait()
                log.info("stopping")
                work.cancel()


async def once(daemon: Daemon) -> None:
    """Resume what was left, run what is due now, retries too, record the rest, and end."""
    with _one_error():
        async with asyncio.TaskGroup() as group:
            hands = group.create_task(daemon.hand_over(), name="hand over occurrences")
            await daemon.take_up()
            await daemon.catch_up(daemon.clock.now(), fresh=True)
            await daemon.handed_over()
            await daemon.dispatcher.idle()
            await daemon.look()
            await daemon.dispatcher.idle()
            hands.cancel()
