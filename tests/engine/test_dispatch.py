"""Runs of one process: how many at once, one per watch, and none stopped by another or by the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.clock import WallClock
from monitor.engine import dispatch
from monitor.engine.dispatch import Dispatcher
from monitor.engine.execute import execute, resume
from monitor.errors import StoreBusy, StoreConflict
from monitor.store.records import Record
from monitor.watch.model import Watch
from monitor.watch.run import Run, Trigger
from tests.conftest import SimulatedClock, make_watch
from tests.engine.conftest import Rows, opened, run_of, until
from tests.scripted_api import ScriptedApi

pytestmark = pytest.mark.anyio

Executes = Callable[[Watch, Run], Awaitable[Any]]


def dispatcher(execute_: Executes, done: list[Any], concurrency: int = 2) -> Dispatcher:
    async def never(*_: object) -> Record:
        raise AssertionError("nothing is resumed here")

    return Dispatcher(execute_, never, concurrency, done.append)


class Gates:
    """Runs that go on until they are let through; notes which are under way."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.under_way: list[Run] = []
        self.most = 0

    async def __call__(self, watch: Watch, run: Run) -> Any:
        self.under_way.append(run)
        self.most = max(self.most, len(self.under_way))
        await self.open.wait()
        self.under_way.remove(run)
        return run


async def test_so_many_runs_at_once_and_no_more(state: Path) -> None:
    """D6: so many runs at once and no more."""
    clock = WallClock(20)
    most, done = 0, []
    async with ScriptedApi() as api, opened(state, api, clock) as desk:
        api.every_run(result={"price": 1, "in_stock": True}).takes(0.05)
        async with Dispatcher(
            lambda watch, run: execute(watch, run, desk), lambda watch, left: resume(watch, left, desk), 3, done.append
        ) as runs:
            for number in range(10):
                watch = make_watch(name=f"w{number}")
                runs.start(watch, run_of(watch, clock))
            while runs.held():
                most = max(most, len(desk.store.in_flight()))
                await asyncio.sleep(0.005)
    assert most == 3
    assert [record.verdict for record in done] == ["BASELINE"] * 10
    assert api.posts == 10


async def test_closing_leaves_remote_runs_and_rows_as_they_are(state: Path, rows: Rows) -> None:
    clock = WallClock()
    done: list[Record] = []
    async with ScriptedApi() as api, opened(state, api, clock) as desk:
        api.every_run().takes(None)
        async with Dispatcher(
            lambda watch, run: execute(watch, run, desk), lambda watch, left: resume(watch, left, desk), 2, done.append
        ) as runs:
            for number in range(4):
                watch = make_watch(name=f"w{number}")
                runs.start(watch, run_of(watch, clock))
            await until(lambda: [stage for stage, _ in rows.stages] == ["accepted", "accepted"])
        await asyncio.sleep(0.05)
        assert (api.posts, api.cancels, done, runs.held()) == (2, 0, [], {})
        assert sorted(rows.stages) == [("accepted", "run_1"), ("accepted", "run_2")]


async def test_one_run_that_breaks_stops_no_other(clock: SimulatedClock) -> None:
    """R10: one run that breaks stops no other."""
    done: list[Any] = []

    async def some(watch: Watch, run: Run) -> Any:
        if watch.name == "broken":
            raise ZeroDivisionError
        if watch.name == "refused":
            raise StoreConflict("not ours")
        return watch.name

    async with dispatcher(some, done, 1) as runs:
        for name in ("broken", "refused", "sound", "sane"):
            watch = make_watch(name=name)
            runs.start(watch, run_of(watch, clock))
        await runs.idle()
    assert done == ["sound", "sane"]


async def test_a_store_that_takes_no_row_is_asked_again(clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "FIRST_WAIT", 0.01)
    done: list[Any] = []
    tries = iter([StoreBusy("locked"), StoreBusy("locked"), None])

    async def busy(watch: Watch, run: Run) -> Any:
        error = next(tries)
        if error:
            raise error
        return run.id

    async with dispatcher(busy, done) as runs:
        watch = make_watch()
        run = run_of(watch, clock)
        runs.start(watch, run)
        await runs.idle()
    assert done == [run.id]


async def test_a_watch_runs_once_at_a_time_and_the_newest_that_waits_has_the_turn(clock: SimulatedClock) -> None:
    """D3: a watch runs once at a time and the newest that waits has the turn."""
    gates, done = Gates(), []
    async with dispatcher(gates, done, 1) as runs:
        first, second = make_watch(name="first"), make_watch(name="second")
        going = run_of(first, clock)
        assert runs.start(first, going) is None
        await until(lambda: gates.under_way)
        older = run_of(second, clock)
        assert runs.start(second, older) is None
        clock.advance(60)
        overlapping, newer = run_of(first, clock), run_of(second, clock)
        assert runs.start(first, overlapping) is overlapping
        assert runs.start(second, newer) is older
        assert runs.held() == {"first": going, "second": newer}
        retry = run_of(second, clock, Trigger.RETRY, attempt=2, due_at=newer.due_at - timedelta(hours=1))
        assert runs.start(second, retry) is retry
        gates.open.set()
        await runs.idle()
    assert (done, gates.most) == ([going, newer], 1)


async def test_a_retry_that_waits_keeps_its_turn(clock: SimulatedClock) -> None:
    gates, done = Gates(), []
    async with dispatcher(gates, done, 1) as runs:
        busy, watch = make_watch(name="busy"), make_watch()
        runs.start(busy, run_of(busy, clock))
        retry = run_of(watch, clock, Trigger.RETRY, attempt=2)
        runs.start(watch, retry)
        clock.advance(60)
        occurrence = run_of(watch, clock)
        assert runs.start(watch, occurrence) is occurrence
        gates.open.set()
        await runs.idle()
    assert done[-1] is retry


async def test_nothing_that_waits_begins_while_the_dispatcher_closes(clock: SimulatedClock) -> None:
    """R6: nothing that waits begins while the dispatcher closes."""
    gates, done = Gates(), []
    async with dispatcher(gates, done, 1) as runs:
        watches = [make_watch(name=name) for name in ("a", "b")]
        for watch in watches:
            runs.start(watch, run_of(watch, clock))
        await until(lambda: gates.under_way)
        await runs.close()
        late = make_watch(name="late")
        runs.start(late, run_of(late, clock))
        assert runs.held() == {}
    assert (gates.most, done) == (1, [])
