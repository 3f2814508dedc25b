"""What the API says, as frozen values: events of a stream, run objects, list pages, cancel answers, error envelopes.

Owns the tolerant reading: snake and camel case, absent and null alike, errors as null, string or object, unknown fields
ignored (agent-api.md sections 4 to 7). Nothing here raises for what the API sent, except `Damaged` for a list without
rows. Must not know what follows from an event.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from monitor.agent.sse import Payload
from monitor.agent.wire import Damaged, count, first, instant, read_object, run_id, string

TERMINAL = frozenset({"COMPLETED", "FAILED", "CANCELLED"})


@dataclass(frozen=True, slots=True)
class RunError:
    """The error of a run or of an envelope, as the API gave it: texts are not sanitised yet (`faults` does)."""

    message: str = ""
    code: str | None = None
    category: str | None = None
    retry_after: float | None = None
    help_message: str | None = None
    details: Any = None


@dataclass(frozen=True, slots=True)
class Started:
    """The run exists and has this id."""

    run_id: str


@dataclass(frozen=True, slots=True)
class StreamingUrl:
    """Where the live browser can be watched; a secret of sorts: whoever has the url can watch (agent-api.md 12)."""

    run_id: str | None
    url: str


@dataclass(frozen=True, slots=True)
class Progress:
    """One step in prose; not data."""

    run_id: str | None
    purpose: str


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The stream is alive."""

    run_id: None = None


@dataclass(frozen=True, slots=True)
class Complete:
    """The end of the run; `status` is None where the event has none that is known, `raw` the event as it came."""

    run_id: str | None
    status: str | None
    result: Any
    error: RunError | None
    at: datetime | None
    raw: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Unknown:
    """An event of a type that means nothing to us, TF_API_RESULT among them; its run id still counts."""

    type: str
    run_id: str | None


@dataclass(frozen=True, slots=True)
class Garbled:
    """An event that cannot be read; `final` when it may have been the COMPLETE event."""

    reason: str
    final: bool
    run_id: None = None


WireEvent = Started | StreamingUrl | Progress | Heartbeat | Complete | Unknown | Garbled


@dataclass(frozen=True, slots=True)
class RunSnapshot:
    """A run as GET, list, `/run` or `/run-async` shows it; an unknown status means "still running"."""

    run_id: str | None
    status: str | None
    goal: str | None
    created_at: datetime | None
    result: Any
    error: RunError | None
    steps: int | None
    started_at: datetime | None
    finished_at: datetime | None
    streaming_url: str | None
    raw: dict[str, Any]

    @property
    def terminal(self) -> bool:
        """True when the run has ended."""
        return self.status in TERMINAL


