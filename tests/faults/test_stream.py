"""Fault matrix 2.3: the stream. Whatever comes, the run that was accepted is paid for once and its result arrives."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from monitor.agent.wire import DEPTH
from monitor.engine.execute import execute
from tests.engine.conftest import run_of, telling, until
from tests.faults.conftest import AFTER, GOOD, STARTED, Scene, complete, event
from tests.faults.test_post import finished, killed
from tests.scripted_api import sse

pytestmark = pytest.mark.anyio

WHOLE = STARTED + event("PROGRESS", purpose="look") + complete()


# --- bytes


async def test_row_44_byte_order_mark_at_the_start(scene: Scene) -> None:
    scene.stream(b"\xef\xbb\xbf" + WHOLE)
    await scene.ends(GOOD)


@pytest.mark.parametrize("end", [b"\r\n", b"\r"])
async def test_row_45_other_ends_of_lines(scene: Scene, end: bytes) -> None:
    scene.stream(WHOLE.replace(b"\n", end))
    await scene.ends(GOOD)


async def test_row_45_cr_and_lf_in_two_chunks(scene: Scene) -> None:
    first, last = WHOLE.replace(b"\n", b"\r\n").split(b"\r\n\r\n", 1)
    scene.stream(first + b"\r\n\r", 0.02, b"\n" + last)
    await scene.ends(GOOD)


@pytest.mark.parametrize("size", [1, 2, 7])
async def test_row_46_chunks_split_anywhere(scene: Scene, size: int) -> None:
    scene.stream(STARTED + event("PROGRESS", purpose="caf\u00e9 \U0001f600") + complete()).in_slices(size)
    await scene.ends(GOOD)


@pytest.mark.parametrize("odd", ["\u2028", "\u2029", "\u0085", "\u000b", "\u000c"])
async def test_row_47_separators_that_end_no_line(scene: Scene, odd: str) -> None:
    text = json.dumps({"type": "COMPLETE", "run_id": "run_2", "status": "COMPLETED", "result": AFTER | {"note": "ODD"}})
    escaped = odd if odd > " " else json.dumps(odd)[1:-1]
    scene.api.next_run(result=None).raw(STARTED + sse(text.replace("ODD", f"a{escaped}b"))).shows(result=None)
    record = await scene.run()  # GET has no result: it can only have come from the stream
    assert (record.verdict, record.result["note"], scene.posts, scene.billed) == (GOOD, f"a{odd}b", 1, 1)


async def test_row_48_data_of_several_lines(scene: Scene) -> None:
    lines = json.dumps({"type": "COMPLETE", "run_id": "run_2", "status": "COMPLETED", "result": AFTER}, indent=1)
    scene.stream(STARTED + b"".join(b"data: " + line.encode() + b"\n" for line in lines.split("\n")) + b"\n")
    await scene.ends(GOOD)


async def test_row_49_fields_as_the_standard_has_them(scene: Scene) -> None:
    odd = b": a comment\nid: 7\nretry: 10\ndata\nnothing\n\ndata:\n\n"
    named = b'event: STARTED\ndata:  {"run_id":"{run_id}"}\n\n'
    scene.stream(odd + named + complete().replace(b"data: ", b"data:"))
    await scene.ends(GOOD)


@pytest.mark.parametrize("final", [False, True])
async def test_row_50_bytes_that_are_not_utf8(scene: Scene, final: bool) -> None:
    broken = b'data: {"type":"%b","run_id":"{run_id}","status":"COMPLETED","result":{"price":"\xff\xfe"}}\n\n'
    scene.stream(STARTED + broken % (b"COMPLETE" if final else b"PROGRESS") + complete())
    await scene.ends(GOOD)


# --- JSON


async def test_row_51_garbage_between(scene: Scene) -> None:
    scene.stream(STARTED + b'data: {"type":"PROGRESS",\n\ndata: nothing\n\n' + complete())
    await scene.ends(GOOD)


async def test_row_52_garbage_for_started(scene: Scene) -> None:
    scene.stream(b'data: {"type":"STARTED","run_id":\n\n' + event("PROGRESS", purpose="x") + complete())
    await scene.ends(GOOD)


async def test_row_52_no_event_names_the_run(scene: Scene) -> None:
    scene.stream(b'data: {"type":"STARTED","run_id":\n\n' + sse({"type": "COMPLETE", "status": "COMPLETED"}))
    await scene.ends(GOOD)


DAMAGED = [
    b'{"price": NaN}',
    b'{"price": Infinity}',
    b'{"price": 1e999}',
    b'{"price": 1, "price": 2}',
    b'{"price": "\\ud800"}',
    b'{"price": ' + b"9" * 5_000 + b"}",
    b"[" * 100_000 + b"]" * 100_000,
    b"[" * (DEPTH + 5) + b"]" * (DEPTH + 5),
    b'{"price": ',
]


@pytest.mark.parametrize("result", DAMAGED, ids=range(len(DAMAGED)))
async def test_row_53_damaged_complete_is_polled(scene: Scene, result: bytes) -> None:
    head = b'data: {"type":"COMPLETE","run_id":"{run_id}","status":"COMPLETED","result":'
    scene.stream(STARTED + head + result + b"}\n\n")
    await scene.ends(GOOD)


@pytest.mark.parametrize("result", DAMAGED[:-1], ids=range(len(DAMAGED) - 1))
async def test_row_53_damaged_for_good_is_an_invalid_result_with_the_bytes_kept(scene: Scene, result: bytes) -> None:
    head = b'"run_id":"{run_id}","status":"COMPLETED","result":' + result + b"}"
    scene.stream(STARTED + b'data: {"type":"COMPLETE",' + head + b"\n\n")
    body = b"{" + head.replace(b"{run_id}", b"run_2")
    scene.api.answer("GET", "/v1/runs/", 200, body, headers={"content-type": "application/json"}, times=9)
    record = await scene.ends("INVALID", "SCHEMA", says="cannot be used")
    raw = scene.rows(f"SELECT terminal FROM runs WHERE id = '{record.id}'")[0]["terminal"]
    assert raw


async def test_row_54_json_that_is_no_object(scene: Scene) -> None:
    scene.stream(STARTED + b"".join(sse(text) for text in ("[]", '"x"', "null", "[DONE]", "7")) + complete())
    await scene.ends(GOOD)


async def test_row_55_unknown_events_and_old_spelling(scene: Scene) -> None:
    odd = sse({"type": "LOG", "run_id": "{run_id}"}) + sse(
        {"type": "TF_API_RESULT", "result": [1], "run_id": "{run_id}"}
    )
    old = sse({"type": "STARTED", "runId": "{run_id}"}) + sse(
        {"type": "STREAMING_URL", "streamingUrl": "https://x.example"}
    )
    end = sse({"type": "COMPLETE", "runId": "{run_id}", "status": "COMPLETED", "resultJson": AFTER, "new": 1})
    scene.stream(old + odd + sse({"type": "ERROR"}) + end)
    await scene.ends(GOOD)


# --- events out of order


async def test_row_56_started_twice(scene: Scene) -> None:
    scene.stream(STARTED + STARTED + complete())
    await scene.ends(GOOD)


async def test_row_57_another_run_id_of_somebody_else(scene: Scene) -> None:
    scene.stream(STARTED + sse({"type": "PROGRESS", "run_id": "somebody_elses", "purpose": "x"}) + complete())
    record = await scene.ends(GOOD)
    assert record.run_id == "run_2"


async def test_row_57_another_run_id_with_our_reference_is_cancelled(scene: Scene) -> None:
    scene.stream(STARTED + sse({"type": "STARTED", "run_id": "twin"}) + complete())
    seen = scene.api._list

    def doubled(query: dict[str, str]) -> bytes:
        page = seen(query)
        return json.dumps(
            page | {"data": [*page["data"], *(row | {"run_id": "twin"} for row in page["data"])]}
        ).encode()

    scene.api.answer("GET", "/v1/runs", 200, doubled)
    record = await scene.ends(GOOD, cancels=1)
    assert record.run_id == "run_2"
    assert [each.path for each in scene.api.requests if "cancel" in each.path] == ["/v1/runs/twin/cancel"]


@pytest.mark.parametrize("listed", [True, False])
async def test_row_57_a_foreign_run_named_first_is_left_alone(scene: Scene, listed: bool) -> None:
    """F1: ours is the run that carries our goal; where the list is late, GET shows that the first is foreign."""
    scene.api.next_run(result=AFTER).raw(sse({"type": "STARTED", "run_id": "theirs"}), STARTED, complete())
    theirs = {"run_id": "theirs", "status": "RUNNING", "goal": "Somebody else's.", "created_at": "2026-11-21T11:00:00Z"}
    scene.api.answer("GET", "/v1/runs/theirs", 200, theirs, times=1_000)
    if not listed:
        scene.api.answer("GET", "/v1/runs", 200, {"data": [], "pagination": {"has_more": False}})
    record = await scene.ends(GOOD)
    assert record.run_id == "run_2"


async def test_row_57_killed_when_only_the_foreign_run_was_stored(scene: Scene) -> None:
    scene.api.next_run(result=AFTER).raw(sse({"type": "STARTED", "run_id": "theirs"}), 0.2, STARTED, complete())
    await killed(scene, "accepted", "after")
    assert scene.rows.stages[1:] == [("accepted", "theirs")]
    theirs = {"run_id": "theirs", "status": "RUNNING", "goal": "Somebody else's."}
    scene.api.answer("GET", "/v1/runs/theirs", 200, theirs, times=1_000)
    await finished(scene)
    assert scene.api.cancels == 0


async def test_row_58_complete_without_started(scene: Scene) -> None:
    scene.stream(event("PROGRESS", purpose="early") + complete())
    await scene.ends(GOOD)
    assert scene.api.posts == 1


@pytest.mark.parametrize("bad", ["", "x" * 10_000, "../../v1/wallet", "a/b", "a\r\nX-Evil: 1"])
async def test_row_59_run_ids_that_are_none(scene: Scene, bad: str) -> None:
    scene.stream(
        sse({"type": "STARTED", "run_id": bad}) + sse({"type": "COMPLETE", "run_id": bad, "status": "COMPLETED"})
    )
    record = await scene.ends(GOOD)
    assert record.run_id == "run_2"
    assert all("wallet" not in each.path and "evil" not in str(each.headers) for each in scene.api.requests)


# --- time


async def test_row_60_heartbeats_for_ever_without_a_run_id(scene: Scene) -> None:
    scene.fast(400)
    scene.api.next_run(result=AFTER).heartbeat_only(started=False).takes(0)
    await scene.ends(GOOD)


@pytest.mark.parametrize("kind", ["HEARTBEAT", "PROGRESS"])
async def test_row_61_heartbeats_for_ever_with_a_run_id(scene: Scene, kind: str) -> None:
    scene.fast(400)
    scene.watch = telling(limits={"timeout": "60s"})
    beat: list[bytes | float] = [sse({"type": kind, "purpose": "still looking"}), 0.02]
    scene.api.next_run(result=AFTER).raw(STARTED, *(beat * 10_000)).takes(None)
    await scene.ends("FAILED", "TIMEOUT", says="it was cancelled", cancels=1)


async def test_row_61_the_cancel_finds_it_completed(scene: Scene) -> None:
    scene.fast(400)
    scene.watch = telling(limits={"timeout": "60s"})
    scene.api.next_run(result=AFTER).heartbeat_only().cancel_finds_it_completed()
    await scene.ends(GOOD, cancels=1)


async def test_row_62_silence(scene: Scene) -> None:
    scene.fast(400)
    scene.stream(STARTED, 3_600.0)
    await scene.ends(GOOD)


async def test_row_63_end_without_complete(scene: Scene) -> None:
    """A1: row 63: end without complete."""
    scene.stream(STARTED + event("PROGRESS", purpose="x"))
    await scene.ends(GOOD)


@pytest.mark.parametrize("how", ["reset", "a broken chunk"])
async def test_row_64_reset_and_broken_chunks(scene: Scene, how: str) -> None:
    """A1: row 64: reset and broken chunks."""
    script = scene.api.next_run(result=AFTER).cut_after(150)
    script.reset() if how == "reset" else script.as_chunks()
    await scene.ends(GOOD)


async def test_row_65_truncated_last_event(scene: Scene) -> None:
    scene.stream(STARTED + complete()[:-2])
    await scene.ends(GOOD)


async def test_rows_63_to_65_cut_at_every_ninth_byte(scene: Scene) -> None:
    async with scene.desk() as desk:
        for offset in range(0, len(WHOLE), 9):
            scene.api.next_run(result={"price": float(offset), "in_stock": True}).raw(WHOLE).cut_after(offset)
            scene.clock.advance(60)  # type: ignore[attr-defined]
            record = await execute(scene.watch, run_of(scene.watch, scene.clock), desk)
            assert (record.verdict, record.result["price"]) == (GOOD, float(offset)), offset
    assert scene.posts == scene.billed == len(range(0, len(WHOLE), 9))


# --- size


def endless(part: bytes, megabytes: int) -> Iterator[bytes]:
    yield STARTED
    for _ in range(megabytes * 1024 * 1024 // len(part)):
        yield part


FLOODS = {
    "one line": (b"x" * 65_536, "an event is longer"),
    "one event": (b"data: " + b"x" * 65_529 + b"\n", "an event is longer"),
    "events": (b'data: {"type":"PROGRESS","purpose":"' + b"x" * 65_000 + b'"}\n\n', "the stream is longer"),
    "tiny events": (b'data: {"type":"HEARTBEAT"}\n\n' * 1_000, "more than"),
    "comments": (b": " + b"x" * 65_000 + b"\n", "the stream is longer"),
    "nesting": (b"data: " + b"[" * 65_000 + b"\n", "an event is longer"),
}


@pytest.mark.parametrize("flood", FLOODS)
async def test_row_66_floods_are_left_and_take_little_memory(scene: Scene, flood: str) -> None:
    """A server that would send 1 GB: it gets rid of 32 MB at most, and memory grows by far less."""
    scene.api.next_run(result=AFTER).sends(endless(FLOODS[flood][0], 1_024))
    tracemalloc.start()
    try:
        await scene.ends(GOOD)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 48 * 1024 * 1024


async def test_row_66_a_byte_at_a_time(scene: Scene) -> None:
    scene.fast(100)
    scene.watch = telling(limits={"timeout": "60s"})
    drip: list[bytes | float] = [STARTED]
    for byte in b": " + b"x" * 300:
        drip += [bytes([byte]), 0.01]
    scene.stream(*drip)
    await scene.ends(GOOD)


# --- the end


async def test_row_67_more_after_complete(scene: Scene) -> None:
    scene.stream(WHOLE + event("PROGRESS", purpose="late") + b"x" * 100_000)
    await scene.ends(GOOD)
    await scene.api.until_closed()


async def test_row_68_two_ends_that_differ(scene: Scene) -> None:
    scene.stream(STARTED + complete() + complete(status="FAILED", result=None))
    await scene.ends(GOOD)


@pytest.mark.parametrize("status", [None, "DONE", "completed"])
async def test_row_69_complete_of_unknown_status(scene: Scene, status: str | None) -> None:
    scene.stream(STARTED + complete(status=status))
    await scene.ends(GOOD)


async def test_row_70_completed_without_a_result_has_one_at_the_second_look(scene: Scene) -> None:
    scene.stream(STARTED + complete(result=None))
    await scene.ends(GOOD)


@pytest.mark.parametrize("result", [None, [], "nothing", 7])
async def test_row_70_completed_without_an_object(scene: Scene, result: Any) -> None:
    """B1: row 70: completed without an object."""
    scene.api.next_run(result=AFTER).shows(result=result).raw(STARTED + complete(result=result))
    await scene.ends("INVALID", "SCHEMA")


@pytest.mark.parametrize("envelope", [{"status": "failure", "reason": "a captcha"}, {"error": "access denied"}])
async def test_row_71_completed_with_a_failure_inside(scene: Scene, envelope: dict[str, str]) -> None:
    """B2: row 71: completed with a failure inside."""
    scene.api.next_run(result=envelope)
    await scene.ends("INVALID", "GOAL")


async def test_row_72_cancelled_elsewhere(scene: Scene) -> None:
    scene.api.next_run(status="CANCELLED")
    await scene.ends("FAILED", "CANCELLED")


FAILURES: list[tuple[str, Any, str, str]] = [
    ("72a", {"code": "CONTENT_POLICY_VIOLATION", "message": "refused by policy"}, "CONFIG", "refused by policy"),
    ("73", {"code": "INSUFFICIENT_CREDITS", "message": "empty purse"}, "BILLING", "empty purse"),
    ("73", {"category": "BILLING_FAILURE", "message": "empty purse"}, "BILLING", "empty purse"),
    ("74", {"code": "SITE_BLOCKED", "message": "captcha"}, "SITE", "captcha"),
    ("75", {"code": "MAX_STEPS_EXCEEDED", "message": "150 steps"}, "AGENT", "150 steps"),
    ("76", {"code": "TIMEOUT", "message": "too slow"}, "TIMEOUT", "too slow"),
    ("77", {"code": "TASK_FAILED", "category": "AGENT_FAILURE", "message": "no price"}, "AGENT", "no price"),
    ("79", {"category": "UNKNOWN", "message": "who knows"}, "AGENT", "who knows"),
    ("79", "only text", "AGENT", "only text"),
    ("79", None, "AGENT", "without saying why"),
]


async def _fails(scene: Scene, row: str, number: int = 0) -> None:
    _, error, code, says = [each for each in FAILURES if each[0] == row][number]
    scene.api.next_run(error=error, status="FAILED")
    await scene.ends("FAILED", code, says=says)


async def test_row_72a_content_policy(scene: Scene) -> None:
    await _fails(scene, "72a")


@pytest.mark.parametrize("number", [0, 1])
async def test_row_73_credits_run_out(scene: Scene, number: int) -> None:
    await _fails(scene, "73", number)
    assert [row["kind"] for row in scene.rows("SELECT kind FROM stops")] == ["billing"]
    scene.clock.advance(60)  # type: ignore[attr-defined]
    assert (await scene.run()).code == "BREAKER"


async def test_row_74_site_blocked(scene: Scene) -> None:
    await _fails(scene, "74")


async def test_row_75_max_steps(scene: Scene) -> None:
    await _fails(scene, "75")


async def test_row_76_time_out_at_the_api(scene: Scene) -> None:
    await _fails(scene, "76")


async def test_row_77_task_failed(scene: Scene) -> None:
    await _fails(scene, "77")


async def test_row_78_system_failure_is_retried_once_when_asked(scene: Scene) -> None:
    busy = {"code": "service_busy", "category": "SYSTEM_FAILURE", "message": "busy", "retry_after": 60}
    scene.api.next_run(error=busy)
    before = scene.clock.monotonic()
    record = await scene.ends(GOOD, posts=2, billed=2)
    assert (record.attempt, record.trigger) == (2, "retry")
    assert 60 <= scene.clock.monotonic() - before < 80


@pytest.mark.parametrize("number", [0, 1, 2])
async def test_row_79_unknown_failures(scene: Scene, number: int) -> None:
    await _fails(scene, "79", number)


async def test_row_80_hostile_text(scene: Scene) -> None:
    text = "\x1b[31m<script>{0}%s{evil}</script>\r\n\u202e\u0000" + "x" * 1_000_000
    scene.api.next_run(error={"code": "TASK_FAILED", "message": text})
    record = await scene.ends("FAILED", "AGENT", says="<script>{0}%s{evil}</script>")
    assert len(record.outcome["message"]) <= 2_000
    scene.clock.advance(60)  # type: ignore[attr-defined]
    scene.api.next_run(error={"code": "TASK_FAILED", "message": text})
    await scene.run()
    assert all("\x1b" not in row["title"] + row["body"] and len(row["title"]) <= 200 for row in scene.told())


# --- the process


@pytest.mark.parametrize(
    ("call", "when"), [("accepted", "before"), ("accepted", "after"), ("settle", "before"), ("settle", "after")]
)
async def test_row_81_killed_after_the_run_was_accepted(scene: Scene, call: str, when: str) -> None:
    """A1: row 81: killed after the run was accepted."""
    await killed(scene, call, when)
    assert scene.posts == 1
    await finished(scene)


async def test_row_82_stopping_leaves_the_run_to_the_next_process(scene: Scene) -> None:
    """R6: row 82: stopping leaves the run to the next process."""
    script = scene.api.next_run(result=AFTER).takes(None)
    async with scene.desk() as desk:
        task = asyncio.create_task(execute(scene.watch, run_of(scene.watch, scene.clock), desk))
        await until(lambda: scene.rows.stages[1:] == [("accepted", "run_2")])
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert scene.api.cancels == 0
    script.ends_after, scene.api.runs[-1].ends_at = 0.0, 0.0
    await finished(scene)


async def test_row_83_a_huge_result_is_refused_in_bounded_time(scene: Scene) -> None:
    scene.api.next_run(result=AFTER | {"rows": ["x" * 1_000] * 3_000})
    await scene.ends("INVALID", "SCHEMA", says="larger than 2 MiB")
