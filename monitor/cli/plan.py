"""`plan`: what would change if the daemon were started with the watch files as they are now. Reads only."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import typer

from monitor.cli import options, output
from monitor.cli.define import STEPS
from monitor.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.settings import Settings
    from monitor.store.definitions import Loaded
    from monitor.watch.model import Watch

DIFFERENT = 10


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("plan")(plan)


def plan(
    agent: options.AgentOption = None, workspace: options.WorkspaceOption = None, json: options.JsonOption = False
) -> int:
    """The difference between the watch files and what the daemon runs; exit 10 if there is one."""
    from monitor.cli import workspace as rooms
    from monitor.clock import WallClock

    settings = options.settings_of(workspace, agent=agent)
    loaded = rooms.load(settings)
    if loaded.errors:
        raise DefinitionError(loaded.errors)
    found = _difference(loaded.watches, _running(settings), WallClock().now(), _price(settings))
    if options.wants_json(json):
        output.data(found)
    else:
        _print(found)
    return DIFFERENT if found["added"] or found["changed"] or found["removed"] else 0


def _running(settings: Settings) -> dict[str, Loaded]:
    from monitor.cli.process import open_store, store_exists

    if not store_exists(settings):
        return {}
    with open_store(settings, create=False) as store:
        return store.definitions()


def _price(settings: Settings) -> float:
    """Return the dollars that a run is expected to cost."""
    return STEPS * settings.price


def _difference(
    watches: Mapping[str, Watch], running: Mapping[str, Loaded], now: datetime, price: float
) -> dict[str, Any]:
    from monitor.engine.schedule import runs_a_month
    from monitor.watch import digests

    wanted = {name: runs_a_month(watch, now) if watch.enabled else 0 for name, watch in watches.items()}
    before = sum(each.runs_a_month for each in running.values())
    after = sum(wanted.values())
    changed = []
    for name in sorted(watches.keys() & running.keys()):
        fields = digests.changed(running[name].digests, digests.digests(watches[name]))
        if fields:
            runs = {"runs_per_month": wanted[name], "runs_per_month_before": running[name].runs_a_month}
            new = bool(digests.GENERATION & set(fields))
            changed.append({"watch": name, "fields": fields, "new_baseline": new, **runs})
    return {
        "added": [{"watch": name, "runs_per_month": wanted[name]} for name in sorted(watches.keys() - running.keys())],
        "changed": changed,
        "removed": [
            {"watch": name, "runs_per_month_before": running[name].runs_a_month}
            for name in sorted(running.keys() - watches.keys())
        ],
        "runs_per_month": after,
        "runs_per_month_before": before,
        "usd_per_month": round(after * price, 2),
        "usd_per_month_before": round(before * price, 2),
    }


def _print(found: dict[str, Any]) -> None:
    for each in found["added"]:
        output.line(f"+ {each['watch']}: new, {each['runs_per_month']:,} runs a month")
    for each in found["changed"]:
        begins = "; its next good result is a new baseline" if each["new_baseline"] else ""
        output.line(f"~ {each['watch']}: {', '.join(each['fields'])} changed{begins}")
    for each in found["removed"]:
        output.line(f"- {each['watch']}: gone; its history stays")
    if not (found["added"] or found["changed"] or found["removed"]):
        output.line("no difference: the daemon runs these files")
    money = f", about ${found['usd_per_month_before']:,.2f} -> ${found['usd_per_month']:,.2f}"
    output.line(
        f"runs a month: {found['runs_per_month_before']:,} -> {found['runs_per_month']:,}"
        f"{money if found['usd_per_month'] or found['usd_per_month_before'] else ''}"
    )
