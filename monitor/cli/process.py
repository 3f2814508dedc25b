"""The parts of a process that runs watches, composed and opened in order: store, agent, client, outbox.

Order of opening and closing is architecture.md, "Lifetime". Must not decide anything about a run.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from monitor.clock import WallClock
from monitor.errors import UsageError
from monitor.files import secrets
from monitor.files.addresses import is_loopback

if TYPE_CHECKING:
    from monitor.agent.client import Client
    from monitor.alert.manners import Manners
    from monitor.alert.outbox import Outbox
    from monitor.alert.targets import Targets
    from monitor.embedded.model import Model
    from monitor.engine.desk import Desk
    from monitor.engine.starts import Ceilings
    from monitor.settings import Settings
    from monitor.store.owners import Holder
    from monitor.store.store import Store
    from monitor.store.writer import Writer
    from monitor.watch.load import Loaded
    from monitor.watch.model import Watch


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
    """Return where this machine keeps what is not in the store, and the embedded database itself."""
    return settings.state_folder


def language_model(settings: Settings) -> Model | None:
    """Return the language model that the settings name, if any; raises UsageError where they name half of one."""
    url, name, key = settings.llm_url, settings.llm_model, settings.llm_key
    if url is None and name is None:
        return None
    if url is None or name is None:
        given, lacking = ("llm_model", "MONITOR_LLM_URL") if url is None else ("llm_url", "MONITOR_LLM_MODEL")
        raise UsageError(f"{given} is set ({settings.origins[given]}) and {lacking} is not", hint=f"set {lacking}")
    parts = urlsplit(url)
    if key is not None and parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise UsageError("llm_key would be readable on the way", hint="MONITOR_LLM_URL must be https for a key")
    from monitor.embedded.model import Model

    return Model(url, name, key.reveal() if key is not None else None)


def open_store(settings: Settings, *, create: bool = True) -> Store:
    """Open the store of a workspace; raises UsageError when there is none yet and `create` is False."""
    from monitor.store.store import Store

    if not create and not store_exists(settings):
        where = (
            "the database has no tables of ours" if settings.database is None else f"{settings.database} does not exist"
        )
        raise UsageError(f"there are no records yet: {where}", hint="monitor run NAME makes the first")
    return Store.open(settings.state, create=create, folder=settings.state_folder)


def store_exists(settings: Settings) -> bool:
    """Return whether a workspace has a store; raises StoreError where a server cannot be asked."""
    if settings.database is not None:
        return settings.database.exists()
    from monitor.store.database import exists

    return exists(settings.state)


def daemon_lock(settings: Settings) -> AbstractContextManager[object]:
    """Return what the one daemon of a store holds while it runs; entering it raises StoreLocked beside another."""
    from monitor.store.database import daemon_lock as lock

    return lock(settings.state, state_folder(settings))


def revealer(settings: Callable[[], Settings]) -> Callable[[str], str]:
    """Return the function that resolves a secret reference of this workspace, late, with the settings of then."""

    def reveal(text: str) -> str:
        present = settings()
        return secrets.resolve(text, present.environ, present.workspace).reveal()

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
            ignore_robots=settings.ignore_robots,
            concurrency=max(2, settings.concurrency),
            model=language_model(settings),
        )
        embedded_at = (await stack.enter_async_context(agent)).base_url
    return Client(embedded_at, "embedded", clock=clock, embedded=True)


async def _store(stack: AsyncExitStack, settings: Settings) -> tuple[Store, Holder, Writer]:
    """Open the store, its owner and its writer."""
    from monitor.store.writer import Writer

    store = stack.enter_context(open_store(settings))
    owner = stack.enter_context(store.owner())
    writer = await stack.enter_async_context(Writer(store))
    await writer(store.release, owner.dead)  # what a killed sender had in hand is sent again, marked
    return store, owner, writer


def _telling(told: asyncio.Event, outbox: Outbox) -> Callable[[], None]:
    """Return what wakes the sender and takes note that there was something to send."""

    def tell() -> None:
        told.set()
        outbox.notify()

    return tell


def _targets(
    settings: Callable[[], Settings], loaded: Callable[[], Loaded], reveal: Callable[[str], str]
) -> Callable[[], Targets]:
    """Return what looks up the present targets: those of the settings, and those that stand in watches."""
    from monitor.alert.targets import Targets

    def targets() -> Targets:
        present = loaded()
        told = {watch.name: [each for rule in watch.notify for each in rule.to] for watch in present.watches.values()}
        return Targets(settings().targets, told, reveal, complete=not present.errors)

    return targets


def _manners(settings: Callable[[], Settings], loaded: Callable[[], Loaded], *, gather: bool) -> Callable[[], Manners]:
    """Return what looks up how messages are told at present: gathered or at once, and in which hours."""
    from monitor.alert.manners import Manners

    def manners() -> Manners:
        tags = {watch.name: watch.tags[0] for watch in loaded().watches.values() if watch.tags}
        present = settings()
        wait = present.group_wait if gather else timedelta(0)
        return Manners(wait, present.group_by, present.quiet_hours, tags)

    return manners


def _ceilings(settings: Callable[[], Settings]) -> Ceilings:
    """Return what all runs together may spend at present; the embedded agent costs nothing."""
    from monitor.engine.starts import Ceilings

    present = settings()
    dollars = present.usd_per_day if present.agent == "tinyfish" else None
    return Ceilings(present.runs_per_day, dollars, present.usd_per_step)


def _enabled(loaded: Callable[[], Loaded]) -> list[Watch]:
    return [watch for watch in loaded().watches.values() if watch.enabled]


@asynccontextmanager
async def opened(
    settings: Settings,
    loaded: Callable[[], Loaded],
    clock: WallClock,
    *,
    embedded_at: str | None = None,
    gather: bool = False,
    present: Callable[[], Settings] | None = None,
) -> AsyncIterator[Process]:
    """Open store, agent, client and outbox, in this order, and close them in reverse.

    `loaded` gives the present definitions: the outbox looks targets up in them when it sends, never before.
    `embedded_at` is the base URL of an embedded agent that runs already, instead of one in this process (the demo's).
    With `gather` messages wait for others that go along (`group_wait`). `present` gives the settings of now.
    """
    from monitor.alert.outbox import Outbox
    from monitor.engine import screenshots
    from monitor.engine.desk import Desk

    require_key(settings)
    now = present or (lambda: settings)
    reveal, told = revealer(now), asyncio.Event()
    async with AsyncExitStack() as stack:
        store, owner, writer = await _store(stack, settings)
        client = await stack.enter_async_context(await _client(stack, settings, clock, embedded_at))
        targets, manners = _targets(now, loaded, reveal), _manners(now, loaded, gather=gather)
        chance = random.SystemRandom()
        outbox = Outbox(store, writer, targets, clock, sender=owner.id, chance=chance, manners=manners)
        outbox.attach_from(screenshots.folder(store.path))
        desk = Desk(
            *(store, writer, client, clock, owner, reveal),
            told=_telling(told, outbox),
            everyone=partial(_enabled, loaded),
            ceilings=partial(_ceilings, now),
            dashboard=lambda: now().public_url,
        )
        yield Process(desk=desk, outbox=outbox, told=told)
