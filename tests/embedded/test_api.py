"""The API over real sockets: answers, events, errors, cancel, queueing (agent-api.md 2 to 9)."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from monitor.clock import WallClock
from monitor.embedded.server import EmbeddedAgent
from monitor.errors import UsageError
from tests.embedded.streams import PRODUCT, ended, events, order, run
from tests.fetch.servers import page, raw, serving

pytestmark = pytest.mark.anyio
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")
SLOW = raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>", then_wait=True)


async def test_a_blocking_run_answers_its_end(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/automation/run", json=order())
    answer = response.json()
    assert response.headers["x-monitor-agent"] == "embedded/1"
    api = {"run_id", "status", "started_at", "finished_at", "num_of_steps", "result", "error"}
    assert set(answer) == api | {"extraction"}
    assert (answer["status"], answer["result"], answer["error"], answer["num_of_steps"]) == (
        "COMPLETED",
        {"price": 499.0},
        None,
        2,
    )
    assert INSTANT.match(answer["started_at"])


async def test_an_async_run_answers_its_id_and_ends(client: httpx.AsyncClient) -> None:
    answer = (await client.post("/v1/automation/run-async", json=order())).json()
    assert answer["error"] is None
    assert (await ended(client, answer["run_id"]))["result"] == {"price": 499.0}


async def test_a_stream_is_shaped_as_on_the_live_wire(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/automation/run-sse", json=order())
    assert response.headers["content-type"].startswith("text/event-stream")
    seen = events(response.text)
    assert [event["type"] for event in seen] == ["STARTED", "PROGRESS", "PROGRESS", "COMPLETE"]
    assert list(seen[0]) == ["type", "run_id", "timestamp"]
    assert list(seen[1]) == ["type", "run_id", "purpose", "timestamp"]
    assert list(seen[-1]) == ["type", "run_id", "status", "timestamp", "result", "extraction"]
    assert len({event["run_id"] for event in seen}) == 1
    assert all(INSTANT.match(event["timestamp"]) for event in seen)


async def test_a_failed_stream_carries_an_error_object_and_no_result(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/automation/run-sse", json=order("http://demo.localhost/nowhere"))
    last = events(response.text)[-1]
    assert (last["type"], last["status"]) == ("COMPLETE", "FAILED")
    assert "result" not in last
    assert last["error"]["code"] == "SITE_BLOCKED"
    assert "404" in last["error"]["message"]


async def test_line_ends_of_unicode_never_break_a_frame(client: httpx.AsyncClient) -> None:
    hostile = "a\u2028b\u2029c\u0085d"
    schema = {"type": "object", "properties": {"note": {"type": "string", "x-css": "p", "x-attr": "title"}}}
    async with serving(page(f'<p title="{hostile}">x</p>'.encode())) as server:
        response = await client.post("/v1/automation/run-sse", json=order(server.url(), output_schema=schema))
    assert not re.search("[\u2028\u2029\u0085]", response.text)
    assert events(response.text)[-1]["status"] == "COMPLETED"


async def test_heartbeats_come_while_nothing_else_does(tmp_path: Path) -> None:
    async with (
        serving(SLOW) as server,
        EmbeddedAgent(ledger=tmp_path / "a.db", heartbeat=0.02) as agent,
        httpx.AsyncClient(verify=False, base_url=agent.base_url, timeout=10) as client,
        client.stream("POST", "/v1/automation/run-sse", json=order(server.url())) as response,
    ):
        beats = 0
        async for line in response.aiter_lines():
            beats += '"HEARTBEAT"' in line
            if beats == 3:
                event = json.loads(line.removeprefix("data: "))
                assert set(event) == {"type", "timestamp"}
                return


async def test_closing_a_stream_does_not_stop_its_run(agent: EmbeddedAgent, client: httpx.AsyncClient) -> None:
    go = asyncio.Event()

    async def held(path: str, writer: asyncio.StreamWriter) -> None:
        await go.wait()
        await page(b'<p class="price">12.50</p>')(path, writer)

    schema = {"type": "object", "properties": {"price": {"type": "number", "x-css": ".price"}}}
    async with serving(held) as server:
        async with client.stream(
            "POST", "/v1/automation/run-sse", json=order(server.url(), output_schema=schema)
        ) as response:
            first = json.loads((await anext(response.aiter_lines())).removeprefix("data: "))
        assert (await client.get(f"/v1/runs/{first['run_id']}")).json()["status"] == "RUNNING"
        go.set()
        assert (await ended(client, first["run_id"]))["result"] == {"price": 12.5}


async def test_a_run_tells_its_steps_and_where_each_value_came_from(client: httpx.AsyncClient) -> None:
    found = await run(client)
    assert found["extraction"]["sources"] == {"/price": "json-ld Product.offers.price"}
    assert [step["status"] for step in found["steps"]] == ["COMPLETED", "COMPLETED"]
    assert found["browser_config"] == {"proxy_enabled": False, "proxy_country_code": None}
    assert found["streaming_url"] is None
    assert not any(name.startswith("_") for name in found)


async def test_a_required_property_that_is_not_there_fails_the_run_and_is_named(client: httpx.AsyncClient) -> None:
    schema = {
        "type": "object",
        "required": ["price", "weight"],
        "properties": {"price": {"type": "number"}, "weight": {"type": "number"}, "colour": {"type": "string"}},
    }
    found = await run(client, output_schema=schema)
    assert (found["status"], found["result"]) == ("FAILED", None)
    assert found["error"]["code"] == "TASK_FAILED"
    assert found["error"]["category"] == "AGENT_FAILURE"
    assert found["error"]["message"] == "not found on the page: /weight"
    assert found["extraction"]["missing"] == ["/weight"]


async def test_an_optional_property_that_is_not_there_is_null(client: httpx.AsyncClient) -> None:
    schema = {"type": "object", "properties": {"price": {"type": "number"}, "colour": {"type": "string"}}}
    assert (await run(client, output_schema=schema))["result"] == {"price": 499.0, "colour": None}


async def test_without_a_schema_the_page_s_own_facts_are_the_result(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/automation/run", json={"url": PRODUCT, "goal": "x"})
    result = response.json()["result"]
    assert result["title"] == "Aurora Duo espresso machine | Aurora"
    assert result["product"]["offers"]["price"] == "499.00"


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"url": None}, ["url"]),
        ({"url": "ftp://a.example/"}, ["url"]),
        ({"url": ["http://a.example/"]}, ["url"]),
        ({"goal": ""}, ["goal"]),
        ({"goal": 3}, ["goal"]),
        ({"browser_profile": "heavy"}, ["browser_profile"]),
        ({"webhook_url": "http://hooks.example/"}, ["webhook_url"]),
        ({"webhook_url": "ftp://127.0.0.1/"}, ["webhook_url"]),
        ({"webhook_url": "http://[::1/"}, ["webhook_url"]),
        ({"proxy_config": {"enabled": True}}, ["proxy_config"]),
        ({"proxy_config": {"enabled": True, "type": "custom"}}, ["proxy_config", "url"]),
        ({"proxy_config": {"enabled": True, "type": "custom", "url": "socks5://p:1"}}, ["proxy_config", "url"]),
        ({"proxy_config": {"enabled": True, "type": "custom", "url": "http://u:p@p:1"}}, ["proxy_config", "url"]),
        (
            {"proxy_config": {"enabled": True, "type": "custom", "url": "http://p:1", "password": "x"}},
            ["proxy_config", "password"],
        ),
        ({"proxy_config": {"enabled": True, "country_code": "Germany"}}, ["proxy_config", "country_code"]),
        ({"capture_config": {"html": "yes"}}, ["capture_config", "html"]),
        ({"goal": "half of a pair: \ud800"}, ["goal"]),
        ({"proxy_config": {"type": "tetra"}}, ["proxy_config", "enabled"]),
        ({"use_vault": True}, ["use_vault"]),
        ({"use_profile": True}, ["use_profile"]),
        ({"profile_id": "p"}, ["profile_id"]),
        ({"credential_item_ids": ["a"]}, ["credential_item_ids"]),
        ({"agent_config": {"max_steps": 0}}, ["agent_config", "max_steps"]),
        ({"agent_config": {"max_duration_seconds": "5"}}, ["agent_config", "max_duration_seconds"]),
        ({"output_schema": []}, ["output_schema"]),
        ({"output_schema": {"type": "array"}}, ["output_schema"]),
        ({"output_schema": {"properties": {"a": {"type": "strng"}}}}, ["output_schema"]),
        ({"output_schema": {"properties": {"\ud800": {"type": "strng"}}}}, ["output_schema"]),
        ({"output_schema": {"properties": {"a": {"x-css": "p["}}}}, ["output_schema"]),
        ({"output_schema": {"properties": {"a": {"x-xpath": "//["}}}}, ["output_schema"]),
        ({"output_schema": {"properties": {"a": {"x-regex": "("}}}}, ["output_schema"]),
        ({"output_schema": {"description": "x" * 70_000}}, ["output_schema"]),
    ],
)
async def test_a_wrong_request_is_a_400_that_names_the_field(
    client: httpx.AsyncClient, fields: dict[str, Any], path: list[str]
) -> None:
    body = json.dumps(order(**fields))  # escapes halves of pairs, which httpx cannot encode
    response = await client.post("/v1/automation/run-async", content=body)
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["code"] == "INVALID_INPUT"
    assert path in [entry["path"] for entry in error["details"]]
    assert all({"code", "path", "message"} == set(entry) for entry in error["details"])


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"[" * 100_000, b'{"a": NaN}', b'{"a": 1e999}', b'{"a": "' + b"x" * 2_000_000 + b'"}'],
)
async def test_a_body_that_is_no_order_is_a_400(client: httpx.AsyncClient, body: bytes) -> None:
    response = await client.post("/v1/automation/run", content=body)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "INVALID_INPUT")


async def test_unknown_fields_are_ignored(client: httpx.AsyncClient) -> None:
    found = await run(
        client, api_integration="tests", something_new={"a": 1}, capture_config={"snapshots": True, "x": 1}
    )
    assert found["status"] == "COMPLETED"


async def test_strict_schema_refuses_what_the_provider_refuses(tmp_path: Path) -> None:
    schema = {
        "type": "object",
        "properties": {"price": {"type": "number", "description": "the price", "x-css": ".price"}},
    }
    async with (
        EmbeddedAgent(ledger=tmp_path / "a.db", strict_schema=True) as agent,
        httpx.AsyncClient(verify=False, base_url=agent.base_url) as client,
    ):
        response = await client.post("/v1/automation/run-async", json=order(output_schema=schema))
        assert response.status_code == 400
        assert "X-Monitor-Agent" not in response.headers, "our client would send it the full schema"
        assert "#/properties/price" in response.json()["error"]["message"]
        told = [entry["message"] for entry in response.json()["error"]["details"]]
        assert [word in " ".join(told) for word in ("description", "x-css", "at #/properties/price")] == [True] * 3
        assert (await client.post("/v1/automation/run-async", json=order())).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/runs/nope", 404, "NOT_FOUND"),
        ("POST", "/v1/runs/nope/cancel", 404, "NOT_FOUND"),
        ("GET", "/v1/wallet", 404, "NOT_FOUND"),
        ("GET", "/v1/automation/run", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/v1/runs?status=DONE", 400, "INVALID_INPUT"),
        ("GET", "/v1/runs?limit=0", 400, "INVALID_INPUT"),
        ("GET", "/v1/runs?limit=x", 400, "INVALID_INPUT"),
        ("GET", "/v1/runs?limit=+5", 400, "INVALID_INPUT"),
        ("GET", "/v1/runs?limit=1_0", 400, "INVALID_INPUT"),
        ("GET", "/v1/runs?created_after=", 400, "INVALID_INPUT"),
        ("GET", "/v1/runs?cursor=c2VxOi0x", 400, "INVALID_INPUT"),
        ("GET", "/v1/runs/nope?screenshots=all", 400, "INVALID_INPUT"),
        ("GET", "/v1/runs/nope/steps/step-1/html", 404, "NOT_FOUND"),
        ("GET", "/v1/runs/nope/steps/step-1/screenshot", 404, "NOT_FOUND"),
        ("GET", "/v1/runs?cursor=nonsense", 400, "INVALID_INPUT"),
        ("GET", "/v1/runs?created_after=yesterday", 400, "INVALID_INPUT"),
        ("GET", "/v1/runs?sort_direction=up", 400, "INVALID_INPUT"),
        ("GET", f"/v1/runs?goal={'x' * 501}", 400, "INVALID_INPUT"),
    ],
)
async def test_errors_come_in_the_envelope(
    client: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    response = await client.request(method, path)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert status != 405 or response.headers["allow"] == "POST"
    assert response.headers["x-monitor-agent"] == "embedded/1"


async def test_a_configured_key_is_asked_for(tmp_path: Path) -> None:
    async with (
        EmbeddedAgent(ledger=tmp_path / "a.db", key="right") as agent,
        httpx.AsyncClient(verify=False, base_url=agent.base_url) as client,
    ):
        codes = []
        for headers in ({}, {"X-API-Key": "wrong"}, {"X-API-Key": "right"}):
            response = await client.get("/v1/runs", headers=headers)
            codes.append((response.status_code, response.json().get("error", {}).get("code")))
    assert codes == [(401, "MISSING_API_KEY"), (401, "INVALID_API_KEY"), (200, None)]


async def test_web_pages_and_foreign_hosts_are_kept_out(client: httpx.AsyncClient) -> None:
    foreign = await client.get("/v1/runs", headers={"Host": "rebound.example"})
    from_page = await client.post("/v1/automation/run", json=order(), headers={"Origin": "https://evil.example"})
    assert (foreign.status_code, from_page.status_code) == (403, 403)


@pytest.fixture
async def listing(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an agent with five completed runs and one failed one."""
    async with (
        EmbeddedAgent(ledger=tmp_path / "a.db") as agent,
        httpx.AsyncClient(verify=False, base_url=agent.base_url) as client,
    ):
        for number in range(5):
            await client.post("/v1/automation/run", json=order(goal=f"Goal {number} ÄPFEL"))
        await client.post("/v1/automation/run", json=order("http://demo.localhost/nowhere"))
        yield client


