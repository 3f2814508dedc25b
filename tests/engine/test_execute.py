"""One run from intent to record, against a scripted API and a real store; other processes by locks of their own."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from monitor.agent.client import Client
from monitor.clock import WallClock
from monitor.engine.execute import execute, execute_to_the_end, resume, take_over
from monitor.engine.patience import patiently
from monitor.errors import SecretError, StoreConflict, StoreError
from monitor.judge.decision import Verdict
from monitor.store.records import Record
from monitor.store.store import Begun, Store
from monitor.store.writer import Writer
from monitor.watch.run import Run, Trigger, new_id
from tests.conftest import SimulatedClock, make_watch
from tests.engine.conftest import Rows, opened, run_of, telling, until
from tests.scripted_api import Script, ScriptedApi

pytestmark = pytest.mark.anyio

SYSTEM = {"code": "INTERNAL_ERROR", "message": "try later", "category": "SYSTEM_FAILURE", "retry_after": 7}


async def test_the_row_is_committed_before_the_request_leaves(state: Path, rows: Rows, clock: SimulatedClock) -> None:
    """A2: the row is committed before the request leaves."""
    seen: list[Any] = []

    def look() -> Script:
        seen.append(rows("SELECT stage, run_id, goal IS NOT NULL AS goal FROM runs"))
        return Script(result={"price": 1, "in_stock": True})

    async with ScriptedApi() as api, opened(state, api, clock) as desk:
        api._default = look
        watch = make_watch()
        record = await execute(watch, run_of(watch, clock), desk)
    assert seen == [[{"stage": "intent", "run_id": None, "goal": 1}]]
    assert (record.verdict, record.run_id) == ("BASELINE", "run_1")


async def test_the_remote_id_is_stored_before_anything_else_and_the_end_before_it_is_judged(
    state: Path, rows: Rows, clock: SimulatedClock
) -> None:
    """A1, B6: the remote id is stored before anything else and the end before it is judged."""
    calls: list[tuple[str, list[Any]]] = []

    class Noting(Writer):
        async def __call__(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            calls.append((method.__name__, rows.stages))
            return await super().__call__(method, *args, **kwargs)

    async with ScriptedApi() as api, opened(state, api, clock, writer=Noting) as desk:
        watch = make_watch()
        stages_at_progress: list[Any] = []
        api.next_run().progress("looking at the price")
        await execute(watch, run_of(watch, clock), desk, lambda _: stages_at_progress.append(rows.stages))
    assert calls == [
        ("begin_run", []),
        ("probe_write", [("intent", None)]),
        ("accepted", [("intent", None)]),
        ("settle", [("accepted", "run_1")]),
        ("state_of", [("settled", "run_1")]),
        ("stops", [("settled", "run_1")]),
        ("commit", [("settled", "run_1")]),
    ]
    assert stages_at_progress
    assert stages_at_progress[0] == [("accepted", "run_1")]


async def test_a_change_gives_its_messages_in_the_same_transaction_and_wakes_the_sender(
    state: Path, rows: Rows, clock: SimulatedClock
) -> None:
    """B5: a change gives its messages in the same transaction and wakes the sender."""
    async with ScriptedApi() as api, opened(state, api, clock) as desk:
        watch = telling()
        api.next_run(result={"price": 499, "in_stock": True})
        api.next_run(result={"price": 449, "in_stock": True})
        api.next_run(result={"price": 449.0, "in_stock": True})
        verdicts = []
        for _ in range(3):
            record = await execute(watch, run_of(watch, clock), desk)
            verdicts.append((record.verdict, record.notifications))
            clock.advance(60)
        assert verdicts == [("BASELINE", 1), ("CHANGED", 1), ("UNCHANGED", 0)]
        assert desk.told.seen == [1, 2]  # type: ignore[attr-defined]
    assert [row["kind"] for row in rows("SELECT kind FROM outbox ORDER BY id")] == ["baseline", "change"]


@pytest.mark.parametrize(
    ("script", "verdict", "code"),
    [
        ({"error": {"code": "SITE_BLOCKED", "message": "no"}}, "FAILED", "SITE"),
        ({"error": {"code": "TASK_FAILED", "message": "no"}}, "FAILED", "AGENT"),
        ({"result": {"price": "cheap"}}, "INVALID", "SCHEMA"),
        ({"result": {"status": "failure", "reason": "a captcha"}}, "INVALID", "GOAL"),
    ],
)
async def test_what_is_not_good_is_recorded_with_its_code(
    state: Path, clock: SimulatedClock, script: dict[str, Any], verdict: str, code: str
) -> None:
    async with ScriptedApi() as api, opened(state, api, clock) as desk:
        api.every_run(**script)
        watch = telling()
        first = await execute_to_the_end(watch, run_of(watch, clock), desk)
        clock.advance(60)
        second = await execute_to_the_end(watch, run_of(watch, clock), desk)
        assert [(record.verdict, record.code) for record in (first, second)] == [(verdict, code)] * 2
        assert [first.notifications, second.notifications] == [0, 1]
        assert api.posts == 2  # nothing of this is worth a second paid run


async def test_a_missing_secret_is_recorded_and_nothing_is_sent(state: Path, rows: Rows, clock: SimulatedClock) -> None:
    def reveal(text: str) -> str:
        if text.startswith("${env:"):
            raise SecretError(f"{text} is not set", hint="set it")
        return text

    async with ScriptedApi() as api, opened(state, api, clock, reveal=reveal) as desk:
        proxy = {"enabled": True, "type": "custom", "url": "http://proxy.example", "password": "${env:PROXY}"}
        watch = telling(run={"proxy_config": proxy})
        record = await execute(watch, run_of(watch, clock), desk)
        assert (record.verdict, record.code, record.notifications) == ("FAILED", "SECRET", 1)
        assert "${env:PROXY}" in record.reason
        assert api.requests == []


async def test_what_breaks_inside_one_run_is_recorded_and_its_siblings_go_on(
    state: Path, clock: SimulatedClock, caplog: pytest.LogCaptureFixture
) -> None:
    """R10: what breaks inside one run is recorded and its siblings go on."""

    def reveal(text: str) -> str:
        raise ZeroDivisionError("a defect somewhere below")

    async with ScriptedApi() as api, opened(state, api, clock, reveal=reveal) as desk:
        broken = telling(name="broken", run={"proxy_config": {"enabled": True, "type": "custom", "url": "http://p"}})
        sound = make_watch(name="sound")
        records = await asyncio.gather(*(execute(watch, run_of(watch, clock), desk) for watch in (broken, sound)))
        assert [(record.verdict, record.code) for record in records] == [("FAILED", "INTERNAL"), ("BASELINE", None)]
        assert "ZeroDivisionError" in records[0].reason
        assert "defect somewhere" not in records[0].reason
        assert api.posts == 1


async def test_a_client_that_is_not_open_is_an_internal_failure(state: Path, clock: SimulatedClock) -> None:
    async with ScriptedApi() as api, opened(state, api, clock) as desk:
        object.__setattr__(desk, "client", Client(api.url, "key", clock=clock))  # never entered: its wire layer asserts
        watch = make_watch()
        record = await execute(watch, run_of(watch, clock), desk)
        assert (record.verdict, record.code, api.posts) == ("FAILED", "INTERNAL", 0)


async def test_a_display_that_breaks_does_not_end_a_paid_run(state: Path, clock: SimulatedClock) -> None:
    shown = []

    def show(progress: object) -> None:
        shown.append(progress)
        raise BrokenPipeError("the terminal is gone")

    async with ScriptedApi() as api, opened(state, api, clock) as desk:
        api.next_run().progress("one", "two")
        watch = make_watch()
        record = await execute(watch, run_of(watch, clock), desk, show)
    assert (record.verdict, len(shown)) == ("BASELINE", 1)


# --- another process holds or held the watch


async def test_a_run_that_another_living_process_holds_is_an_overlap_and_costs_nothing(
    state: Path, clock: SimulatedClock
) -> None:
    """D3: a run that another living process holds is an overlap and costs nothing."""
    async with ScriptedApi() as api, opened(state, api, clock) as other, opened(state, api, clock) as desk:
        watch = make_watch()
        going = run_of(watch, clock)
        other.store.begin_run(going, goal="g", generation="g", owner=other.owner.id, now=clock.now())
        clock.advance(60)
        record = await execute(watch, run_of(watch, clock), desk)
        assert (record.verdict, record.code) == ("SKIPPED", "OVERLAP")
        assert going.id in record.reason
        assert api.requests == []
        assert [left.run.id for left in desk.store.unfinished()] == [going.id]


CHILD = """
import asyncio, sys
from pathlib import Path
from monitor.clock import WallClock
from monitor.engine.execute import execute
from tests.engine.conftest import opened, run_of, telling
class Api: url = sys.argv[2]
async def main():
    clock = WallClock()
    async with opened(Path(sys.argv[1]), Api(), clock) as desk:
        watch = telling()
        await execute(watch, run_of(watch, clock), desk)
