"""`monitor doctor`: is everything as it must be? Each check is one line that says ok or what to do."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli import options, output
from monitor.errors import MonitorError
from monitor.files import database_url

if TYPE_CHECKING:
    from monitor.settings import Settings


BACK = timedelta(days=7)  # how far occurrences and records are held against each other


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
    probe: Annotated[bool, typer.Option("--probe", help="Try at once whether stopped runs may go on.")] = False,
    agent: options.AgentOption = None,
    workspace: options.WorkspaceOption = None,
    json: options.JsonOption = False,
) -> int:
    """Check settings, watches, the API, the database, the clock and permissions; exit 3 if something is wrong."""
    settings = options.settings_of(workspace, agent=agent)
    looks = [_settings, _watches, _state, _database, _api]
    if probe:
        looks.append(_probe)
    found = [check for look in looks for check in look(settings)]
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
    from monitor.store.filesystem import filesystem_warning

    folder, database = settings.state_folder, settings.database or settings.state_folder
    if not folder.exists():
        yield Check("state", ok=True, text=f"{folder} does not exist yet; the first run makes it")
        return
    if not folder.is_dir():
        yield Check("state", ok=False, text=f"{folder} is not a folder; move it away")
        return
    for path, private in ((folder, 0o700), *([(database, 0o600)] if settings.database else [])):
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else private
        hint = (
            f", open to others: chmod {private:o} {path}"
            if mode & ~private & 0o022 or (mode & 0o077 and path == database)
            else ""
        )
        yield Check("state", ok=not hint, text=f"{path} has mode {mode:o}{hint}")
    if warning := filesystem_warning(database):
        yield Check("state", ok=False, text=warning)


def _database(settings: Settings) -> Iterator[Check]:
    from monitor.cli.process import open_store, store_exists

    if settings.database is not None and not settings.database.exists():
        yield Check("database", ok=True, text="none yet")
        return

    def look() -> str:
        if not store_exists(settings):
            return f"none yet in {database_url.masked(settings.state)}"
        with open_store(settings, create=False) as store:
            damage = store.integrity()
            if damage:
                raise MonitorError("; ".join(damage), hint="restore a backup copy")
            if settings.database is None:
                return f"{database_url.masked(settings.state)} is sound ({store.journal})"
            return f"{settings.database} is sound (SQLite {sqlite3.sqlite_version}, journal {store.journal})"

    yield _guarded("database", look)
    yield from _occurrences(settings)


def _occurrences(settings: Settings) -> Iterator[Check]:
    """Count both sides: the occurrences of the schedule since each watch was first seen, and their records (G1)."""
    from monitor.cli import workspace as rooms
    from monitor.cli.process import open_store
    from monitor.clock import WallClock
    from monitor.engine.schedule import unrecorded

    now = WallClock().now()
    loaded = rooms.load(settings)
    count, missing = 0, []
    try:
        with open_store(settings, create=False) as store:
            seen = store.first_seen()
            for watch in loaded.watches.values():
                file = settings.workspace / loaded.sources[watch.name].file
                edited = datetime.fromtimestamp(file.stat().st_mtime, UTC)  # its cron may have been another before
                begin = max(now - BACK, edited)
                recorded = store.occurrences(watch.name, begin)
                count += len(recorded)
                since = seen.get(watch.name)
                unseen = unrecorded(watch, recorded, since if since is not None and since >= begin else None)
                missing += [f"{watch.name} {instant:%Y-%m-%dT%H:%MZ}" for instant in unseen]
    except MonitorError:
        return  # said by the check above
    first = f"; without a record: {', '.join(missing[:3])}" if missing else ""
    text = f"{count} recorded in 7 days, {len(missing)} missing between them{first}"
    yield Check("occurrences", ok=not missing, text=text)


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


def _probe(settings: Settings) -> Iterator[Check]:
    yield _guarded("stops", lambda: asyncio.run(_probed(settings)))


async def _probed(settings: Settings) -> str:
    """Close the stops that are over: an accepted key is asked for, free; credits are tried by the next run."""
    from monitor.cli import workspace as rooms
    from monitor.cli.process import opened
    from monitor.clock import WallClock
    from monitor.engine.stops import probe_key

    loaded = rooms.load(settings)
    async with opened(settings, lambda: loaded, WallClock()) as process:
        desk = process.desk
        open_before = await desk.writer.read(desk.store.stops)
        if not open_before:
            return "no run is stopped"
        if not await probe_key(desk, at_once=True):
            raise MonitorError("the key is still refused", hint="check TINYFISH_API_KEY")
        if any(stop.kind == "billing" for stop in open_before):
            await desk.writer(desk.store.close_stop, "billing", now=desk.clock.now())
            return "the next run tries whether there are credits again"
        return "runs go on"


async def _ask(settings: Settings) -> str:
    from monitor.agent.client import Client
    from monitor.clock import WallClock

    clock = WallClock()
    assert settings.api_key is not None
    async with Client(settings.base_url, settings.api_key.reveal(), clock=clock) as client:
        await client.check_key()
    skew = _skew(client.date, clock.now())
    if skew is None:
        return f"{settings.base_url} answers and takes the key (it sends no date, so the clock is not checked)"
    if abs(skew) > 60:
        raise MonitorError(
            f"this machine's clock is {skew:+.0f} s off the API's",
            hint="set the clock: schedules and look-ups depend on it",
        )
    return f"{settings.base_url} answers and takes the key; this machine's clock is {skew:+.0f} s off its"


def _skew(date: str | None, now: datetime) -> float | None:
    """Return how many seconds this machine's clock is ahead of the API's `Date`, or None where it sent none."""
    if date is None:
        return None
    try:
        return (now - parsedate_to_datetime(date)).total_seconds()
    except (TypeError, ValueError):
        return None  # not a date, or one without a zone