async def test_lists_are_filtered_sorted_and_paged(listing: httpx.AsyncClient) -> None:
    async def listed(**filters: Any) -> Any:
        return (await listing.get("/v1/runs", params=filters)).json()

    first = await listed(limit=2, status="COMPLETED")
    assert [entry["goal"][:6] for entry in first["data"]] == ["Goal 4", "Goal 3"]
    assert first["pagination"]["total"] == 5
    assert first["pagination"]["has_more"] is True
    second = await listed(limit=2, status="COMPLETED", cursor=first["pagination"]["next_cursor"])
    assert [entry["goal"][:6] for entry in second["data"]] == ["Goal 2", "Goal 1"]
    last = await listed(limit=2, status="COMPLETED", cursor=second["pagination"]["next_cursor"])
    assert (len(last["data"]), last["pagination"]["next_cursor"]) == (1, None)
    assert [entry["goal"][:6] for entry in (await listed(sort_direction="asc"))["data"]][:2] == ["Goal 0", "Goal 1"]
    assert [entry["goal"] for entry in (await listed(goal="goal 3 äp"))["data"]] == ["Goal 3 ÄPFEL"]
    assert len((await listed(status="FAILED"))["data"]) == 1
    created = first["data"][0]["created_at"]
    assert "Goal 4 ÄPFEL" in [entry["goal"] for entry in (await listed(created_after=created))["data"]]
    assert "Goal 4 ÄPFEL" in [entry["goal"] for entry in (await listed(created_before=created))["data"]]
    assert (await listed(created_after="2999-01-01T00:00:00+00:00"))["data"] == []
    assert "steps" not in first["data"][0]


