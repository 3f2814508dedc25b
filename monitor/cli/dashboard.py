"""The console as a service of the daemon: what it may see and do, composed and served. Must not know a route."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.cli import output

if TYPE_CHECKING:
    from monitor.clock import WallClock
    from monitor.engine.daemon import Daemon
    from monitor.engine.pulse import Pulse
    from monitor.engine.reloading import Present, Reloading
    from monitor.engine.steps import Steps
    from monitor.settings import Settings
    from monitor.store.records import Record
    from monitor.web.console import Console
    from monitor.web.server import Door


@dataclass(slots=True)
class Recorded:
    """Where records of runs go as they are made; the console listens while it is open."""

    listener: Callable[[Record], None] | None = None

    def __call__(self, record: Record) -> None:
        """Hand a record on."""
        if self.listener is not None:
            self.listener(record)


@dataclass(frozen=True, slots=True)
class Sources:
    """The parts of a daemon that its console shows."""

    daemon: Daemon
    present: Present
    reloading: Reloading
    pulse: Pulse
    steps: Steps
    recorded: Recorded
    clock: WallClock


def door(settings: Settings) -> Door:
    """Return where the console listens and who gets in; raises UsageError, SecretError before anything is started."""
    from monitor.web.access import Tokens
    from monitor.web.server import Door

    assert settings.http is not None
    found = Door(settings.http, Tokens(settings.http_token, settings.http_read_token), settings.public_url)
    found.check()
    if found.guessable is not None:
        output.note(f"{found.guessable} is short enough to be guessed: set a long random text")
    return found


@asynccontextmanager
async def served(entrance: Door, sources: Sources) -> AsyncIterator[None]:
    """Serve the dashboard, the API and `/healthz`: red when the scheduler, the outbox or the store stalls."""
    from monitor.engine.actions import Actions
    from monitor.web.console import READERS, Console
    from monitor.web.health import Health
    from monitor.web.live import Live
    from monitor.web.server import serve

    daemon, present, pulse, reloading = sources.daemon, sources.present, sources.pulse, sources.reloading
    desk = daemon.desk
    async with AsyncExitStack() as stack:
        readers = stack.enter_context(ThreadPoolExecutor(READERS, thread_name_prefix="console"))
        orders = Actions(desk, daemon.dispatcher, lambda: daemon.watches, lambda: present.settings.targets)
        actions = await stack.enter_async_context(orders)
        live = Live(desk.store, readers, sources.steps, sources.clock)
        actions.changed, sources.recorded.listener = live.changed, live.recorded
        console = Console(
            store=desk.store,
            watches=lambda: daemon.watches,
            problems=lambda: reloading.problems,
            settings=lambda: present.settings,
            clock=sources.clock,
            actions=actions,
            live=live,
            health=lambda: Health(pulse.problems(), dead=pulse.dead > 0),
            started_at=sources.clock.now(),
            readers=readers,
            reloaded_at=lambda: reloading.last.at,
            wall=sources.clock.wall,
        )
        address = await stack.enter_async_context(serve(console, entrance))
        output.note(f"dashboard: {entrance.public or address}/")
        output.note(f"health: {address}/healthz")
        await stack.enter_async_context(_counting(console))
        yield


@asynccontextmanager
async def _counting(console: Console) -> AsyncIterator[None]:
    """Count what was spent this month while the block runs, so that the first look at it is quick."""
    from monitor.web.pages.spending import warm

    task = asyncio.create_task(warm(console), name="counting the month")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
