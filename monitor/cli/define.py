"""`init`, `validate`, `schema`, `settings`: the user's files, without running anything."""

from __future__ import annotations

import os
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from monitor.cli import options, output
from monitor.errors import StoreError, UsageError

if TYPE_CHECKING:
    from monitor.files.problems import Problem
    from monitor.settings import Settings
    from monitor.watch.load import Loaded
    from monitor.watch.model import Watch

STEPS = 3  # of one run, where no run was made yet (agent-api.md section 10: live runs took 2 to 3)
OFTEN = 9_000  # paid runs a month, more than one in five minutes (reliability.md row 20)

MONITOR_YAML = """\
# Settings of this workspace. `monitor settings` prints each value and where it came from.
agent: embedded                # runs are made on this machine, free; `tinyfish` uses TINYFISH_API_KEY

# Who is told. Names are used in `notify:` of a watch; values are apprise URLs, secrets by reference.
# targets:
#   me: mailto://user:${env:MAIL_PASSWORD}@mail.example
# defaults:                    # merged under every watch
#   notify: [me]
"""


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("init")(init)
    app.command("validate")(validate)
    app.command("schema")(schema)
    app.command("settings")(settings)


def init(workspace: options.WorkspaceOption = None, json: options.JsonOption = False) -> int:
    """Write a workspace: settings and two commented example watches that run at once, without an account."""
    folder = options.workspace_of(workspace) or Path(os.environ.get("MONITOR_WORKSPACE") or Path.cwd())
    examples = resources.files("monitor.embedded") / "examples"
    files = {folder / "monitor.yaml": MONITOR_YAML}
    for name in ("espresso-machine.yaml", "grinders.yaml"):
        files[folder / "watches" / name] = (examples / name).read_text(encoding="utf-8")
    files[folder / "state" / ".gitignore"] = (
        "# The embedded database lives here; nothing of it belongs in git.\n*\n!.gitignore\n"
    )
    taken = [path for path in files if path.exists() and path.name != ".gitignore"]
    if taken:
        raise UsageError(
            f"{', '.join(map(str, taken))} would be overwritten", hint="nothing was written; use an empty folder"
        )
    written = []
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700 if path.parent.name == "state" else 0o755)
        if not path.exists():
            path.write_text(text, encoding="utf-8")
            written.append(str(path))
            output.note(f"wrote {path}")
    if options.wants_json(json):
        output.data({"written": written})
    output.note("next: monitor validate; monitor run espresso-machine; monitor daemon")
    return 0


def validate(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE...]", help="Only these files.", show_default=False)
    ] = None,
    agent: options.AgentOption = None,
    workspace: options.WorkspaceOption = None,
    json: options.JsonOption = False,
) -> int:
    """Every problem of every file; the next due times and the cost of each watch."""
    from monitor.cli import workspace as rooms

    found = options.settings_of(workspace, agent=agent)
    loaded = rooms.load(found, files)
    shown = [*loaded.problems, *([] if files else _unused_targets(found, loaded))]
    problems = [problem for problem in shown if not problem.warning]
    baselines = _baselines(found)
    edited = [
        name for name, watch in loaded.watches.items() if baselines.get(name, watch.fingerprint) != watch.fingerprint
    ]
    if options.wants_json(json):
        found_notes = {"notes": [note.as_json() for note in loaded.notes]} if loaded.notes else {}
        found_problems = [problem.as_json() for problem in problems]
        begun = {"new_baselines": edited} if edited else {}
        output.data({"watches": len(loaded.watches), "problems": found_problems, **found_notes, **begun})
        return 2 if problems else 0
    _print(found, loaded, shown, edited)
    return 2 if problems else 0


def _print(found: Settings, loaded: Loaded, shown: list[Problem], edited: list[str]) -> None:
    """Print what `validate` has to say to people."""
    from monitor.clock import WallClock

    for problem in shown:
        output.line(f"{'warning: ' if problem.warning else ''}{problem}")
    for note in loaded.notes:
        output.line(f"note: {note}")
    now, month = WallClock().now(), 0
    for watch in loaded.watches.values():
        month += _describe(watch, now, found)
        if watch.name in edited:
            output.line("  edited since its baseline: the next good result is a new one, and no change is told for it")
    if len(loaded.watches) > 1:
        output.line(f"in all about {month:,} runs a month, {_money(month, found)}")
    _warn_of_ceilings(month, found)
    many = f"{len(loaded.watches)} watch{'es' if len(loaded.watches) != 1 else ''}"
    wrong = sum(not problem.warning for problem in shown)
    output.line(f"{many}, {wrong} problem{'s' if wrong != 1 else ''}")


