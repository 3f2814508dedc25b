"""`monitor daemon`: compose the services of the daemon and run them until a signal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli import options, output
from monitor.errors import UsageError

if TYPE_CHECKING:
    from monitor.cli.process import Process
    from monitor.clock import WallClock
    from monitor.engine.daemon import Daemon
    from monitor.engine.reloading import Present
    from monitor.engine.steps import Steps
    from monitor.files.workspace_file import HostPace
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
        typer.Option("--http", metavar="HOST:PORT", help="Where the dashboard is served; empty is off (MONITOR_HTTP)."),
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
    present: Present,
    clock: WallClock,
    embedded_at: str | None,
    ended: Callable[[Record], None],
    steps: Steps,
) -> AsyncIterator[tuple[Daemon, Process]]:
    """Open store, agent, client and dispatcher, and give the daemon that uses them; records go to `ended`."""
    from monitor.cli.process import daemon_lock, opened
    from monitor.engine.daemon import Daemon
    from monitor.engine.dispatch import Dispatcher
    from monitor.engine.execute import execute, resume
    from monitor.engine.hosts import Turns

    async with AsyncExitStack() as stack:
        settings, loaded = present.settings, present.loaded
        stack.enter_context(daemon_lock(settings))
        process = await stack.enter_async_context(
            opened(
                settings,
                lambda: present.loaded,
                clock,
                embedded_at=embedded_at,
                gather=True,
                present=lambda: present.settings,
            )
        )
        desk = process.desk
        dispatcher = Dispatcher(
            lambda watch, run: steps.recorded(run, lambda show: execute(watch, run, desk, show), desk),
            lambda watch, left: steps.recorded(left.run, lambda show: resume(watch, left, desk, show), desk),
            Turns(settings.concurrency, partial(_pace, present), clock),
            ended,
            desk.patience,
        )
        await stack.enter_async_context(dispatcher)
        problems = [problem.as_json() for problem in loaded.errors]
        await desk.writer(desk.store.run_definitions, _definitions(loaded, clock), clock.now(), problems)
        yield Daemon(loaded.watches, desk, dispatcher, clock, complete=not loaded.errors), process


def _definitions(loaded: Loaded, clock: WallClock) -> dict[str, Definition]:
    """Return what `monitor plan` holds the files against."""
    from monitor.engine.definitions import definition

    now = clock.now()
    return {name: definition(watch, now) for name, watch in loaded.watches.items()}


def _pace(present: Present, host: str) -> HostPace | None:
    """Return how the runs of a host are to be paced, by the settings of now."""
    return present.settings.hosts.get(host)


def _ended(record: Record, hand_on: Callable[[Record], None]) -> None:
    import structlog

    log = structlog.get_logger("daemon")
    say = log.warning if record.verdict in {"FAILED", "INVALID", "MISSED"} else log.info
    code = {"code": record.code} if record.code else {}
    say(record.verdict, watch=record.watch, run=record.id, reason=output.plain(record.reason), **code)
    hand_on(record)


async def _once(settings: Settings, loaded: Loaded, clock: WallClock, embedded_at: str | None) -> list[Record]:
    from monitor.engine.daemon import once
    from monitor.engine.pulse import forget
    from monitor.engine.reloading import Present
    from monitor.engine.steps import Steps

    records: list[Record] = []
    ended = partial(_ended, hand_on=records.append)
    async with _parts(Present(settings, loaded), clock, embedded_at, ended, Steps()) as (daemon_, process):
        process.desk.patience.most = PATIENCE_OF_ONCE  # it has an end to come to
        await once(daemon_)
        left = await process.outbox.drain(DRAIN_AT_END)
        await forget(process.desk)  # of a daemon that was killed: whoever uses `--once` has none that could stand still
        if left:
            output.note(f"not delivered yet: {left} (the next start goes on trying)")
    return records


async def _serve(
    settings: Settings, again: Callable[[], Settings], loaded: Loaded, clock: WallClock, embedded_at: str | None
) -> None:
    from monitor.cli import dashboard
    from monitor.cli import workspace as rooms
    from monitor.cli.keys import KeyKeeper
    from monitor.engine.daemon import serve, stop_signals
    from monitor.engine.dead_man import DeadMan
    from monitor.engine.housekeeping import Housekeeping
    from monitor.engine.pulse import Pulse
    from monitor.engine.reloading import Present, Reloading
    from monitor.engine.signals import hang_ups
    from monitor.engine.steps import Steps

    dead_man = settings.dead_man  # what cannot be read is told before anything is started
    door = dashboard.door(settings) if settings.http else None
    stop = asyncio.Event()
    present, recorded, steps = Present(settings, loaded), dashboard.Recorded(), Steps()
    ended = partial(_ended, hand_on=recorded)
    with stop_signals(stop):
        async with _parts(present, clock, embedded_at, ended, steps) as (daemon_, process):
            outbox = process.outbox
            moves = {"scheduler": lambda: not daemon_.stalled, "outbox": outbox.turning}
            pulse = Pulse(process.desk, moves, outbox.stranded, clock.wall)
            keeper = KeyKeeper(settings, again, process.desk)
            reloading = Reloading(present, again, rooms.load, daemon_)
            services: list[AbstractAsyncContextManager[object]] = [
                _sender(process),
                Housekeeping(process.desk),
                keeper,
                reloading,
            ]
            if door is not None:
                shown = dashboard.Sources(daemon_, present, reloading, pulse, steps, recorded, clock)
                services.append(dashboard.served(door, shown))
            if dead_man is not None:
                services.append(DeadMan(dead_man, clock, pulse.failing))
            services.append(pulse)  # last: a daemon that could not open everything never was alive
            with hang_ups(keeper.hung_up, reloading.hung_up):
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
