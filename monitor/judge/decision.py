"""What judging a run gives: a `Decision`, as plain values that one transaction stores and alert composes messages from.

Owns the verdicts and the state of a watch that a decision reads and replaces. Must not know tables or targets' URLs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """What we make of an occurrence; `interface.md`, "Verdicts and codes"."""

    BASELINE = "BASELINE"
    UNCHANGED = "UNCHANGED"
    CHANGED = "CHANGED"
    UNCONFIRMED = "UNCONFIRMED"
    INVALID = "INVALID"
    FAILED = "FAILED"
    MISSED = "MISSED"
    SKIPPED = "SKIPPED"

    @property
    def good(self) -> bool:
        """True for a valid result."""
        return self in {Verdict.BASELINE, Verdict.UNCHANGED, Verdict.CHANGED, Verdict.UNCONFIRMED}

    @property
    def bad(self) -> bool:
        """True for a run that was made and gave no valid result."""
        return self in {Verdict.INVALID, Verdict.FAILED}


class Kind(StrEnum):
    """What a notification is about: the words of `notify: on:`."""

    BASELINE = "baseline"
    CHANGE = "change"
    FAILURE = "failure"
    RECOVERY = "recovery"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: `path` is a JSON Pointer, rows of keyed lists are named by key (`/offers/seller=ACME/price`)."""

    path: str
    kind: str  # added | removed | changed
    before: Any = None
    after: Any = None

    def as_json(self) -> dict[str, Any]:
        """Return the object of `run --json`."""
        return {"path": self.path, "kind": self.kind, "before": self.before, "after": self.after}


@dataclass(frozen=True, slots=True)
class Violation:
    """One way in which a result breaks its schema: where in the result, which rule, a capped excerpt in the message."""

    path: str
    rule: str
    message: str

    def as_json(self) -> dict[str, Any]:
        """Return the object of `run --json`."""
        return {"path": self.path, "rule": self.rule, "message": self.message}


@dataclass(frozen=True, slots=True)
class Baseline:
    """The result of the last BASELINE or CHANGED record of one generation (interface.md, "Words")."""

    run: str
    due_at: datetime
    result: Any


@dataclass(frozen=True, slots=True)
class Incident:
    """A watch that keeps failing: since when, with which code; `announced` once a failure notification arose."""

    id: str
    opened_at: datetime
    code: str
    announced: bool = False


@dataclass(frozen=True, slots=True)
class WatchState:
    """All that is remembered of a watch between runs; a decision reads one and gives the next.

    `generation` is the watch's fingerprint when `baseline` was taken; `failures` counts bad verdicts in a row.
    """

    generation: str = ""
    baseline: Baseline | None = None
    failures: int = 0
    incident: Incident | None = None
    last_good_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Notification:
    """Something worth telling, before it has words: `targets` are the rule entries it goes to, as written in the watch.

    `event` is a ULID: the stable id by which a person or a webhook recognises a repeated copy (reliability.md C2).
    """

    event: str
    kind: Kind
    targets: tuple[str, ...]
    changes: tuple[Change, ...] = ()
    result: Any = None
    code: str | None = None
    message: str | None = None
    hint: str | None = None
    since: datetime | None = None
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Retry:
    """One more attempt of the same occurrence, not before `at`."""

    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The whole judgement of one run: stored in one transaction with everything it causes.

    `result` is the result as read (unwrapped), kept also when it is INVALID. `reason` is one line and never empty.
    """

    verdict: Verdict
    reason: str
    state: WatchState
    code: str | None = None
    result: Any = None
    changes: tuple[Change, ...] = ()
    violations: tuple[Violation, ...] = ()
    notifications: tuple[Notification, ...] = field(default=())
    retry: Retry | None = None
