"""An `Outcome` as one JSON object and back, exactly: what is committed before anything is judged (reliability.md B6).

Must not know tables or what an outcome means.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any

from monitor.agent.outcome import Cancelled, Code, Completed, Failed, Fault, NotStarted, Outcome, TimedOut
from monitor.errors import StoreCorrupt
from monitor.store.records import Unfinished

_KINDS: dict[str, type[Outcome]] = {each.kind: each for each in (Completed, Failed, Cancelled, TimedOut, NotStarted)}


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Return the outcome as a JSON object; a result that is a field of `raw` is named there and not written twice."""
    stored: dict[str, Any] = {
        "kind": outcome.kind,
        "run_id": outcome.run_id,
        "raw": outcome.raw,
        "steps": outcome.steps,
        "started_at": outcome.started_at.isoformat() if outcome.started_at else None,
        "finished_at": outcome.finished_at.isoformat() if outcome.finished_at else None,
        "fault": dataclasses.asdict(outcome.fault) if outcome.fault else None,
    }
    if isinstance(outcome, Completed) and outcome.result is not None:
        raw = outcome.raw if isinstance(outcome.raw, dict) else {}
        shared = next((key for key, value in raw.items() if value is outcome.result), None)
        stored |= {"result": outcome.result} if shared is None else {"result_in": shared}
    return stored


def from_json(stored: dict[str, Any]) -> Outcome:
    """Return the outcome that `as_json` was given; raises StoreCorrupt when the object is none of those."""
    try:
        fields: dict[str, Any] = {
            "run_id": stored["run_id"],
            "raw": stored["raw"],
            "steps": stored["steps"],
            "started_at": _instant(stored["started_at"]),
            "finished_at": _instant(stored["finished_at"]),
            "fault": _fault(stored["fault"]),
        }
        kind = _KINDS[stored["kind"]]
        if kind is Completed:
            fields["result"] = stored["raw"][stored["result_in"]] if "result_in" in stored else stored.get("result")
        return kind(**fields)
    except (KeyError, TypeError, ValueError) as error:
        raise StoreCorrupt(f"a stored outcome cannot be read: {error!r}", hint="run `monitor doctor`") from error


def outcome_of(unfinished: Unfinished) -> Outcome:
    """Return the outcome of a settled run exactly as it was settled; raises ValueError when the run is not settled."""
    if unfinished.outcome is None:
        raise ValueError(f"run {unfinished.run.id} is not settled")
    return from_json(unfinished.outcome)


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _fault(stored: dict[str, Any] | None) -> Fault | None:
    return Fault(**(stored | {"code": Code(stored["code"])})) if stored else None