asyncio.run(main())
"""


async def killed_at(state: Path, api: ScriptedApi, reached: Callable[[], bool]) -> None:
    """Let a child process execute a run, and kill it once `reached` says so."""
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", CHILD, str(state), api.url)
    await until(reached)
    child.kill()
    assert await child.wait() == -signal.SIGKILL


async def test_a_defect_in_the_stream_leaves_the_paid_result_to_a_poll(
    state: Path, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from monitor.agent.sse import Decoder

    fed = Decoder.feed
    monkeypatch.setattr(Decoder, "feed", lambda self, data: 1 / 0 if b"PROGRESS" in data else fed(self, data))
    async with ScriptedApi() as api, opened(state, api, clock) as desk:
        api.next_run(result={"price": 5, "in_stock": True}).raw(
            Script._event("STARTED"), 0.05, b'data: {"type":"PROGRESS"}'
        )
        watch = make_watch()
        record = await execute(watch, run_of(watch, clock), desk)
        assert (record.verdict, record.run_id, record.result["price"], api.posts) == ("BASELINE", "run_1", 5, 1)


@pytest.mark.parametrize("trigger", [Trigger.MANUAL, Trigger.CRON])
@pytest.mark.parametrize("stage", ["intent", "accepted"])
async def test_a_run_of_a_killed_process_is_finished_without_another_post(
    state: Path, rows: Rows, stage: str, trigger: Trigger
) -> None:
    async with ScriptedApi() as api:
        if stage == "intent":
            script = api.next_run(result={"price": 3, "in_stock": True}).takes(None).hang_before_first_byte()
        else:
            script = api.next_run(result={"price": 3, "in_stock": True}).takes(None)
        await killed_at(state, api, lambda: api.posts == 1 and [row[0] for row in rows.stages] == [stage])
        script.ends_after, api.runs[0].ends_at = 0.0, 0.0
        clock = WallClock(50)
        async with opened(state, api, clock) as desk:
            watch = telling()
            record = await execute(watch, run_of(watch, clock, trigger), desk)
        if trigger is Trigger.MANUAL:  # what was asked for is there already
            assert (record.run_id, record.verdict, api.posts) == ("run_1", "BASELINE", 1)
            assert rows.records == [("BASELINE", None)]
        else:  # an occurrence needs a record of its own
            assert (record.run_id, record.verdict, api.posts) == ("run_2", "CHANGED", 2)
            assert [verdict for verdict, _ in rows.records] == ["BASELINE", "CHANGED"]
        assert api.cancels == 0
        assert len(rows("SELECT id FROM outbox")) == len(rows.records)


async def test_a_leftover_that_is_old_does_not_answer_who_asks_now(state: Path, clock: SimulatedClock) -> None:
    async with ScriptedApi() as api:
        watch = make_watch()
        async with opened(state, api, clock) as dead:
            left = run_of(watch, clock)
            dead.store.begin_run(left, goal="g", generation=watch.fingerprint, owner=dead.owner.id, now=clock.now())
        clock.advance(3_600)
        async with opened(state, api, clock) as desk:
            asked = run_of(watch, clock, Trigger.MANUAL)
            record = await execute(watch, asked, desk)
            assert (record.id, record.verdict) == (asked.id, "BASELINE")
            assert desk.store.record(left.id).verdict == "FAILED"  # type: ignore[union-attr] # it was never created
            assert api.posts == 1


async def test_a_run_opened_under_another_definition_moves_no_baseline(state: Path, clock: SimulatedClock) -> None:
    """B8: a run opened under another definition moves no baseline."""
    async with ScriptedApi() as api:
        before, after = telling(), telling(goal="Find the price of the other machine.")
        async with opened(state, api, clock) as dead:
            left = run_of(before, clock)
            goal = f"{before.goal}\n[ref {left.id}]"
            dead.store.begin_run(left, goal=goal, generation=before.fingerprint, owner=dead.owner.id, now=clock.now())
            dead.store.accepted(left.id, "run_1", None, clock.now())
            async with Client(api.url, "key", clock=clock) as client:
                await client.run_async({"goal": goal}, within=5)
        async with opened(state, api, clock) as desk:
            (found,) = desk.store.unfinished()
            assert await take_over(found, desk)
            record = await resume(after, found, desk)
            assert "the watch was changed" in record.reason
            assert record.notifications == 0
            assert desk.store.state_of(after.name).baseline is None
            clock.advance(60)
            assert (await execute(after, run_of(after, clock), desk)).verdict == "BASELINE"


# --- the process dies at any call of the store


class Killed(BaseException):
    """What a kill looks like from inside: nothing handles it."""


def dying(at: int, *, after: bool) -> Callable[[Store], Writer]:
    """Make a writer that dies at its call number `at`, before the store hears of it or after it answered."""

    class Dying(Writer):
        calls = 0

        async def __call__(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            if self.calls == at and not after:
                raise Killed
            answer = await super().__call__(method, *args, **kwargs)
            if self.calls == at:
                raise Killed
            return answer

    return Dying


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", range(1, 8))
async def test_a_process_that_dies_at_any_call_of_the_store_costs_one_run_and_loses_nothing(
    state: Path, rows: Rows, clock: SimulatedClock, call: int, after: bool
) -> None:
    async with ScriptedApi() as api:
        watch = telling()
        occurrence = run_of(watch, clock)
        with pytest.raises(Killed):
            async with opened(state, api, clock, writer=dying(call, after=after)) as first:
                await execute(watch, occurrence, first)
        posts = api.posts
        async with opened(state, api, clock) as desk:
            again = Run(new_id(clock.now()), watch.name, occurrence.due_at)
            record = await execute(watch, again, desk)
        assert posts == (call > 2)  # the request follows the write probe; else a search proves its absence
        assert (record.verdict, api.posts, len(api.runs)) == ("BASELINE", 1, 1)
        assert rows.records == [("BASELINE", None)]
        assert len(rows("SELECT id FROM outbox")) == 1


async def test_a_settled_run_is_judged_without_the_network(state: Path, clock: SimulatedClock) -> None:
    """B6: a settled run is judged without the network."""
    watch = telling()
    async with ScriptedApi() as api:
        with pytest.raises(Killed):
            async with opened(state, api, clock, writer=dying(5, after=False)) as first:
                await execute(watch, run_of(watch, clock), first)
        asked = len(api.requests)
        async with opened(state, api, clock) as desk:
            (left,) = desk.store.unfinished()
            assert (left.stage, await take_over(left, desk)) == ("settled", True)
            assert (await resume(watch, left, desk)).verdict == "BASELINE"
        assert len(api.requests) == asked


async def test_a_stored_outcome_that_cannot_be_read_still_ends_in_a_record(state: Path, clock: SimulatedClock) -> None:
    watch = telling()
    async with ScriptedApi() as api:
        with pytest.raises(Killed):
            async with opened(state, api, clock, writer=dying(5, after=False)) as first:
                await execute(watch, run_of(watch, clock), first)
        async with opened(state, api, clock) as desk:
            (left,) = desk.store.unfinished()
            assert await take_over(left, desk)
            object.__setattr__(left, "outcome", {"kind": "of a later version"})
            record = await resume(watch, left, desk)
            assert (record.verdict, record.code) == ("FAILED", "INTERNAL")
            assert desk.store.unfinished() == []


async def test_a_commit_that_arrived_although_its_answer_did_not_is_one_record(
    state: Path, rows: Rows, clock: SimulatedClock
) -> None:
    from monitor.errors import StoreUnwritable

    class Deaf(Writer):
        heard = False

        async def __call__(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            answer = await super().__call__(method, *args, **kwargs)
            if method.__name__ == "commit" and not self.heard:
                self.heard = True
                raise StoreUnwritable("an error of the disk")
            return answer

    async with ScriptedApi() as api, opened(state, api, clock, writer=Deaf) as desk:
        watch = telling()
        record = await execute(watch, run_of(watch, clock), desk)
    assert record.verdict == "BASELINE"
    assert len(rows("SELECT id FROM outbox")) == 1


# --- retries


async def test_monitor_run_makes_the_one_retry_when_it_is_due(state: Path, rows: Rows, clock: SimulatedClock) -> None:
    async with ScriptedApi() as api, opened(state, api, clock) as desk:
        api.next_run(error=SYSTEM)
        watch = telling()
        before = clock.monotonic()
        record = await execute_to_the_end(watch, run_of(watch, clock, Trigger.MANUAL), desk)
        assert (record.verdict, record.attempt, record.trigger) == ("BASELINE", 2, "retry")
        assert 7 <= clock.monotonic() - before < 20
        assert api.posts == len(api.runs) == 2
    assert rows.records == [("FAILED", "AGENT"), ("BASELINE", None)]
    assert rows("SELECT * FROM retries") == []


async def test_the_retry_is_the_last_attempt(state: Path, rows: Rows, clock: SimulatedClock) -> None:
    async with ScriptedApi() as api, opened(state, api, clock) as desk:
        api.every_run(error=SYSTEM)
        watch = make_watch()
        record = await execute_to_the_end(watch, run_of(watch, clock, Trigger.MANUAL), desk)
        assert (record.verdict, record.attempt, api.posts) == ("FAILED", 2, 2)


async def test_the_retry_of_another_occurrence_is_not_the_business_of_monitor_run(
    state: Path, rows: Rows, clock: SimulatedClock
) -> None:
    async with ScriptedApi() as api, opened(state, api, clock) as desk:
        api.next_run(error=SYSTEM)
        watch = make_watch()
        await execute(watch, run_of(watch, clock), desk)
        clock.advance(1)
        record = await execute_to_the_end(watch, run_of(watch, clock, Trigger.MANUAL), desk)
        assert (record.verdict, record.attempt, api.posts) == ("BASELINE", 1, 2)
    assert len(rows("SELECT * FROM retries")) == 1


async def test_a_retry_that_another_process_began_is_waited_for(state: Path, clock: SimulatedClock) -> None:
    async with ScriptedApi() as api, opened(state, api, clock) as other, opened(state, api, clock) as desk:
        api.next_run(error=SYSTEM)
        watch = make_watch()
        await execute(watch, run_of(watch, clock), desk)
        clock.advance(8)
        ((again, _),) = desk.store.due_retries(clock.now())
        theirs, ours = await asyncio.gather(execute(watch, again, other), execute(watch, again, desk))
        assert theirs.id == ours.id
        assert (ours.verdict, api.posts) == ("BASELINE", 2)


async def test_a_retry_waits_for_another_run_of_its_watch(state: Path) -> None:
    clock = WallClock(20)
    async with ScriptedApi() as api, opened(state, api, clock) as other, opened(state, api, clock) as desk:
        watch = make_watch()
        api.next_run(error=SYSTEM)
        await execute(watch, run_of(watch, clock), desk)
        ((again, _at),) = desk.store.due_retries(clock.now().replace(year=2100))
        api.next_run(result={"price": 9, "in_stock": True}).takes(0.3)
        by_hand = asyncio.create_task(execute(watch, run_of(watch, clock, Trigger.MANUAL), other))
        await until(lambda: api.posts == 2)
        record = await execute(watch, again, desk)
        assert (record.attempt, api.posts) == (2, 3)
        assert (await by_hand).verdict == "BASELINE"
        assert [left.run.id for left in desk.store.unfinished()] == []


# --- the store does not answer


async def test_a_locked_store_is_waited_out_and_nothing_is_lost(state: Path, rows: Rows) -> None:
    clock = WallClock(20)
    locker = sqlite3.connect(state / "monitor.db", isolation_level=None, check_same_thread=False)

    def lock() -> Script:
        locker.execute("BEGIN IMMEDIATE")
        asyncio.get_running_loop().call_later(0.6, locker.execute, "ROLLBACK")
        return Script(result={"price": 1, "in_stock": True})

    with closing(locker):
        async with ScriptedApi() as api, opened(state, api, clock, busy_timeout=0.05) as desk:
            api._default = lock
            watch = telling()
            record = await execute(watch, run_of(watch, clock), desk)
            assert (record.verdict, record.run_id, api.posts) == ("BASELINE", "run_1", 1)
    assert len(rows("SELECT id FROM outbox")) == 1


async def test_a_store_that_takes_no_row_stops_the_run_before_anything_is_asked(
    state: Path, clock: SimulatedClock
) -> None:
    """R3: a store that takes no row stops the run before anything is asked."""
    with closing(sqlite3.connect(state / "monitor.db", isolation_level=None)) as locker:
        async with ScriptedApi() as api, opened(state, api, clock, busy_timeout=0.05) as desk:
            locker.execute("BEGIN IMMEDIATE")
            watch = make_watch()
            run = run_of(watch, clock)
            with pytest.raises(StoreError, match="locked"):
                await execute(watch, run, desk)
            assert api.requests == []
            locker.execute("ROLLBACK")
            assert (await execute(watch, run, desk)).verdict == "BASELINE"


async def test_what_waiting_does_not_mend_is_raised_at_once(state: Path, clock: SimulatedClock) -> None:
    async with ScriptedApi() as api, opened(state, api, clock) as desk:
        with pytest.raises(StoreConflict):
            await patiently(desk, desk.store.accepted, "01JNOBODY", "run_1", None, clock.now())
        assert clock.monotonic() == 0


async def test_a_run_whose_row_was_taken_is_not_recorded_twice(state: Path, rows: Rows) -> None:
    """What a frozen process does when it wakes: its row is another's by then, and its writes are refused."""
    clock = WallClock(20)
    async with ScriptedApi() as api, opened(state, api, clock) as frozen, opened(state, api, clock) as desk:
        watch = make_watch()
        api.next_run().takes(0.3)
        task = asyncio.create_task(execute(watch, run_of(watch, clock), frozen))
        await until(lambda: rows.stages == [("accepted", "run_1")])
        (left,) = desk.store.unfinished()
        assert desk.store.take_over(left.run.id, left.owner, desk.owner.id)
        record = await resume(watch, left, desk)
        with pytest.raises(StoreConflict):
            await task
        assert (record.verdict, api.posts, rows.records) == ("BASELINE", 1, [("BASELINE", None)])


