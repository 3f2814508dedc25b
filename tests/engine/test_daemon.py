"""The daemon's own work: what it resumes, catches up, records and retries, and what stops it."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.clock import WallClock
from monitor.engine.daemon import Daemon, once, serve
from monitor.engine.desk import Desk
from monitor.engine.dispatch import Dispatcher
from monitor.engine.execute import execute, resume
from monitor.engine.schedule import offset, unrecorded
from monitor.errors import StoreCorrupt, StoreError, StoreUnwritable
from monitor.judge.decision import Verdict
from monitor.store.writer import Writer
from monitor.watch.model import Watch
from monitor.watch.run import Trigger
from tests.conftest import make_watch
from tests.engine.conftest import Rows, opened, run_of, telling, until
from tests.scripted_api import ScriptedApi

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 21, 12, 0, 30, tzinfo=UTC)
SYSTEM = {"code": "INTERNAL_ERROR", "message": "try later", "category": "SYSTEM_FAILURE", "retry_after": 7}


def driven(speed: float = 100.0) -> WallClock:
    """A clock that shows about NOW and runs faster."""
    clock = WallClock(speed)
    clock._start_wall = NOW
    begin = datetime.now(UTC)
    clock.wall = lambda instant: begin + (instant - NOW) / speed  # type: ignore[method-assign]
    clock.at = lambda wall: NOW + (wall - begin) * speed  # type: ignore[method-assign]
    return clock


@asynccontextmanager
async def daemon_of(desk: Desk, *watches: Watch, concurrency: int = 4) -> AsyncIterator[Daemon]:
    done: list[Any] = []
    async with Dispatcher(
        lambda watch, run: execute(watch, run, desk),
        lambda watch, left: resume(watch, left, desk),
        concurrency,
        done.append,
        desk.patience,
    ) as runs:
        yield Daemon({watch.name: watch for watch in watches}, desk, runs, desk.clock)  # type: ignore[arg-type] # a WallClock


async def served(daemon: Daemon, reached: Callable[[], object]) -> None:
    """Serve until `reached`, then stop as a signal would."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(serve(daemon, [], stop))
        await until(reached)
        stop.set()


def recorded(desk: Desk, watch: Watch, due_at: datetime, clock: WallClock) -> None:
    """Put a record of a cron occurrence into the store, so that the watch is not new."""
    desk.store.record_skip(watch.name, due_at, Trigger.CRON, Verdict.SKIPPED, "PAUSED", "as told", clock.now())


# --- start and catch-up


async def test_a_start_resumes_what_a_dead_process_left_and_posts_nothing(state: Path, rows: Rows) -> None:
    clock = driven()
    watch = telling(cron="0 0 1 1 *")
    async with ScriptedApi() as api:
        script = api.next_run(result={"price": 7, "in_stock": True}).takes(None)
        async with opened(state, api, clock) as dead:
            task = asyncio.create_task(execute(watch, run_of(watch, clock), dead))
            await until(lambda: rows.stages == [("accepted", "run_1")])
            task.cancel()
            await asyncio.wait([task])
        script.ends_after, api.runs[0].ends_at = 0.0, 0.0
        async with opened(state, api, clock) as desk, daemon_of(desk, watch) as daemon:
            await served(daemon, lambda: rows.records == [("BASELINE", None)])
        assert (api.posts, api.cancels) == (1, 0)
        assert len(rows("SELECT id FROM outbox")) == 1


async def test_the_newest_missed_occurrence_runs_and_the_others_are_recorded(state: Path, rows: Rows) -> None:
    """A4, D4: the newest missed occurrence runs and the others are recorded."""
    clock = driven(1.0)
    clock.now = lambda: NOW  # type: ignore[method-assign]
    watch = make_watch(cron="0 * * * *")
    async with ScriptedApi() as api, opened(state, api, clock) as desk:
        recorded(desk, watch, NOW.replace(hour=8, minute=0, second=0), clock)
        async with daemon_of(desk, watch) as daemon:
            await served(daemon, lambda: len(desk.store.history(watch.name)) == 5)
        found = [(record.due_at.hour, record.verdict, record.code) for record in desk.store.history(watch.name)]
        assert sorted(found) == [
            (8, "SKIPPED", "PAUSED"),
            (9, "MISSED", "DOWN"),
            (10, "MISSED", "DOWN"),
            (11, "MISSED", "DOWN"),
            (12, "BASELINE", None),
        ]
        assert api.posts == 1


