"""`history`, `show`, `diff`: what the store knows, for people and as JSON. Reads only."""

from __future__ import annotations

import json as jsons
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli import options, output
from monitor.errors import UsageError

if TYPE_CHECKING:
    from monitor.settings import Settings
    from monitor.store.records import Record
    from monitor.store.store import Store
    from monitor.watch.load import Loaded

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The watch.", show_default=False)]
RunArgument = Annotated[
    str,
    typer.Argument(metavar="RUN", help="A run's id (or its beginning), or the API's run_id.", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("history")(history)
    app.command("show")(show)
    app.command("diff")(diff)


def history(
    name: NameArgument,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="How many records, newest first.")] = 20,
    verdict: Annotated[str | None, typer.Option("--verdict", metavar="V", help="Only records of this verdict.")] = None,
    workspace: options.WorkspaceOption = None,
    json: options.JsonOption = False,
) -> int:
    """The records of a watch, newest first."""
    from monitor.judge.decision import Verdict

    settings = options.settings_of(workspace)
    wanted = verdict.upper() if verdict else None
    if wanted and wanted not in Verdict.__members__:
        raise UsageError(f'"{verdict}" is not a verdict', hint=f"one of {', '.join(Verdict.__members__)}")
    with known(settings, name) as store:
        records = store.history(name, limit=limit, verdict=wanted)
    if options.wants_json(json):
        output.data([record.as_json() for record in records])
        return 0
    output.table(
        ["due", "run", "verdict", "code", "trigger", "reason"],
        [
            [_when(record.due_at), record.id, _verdict(record), record.code, record.trigger, record.reason]
            for record in records
        ],
    )
    return 0


def show(
    run: RunArgument,
    bundle: Annotated[
        Path | None,
        typer.Option("--bundle", metavar="FILE.zip", help="Write the evidence of the record into a file of its own."),
    ] = None,
    workspace: options.WorkspaceOption = None,
    json: options.JsonOption = False,
) -> int:
    """One record whole: outcome, decision, result, raw record, messages."""
    from monitor.cli.run import hints_of

    settings = options.settings_of(workspace)
    with opened(settings) as store:
        record = record_of(store, run, raw=True)
        messages = store.messages_of(record.id)
        if bundle is not None:
            return _bundled(bundle, store, record, settings, json=options.wants_json(json))
    hint = hints_of(settings, [record]).get(record.id)
    if options.wants_json(json):
        output.data(record.whole(messages))
        return 0
    _print_record(record, hint)
    for message in messages:
        output.line(
            f"message:  {message.kind} to {message.target}: {message.state}, "
            f"{message.attempts} {'attempt' if message.attempts == 1 else 'attempts'}{_because(message.error)}"
        )
    return 0


def _bundled(path: Path, store: Store, record: Record, settings: Settings, *, json: bool) -> int:
    """Write the bundle and say what is in it."""
    from monitor.cli import bundle
    from monitor.clock import WallClock

    manifest = bundle.write(path, store, record, settings, WallClock().now())
    if json:
        output.data(manifest | {"file": str(path)})
    else:
        output.note(f"wrote {path}: {len(manifest['files']) + 1} files about {record.watch} {record.id}")
    return 0


def _because(error: str | None) -> str:
    return f" - {error}" if error else ""


def _print_record(record: Record, hint: str | None) -> None:
    from monitor.cli import provenance
    from monitor.engine.evidence import describe

    outcome = record.outcome
    said = " ".join(str(part) for part in (outcome["kind"], outcome["code"], outcome["api_code"]) if part)
    lines = {
        "watch": record.watch,
        "run": f"{record.id}{' (dry)' if record.dry else ''}",
        "run_id": record.run_id or "none",
        "due": _when(record.due_at),
        "ran": f"{_when(record.started_at)} to {_when(record.finished_at)}",
        "trigger": f"{record.trigger}, attempt {record.attempt}",
        "outcome": said,
        "message": outcome["message"],
        "hint": hint,
        "steps": record.steps,
        "verdict": record.verdict,
        "reason": record.reason,
    }
    for label, value in lines.items():
        if value is not None:
            output.line(f"{label + ':':9} {value}")
    for change in record.changes:
        output.line(f"change:   {describe(change)}")
    for violation in record.violations:
        output.line(f"violation: {violation['message']}")
    for coercion in record.coerced:
        before, after = (jsons.dumps(coercion[side], ensure_ascii=False) for side in ("before", "after"))
        output.line(f"coerced:  {coercion['path']} {before} -> {after} ({coercion['how']})")
    output.line(f"result:   {jsons.dumps(record.result, ensure_ascii=False, indent=2)}")
    for line in provenance.lines(record.raw):
        output.line(line)
    if record.raw is not None:
        output.line(f"raw:      {jsons.dumps(record.raw, ensure_ascii=False, indent=2)}")


