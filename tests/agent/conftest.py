"""What the tests of this room share: a journal, and one call that follows a run against a scripted API."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from monitor.agent.client import Client
from monitor.agent.follow import Progress, follow
from monitor.agent.outcome import Fault, Outcome
from monitor.clock import Clock, WallClock
from monitor.watch.model import Watch
from monitor.watch.run import Run, new_id
from tests.conftest import SimulatedClock, make_watch
from tests.scripted_api import ScriptedApi

KEY = "sk-tinyfish-canary"


@dataclass
class Notes:
    """A journal and a display: everything that `follow` told the outside."""

    accepted_ids: list[tuple[str, str | None]] = field(default_factory=list)
    progress: list[Progress] = field(default_factory=list)
    posts_when_stored: int | None = None
    stored: asyncio.Event = field(default_factory=asyncio.Event)
    api: ScriptedApi | None = None
    refusals: list[Fault] = field(default_factory=list)
    withheld: Fault | None = None

    async def starting(self) -> Fault | None:
        """Let the POST go, unless the test withholds it."""
        return self.withheld

    async def turn(self) -> None:
        """Let every request go at once."""

    async def refused(self, fault: Fault) -> None:
        """Note what all runs would be told."""
        self.refusals.append(fault)

    async def accepted(self, run_id: str, streaming_url: str | None) -> None:
        """Note the ids."""
        self.accepted_ids.append((run_id, streaming_url))
        self.stored.set()
        if self.api is not None:
            self.posts_when_stored = len(self.api.requests)


async def follow_one(
    api: ScriptedApi, watch: Watch | None = None, *, speed: float | None = None, notes: Notes | None = None, **more: Any
) -> Outcome:
    """Follow one run of `watch` to its end.

    Our own pauses take no time: the clock is simulated, and the network has its real time-outs. Where something must
    expire while a socket is read, the clock is the wall's, driven `speed` times faster.
    """
    clock: Clock = SimulatedClock() if speed is None else WallClock(speed)
    watch, notes = watch or make_watch(), notes or Notes()
    run = more.pop("run", None) or Run(new_id(clock.now()), watch.name, clock.now())
    async with Client(api.url, KEY, clock=clock) as client:
        return await follow(client, watch, run, clock=clock, journal=notes, progress=notes.progress.append, **more)
