"""What proves a promise of reliability.md and is no row of its fault matrix; where the rest is: `promises.yaml`."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import pytest
from apscheduler.schedulers import base

from monitor import clock as clocks
from monitor.agent.outcome import Completed
from monitor.clock import WallClock
from monitor.engine import schedule as schedules
from monitor.engine.execute import execute
from monitor.engine.schedule import Schedule, next_due, offset, unrecorded
from monitor.errors import StoreConflict
from monitor.judge.decide import decide
from monitor.judge.decision import Verdict
from monitor.store.store import Store
from monitor.store.writer import Writer
from monitor.watch.model import Watch
from monitor.watch.run import Run, Trigger, new_id
from tests.conftest import make_watch
from tests.engine.conftest import run_of, until
from tests.faults.conftest import AFTER, GOOD, STARTED, Scene


async def test_a2_a_list_without_an_end_proves_nothing(scene: Scene) -> None:
    """A2: as long as the list of runs cannot be read to its end, our run may stand further down: nothing is sent."""
    scene.api.next_run(result=AFTER).close_without_byte()
    others = {"data": [], "pagination": {"next_cursor": "c", "has_more": True}}  # the same cursor over and over
    headers = {"content-type": "application/json"}
    scene.api.answer("GET", "/v1/runs", 200, json.dumps(others), headers=headers, times=10)  # more than three searches
    assert (await scene.ends(GOOD, posts=1, billed=1)).run_id == "run_2"


class Dying(Writer):
    """The writer of a process that ends when the end of a run is to be stored."""

    async def __call__(self, method: Any, *args: Any, **kwargs: Any) -> Any:
        """Write, unless it is the end."""
        if method.__name__ == "settle":
            raise asyncio.CancelledError
        return await super().__call__(method, *args, **kwargs)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("finished", "code"),
    [("2026-11-21T12:40:00Z", "TIMEOUT"), (None, "TIMEOUT"), ("2026-11-21T12:02:00Z", "CANCELLED")],
)
async def test_a7_killed_between_its_cancel_and_the_end(scene: Scene, finished: str | None, code: str) -> None:
    """A7: the next process finds the run cancelled: after its deadline by us, before it by somebody else."""
    scene.api.next_run(result=AFTER).raw(STARTED).takes(None)
    scene.fields["writer"] = Dying
    async with scene.desk() as desk:
        with pytest.raises(asyncio.CancelledError):
            await execute(scene.watch, run_of(scene.watch, scene.clock), desk)
    assert (scene.rows.stages[1:], scene.api.cancels) == ([("accepted", "run_2")], 1)
    del scene.fields["writer"]
    scene.api.runs[-1].script.shows(finished_at=finished)
    async with scene.desk() as desk:
        (left,) = desk.store.unfinished()
        record = await execute(scene.watch, run_of(scene.watch, scene.clock, due_at=left.run.due_at), desk)
    assert (record.verdict, record.code, scene.posts, scene.billed) == ("FAILED", code, 1, 1)
    scene.check(record)


class Stepped(datetime):
    """The machine's wall clock, after somebody set it by `by`."""

    by = timedelta(0)

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + cls.by


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> type[Stepped]:
    """Let our clock and APScheduler's read a wall clock that a test can step."""
    monkeypatch.setattr(Stepped, "by", timedelta(0))
    monkeypatch.setattr(clocks, "datetime", Stepped)
    monkeypatch.setattr(base, "datetime", Stepped)
    return Stepped


class Heard:
    """A schedule of one watch, and the instants that it handed over."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.due: list[datetime] = []
        self.missed: list[datetime] = []
        self.clock = WallClock(1.0)
        self.schedule = Schedule(
            self.clock, lambda _, at: self.due.append(at), lambda _, at, _code, _why: self.missed.extend(at)
        )


@pytest.mark.anyio
async def test_d5_a_clock_that_is_stepped_forward_is_noticed_by_the_next_pulse(
    machine: type[Stepped], monkeypatch: pytest.MonkeyPatch
) -> None:
    """D5: after a step of six hours, as after a suspension, what is due is handed over at the next pulse, once."""
    assert schedules.PULSE <= 30.0
    monkeypatch.setattr(schedules, "PULSE", 0.3)
    heard = Heard(make_watch(cron="0 * * * *"))
    start = heard.clock.now()
    heard.schedule.add([heard.watch], start)
    async with heard.schedule:
        await asyncio.sleep(0.2)
        assert not heard.due
        machine.by = timedelta(hours=6)
        async with asyncio.timeout(5):
            await until(lambda: heard.due)
        await asyncio.sleep(0.4)
    expected = [at for at in next_due(heard.watch, start, 8) if at + offset(heard.watch) <= heard.clock.now()]
    assert [*heard.missed, *heard.due] == expected
    assert len(heard.due) == 1


@pytest.mark.anyio
async def test_d5_a_clock_that_is_stepped_back_runs_nothing_twice(
    machine: type[Stepped], monkeypatch: pytest.MonkeyPatch
) -> None:
    """D5: forwards and back again, over and over: every instant is handed over at most once, in order."""
    monkeypatch.setattr(schedules, "PULSE", 0.15)
    heard = Heard(make_watch(cron="0 * * * *"))
    start = heard.clock.now()
    heard.schedule.add([heard.watch], start)
    async with heard.schedule:
        for hours in (3, 1, 4, 2, 5):
            machine.by = timedelta(hours=hours)
            await asyncio.sleep(0.2)
        async with asyncio.timeout(5):
            await until(lambda: len(heard.due) + len(heard.missed) >= 4)
    found = sorted([*heard.missed, *heard.due])
    assert found == next_due(heard.watch, start, len(found))


def test_g1_an_occurrence_without_a_record_is_counted(tmp_path: Path) -> None:
    """G1: the occurrences of the schedule and the stored records are compared; one that is missing is named."""
    watch = make_watch(cron="0 * * * *")
    due = next_due(watch, datetime(2026, 11, 20, 12, 30, tzinfo=UTC), 6)
    with Store.open(str(tmp_path / "monitor.db")) as store:
        for at in (*due[:3], *due[4:]):
            assert store.record_skip(watch.name, at, Trigger.CRON, Verdict.MISSED, "DOWN", "nothing was running", at)
        recorded = store.occurrences(watch.name, due[0])
        assert len(recorded) == 5
        assert unrecorded(watch, recorded) == [due[3]]
        store.record_skip(watch.name, due[3], Trigger.CRON, Verdict.MISSED, "DOWN", "nothing was running", due[5])
        assert unrecorded(watch, store.occurrences(watch.name, due[0])) == []


def test_r7_who_lost_a_run_cannot_record_it(tmp_path: Path) -> None:
    """R7: a process that wakes after its run was taken over writes nothing: not the end, not the record."""
    watch = make_watch()
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    run = Run(new_id(now), watch.name, now)
    path = str(tmp_path / "monitor.db")
    outcome = Completed(run_id="r1", raw={"status": "COMPLETED"}, result=AFTER)
    with Store.open(path) as late, Store.open(path) as next_one:
        late.begin_run(run, goal="g", generation=watch.fingerprint, owner="late", now=now)
        assert next_one.take_over(run.id, "late", "next")
        decision = decide(watch, run, outcome, late.state_of(watch.name), now, lambda: new_id(now))
        with pytest.raises(StoreConflict, match="taken over"):
            late.settle(run.id, outcome, now)
        with pytest.raises(StoreConflict, match="taken over"):
            late.commit(run, outcome, decision, [], now=now, owner="late")
        assert [left.owner for left in next_one.unfinished()] == ["next"]
        assert next_one.state_of(watch.name).baseline is None
