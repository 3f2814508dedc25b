"""Who watches the watcher, from inside: each loop of a real daemon is held fast; that is seen, and over again."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from monitor.alert.outbox import Outbox
from monitor.clock import WallClock
from monitor.engine import pulse as pulses
from monitor.engine.breaking import FIRST, kept_up
from monitor.engine.daemon import Daemon, serve
from monitor.engine.dead_man import EVERY, DeadMan
from monitor.engine.pulse import LATE, REPEATED, Pulse, Turn, forget
from monitor.files.secrets import Secret
from monitor.store.store import Store
from monitor.store.writer import Writer
from tests.alert.rows import named
from tests.conftest import SimulatedClock, make_watch
from tests.engine.conftest import opened, until
from tests.engine.test_daemon import daemon_of, driven
from tests.scripted_api import ScriptedApi
from tests.sinks import WebhookSink

pytestmark = pytest.mark.anyio

SPEED = 100.0
BEHIND = "it does not move"


class Holding(Writer):
    """A way to the store on which calls of some names go no further until they are let go, or end by a defect."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.held: set[str] = set()
        self.broken: set[str] = set()
        self.let_go = asyncio.Event()

    async def __call__(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        name = getattr(method, "func", method).__name__
        if name in self.broken:
            raise RuntimeError("a defect")
        if name in self.held:
            await self.let_go.wait()
        return await super().__call__(method, *args, **kwargs)


@dataclass
class Watched:
    """A daemon that is watched: by its pulse, and by a dead man's switch that pings `sink`."""

    daemon: Daemon
    pulse: Pulse
    writer: Holding
    sink: WebhookSink
    clock: WallClock

    async def failing(self, *parts: str) -> None:
        await until(lambda: {part for part, why in self.pulse.problems().items() if why} == set(parts))

    async def pings(self) -> None:
        before = len(self.sink.received)
        await until(lambda: len(self.sink.received) > before)


@asynccontextmanager
async def watched(state: Path, cron: str = "0 0 1 1 *", **options: Any) -> AsyncIterator[Watched]:
    clock = driven(SPEED)
    with WebhookSink() as sink:
        async with (
            ScriptedApi() as api,
            opened(state, api, clock, writer=Holding, **options) as desk,
            daemon_of(desk, make_watch(cron=cron)) as daemon,
        ):
            box = Outbox(
                desk.store, desk.writer, lambda: named({}), clock, sender=desk.owner.id, chance=random.Random(1)
            )
            moves = {"scheduler": lambda: not daemon.stalled, "outbox": box.turning}
            pulse = Pulse(desk, moves, box.stranded, clock.wall)
            switch = DeadMan(Secret(f"{sink.url}/ping"), clock, pulse.failing)
            stop = asyncio.Event()
            sender = asyncio.create_task(box.run())
            async with asyncio.TaskGroup() as group:
                group.create_task(serve(daemon, [switch, pulse], stop))
                assert isinstance(desk.writer, Holding)
                seen = Watched(daemon, pulse, desk.writer, sink, clock)
                try:
                    yield seen
                finally:
                    seen.writer.held.clear()
                    seen.writer.let_go.set()
                    stop.set()
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)


HELD = {
    "the look for runs to take up": ("unfinished", "scheduler"),
    "the handing over of occurrences": ("state_of", "scheduler"),
    "the outbox": ("claim", "outbox"),
    "the writes": ("beat", "store"),
}


@pytest.mark.parametrize("loop", HELD)
async def test_c10_a_loop_that_is_held_fast_is_seen_and_the_pings_stop_within_two_periods(
    state: Path, loop: str
) -> None:
    """C10: each loop of the daemon is frozen by itself; when it goes on, so do the pings."""
    call, part = HELD[loop]
    async with watched(state, "* * * * *") as seen:
        await seen.failing()
        await seen.pings()
        seen.writer.held.add(call)
        before = len(seen.sink.received)
        await seen.failing(part)
        await asyncio.sleep(0.1)  # a ping that was on its way
        count = len(seen.sink.received)
        assert count - before <= 2 + 1  # one may have been on its way when the loop was stopped
        await seen.clock.sleep(3 * EVERY)
        assert len(seen.sink.received) == count
        seen.writer.held.clear()
        seen.writer.let_go.set()
        await seen.failing()
        await seen.pings()


