"""What runs show while they go on: collected, handed on, kept with the record, and never in the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from monitor.agent.follow import Progress
from monitor.clock import WallClock
from monitor.engine import steps as module
from monitor.engine.execute import execute
from monitor.engine.steps import Steps
from monitor.errors import StoreBusy
from monitor.store.records import Record
from monitor.store.store import Store
from monitor.watch.run import Trigger
from tests.conftest import make_watch
from tests.engine.conftest import opened, run_of
from tests.scripted_api import ScriptedApi

pytestmark = pytest.mark.anyio


async def recorded(state: Path, steps: Steps, show: int = 0) -> tuple[Record, list[dict[str, Any]]]:
    """One run, and `show` steps of its own making beside the agent's."""
    clock, watch = WallClock(), make_watch()
    async with ScriptedApi() as api, opened(state, api, clock) as desk:
        run = run_of(watch, clock, Trigger.MANUAL)

        async def work(shown: Any) -> Record:
            for number in range(show):
                shown(Progress("progress", f"step {number} " + "x" * 1_000, None, clock.now()))
            shown(Progress("streaming_url", "watch it", "https://tf.example/canary", clock.now()))
            return await execute(watch, run, desk, shown)

        record = await steps.recorded(run, work, desk)
        return record, desk.store.progress(record.id)


async def test_steps_are_kept_with_the_record_and_without_the_live_view(state: Path) -> None:
    """Row 40: the address of the live browser is no text to keep."""
    steps = Steps()
    heard: list[str] = []
    steps.listener = lambda run, progress: heard.append(progress.kind if progress else "ended")
    record, kept = await recorded(state, steps)
    assert record.verdict == "BASELINE"
    assert [step["kind"] for step in kept][:1] == ["started"]
    assert "canary" not in str(kept)
    assert (heard[0], heard[1], heard[-1]) == ("opened", "streaming_url", "ended")
    assert steps.of(record.id) == []


async def test_of_a_long_run_the_beginning_and_the_end_are_kept(state: Path) -> None:
    _, kept = await recorded(state, Steps(), 3 * module.MOST)
    assert len(kept) == module.MOST
    assert kept[0]["text"].startswith("step 0 ")
    assert all(len(step["text"]) <= module.LENGTH for step in kept)


async def test_a_store_that_takes_no_steps_takes_the_run(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object) -> bool:
        raise StoreBusy("locked")

    monkeypatch.setattr(Store, "keep_progress", busy)
    record, kept = await recorded(state, Steps(), 1)
    assert (record.verdict, kept) == ("BASELINE", [])
