"""Cancelling a run that goes on: at the API, and what the store says of it afterwards (A7)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from monitor.engine.cancel import GONE, cancel_run
from monitor.engine.execute import execute
from monitor.watch.model import Watch
from tests.conftest import SimulatedClock
from tests.engine.conftest import Rows, opened, run_of, telling, until
from tests.scripted_api import RESULT, Script, ScriptedApi

pytestmark = pytest.mark.anyio


async def left_open(state: Path, api: ScriptedApi, rows: Rows, watch: Watch, script: Script) -> None:
    """Let a process go while its run goes on."""
    clock = SimulatedClock()
    async with opened(state, api, clock) as desk:
        task = asyncio.create_task(execute(watch, run_of(watch, clock), desk))
        await until(lambda: len(api.runs) == 1 and (script.head == b"" or rows.stages == [("accepted", "run_1")]))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("defined", [True, False])
async def test_a_run_of_a_dead_process_is_cancelled_and_recorded(
    state: Path, rows: Rows, clock: SimulatedClock, known: bool, defined: bool
) -> None:
    async with ScriptedApi() as api:
        watch, script = telling(), api.next_run().takes(None)
        if not known:
            script.hang_before_first_byte()
        await left_open(state, api, rows, watch, script)
        async with opened(state, api, clock) as desk:
            (left,) = desk.store.unfinished()
            outcome = await cancel_run(desk, left, watch if defined else None, why="it is not wanted")
            record = desk.store.record(left.run.id)
            assert record is not None
            assert desk.store.unfinished() == []
    assert (outcome.kind, record.verdict, record.code, api.cancels, api.posts) == (
        "cancelled",
        "FAILED",
        "CANCELLED",
        1,
        1,
    )
    assert record.reason.startswith("it is not wanted; ")
    assert (GONE in record.reason) is not defined


async def test_what_had_completed_is_kept(state: Path, rows: Rows, clock: SimulatedClock) -> None:
    """A7: what had completed is kept."""
    async with ScriptedApi() as api:
        watch, script = telling(), api.next_run().takes(None).cancel_finds_it_completed()
        await left_open(state, api, rows, watch, script)
        async with opened(state, api, clock) as desk:
            (left,) = desk.store.unfinished()
            outcome = await cancel_run(desk, left, watch)
            record = desk.store.record(left.run.id)
    assert record is not None
    assert (outcome.kind, record.verdict, record.result) == ("completed", "BASELINE", RESULT)


@pytest.mark.parametrize(("error", "words"), [(None, "it had completed"), ({"message": "no price"}, "no price")])
async def test_without_its_watch_an_end_is_kept_and_says_what_it_was(
    state: Path, rows: Rows, clock: SimulatedClock, error: dict[str, str] | None, words: str
) -> None:
    async with ScriptedApi() as api:
        script = api.next_run(error=error).takes(None).cancel_finds_it_completed()
        await left_open(state, api, rows, telling(), script)
        async with opened(state, api, clock) as desk:
            (left,) = desk.store.unfinished()
            await cancel_run(desk, left, why=GONE)
            record = desk.store.record(left.run.id, raw=True)
    assert record is not None
    assert (record.verdict, record.code) == ("FAILED", "CANCELLED")
    assert record.reason.startswith(f"{GONE}; ")
    assert words in record.reason
    assert record.raw["status"] in {"COMPLETED", "FAILED"}


async def test_a_run_that_another_living_process_follows_is_recorded_there(
    state: Path, rows: Rows, clock: SimulatedClock
) -> None:
    async with ScriptedApi() as api, opened(state, api, clock) as theirs, opened(state, api, clock) as desk:
        watch = telling()
        api.next_run().takes(None).raw(Script._event("STARTED"), 0.2)
        task = asyncio.create_task(execute(watch, run_of(watch, clock), theirs))
        await until(lambda: rows.stages == [("accepted", "run_1")])
        (left,) = desk.store.unfinished()
        outcome = await cancel_run(desk, left, watch)
        record = await task
    assert (outcome.kind, record.verdict, record.code) == ("cancelled", "FAILED", "CANCELLED")


async def test_where_the_api_cannot_be_asked_the_run_stays_open(state: Path, rows: Rows, clock: SimulatedClock) -> None:
    async with ScriptedApi() as api:
        watch, script = telling(), api.next_run().takes(None)
        await left_open(state, api, rows, watch, script)
        api.answer("GET", "/v1/runs", 503, "", times=10_000)
        api.answer("POST", "/v1/runs", 503, "", times=10_000)
        before = clock.monotonic()
        async with opened(state, api, clock) as desk:
            (left,) = desk.store.unfinished()
            outcome = await cancel_run(desk, left, watch)
            assert outcome.fault is not None
            assert outcome.fault.code == "UNKNOWN_OUTCOME"
    assert rows.stages == [("accepted", "run_1")]
    assert clock.monotonic() - before <= 300


async def test_a_run_that_is_settled_is_judged_and_nothing_is_asked(
    state: Path, rows: Rows, clock: SimulatedClock
) -> None:
    from tests.engine.test_execute import Killed, dying

    async with ScriptedApi() as api:
        watch = telling()
        with pytest.raises(Killed):
            async with opened(state, api, clock, writer=dying(5, after=False)) as first:
                await execute(watch, run_of(watch, clock), first)
        asked = len(api.requests)
        async with opened(state, api, clock) as desk:
            (left,) = desk.store.unfinished()
            assert (await cancel_run(desk, left, watch)).kind == "completed"
        assert len(api.requests) == asked
    assert rows.records == [("BASELINE", None)]
