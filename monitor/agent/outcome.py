"""How a run ended: exactly one `Outcome`, as plain values that judge, store and alert read.

Owns the stable failure codes. Must not know how an outcome was established (that is `tracker`), nor what it means for a
watch (that is `judge`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar


class Code(StrEnum):
    """The stable code of what went wrong; `interface.md`, "Verdicts and codes"."""

    SITE = "SITE"
    AGENT = "AGENT"
    TIMEOUT = "TIMEOUT"
    NETWORK = "NETWORK"
    TLS = "TLS"
    PROTOCOL = "PROTOCOL"
    AUTH = "AUTH"
    BILLING = "BILLING"
    FORBIDDEN = "FORBIDDEN"
    RATE = "RATE"
    CONFIG = "CONFIG"
    SECRET = "SECRET"  # nosec B105 # noqa: S105 - a code, not a secret
    STORAGE = "STORAGE"
    CANCELLED = "CANCELLED"
    UNKNOWN_OUTCOME = "UNKNOWN_OUTCOME"
    INTERNAL = "INTERNAL"


class Proof(StrEnum):
    """Why it is certain that no run exists: the only grounds on which a POST may be sent again (reliability.md A3)."""

    NOT_SENT = "not_sent"  # no byte of the request left this machine
    LIMITED = "limited"  # the API answered 429
    GATED = "gated"  # the API answered 403 to `output_schema`: without that field it may take the request (row 31)
    ABSENT = "absent"  # its answer was lost, and the last search did not find a run with our reference (A2)


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a run did not complete: our code, one clear line, and what the API said of it.

    `retryable` is True only where the API or the phase says that another paid run may help (interface.md,
    limits.retries); `retry_after` is seconds, where the API named them. `message` is sanitised: no control characters,
    at most 2,000 characters.
    """

    code: Code
    message: str
    hint: str | None = None
    api_code: str | None = None
    category: str | None = None
    retryable: bool = False
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The one end of a run. `raw` is the terminal record as the API gave it: JSON, or text where it was not JSON.

    `proof` is set where no run exists and another POST may follow; it is of this moment and is not stored.
    """

    kind: ClassVar[str] = "outcome"

    run_id: str | None = None
    raw: Any = None
    steps: int | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    fault: Fault | None = None
    proof: Proof | None = None


@dataclass(frozen=True, slots=True)
class Completed(Outcome):
    """The agent says it finished; whether the goal was met is for `judge`. `result` is any JSON value or None.

    `fault` is set where the record says that it completed and is not proper JSON: then there is no result.
    """

    kind: ClassVar[str] = "completed"

    result: Any = None


@dataclass(frozen=True, slots=True)
class Failed(Outcome):
    """The run failed, at the API or on the way to it; `fault` is always set."""

    kind: ClassVar[str] = "failed"


@dataclass(frozen=True, slots=True)
class Cancelled(Outcome):
    """The run was cancelled, by us or elsewhere; `fault` is always set."""

    kind: ClassVar[str] = "cancelled"


@dataclass(frozen=True, slots=True)
class TimedOut(Outcome):
    """The run passed its deadline; `fault` is always set."""

    kind: ClassVar[str] = "timed_out"


@dataclass(frozen=True, slots=True)
class NotStarted(Outcome):
    """No run exists at the API, and that is proved; `fault` is always set."""

    kind: ClassVar[str] = "not_started"