async def test_a_watch_that_never_ran_waits_for_its_first_due_time(state: Path) -> None:
    clock = driven(200)
    watch = make_watch(cron="* * * * *")
    async with ScriptedApi() as api, opened(state, api, clock) as desk, daemon_of(desk, watch) as daemon:
        start = clock.now()
        await served(daemon, lambda: desk.store.history(watch.name))
        first = desk.store.history(watch.name)[-1]
        assert (first.due_at - start) <= timedelta(seconds=60) < timedelta(seconds=60) + offset(watch)
        assert first.due_at > start


async def test_what_was_due_since_a_watch_was_first_seen_is_caught_up(state: Path) -> None:
    """G1: a watch that never ran, whose first due times fell while nothing was running, gets a record of each."""
    clock = driven(1.0)
    at = [NOW]
    clock.now = lambda: at[0]  # type: ignore[method-assign]
    watch, late = make_watch(cron="0 * * * *"), make_watch(name="late", cron="0 * * * *")
    async with ScriptedApi() as api, opened(state, api, clock) as desk:
        async with daemon_of(desk, watch) as daemon:
            await served(daemon, desk.store.first_seen)
        assert desk.store.history(watch.name) == []
        at[0] = NOW + timedelta(hours=3)
        async with daemon_of(desk, watch, late) as daemon:  # `late` was added meanwhile: it is first seen now
            await served(daemon, lambda: len(desk.store.history(watch.name)) == 3)
        found = [(record.due_at.hour, record.verdict, record.code) for record in desk.store.history(watch.name)]
        assert sorted(found) == [(13, "MISSED", "DOWN"), (14, "MISSED", "DOWN"), (15, "BASELINE", None)]
        assert desk.store.history("late") == []
        assert desk.store.first_seen() == {watch.name: NOW, "late": at[0]}
        recorded = desk.store.occurrences(watch.name, NOW)
        assert unrecorded(watch, recorded, NOW) == []
        assert unrecorded(watch, recorded[1:], NOW) == recorded[:1]
        assert api.posts == 1


async def test_a_watch_that_was_switched_off_or_gone_is_new_when_it_comes_back(state: Path) -> None:
    """G1: nothing is MISSED of the time in which a watch was not to run; one that cannot be read is kept in mind."""
    clock = driven(1.0)
    at = [NOW]
    clock.now = lambda: at[0]  # type: ignore[method-assign]
    on, off, gone = (make_watch(name=name, cron="0 * * * *") for name in ("on", "off", "gone"))
    async with ScriptedApi() as api, opened(state, api, clock) as desk:
        for hours, complete, kept in ((0, True, {"on", "off", "gone"}), (2, False, {"on", "gone"}), (4, True, {"on"})):
            at[0] = NOW + timedelta(hours=hours)
            switched = off if hours == 0 else make_watch(name="off", cron="0 * * * *", enabled=False)
            watches = [on, switched] + ([gone] if hours == 0 else [])
            async with daemon_of(desk, *watches) as daemon:
                daemon.complete = complete
                await served(daemon, lambda kept=kept: set(desk.store.first_seen()) == kept)
        assert desk.store.first_seen()["on"] == NOW
        at[0] = NOW + timedelta(hours=6)
        async with daemon_of(desk, off, gone) as daemon:
            await served(daemon, lambda: "gone" in desk.store.first_seen())
        assert desk.store.history("off") == desk.store.history("gone") == []


