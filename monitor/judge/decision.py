"""What judging a run gives: a `Decision`, as plain values that one transaction stores and alert composes messages from.

Owns the verdicts and the state of a watch that a decision reads and replaces. Must not know tables or targets' URLs.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    REMINDER = "reminder"
    MISSED = "missed"
    DRIFT = "drift"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: `path` is a JSON Pointer, rows of keyed lists are named by key (`/offers/seller=ACME/price`).

    `note` says in words what a person should know beside it: a row that moved, a key that is not unique, a bound.
    """

    path: str
    kind: str  # added | removed | changed
    before: Any = None
    after: Any = None
    note: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the object of `run --json`; `note` only where there is one."""
        shown = {"path": self.path, "kind": self.kind, "before": self.before, "after": self.after}
        return shown if self.note is None else {**shown, "note": self.note}


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
class Coercion:
    """One value that was brought to its schema: where, what the agent returned, what is judged, by which reading."""

    path: str
    before: Any
    after: Any
    how: str

    def as_json(self) -> dict[str, Any]:
        """Return the object that is stored and shown by `monitor show`."""
        return {"path": self.path, "before": self.before, "after": self.after, "how": self.how}


@dataclass(frozen=True, slots=True)
class Look:
    """What one rule made of one record: `rule` names it (`notify[0]`), `why` is one line (`monitor explain`).

    `note` is a line for the message that is told: a condition that could not be evaluated.
    """

    rule: str
    kind: str
    told: bool
    why: str
    note: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the object that is stored and shown."""
        return {"rule": self.rule, "kind": self.kind, "told": self.told, "why": self.why}


@dataclass(frozen=True, slots=True)
class Memory:
    """What a rule remembers: the result it last told and its run (None: none yet), and whether `once` may tell again.

    `failing` is true while its condition cannot be evaluated and that was told: it is not told at every run.
    """

    told: Any = None
    armed: bool = True
    run: str | None = None
    failing: bool = False


@dataclass(frozen=True, slots=True)
class Pending:
    """A change that waits for agreement (`confirm`): the first result that showed it, and how many runs agree."""

    run: str
    result: Any
    runs: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Baseline:
    """The result of the last BASELINE or CHANGED record of one generation (interface.md, "Words")."""

    run: str
    due_at: datetime
    result: Any


@dataclass(frozen=True, slots=True)
class Incident:
    """A watch that keeps failing: since when, with which code; `announced` once a failure notification arose.

    `told_at` is when it was last worth telling (the failure, another kind of error, a reminder), None while it is not
    yet; `codes` are the kinds of error that were told.
    """

    id: str
    opened_at: datetime
    code: str
    announced: bool = False
    told_at: datetime | None = None
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Flapping:
    """How unsteady a watch is: when its last incidents were told, oldest first, and its last bad run.

    `since` is set while it counts as flapping: told as that once, then its incidents are silent until it is steady;
    `incidents` counts them, `codes` are the kinds of error told meanwhile, `told_at` is when it was last told.
    """

    opened: tuple[datetime, ...] = ()
    bad_at: datetime | None = None
    since: datetime | None = None
    told_at: datetime | None = None
    incidents: int = 0
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WatchState:
    """All that is remembered of a watch between runs; a decision reads one and gives the next.

    `generation` is the watch's fingerprint when `baseline` was taken; `failures` counts bad verdicts in a row; `first`
    is the first baseline of the generation; `memories` are the rules', by `Rule.key`; `profile` is drift's own, a JSON
    value; `stale_told` is true while a silence was told that has not ended; `flapping` is how unsteady it is.
    """

    generation: str = ""
    baseline: Baseline | None = None
    failures: int = 0
    incident: Incident | None = None
    last_good_at: datetime | None = None
    first: Baseline | None = None
    pending: Pending | None = None
    memories: Mapping[str, Memory] = field(default_factory=dict)
    profile: Any = None
    stale_told: bool = False
    flapping: Flapping | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """The `title` and `body` that a rule has of its own, and the values that their holes are filled with.

    `history` is a `judge.history.History` or None.
    """

    title: str | None
    body: str | None
    values: Mapping[str, Any] = field(default_factory=dict)
    history: Any = None


@dataclass(frozen=True, slots=True)
class Notification:
    """Something worth telling, before it has words: `targets` are the rule entries it goes to, as written in the watch.

    `event` is a ULID: the stable id by which a person or a webhook recognises a repeated copy (reliability.md C2).
    `texts` are the words that rules have of their own, by target; `incidents` counts those of a flapping watch. `hint`
    is the next step of a failure; of a change, what went wrong with the condition that let it through.
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
    incidents: int = 0
    texts: Mapping[str, Text] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Retry:
    """One more attempt of the same occurrence, not before `at`."""

    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Check:
    """A confirming run of its own, due at `at` (`confirm.every`)."""

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
    coerced: tuple[Coercion, ...] = ()
    looks: tuple[Look, ...] = ()
    check: Check | None = None
