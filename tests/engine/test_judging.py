"""Every settled run gets a record, also when the code that judges or stores it breaks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from monitor.agent.outcome import Completed
from monitor.engine import judging
from monitor.engine.execute import execute
from monitor.judge.decision import Kind
from monitor.store.writer import Writer
from tests.conftest import SimulatedClock
from tests.engine.conftest import Rows, opened, run_of, telling
from tests.scripted_api import ScriptedApi

pytestmark = pytest.mark.anyio


def breaking(real: Callable[..., Any], on: Callable[..., bool]) -> Callable[..., Any]:
    """Return a defect: the function, which breaks where `on` says so."""

    def function(*args: Any, **more: Any) -> Any:
        if on(*args):
            raise ZeroDivisionError("a defect")
        return real(*args, **more)

    return function


def _on_a_result(_watch: Any, _run: Any, outcome: Any, *_: Any) -> bool:
    return isinstance(outcome, Completed)


async def test_a_result_that_breaks_the_judge_is_a_failure_and_is_told(
    state: Path, rows: Rows, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ScriptedApi() as api, opened(state, api, clock) as desk:
        watch = telling()
        good = await execute(watch, run_of(watch, clock), desk)
        monkeypatch.setattr(judging, "decide", breaking(judging.decide, _on_a_result))
        api.every_run(result={"price": 1, "in_stock": True})
        for _ in range(2):
            clock.advance(60)
            record = await execute(watch, run_of(watch, clock), desk)
            assert (record.verdict, record.code) == ("FAILED", "INTERNAL")
            assert "see the log" in str(record.as_json()) or record.run_id
        found = desk.store.state_of(watch.name)
        assert found.baseline is not None
        assert (found.baseline.run, found.failures) == (good.id, 2)
        raw = desk.store.record(record.id, raw=True)
        assert raw is not None
        assert raw.raw["result"] == {"price": 1, "in_stock": True}  # what was paid for is kept
    assert [row["kind"] for row in rows("SELECT kind FROM outbox ORDER BY id")] == ["baseline", "failure"]


async def test_a_message_that_cannot_be_composed_keeps_the_baseline_so_that_the_change_is_found_again(
    state: Path, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    compose = judging.compose
    async with ScriptedApi() as api, opened(state, api, clock) as desk:
        watch = telling()
        await execute(watch, run_of(watch, clock), desk)
        monkeypatch.setattr(judging, "compose", breaking(compose, lambda note, *_: note.kind is Kind.CHANGE))
        api.every_run(result={"price": 1, "in_stock": True})
        clock.advance(60)
        assert (await execute(watch, run_of(watch, clock), desk)).code == "INTERNAL"
        monkeypatch.setattr(judging, "compose", compose)
        clock.advance(60)
        assert (await execute(watch, run_of(watch, clock), desk)).verdict == "CHANGED"


async def test_a_judge_that_breaks_on_everything_leaves_no_run_open(
    state: Path, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "decide", breaking(judging.decide, lambda *_: True))
    async with ScriptedApi() as api, opened(state, api, clock) as desk:
        watch = telling()
        record = await execute(watch, run_of(watch, clock), desk)
        assert (record.verdict, record.code, record.notifications) == ("FAILED", "INTERNAL", 0)
        assert desk.store.unfinished() == []


async def test_an_outcome_that_cannot_be_stored_is_an_internal_failure(state: Path, clock: SimulatedClock) -> None:
    class Choking(Writer):
        async def __call__(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            if method.__name__ == "settle" and isinstance(args[1], Completed):
                raise ValueError("a value that is not JSON cannot be stored")
            return await super().__call__(method, *args, **kwargs)

    async with ScriptedApi() as api, opened(state, api, clock, writer=Choking) as desk:
        watch = telling()
        record = await execute(watch, run_of(watch, clock), desk)
        assert (record.verdict, record.code, record.run_id) == ("FAILED", "INTERNAL", "run_1")
        assert desk.store.unfinished() == []
