"""The document of `status`: every watch beside what the store knows of it. Pure but for the store's reads."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from monitor.engine.schedule import next_due
from monitor.store.owners import daemon_is_gone
from monitor.store.records import WatchRow, stamp
from monitor.watch.model import Watch

if TYPE_CHECKING:
    from monitor.files.hours import QuietHours
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


def _watch(watch: Watch, row: WatchRow, now: datetime, pauses: dict[str, datetime | None]) -> dict[str, Any]:
    coming = next_due(watch, now) if watch.enabled else []
    return {
        "name": watch.name,
        "enabled": watch.enabled,
        "paused": watch.name in pauses,
        "paused_until": stamp(pauses.get(watch.name)),
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


def _daemon(store: Store, now: datetime) -> dict[str, Any]:
    """Return what the heartbeats say of a daemon in another process (reliability.md C10); no daemon is no problem.

    `now` is the machine's time, as the heartbeats are.
    """
    beats = store.heartbeats()
    stale = [beat for beat in beats if now > beat.until]
    problems = [f"the daemon's {beat.part} has not moved since {stamp(beat.moved_at)}" for beat in stale]
    if beats and stale == beats and daemon_is_gone(store.path.parent):
        last = stamp(max(beat.moved_at for beat in beats))
        problems = [f"the daemon ended without being stopped; it last moved at {last}: start it again"]
    return {
        "expected": bool(beats),
        "parts": {beat.part: {"moved_at": stamp(beat.moved_at), "ok": beat not in stale} for beat in beats},
        "problems": problems,
    }


def report(loaded: Loaded, store: Store, now: datetime, quiet: QuietHours | None = None) -> dict[str, Any]:
    """Return the document of `status --json` (interface.md); watches that are no longer defined are left out."""
    pauses = store.pauses(now)
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    known = {row.watch: row for row in store.watch_rows(day)}
    watches = [_watch(watch, known.get(name, _NEVER), now, pauses) for name, watch in sorted(loaded.watches.items())]
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
    return {
        "watches": watches,
        "in_flight": flight,
        "outbox": _outbox(store, now, quiet, pauses),
        "stops": [
            {"kind": stop.kind, "code": stop.code, "message": stop.message, "since": stamp(stop.opened_at)}
            for stop in store.stops()
        ],
        "daemon": _daemon(store, now),
        "problems": [str(problem) for problem in loaded.problems if not problem.warning],
    }


def _outbox(
    store: Store, now: datetime, quiet: QuietHours | None, pauses: dict[str, datetime | None]
) -> dict[str, Any]:
    """Return how many messages wait, how many of them are held and until when, and which targets refuse."""
    counts = store.outbox_counts()
    end = quiet.until(now) if quiet is not None else None
    by_quiet, by_pause = store.held(now, quiet.hold if quiet is not None and end is not None else frozenset())
    ends = [end] if by_quiet else []
    ends += [until for until in pauses.values() if by_pause]
    known = [until for until in ends if until is not None]
    return {
        "pending": counts["pending"] + counts["sending"],
        "dead": counts["dead"],
        "held": by_quiet + by_pause,
        "held_until": stamp(min(known)) if known else None,
        "refusing": sorted(store.refusing()),
    }