async def test_cancelling_leaves_the_remote_run_and_the_row_as_they_are(state: Path, rows: Rows) -> None:
    """R6: cancelling leaves the remote run and the row as they are."""
    clock = WallClock()
    async with ScriptedApi() as api, opened(state, api, clock) as desk:
        watch = make_watch()
        api.next_run().takes(None)
        task = asyncio.create_task(execute(watch, run_of(watch, clock), desk))
        await until(lambda: rows.stages == [("accepted", "run_1")])
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (api.cancels, rows.stages) == (0, [("accepted", "run_1")])


async def test_a_broken_off_call_may_be_made_again(state: Path, clock: SimulatedClock) -> None:
    """The dispatcher calls again after a transient error; whatever stage the row has, it is the same run."""
    async with ScriptedApi() as api, opened(state, api, clock) as desk:
        watch = make_watch()
        run = run_of(watch, clock)
        begun = desk.store.begin_run(
            run,
            goal=f"{watch.goal}\n[ref {run.id}]",
            generation=watch.fingerprint,
            owner=desk.owner.id,
            now=clock.now(),
        )
        assert isinstance(begun, Begun)
        async with Client(api.url, "key", clock=clock) as client:
            await client.run_async({"goal": f"{watch.goal}\n[ref {run.id}]"}, within=5)
        desk.store.accepted(run.id, "run_1", None, clock.now())
        first: Record = await execute(watch, run, desk)
        second = await execute(watch, run, desk)
        assert (first.verdict, second, api.posts) == (Verdict.BASELINE, first, 1)
