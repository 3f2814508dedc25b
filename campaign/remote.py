"""Our client against a scripted API: one call that follows one run, with a clock that a part chooses.

The journal keeps in memory what the daemon keeps in its store. Must not know which faults are scripted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from monitor.agent.client import Client
from monitor.agent.follow import follow
from monitor.agent.outcome import Fault, Outcome
from monitor.clock import Clock
from monitor.watch.model import Watch
from monitor.watch.run import Run, new_id
from tests.scripted_api import ScriptedApi

KEY = "sk-campaign"


class StandingClock:
    """A clock whose sleeps take no time; the network keeps its real time-outs."""

    def __init__(self) -> None:
        self._start = datetime.now(UTC)
        self._elapsed = 0.0
        self.speed = 1.0

    def now(self) -> datetime:
        """Return the start and all sleeps."""
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        """Return the sum of all sleeps."""
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        """Let `seconds` have passed."""
        self._elapsed += max(0.0, seconds)


@dataclass
class Journal:
    """What a run tells the outside, in memory."""

    ids: list[str] = field(default_factory=list)
    refusals: list[Fault] = field(default_factory=list)

    async def starting(self) -> Fault | None:
        """Let every run start."""
        return None

    async def accepted(self, run_id: str, _streaming_url: str | None, *, replaces: str | None = None) -> None:  # noqa: ARG002 - the last id counts
        """Keep the id."""
        self.ids.append(run_id)

    async def turn(self) -> None:
        """Let every request go at once."""

    async def refused(self, fault: Fault) -> None:
        """Keep the fault."""
        self.refusals.append(fault)


def watch(**changes: object) -> Watch:
    """Return the watch that every part uses, with `changes` put over it."""
    fields: dict[str, object] = {
        "name": "campaign",
        "url": "https://shop.example/espresso-machine",
        "goal": "Find the price and whether it can be ordered now.",
        "cron": "*/30 * * * *",
        "output_schema": {
            "type": "object",
            "required": ["price"],
            "properties": {"price": {"type": "number", "minimum": 0}, "in_stock": {"type": "boolean"}},
        },
    }
    return Watch.model_validate(fields | changes)


async def follow_one(api: ScriptedApi, clock: Clock, what: Watch) -> Outcome:
    """Start one run of `what` and return its outcome."""
    run = Run(new_id(clock.now()), what.name, clock.now())
    async with Client(api.url, KEY, clock=clock) as client:
        return await follow(client, what, run, clock=clock, journal=Journal())
