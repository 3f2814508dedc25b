"""The daemon's own work around a schedule: resume what was left, catch up, record what did not run, stop in time.

It is given its services ready made (store, client, dispatcher, outbox, web); `cli` composes them. Must not know HTTP,
SQL or targets.

What an error of the store does here: a transient one is waited out; one that concerns a single occurrence or row is
logged, and the loop goes on; a damaged store (StoreCorrupt) ends the daemon, exit 4, since nothing could be recorded
any more. A defect (any other exception) is logged with its traceback and the loop goes on (reliability.md R10).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import datetime

import structlog

from monitor.clock import WallClock
from monitor.engine import backoff
from monitor.engine.absence import notice
from monitor.engine.breaking import enduring, one_error
from monitor.engine.definitions import Difference
from monitor.engine.desk import Desk
from monitor.engine.dispatch import Dispatcher
from monitor.engine.first_seen import first_seen
from monitor.engine.leaving_out import held_back, paused
from monitor.engine.left_behind import LeftBehind
from monitor.engine.patience import patiently
from monitor.engine.pulse import Turn
from monitor.engine.schedule import CATCH_UP, MOST_MISSED, Schedule, overdue
from monitor.engine.signals import STOP_WITHIN, stop_signals
from monitor.engine.spooling import clear
from monitor.judge.decision import Verdict
from monitor.watch.model import Watch
from monitor.watch.run import Run, Trigger, new_id

__all__ = ["STOP_WITHIN", "Daemon", "once", "serve", "stop_signals"]

log = structlog.get_logger("daemon")

LOOK = 5.0  # seconds between looks for due retries and for rows that nobody works on

Skip = tuple[Verdict, str, str]
Batch = Sequence[datetime]  # missed occurrences that are told together, carried by the last of them


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
        self._looks, self._hands = Turn(clock), Turn(clock)
        self._looks.begun()
        # One queue for what runs and what does not: the records of missed occurrences are then committed before a newer
        # occurrence of the watch begins, and a kill in between loses none of them (`catch_up` begins at the newest).
        self._begun = asyncio.Event()  # the watches of the start are scheduled
        self._occurrences: asyncio.Queue[tuple[Watch, datetime, Skip | None, Batch]] = asyncio.Queue()
        self._left_behind = LeftBehind(self.watches, desk, dispatcher, clock)

    @property
    def enabled(self) -> list[Watch]:
        """The watches that are scheduled."""
        return [watch for watch in self.watches.values() if watch.enabled]

    @property
    def stalled(self) -> bool:
        """True when a loop of the scheduler hangs, or fails each time: firing, handing over, looking (C10)."""
        return self.schedule.stalled or self._looks.stale or self._hands.stale

    def due(self, watch: Watch, instant: datetime) -> None:
        """Take an occurrence that is to run now."""
        self._occurrences.put_nowait((watch, instant, None, ()))

    def missed(self, watch: Watch, instants: Sequence[datetime], code: str, reason: str) -> None:
        """Take occurrences that will not run, oldest first; they are told together, with the last of them."""
        for instant in instants:
            batch = instants if instant == instants[-1] else ()
            self._occurrences.put_nowait((watch, instant, (Verdict.MISSED, code, reason), batch))

    async def hand_over(self) -> None:
        """Give occurrences to the dispatcher, or record why they do not run, in their order, for ever."""
        while True:
            watch, instant, skip, batch = await self._occurrences.get()
            self._hands.begun()
            try:
                if self.desk.patience.given_up is not None:
                    continue  # those that follow are left to the next start, in their order
                with enduring("an occurrence was lost", watch=watch.name, due_at=instant.isoformat()):
                    if skip is None:
                        await self._start(watch, instant)
                    else:
                        await self._record(watch, instant, skip, batch)
                    self._hands.ended()
            finally:
                self._hands.broke()  # unless it ended
                self._occurrences.task_done()

    async def _start(self, due: Watch, instant: datetime) -> None:
        watch = self.watches.get(due.name)  # as it is defined now: it may have been edited while it waited
        if watch is None or not watch.enabled:
            log.info("an occurrence is dropped: its watch is not scheduled any more", watch=due.name)
            return
        if why := await paused(self.desk, watch):
            await self._record(watch, instant, (Verdict.SKIPPED, "PAUSED", why))
            return
        if why := await held_back(self.desk, watch, instant):
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
            await self._record(watch, left_out.due_at, (Verdict.MISSED, "LATE", why), (left_out.due_at,))

    async def _record(self, watch: Watch, instant: datetime, skip: Skip, batch: Batch = ()) -> None:
        desk, now = self.desk, self.clock.now()
        page = self.desk.page("watches", watch.name)
        told = notice(watch, batch, skip[1], skip[2], now, page) if batch else None
        await patiently(desk, desk.store.record_skip, watch.name, instant, Trigger.CRON, *skip, now, notice=told)
        if told is not None:
            desk.told()

    async def handed_over(self) -> None:
        """Wait until every occurrence taken so far was handed over or recorded."""
        await self._occurrences.join()

    async def take_up(self) -> set[str]:
        """Resume every run that nobody works on, of dead processes or of our own; returns the watches in flight."""
        return await self._left_behind.take_up(complete=self.complete)

    async def catch_up(self, now: datetime, *, fresh: bool = False) -> None:
        """Run the newest occurrence that each watch missed while nobody looked, and record the others as MISSED.

        A watch without any recorded occurrence is looked at since a daemon first saw it. One that is seen now waits for
        its first due time, unless `fresh` (for `--once`, where the caller's own schedule is the clock).
        """
        await self._catch_up(self.enabled, now, fresh=fresh)

    async def _catch_up(self, watches: Sequence[Watch], now: datetime, *, fresh: bool = False) -> None:
        seen = await first_seen(self.desk, self.watches, now, complete=self.complete)
        for watch in watches:
            self._looks.moved()  # each is a step: catching many watches up takes its time
            last = await patiently(self.desk, self.desk.store.last_occurrence, watch.name)
            since = last or min(seen.get(watch.name, now), now)
            newest, others = overdue(watch, min(since, now - CATCH_UP) if fresh and last is None else since, now)
            good = await patiently(self.desk, self.desk.store.latest_result, watch.name)
            why = "nothing was running at the due time"
            if len(others) >= MOST_MISSED - 1:
                log.warning("older occurrences than these are not recorded", watch=watch.name, recorded=len(others))
            # not before the watch was known, of which `fresh` runs the newest only
            gone = [instant for instant in others if instant > since]
            if newest is not None and good and good[0].due_at >= newest:  # it would show nothing newer: not paid for
                gone, newest, why = [*gone, newest], None, f"{why}, and run {good[0].id} has looked since"
            self.missed(watch, gone, "DOWN", why)
            if newest is not None:
                self.due(watch, newest)

    async def redefine(self, watches: Mapping[str, Watch], found: Difference, *, complete: bool) -> None:
        """Run these definitions from now on; only the watches that differ are touched, and no run in flight is.

        What was due of a watch that is gone and has not begun is dropped; what waits of an edited one runs as edited.
        """
        await self._begun.wait()
        now = self.clock.now()
        self.complete = complete
        coming = []
        for name in found.removed:
            del self.watches[name]
            self._unschedule(name)
        for name in (*found.added, *found.changed):
            before, watch = self.watches.get(name), watches[name]
            self.watches[name] = watch
            if not watch.enabled:
                self._unschedule(name)
            elif before is None or not before.enabled:
                coming.append(watch)
            else:
                self.dispatcher.redefine(watch)
                self.schedule.change(watch, now)
        try:
            await self._catch_up(coming, now)
        finally:
            self.schedule.add(coming, now)

    def _unschedule(self, name: str) -> None:
        self.schedule.remove(name)
        dropped = self.dispatcher.withdraw(name)
        if dropped is not None:
            log.info("an occurrence is dropped: its watch is not scheduled any more", watch=name)

    async def start_retries(self, in_flight: set[str]) -> None:
        """Start the retries that are due, except of watches in flight, and forget those that are of no use any more."""
        desk = self.desk
        for run, _at in await patiently(desk, desk.store.due_retries, self.clock.now()):
            watch = self.watches.get(run.watch)
            good = await patiently(desk, desk.store.latest_result, run.watch)
            if watch is None or not watch.enabled:
                why = "its watch is not scheduled any more"
            elif run.trigger is Trigger.CONFIRM and not await self._unconfirmed(watch):
                why = "there is nothing to confirm any more"
            elif good and good[0].due_at > run.due_at:
                why = f"run {good[0].id} gave a newer result"
            else:
                if run.watch not in in_flight and not await paused(self.desk, watch):
                    self.dispatcher.start(watch, run)
                continue
            await patiently(desk, desk.store.drop_retry, run)
            log.info("a retry is dropped", watch=run.watch, due_at=run.due_at.isoformat(), reason=why)

    async def _unconfirmed(self, watch: Watch) -> bool:
        state = await patiently(self.desk, self.desk.store.state_of, watch.name)
        return watch.confirm is not None and state.pending is not None and state.generation == watch.fingerprint

    async def look(self) -> None:
        """Take up what nobody works on and start retries that are due, once; what breaks is logged."""
        with enduring("a look for runs to take up broke"):
            await self.start_retries(await self.take_up())
            self._looks.moved()

    async def run(self) -> None:
        """Resume what was left, catch up, then schedule and look, for ever."""
        with enduring("runs could not be resumed at the start"):
            await clear(self.desk)
            await self.take_up()
        now = self.clock.now()
        await self.catch_up(now)
        self.schedule.add(self.enabled, now)
        self._begun.set()
        async with self.schedule, asyncio.TaskGroup() as group:
            group.create_task(self.hand_over(), name="hand over occurrences")
            log.info("watching", watches=len(self.enabled))
            while True:
                await self.look()
                await self.clock.sleep(LOOK)


async def serve(daemon: Daemon, services: Sequence[AbstractAsyncContextManager[object]], stop: asyncio.Event) -> None:
    """Run the daemon until `stop`, then let go of runs in flight, then close the services in reverse.

    Raises StoreCorrupt when the store is found damaged, and what a service raises while it opens.
    """
    async with AsyncExitStack() as stack:
        for service in services:
            await stack.enter_async_context(service)
        stack.push_async_callback(daemon.dispatcher.close)  # no POST any more while the services close (R6)
        with one_error():
            async with asyncio.TaskGroup() as group:
                work = group.create_task(daemon.run(), name="daemon")
                await stop.wait()
                log.info("stopping")
                work.cancel()


async def once(daemon: Daemon) -> None:
    """Resume what was left, run what is due now, retries too, record the rest, and end.

    Raises StoreError when the store takes nothing for as long as the desk's patience lasts; what is paid for is then in
    the spool, or is found at the API by the next start.
    """
    with one_error():
        async with asyncio.TaskGroup() as group:
            hands = group.create_task(daemon.hand_over(), name="hand over occurrences")
            await clear(daemon.desk)
            await daemon.take_up()
            await daemon.catch_up(daemon.clock.now(), fresh=True)
            await daemon.handed_over()
            await daemon.dispatcher.idle()
            daemon.desk.patience.check()
            await daemon.look()
            await daemon.dispatcher.idle()
            daemon.desk.patience.check()
            hands.cancel()
