"""`status`, `status --watch` and `top`: every watch at a glance, once, or live in a terminal. Reads only."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli import options, output
from monitor.errors import StoreError, UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

    from monitor.settings import Settings

EVERY = 1.0  # seconds between two looks of the live overview
_COLUMNS = ("watch", "last verdict", "last run", "next due", "runs today", "state")
_SHORT = ("watch", "last", "ran", "due", "today", "state")  # of the live overview: 80 columns hold all of it
_STYLES = {"CHANGED": "bold yellow", "INVALID": "bold red", "FAILED": "bold red", "UNCONFIRMED": "yellow"}


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("status")(status)
    app.command("top")(top)


def status(
    watch: Annotated[bool, typer.Option("--watch", help="Live, until q or Ctrl-C; needs a terminal.")] = False,
    workspace: options.WorkspaceOption = None,
    json: options.JsonOption = False,
) -> int:
    """Every watch: next due, last verdict, failing since; spend today; runs in flight; the outbox; the last reload."""
    settings = options.settings_of(workspace)
    if watch:
        return _live(settings, json=options.wants_json(json))
    found = _document(settings)
    if options.wants_json(json):
        output.data(found)
    else:
        _print(found)
    return _exit(found)


def top(workspace: options.WorkspaceOption = None, json: options.JsonOption = False) -> int:
    """The live overview in a terminal, until q or Ctrl-C."""
    return _live(options.settings_of(workspace), json=options.wants_json(json))


def _exit(found: dict[str, Any]) -> int:
    failing = any(watch["failing_since"] for watch in found["watches"])
    return 3 if failing or found["outbox"]["dead"] or found["stops"] or found["daemon"]["problems"] else 0


def _document(settings: Settings) -> dict[str, Any]:
    """Return the document of `status --json` with the definitions and the store as they are now."""
    from monitor.cli import workspace as rooms
    from monitor.cli.process import open_store
    from monitor.clock import WallClock
    from monitor.engine.status import document

    loaded = rooms.load(settings)
    now = WallClock().now()
    with open_store(settings) as store:
        return document(settings, loaded.watches, loaded.problems, store, now)


def _print(found: dict[str, Any]) -> None:
    output.table(list(_COLUMNS), [[cell or "" for cell in _row(watch)] for watch in found["watches"]])
    for line in _below(found):
        output.line(line)
    for problem in found["problems"]:
        output.note(problem)


def _row(watch: dict[str, Any]) -> list[str]:
    state = [f"failing since {watch['failing_since']}"] if watch["failing_since"] else []
    if watch["paused"]:
        state.append(f"paused until {watch['paused_until'] or 'resumed'}")
    due = watch["next_due"] or ("disabled" if not watch["enabled"] else "never")
    last = watch["last_verdict"] or "not run yet"
    return [watch["name"], last, watch["last_run_at"] or "", due, str(watch["runs_today"]), ", ".join(state)]


def _below(found: dict[str, Any]) -> Iterator[str]:
    """Yield what stands below the table of watches, one line each."""
    for run in found["in_flight"]:
        stage = "starting" if run["stage"] == "intent" else run["stage"]
        yield f"in flight: {run['watch']} since {run['opened_at']} ({stage})"
    for stop in found["stops"]:
        yield f"all runs are stopped since {stop['since']} ({stop['code']}): {stop['message']}"
    outbox = found["outbox"]
    until = f" until {outbox['held_until']}" if outbox["held_until"] else ""
    held = f" ({outbox['held']} of them held{until})" if outbox["held"] else ""
    yield f"outbox: {outbox['pending']} pending{held}, {outbox['dead']} dead"
    for target in outbox["refusing"]:
        yield f"outbox: {target} has refused a message and taken none since"
    yield _spent(found)
    yield from found["daemon"]["problems"]
    if found["reload"] is not None:
        yield from _reloaded(found["reload"])


def _spent(found: dict[str, Any]) -> str:
    spent, most = found["spending"], found["ceilings"]
    dollars = f" of ${most['usd_per_day']:,.2f}" if most["usd_per_day"] is not None else ""
    money = f", about ${spent['usd_today']:,.2f}{dollars}" if spent["usd_today"] or dollars else ""
    return (
        f"spent today: {spent['runs_today']:,} of {most['runs_per_day']:,} runs, {spent['steps_today']:,} steps{money}"
    )


def _reloaded(reload: dict[str, Any]) -> Iterator[str]:
    """Yield what the daemon made of the definitions when it last read them."""
    said = [f"{len(reload[word])} {word}" for word in ("added", "changed", "removed") if reload[word]]
    problems = len(reload["problems"])
    if problems:
        said.append(f"{problems} problem{'s' if problems > 1 else ''}, what was sound before goes on")
    yield f"last reload: {reload['at']}, {', '.join(said) or 'nothing changed'}"
    for problem in reload["problems"][:_MOST_PROBLEMS]:
        yield f"last reload: {problem['file']}:{problem['line']}: {problem['field']}: {problem['message']}"


_MOST_PROBLEMS = 5


# Live


def _live(settings: Settings, *, json: bool) -> int:
    """Draw the overview anew every second; raises UsageError where nobody could see it or end it."""
    if json:
        raise UsageError("a live overview is no document", hint="monitor status --json gives the present state")
    if not (sys.stdout.isatty() and sys.stdin.isatty()):
        raise UsageError("a live overview needs a terminal", hint="monitor status prints the present state once")
    from rich.live import Live

    from monitor.clock import WallClock

    console = output.console()
    console.soft_wrap = False
    with _keys() as pressed, Live(console=console, screen=True, auto_refresh=False) as live:
        found: dict[str, Any] | None = None
        while True:
            try:
                found, trouble = _document(settings), ""
            except StoreError as error:  # busy, or replaced: the next look may find it well
                trouble = str(error)
            live.update(_drawn(found, trouble, console.height, WallClock().now()), refresh=True)
            if pressed(EVERY):
                return _exit(found) if found is not None else 0


@contextlib.contextmanager
def _keys() -> Iterator[Callable[[float], bool]]:
    """Give a function that waits so many seconds and says whether somebody wants to leave: q, or Ctrl-C."""
    import select
    import termios
    import tty

    handle = sys.stdin.fileno()
    before = termios.tcgetattr(handle)

    def pressed(seconds: float) -> bool:
        try:
            ready, _, _ = select.select([handle], [], [], seconds)
            return bool(ready) and os.read(handle, 64)[:1] in {b"q", b"Q", b"\x03", b"\x04", b""}
        except KeyboardInterrupt:
            return True

    tty.setcbreak(handle)
    quiet = termios.tcgetattr(handle)
    quiet[3] &= ~termios.ISIG  # Ctrl-C is a key here: the picture is put away before the process ends
    termios.tcsetattr(handle, termios.TCSADRAIN, quiet)
    try:
        yield pressed
    finally:
        termios.tcsetattr(handle, termios.TCSADRAIN, before)


def _drawn(found: dict[str, Any] | None, trouble: str, height: int, now: datetime) -> RenderableType:
    """Return one picture of the overview that fits the terminal: what needs a look stands first."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    if found is None:
        return Text(output.plain(trouble))
    below = [Text(output.plain(line), overflow="ellipsis", no_wrap=True) for line in _below(found)]
    table = Table(box=None, pad_edge=False, header_style="bold", expand=True)
    for column in _SHORT:
        wide = column in {"watch", "state"}  # the first to give way where there is little room
        table.add_column(column, no_wrap=True, overflow="ellipsis", ratio=1 if wide else None)
    room = max(3, height - len(below) - 4)
    watches = sorted(found["watches"], key=_urgency)
    for watch in watches[:room]:
        table.add_row(*_styled(watch, now))
    more = [Text(f"… and {len(watches) - room} more", style="dim")] if len(watches) > room else []
    warn = [Text(output.plain(trouble), style="bold red")] if trouble else []
    return Group(_headline(found, now), table, *more, Text(""), *below, *warn)


