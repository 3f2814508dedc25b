"""The keeper of the API key: what breaks in it is told, and the key is taken up all the same."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from monitor import settings
from monitor.cli import keys
from monitor.cli.keys import KeyKeeper
from monitor.clock import WallClock

pytestmark = pytest.mark.anyio


@dataclass
class Sent:
    """Stands for the agent's client: which key it would send."""

    key_digest: str | None = None
    keys: list[str] = field(default_factory=list)

    def use_key(self, key: str) -> None:
        self.key_digest = key
        self.keys.append(key)


async def test_a_defect_is_told_and_the_new_key_is_taken_up_at_the_next_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "LOOK", 0.01)
    (tmp_path / ".env").write_text("TINYFISH_API_KEY=sk-first\n")
    client, broken = Sent("sk-first"), [True]
    store: Any = SimpleNamespace(stops=list)
    desk: Any = SimpleNamespace(client=client, clock=WallClock(2_000.0), store=store)

    def read() -> settings.Settings:
        if broken:
            broken.pop()
            raise RuntimeError("a defect")
        return settings.load(tmp_path, {}, {})

    async def probed(*_: object, **__: object) -> None:
        done.set()

    done = asyncio.Event()
    monkeypatch.setattr(keys, "probe_key", probed)
    with capture_logs() as lines:
        async with KeyKeeper(settings.load(tmp_path, {}, {}), read, desk), asyncio.timeout(20):
            await asyncio.sleep(0)  # it looks at the files as they are
            (tmp_path / ".env").write_text("TINYFISH_API_KEY=sk-second\n")
            os.utime(tmp_path / ".env", (1, 1))
            await done.wait()
    assert client.keys == ["sk-second"]
    assert [line["loop"] for line in lines if line["log_level"] == "error"] == ["API key"]
