"""Fixtures: an embedded agent on a free port, and a client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from monitor.embedded.server import EmbeddedAgent


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[EmbeddedAgent]:
    async with EmbeddedAgent(ledger=tmp_path / "state" / "agent.db") as running:
        yield running


@pytest.fixture
async def client(agent: EmbeddedAgent) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=agent.base_url, timeout=20, headers={"X-API-Key": "any"}) as opened:
        yield opened