@dataclass(frozen=True, slots=True)
class RunPage:
    """One page of `GET /v1/runs`."""

    runs: tuple[RunSnapshot, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class CancelAnswer:
    """What a cancel came to: the run's status may be COMPLETED or FAILED, and is honoured (agent-api.md section 7)."""

    run_id: str | None
    status: str | None
    message: str | None


def event(payload: Payload) -> WireEvent:
    """Return the event of one SSE payload; the `event:` name counts only where the JSON has no type."""
    try:
        fields = read_object(payload.data)
    except Damaged as error:
        return Garbled(str(error), final="COMPLETE" in payload.data or payload.name == "COMPLETE")
    kind = string(fields.get("type")) or payload.name
    known = run_id(first(fields, "run_id", "runId"))
    if kind == "COMPLETE":
        if payload.damaged:
            return Garbled("the COMPLETE event is not UTF-8", final=True)
        return _complete(fields, known)
    url = string(first(fields, "streaming_url", "streamingUrl"))
    if kind == "STARTED" and known:
        return Started(known)
    if kind == "STREAMING_URL" and url:
        return StreamingUrl(known, url)
    if kind == "PROGRESS":
        return Progress(known, string(first(fields, "purpose", "message")) or "")
    if kind == "HEARTBEAT":
        return Heartbeat()
    return Unknown(kind[:64], known)


def _complete(fields: dict[str, Any], known: str | None) -> Complete:
    status = string(fields.get("status"))
    return Complete(
        run_id=known,
        status=status if status in TERMINAL else None,
        result=result(fields),
        error=run_error(fields.get("error"), beside=fields),
        at=instant(fields.get("timestamp")),
        raw=fields,
    )


def result(fields: dict[str, Any]) -> Any:
    """Return the final data: `result`, or legacy `resultJson` (itself, its `parsed` or its `input`), else None."""
    if fields.get("result") is not None:
        return fields["result"]
    legacy = first(fields, "resultJson", "result_json")
    if isinstance(legacy, dict) and legacy and set(legacy) <= {"parsed", "input"}:
        return first(legacy, "parsed", "input")
    return legacy


def run_error(value: Any, *, beside: dict[str, Any] | None = None) -> RunError | None:
    """Return an error given as null, string or object; `beside` is where help texts stand in a COMPLETE event."""
    beside = beside or {}
    if value is None or value in ("", {}):
        return None
    if not isinstance(value, dict):
        return RunError(string(value) or repr(value)[:2_000], help_message=string(beside.get("help_message")))
    wait = value.get("retry_after")
    seconds = isinstance(wait, (int, float)) and not isinstance(wait, bool)
    return RunError(
        message=string(value.get("message")) or "",
        code=string(first(value, "code", "error_code")),
        category=string(value.get("category")),
        retry_after=float(wait) if seconds else None,  # type: ignore[arg-type]  # `seconds` says that it is a number
        help_message=string(first(value, "help_message")) or string(beside.get("help_message")),
        details=value.get("details"),
    )


def snapshot(fields: dict[str, Any]) -> RunSnapshot:
    """Return the run object that `fields` are; whatever is absent or of another type is None."""
    return RunSnapshot(
        run_id=run_id(first(fields, "run_id", "runId")),
        status=string(fields.get("status")),
        goal=string(fields.get("goal")),
        created_at=instant(first(fields, "created_at", "createdAt")),
        result=result(fields),
        error=run_error(fields.get("error"), beside=fields),
        steps=count(first(fields, "num_of_steps", "numOfSteps")),
        started_at=instant(first(fields, "started_at", "startedAt")),
        finished_at=instant(first(fields, "finished_at", "finishedAt")),
        streaming_url=string(first(fields, "streaming_url", "streamingUrl")),
        raw=fields,
    )


def page(fields: dict[str, Any]) -> RunPage:
    """Return one page of runs; raises `Damaged` where there is no list (an empty page would count as a proof)."""
    rows = fields.get("data")
    if not isinstance(rows, list):
        raise Damaged("it has no list of runs under data")
    pagination = fields.get("pagination")
    pagination = pagination if isinstance(pagination, dict) else {}
    cursor = string(pagination.get("next_cursor")) or None
    return RunPage(
        runs=tuple(snapshot(row) for row in rows if isinstance(row, dict)),
        next_cursor=cursor if pagination.get("has_more") is not False else None,
    )


def cancel_answer(fields: dict[str, Any]) -> CancelAnswer:
    """Return what a cancel request was answered."""
    status = string(fields.get("status"))
    return CancelAnswer(
        run_id=run_id(first(fields, "run_id", "runId")),
        status=status if status in TERMINAL else None,
        message=string(fields.get("message")),
    )


def envelope(fields: dict[str, Any]) -> RunError | None:
    """Return the error of an HTTP body: `{"error": {...}}`, `{"error": "text"}` or `{"error_code", "message"}`."""
    found = run_error(fields.get("error"))
    if found is None and ("error_code" in fields or "message" in fields):
        return run_error({key: fields[key] for key in ("error_code", "code", "message", "details") if key in fields})
    return found
