"""The official SDK, unchanged, against the embedded agent: sync and async clients, and its exception classes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import BaseModel
from tinyfish import AsyncTinyFish, TinyFish
from tinyfish import _utils as sdk_internals
from tinyfish.agent.types import (
    AgentRunAsyncResponse,
    AgentRunResponse,
    CaptureConfig,
    CompleteEvent,
    ProgressEvent,
    ProxyConfig,
    StartedEvent,
)
from tinyfish.runs.types import BrowserConfig, PaginationInfo, RunRetrieveResponse, RunStatus, SortDirection

from monitor.embedded.server import EmbeddedAgent
from tests.embedded.streams import PRICE, PRODUCT, events

pytestmark = pytest.mark.anyio
ASKED: dict[str, Any] = {"url": PRODUCT, "goal": "Find the price", "output_schema": PRICE}


async def test_the_synchronous_client_runs_queues_streams_gets_and_lists(agent: EmbeddedAgent) -> None:
    def everything() -> tuple[Any, ...]:
        with TinyFish(api_key="any", base_url=agent.base_url) as sdk:
            ran = sdk.agent.run(**ASKED)
            queued = sdk.agent.queue(**ASKED)
            with sdk.agent.stream(**ASKED) as stream:
                streamed = list(stream)
            got = sdk.runs.get(ran.run_id or "")
            listed = sdk.runs.list(limit=2, status=RunStatus.COMPLETED, goal="price")
            return ran, queued, streamed, got, listed

    ran, queued, streamed, got, listed = await asyncio.to_thread(everything)
    assert (ran.status, ran.result, ran.num_of_steps) == (RunStatus.COMPLETED, {"price": 499.0}, 2)
    assert queued.run_id
    assert queued.error is None
    assert [type(event) for event in streamed] == [StartedEvent, ProgressEvent, ProgressEvent, CompleteEvent]
    assert streamed[-1].result_json == {"price": 499.0}
    assert got.output_schema == PRICE
    assert got.browser_config.proxy_enabled is False
    assert len(listed.data) == 2
    assert listed.pagination.total >= 2


async def test_the_asynchronous_client_runs_queues_streams_gets_and_lists(agent: EmbeddedAgent) -> None:
    async with AsyncTinyFish(api_key="any", base_url=agent.base_url) as sdk:
        ran = await sdk.agent.run(**ASKED)
        queued = await sdk.agent.queue(**ASKED)
        async with sdk.agent.stream(**ASKED) as stream:
            streamed = [event async for event in stream]
        got = await sdk.runs.get(queued.run_id or "")
        listed = await sdk.runs.list()
    assert ran.result == {"price": 499.0}
    assert streamed[-1].status == RunStatus.COMPLETED
    assert got.run_id == queued.run_id
    assert listed.data


async def test_a_failed_run_reads_in_the_sdk_s_own_models(agent: EmbeddedAgent) -> None:
    async with AsyncTinyFish(api_key="any", base_url=agent.base_url) as sdk:
        ran = await sdk.agent.run(url="http://demo.localhost/nowhere", goal="x")
        async with sdk.agent.stream(url="http://demo.localhost/nowhere", goal="x") as stream:
            last = [event async for event in stream][-1]
        got = await sdk.runs.get(ran.run_id or "")
    assert ran.status == RunStatus.FAILED
    assert ran.error is not None
    assert (last.error.code, got.error.code) == (ran.error.code, ran.error.code)


def of_model(model: type[BaseModel]) -> set[str]:
    """Return the names that a model of the SDK reads from the wire."""
    aliases = {"runId": "run_id", "streamingUrl": "streaming_url"}  # it takes both; the live wire has the latter
    return {aliases.get(field.alias or name, field.alias or name) for name, field in model.model_fields.items()}


async def test_every_field_that_the_sdk_s_models_read_is_there(client: httpx.AsyncClient) -> None:
    ran = (await client.post("/v1/automation/run", json=ASKED)).json()
    queued = (await client.post("/v1/automation/run-async", json=ASKED)).json()
    streamed = events((await client.post("/v1/automation/run-sse", json=ASKED)).text)
    listed = (await client.get("/v1/runs")).json()
    got = (await client.get(f"/v1/runs/{ran['run_id']}")).json()
    assert of_model(AgentRunResponse) <= set(ran)
    assert of_model(AgentRunAsyncResponse) <= set(queued)
    assert of_model(RunRetrieveResponse) <= set(got)
    assert of_model(RunRetrieveResponse) <= set(listed["data"][0])
    assert of_model(PaginationInfo) <= set(listed["pagination"])
    assert of_model(BrowserConfig) <= set(got["browser_config"])
    for model, seen in ((StartedEvent, streamed[0]), (ProgressEvent, streamed[1]), (CompleteEvent, streamed[-1])):
        assert of_model(model) - {"error"} <= set(seen)  # absent on success, as on the live wire


async def test_a_sequence_of_pages_and_filters_reads_in_the_sdk(agent: EmbeddedAgent) -> None:
    async with AsyncTinyFish(api_key="any", base_url=agent.base_url) as sdk:
        for number in range(3):
            await sdk.agent.run(**ASKED | {"goal": f"Paged {number}"})
        asked: dict[str, Any] = {"goal": "paged", "limit": 2, "sort_direction": SortDirection.ASC}
        first = await sdk.runs.list(**asked, created_after="2020-01-01T00:00:00Z")
        second = await sdk.runs.list(**asked, cursor=first.pagination.next_cursor)
    assert [run.goal for run in (*first.data, *second.data)] == ["Paged 0", "Paged 1", "Paged 2"]
    assert (first.pagination.total, first.pagination.has_more, second.pagination.has_more) == (3, True, False)


async def test_errors_are_the_sdk_s_exception_classes(agent: EmbeddedAgent) -> None:
    exceptions = sdk_internals.exceptions
    async with AsyncTinyFish(api_key="any", base_url=agent.base_url) as sdk:
        with pytest.raises(exceptions.NotFoundError, match="Run not found"):
            await sdk.runs.get("nope")
        with pytest.raises(exceptions.BadRequestError, match="webhook_url"):
            await sdk.agent.queue(**ASKED, webhook_url="http://hooks.example/")
        with pytest.raises(exceptions.BadRequestError, match="tetra"):
            await sdk.agent.queue(**ASKED, proxy_config=ProxyConfig(enabled=True, country_code="DE"))
        with pytest.raises(exceptions.PermissionDeniedError, match="recording"):
            await sdk.agent.queue(**ASKED, capture_config=CaptureConfig(recording=True))


async def test_refusals_of_the_key_and_of_a_full_queue_are_the_sdk_s_exception_classes(tmp_path: Path) -> None:
    exceptions = sdk_internals.exceptions
    async with EmbeddedAgent(ledger=tmp_path / "a.db", key="right", queue_limit=0) as agent:
        async with AsyncTinyFish(api_key="wrong", base_url=agent.base_url) as sdk:
            with pytest.raises(exceptions.AuthenticationError, match="not valid"):
                await sdk.runs.list()
        async with AsyncTinyFish(api_key="right", base_url=agent.base_url, max_retries=0) as sdk:
            with pytest.raises(exceptions.RateLimitError, match="waiting"):
                await sdk.agent.queue(**ASKED)
            with pytest.raises(exceptions.RateLimitError, match="waiting"):
                async with sdk.agent.stream(**ASKED) as stream:
                    [event async for event in stream]
