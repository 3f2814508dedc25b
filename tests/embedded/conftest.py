"""Fixtures: an embedded agent on a free port, one per module, and a client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from monitor.embedded.server import EmbeddedAgent


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def agent(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedAgent]:
    async with EmbeddedAgent(ledger=tmp_path_factory.mktemp("agent") / "state" / "agent.db") as running:
        yield running


@pytest.fixture(scope="module")
async def client(agent: EmbeddedAgent) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"X-API-Key": "any"}
    async with httpx.AsyncClient(base_url=agent.base_url, timeout=20, headers=headers, verify=False) as opened:
        yield opened