def _baselines(found: Settings) -> dict[str, str]:
    """Return the generation of each watch's baseline; nothing where no store is yet."""
    from monitor.cli.process import open_store, store_exists

    try:
        if not store_exists(found):
            return {}
        with open_store(found, create=False) as store:
            return store.generations()
    except StoreError as error:
        output.note(f"monitor: edited watches cannot be told apart: {error}")
        return {}


def _unused_targets(found: Settings, loaded: Loaded) -> list[Problem]:
    """Return what is wrong with targets that no watch names: whoever names one later would learn it too late."""
    from monitor.alert import targets
    from monitor.files import documents, validation
    from monitor.settings import FILE

    if not found.targets:
        return []
    (settings_file,) = [each for each in documents.read(found.workspace / FILE, FILE) if each.value is not None]
    said = {problem.message for problem in loaded.problems}  # of those that a watch names, at the watch
    wrong = targets.check_named(found.targets, found.environ, found.workspace)
    return [
        validation.located(settings_file, ("targets", name), message, hint)
        for name, message, hint in wrong
        if message not in said
    ]


def _describe(watch: Watch, now: datetime, found: Settings) -> int:
    """Print a valid watch's next three due times, its runs and money a month, and whether nobody is told.

    Returns how many runs a month it stands for.
    """
    from monitor.engine.schedule import next_due, runs_a_month

    if not watch.enabled:
        output.line(f"{watch.name}: disabled")
        return 0
    zone = ZoneInfo(watch.timezone)
    coming = ", ".join(instant.astimezone(zone).strftime("%a %Y-%m-%d %H:%M %Z") for instant in next_due(watch, now, 3))
    runs = runs_a_month(watch, now)
    output.line(f"{watch.name}: next {coming}")
    output.line(f"  about {runs:,} runs a month, {_money(runs, found)}" if runs else "  less than one run a month")
    if found.agent == "tinyfish" and runs > OFTEN:
        output.line("  warning: that is often for runs that cost money; is the cron expression what you mean?")
    if not watch.notify:
        output.line("  nobody is told: add notify: to the watch, or to defaults in monitor.yaml")
    return runs


def _money(runs: int, found: Settings) -> str:
    """Return what so many runs are expected to cost, in words."""
    if found.agent != "tinyfish":
        return "free (embedded agent)"
    return f"about ${runs * STEPS * found.price:,.2f} (at {STEPS} steps a run, ${found.price} a step)"


def _warn_of_ceilings(month: int, found: Settings) -> None:
    """Say so when the watches come to more than the ceilings let through: the rest would be SKIPPED day by day."""
    if month > 30 * found.runs_per_day:
        output.line(f"warning: that is more than spending.runs_per_day lets through ({found.runs_per_day:,} a day)")
    usd = found.usd_per_day
    if usd is not None and month * STEPS * found.price > 30 * usd:
        output.line(f"warning: that is likely more than spending.usd_per_day lets through (${usd:,.2f} a day)")


def schema(
    _workspace: options.WorkspaceOption = None,
    _json: options.JsonOption = False,
) -> int:
    """The JSON Schema of a watch file, for editors."""
    from monitor.watch.json_schema import file_schema

    output.data(file_schema())
    return 0


def settings(workspace: options.WorkspaceOption = None, json: options.JsonOption = False) -> int:
    """Each setting, its value (secrets masked) and where it came from."""
    rows = options.settings_of(workspace).shown()
    if options.wants_json(json):
        shown: dict[str, Any] = {name: {"value": value, "origin": origin} for name, value, origin in rows}
        output.data(shown)
        return 0
    output.table(["setting", "value", "from"], [list(row) for row in rows])
    return 0
