"""Is the daemon alive? Each loop says when it moves; a probe proves that the store takes writes; both are marked in the
store, so that another process sees a daemon that stands still (reliability.md C10, rows 16 and 121).

All seconds are the clock's own, so that a driven clock shows in seconds what takes minutes. Must not decide what
follows, nor know who asks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Self

import structlog

from monitor.clock import Clock
from monitor.engine.desk import Desk
from monitor.errors import StoreError
from monitor.store.records import stamp

log = structlog.get_logger("store")

EVERY = 20.0  # seconds between marks, each a small commit (C10: at most 30 s)
SOON = 5.0  # seconds between marks while something stands still, so that its end is seen soon
STALE = 60.0  # seconds without a write after which the store counts as stalled
REPEATED = 3  # failures of a loop in a row that count as standing still
LATE = 90.0  # seconds that a loop may take for one round, and that a mark counts for
_STOP = 2.0  # seconds of real time for the last write of a daemon that is stopped
STORE = "store"


class Turn:
    """Whether a loop comes round: `stale` once a round that was begun has not ended for `LATE` seconds.

    A loop that fails every time is as stale as one that hangs (row 16), one failure is not.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._owed: float | None = None
        self._broken = 0

    def begun(self) -> None:
        """Say that there is something to be done; the time of what is owed already goes on."""
        if self._owed is None:
            self._owed = self._clock.monotonic()

    def ended(self) -> None:
        """Say that all is done, until something is begun."""
        self._owed, self._broken = None, 0

    def broke(self) -> None:
        """Say that nobody works any more on what was begun and has not ended."""
        if self._owed is not None:
            self._owed, self._broken = None, self._broken + 1

    def moved(self) -> None:
        """Say that a round is done and the next one begins."""
        self._owed = self._clock.monotonic()

    @property
    def stale(self) -> bool:
        """True when what was begun takes too long, or broke time after time."""
        late = self._owed is not None and self._clock.monotonic() - self._owed > LATE
        return late or self._broken >= REPEATED


class Pulse:
    """Feels the pulse of a daemon while it is open: `problems()` for those inside, marks in the store for the others.

    `moves` says of each loop whether it moves; `stranded` whether no target takes messages any more; `wall` turns an
    instant of the clock into one of the machine's.
    """

    def __init__(
        self,
        desk: Desk,
        moves: Mapping[str, Callable[[], bool]],
        stranded: Callable[[], bool] = lambda: False,
        wall: Callable[[datetime], datetime] = lambda instant: instant,
    ) -> None:
        self.dead = 0  # messages that nobody took, when last looked
        self._desk = desk
        self._moves = moves
        self._stranded = stranded
        self._wall = wall
        self._written = desk.clock.monotonic()
        self._written_at = desk.clock.now()
        self._well = True
        self._task: asyncio.Task[None] | None = None

    def problems(self) -> dict[str, str | None]:
        """Return by part what is wrong with it, None where it is alive; no names, since strangers may read it."""
        found = {part: None if moves() else "it does not move" for part, moves in self._moves.items()}
        if found.get("outbox", "") is None and self._stranded():
            found["outbox"] = "no target takes messages"
        late = self._desk.clock.monotonic() - self._written > STALE
        found[STORE] = f"it has taken no write since {stamp(self._wall(self._written_at))}" if late else None
        return found

    def failing(self) -> list[str]:
        """Return what is wrong, one text for each part that stands still."""
        return [f"{part}: {why}" for part, why in self.problems().items() if why]

    async def mark(self) -> None:
        """Mark what moves, which proves the store, and count dead messages; raises StoreError."""
        desk, now = self._desk, self._desk.clock.now()
        moving = [part for part, moves in self._moves.items() if moves()]
        until = self._wall(now + timedelta(seconds=LATE))
        await desk.writer(desk.store.beat, [*moving, STORE], self._wall(now), until)
        self._written, self._written_at = desk.clock.monotonic(), now
        self.dead = (await desk.writer.read(desk.store.outbox_counts))["dead"]

    async def _run(self) -> None:
        while True:
            try:
                await self.mark()
                self._well = True
            except StoreError as error:
                if self._well:  # told once; `problems` goes on saying it
                    log.warning("the store does not take a write", error=str(error))
                self._well = False
            except Exception:
                log.exception("the probe of the store broke")  # and `problems` says so if it goes on breaking
            await self._desk.clock.sleep(SOON if self.failing() else EVERY)

    async def __aenter__(self) -> Self:
        self._written, self._written_at = self._desk.clock.monotonic(), self._desk.clock.now()
        self._task = asyncio.create_task(self._run(), name="pulse")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if kind is None:  # what ended by an error is still supposed to run
            with suppress(TimeoutError):
                async with asyncio.timeout(_STOP):
                    await forget(self._desk)


async def forget(desk: Desk) -> None:
    """Remove the marks of a daemon that is not supposed to run any more; a store that takes nothing keeps them."""
    try:
        if await desk.writer.read(desk.store.heartbeats):
            await desk.writer(desk.store.still)
    except StoreError as error:
        log.warning("the store could not note that no daemon runs", error=str(error))
