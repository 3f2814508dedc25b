"""Which happening is which step of the tracker, and where each may lead: the drawing of `tracker`, as a table.

Pure data, and its picture for the docs. Must not know what a step does.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from monitor.agent import events
from monitor.agent import happenings as h


class State(StrEnum):
    """Where a run is."""

    STARTING = "starting"
    STREAMING = "streaming"
    LOCATING = "locating"
    POLLING = "polling"
    CANCELLING = "cancelling"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Step:
    """A method of the tracker, and the states in which it may leave a run."""

    method: str
    leads: tuple[State, ...]


_STARTING, _STREAMING, _LOCATING, _POLLING, _CANCELLING, _ENDED = State

_SILENT = Step("_event", (_STARTING, _LOCATING))  # it cannot carry a run id
_NAMING = Step("_event", (_STARTING, _STREAMING, _LOCATING, _POLLING))  # it may carry one
_FOLLOWED = Step("_event", (_STREAMING, _LOCATING, _POLLING))
_POLLED = Step("_polled", (_POLLING, _LOCATING, _CANCELLING, _ENDED))
_POLL_FAILED = Step("_poll_failed", (_POLLING, _LOCATING, _CANCELLING, _ENDED))

_NAMES = (events.StreamingUrl, events.Progress, events.Unknown)
_SAYS_NOTHING = (h.Opened, h.Heard, events.Heartbeat, events.Garbled)

TABLE: dict[State, dict[type, Step]] = {
    _STARTING: {
        **dict.fromkeys(_SAYS_NOTHING, _SILENT),
        events.Started: Step("_event", (_STREAMING, _POLLING)),
        **dict.fromkeys(_NAMES, _NAMING),
        events.Complete: Step("_event", (_LOCATING, _POLLING)),
        h.Lost: Step("_lost", (_LOCATING,)),
        h.Expired: Step("_lost", (_LOCATING,)),
        h.Answered: Step("_answered", (_LOCATING, _POLLING, _CANCELLING, _ENDED)),
        h.Refused: Step("_declined", (_ENDED,)),
        h.NotSent: Step("_declined", (_ENDED,)),
    },
    _STREAMING: {
        **dict.fromkeys(_SAYS_NOTHING, Step("_event", (_STREAMING, _POLLING))),
        **dict.fromkeys((events.Started, *_NAMES), _FOLLOWED),
        events.Complete: Step("_event", (_LOCATING, _POLLING)),
        h.Lost: Step("_lost", (_POLLING,)),
        h.Expired: Step("_lost", (_POLLING,)),
    },
    _LOCATING: {
        h.Located: Step("_located", (_LOCATING, _POLLING, _ENDED)),
        h.LocateFailed: Step("_locate_failed", (_LOCATING, _POLLING, _ENDED)),
    },
    _POLLING: {
        h.Dismissed: Step("_dismissed", (_POLLING,)),
        h.Polled: _POLLED,
        h.PollFailed: _POLL_FAILED,
    },
    _CANCELLING: {
        h.CancelAnswered: Step("_cancel_answered", (_CANCELLING,)),
        h.CancelFailed: Step("_cancel_failed", (_CANCELLING,)),
        h.Polled: Step("_polled", (_CANCELLING, _ENDED)),
        h.PollFailed: Step("_poll_failed", (_CANCELLING, _ENDED)),
    },
    _ENDED: {},
}


def diagram() -> str:
    """Return the table as a Mermaid state diagram: one arrow for each pair of states, with what leads along it."""
    lines = [
        "stateDiagram-v2",
        "    [*] --> STARTING: start",
        "    [*] --> POLLING: resume, the run id is stored",
        "    [*] --> LOCATING: resume, no run id is stored",
        "    [*] --> CANCELLING: resume, to cancel it",
    ]
    for state, steps in TABLE.items():
        arrows: dict[State, list[str]] = {}
        for happening, step in steps.items():
            for target in step.leads:
                arrows.setdefault(target, []).append(happening.__name__)
        lines += [
            f"    {state.name} --> {target.name}: {', '.join(arrows[target])}" for target in State if target in arrows
        ]
    return "\n".join([*lines, "    ENDED --> [*]"])
