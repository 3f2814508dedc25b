"""`explain`: which rule told of a record or kept silent, and why. Reads only."""

from __future__ import annotations

import json as jsons
from typing import TYPE_CHECKING, Any

import typer

from monitor.cli import options, output
from monitor.cli.records import RunArgument, opened, record_of

if TYPE_CHECKING:
    from monitor.store.records import Delivery, Record


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("explain")(explain)


def explain(run: RunArgument, workspace: options.WorkspaceOption = None, json: options.JsonOption = False) -> int:
    """Which rule told or kept silent, and why; what was coerced on the way."""
    settings = options.settings_of(workspace)
    with opened(settings) as store:
        record = record_of(store, run)
        messages = [delivery for delivery in store.outbox(limit=100_000) if delivery.run == record.id]
    if options.wants_json(json):
        output.data(_as_json(record, messages))
        return 0
    output.line(
        f"{record.watch} {record.id}: {record.verdict}{f' {record.code}' if record.code else ''}, {record.reason}"
    )
    for look in record.looks:
        output.line(f"{look['rule']}: {'told' if look['told'] else 'silent'} ({look['kind']}): {look['why']}")
    if not record.looks:
        output.line(f"no rule was looked at: {_why_not(record)}")
    for coercion in record.coerced:
        before, after = (jsons.dumps(coercion[side], ensure_ascii=False) for side in ("before", "after"))
        output.line(f"read as {coercion['how']}: {coercion['path']} {before} -> {after}")
    for message in messages:
        output.line(f"message: {message.kind} to {message.target}: {message.state}")
    return 0


def _why_not(record: Record) -> str:
    if record.dry:
        return "a dry run tells nothing"
    if record.code == "CEILING":
        return "it did not run; what a ceiling holds back is told once a day, as a failure"
    return {
        "BASELINE": "the watch had no rules (notify)",
        "CHANGED": "the watch had no rules (notify)",
        "UNCHANGED": "nothing that is compared changed",
        "UNCONFIRMED": "the change waits for confirmation",
        "MISSED": "it did not run",
        "SKIPPED": "it did not run",
    }.get(record.verdict, "nothing was due to be told")


def _as_json(record: Record, messages: list[Delivery]) -> dict[str, Any]:
    return {
        "watch": record.watch,
        "run": record.id,
        "verdict": record.verdict,
        "code": record.code,
        "reason": record.reason,
        "looks": record.looks,
        "why": None if record.looks else _why_not(record),
        "coerced": record.coerced,
        "messages": [{"target": each.target, "kind": each.kind, "state": each.state} for each in messages],
    }
