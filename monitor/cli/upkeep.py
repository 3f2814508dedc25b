"""`backup`, `restore`, `prune`, `rename`, `rejudge`: looking after what was stored, without a run."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli import options, output
from monitor.errors import UsageError

if TYPE_CHECKING:
    from monitor.store.records import Record
    from monitor.store.store import Store
    from monitor.watch.model import Watch


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("backup")(backup)
    app.command("restore")(restore)
    app.command("prune")(prune)
    app.command("rename")(rename)
    app.command("rejudge")(rejudge)


def backup(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Where the copy goes; it must not exist.", show_default=False)
    ],
    workspace: options.WorkspaceOption = None,
    json: options.JsonOption = False,
) -> int:
    """Copy the database, consistent and checked, while everything goes on."""
    from monitor.cli.process import open_store

    settings = options.settings_of(workspace)
    with open_store(settings, create=False) as store:
        store.backup(file)
    if options.wants_json(json):
        output.data({"written": str(file)})
    again = f"restore {file}" if settings.database else f"migrate-state sqlite:///{file.absolute()} postgresql://…"
    output.note(f"wrote {file}; to use it: monitor {again}")
    return 0


def restore(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A copy that `monitor backup` made.", show_default=False)
    ],
    workspace: options.WorkspaceOption = None,
    json: options.JsonOption = False,
) -> int:
    """Put a copy in the database's place, while nothing runs; what it replaces is kept beside it."""
    from monitor.clock import WallClock
    from monitor.store import copies

    settings = options.settings_of(workspace)
    if settings.database is None:
        raise UsageError(
            "restore puts a file in a file's place, and this store is on PostgreSQL",
            hint=f"move the copy into an empty database: monitor migrate-state sqlite:///{file} postgresql://…",
        )
    kept = copies.restore(file, settings.database, now=WallClock().now())
    if options.wants_json(json):
        output.data({"restored": str(settings.database), "replaced": str(kept) if kept else None})
    output.note(f"restored {settings.database}" + (f"; what was there is now {kept}" if kept else ""))
    return 0


def prune(
    older_than: Annotated[str, typer.Option("--older-than", metavar="90d", help="Remove records older than this.")],
    workspace: options.WorkspaceOption = None,
    json: options.JsonOption = False,
) -> int:
    """Remove old records, but never a baseline, an open incident, an undelivered message or a watch's last 50."""
    from monitor.cli.process import open_store
    from monitor.clock import WallClock
    from monitor.files import durations

    try:
        keep = durations.parse(older_than)
    except ValueError as problem:
        raise UsageError(f"--older-than: {problem}") from None
    with open_store(options.settings_of(workspace), create=False) as store:
        removed = store.prune(WallClock().now(), keep, sleep=time.sleep)
    if options.wants_json(json):
        output.data({"removed": removed})
    else:
        output.line(f"removed {removed} records older than {durations.spell(keep)}")
    return 0


def rename(
    old: Annotated[
        str, typer.Argument(metavar="OLD", help="What the watch is called in the records.", show_default=False)
    ],
    new: Annotated[str, typer.Argument(metavar="NEW", help="What it is called from now on.", show_default=False)],
    workspace: options.WorkspaceOption = None,
    json: options.JsonOption = False,
) -> int:
    """Move a watch with its history: its file if it is named after it, its records in any case."""
    from monitor.cli import workspace as rooms
    from monitor.cli.process import open_store, store_exists
    from monitor.clock import WallClock
    from monitor.watch import names

    try:
        new = names.checked(new)
    except ValueError as problem:
        raise UsageError(f"{new!r} cannot be a name: {problem}") from None
    settings = options.settings_of(workspace)
    loaded = rooms.load(settings)
    if names.folded(new) in {names.folded(name) for name in loaded.watches} and new in loaded.watches:
        raise UsageError(f'there is a watch "{new}" already', hint="choose another name")
    file = _own_file(settings.workspace, old, new)
    moved = 0
    if store_exists(settings):
        with open_store(settings, create=False) as store:
            moved = store.rename(old, new, WallClock().now())
    if file is not None:
        file.rename(file.with_name(f"{new}{file.suffix}"))
        output.note(f"{file.name} is now {new}{file.suffix}")
    elif old in loaded.watches:
        where = loaded.sources[old]
        output.note(f'now write name: "{new}" in {where.file}:{where.line}')
    elif not moved:
        raise UsageError(f'there is no watch "{old}", and no records of one', hint="monitor status lists them")
    if options.wants_json(json):
        output.data({"moved": moved, "from": old, "to": new})
    else:
        output.line(f"moved {moved} records of {old} to {new}")
    return 0


def _own_file(workspace: Path, old: str, new: str) -> Path | None:
    """Return the file that gives the watch its name, if its stem does; raises UsageError if the new name is taken."""
    from monitor.files import documents

    for path in sorted((workspace / "watches").rglob("*.y*ml")):
        if path.stem != old:
            continue
        found, _problems = documents.read_all(path)
        if any(isinstance(document.value, dict) and "name" in document.value for document in found):
            return None
        if path.with_name(f"{new}{path.suffix}").exists():
            raise UsageError(f"{new}{path.suffix} exists already", hint="choose another name")
        return path
    return None


def rejudge(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN...", help="Runs whose raw results are stored.", show_default=False)
    ],
    workspace: options.WorkspaceOption = None,
    json: options.JsonOption = False,
) -> int:
    """Judge stored raw results again with the present definition; no run is made, nothing is paid."""
    from monitor.cli import workspace as rooms
    from monitor.cli.process import open_store
    from monitor.cli.run import show

    settings = options.settings_of(workspace)
    loaded = rooms.load(settings)
    records = []
    with open_store(settings, create=False) as store:
        for name in runs:
            found = store.record(name)
            if found is None:
                raise UsageError(f'there is no run "{name}"', hint="monitor history NAME lists runs")
            records.append(_again(store, found, rooms.pick(loaded, [found.watch])[0], settings.public_url))
    if options.wants_json(json):
        output.data([record.as_json() for record in records])
    else:
        for record in records:
            show(record)
    return 3 if any(record.verdict in {"FAILED", "INVALID"} for record in records) else 0


def _again(store: Store, found: Record, watch: Watch, dashboard: str | None) -> Record:
    """Judge one finished run again and commit what comes of it; raises UsageError for what never ran."""
    from monitor.alert.message import compose
    from monitor.clock import WallClock
    from monitor.engine.desk import address
    from monitor.judge.decide import decide
    from monitor.watch.run import new_id

    stored = store.rejudging(found.id)
    if stored is None:
        raise UsageError(f"run {found.id} did not run ({found.verdict}): there is no result to judge")
    now = WallClock().now()
    decision = decide(watch, stored.run, stored.outcome, stored.state, now, lambda: new_id(now))
    page = address(dashboard, "runs", found.id)
    deliveries = [item for note in decision.notifications for item in compose(note, watch, stored.run, now, page)]
    return store.rejudged(stored, decision, deliveries, generation=watch.fingerprint, now=now)
