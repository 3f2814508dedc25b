"""What the store takes and gives, as plain values: deliveries and stored runs. Must not know SQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from monitor import clock
from monitor.agent.outcome import Outcome
from monitor.judge.decision import WatchState
from monitor.watch.run import Run

StopKind = Literal["auth", "billing"]
Standing = Literal["newest", "newest_good", "past"]


stamp = clock.stamp  # how every instant of a record is written


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """One notification to one target, composed, not yet stored. `target` is a name or a key that holds no secret.

    `cause` is what several watches may fail of together (`SITE shop.example`), None where there is no such thing.
    """

    event: str
    target: str
    kind: str
    title: str
    body: str
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One row of the outbox. `state` is pending, sending, done, dead or dropped; `attempts` counts sends begun.

    `first_at` is when it was first tried since it waits. `accepted` are digests of those recipients of the target that
    took it while others did not, divided by blanks. Of a dead letter `refused_by` is the digest of the target's
    definition that refused it, empty where no definition had the target any more.
    """

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
    refused_by: str | None = None
    first_at: datetime | None = None
    dropped_at: datetime | None = None
    cause: str | None = None
    accepted: str | None = None


def all_alike(watch: str) -> str:  # noqa: ARG001 - the signature of `Gathering.alike`
    """Put the messages of all watches together."""
    return ""


@dataclass(frozen=True, slots=True)
class Gathering:
    """Which due messages are claimed, and which of them together, decided when they are claimed.

    Messages of one target whose watches are `alike` form a group of at most `most`, oldest first, once one of them has
    waited for `wait` or was tried before. The kinds in `hold` are passed over (quiet hours) and hold up no other. Where
    a target was told of one cause by `crowd` watches within `crowd_wait`, others wait for so long, to go together.
    """

    most: int = 1
    wait: timedelta = timedelta(0)
    hold: frozenset[str] = frozenset()
    alike: Callable[[str], str] = all_alike
    crowd: int = 0  # 0: nothing waits for its cause
    crowd_wait: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A target that refused a message for good; `deliveries` tell the others, once until it takes a message again.

    `whole` when the target takes nothing at all, False when it refused this one message for its content.
    """

    target: str
    whole: bool
    deliveries: tuple[NewDelivery, ...] = ()


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
    coerced: list[dict[str, Any]] = field(default_factory=list)
    looks: list[dict[str, Any]] = field(default_factory=list)
    rejudged_from: str | None = None  # the verdict that the record had at first, where it was judged again since

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
        } | ({"dry": True} if self.dry else {})

    def whole(self, messages: Sequence[Delivery]) -> dict[str, Any]:
        """Return the object of `show --json`: all of the record, and what was told of it."""
        told = [
            {
                "target": m.target,
                "kind": m.kind,
                "state": m.state,
                "attempts": m.attempts,
                "event": m.event,
                "error": m.error,
            }
            for m in messages
        ]
        found = {"attempt": self.attempt, "dry": self.dry, "raw": self.raw, "messages": told}
        return self.as_json() | found | {"coerced": self.coerced, "looks": self.looks}


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
class StartLimits:
    """What may stop a run from being started, checked in the transaction that would begin it (reliability.md A5, A6).

    `per_watch` and `in_all` are the most runs since `day_start`, `usd_in_all` the most dollars at `usd_per_step`, None
    for no ceiling. `key_digest` names the API key that the request would carry. `probe` lets the run through an open
    stop at any time: somebody asked for it by hand.
    """

    per_watch: int | None
    in_all: int | None
    day_start: datetime
    key_digest: str | None
    probe: bool = False
    usd_in_all: float | None = None
    usd_per_step: float = 0.0


@dataclass(frozen=True, slots=True)
class Refused:
    """No run was begun and no row was written: a ceiling is reached or a stop is open. `reason` is one line.

    `whole` is True for the ceiling of all watches.
    """

    code: Literal["CEILING", "BREAKER"]
    reason: str
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """An open stop: no run is started, but for a probe not before `probe_at`. `run` is the run that opened it."""

    kind: StopKind
    code: str
    message: str
    opened_at: datetime
    probe_at: datetime
    key_digest: str | None
    run: str


@dataclass(frozen=True, slots=True)
class NewStop:
    """A stop that a run gives rise to; `deliveries` are written only if it was not open yet."""

    kind: StopKind
    code: str
    message: str
    key_digest: str | None
    deliveries: tuple[NewDelivery, ...] = ()


@dataclass(frozen=True, slots=True)
class EndedStop:
    """A stop that a run proves to be over; `deliveries` are written only if it was open and the run began after it."""

    kind: StopKind
    deliveries: tuple[NewDelivery, ...] = ()


@dataclass(frozen=True, slots=True)
class Notice:
    """Messages that are written only if `key` was not told before (`ceiling:espresso:2026-11-21`)."""

    key: str
    deliveries: tuple[NewDelivery, ...]


@dataclass(frozen=True, slots=True)
class Rejudging:
    """A finished record as it takes to judge it again.

    `state` is what to judge against, never with the record's own result as the baseline. `standing` says what the new
    judgement may change: `newest`: the whole state of the watch; `newest_good`: only bad runs came after it, so the
    baseline but no incident; `past`: the record alone (reliability.md B7).
    """

    run: Run
    outcome: Outcome
    state: WatchState
    standing: Standing


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a record said until it was judged again at `replaced_at`."""

    replaced_at: datetime
    generation: str
    verdict: str
    code: str | None
    reason: str
    changes: list[dict[str, Any]]
    violations: list[dict[str, Any]]
    result: Any


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


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run that was made and judged, with its outcome exactly as it was settled, and what was told of it.

    `opened_at` is by our own clock, whatever the API says of its times; `told` has the kind and the target of every
    message, in the order in which they were written.
    """

    run: Run
    outcome: Outcome
    record: Record
    opened_at: datetime
    told: tuple[tuple[str, str], ...]
