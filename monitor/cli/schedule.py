"""`schedule`: the coming occurrences of the watches, in local time and UTC. Reads definitions only."""

from __future__ import annotations

from typing import Annotated

import typer

from monitor.cli import options, output


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("schedule")(schedule)


def schedule(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this watch.", show_default=False)] = None,
    count: Annotated[int, typer.Option("--next", metavar="N", min=1, max=1_000, help="How many of each watch.")] = 5,
    workspace: options.WorkspaceOption = None,
    json: options.JsonOption = False,
) -> int:
    """Coming occurrences in local time and UTC, with notes where the clocks change; each watch keeps its own offset."""
    from monitor.cli import workspace as rooms
    from monitor.clock import WallClock
    from monitor.engine.agenda import coming

    loaded = rooms.load(options.settings_of(workspace))
    watches = rooms.pick(loaded, [name]) if name is not None else list(loaded.watches.values())
    now = WallClock().now()
    found = sorted(
        (each for watch in watches for each in coming(watch, now, count)), key=lambda each: (each.due_at, each.watch)
    )
    if name is None:
        for problem in loaded.errors:
            output.note(str(problem))
    if options.wants_json(json):
        output.data([each.as_json() for each in found])
        return 0
    rows = [
        [each.watch, f"{each.local:%a %Y-%m-%d %H:%M %Z}", f"{each.due_at:%Y-%m-%d %H:%MZ}", each.note]
        for each in found
    ]
    output.table(["watch", "local", "UTC", "note"], [list(row) for row in rows])
    for watch in watches:
        if not watch.enabled:
            output.note(f"{watch.name}: disabled")
    return 0