async def test_a_cancelled_run_says_so_again_and_again(client: httpx.AsyncClient) -> None:
    async with serving(SLOW) as server:
        run_id = (await client.post("/v1/automation/run-async", json=order(server.url()))).json()["run_id"]
        first = (await client.post(f"/v1/runs/{run_id}/cancel")).json()
        second = (await client.post(f"/v1/runs/{run_id}/cancel")).json()
    assert (first["status"], second["status"]) == ("CANCELLED", "CANCELLED")
    assert INSTANT.match(first["cancelled_at"])
    assert second["message"] == "Run already cancelled"
    assert (await client.get(f"/v1/runs/{run_id}")).json()["status"] == "CANCELLED"


async def test_cancelling_a_finished_run_tells_its_true_end(client: httpx.AsyncClient) -> None:
    run_id = (await run(client))["run_id"]
    answer = (await client.post(f"/v1/runs/{run_id}/cancel")).json()
    assert answer == {"run_id": run_id, "status": "COMPLETED", "cancelled_at": None, "message": "Run already finished"}


async def test_a_cancelled_stream_ends_with_its_complete_event(client: httpx.AsyncClient) -> None:
    async with (
        serving(SLOW) as server,
        client.stream("POST", "/v1/automation/run-sse", json=order(server.url())) as response,
    ):
        lines = response.aiter_lines()
        run_id = json.loads((await anext(lines)).removeprefix("data: "))["run_id"]
        await client.post(f"/v1/runs/{run_id}/cancel")
        rest = [json.loads(line.removeprefix("data: ")) async for line in lines if line]
    assert (rest[-1]["type"], rest[-1]["status"]) == ("COMPLETE", "CANCELLED")


