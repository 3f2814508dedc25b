"""Fault matrix 2.4: polling `GET /v1/runs/{id}`, and the list."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest

from monitor.engine.execute import execute
from tests.conftest import SimulatedClock
from tests.engine.conftest import run_of, telling
from tests.faults.conftest import AFTER, GOOD, STARTED, Scene, complete
from tests.scripted_api import Script, ScriptedApi

pytestmark = pytest.mark.anyio

JSON = {"content-type": "application/json"}


def polled(scene: Scene, *, takes: float | None = 0.0) -> Script:
    """Let the next run lose its stream after STARTED."""
    return scene.stream(STARTED).takes(takes)


def shown(scene: Scene, **fields: Any) -> bytes:
    """Return the run as GET shows it, with `fields` put over it."""
    return json.dumps(scene.api.show(scene.api.runs[-1]) | fields).encode()


async def test_row_84_pending_for_ever(scene: Scene) -> None:
    polled(scene, takes=None).going = "PENDING"
    before = scene.clock.monotonic()
    await scene.ends("FAILED", "TIMEOUT", says="it was cancelled", cancels=1)
    assert 600 <= scene.clock.monotonic() - before <= 660


async def test_row_84_pending_is_said(scene: Scene) -> None:
    script = polled(scene, takes=None).cancel_is_ignored()
    script.going = "PENDING"
    record = await scene.run()
    assert (record.verdict, record.code) == ("FAILED", "TIMEOUT")
    assert record.reason.endswith("it never left PENDING")


async def test_row_85_running_for_ever(scene: Scene) -> None:
    """A7: row 85: running for ever."""
    polled(scene, takes=None)
    before = scene.clock.monotonic()
    await scene.ends("FAILED", "TIMEOUT", says="it was cancelled", cancels=1)
    assert 600 <= scene.clock.monotonic() - before <= 660


async def test_row_85_the_cancel_finds_it_completed(scene: Scene) -> None:
    """A7: row 85: the cancel finds it completed."""
    polled(scene, takes=None).cancel_finds_it_completed()
    await scene.ends(GOOD, cancels=1)


async def test_row_85_the_cancel_is_ignored_and_the_result_is_there_all_the_same(scene: Scene) -> None:
    polled(scene, takes=None).cancel_is_ignored().shows(result=AFTER)
    record = await scene.run()
    assert (record.verdict, record.result, scene.billed) == (GOOD, AFTER, 1)


async def test_row_85_a_status_that_is_stuck(scene: Scene) -> None:
    polled(scene, takes=None).shows(result=AFTER, finished_at="2026-11-21T12:00:05Z")
    await scene.ends(GOOD)


async def test_row_86_not_found_for_a_while(scene: Scene) -> None:
    polled(scene)
    scene.api.answer("GET", "/v1/runs/run_2", 404, {"error": {"code": "NOT_FOUND", "message": "gone"}}, times=4)
    await scene.ends(GOOD)


async def test_row_86_not_found_and_not_listed_is_lost(scene: Scene) -> None:
    polled(scene).listed_after(1e9)
    scene.api.answer("GET", "/v1/runs/run_2", 404, {"error": {"code": "NOT_FOUND", "message": "gone"}}, times=1_000)
    await scene.ends("FAILED", "PROTOCOL", says="the run is lost")


@pytest.mark.parametrize(("status", "kind"), [(401, "auth"), (403, "auth"), (402, "billing")])
async def test_row_87_refused_while_polling(scene: Scene, status: int, kind: str) -> None:
    polled(scene)
    scene.api.answer("GET", "/v1/runs/run_2", status, {"error": {"code": "UNAUTHORIZED", "message": "no"}}, times=3)
    seen: list[Any] = []

    class Looking(SimulatedClock):
        async def sleep(self, seconds: float) -> None:
            seen.append((scene.rows.stages[1:], [row["kind"] for row in scene.rows("SELECT kind FROM stops")]))
            await super().sleep(seconds)

    scene.clock = Looking(scene.clock.now())
    await scene.ends(GOOD)
    assert ([("accepted", "run_2")], [kind]) in seen
    assert [row["kind"] for row in scene.told()[1:]][:1] == ["failure"]


async def test_row_87_holds_the_starts_of_others(scene: Scene) -> None:
    polled(scene)
    scene.api.answer("GET", "/v1/runs/run_2", 401, {"error": {"code": "UNAUTHORIZED", "message": "no"}}, times=2)
    others: list[Any] = []

    class Starting(SimulatedClock):
        async def sleep(self, seconds: float) -> None:
            await super().sleep(seconds)
            if scene.rows("SELECT kind FROM stops") and not others:
                others.append(None)
                async with scene.desk() as desk:
                    other = telling(name="grinder")
                    others.append(await execute(other, run_of(other, self), desk))

    scene.clock = Starting(scene.clock.now())
    await scene.ends(GOOD)
    assert (others[1].verdict, others[1].code) == ("SKIPPED", "BREAKER")


async def test_row_88_429_while_polling(scene: Scene) -> None:
    polled(scene)
    scene.api.answer("GET", "/v1/runs/run_2", 429, "", headers={"retry-after": "45"})
    before = scene.clock.monotonic()
    await scene.ends(GOOD)
    assert 45 <= scene.clock.monotonic() - before <= 110
    assert scene.rows("SELECT name FROM marks WHERE name = 'pause'")


async def test_row_88_a_long_pause_does_not_starve_a_run_that_is_paid_for(scene: Scene) -> None:
    polled(scene)
    async with scene.desk() as desk:
        desk.store.pause_until(scene.clock.now().replace(hour=13), scene.clock.now())
    scene.clock.advance(3_500)  # type: ignore[attr-defined]
    before = scene.clock.monotonic()
    await scene.ends(GOOD)
    assert scene.clock.monotonic() - before <= 300


@pytest.mark.parametrize("how", [500, 502, 503])
async def test_row_89_5xx_while_polling(scene: Scene, how: int) -> None:
    polled(scene)
    scene.api.answer("GET", "/v1/runs/", how, "<html>", times=6)
    await scene.ends(GOOD)


async def test_row_89_unreachable_for_a_day(scene: Scene) -> None:
    polled(scene)
    scene.api.answer("GET", "/v1/runs/", 502, "<html>", times=10_000)
    scene.api.answer("POST", "/v1/runs/", 502, "<html>", times=10_000)
    before = scene.clock.monotonic()
    record = await scene.run()
    assert (record.verdict, record.code, record.run_id) == ("FAILED", "UNKNOWN_OUTCOME", "run_2")
    assert 86_400 <= scene.clock.monotonic() - before <= 86_400 + 300
    assert (scene.posts, scene.billed) == (1, 1)
    scene.check(record, "could not be established")


@pytest.mark.parametrize("status", [None, "running", "QUEUED", 7])
async def test_row_90_unknown_status_is_a_run_that_goes_on(scene: Scene, status: Any) -> None:
    polled(scene)
    scene.api.answer("GET", "/v1/runs/run_2", 200, lambda _: shown(scene, status=status), headers=JSON, times=3)
    await scene.ends(GOOD)


async def test_row_91_an_end_sticks(scene: Scene) -> None:
    polled(scene, takes=None)
    scene.api.answer(
        "GET", "/v1/runs/run_2", 200, lambda _: shown(scene, status="COMPLETED", result=None), headers=JSON
    )
    record = await scene.run()
    assert (record.verdict, record.code, scene.posts) == ("INVALID", "SCHEMA", 1)
    assert record.outcome["kind"] == "completed"


async def test_row_92_get_wins_over_complete(scene: Scene) -> None:
    scene.stream(STARTED + complete(result={"price": 1.0, "in_stock": False}))
    await scene.ends(GOOD)


@pytest.mark.parametrize("body", [b"<html>maintenance</html>", b"x" * (9 * 1024 * 1024), b"", b"[]"])
async def test_row_93_answers_of_no_use(scene: Scene, body: bytes) -> None:
    polled(scene)
    scene.api.answer("GET", "/v1/runs/run_2", 200, body, times=2)
    await scene.ends(GOOD)


async def test_row_93_json_of_no_use_for_good(scene: Scene) -> None:
    polled(scene)
    scene.api.answer("GET", "/v1/runs/run_2", 200, b"[1]", headers=JSON, times=1_000)
    await scene.ends("FAILED", "PROTOCOL", says="cannot be used")


@pytest.mark.parametrize("other", [{"run_id": "run_9"}, {"goal": "Somebody else's goal."}])
async def test_row_94_the_record_of_another_run_is_refused(scene: Scene, other: dict[str, str]) -> None:
    """B7: row 94: the record of another run is refused."""
    polled(scene)
    wrong = {"result": {"price": 1.0, "in_stock": True}} | other
    scene.api.answer("GET", "/v1/runs/run_2", 200, lambda _: shown(scene, **wrong), headers=JSON, times=2)
    await scene.ends(GOOD)


async def test_row_94_the_record_of_another_run_for_ever_is_never_taken(scene: Scene) -> None:
    polled(scene)
    scene.api.answer("GET", "/v1/runs/run_2", 200, lambda _: shown(scene, goal="Other."), headers=JSON, times=10_000)
    record = await scene.run()
    assert (record.verdict, record.result) == ("FAILED", None)
    scene.check(record)


def lost(scene: Scene) -> None:
    scene.api.next_run(result=AFTER).close_without_byte()


def page(api: ScriptedApi, **pagination: Any) -> bytes:
    rows = [api.show(run, detail=False) for run in api.runs]
    return json.dumps({"data": rows, "pagination": {"next_cursor": None, "has_more": False} | pagination}).encode()


@pytest.mark.parametrize("same", [True, False])
async def test_row_95_a_list_without_end(scene: Scene, same: bool) -> None:
    """A2: row 95: a list without end."""
    lost(scene)
    count = iter(range(10_000))

    def endless(_: Any) -> bytes:
        cursor = "c" if same else f"c{next(count)}"
        return page(scene.api, next_cursor=cursor, has_more=True)

    scene.api.answer("GET", "/v1/runs", 200, endless, headers=JSON, times=25)
    await scene.ends(GOOD)
    assert len([each for each in scene.api.requests if each.path == "/v1/runs"]) <= 20


async def test_row_95_a_list_in_any_order_with_strangers_and_twice_the_same(scene: Scene) -> None:
    """A2: row 95: a list in any order with strangers and twice the same."""
    lost(scene)

    def odd(_: Any) -> bytes:
        ours = scene.api.show(scene.api.runs[-1], detail=False)
        strangers = [ours | {"run_id": f"s{n}", "goal": ours["goal"] + " and more"} for n in range(200)]
        late = ours | {"created_at": "2001-01-01T00:00:00Z"}
        rows = [7, None, *strangers, late, ours]
        return json.dumps({"data": rows, "pagination": None}).encode()

    scene.api.answer("GET", "/v1/runs", 200, odd, headers=JSON)
    record = await scene.ends(GOOD)
    assert record.run_id == "run_2"


async def test_row_95_a_list_that_does_not_filter(scene: Scene) -> None:
    lost(scene)
    scene.api.answer("GET", "/v1/runs", 200, lambda _: page(scene.api), headers=JSON)
    assert (await scene.ends(GOOD)).run_id == "run_2"


@pytest.mark.parametrize("part", [b"[],", b"{},", b"0,", b'"",', b'{"a":{}},'])
async def test_row_93_a_body_of_millions_of_values_takes_little_memory(scene: Scene, part: bytes) -> None:
    polled(scene)
    body = b'{"run_id": "run_2", "status": "COMPLETED", "result": [' + part * (8_000_000 // len(part)) + b"0]}"
    scene.api.answer("GET", "/v1/runs/run_2", 200, body, headers=JSON)
    tracemalloc.start()
    try:
        await scene.ends(GOOD)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 256 * 1024 * 1024
