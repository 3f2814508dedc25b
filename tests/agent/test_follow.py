"""Whole runs against a scripted API on a real socket: money, faults, transports, resuming, closing."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from monitor.agent.client import Client
from monitor.agent.follow import Resume, follow
from monitor.agent.goal import goal_text
from monitor.agent.outcome import Cancelled, Code, Completed, Failed, NotStarted, TimedOut
from monitor.agent.request import body
from monitor.errors import SecretError
from monitor.watch.run import Run, new_id
from tests.agent.conftest import KEY, Notes, follow_one
from tests.conftest import SimulatedClock, make_watch
from tests.scripted_api import RESULT, Script, ScriptedApi, sse

pytestmark = pytest.mark.anyio

TRANSPORTS = ["sse", "async", "sync"]
SHORT = make_watch(limits={"timeout": "60s"})  # 0.6 s at this speed:
FAST = 100.0


def fault_code(outcome: Any) -> Code:
    assert outcome.fault is not None
    return outcome.fault.code


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_run_completes_over_every_transport(transport: str) -> None:
    async with ScriptedApi() as api:
        notes = Notes()
        outcome = await follow_one(api, make_watch(transport=transport), notes=notes)
    assert isinstance(outcome, Completed)
    assert (outcome.run_id, outcome.result, outcome.steps) == ("run_1", RESULT, 3)
    assert outcome.finished_at is not None
    assert notes.accepted_ids == [("run_1", None)]
    assert (api.posts, api.cancels) == (1, 0)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_failed_run_says_why_over_every_transport(transport: str) -> None:
    async with ScriptedApi() as api:
        api.every_run(error={"code": "SITE_BLOCKED", "message": "captcha", "category": "AGENT_FAILURE"})
        outcome = await follow_one(api, make_watch(transport=transport))
    assert isinstance(outcome, Failed)
    assert (fault_code(outcome), outcome.steps, api.posts) == (Code.SITE, 3, 1)


async def test_the_id_is_stored_before_anything_else_and_again_with_the_live_url() -> None:
    async with ScriptedApi() as api:
        api.next_run().streaming_url("https://live.example/1").progress("Opening the page\x1b[31m")
        notes = Notes(api=api)
        await follow_one(api, notes=notes)
    assert notes.accepted_ids == [("run_1", None), ("run_1", "https://live.example/1")]
    assert notes.posts_when_stored == 1
    assert [(each.kind, each.text) for each in notes.progress][1:3] == [
        ("streaming_url", "the live browser can be watched"),
        ("progress", "Opening the page[31m"),
    ]
    assert [each.streaming_url for each in notes.progress] == [None, "https://live.example/1", None, None]


async def test_cut_at_every_byte_the_outcome_is_the_same_and_one_run_is_paid() -> None:
    result = {"name": "Caf\u00e9 \u2028 \U0001f600", "price": 5}
    async with ScriptedApi(result=result) as api:
        api.next_run(result=result).progress("one")
        whole = await follow_one(api)
        length = sum(len(part) for part in api.ordinary(api.runs[0]) if isinstance(part, bytes))
        for offset in range(length + 1):
            api.next_run(result=result).progress("one").cut_after(offset).run_id = "run_1"
            before = api.posts
            api.runs.clear()
            outcome = await follow_one(api)
            assert api.posts == before + 1, offset
            assert isinstance(outcome, Completed), (offset, outcome)
            assert (outcome.result, outcome.steps, outcome.run_id) == (result, 3, "run_1"), offset
            assert len(api.runs) == 1
    assert isinstance(whole, Completed)
    assert whole.result == result
    assert length > 300


def reset_in_the_middle(script: Script) -> None:
    script.cut_after(130).reset()


def silence_in_the_middle(script: Script) -> None:
    script.hang_after(130)


def a_broken_chunk(script: Script) -> None:
    script.as_chunks().cut_after(130)


def a_byte_at_a_time(script: Script) -> None:
    script.in_slices(1)


def a_chunked_stream(script: Script) -> None:
    script.as_chunks()


def garbage_for_complete(script: Script) -> None:
    script.raw(sse({"type": "STARTED", "run_id": "{run_id}"}), b'data: {"type":"COMPLETE","result":NaN}\n\n', 3_600)


def an_event_without_end(script: Script) -> None:
    script.raw(sse({"type": "STARTED", "run_id": "{run_id}"}), b"data: " + b"x" * (4 << 20), b"yy", 3_600)


def old_spelling_crlf_and_comments(script: Script) -> None:
    script.raw(
        b"\xef\xbb\xbf: hello\r\nevent: x\r\nid: 1\r\nretry: 5\r\n\r\n",
        b'data:{"type":"STARTED",\r\ndata: "runId":"{run_id}"}\r\n\r\n',
        b"data: [DONE]\n\n",
        b'data: {"type":"TF_API_RESULT","run_id":"{run_id}","result":[1]}\n\n',
        b'data: {"type":"COMPLETE","runId":"{run_id}","status":"COMPLETED","resultJson":{"price":1}}\n\n',
    )


STREAM_FAULTS = [
    reset_in_the_middle,
    silence_in_the_middle,
    a_broken_chunk,
    a_byte_at_a_time,
    a_chunked_stream,
    garbage_for_complete,
    an_event_without_end,
    old_spelling_crlf_and_comments,
]


@pytest.mark.parametrize("happen", STREAM_FAULTS)
async def test_whatever_happens_to_the_stream_the_result_arrives_and_is_paid_once(happen: Any) -> None:
    async with ScriptedApi() as api:
        happen(api.next_run())
        outcome = await follow_one(api, speed=FAST if happen is silence_in_the_middle else None)
        assert isinstance(outcome, Completed)
        assert (outcome.result, outcome.steps) == (RESULT, 3)
        assert (api.posts, len(api.runs)) == (1, 1)


def closed_without_a_byte(api: ScriptedApi) -> None:
    api.next_run().close_without_byte()


def reset_without_a_byte(api: ScriptedApi) -> None:
    api.next_run().close_without_byte().reset()


def no_first_byte(api: ScriptedApi) -> None:
    api.next_run().hang_before_first_byte()


def a_502_after_all(api: ScriptedApi) -> None:
    api.next_run().status(502, "<html>bad gateway</html>", billed=True)


def listed_late(api: ScriptedApi) -> None:
    api.next_run().close_without_byte().listed_after(0.05)


def a_list_that_fails_five_times(api: ScriptedApi) -> None:
    api.next_run().close_without_byte()
    api.answer("GET", "/v1/runs", 500, "oops", times=5)


def a_page_of_html(api: ScriptedApi) -> None:
    api.next_run().status(200, "<html>log in</html>", billed=True)


def a_compressed_answer(api: ScriptedApi) -> None:
    api.next_run().status(200, b"\x1f\x8b", {"content-encoding": "gzip"}, billed=True)


def nothing_at_all(api: ScriptedApi) -> None:
    api.next_run().status(204, b"", billed=True)


def a_408(api: ScriptedApi) -> None:
    api.next_run().status(408, b"", billed=True)


def heartbeats_without_an_id(api: ScriptedApi) -> None:
    api.next_run().heartbeat_only(started=False).takes(0.1)


DOUBTS = [
    closed_without_a_byte,
    reset_without_a_byte,
    no_first_byte,
    a_502_after_all,
    listed_late,
    a_list_that_fails_five_times,
    a_page_of_html,
    a_compressed_answer,
    nothing_at_all,
    a_408,
    heartbeats_without_an_id,
]


@pytest.mark.parametrize("happen", DOUBTS)
async def test_in_doubt_the_run_is_found_by_its_reference_and_never_started_again(happen: Any) -> None:
    async with ScriptedApi() as api:
        happen(api)
        expires = happen in {no_first_byte, listed_late, heartbeats_without_an_id}
        outcome = await follow_one(api, speed=FAST if expires else None)
        assert isinstance(outcome, Completed), outcome
        assert (api.posts, len(api.runs)) == (1, 1)


async def test_a_run_that_was_not_created_is_proved_absent_by_three_searches() -> None:
    async with ScriptedApi() as api:
        api.next_run().status(503, {"error": {"code": "SERVICE_BUSY", "message": "later"}})
        outcome = await follow_one(api)
        searches = [request.query for request in api.requests if request.path == "/v1/runs"]
    assert isinstance(outcome, NotStarted)
    assert (fault_code(outcome), outcome.fault.retryable if outcome.fault else None) == (Code.NETWORK, True)
    assert len(searches) == 3
    assert all(query["goal"].startswith("[ref ") for query in searches)
    assert api.posts == 1


async def test_a_502_that_names_the_run_adopts_it() -> None:
    async with ScriptedApi() as api:
        api.next_run().status(502, {"run_id": "run_1", "status": "RUNNING"}, billed=True)
        outcome = await follow_one(api)
    assert isinstance(outcome, Completed)
    assert not any(request.path == "/v1/runs" for request in api.requests)


async def test_of_two_runs_with_our_goal_the_older_is_adopted_and_the_other_cancelled() -> None:
    async with ScriptedApi() as api:
        clock = SimulatedClock()
        watch = make_watch()
        run = Run(new_id(clock.now()), watch.name, clock.now())
        page = [
            {"run_id": name, "status": "COMPLETED", "goal": goal_text(watch, run), "created_at": at}
            for name, at in (("young", "2026-11-21T12:00:09Z"), ("old", "2026-11-21T12:00:01Z"))
        ]
        api.next_run().close_without_byte()
        api.answer("GET", "/v1/runs", 200, {"data": page, "pagination": {"has_more": False}})
        api.answer("GET", "/v1/runs/old", 200, page[1] | {"result": {"price": 1}})
        outcome = await follow_one(api, watch, run=run)
    assert isinstance(outcome, Completed)
    assert outcome.run_id == "old"
    assert [request.path for request in api.requests if request.path.endswith("cancel")] == ["/v1/runs/young/cancel"]


REFUSALS = [
    (400, {"error": {"code": "INVALID_INPUT", "message": "bad"}}, Code.CONFIG),
    (401, {"error": {"code": "INVALID_API_KEY", "message": "no"}}, Code.AUTH),
    (402, {"error": {"code": "INSUFFICIENT_CREDITS", "message": "no"}}, Code.BILLING),
    (403, {"error": {"code": "FORBIDDEN", "message": "output_schema"}}, Code.FORBIDDEN),
    (403, {"error": {"code": "FORBIDDEN", "message": "no credits"}}, Code.BILLING),
    (404, "<html>", Code.PROTOCOL),
    (409, "", Code.CONFIG),
    (413, "", Code.CONFIG),
    (429, {"error": {"code": "RATE_LIMIT_EXCEEDED", "message": "slow"}}, Code.RATE),
]


@pytest.mark.parametrize(("status", "answer", "code"), REFUSALS)
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_refusal_is_one_request_and_one_failure(transport: str, status: int, answer: Any, code: Code) -> None:
    async with ScriptedApi() as api:
        api.next_run().status(status, answer, {"retry-after": "7"})
        outcome = await follow_one(api, make_watch(transport=transport))
    assert isinstance(outcome, Failed)
    assert fault_code(outcome) is code
    assert outcome.fault is not None
    assert outcome.fault.retry_after == 7
    assert len(api.requests) == 1
    assert KEY not in repr(outcome)


async def test_an_accepted_error_in_a_200_is_a_failure() -> None:
    async with ScriptedApi() as api:
        api.next_run().status(200, {"run_id": None, "error": {"code": "service_busy", "message": "later"}})
        outcome = await follow_one(api, make_watch(transport="async"))
    assert isinstance(outcome, Failed)
    assert (fault_code(outcome), outcome.fault.retryable if outcome.fault else None) == (Code.AGENT, True)


async def test_a_redirect_is_not_followed_and_the_key_goes_nowhere_else() -> None:
    async with ScriptedApi() as api, ScriptedApi() as other:
        api.next_run().status(307, "", {"location": f"{other.url}/v1/automation/run-sse?x=secret"})
        outcome = await follow_one(api)
        assert isinstance(outcome, Failed)
        assert fault_code(outcome) is Code.PROTOCOL
        assert other.requests == []
        assert "secret" not in str(outcome)


async def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ScriptedApi() as api, ScriptedApi() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert isinstance(await follow_one(api), Completed)
        assert proxy.requests == []


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_nothing_was_sent_is_proved_by_a_refused_connection(transport: str) -> None:
    async with ScriptedApi() as api:
        pass
    outcome = await follow_one(api, make_watch(transport=transport))
    assert isinstance(outcome, NotStarted)
    assert fault_code(outcome) is Code.NETWORK
    assert api.requests == []


# --- the deadline


async def test_at_the_deadline_the_run_is_cancelled() -> None:
    async with ScriptedApi() as api:
        api.next_run().heartbeat_only()
        notes = Notes()
        outcome = await follow_one(api, SHORT, speed=FAST, notes=notes)
    assert isinstance(outcome, TimedOut)
    assert (fault_code(outcome), outcome.run_id, outcome.steps) == (Code.TIMEOUT, "run_1", 3)
    assert (api.posts, api.cancels) == (1, 1)
    assert notes.progress[-1].kind == "cancelling"


async def test_a_cancel_that_finds_the_run_completed_brings_its_result() -> None:
    async with ScriptedApi() as api:
        api.next_run().takes(None).cancel_finds_it_completed()
        outcome = await follow_one(api, SHORT.model_copy(update={"transport": "async"}))
    assert isinstance(outcome, Completed)
    assert outcome.result == RESULT


async def test_a_cancel_that_is_ignored_is_a_time_out() -> None:
    async with ScriptedApi() as api:
        api.next_run().takes(None).cancel_is_ignored()
        outcome = await follow_one(api, SHORT, speed=FAST)
    assert isinstance(outcome, TimedOut)
    assert api.cancels > 1


async def test_a_cancel_that_fails_is_tried_again() -> None:
    async with ScriptedApi() as api:
        api.next_run().heartbeat_only()
        api.answer("POST", "/v1/runs/", 500, "oops", times=2)
        outcome = await follow_one(api, SHORT, speed=FAST)
    assert isinstance(outcome, TimedOut)
    assert api.cancels == 3


async def test_a_synchronous_run_past_its_deadline_is_left_to_itself() -> None:
    async with ScriptedApi() as api:
        api.next_run().takes(None)
        outcome = await follow_one(api, SHORT.model_copy(update={"transport": "sync"}), speed=FAST)
    assert isinstance(outcome, TimedOut)
    assert (outcome.run_id, api.posts, api.cancels) == ("run_1", 1, 0)


async def test_a_run_cancelled_elsewhere_is_cancelled() -> None:
    async with ScriptedApi() as api:
        api.next_run(status="CANCELLED")
        assert isinstance(await follow_one(api), Cancelled)


async def test_an_api_that_goes_away_is_asked_within_the_budget_only() -> None:
    async with ScriptedApi() as api:
        api.next_run().raw(sse({"type": "STARTED", "run_id": "{run_id}"})).takes(None)
        api.answer("GET", "/v1/runs/", 500, "oops", times=10_000)
        api.answer("POST", "/v1/runs/", 500, "oops", times=10_000)
        outcome = await follow_one(api, SHORT, budget=timedelta(minutes=4))
    assert isinstance(outcome, Failed)
    assert (fault_code(outcome), outcome.run_id) == (Code.UNKNOWN_OUTCOME, "run_1")


@pytest.mark.parametrize(("status", "kind"), [("COMPLETED", "completed"), ("FAILED", "failed")])
async def test_polls_that_give_damaged_json_end_with_what_they_gave(status: str, kind: str) -> None:
    async with ScriptedApi() as api:
        api.next_run().cut_after(90)
        bad = b'{"run_id": "run_1", "status": "%s", "result": 1e999}' % status.encode()
        api.answer("GET", "/v1/runs/", 200, bad, headers={"content-type": "application/json"}, times=9)
        outcome = await follow_one(api)
    assert (outcome.kind, fault_code(outcome), outcome.raw) == (kind, Code.PROTOCOL, bad.decode())


# --- going on after a crash


async def opened(watch: Any, clock: SimulatedClock) -> tuple[Run, str]:
    run = Run(new_id(clock.now()), watch.name, clock.now())
    return run, goal_text(watch, run)


@pytest.mark.parametrize("known", [True, False])
async def test_a_run_left_by_a_dead_process_is_brought_to_its_end_without_a_post(known: bool) -> None:
    async with ScriptedApi() as api:
        watch, clock, notes = make_watch(), SimulatedClock(), Notes()
        run, goal = await opened(watch, clock)
        began = clock.now()
        async with Client(api.url, KEY, clock=clock) as client:
            await client.run_async(body(watch, run, full_schema=False, reveal=str), within=60)
            left = Resume("run_1" if known else None, goal, began)
            outcome = await follow(client, watch, run, clock=clock, journal=notes, resume=left)
        assert isinstance(outcome, Completed)
        assert outcome.result == RESULT
        assert api.posts == 1
        assert notes.accepted_ids == ([] if known else [("run_1", None)])


async def test_a_run_that_never_left_is_proved_absent_on_resuming() -> None:
    async with ScriptedApi() as api:
        watch, clock = make_watch(), SimulatedClock()
        run, goal = await opened(watch, clock)
        outcome = await follow_one(api, watch, run=run, resume=Resume(None, goal, clock.now()))
    assert isinstance(outcome, NotStarted)
    assert api.posts == 0


async def test_cancelling_the_task_leaves_the_remote_run_alone_and_closes_the_sockets() -> None:
    async with ScriptedApi() as api:
        api.next_run().heartbeat_only()
        notes = Notes()
        task = asyncio.create_task(follow_one(api, speed=1, notes=notes))
        await notes.stored.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await api.until_closed()
        assert api.cancels == 0


async def test_every_socket_is_closed_after_a_run() -> None:
    async with ScriptedApi() as api:
        api.next_run().as_chunks().hang_after(10_000)
        assert isinstance(await follow_one(api), Completed)
        await api.until_closed()


async def test_a_secret_that_is_missing_starts_nothing() -> None:
    def missing(_: str) -> str:
        raise SecretError("PROXY_PASSWORD is not set", hint="set it")

    watch = make_watch(run={"proxy_config": {"enabled": True, "type": "custom", "url": "${env:PROXY}"}})
    async with ScriptedApi() as api:
        outcome = await follow_one(api, watch, reveal=missing)
    assert isinstance(outcome, NotStarted)
    assert (fault_code(outcome), api.requests) == (Code.SECRET, [])


async def test_a_search_that_never_ends_proves_nothing_but_finds_what_it_shows() -> None:
    async with ScriptedApi() as api:
        api.next_run().close_without_byte()
        endless = {"data": [], "pagination": {"has_more": True, "next_cursor": "same"}}
        api.answer("GET", "/v1/runs", 200, endless, times=2)
        outcome = await follow_one(api)
    assert isinstance(outcome, Completed)
    cursors = [request.query.get("cursor") for request in api.requests if request.path == "/v1/runs"]
    assert cursors[:2] == [None, "same"]


async def test_a_secret_that_needs_no_revealing_is_sent_as_it_is() -> None:
    watch = make_watch(run={"proxy_config": {"enabled": True, "type": "custom", "url": "http://proxy.example"}})
    async with ScriptedApi() as api:
        await follow_one(api, watch)
    assert api.requests[0].body["proxy_config"]["url"] == "http://proxy.example"


async def test_a_search_through_twenty_pages_proves_nothing() -> None:
    async with ScriptedApi() as api:
        api.next_run().close_without_byte()
        for page in range(20):
            rows = {"data": [], "pagination": {"has_more": True, "next_cursor": f"c{page}"}}
            api.answer("GET", "/v1/runs", 200, rows)
        assert isinstance(await follow_one(api), Completed)
    assert sum(request.path == "/v1/runs" for request in api.requests) == 21


async def test_a_surplus_run_that_cannot_be_cancelled_does_not_stop_us() -> None:
    async with ScriptedApi() as api:
        watch, clock = make_watch(), SimulatedClock()
        run, goal = await opened(watch, clock)
        rows = [{"run_id": name, "goal": goal, "status": "RUNNING"} for name in ("a", "b")]
        endless = {"data": rows, "pagination": {"has_more": True, "next_cursor": "same"}}
        api.answer("GET", "/v1/runs/a", 200, {"run_id": "a", "status": "COMPLETED", "result": 1})
        api.answer("GET", "/v1/runs", 200, endless, times=2)
        outcome = await follow_one(api, watch, run=run, resume=Resume(None, goal, clock.now()))
    assert isinstance(outcome, Completed)
    assert outcome.run_id == "a"
