"""What one run shares with the store and the other runs while it is followed: `agent.hands.Journal`, for real.

Owns the order of a start (pause, stop, write probe, POST) and the wait for the shared pause. Must not know requests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from monitor.agent.follow import Progress
from monitor.agent.outcome import Code, Fault
from monitor.engine import starts
from monitor.engine.desk import Desk
from monitor.engine.patience import patiently
from monitor.engine.stops import refused_poll
from monitor.errors import StoreError
from monitor.watch.model import Watch
from monitor.watch.run import Run

log = structlog.get_logger("run")

Watcher = Callable[[Progress], None]


@dataclass(slots=True)
class Journal:
    """The journal of one run. `until` is the end of its window; `further` once the POST was sent or tried before."""

    run: Run
    desk: Desk
    watches: Sequence[Watch]  # the run's own, if it is still defined
    until: datetime
    show: Watcher | None = None
    further: bool = False
    stated: bool = False  # its schema is in its goal
    ours: bool = True  # False for a run that another process follows: its row is not written
    run_id: str | None = None

    async def starting(self) -> Fault | None:
        """Wait for the shared pause and for a store that takes writes (R3), then let the POST go; or say why not."""
        desk = self.desk
        while (left := await self._pause()) > 0:
            left *= 1 + starts.spread(self.run) / 10
            end = desk.clock.now() + timedelta(seconds=left)
            if end > self.until:
                return starts.too_long(end, further=self.further)
            await self.wait(left, "the API asked for fewer requests")
        if self.further and (stops := await patiently(desk, desk.store.stops)):
            return starts.withheld(stops[0])
        await patiently(desk, desk.store.probe_write, desk.clock.now())
        return None if desk.clock.now() <= self.until else starts.too_late()

    async def accepted(self, run_id: str, streaming_url: str | None, *, replaces: str | None = None) -> None:
        """Commit the remote id before anything else is done with it (A1); `replaces` is one that proved foreign."""
        desk = self.desk
        if replaces is not None:
            log.warning("the stream named a foreign run first", run=self.run.id, foreign=replaces, run_id=run_id)
        if self.ours:
            now = desk.clock.now()
            await patiently(desk, desk.store.accepted, self.run.id, run_id, streaming_url, now, replaces)
        self.run_id = run_id

    async def turn(self) -> None:
        """Wait for the shared pause, but never long: what is paid for is fetched (row 88)."""
        left = await self._pause()
        if left > 0:
            await self.desk.clock.sleep(min(left * (1 + starts.spread(self.run) / 10), starts.POLLS_WAIT))

    async def refused(self, fault: Fault) -> None:
        """Let everybody wait after a 429; stop every start where the key or the purse is refused."""
        if fault.code is Code.RATE:
            await self.limited(starts.bounded(fault.retry_after))
        else:
            await refused_poll(fault, self.watches, self.run, self.desk)

    async def limited(self, seconds: float) -> None:
        """Let no run of any process start for so long."""
        now = self.desk.clock.now()
        until = now + timedelta(seconds=seconds)
        self.desk.pause.extend(until)
        try:
            await self.desk.writer(self.desk.store.pause_until, until, now)
        except StoreError as error:
            log.warning("other processes do not know that the API wants a pause", error=str(error))

    async def wait(self, seconds: float, why: str) -> None:
        """Wait before a start, and show it."""
        log.info("waiting", watch=self.run.watch, run=self.run.id, seconds=round(seconds), reason=why)
        if self.show is not None:
            self.show(Progress("waiting", f"waiting {seconds:.0f} s: {why}", None, self.desk.clock.now()))
        await self.desk.clock.sleep(seconds)

    async def _pause(self) -> float:
        desk, now = self.desk, self.desk.clock.now()
        try:
            stored = await desk.writer.read(desk.store.paused_until, now)
        except StoreError as error:
            log.warning("the shared pause could not be read", error=str(error))
            stored = None
        return desk.pause.left(now, stored)
