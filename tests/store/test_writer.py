"""Async code writes on one thread in order, reads beside it, and closing waits."""

from __future__ import annotations

import asyncio
import threading

import pytest

from monitor.errors import StoreBusy, StoreError
from monitor.store.store import Store
from monitor.store.writer import Writer
from tests.store.scenes import NOW, OWNER, completed, good, make_run

pytestmark = pytest.mark.anyio


async def test_a_whole_run_through_the_writer(store: Store) -> None:
    run = make_run()
    async with Writer(store) as writer:
        await writer(store.begin_run, run, goal="g", generation="g1", owner=OWNER, now=NOW)
        await writer(store.settle, run.id, completed(), NOW)
        record = await writer(store.commit, run, completed(), good(run), [], now=NOW)
        assert await writer.read(store.history, "espresso", limit=5) == [record]


async def test_writes_happen_one_after_the_other_in_the_order_of_the_calls(store: Store) -> None:
    seen: list[tuple[int, str]] = []

    def write(number: int) -> None:
        seen.append((number, threading.current_thread().name))

    async with Writer(store) as writer:
        await asyncio.gather(*(writer(write, number) for number in range(50)))
    assert [number for number, _ in seen] == list(range(50))
    assert len({name for _, name in seen}) == 1


async def test_reads_do_not_wait_for_a_write_that_takes_long(store: Store) -> None:
    may_end = threading.Event()
    async with Writer(store) as writer:
        long = asyncio.ensure_future(writer(may_end.wait, 10))
        assert await writer.read(store.history, "espresso") == []
        assert not long.done()
        may_end.set()
        assert await long


async def test_closing_waits_for_what_is_in_hand_and_takes_nothing_new(store: Store) -> None:
    began, may_end = threading.Event(), threading.Event()

    def slow() -> str:
        began.set()
        may_end.wait(10)
        store.probe_write(NOW)
        return "written"

    writer = Writer(store)
    in_hand = asyncio.ensure_future(writer(slow))
    await asyncio.to_thread(began.wait, 10)
    closing = asyncio.ensure_future(writer.aclose())
    await asyncio.sleep(0)
    with pytest.raises(StoreError, match="being closed"):
        await writer(store.probe_write, NOW)
    with pytest.raises(StoreError, match="being closed"):
        await writer.read(store.counts)
    assert not closing.done()
    may_end.set()
    assert await in_hand == "written"
    await closing


async def test_a_write_that_was_begun_is_finished_though_nobody_waits(store: Store) -> None:
    began, may_end = threading.Event(), threading.Event()

    def slow() -> None:
        began.set()
        may_end.wait(10)
        store.begin_run(make_run(), goal="g", generation="g1", owner=OWNER, now=NOW)

    async with Writer(store) as writer:
        waiting = asyncio.ensure_future(writer(slow))
        await asyncio.to_thread(began.wait, 10)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        may_end.set()
    assert len(store.unfinished()) == 1


async def test_errors_reach_the_caller_and_the_next_call_works(store: Store) -> None:
    def fail() -> None:
        raise StoreBusy("locked")

    async with Writer(store) as writer:
        with pytest.raises(StoreBusy):
            await writer(fail)
        await writer(store.probe_write, NOW)
