"""Fixtures of every test: a clean environment, asyncio as the only loop, and no state shared between tests."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from monitor.watch.model import Watch

pytest_plugins = ["tests.canaries", "tests.postgres"]  # no test lets a secret out (promise F1); a server for tests


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the seed of the random order: `-q` hides the header that has it."""
    seed = terminalreporter.config.getoption("randomly_seed", None)
    if seed is not None:
        terminalreporter.write_line(f"random order: --randomly-seed={seed}")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine reaches a test."""
    for name in list(os.environ):
        if name.startswith(("MONITOR_", "TINYFISH_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


class SimulatedClock:
    """A clock that stands still until a test moves it; `sleep` moves it at once."""

    def __init__(self, start: datetime | None = None) -> None:
        self.start = start or datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
        self.elapsed = 0.0
        self.speed = 1.0

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return self.elapsed

    async def sleep(self, seconds: float) -> None:
        self.elapsed += max(0.0, seconds)

    def advance(self, seconds: float) -> None:
        self.elapsed += seconds


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


def make_watch(**changes: Any) -> Watch:
    """Return a small valid watch with `changes` put over it."""
    fields: dict[str, Any] = {
        "name": "espresso-machine",
        "url": "https://shop.example/espresso-machine",
        "goal": "Find the product's current price and whether it can be ordered now.",
        "cron": "*/30 * * * *",
        "output_schema": {
            "type": "object",
            "required": ["price", "in_stock"],
            "properties": {"price": {"type": "number", "minimum": 0}, "in_stock": {"type": "boolean"}},
        },
    }
    return Watch.model_validate(fields | changes)
