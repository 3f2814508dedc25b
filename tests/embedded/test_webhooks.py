"""Webhooks: what is told, how often it is tried, and what is never tried again (agent-api.md 12)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from monitor.clock import WallClock
from monitor.embedded.server import EmbeddedAgent
from tests.embedded.streams import order
from tests.fetch.servers import raw, serving

pytestmark = pytest.mark.anyio
SLOW = raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>", then_wait=True)


@dataclass
class Hook:
    """A receiver of webhooks that answers these statuses in turn, the last one for ever."""

    statuses: list[int]
    url: str = ""
    told: list[dict[str, Any]] = field(default_factory=list)
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, count: int) -> None:
        while len(self.told) < count:
            self.heard.clear()
            await self.heard.wait()


@asynccontextmanager
async def hook(*statuses: int) -> AsyncIterator[Hook]:
    received = Hook(list(statuses))

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length: ")[1].split("\r\n")[0])
        received.told.append(json.loads(await reader.readexactly(length)))
        status = received.statuses[min(len(received.told), len(received.statuses)) - 1]
        writer.write(f"HTTP/1.1 {status} Said\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()
        received.heard.set()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    received.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook?token=s3cret-path"
    async with server:
        yield received


@asynccontextmanager
async def fast(tmp_path: Path, **changes: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an agent whose clock runs a thousand times faster, so that the pauses are short."""
    async with (
        EmbeddedAgent(ledger=tmp_path / "a.db", clock=WallClock(speed=1_000), **changes) as agent,
        httpx.AsyncClient(verify=False, base_url=agent.base_url, timeout=20) as client,
    ):
        yield client


async def test_each_kind_of_end_is_told_with_the_whole_run(tmp_path: Path) -> None:
    async with hook(200) as received, fast(tmp_path) as client, serving(SLOW) as server:
        ran = (await client.post("/v1/automation/run", json=order(webhook_url=received.url))).json()
        await received.until(1)
        failed = order("http://demo.localhost/nowhere", webhook_url=received.url)
        await client.post("/v1/automation/run-sse", json=failed)
        await received.until(2)
        slow = order(server.url(), webhook_url=received.url)
        run_id = (await client.post("/v1/automation/run-async", json=slow)).json()["run_id"]
        await client.post(f"/v1/runs/{run_id}/cancel")
        await received.until(3)
        shown = (await client.get(f"/v1/runs/{ran['run_id']}")).json()
    assert [told["event"] for told in received.told] == ["run.completed", "run.failed", "run.cancelled"]
    assert [told["status"] for told in received.told] == ["COMPLETED", "FAILED", "CANCELLED"]
    assert set(received.told[0]) == {"event", "run_id", "status", "data"}
    assert received.told[0]["data"] == shown
    assert received.told[2]["run_id"] == run_id
    assert "token=" not in json.dumps(received.told)


@pytest.mark.parametrize(
    ("statuses", "attempts"),
    [((500, 200), 2), ((503, 503, 503, 503), 4), ((404,), 1), ((429,), 1), ((302,), 1), ((204,), 1)],
)
async def test_only_what_may_pass_is_tried_again_and_at_most_four_times(
    tmp_path: Path, statuses: tuple[int, ...], attempts: int, capsys: pytest.CaptureFixture[str]
) -> None:
    async with hook(*statuses) as received, fast(tmp_path) as client:
        await client.post("/v1/automation/run", json=order(webhook_url=received.url))
        await received.until(attempts)
        # A second run's end comes after whatever else the first one's would have sent.
        async with hook(200) as later:
            for _ in range(3):
                await client.post("/v1/automation/run", json=order(webhook_url=later.url))
            await later.until(3)
    assert len(received.told) == attempts
    assert "s3cret-path" not in "".join(capsys.readouterr())


async def test_nobody_there_does_not_disturb_the_run(tmp_path: Path) -> None:
    async with hook(200) as received:
        pass
    async with fast(tmp_path) as client:
        for _ in range(3):
            answer = (await client.post("/v1/automation/run", json=order(webhook_url=received.url))).json()
            assert answer["status"] == "COMPLETED"


async def test_an_agent_that_stops_gives_up_what_is_not_told(tmp_path: Path) -> None:
    async with (
        hook(500) as received,
        EmbeddedAgent(ledger=tmp_path / "a.db") as agent,
        httpx.AsyncClient(verify=False, base_url=agent.base_url) as client,
    ):
        await client.post("/v1/automation/run", json=order(webhook_url=received.url))
        await received.until(1)
    assert len(received.told) == 1
