"""The two vocabularies of the tracker: what happened, and what to do next, as plain values.

All times are seconds since the run was opened. The events of a stream (`events.WireEvent`) happen too. Must not know
which follows from which (that is `tracker`), nor how a command is carried out (that is `follow`).
"""

from __future__ import annotations

from dataclasses import dataclass

from monitor.agent.events import CancelAnswer, RunSnapshot, WireEvent
from monitor.agent.outcome import Fault, Outcome


@dataclass(frozen=True, slots=True)
class Opened:
    """The POST was answered with a stream."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The POST was answered with a JSON object: a run, an accepted id, or an error in place of them."""

    run: RunSnapshot


@dataclass(frozen=True, slots=True)
class Refused:
    """The POST was refused by a status that proves that no run exists; `gated`: for its `output_schema` alone."""

    fault: Fault
    gated: bool = False


@dataclass(frozen=True, slots=True)
class NotSent:
    """Not one byte of the POST left this machine; the fault is of the network or of TLS."""

    fault: Fault


@dataclass(frozen=True, slots=True)
class Lost:
    """A run may exist, and its answer or stream is gone: an error, an early end, a cap, an answer of no use."""

    fault: Fault


@dataclass(frozen=True, slots=True)
class Heard:
    """Bytes came that complete no event; they end a silence."""


@dataclass(frozen=True, slots=True)
class Expired:
    """Nothing came until the time that the command named."""


@dataclass(frozen=True, slots=True)
class Located:
    """The list of runs was read to its end; `runs` are all that it showed."""

    runs: tuple[RunSnapshot, ...]


@dataclass(frozen=True, slots=True)
class LocateFailed:
    """The list of runs could not be read to its end: nothing is proved."""

    fault: Fault


@dataclass(frozen=True, slots=True)
class Dismissed:
    """The surplus runs were asked to stop."""


@dataclass(frozen=True, slots=True)
class Polled:
    """The run as GET shows it."""

    run: RunSnapshot


@dataclass(frozen=True, slots=True)
class PollFailed:
    """GET gave no run; `missing` for 404; `damaged` is the beginning of a JSON answer that is not proper JSON."""

    fault: Fault
    missing: bool = False
    damaged: str | None = None


@dataclass(frozen=True, slots=True)
class CancelAnswered:
    """The cancel was answered."""

    answer: CancelAnswer


@dataclass(frozen=True, slots=True)
class CancelFailed:
    """The cancel was not answered, or by an error."""

    fault: Fault


Happening = (
    Opened
    | Answered
    | Refused
    | NotSent
    | Lost
    | Heard
    | Expired
    | Located
    | LocateFailed
    | Dismissed
    | Polled
    | PollFailed
    | CancelAnswered
    | CancelFailed
    | WireEvent
)


@dataclass(frozen=True, slots=True)
class Start:
    """Send the POST; the beginning of its answer is awaited until then."""

    until: float


@dataclass(frozen=True, slots=True)
class Read:
    """Read the stream; the next bytes are awaited until then."""

    until: float


@dataclass(frozen=True, slots=True)
class Locate:
    """At that time, read the list of runs that carry our reference."""

    at: float


@dataclass(frozen=True, slots=True)
class Dismiss:
    """Cancel these runs, which nobody needs."""

    run_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Poll:
    """At that time, get the run."""

    at: float
    run_id: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """At that time, cancel the run."""

    at: float
    run_id: str


@dataclass(frozen=True, slots=True)
class End:
    """Nothing more is to be done."""

    outcome: Outcome


Command = Start | Read | Locate | Dismiss | Poll | Cancel | End
