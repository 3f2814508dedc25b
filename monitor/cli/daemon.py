"""`monitor daemon`: compose the services of the daemon and run them until a signal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli import options, output
from monitor.errors import UsageError

if TYPE_CHECKING:
    from monitor.cli.process import Process
    from monitor.clock import WallClock
    from monitor.engine.daemon import Daemon
    from monitor.engine.pulse import Pulse
    from monitor.settings import Settings
    from monitor.store.definitions import Loaded as Definition
    from monitor.store.records import Record
    from monitor.watch.load import Loaded

DRAIN_AT_STOP = 3.0  # seconds for messages at shutdown; the rest waits in the outbox
DRAIN_AT_END = 10.0  # seconds for messages of `--once`
PATIENCE_OF_ONCE = 60.0  # seconds of its clock that `--once` waits for a store that takes nothing


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("daemon")(daemon)


def daemon(
    once: Annotated[bool, typer.Option("--once", help="Run what is due and end.")] = False,
    agent: options.AgentOption = None,
    http: Annotated[
        str | None,
        typer.Option("--http", metavar="HOST:PORT", help="Where health is served; empty is off (MONITOR_HTTP)."),
    ] = None,
    clock_speed: Annotated[float, typer.Option("--clock-speed", hidden=True, min=0.1, max=1000)] = 1.0,
    clock_origin: Annotated[float | None, typer.Option("--clock-origin", hidden=True)] = None,
    embedded_at: Annotated[str | None, typer.Option("--embedded-at", hidden=True)] = None,
    workspace: options.WorkspaceOption = None,
    json: options.JsonOption = False,
) -> int:
    """Schedule, run, judge and tell, until a signal."""
    from monitor.cli import logs, process
    from monitor.cli import workspace as rooms
    from monitor.clock import WallClock

    settings = options.settings_of(workspace, agent=agent, http=http)
    process.require_key(settings)
    logs.configure(settings.log)
    loaded = rooms.load(settings)
    _tell_problems(loaded)
    clock = WallClock(clock_speed, None if clock_origin is None else datetime.fromtimestamp(clock_origin, UTC))
    if once:
        records = asyncio.run(_once(settings, loaded, clock, embedded_at))
        if options.wants_json(json):
            output.data([record.as_json() for record in records])
        if any(record.verdict in {"FAILED", "INVALID"} for record in records):
            return 3
        return 2 if loaded.errors else 0
    asyncio.run(
        _serve(settings, lambda: options.settings_of(workspace, agent=agent, http=http), loaded, clock, embedded_at)
    )
    return 0


def _tell_problems(loaded: Loaded) -> None:
    for problem in loaded.problems:
        output.note(str(problem))
    if not loaded.watches:
        raise UsageError("there is no sound watch to run", hint="monitor init writes two examples")
    silent = [watch.name for watch in loaded.watches.values() if not watch.notify]
    if silent:
        output.note(
            f"nobody is told about: {', '.join(silent)} (add notify: to the watch, or to defaults in monitor.yaml)"
        )


@asynccontextmanager
async def _parts(
    settings: Settings,
    loaded: Loaded,
    clock: WallClock,
    done: list[Record] | None,
    embedded_at: str | None,
) -> AsyncIterator[tuple[Daemon, Process]]:
    """Open store, agent, client and dispatcher, and give the daemon that uses them."""
    from monitor.cli.process import opened, state_folder
    from monitor.engine.daemon import Daemon
    from monitor.engine.dispatch import Dispatcher
    from monitor.engine.execute import execute, resume
    from monitor.store.owners import DaemonLock

    async with AsyncExitStack() as stack:
        stack.enter_context(DaemonLock(state_folder(settings)))
        process = await stack.enter_async_context(
            opened(settings, lambda: loaded, clock, embedded_at=embedded_at, gather=True)
        )
        process.desk.patience.most = None if done is None else PATIENCE_OF_ONCE  # only `--once` has an end to come to
        dispatcher = Dispatcher(
            lambda watch, run: execute(watch, run, process.desk),
            lambda watch, left: resume(watch, left, process.desk),
            settings.concurrency,
            lambda record: _ended(record, done),
            process.desk.patience,
        )
        await stack.enter_async_context(dispatcher)
        await process.desk.writer(process.desk.store.run_definitions, _definitions(loaded, clock), clock.now())
        yield Daemon(loaded.watches, process.desk, dispatcher, clock, complete=not loaded.errors), process


def _definitions(loaded: Loaded, clock: WallClock) -> dict[str, Definition]:
    """Return what `monitor plan` holds the files against."""
    from monitor.engine.schedule import runs_a_month
    from monitor.store.definitions import Loaded as Definition
    from monitor.watch.digests import digests

    now = clock.now()
    return {
        name: Definition(digests(watch), runs_a_month(watch, now) if watch.enabled else 0)
        for name, watch in loaded.watches.items()
    }


def _ended(record: Record, done: list[Record] | None) -> None:
    import structlog

    log = structlog.get_logger("daemon")
    say = log.warning if record.verdict in {"FAILED", "INVALID", "MISSED"} else log.info
    code = {"code": record.code} if record.code else {}
    say(record.verdict, watch=record.watch, run=record.id, reason=output.plain(record.reason), **code)
    if done is not None:
        done.append(record)


async def _once(settings: Settings, loaded: Loaded, clock: WallClock, embedded_at: str | None) -> list[Record]:
    from monitor.engine.daemon import once
    from monitor.engine.pulse import forget

    records: list[Record] = []
    async with _parts(settings, loaded, clock, records, embedded_at) as (daemon_, process):
        await once(daemon_)
        left = await process.outbox.drain(DRAIN_AT_END)
        await forget(process.desk)  # of a daemon that was killed: whoever uses `--once` has none that could stand still
        if left:
            output.note(f"not delivered yet: {left} (the next start goes on trying)")
    return records


async def _serve(
    settings: Settings, again: Callable[[], Settings], loaded: Loaded, clock: WallClock, embedded_at: str | None
) -> None:
    from monitor.cli.keys import KeyKeeper
    from monitor.engine.daemon import serve, stop_signals
    from monitor.engine.dead_man import DeadMan
    from monitor.engine.housekeeping import Housekeeping
    from monitor.engine.pulse import Pulse

    dead_man = settings.dead_man  # what cannot be read is told before anything is started
    stop = asyncio.Event()
    with stop_signals(stop):
        async with _parts(settings, loaded, clock, None, embedded_at) as (daemon_, process):
            outbox = process.outbox
            moves = {"scheduler": lambda: not daemon_.stalled, "outbox": outbox.turning}
            pulse = Pulse(process.desk, moves, outbox.stranded, clock.wall)
            services: list[AbstractAsyncContextManager[object]] = [
                _sender(process),
                Housekeeping(process.desk, [watch for watch in loaded.watches.values() if watch.enabled]),
                KeyKeeper(settings, again, process.desk),
            ]
            if settings.http:
                services.append(_health(settings, pulse))
            if dead_man is not None:
                services.append(DeadMan(dead_man, clock, pulse.failing))
            services.append(pulse)  # last: a daemon that could not open everything never was alive
            await serve(daemon_, services, stop)


@asynccontextmanager
async def _sender(process: Process) -> AsyncIterator[None]:
    """Run the outbox beside everything else; at the end deliver what is due within a bound."""
    from monitor.engine.breaking import kept_up

    task = asyncio.create_task(kept_up(process.outbox.run, process.desk.clock, "outbox"), name="outbox")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await process.outbox.drain(DRAIN_AT_STOP)


@asynccontextmanager
async def _health(settings: Settings, pulse: Pulse) -> AsyncIterator[None]:
    """Serve `/healthz`: red when the scheduler, the outbox or the store stalls."""
    from monitor.web.health import Health, serve

    def look() -> Health:
        return Health(pulse.problems(), dead=pulse.dead > 0)

    token = settings.http_token.reveal() if settings.http_token else None
    assert settings.http is not None
    async with serve(settings.http.host, settings.http.port, look, token=token) as address:
        output.note(f"health: {address}/healthz")
        yield
