"""When a POST may be sent again for the same attempt, and when it may not be sent at all: pure (reliability.md A3).

The list is closed: a further start needs a `Proof` that no run exists, and only the agent's room gives one.

| proof                       | further starts of one attempt | pause before each                          |
|-----------------------------|-------------------------------|--------------------------------------------|
| NOT_SENT, of the network    | at most 3, with those below   | 2, 6, 15 s                                 |
| NOT_SENT, of TLS            | 1                             | 2 s                                        |
| ABSENT, after a search      | at most 3, with those above   | 2, 6, 15 s, after the search of 2 minutes  |
| GATED, a 403 to the schema  | 1, with the schema in the goal| none: the row is written first             |
| LIMITED, a 429              | any number                    | what the API asks for, 1 s to 1 h          |

All of them only while the window of the occurrence is open. Each pause is stretched by up to a tenth, the same for the
same run, so that runs do not come back at once. The count is kept in memory: a process that dies begins it again, and
still needs the proof; the window does not begin again, since it counts from when the row was opened. Must not know
clocks, stores or the network.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from monitor.agent.outcome import Code, Fault, Outcome, Proof
from monitor.store.records import StartLimits, Stop
from monitor.watch.cron import occurrences
from monitor.watch.model import Watch
from monitor.watch.run import Run, Trigger

PAUSES = (2.0, 6.0, 15.0)  # seconds before each further start, no more: somebody may be waiting at a terminal
LIMITED = (15.0, 60.0)  # after a first and any further 429 that names no time (agent-api.md section 9)
LONGEST = 3_600.0  # of what a server may ask for (row 36)
POLLS_WAIT = 60.0  # seconds that a poll waits for the shared pause at most: what is paid for is fetched (row 88)


@dataclass(frozen=True, slots=True)
class Tally:
    """The further starts of one attempt so far, by what they followed."""

    further: int = 0
    tls: int = 0
    limited: int = 0
    stated: int = 0  # with the schema in the goal in place of the field

    @property
    def posts(self) -> int:
        """How often the request was sent or tried so far."""
        return 1 + self.further + self.limited + self.stated


@dataclass(frozen=True, slots=True)
class Again:
    """The POST may be sent once more after so many seconds; for `everyone` when all runs have to wait as long.

    `stated`: with the schema in its goal, since the account may not use `output_schema` (row 31).
    """

    seconds: float
    tally: Tally
    everyone: bool = False
    stated: bool = False


def again(run: Run, outcome: Outcome, tally: Tally, now: datetime, until: datetime) -> Again | None:
    """Return when the POST of an attempt may be repeated after `outcome`; None when it may not.

    `until` is the end of its window: a start that would come later is not worth waiting for (row 37).
    """
    found = _allowed(outcome, tally)
    if found is None:
        return None
    seconds = found.seconds * (1 + spread(run) / 10)
    if now + timedelta(seconds=seconds) > until:
        return None
    # a pause of all runs is stretched by each of them when it waits (`Journal.starting`), not here a first time
    return found if found.everyone else replace(found, seconds=seconds)


def _allowed(outcome: Outcome, tally: Tally) -> Again | None:
    fault = outcome.fault
    if outcome.proof is None or fault is None:
        return None
    if outcome.proof is Proof.LIMITED:
        asked = fault.retry_after or LIMITED[min(tally.limited, len(LIMITED) - 1)]
        return Again(bounded(asked), replace(tally, limited=tally.limited + 1), everyone=True)
    if outcome.proof is Proof.GATED:
        return None if tally.stated else Again(0.0, replace(tally, stated=1), stated=True)
    tls = outcome.proof is Proof.NOT_SENT and fault.code is Code.TLS
    if tally.further >= len(PAUSES) or (tls and tally.tls):
        return None
    return Again(PAUSES[tally.further], replace(tally, further=tally.further + 1, tls=tally.tls + tls))


def bounded(seconds: float | None) -> float:
    """Return what an API asks to wait within 1 s and 1 h; a minute where it asks for nothing."""
    return LIMITED[-1] if seconds is None else min(max(seconds, 1.0), LONGEST)


def spread(run: Run) -> float:
    """Return a number from 0 to 1 that is the run's own."""
    return int.from_bytes(hashlib.sha256(run.id.encode()).digest()[:4]) / 2**32


