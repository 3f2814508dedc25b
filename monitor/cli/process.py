"""The parts of a process that runs watches, composed and opened in order: store, agent, client, outbox.

Order of opening and closing is architecture.md, "Lifetime". Must not decide anything about a run.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.clock import WallClock
from monitor.errors import UsageError
from monitor.files import secrets

if TYPE_CHECKING:
    from monitor.agent.client import Client
    from monitor.alert.outbox import Outbox
    from monitor.engine.desk import Desk
    from monitor.settings import Settings
    from monitor.store.store import Store
    from monitor.watch.load import Loaded


@dataclass(frozen=True, slots=True)
class Process:
    """An opened process: its desk, the sender of its messages, and whether it wrote any (`told`)."""

    desk: Desk
    outbox: Outbox
    told: asyncio.Event


def require_key(settings: Settings) -> None:
    """Refuse to go on without an API key when runs go to TinyFish (interface.md, "Workspace")."""
    if settings.agent == "tinyfish" and settings.api_key is None:
        raise UsageError(
            "TINYFISH_API_KEY is not set",
            hint="set it in the environment or in .env, or run without an account: --agent embedded",
        )


def state_folder(settings: Settings) -> Path:
    """Return the folder of the embedded database."""
    return settings.database.parent


def open_store(settings: Settings, *, create: bool = True) -> Store:
    """Open the store of a workspace; raises UsageError when there is none yet and `create` is False."""
    from monitor.store.store import Store

    if not create and not settings.database.exists():
        raise UsageError(
            f"there are no records yet: {settings.database} does not exist", hint="monitor run NAME makes the first"
        )
    return Store.open(settings.state, create=create)


def revealer(settings: Settings) -> Callable[[str], str]:
    """Return the function that resolves a secret reference of this workspace, late."""

    def reveal(text: str) -> str:
        return secrets.resolve(text, settings.environ, settings.workspace).reveal()

    return reveal


async def _client(stack: AsyncExitStack, settings: Settings, clock: WallClock, embedded_at: str | None) -> Client:
    """Return the client of the agent that the settings name; an embedded one is started, unless it runs already."""
    from monitor.agent.client import Client

    if settings.agent == "tinyfish":
        assert settings.api_key is not None, "require_key was called"
        return Client(settings.base_url, secrets.header_value(settings.api_key, "TINYFISH_API_KEY"), clock=clock)
    if embedded_at is None:
        from monitor.embedded.server import EmbeddedAgent

        agent = EmbeddedAgent(
            ledger=state_folder(settings) / "agent.db",
            allow_private=settings.allow_private,
            concurrency=max(2, settings.concurrency),
        )
        embedded_at = (await stack.enter_async_context(agent)).base_url
    return Client(embedded_at, "embedded", clock=clock, embedded=True)


@asynccontextmanager
async def opened(
    settings: Settings,
    loaded: Callable[[], Loaded],
    clock: WallClock,
    *,
    embedded_at: str | None = None,
    gather: bool = False,
) -> AsyncIterator[Process]:
    """Open store, agent, client and outbox, in this order, and close them in reverse.

    `loaded` gives the present definitions: the outbox looks targets up in them when it sends, never before.
    `embedded_at` is the base URL of an embedded agent that runs already, instead of one in this process (the demo's).
    With `gather` messages wait for others that go along (`group_wait`), in a daemon.
    """
    from monitor.alert.manners import Manners
    from monitor.alert.outbox import Outbox
    from monitor.alert.targets import Targets
    from monitor.engine.desk import Desk
    from monitor.store.owners import Owner
    from monitor.store.writer import Writer

    require_key(settings)
    reveal = revealer(settings)
    async with AsyncExitStack() as stack:
        store = stack.enter_context(open_store(settings))
        owner = stack.enter_context(Owner.claim(state_folder(settings)))
        writer = await stack.enter_async_context(Writer(store))
        await writer(store.release, owner.dead)  # what a killed sender had in hand is sent again, marked
        client = await stack.enter_async_context(await _client(stack, settings, clock, embedded_at))

        def targets() -> Targets:
            present = loaded()
            told = {
                watch.name: [each for rule in watch.notify for each in rule.to] for watch in present.watches.values()
            }
            return Targets(settings.targets, told, reveal, complete=not present.errors)

        def manners() -> Manners:
            tags = {watch.name: watch.tags[0] for watch in loaded().watches.values() if watch.tags}
            wait = settings.group_wait if gather else timedelta(0)
            return Manners(wait, settings.group_by, settings.quiet_hours, tags)

        chance = random.SystemRandom()
        outbox = Outbox(store, writer, targets, clock, sender=owner.id, chance=chance, manners=manners)
        told = asyncio.Event()

        def tell() -> None:
            told.set()
            outbox.notify()

        desk = Desk(
            store=store,
            writer=writer,
            client=client,
            clock=clock,
            owner=owner,
            reveal=reveal,
            told=tell,
            everyone=lambda: [watch for watch in loaded().watches.values() if watch.enabled],
            runs_per_day=settings.runs_per_day,
        )
        yield Process(desk=desk, outbox=outbox, told=told)
