"""`monitor run`: run watches now, show how they go, deliver what they give rise to, print what came out."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli import options, output
from monitor.errors import UsageError

if TYPE_CHECKING:
    from monitor.cli.process import Process
    from monitor.settings import Settings
    from monitor.store.records import Record
    from monitor.watch.load import Loaded
    from monitor.watch.model import Watch

DELIVER_WITHIN = 10.0  # seconds; what is left, the daemon delivers (interface.md)


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("run")(run)


def run(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME...", help="The watches to run.", show_default=False)
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Run and judge, but move no baseline and tell nobody.")
    ] = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit 10 if something changed.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Run every enabled watch.")] = False,
    tag: Annotated[
        str | None, typer.Option("--tag", metavar="T", help="Run every enabled watch with this tag.")
    ] = None,
    agent: options.AgentOption = None,
    workspace: options.WorkspaceOption = None,
    json: options.JsonOption = False,
) -> int:
    """Run watches now and print what came out."""
    from monitor.cli import logs, process, provenance
    from monitor.cli import workspace as rooms

    settings = options.settings_of(workspace, agent=agent)
    process.require_key(settings)
    logs.quiet()
    loaded = rooms.load(settings)
    watches = _chosen(loaded, names or [], everything=everything, tag=tag)
    as_json = options.wants_json(json)
    records = asyncio.run(_run(settings, loaded, watches, dry=dry_run, quiet=as_json))
    if as_json:
        output.data([record.as_json() for record in records])
    else:
        hints = hints_of(settings, records) | provenance.advice(settings, records)
        for record in records:
            show(record, hints.get(record.id))
    return _exit(records, exit_code=exit_code, broken=bool(loaded.errors) and not names)


def _chosen(loaded: Loaded, names: Sequence[str], *, everything: bool, tag: str | None) -> list[Watch]:
    from monitor.cli import workspace as rooms

    if names and (everything or tag):
        raise UsageError("name watches, or say --all or --tag, not both")
    if names:
        return rooms.pick(loaded, list(dict.fromkeys(names)))
    if not everything and not tag:
        raise UsageError("which watch?", hint="monitor run NAME, or --all, or --tag T")
    for problem in loaded.errors:
        output.note(str(problem))
    chosen = [watch for watch in loaded.watches.values() if watch.enabled and (tag is None or tag in watch.tags)]
    if not chosen:
        raise UsageError(
            f'no enabled watch has the tag "{tag}"' if tag else "there is no enabled watch",
            hint="monitor validate lists them",
        )
    return chosen


async def _run(settings: Settings, loaded: Loaded, watches: list[Watch], *, dry: bool, quiet: bool) -> list[Record]:
    from monitor.cli.interrupt import attended
    from monitor.cli.live import progress_for
    from monitor.cli.process import opened
    from monitor.clock import WallClock
    from monitor.engine.hosts import Turns

    clock = WallClock()
    async with opened(settings, lambda: loaded, clock) as process:
        turns = Turns(settings.concurrency, settings.hosts.get, clock)
        started: set[str] = set()
        with progress_for(clock, quiet=quiet) as display:

            async def one(watch: Watch) -> Record:
                async with turns.turn(watch.url):
                    started.add(watch.name)
                    record = await _execute(process, watch, display.of(watch.name), dry=dry)
                    display.end(watch.name, record)
                    return record

            work = _all([one(watch) for watch in watches])
            records = await attended(work, lambda: _cancel(process, loaded, started), display.aside)
        if process.told.is_set() or (not dry and await _left_behind(process)):
            left = await process.outbox.drain(DELIVER_WITHIN)
            if left:
                output.note(f"not delivered yet: {left} (the daemon, or the next run, goes on trying)")
        return records


async def _left_behind(process: Process) -> bool:
    """Return whether messages of earlier runs wait and no daemon is there to send them."""
    desk = process.desk
    waiting = (await desk.writer.read(desk.store.outbox_counts))["pending"]
    return bool(waiting) and not await desk.writer.read(desk.store.heartbeats)


async def _all(runs: list[Coroutine[None, None, Record]]) -> list[Record]:
    """Await every run; when one breaks or we are interrupted, let go of the others: their rows stay."""
    tasks = [asyncio.create_task(run) for run in runs]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _cancel(process: Process, loaded: Loaded, started: set[str]) -> None:
    """Cancel what this process has in flight and say what became of it."""
    from monitor.engine.cancel import cancel_run

    desk = process.desk
    for left in await desk.writer.read(desk.store.in_flight):
        if left.run.watch in started and left.owner == desk.owner.id:
            outcome = await cancel_run(desk, left, loaded.watches.get(left.run.watch))
            output.note(f"{left.run.watch}: {outcome.kind}{f' - {outcome.fault.message}' if outcome.fault else ''}")


async def _execute(process: Process, watch: Watch, show_progress: object, *, dry: bool) -> Record:
    from monitor.engine.execute import execute_to_the_end
    from monitor.watch.run import Run, Trigger, new_id

    now = process.desk.clock.now()
    # An occurrence of cron is a whole minute: a manual run never takes its key (reliability.md A4).
    due_at = now if now.microsecond else now.replace(microsecond=1)
    run_now = Run(new_id(now), watch.name, due_at, trigger=Trigger.MANUAL, dry=dry)
    return await execute_to_the_end(watch, run_now, process.desk, show_progress)  # type: ignore[arg-type] # both displays give Progress watchers


def show(record: Record, hint: str | None = None) -> None:
    """Print one record for people: verdict, reason, changes or violations, result, and what to do."""
    import json

    from monitor.engine.evidence import describe

    dry = " (dry run: no baseline moved, nobody told)" if record.dry else ""
    code = f" ({record.code})" if record.code else ""
    output.line(f"{record.watch}: {record.verdict}{code} - {record.reason}{dry}")
    for change in record.changes:
        output.line(f"  {describe(change)}")
    for violation in record.violations:
        output.line(f"  {violation['message']}")
    if record.result is not None and record.verdict in {"BASELINE", "UNCHANGED", "INVALID"}:
        output.line(f"  {json.dumps(record.result, ensure_ascii=False)[:2000]}")
    if hint:
        output.line(f"  {hint}")


def hints_of(settings: Settings, records: Sequence[Record]) -> dict[str, str]:
    """Return what to do about each record that failed, by run id, where the fault says so."""
    from monitor.cli.process import open_store

    bad = [record for record in records if record.verdict == "FAILED"]
    if not bad:
        return {}
    with open_store(settings) as store:
        outcomes = {record.id: store.outcome_of_record(record.id) for record in bad}
    return {
        name: outcome.fault.hint
        for name, outcome in outcomes.items()
        if outcome and outcome.fault and outcome.fault.hint
    }


def _exit(records: Sequence[Record], *, exit_code: bool, broken: bool) -> int:
    verdicts = {record.verdict for record in records}
    stopped = any(record.code in {"BREAKER", "CEILING"} for record in records)
    if stopped or verdicts & {"FAILED", "INVALID"}:
        return 3
    if broken:
        return 2
    return 10 if exit_code and "CHANGED" in verdicts else 0
