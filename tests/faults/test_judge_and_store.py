"""Fault matrix 2.5: judging and storing, as far as one run shows it; the store's own rows are in tests/store."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.agent.outcome import Completed
from monitor.clock import WallClock
from monitor.engine.dispatch import Dispatcher
from monitor.engine.execute import execute, resume
from monitor.engine.spooling import clear
from monitor.errors import StoreConflict, StoreReplaced, StoreUnwritable
from monitor.store.spool import Spool
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


async def _dies_on_a_full_disk(scene: Scene) -> Path:
    """Play a process that is paid for a result, finds the disk full, and dies; returns the spool's file."""

    class Full(Writer):
        async def __call__(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            if call.__name__ == "settle":
                raise StoreUnwritable("the disk is full")
            return await super().__call__(call, *args, **kwargs)

    before, scene.fields["writer"] = dict(scene.fields), Full
    clock, scene.clock = scene.clock, WallClock(50)
    task = asyncio.create_task(scene.run())
    await until(lambda: list(scene.state.parent.glob("goal-monitor-*/*.outcome")))
    task.cancel()
    await asyncio.wait([task])
    scene.fields, scene.clock = before, clock
    assert scene.rows.stages[1:] == [("accepted", "run_2")]
    (path,) = scene.state.parent.glob("goal-monitor-*/*.outcome")
    return path


async def _next_process(scene: Scene) -> None:
    async with scene.desk() as desk:
        await clear(desk)
        (left,) = desk.store.unfinished()
        assert desk.store.take_over(left.run.id, left.owner, desk.owner.id)
        record = await resume(scene.watch, left, desk)
        scene.check(record)
        await clear(desk)
    assert (record.verdict, scene.posts, scene.billed) == (GOOD, 1, 1)


async def test_row_101_the_next_process_has_what_was_paid_for_from_the_spool(scene: Scene) -> None:
    """R3: row 101: the database is full, the process dies, the API is gone: the result is in the spool."""
    path = await _dies_on_a_full_disk(scene)
    requests = len(scene.api.requests)
    await _next_process(scene)
    assert len(scene.api.requests) == requests  # nothing is asked of the API for it
    assert not path.exists()


def _halved(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _of_another_run(path: Path) -> None:
    other = Spool(path.parent)
    run = Run(path.stem, "grinder", datetime(2026, 11, 21, tzinfo=UTC))
    other.put(run, Completed(run_id="run_2", result={"price": 1.0, "in_stock": False}))


def _of_another_remote_run(path: Path) -> None:
    run = Run(path.stem, "espresso-machine", datetime(2026, 11, 21, tzinfo=UTC))
    Spool(path.parent).put(run, Completed(run_id="run_9", result={"price": 1.0, "in_stock": False}))


def _writable_by_others(path: Path) -> None:
    path.chmod(0o666)


def _in_a_folder_of_others(path: Path) -> None:
    path.parent.chmod(0o777)


@pytest.mark.parametrize(
    "change", [_halved, _of_another_run, _of_another_remote_run, _writable_by_others, _in_a_folder_of_others]
)
async def test_row_101_a_spool_that_is_not_to_be_believed_is_not_used(
    scene: Scene, change: Callable[[Path], None]
) -> None:
    """R3: row 101: what somebody else could have written is left, and the run is polled."""
    path = await _dies_on_a_full_disk(scene)
    change(path)
    requests = len(scene.api.requests)
    await _next_process(scene)
    assert len(scene.api.requests) > requests


async def test_row_101_what_the_spool_holds_of_an_unknown_run_is_left_there(scene: Scene) -> None:
    async with scene.desk() as desk:
        run = run_of(scene.watch, scene.clock)
        spool = Spool.of(desk.store.path)
        spool.put(run, Completed(run_id="run_9", result=AFTER))
        spool.put(Run(scene.baseline, scene.watch.name, run.due_at), Completed(run_id="run_1", result=AFTER))
        await clear(desk)
        assert spool.waiting() == [run.id]
    assert scene.rows("SELECT id FROM runs") == [{"id": scene.baseline}]


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