async def test_row_16_a_loop_that_breaks_every_time_is_seen(state: Path) -> None:
    async with watched(state) as seen:
        await seen.failing()
        seen.writer.broken.add("unfinished")
        await seen.failing("scheduler")
        assert seen.pulse.problems()["scheduler"] == BEHIND
        seen.writer.broken.clear()
        await seen.failing()


async def test_the_pulse_says_whether_the_store_takes_writes_and_tells_it_once(state: Path) -> None:
    """C10."""
    with closing(sqlite3.connect(state / "monitor.db", isolation_level=None)) as locker, capture_logs() as logs:
        async with watched(state, busy_timeout=0.02) as seen:
            await seen.failing()
            locker.execute("BEGIN IMMEDIATE")
            await until(lambda: seen.pulse.problems()["store"])
            assert "has taken no write since 2026-" in str(seen.pulse.problems()["store"])
            await seen.clock.sleep(3 * pulses.EVERY)
            locker.execute("ROLLBACK")
            await seen.failing()
    assert sum(line["event"] == "the store does not take a write" for line in logs) == 1


async def test_marks_stand_while_a_daemon_is_supposed_to_run(state: Path) -> None:
    """C10: A clean stop removes them; an end by an error leaves them, and so does a part that stands still."""
    clock = SimulatedClock()
    async with ScriptedApi() as api, opened(state, api, clock) as desk:
        moves = {"scheduler": lambda: True, "outbox": lambda: False}
        async with Pulse(desk, moves) as pulse:
            await until(desk.store.heartbeats)
            await pulse.mark()
            assert [beat.part for beat in desk.store.heartbeats()] == ["scheduler", "store"]
            (beat, _) = desk.store.heartbeats()
            assert (beat.until - beat.moved_at).total_seconds() == LATE
        assert desk.store.heartbeats() == []
        with pytest.raises(KeyError):  # noqa: PT012 - what is raised inside the block is the case
            async with Pulse(desk, moves):
                await until(desk.store.heartbeats)
                raise KeyError("x")
        assert desk.store.heartbeats()
        await forget(desk)
        await forget(desk)
        assert desk.store.heartbeats() == []


async def test_a_store_that_takes_nothing_does_not_hold_up_the_end(state: Path) -> None:
    with closing(sqlite3.connect(state / "monitor.db", isolation_level=None)) as locker, capture_logs() as logs:
        async with ScriptedApi() as api, opened(state, api, WallClock(), busy_timeout=0.02) as desk:
            async with Pulse(desk, {}):
                await until(desk.store.heartbeats)
                locker.execute("BEGIN IMMEDIATE")
            locker.execute("ROLLBACK")
    assert "could not note that no daemon runs" in str(logs)


def test_a_turn_is_late_when_it_hangs_and_when_it_breaks_time_after_time(clock: SimulatedClock) -> None:
    """C10."""
    turn = Turn(clock)
    clock.advance(10 * LATE)
    assert not turn.stale  # nothing was begun
    turn.begun()
    clock.advance(LATE)
    turn.begun()  # what is owed already goes on
    assert not turn.stale
    clock.advance(1)
    assert turn.stale
    turn.moved()
    assert not turn.stale
    for number in range(REPEATED):
        assert not turn.stale, number
        turn.begun()
        turn.broke()
        turn.broke()  # nothing is owed any more
    assert turn.stale
    turn.begun()
    turn.ended()
    assert not turn.stale


async def test_row_16_a_loop_that_breaks_is_logged_and_begun_again_after_growing_pauses(clock: SimulatedClock) -> None:
    begun: list[float] = []

    async def loop() -> None:
        begun.append(clock.monotonic())
        await asyncio.sleep(0)
        if len(begun) == 4:
            clock.advance(3_600)  # it went well for an hour
        if len(begun) == 6:
            raise asyncio.CancelledError
        raise RuntimeError("a defect")

    with capture_logs() as logs, pytest.raises(asyncio.CancelledError):
        await kept_up(loop, clock, "outbox")
    assert [each - begun[0] for each in begun] == [0, FIRST, 3 * FIRST, 7 * FIRST, 7 * FIRST + 3_605, 7 * FIRST + 3_615]
    assert [line["loop"] for line in logs] == ["outbox"] * 5
