"""The document of `status`: every watch beside what the store knows of it. Pure but for the store's reads."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from monitor.engine.schedule import next_due
from monitor.store.records import WatchRow, stamp
from monitor.watch.model import Watch

if TYPE_CHECKING:
    from monitor.store.store import Store
    from monitor.watch.load import Loaded


_NEVER = WatchRow(
    watch="",
    last_verdict=None,
    last_reason=None,
    last_run=None,
    last_run_at=None,
    failing_since=None,
    failures=0,
    runs_today=0,
)


def _watch(watch: Watch, row: WatchRow, now: datetime) -> dict[str, Any]:
    coming = next_due(watch, now) if watch.enabled else []
    return {
        "name": watch.name,
        "enabled": watch.enabled,
        "tags": list(watch.tags),
        "next_due": stamp(coming[0]) if coming else None,
        "last_verdict": row.last_verdict,
        "last_reason": row.last_reason,
        "last_run": row.last_run,
        "last_run_at": stamp(row.last_run_at),
        "failing_since": stamp(row.failing_since),
        "failures": row.failures,
        "runs_today": row.runs_today,
    }


def report(loaded: Loaded, store: Store, now: datetime) -> dict[str, Any]:
    """Return the document of `status --json` (interface.md); watches that are no longer defined are left out."""
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    known = {row.watch: row for row in store.watch_rows(day)}
    watches = [_watch(watch, known.get(name, _NEVER), now) for name, watch in sorted(loaded.watches.items())]
    flight = [
        {
            "watch": left.run.watch,
            "run": left.run.id,
            "run_id": left.run_id,
            "stage": left.stage,
            "opened_at": stamp(left.opened_at),
        }
        for left in store.in_flight()
    ]
    counts = store.outbox_counts()
    return {
        "watches": watches,
        "in_flight": flight,
        "outbox": {"pending": counts["pending"] + counts["sending"], "dead": counts["dead"]},
        "stops": [
            {"kind": stop.kind, "code": stop.code, "message": stop.message, "since": stamp(stop.opened_at)}
            for stop in store.stops()
        ],
        "problems": [str(problem) for problem in loaded.problems if not problem.warning],
    }
