"""What a watch remembers beside its baseline, as the JSON of one column: results stand in it as the ids of their runs.

Retention keeps those runs (`kept`). Must not know how a memory is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from monitor.judge.decision import Baseline, Flapping, Incident, Memory, Pending, WatchState
from monitor.store.columns import micros
from monitor.store.tables import runs

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANTS = ("bad_at", "since", "told_at")  # of `Flapping`


def as_json(state: WatchState) -> dict[str, Any] | None:
    """Return what the column holds of a state; None when nothing is remembered."""
    pending, incident = state.pending, state.incident
    found = {
        "first": state.first.run if state.first else None,
        "pending": [pending.run, pending.runs, micros(pending.since)] if pending else None,
        "rules": {key: [one.run, one.armed, one.failing] for key, one in state.memories.items()} or None,
        "profile": state.profile,
        "stale_told": state.stale_told or None,
        "incident": [micros(incident.told_at), incident.codes] if incident and incident.told_at else None,
        "flapping": _flapping(state.flapping),
    }
    return {name: value for name, value in found.items() if value is not None} or None


def _flapping(state: Flapping | None) -> dict[str, Any] | None:
    if state is None:
        return None
    instants = {name: getattr(state, name) for name in _INSTANTS}
    found = {
        "opened": [micros(instant) for instant in state.opened],
        "incidents": state.incidents,
        "codes": state.codes,
        **{name: micros(instant) for name, instant in instants.items() if instant},
    }
    return {name: value for name, value in found.items() if value}


def kept(stored: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield the ids of the runs whose results a stored memory needs."""
    stored = stored or {}
    yield from filter(None, [stored.get("first"), *(told for told, *_ in (stored.get("rules") or {}).values())])
    if stored.get("pending"):
        yield stored["pending"][0]


def restored(connection: Connection, stored: Mapping[str, Any] | None, baseline: Baseline | None) -> dict[str, Any]:
    """Return the fields of the `WatchState` whose memory this is; a run that is gone is remembered no more."""
    if not stored:
        return {}
    found = _results(connection, set(kept(stored)), baseline)
    fields: dict[str, Any] = {
        "first": found.get(stored.get("first", "")),
        "profile": stored.get("profile"),
        "stale_told": bool(stored.get("stale_told")),
        "flapping": _restored_flapping(stored.get("flapping")),
        "memories": {
            key: Memory(found[run].result if run in found else None, armed, run if run in found else None, failing)
            for key, (run, armed, failing) in (stored.get("rules") or {}).items()
        },
    }
    if stored.get("pending"):
        run, count, since = stored["pending"]
        if run in found:
            fields["pending"] = Pending(run, found[run].result, count, _instant(since))
    return fields


def with_told(incident: Incident | None, stored: Mapping[str, Any] | None) -> Incident | None:
    """Return an open incident with what a stored memory knows of it beside its own columns."""
    known = (stored or {}).get("incident")
    if incident is None or known is None:
        return incident
    return replace(incident, told_at=_instant(known[0]), codes=tuple(known[1]))


def _restored_flapping(stored: Mapping[str, Any] | None) -> Flapping | None:
    if stored is None:
        return None
    return Flapping(
        opened=tuple(map(_instant, stored.get("opened", ()))),
        incidents=stored.get("incidents", 0),
        codes=tuple(stored.get("codes", ())),
        **{name: _instant(stored[name]) for name in _INSTANTS if name in stored},
    )


def _instant(stored: int) -> datetime:
    return _EPOCH + timedelta(microseconds=stored)


def _results(connection: Connection, ids: set[str], baseline: Baseline | None) -> dict[str, Baseline]:
    known = {baseline.run: baseline} if baseline is not None and baseline.run in ids else {}
    missing = ids - known.keys()
    if missing:
        query = select(runs.c.id, runs.c.due_at, runs.c.result).where(runs.c.id.in_(missing))
        known |= {row.id: Baseline(row.id, row.due_at, row.result) for row in connection.execute(query)}
    return known