async def test_once_catches_up_what_was_due_since_a_watch_was_first_seen(state: Path) -> None:
    """G1: a first `--once` that found nothing due is the beginning of the count."""
    clock = driven(1.0)
    at = [NOW]
    clock.now = lambda: at[0]  # type: ignore[method-assign]
    watch = make_watch(cron="0 9 * * 1")  # the next Monday is 2026-11-23
    async with ScriptedApi() as api, opened(state, api, clock) as desk:
        for days, count in ((0, 0), (5, 1), (8, 1), (10, 2)):
            at[0] = NOW + timedelta(days=days)
            async with daemon_of(desk, watch) as daemon:
                await once(daemon)
            assert len(desk.store.history(watch.name)) == count
        assert {(record.verdict, record.code) for record in desk.store.history(watch.name)} == {("MISSED", "DOWN")}
        assert api.posts == 0


class Full(Writer):
    """A disk that takes no row of a run and no record."""

    async def __call__(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if method.__name__ in {"begin_run", "record_skip"}:
            raise StoreUnwritable("the disk is full", hint="check disk space")
        return await super().__call__(method, *args, **kwargs)


@pytest.mark.parametrize("missed", [False, True], ids=["nothing recorded before", "records of missed ones first"])
async def test_once_gives_up_on_a_store_that_takes_nothing(state: Path, rows: Rows, missed: bool) -> None:
    """R3: `--once` ends with the store's error within its patience, and what it did not do is left to the next."""
    clock = driven(1.0)
    clock.now = lambda: NOW  # type: ignore[method-assign]
    watches = [make_watch(name=name, cron="0 * * * *") for name in ("a", "b", "c")]
    async with ScriptedApi() as api:
        async with opened(state, api, clock, writer=Full) as desk, daemon_of(desk, *watches) as daemon:
            if missed:
                recorded(desk, watches[0], NOW.replace(hour=8, minute=0, second=0), clock)
            desk.patience.most = 0.3
            async with asyncio.timeout(10):
                with pytest.raises(StoreError, match="gave up: the store took nothing") as caught:
                    await once(daemon)
            assert (caught.value.exit_code, caught.value.hint) == (4, "check disk space")
        assert (api.posts, len(rows.records)) == (0, 1 if missed else 0)
        async with opened(state, api, clock) as desk, daemon_of(desk, *watches) as daemon:
            await once(daemon)
            assert len(desk.store.history("a")) == (5 if missed else 1)
            assert api.posts == 3


async def test_each_minute_of_a_driven_day_has_one_record(state: Path, rows: Rows) -> None:
    """A4, G1: each minute of a driven day has one record."""
    clock = driven(200)
    watches = [make_watch(name=name, cron="* * * * *") for name in ("a", "b", "c")]
    async with ScriptedApi() as api, opened(state, api, clock) as desk, daemon_of(desk, *watches) as daemon:
        await served(daemon, lambda: len(rows("SELECT id FROM runs WHERE stage = 'judged'")) >= 18)
        for watch in watches:
            under_way = [left.run.due_at for left in desk.store.unfinished() if left.run.watch == watch.name]
            due = sorted([*(record.due_at for record in desk.store.history(watch.name)), *under_way])
            assert due == [due[0] + timedelta(minutes=number) for number in range(len(due))]
        goals = [request.body["goal"] for request in api.requests if request.method == "POST"]
        assert len(set(goals)) == len(goals)
        begun = rows("SELECT stage FROM runs WHERE opened_at")  # an occurrence that did not run was not opened
        ended = [row for row in begun if row["stage"] == "judged"]
        assert len(ended) <= len(goals) <= len(begun)  # the stop may come between a row and its request


async def test_more_watches_than_places_run_late_and_every_occurrence_has_its_record(state: Path, rows: Rows) -> None:
    """G1: more watches than places run late and every occurrence has its record."""
    clock = driven(200)
    watches = [make_watch(name=name, cron="* * * * *") for name in ("a", "b", "c", "d")]
    async with ScriptedApi() as api, opened(state, api, clock) as desk:
        api.every_run(result={"price": 1, "in_stock": True}).takes(0.4)  # 80 s of this clock, one at a time
        async with daemon_of(desk, *watches, concurrency=1) as daemon:
            await served(daemon, lambda: len(rows("SELECT id FROM runs WHERE verdict = 'MISSED'")) >= 6)
        for watch in watches:
            due = sorted(
                [record.due_at for record in desk.store.history(watch.name)]
                + [left.run.due_at for left in desk.store.unfinished() if left.run.watch == watch.name]
            )
            assert due == [due[0] + timedelta(minutes=number) for number in range(len(due))]
        assert set(rows.records) <= {
            ("BASELINE", None),
            ("UNCHANGED", None),
            ("MISSED", "LATE"),
            ("SKIPPED", "OVERLAP"),
            (None, None),
        }


async def test_once_runs_what_is_due_now_and_ends(state: Path, rows: Rows) -> None:
    clock = driven(1.0)
    clock.now = lambda: NOW  # type: ignore[method-assign]
    watches = [make_watch(name="hourly", cron="0 * * * *"), make_watch(name="off", cron="0 * * * *", enabled=False)]
    yearly = make_watch(name="yearly", cron="0 0 1 1 *")
    async with ScriptedApi() as api, opened(state, api, clock) as desk:
        for _ in range(2):  # the second time there is nothing to do
            async with daemon_of(desk, *watches, yearly) as daemon:
                await once(daemon)
        assert [(record.watch, record.verdict) for record in desk.store.history("hourly")] == [("hourly", "BASELINE")]
        assert (api.posts, len(rows.records)) == (1, 1)


# --- retries


async def test_a_retry_is_made_when_it_is_due(state: Path, rows: Rows) -> None:
    clock = driven()
    watch = telling(cron="0 0 1 1 *")
    async with ScriptedApi() as api, opened(state, api, clock) as desk:
        api.next_run(error=SYSTEM)
        await execute(watch, run_of(watch, clock), desk)
        async with daemon_of(desk, watch) as daemon:
            await served(daemon, lambda: len(rows.records) == 2 and rows.records[1][0])
        assert (rows.records, api.posts) == ([("FAILED", "AGENT"), ("BASELINE", None)], 2)
    assert rows("SELECT * FROM retries") == []


@pytest.mark.parametrize("why", ["gone", "off", "newer result"])
async def test_a_retry_that_is_of_no_use_is_dropped(state: Path, rows: Rows, why: str) -> None:
    clock = driven()
    watch = make_watch(cron="0 0 1 1 *")
    async with ScriptedApi() as api, opened(state, api, clock) as desk:
        api.next_run(error=SYSTEM)
        await execute(watch, run_of(watch, clock), desk)
        if why == "newer result":
            await execute(watch, run_of(watch, clock), desk)
        posts = api.posts
        defined = {"gone": [], "off": [make_watch(cron="0 0 1 1 *", enabled=False)]}.get(why, [watch])
        async with daemon_of(desk, *defined) as daemon:
            await served(daemon, lambda: rows("SELECT * FROM retries") == [])
        assert api.posts == posts


# --- rows that nobody works on


async def test_a_row_of_ours_whose_task_broke_off_is_taken_up_again(state: Path, rows: Rows) -> None:
    from monitor.errors import StoreConflict

    class Once(Writer):
        failed = False

        async def __call__(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            if method.__name__ == "commit" and not self.failed:
                self.failed = True
                raise StoreConflict("the state is no longer the stored one")
            return await super().__call__(method, *args, **kwargs)

    clock = driven()
    watch = make_watch(cron="* * * * *")
    async with ScriptedApi() as api, opened(state, api, clock, writer=Once) as desk, daemon_of(desk, watch) as daemon:
        await served(daemon, lambda: ("BASELINE", None) in rows.records)
        assert rows.records[0] == ("BASELINE", None)
        assert len([run for run in api.runs if run.run_id == "run_1"]) == 1


async def test_a_row_of_a_process_that_dies_beside_the_daemon_is_taken_up(state: Path, rows: Rows) -> None:
    clock = driven()
    watch = make_watch(cron="0 0 1 1 *")
    async with ScriptedApi() as api, opened(state, api, clock) as desk, daemon_of(desk, watch) as daemon:
        script = api.next_run(result={"price": 7, "in_stock": True}).takes(None)
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(serve(daemon, [], stop))
            async with opened(state, api, clock) as beside:
                task = asyncio.create_task(execute(watch, run_of(watch, clock, Trigger.MANUAL), beside))
                await until(lambda: rows.stages == [("accepted", "run_1")])
                await asyncio.sleep(0.2)  # four looks of the daemon: it lets a living process alone
                assert daemon.dispatcher.held() == {}
                script.ends_after, api.runs[0].ends_at = 0.0, 0.0
                task.cancel()
                await asyncio.wait([task])
            await until(lambda: rows.records == [("BASELINE", None)])
            stop.set()
        assert (api.posts, api.cancels) == (1, 0)


async def test_a_run_of_a_watch_that_cannot_be_read_is_left_alone(state: Path, rows: Rows) -> None:
    """R8: A definition that is broken at present may be that watch's: its run goes on."""
    clock = driven(1.0)
    gone, watch = make_watch(name="gone"), make_watch()
    async with ScriptedApi() as api, opened(state, api, clock) as desk, daemon_of(desk, watch) as daemon:
        daemon.complete = False
        desk.store.begin_run(run_of(gone, clock), goal="g", generation="g", owner="01JDEAD", now=clock.now())
        for _ in range(3):
            assert await daemon.take_up() == {"gone"}
        assert (daemon.dispatcher.held(), rows.stages, api.requests) == ({}, [("intent", None)], [])


async def test_a_run_of_a_watch_that_is_gone_is_cancelled_and_recorded(state: Path, rows: Rows) -> None:
    """A7: the run of a deleted watch is cancelled at the API, and what came of it is recorded."""
    clock = driven()
    gone, watch = make_watch(name="gone"), make_watch(cron="0 0 1 1 *")
    async with ScriptedApi() as api, opened(state, api, clock) as desk, daemon_of(desk, watch) as daemon:
        api.next_run().takes(None)
        task = asyncio.create_task(execute(gone, run_of(gone, clock), desk))
        await until(lambda: rows.stages == [("accepted", "run_1")])
        task.cancel()
        await asyncio.wait([task])
        await daemon.take_up()
        await daemon.dispatcher.idle()
        assert (api.posts, api.cancels) == (1, 1)
        assert rows.records == [("FAILED", "CANCELLED")]


async def test_an_occurrence_that_somebody_has_looked_at_since_is_not_paid_for(state: Path, rows: Rows) -> None:
    """After downtime the newest occurrence is caught up, but not when a run by hand has given a newer result."""
    clock = driven()
    watch = make_watch(cron="0 * * * *")
    async with ScriptedApi() as api, opened(state, api, clock) as desk, daemon_of(desk, watch) as daemon:
        hour = clock.now().replace(minute=0, second=0, microsecond=0)
        await execute(watch, run_of(watch, clock, due_at=hour - timedelta(hours=1)), desk)
        await execute(watch, run_of(watch, clock, Trigger.MANUAL, due_at=hour + timedelta(seconds=5)), desk)
        await once(daemon)
        assert api.posts == 2
        assert ("UNCHANGED", None) in rows.records
        assert ("MISSED", "DOWN") in rows.records


async def test_a_row_that_cannot_be_finished_is_tried_with_growing_pauses(state: Path) -> None:
    tries: list[float] = []

    async def refuse(*_: object) -> Any:
        tries.append(clock.monotonic())
        raise StoreError("this is a defect")

    clock = driven(500)
    watch = make_watch(cron="0 0 1 1 *")
    async with ScriptedApi() as api, opened(state, api, clock) as desk:
        desk.store.begin_run(run_of(watch, clock), goal="g", generation="g", owner="01JDEAD", now=clock.now())
        async with Dispatcher(refuse, refuse, 2, lambda _: None) as runs:
            await served(Daemon({watch.name: watch}, desk, runs, clock), lambda: len(tries) >= 5)
    pauses = [after - before for before, after in itertools.pairwise(tries)]
    assert pauses[0] >= 5
    assert pauses[3] >= 40


# --- errors in the loops


async def test_a_locked_store_does_not_end_the_daemon_and_loses_no_occurrence(state: Path, rows: Rows) -> None:
    clock = driven(120)
    watches = [make_watch(name=name, cron="* * * * *") for name in ("a", "b")]
    with closing(sqlite3.connect(state / "monitor.db", isolation_level=None)) as locker:
        async with (
            ScriptedApi() as api,
            opened(state, api, clock, busy_timeout=0.05) as desk,
            daemon_of(desk, *watches) as daemon,
        ):
            stop = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                group.create_task(serve(daemon, [], stop))
                await until(lambda: len(rows.records) >= 2)
                locker.execute("BEGIN IMMEDIATE")
                posts = api.posts
                await asyncio.sleep(1.1)  # two minutes of this clock
                assert api.posts <= posts + 2  # those whose rows were open
                locker.execute("ROLLBACK")
                count = len(rows.records)
                await until(lambda: len(rows.records) >= count + 6)
                stop.set()
            going = desk.store.unfinished()  # whose run was still under way when the daemon stopped
            for watch in watches:
                due = {record.due_at for record in desk.store.history(watch.name)}
                due |= {left.run.due_at for left in going if left.run.watch == watch.name}
                assert sorted(due) == [min(due) + timedelta(minutes=number) for number in range(len(due))]


async def test_an_error_of_one_occurrence_or_one_look_does_not_end_the_daemon(state: Path) -> None:
    """R10: an error of one occurrence or one look does not end the daemon."""
    errors: list[Exception] = [StoreError("a defect"), ZeroDivisionError("another one")]

    class Failing(Writer):
        async def __call__(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            if method.__name__ in {"record_skip", "due_retries"} and errors:
                raise errors.pop()
            return await super().__call__(method, *args, **kwargs)

    clock = driven()
    watch = make_watch(cron="* * * * *")
    async with (
        ScriptedApi() as api,
        opened(state, api, clock, writer=Failing) as desk,
        daemon_of(desk, watch) as daemon,
    ):
        daemon.missed(watch, [NOW - timedelta(days=3)], "DOWN", "to be lost")
        daemon.missed(watch, [NOW - timedelta(days=2)], "DOWN", "to be recorded")
        await served(daemon, lambda: any(record.verdict == "BASELINE" for record in desk.store.history(watch.name)))
        assert errors == []


async def test_a_damaged_store_ends_the_daemon_with_one_error(state: Path) -> None:
    class Damaged(Writer):
        looks = 0

        async def __call__(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            self.looks += method.__name__ == "due_retries"
            if self.looks >= 3:
                raise StoreCorrupt("monitor.db: damaged", hint="restore a backup")
            return await super().__call__(method, *args, **kwargs)

    clock = driven()
    closed: list[str] = []

    @asynccontextmanager
    async def service() -> AsyncIterator[None]:
        try:
            yield
        finally:
            closed.append("closed in order")

    async with (
        ScriptedApi() as api,
        opened(state, api, clock, writer=Damaged) as desk,
        daemon_of(desk, make_watch(cron="0 0 1 1 *")) as daemon,
    ):
        with pytest.raises(StoreCorrupt, match="restore a backup"):
            await serve(daemon, [service()], asyncio.Event())
    assert closed == ["closed in order"]


async def test_services_close_after_the_runs_are_let_go_and_in_reverse(state: Path) -> None:
    events: list[str] = []
    clock = driven()

    @asynccontextmanager
    async def service(name: str) -> AsyncIterator[None]:
        events.append(f"{name} opens")
        yield
        events.append(f"{name} closes with {len(daemon.dispatcher.held())} runs")

    async with ScriptedApi() as api, opened(state, api, clock) as desk:
        api.every_run().takes(None)
        async with daemon_of(desk, make_watch(cron="* * * * *")) as daemon:
            stop = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                group.create_task(serve(daemon, [service("outbox"), service("web")], stop))
                await until(daemon.dispatcher.held)
                stop.set()
    assert events == ["outbox opens", "web opens", "web closes with 0 runs", "outbox closes with 0 runs"]