async def test_a_blocking_run_cannot_be_cancelled(client: httpx.AsyncClient) -> None:
    async with serving(SLOW) as server:
        body = order(server.url(), agent_config={"max_duration_seconds": 1})
        blocking = asyncio.create_task(client.post("/v1/automation/run", json=body))
        listed: list[Any] = []
        while not listed:
            listed = (await client.get("/v1/runs?status=RUNNING")).json()["data"]
        assert (await client.post(f"/v1/runs/{listed[0]['run_id']}/cancel")).status_code == 400
        error = (await blocking).json()["error"]
    assert error["code"] == "TIMEOUT"


async def test_runs_beyond_the_limit_wait_as_pending(tmp_path: Path) -> None:
    async with (
        serving(SLOW) as server,
        EmbeddedAgent(ledger=tmp_path / "a.db", concurrency=1) as agent,
        httpx.AsyncClient(verify=False, base_url=agent.base_url) as client,
    ):
        first = (await client.post("/v1/automation/run-async", json=order(server.url()))).json()["run_id"]
        second = (await client.post("/v1/automation/run-async", json=order())).json()["run_id"]
        waiting = (await client.get(f"/v1/runs/{second}")).json()
        assert (waiting["status"], waiting["started_at"], waiting["num_of_steps"]) == ("PENDING", None, None)
        await client.post(f"/v1/runs/{first}/cancel")
        assert (await ended(client, second))["status"] == "COMPLETED"


