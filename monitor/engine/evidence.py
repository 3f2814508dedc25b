"""The evidence of one record in one file, each part with its SHA-256 in a manifest: for people who have no store.

Whoever gets it can check what was compared, how it was judged and what was told. Reads only; must not know where the
file goes: `show RUN --bundle FILE.zip` and the dashboard's run page give out the same one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from monitor.errors import UsageError
from monitor.store.records import stamp

if TYPE_CHECKING:
    from monitor.settings import Settings
    from monitor.store.records import Judgement, Record
    from monitor.store.store import Store

MOST = 128 * 2**20  # bytes of all parts before they are packed; the store takes no record that comes near

_EPOCH = (1980, 1, 1, 0, 0, 0)  # of every part: the same evidence is the same file
_ABOUT = """\
The evidence of one record of goal-monitor.

record.json      the record: verdict, reason, outcome, changes, messages
before.json      the result that it was compared with (the baseline), and the run that gave it; null for a first one
after.json       the result of this run, as read
diff.json        the difference of the two; diff.txt is the same for people
validation.json  where the result broke its schema, what was coerced on the way, and which rule told or kept silent
raw.json         the terminal record as the agent's API gave it
steps.json       the agent's steps as they were streamed
timing.json      when it was due, opened, run and finished
cost.json        steps, and dollars at the price of this workspace
judgements.json  what the record said before it was judged again
manifest.json    the SHA-256 and the length of each of these files
"""


def bundle(store: Store, record: Record, settings: Settings, now: datetime) -> tuple[bytes, dict[str, Any]]:
    """Return the zip file of a record read with its raw part, and its manifest; the same evidence is the same file.

    Blocks for as long as reading and packing take. Raises UsageError for more than `MOST` bytes, StoreError.
    """
    parts = {"README.txt": _ABOUT.encode()} | {
        name: _bytes(value) for name, value in _parts(store, record, settings).items()
    }
    if sum(map(len, parts.values())) > MOST:
        raise UsageError(f"the evidence of {record.id} is larger than {MOST // 2**20} MiB", hint="monitor show --json")
    manifest = _manifest(record, parts, now)
    return _packed(parts | {"manifest.json": _bytes(manifest)}), manifest


def describe(change: Mapping[str, object]) -> str:
    """Return one change as a line: `/price: 499 -> 449`."""

    def value(key: str) -> str:
        text = json.dumps(change[key], ensure_ascii=False)
        return text if len(text) <= 200 else text[:200] + "…"

    note = f" [{change['note']}]" if change.get("note") else ""
    if change["kind"] == "added":
        return f"{change['path']}: + {value('after')}{note}"
    if change["kind"] == "removed":
        return f"{change['path']}: - {value('before')}{note}"
    return f"{change['path']}: {value('before')} -> {value('after')}{note}"


def _packed(parts: Mapping[str, bytes]) -> bytes:
    import io
    import zipfile

    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in parts.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o600 << 16
            packed.writestr(entry, content)
    return file.getvalue()


def _manifest(record: Record, parts: dict[str, bytes], now: datetime) -> dict[str, Any]:
    from monitor import __version__

    files = [
        {"name": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in parts.items()
    ]
    about = {"run": record.id, "watch": record.watch, "generation": record.generation}
    return {"goal_monitor": __version__, "written_at": stamp(now), **about, "files": files}


def _parts(store: Store, record: Record, settings: Settings) -> dict[str, Any]:
    """Return the value of each part by file name."""
    before = store.baseline_before(record)
    messages = store.messages_of(record.id)
    lines = [describe(change) for change in record.changes] or ["no difference"]
    return {
        "record.json": record.whole(messages) | {"raw": "in raw.json"},
        "before.json": None
        if before is None
        else {"run": before.id, "due_at": stamp(before.due_at), "result": before.result},
        "after.json": record.result,
        "diff.json": record.changes,
        "diff.txt": "\n".join(lines) + "\n",
        "validation.json": {"violations": record.violations, "coerced": record.coerced, "looks": record.looks},
        "raw.json": record.raw,
        "steps.json": store.progress(record.id),
        "timing.json": _timing(record),
        "cost.json": _cost(record, settings),
        "judgements.json": [_judgement(each) for each in store.earlier_judgements(record.id)],
    }


def _timing(record: Record) -> dict[str, Any]:
    took = (record.finished_at - record.started_at).total_seconds()
    late = (record.started_at - record.due_at).total_seconds()
    instants = {name: stamp(getattr(record, name)) for name in ("due_at", "started_at", "finished_at")}
    return {**instants, "seconds": round(took, 3), "seconds_late": round(late, 3), "trigger": record.trigger}


def _cost(record: Record, settings: Settings) -> dict[str, Any]:
    usd = None if record.steps is None else round(record.steps * settings.price, 4)
    return {"steps": record.steps, "usd_per_step": settings.price, "usd": usd}


def _judgement(judgement: Judgement) -> dict[str, Any]:
    names = ("generation", "verdict", "code", "reason", "changes", "violations", "result")
    return {"replaced_at": stamp(judgement.replaced_at)} | {name: getattr(judgement, name) for name in names}


def _bytes(value: Any) -> bytes:
    """Return a text as it is, anything else as JSON; lone surrogates stay readable as escapes."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    text = json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n"
    try:
        return text.encode()
    except UnicodeEncodeError:
        return (json.dumps(value, indent=2, default=str) + "\n").encode()
