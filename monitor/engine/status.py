"""The document of `status`: every watch beside what the store knows of it, for the command line and the API.

Pure but for the store's reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from monitor.engine.agenda import Dues
from monitor.store.records import WatchRow, stamp
from monitor.watch.model import Watch

if TYPE_CHECKING:
    from monitor.files.hours import QuietHours
    from monitor.files.problems import Problem
    from monitor.settings import Settings
    from monitor.store.store import Store


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


def _watch(
    watch: Watch, row: WatchRow, now: datetime, pauses: dict[str, datetime | None], dues: Dues
) -> dict[str, Any]:
    return {
        "name": watch.name,
        "enabled": watch.enabled,
        "paused": watch.name in pauses,
        "paused_until": stamp(pauses.get(watch.name)),
        "tags": list(watch.tags),
        "next_due": stamp(dues.next(watch, now)),
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
    if beats and stale == beats and store.daemon_is_gone():
        last = stamp(max(beat.moved_at for beat in beats))
        problems = [f"the daemon ended without being stopped; it last moved at {last}: start it again"]
    return {
        "expected": bool(beats),
        "parts": {beat.part: {"moved_at": stamp(beat.moved_at), "ok": beat not in stale} for beat in beats},
        "problems": problems,
    }


def rows(watches: Mapping[str, Watch], store: Store, now: datetime, dues: Dues) -> list[dict[str, Any]]:
    """Return what there is to say of each watch, by name; `dues` may be kept from one call to the next."""
    pauses, known = store.pauses(now), {row.watch: row for row in store.watch_rows(_day(now))}
    return [_watch(watch, known.get(name, _NEVER), now, pauses, dues) for name, watch in sorted(watches.items())]


def document(
    settings: Settings,
    watches: Mapping[str, Watch],
    problems: Sequence[Problem],
    store: Store,
    now: datetime,
    machine: datetime | None = None,
    dues: Dues | None = None,
) -> dict[str, Any]:
    """Return the document of `status --json` (interface.md), for the command line and the API alike.

    Watches that are no longer defined are left out. `machine` is the machine's time where `now` is that of a driven
    clock; `dues` may be kept from one call to the next.
    """
    reload = store.last_reload()
    dollars = settings.usd_per_day if settings.agent == "tinyfish" else None
    return {
        "watches": rows(watches, store, now, dues or Dues()),
        "in_flight": _flight(store),
        "outbox": _outbox(store, now, settings.quiet_hours, store.pauses(now)),
        "spending": _spending(store, _day(now), settings.price),
        "stops": [
            {"kind": stop.kind, "code": stop.code, "message": stop.message, "since": stamp(stop.opened_at)}
            for stop in store.stops()
        ],
        "daemon": _daemon(store, machine or now),
        "reload": reload.as_json() if reload is not None else None,
        "problems": [str(problem) for problem in problems if not problem.warning],
        "ceilings": {"runs_per_day": settings.runs_per_day, "usd_per_day": dollars},
    }


def _day(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def _flight(store: Store) -> list[dict[str, Any]]:
    """Return the runs that are not judged yet."""
    return [
        {
            "watch": left.run.watch,
            "run": left.run.id,
            "run_id": left.run_id,
            "stage": left.stage,
            "opened_at": stamp(left.opened_at),
        }
        for left in store.in_flight()
    ]


def _spending(store: Store, day: datetime, usd_per_step: float) -> dict[str, Any]:
    """Return what all watches spent since a day began; steps that are not known yet are counted as usual."""
    steps = store.steps_since(day)
    return {
        "runs_today": store.runs_since(None, day),
        "steps_today": steps,
        "usd_today": round(steps * usd_per_step, 4),
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
