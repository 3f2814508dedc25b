"""Fault matrix 2.5: judging and storing, as far as one run shows it; the store's own rows are in tests/store."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from monitor.engine.dispatch import Dispatcher
from monitor.engine.execute import execute, resume
from monitor.errors import StoreConflict, StoreReplaced, StoreUnwritable
from monitor.store.writer import Writer
from monitor.watch.run import Run, new_id
from tests.engine.conftest import run_of, telling, until
from tests.faults.conftest import AFTER, GOOD, Scene
from tests.faults.test_post import finished, killed

pytestmark = pytest.mark.anyio


async def test_row_96_a_result_that_breaks_the_schema(scene: Scene) -> None:
    """B1: row 96: a result that breaks the schema."""
    scene.api.next_run(result={"price": "cheap"})
    record = await scene.ends("INVALID", "SCHEMA")
    assert record.violations
    async with scene.desk() as desk:
        assert desk.store.record(record.id, raw=True).raw["result"] == {"price": "cheap"}  # type: ignore[union-attr]


async def test_row_98_a_difference_beyond_all_limits(scene: Scene) -> None:
    shape = scene.watch.output_schema["properties"] | {"rows": {"type": "array", "items": {"type": "object"}}}
    scene.watch = telling(output_schema=scene.watch.output_schema | {"properties": shape})
    scene.api.next_run(result=AFTER | {"rows": [{"n": n} for n in range(5_000)]})
    assert (await scene.run()).verdict == "BASELINE"
    scene.clock.advance(60)  # type: ignore[attr-defined]
    scene.api.next_run(result=AFTER | {"rows": [{"n": -n, "m": n} for n in range(6_000)]})
    async with asyncio.timeout(20):
        record = await scene.run()
    assert (record.verdict, record.notifications) == (GOOD, 1)
    assert len(scene.told()[-1]["body"]) <= 4_000


async def test_row_99_a_result_of_10_mb(scene: Scene) -> None:
    scene.api.next_run(result=AFTER | {"text": "x" * 3_000_000})
    await scene.ends("INVALID", "SCHEMA", says="larger than 2 MiB")


async def test_row_100_busy(scene: Scene) -> None:
    """R3: Another process holds the lock while the result arrives: it is waited out."""
    scene.fast(20)
    scene.fields["busy_timeout"] = 0.05
    scene.api.next_run(result=AFTER).takes(0.3)
    with closing(sqlite3.connect(scene.state / "monitor.db", isolation_level=None)) as locker:
        task = asyncio.create_task(scene.run())
        await until(lambda: scene.rows.stages[1:] == [("accepted", "run_2")])
        locker.execute("BEGIN IMMEDIATE")
        await asyncio.sleep(0.6)  # the stream ends meanwhile
        locker.execute("ROLLBACK")
        record = await task
    assert (record.verdict, scene.posts, scene.billed) == (GOOD, 1, 1)


@pytest.mark.parametrize("method", ["accepted", "settle", "state_of", "stops", "commit"])
async def test_row_101_full_disk_at_any_write(scene: Scene, method: str) -> None:
    """R3: row 101: full disk at any write."""

    class Full(Writer):
        left = 4

        async def __call__(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            if call.__name__ == method and self.left > 0:
                Full.left -= 1
                raise StoreUnwritable("the disk is full")
            return await super().__call__(call, *args, **kwargs)

    scene.fields["writer"] = Full
    await scene.ends(GOOD)
    assert Full.left == 0


async def test_row_104_the_database_is_replaced_and_nothing_is_sent(scene: Scene) -> None:
    async with scene.desk() as desk:
        path = scene.state / "monitor.db"
        path.rename(path.with_suffix(".old"))
        path.write_bytes(path.with_suffix(".old").read_bytes())
        with pytest.raises(StoreReplaced):
            await execute(scene.watch, run_of(scene.watch, scene.clock), desk)
    assert scene.posts == 0


@pytest.mark.parametrize("when", ["before", "after"])
async def test_row_106_killed_around_the_commit(scene: Scene, when: str) -> None:
    await killed(scene, "commit", when)
    if when == "before":
        await finished(scene)
    assert (scene.posts, scene.billed) == (1, 1)
    assert [row["verdict"] for row in scene.rows("SELECT verdict FROM runs ORDER BY id")] == ["BASELINE", GOOD]
    assert len(scene.told()) == 2


async def test_row_108_a_run_beside_a_process_that_has_one(scene: Scene) -> None:
    """D3: row 108: a run beside a process that has one."""
    scene.fast(20)
    scene.api.next_run(result=AFTER).takes(0.3)
    async with scene.desk() as ours, scene.desk() as theirs:
        first = asyncio.create_task(execute(scene.watch, run_of(scene.watch, scene.clock), ours))
        await until(lambda: scene.rows.stages[1:] == [("accepted", "run_2")])
        other = await execute(scene.watch, run_of(scene.watch, scene.clock), theirs)
        assert (other.verdict, other.code) == ("SKIPPED", "OVERLAP")
        assert (await first).verdict == GOOD
    assert (scene.posts, scene.billed) == (1, 1)


async def test_row_109_a_process_that_wakes_too_late_writes_nothing(scene: Scene) -> None:
    """R7: What a frozen process finds on waking: its row is another's, and its writes are refused."""
    scene.fast(20)
    scene.api.next_run(result=AFTER).takes(0.3)
    async with scene.desk() as frozen, scene.desk() as awake:
        task = asyncio.create_task(execute(scene.watch, run_of(scene.watch, scene.clock), frozen))
        await until(lambda: scene.rows.stages[1:] == [("accepted", "run_2")])
        (left,) = awake.store.unfinished()
        assert awake.store.take_over(left.run.id, left.owner, awake.owner.id)
        record = await resume(scene.watch, left, awake)
        with pytest.raises(StoreConflict):
            await task
    assert (record.verdict, scene.posts, scene.billed) == (GOOD, 1, 1)


# --- one occurrence, one record


async def test_row_10_and_12_an_occurrence_that_is_recorded_does_not_run_again(scene: Scene) -> None:
    """A4: row 10 and 12: an occurrence that is recorded does not run again."""
    record = await scene.ends(GOOD)
    async with scene.desk() as desk:
        again = Run(new_id(scene.clock.now()), scene.watch.name, record.due_at)
        assert (await execute(scene.watch, again, desk)).id == record.id
    assert scene.posts == 1


async def test_row_16_a_run_that_breaks_stops_no_other(scene: Scene) -> None:
    """R10: row 16: a run that breaks stops no other."""
    records: list[Any] = []

    async def breaks(*_: Any) -> Any:
        raise ZeroDivisionError

    async with Dispatcher(breaks, breaks, 1, records.append) as dispatcher:
        for name in ("one", "two"):
            dispatcher.start(telling(name=name), Run(new_id(scene.clock.now()), name, scene.clock.now()))
        await dispatcher.idle()
    assert records == []


async def test_a_late_result_of_an_older_occurrence_is_history_only(scene: Scene) -> None:
    """B7: run 1 is delayed past run 2; the baseline stays run 2's."""
    before = scene.clock.now() - timedelta(hours=1)
    early = run_of(scene.watch, scene.clock, id=new_id(before), due_at=before)
    async with scene.desk() as desk:
        record = await execute(scene.watch, early, desk)
    assert "older than the baseline" in record.reason
    kept = scene.rows("SELECT baseline_run FROM watch_state")[0]["baseline_run"]
    assert kept == scene.baseline
