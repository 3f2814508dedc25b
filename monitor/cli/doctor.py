"""`monitor doctor`: is everything as it must be? Each check is one line that says ok or what to do."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import typer

from monitor.cli import options, output
from monitor.errors import MonitorError

if TYPE_CHECKING:
    from monitor.settings import Settings


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: `ok`, and one line of what was seen or what to do."""

    name: str
    ok: bool
    text: str


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("doctor")(doctor)


def doctor(
    agent: options.AgentOption = None, workspace: options.WorkspaceOption = None, json: options.JsonOption = False
) -> int:
    """Check settings, watches, the API, the database, the clock and permissions; exit 3 if something is wrong."""
    settings = options.settings_of(workspace, agent=agent)
    found = [check for look in (_settings, _watches, _state, _database, _api) for check in look(settings)]
    if options.wants_json(json):
        output.data({"checks": [{"name": check.name, "ok": check.ok, "text": check.text} for check in found]})
    else:
        for check in found:
            output.line(f"{'ok  ' if check.ok else 'FAIL'} {check.name}: {check.text}")
    return 0 if all(check.ok for check in found) else 3


def _guarded(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, ok=True, text=look())
    except MonitorError as error:
        return Check(name, ok=False, text=str(error))


def _settings(settings: Settings) -> Iterator[Check]:
    yield Check(
        "settings",
        ok=True,
        text=f"workspace {settings.workspace}, agent {settings.agent}, concurrency {settings.concurrency}",
    )


def _watches(settings: Settings) -> Iterator[Check]:
    from monitor.cli import workspace as rooms

    loaded = rooms.load(settings)
    wrong = [problem for problem in loaded.problems if not problem.warning]
    yield Check("watches", ok=not wrong, text=f"{len(loaded.watches)} valid" if not wrong else str(wrong[0]))


def _state(settings: Settings) -> Iterator[Check]:
    folder = settings.database.parent
    if not folder.exists():
        yield Check("state", ok=True, text=f"{folder} does not exist yet; the first run makes it")
        return
    mode = stat.S_IMODE(folder.stat().st_mode)
    database = settings.database
    open_to_others = database.exists() and bool(stat.S_IMODE(database.stat().st_mode) & 0o077)
    hint = f"; make it private: chmod 600 {database}" if open_to_others else ""
    yield Check("state", ok=not open_to_others, text=f"{folder} has mode {mode:o}{hint}")


def _database(settings: Settings) -> Iterator[Check]:
    from monitor.cli.process import open_store

    if not settings.database.exists():
        yield Check("database", ok=True, text="none yet")
        return

    def look() -> str:
        with open_store(settings, create=False) as store:
            damage = store.integrity()
            if damage:
                raise MonitorError("; ".join(damage), hint="restore a backup copy")
            return f"{settings.database} is sound (SQLite {sqlite3.sqlite_version}, journal {store.journal})"

    yield _guarded("database", look)


def _api(settings: Settings) -> Iterator[Check]:
    if settings.agent == "embedded":
        yield Check("agent", ok=True, text="embedded, in this process; no key needed")
        return
    if settings.api_key is None:
        yield Check("agent", ok=False, text="TINYFISH_API_KEY is not set (set it, or use --agent embedded)")
        return

    def look() -> str:
        return asyncio.run(_ask(settings))

    yield _guarded("agent", look)


async def _ask(settings: Settings) -> str:
    from monitor.agent.client import Client
    from monitor.clock import WallClock

    clock = WallClock()
    assert settings.api_key is not None
    async with Client(settings.base_url, settings.api_key.reveal(), clock=clock) as client:
        await client.check_key()
    skew = _skew(client.date, clock.now())
    if skew is not None and abs(skew) > 60:
        raise MonitorError(
            f"this machine's clock is {skew:+.0f} s off the API's",
            hint="set the clock: schedules and look-ups depend on it",
        )
    return f"{settings.base_url} answers and takes the key"


def _skew(date: str | None, now: datetime) -> float | None:
    """Return how many seconds this machine's clock is ahead of the API's `Date`, or None where it sent none."""
    if date is None:
        return None
    try:
        return (now - parsedate_to_datetime(date)).total_seconds()
    except (TypeError, ValueError):
        return None  # not a date, or one without a zone
