"""The official SDK, unchanged, against the embedded agent: sync and async clients, and its exception classes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tinyfish import AsyncTinyFish, TinyFish
from tinyfish import _utils as sdk_internals
from tinyfish.agent.types import CompleteEvent, ProgressEvent, StartedEvent
from tinyfish.runs.types import RunStatus

from monitor.embedded.server import EmbeddedAgent
from tests.embedded.streams import PRICE, PRODUCT

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


async def test_errors_are_the_sdk_s_exception_classes(agent: EmbeddedAgent) -> None:
    exceptions = sdk_internals.exceptions
    async with AsyncTinyFish(api_key="any", base_url=agent.base_url) as sdk:
        with pytest.raises(exceptions.NotFoundError, match="Run not found"):
            await sdk.runs.get("nope")
        with pytest.raises(exceptions.BadRequestError, match="webhook_url"):
            await sdk.agent.queue(**ASKED, webhook_url="https://hooks.example/")