def window(watch: Watch, run: Run, opened_at: datetime) -> datetime:
    """Return until when an attempt may be started: its watch's next occurrence, or its time-out if that is later.

    A run that was asked for by hand has no occurrence: somebody may be waiting for it, for the time-out at most.
    """
    until = opened_at + watch.limits.timeout
    if run.trigger is not Trigger.CRON:
        return until
    following = next(iter(occurrences(watch.cron, watch.timezone, run.due_at)), None)
    return until if following is None else max(until, following)


def given_up(outcome: Outcome, tally: Tally) -> Outcome:
    """Return the outcome of an attempt that is not started again, saying how often it was tried.

    What was repeated here is no run that failed, so that no paid retry follows it.
    """
    if outcome.proof is None or outcome.fault is None:
        return outcome
    times = f" (tried {tally.posts} times)" if tally.posts > 1 else ""
    fault = replace(outcome.fault, message=f"{outcome.fault.message}{times}", retryable=False)
    return replace(outcome, fault=fault)


def too_long(until: datetime, *, further: bool = False) -> Fault:
    """Return why a run is not started (not once more, if `further`): all runs pause for longer than its window."""
    sent = "no further request" if further else "none"
    message = f"the API asked for fewer requests: all runs pause until {until:%Y-%m-%d %H:%M:%S} UTC, {sent} was sent"
    return Fault(Code.RATE, message, hint="lower MONITOR_CONCURRENCY or spread the watches")


def too_late() -> Fault:
    """Return why a run is not started: the store took no write while its window was open (row 18)."""
    message = "the store could not be written until it was too late to start: no request was sent"
    return Fault(Code.STORAGE, message, hint="see monitor doctor")


def withheld(stop: Stop) -> Fault:
    """Return why an attempt is not started again: every start has been stopped meanwhile (A6)."""
    since = f"{stop.opened_at:%Y-%m-%d %H:%M:%S} UTC"
    return Fault(Code(stop.code), f"not started again: all runs are stopped since {since}: {stop.message}")


@dataclass(frozen=True, slots=True)
class Ceilings:
    """What all watches together may spend in a UTC day: runs, and dollars at `usd_per_step`; None for no ceiling."""

    runs_per_day: int | None = None
    usd_per_day: float | None = None
    usd_per_step: float = 0.0


def limits_of(watch: Watch, run: Run, now: datetime, ceilings: Ceilings, key_digest: str | None) -> StartLimits:
    """Return what may stop a run: ceilings of the UTC day, and stops; only a probe is let through a stop (A5, A6)."""
    return StartLimits(
        per_watch=watch.limits.runs_per_day,
        in_all=ceilings.runs_per_day,
        day_start=now.replace(hour=0, minute=0, second=0, microsecond=0),
        key_digest=key_digest,
        probe=run.trigger is Trigger.PROBE,
        usd_in_all=ceilings.usd_per_day,
        usd_per_step=ceilings.usd_per_step,
    )


class Pause:
    """Until when the API asked this process to wait: one for all watches; other processes learn it from the store."""

    def __init__(self) -> None:
        self._until: datetime | None = None

    def extend(self, until: datetime) -> None:
        """Wait until then, or longer if that was asked for before."""
        self._until = until if self._until is None else max(self._until, until)

    def left(self, now: datetime, stored: datetime | None) -> float:
        """Return the seconds that are left, at most an hour; `stored` is what the store says."""
        ends = [each for each in (self._until, stored) if each is not None]
        return min(max([0.0, *((each - now).total_seconds() for each in ends)]), LONGEST)
