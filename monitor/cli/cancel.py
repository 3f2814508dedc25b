"""`monitor cancel RUN`: cancel a run in flight at the API, and say what came of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli import options, ordering, output

if TYPE_CHECKING:
    from monitor.agent.outcome import Outcome
    from monitor.settings import Settings
    from monitor.store.records import Unfinished
    from monitor.watch.load import Loaded


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("cancel")(cancel)


def cancel(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="A run in flight, or the watch whose run it is.", show_default=False)
    ],
    agent: options.AgentOption = None,
    workspace: options.WorkspaceOption = None,
    json: options.JsonOption = False,
) -> int:
    """Cancel a run in flight at the API; what it had reached by then is kept."""
    from monitor.cli import logs, process
    from monitor.cli import workspace as rooms

    settings = options.settings_of(workspace, agent=agent)
    process.require_key(settings)
    logs.quiet()
    left, outcome = asyncio.run(_cancel(settings, rooms.load(settings), run))
    message = outcome.fault.message if outcome.fault else "it had completed, and its result is kept"
    if options.wants_json(json):
        output.data({"watch": left.run.watch, "run": left.run.id, "kind": outcome.kind, "message": message})
    else:
        output.line(f"{left.run.watch}: run {left.run.id}: {outcome.kind} - {message}")
    return 0


async def _cancel(settings: Settings, loaded: Loaded, name: str) -> tuple[Unfinished, Outcome]:
    from monitor.cli.process import opened
    from monitor.clock import WallClock
    from monitor.engine.cancel import cancel_run, named

    async with opened(settings, lambda: loaded, WallClock()) as process:
        left = named(await process.desk.writer.read(process.desk.store.in_flight), name)
        writer, store = process.desk.writer, process.desk.store
        now = process.desk.clock.now()
        number = await writer(store.order, ordering.who(), "cancel", left.run.id, now, watch=left.run.watch)
        outcome = await cancel_run(process.desk, left, loaded.watches.get(left.run.watch))
        await writer(store.ended_order, number, f"run {left.run.id} of {left.run.watch}: {outcome.kind}")
        return left, outcome