async def test_a_pending_run_can_be_cancelled(tmp_path: Path) -> None:
    async with (
        serving(SLOW) as server,
        EmbeddedAgent(ledger=tmp_path / "a.db", concurrency=1) as agent,
        httpx.AsyncClient(verify=False, base_url=agent.base_url) as client,
    ):
        await client.post("/v1/automation/run-async", json=order(server.url()))
        second = (await client.post("/v1/automation/run-async", json=order())).json()["run_id"]
        assert (await client.post(f"/v1/runs/{second}/cancel")).json()["status"] == "CANCELLED"


async def test_a_full_queue_is_a_429_with_retry_after(tmp_path: Path) -> None:
    async with (
        serving(SLOW) as server,
        EmbeddedAgent(ledger=tmp_path / "a.db", concurrency=1, queue_limit=2) as agent,
        httpx.AsyncClient(verify=False, base_url=agent.base_url) as client,
    ):
        answers = [await client.post("/v1/automation/run-async", json=order(server.url())) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["error"]["code"] == "RATE_LIMIT_EXCEEDED"
    assert int(answers[2].headers["retry-after"]) > 0


async def test_a_capture_that_the_api_gates_is_refused_as_there(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/automation/run", json=order(capture_config={"recording": True}))
    assert (response.status_code, response.json()["error"]["code"]) == (403, "FORBIDDEN")


async def test_a_run_of_another_process_is_cancelled_there(client: httpx.AsyncClient, tmp_path: Path) -> None:
    async with (
        serving(SLOW) as server,
        EmbeddedAgent(ledger=tmp_path / "a.db") as one,
        EmbeddedAgent(ledger=tmp_path / "a.db") as other,
    ):
        run_id = (await client.post(f"{one.base_url}/v1/automation/run-async", json=order(server.url()))).json()[
            "run_id"
        ]
        while (await client.get(f"{other.base_url}/v1/runs/{run_id}")).json()["status"] == "PENDING":
            pass
        response = await client.post(f"{other.base_url}/v1/runs/{run_id}/cancel")
        assert (response.status_code, response.json()["status"]) == (200, "CANCELLED")
        assert (await client.get(f"{one.base_url}/v1/runs/{run_id}")).json()["status"] == "CANCELLED"


async def test_a_blocking_run_of_another_process_is_not_called_cancelled(
    client: httpx.AsyncClient, tmp_path: Path
) -> None:
    clock = WallClock(50.0)  # its ten seconds of waiting are a fifth of one
    async with (
        serving(SLOW) as server,
        EmbeddedAgent(ledger=tmp_path / "a.db", clock=clock) as one,
        EmbeddedAgent(ledger=tmp_path / "a.db", clock=clock) as other,
    ):
        blocking = asyncio.create_task(client.post(f"{one.base_url}/v1/automation/run", json=order(server.url())))
        while not (runs := (await client.get(f"{other.base_url}/v1/runs?status=RUNNING")).json()["data"]):
            pass
        response = await client.post(f"{other.base_url}/v1/runs/{runs[0]['run_id']}/cancel")
        assert (response.status_code, response.json()["error"]["code"]) == (409, "CONFLICT")
        blocking.cancel()


async def test_a_run_says_whether_its_result_keeps_to_the_schema(client: httpx.AsyncClient) -> None:
    schema = {"type": "object", "properties": {"price": {"type": "number", "maximum": 100}}}
    found = await run(client, output_schema=schema)
    assert found["status"] == "COMPLETED"
    assert found["schema_validation"] == {
        "valid": False,
        "re_prompt_attempts": 0,
        "errors": [
            {"path": "/price", "expected": "maximum 100", "received": "499.0", "message": "/price is above the limit"}
        ],
    }
    assert (await run(client))["schema_validation"] == {"valid": True, "re_prompt_attempts": 0, "errors": []}


async def test_max_steps_are_kept(client: httpx.AsyncClient) -> None:
    found = await run(client, agent_config={"max_steps": 1})
    assert (found["status"], found["error"]["code"]) == ("FAILED", "MAX_STEPS_EXCEEDED")


async def test_it_stops_fast_with_streams_open_and_fails_what_was_under_way(tmp_path: Path) -> None:
    ledger = tmp_path / "a.db"
    async with serving(SLOW) as server:
        async with EmbeddedAgent(ledger=ledger) as agent:
            client = httpx.AsyncClient(verify=False, base_url=agent.base_url)
            stream = client.stream("POST", "/v1/automation/run-sse", json=order(server.url()))
            response = await stream.__aenter__()
            lines = response.aiter_lines()
            run_id = json.loads((await anext(lines)).removeprefix("data: "))["run_id"]
            began = time.monotonic()
        assert time.monotonic() - began < 2
        assert "COMPLETE" not in "".join([line async for line in lines])
        await stream.__aexit__(None, None, None)
        await client.aclose()
    async with (
        EmbeddedAgent(ledger=ledger) as agent,
        httpx.AsyncClient(verify=False, base_url=agent.base_url) as client,
    ):
        found = (await client.get(f"/v1/runs/{run_id}")).json()
    assert (found["status"], found["error"]["category"]) == ("FAILED", "SYSTEM_FAILURE")


async def test_an_error_of_its_host_passes_through_unwrapped(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        async with EmbeddedAgent(ledger=tmp_path / "a.db"):
            raise KeyError("of the host")


async def test_an_address_in_use_is_told_in_one_line(agent: EmbeddedAgent, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"{agent.port}"):
        async with EmbeddedAgent(ledger=tmp_path / "b.db", port=agent.port):
            pass


async def test_beyond_loopback_a_key_is_needed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="without a key"):
        async with EmbeddedAgent(ledger=tmp_path / "b.db", host="0.0.0.0"):
            pass


async def test_beyond_loopback_the_agent_does_not_read_loopback_pages_but_its_demo(tmp_path: Path) -> None:
    async with (
        serving(page(b"<p>inside</p>")) as server,
        EmbeddedAgent(ledger=tmp_path / "b.db", host="0.0.0.0", key="k") as agent,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{agent.port}", headers={"X-API-Key": "k"}) as client,
    ):
        assert "loopback" in (await run(client, server.url()))["error"]["message"]
        assert (await run(client))["status"] == "COMPLETED"
