"""What the store takes and gives, as plain values: deliveries and stored runs. Must not know SQL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from monitor.watch.run import Run


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """One notification to one target, composed, not yet stored. `target` is a name or a key that holds no secret."""

    event: str
    target: str
    kind: str
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """One row of the outbox. `state` is pending, sending, done or dead; `attempts` counts sends begun."""

    id: int
    event: str
    run: str
    watch: str
    target: str
    kind: str
    title: str
    body: str
    state: str
    attempts: int
    created_at: datetime
    next_at: datetime
    done_at: datetime | None = None
    error: str | None = None
    repeat: bool = False  # True when an earlier send may have reached the target (a crash in the send window)


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A run that is not judged yet, as a resuming process needs it.

    `stage` is intent (the row exists, a request may have left), accepted (`run_id` is known) or settled (`outcome` is
    stored: judge it, no network needed). `goal` is the exact goal text that was or would have been sent.
    """

    run: Run
    stage: str
    goal: str
    opened_at: datetime
    run_id: str | None
    outcome: dict[str, Any] | None
    owner: str
    generation: str = ""
    streaming_url: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One finished occurrence, whole: what `history`, `show` and `run --json` print.

    `outcome` is {"kind", "code", "api_code", "message"}; `result` the result as read; `raw` the terminal record as the
    API gave it (None unless asked for); `changes` and `violations` are lists of their JSON objects.
    """

    id: str
    watch: str
    due_at: datetime
    attempt: int
    trigger: str
    dry: bool
    run_id: str | None
    verdict: str
    reason: str
    code: str | None
    outcome: dict[str, Any]
    changes: list[dict[str, Any]]
    violations: list[dict[str, Any]]
    result: Any
    steps: int | None
    notifications: int
    started_at: datetime
    finished_at: datetime
    generation: str = ""
    raw: Any = None
    streaming_url: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the object of `monitor run --json` and `history --json` (interface.md)."""
        return {
            "watch": self.watch,
            "run": self.id,
            "run_id": self.run_id,
            "due_at": stamp(self.due_at),
            "trigger": self.trigger,
            "verdict": self.verdict,
            "reason": self.reason,
            "outcome": self.outcome,
            "changes": self.changes,
            "violations": self.violations,
            "result": self.result,
            "steps": self.steps,
            "notifications": self.notifications,
            "started_at": stamp(self.started_at),
            "finished_at": stamp(self.finished_at),
        }


def stamp(instant: datetime | None) -> str | None:
    """Return an instant as RFC 3339 in UTC with `Z`, to the second where it is whole, else to the millisecond."""
    if instant is None:
        return None
    text = instant.isoformat(timespec="milliseconds" if instant.microsecond else "seconds")
    return text.replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Begun:
    """The row of this run exists now and is this process's: the request may leave."""

    run: Run


@dataclass(frozen=True, slots=True)
class Existing:
    """No run was begun: its occurrence has a row already (`recorded`), or the watch has an unfinished run (`running`).

    `unfinished` is the run in the way if it is not judged yet, else `record` is it.
    """

    reason: Literal["recorded", "running"]
    unfinished: Unfinished | None = None
    record: Record | None = None


@dataclass(frozen=True, slots=True)
class WatchRow:
    """What `status` shows of one watch that the store knows."""

    watch: str
    last_verdict: str | None
    last_reason: str | None
    last_run: str | None
    last_run_at: datetime | None
    failing_since: datetime | None
    failures: int
    runs_today: int