def diff(
    name: NameArgument,
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN] [RUN]",
            help="Two runs; one is held against the newest good result; none: the last change.",
        ),
    ] = None,
    workspace: options.WorkspaceOption = None,
    json: options.JsonOption = False,
) -> int:
    """The difference between two results of a watch: old and new side by side, one line each when piped."""
    from monitor.cli import difference
    from monitor.cli import workspace as rooms
    from monitor.judge.comparison.compare import changes

    settings = options.settings_of(workspace)
    watch = rooms.pick(rooms.load(settings), [name])[0]
    with opened(settings) as store:
        before, after = _two(store, name, runs or [])
    found = changes(before.result, after.result, watch.output_schema, watch.compare)
    if options.wants_json(json):
        output.data(
            {"watch": name, "before": before.id, "after": after.id, "changes": [change.as_json() for change in found]}
        )
        return 0
    output.note(f"{name}: {before.id} ({_when(before.due_at)}) and {after.id} ({_when(after.due_at)})")
    difference.show(found, before.result, after.result, terminal=sys.stdout.isatty())
    if not found:
        output.note("no difference")
    return 0


def _two(store: Store, name: str, runs: Sequence[str]) -> tuple[Record, Record]:
    """Return (before, after): the runs named, or the newest change and the good result before it.

    One run is held against the newest good result. Without a change since the watch was edited, the two newest are.
    """
    if len(runs) > 2:
        raise UsageError("a difference is between two runs")
    named = [_good_run(store, name, run) for run in runs]
    good = store.latest_result(name, 1_000)
    if len(named) == 2:
        return named[0], named[1]
    if not good or (not named and len(good) < 2):
        raise UsageError(f'"{name}" has not two good results yet', hint=f"monitor history {name} lists what there is")
    if named:
        return named[0], good[0]
    same = [record for record in good if record.generation == good[0].generation]
    changed = next((index for index, record in enumerate(same[:-1]) if record.verdict == "CHANGED"), 0)
    return good[changed + 1], good[changed]


def _good_run(store: Store, name: str, run: str) -> Record:
    record = record_of(store, run)
    if record.watch != name:
        raise UsageError(f"run {record.id} is one of {record.watch}, not of {name}")
    if record.result is None:
        raise UsageError(f"run {record.id} has no result: {record.verdict}, {record.reason}")
    return record


def record_of(store: Store, run: str, *, raw: bool = False) -> Record:
    """Return the record of a run; raises UsageError when there is none."""
    record = store.record(run, raw=raw)
    if record is None:
        hint = "an id, at least 6 characters of its beginning, or the API's run_id; monitor history NAME lists runs"
        raise UsageError(f'there is no run "{run}"', hint=hint)
    return record


def opened(settings: Settings) -> Store:
    """Return the workspace's store; raises StoreError when there is none yet."""
    from monitor.cli.process import open_store

    return open_store(settings, create=False)


def known(settings: Settings, name: str) -> Store:
    """Return the store, if the watch has records or a definition."""
    from monitor.cli import workspace as rooms

    store = opened(settings)
    if not store.history(name, limit=1):
        loaded: Loaded = rooms.load(settings)
        try:
            rooms.pick(loaded, [name])
        except UsageError:
            store.close()
            raise
    return store


def _verdict(record: Record) -> str:
    return f"{record.verdict} (dry)" if record.dry else record.verdict


def _when(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