def _headline(found: dict[str, Any], now: datetime) -> Text:
    from rich.text import Text

    watches = found["watches"]
    failing = sum(1 for watch in watches if watch["failing_since"])
    at = now.astimezone().strftime("%H:%M:%S")  # as on the wall of who looks
    return Text(
        f"{len(watches)} watches, {failing} failing, {len(found['in_flight'])} in flight   {at}   q ends", "bold"
    )


def _urgency(watch: dict[str, Any]) -> tuple[bool, bool, str, str]:
    changed = watch["last_verdict"] == "CHANGED"
    return (not watch["failing_since"], not changed, watch["next_due"] or "~", watch["name"])


def _short_row(watch: dict[str, Any], now: datetime) -> list[str]:
    """Return a row whose instants are told from `now` on."""
    from monitor.web.pages.wording import about

    failing = _instant(watch["failing_since"])
    state = [f"failing {about(now - failing)}" if failing else "failing"] if watch["failing_since"] else []
    if watch["paused"]:
        until = _away(watch["paused_until"], now)
        state.append(f"paused, ends {until}" if until else "paused")
    due = _away(watch["next_due"], now) or ("disabled" if not watch["enabled"] else "never")
    last = (watch["last_verdict"] or "not run").lower()
    return [watch["name"], last, _away(watch["last_run_at"], now), due, str(watch["runs_today"]), ", ".join(state)]


def _away(stamped: str | None, now: datetime) -> str:
    """Return how far an instant of the document is from now; nothing for none."""
    from monitor.web.pages.wording import ago

    found = _instant(stamped)
    return ago(found, now) if found else stamped or ""


def _instant(stamped: str | None) -> datetime | None:
    """Return the instant that the document writes; None for none, and for what is no instant with a zone."""
    try:
        found = datetime.fromisoformat(stamped or "")
    except ValueError:
        return None
    return found if found.tzinfo else None


def _styled(watch: dict[str, Any], now: datetime) -> list[Text]:
    from rich.text import Text

    cells = [Text(output.plain(cell)) for cell in _short_row(watch, now)]
    cells[1].stylize(_STYLES.get(watch["last_verdict"] or "", ""))
    if watch["failing_since"]:
        cells[5].stylize("red")
    return cells
