"""What one refused run means for all: a stop of every start, told once, and its end (reliability.md A6, row 87).

Decides what an outcome opens and closes, and words it; the store decides whether it was open. Must not know requests,
but for the one that probes a key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from monitor.agent.outcome import Code, Failed, Fault, Outcome
from monitor.alert.announce import announce, event_of
from monitor.engine.desk import Desk
from monitor.engine.patience import patiently
from monitor.errors import AgentError, StoreError
from monitor.judge.decision import Decision, Incident, Kind, WatchState
from monitor.store.records import EndedStop, NewDelivery, NewStop, Notice, Refused, Stop, StopKind
from monitor.watch.model import Watch
from monitor.watch.run import Run

log = structlog.get_logger("stop")

SHARED = frozenset({Code.AUTH, Code.BILLING})  # told of all watches at once, not of each
_WORDS: dict[StopKind, str] = {"auth": "the API refuses the key", "billing": "the account has no credits"}
_HINTS: dict[StopKind, str] = {
    "auth": "check TINYFISH_API_KEY; runs go on by themselves once the key is accepted",
    "billing": "top up the account; a run tries again every hour, or at once with monitor doctor --probe",
}


def opened_by(outcome: Outcome) -> tuple[StopKind, Fault] | None:
    """Return the stop that an outcome opens: the API refused the key, or the purse is empty; None for all others.

    Only what the API answered counts, never an attempt that was not made.
    """
    fault = outcome.fault
    if not isinstance(outcome, Failed) or fault is None:
        return None
    if fault.code is Code.AUTH:
        return "auth", fault
    return ("billing", fault) if fault.code is Code.BILLING else None


def opened_by_poll(fault: Fault) -> StopKind | None:
    """Return the stop that a refused poll opens: there a 403 is about the key, since nothing was asked for (row 87)."""
    if fault.code in {Code.AUTH, Code.FORBIDDEN}:
        return "auth"
    return "billing" if fault.code is Code.BILLING else None


def disproved_by(outcome: Outcome) -> bool:
    """Return whether an outcome proves that key and purse are in order: the API took the run and it came to an end."""
    fault = outcome.fault
    return outcome.run_id is not None and (fault is None or fault.code not in SHARED | {Code.UNKNOWN_OUTCOME})


def quiet(decision: Decision, before: WatchState) -> Decision:
    """Return the decision without messages of its own where the stop is told for all: no failure, no recovery later."""
    incident = decision.state.incident
    if decision.code not in SHARED or incident is None:
        return decision
    known = before.incident or Incident("", incident.opened_at, incident.code)
    silent = replace(incident, announced=known.announced, told_at=known.told_at, codes=known.codes)
    state = replace(decision.state, incident=silent, flapping=before.flapping)
    told = tuple(note for note in decision.notifications if note.kind not in {Kind.FAILURE, Kind.REMINDER})
    return replace(decision, state=state, notifications=told)


async def changes(watch: Watch, run: Run, outcome: Outcome, desk: Desk, now: datetime) -> list[NewStop | EndedStop]:
    """Return what an outcome changes about the stops, with its messages."""
    opened = opened_by(outcome)
    if opened is not None:
        return [opening(*opened, [watch], run, desk, now)]
    if not disproved_by(outcome):
        return []
    return [EndedStop(stop.kind, _ending(stop, [watch], desk, now)) for stop in await patiently(desk, desk.store.stops)]


def opening(kind: StopKind, fault: Fault, also: Sequence[Watch], run: Run, desk: Desk, now: datetime) -> NewStop:
    """Return a stop with one message for each target of all watches; its event is the same for the same run."""
    lines = [fault.message, "No run is started until this is mended.", f"Next: {_HINTS[kind]}"]
    text = f"all runs are stopped ({fault.code}): {_WORDS[kind]}"
    event = event_of(f"stop {kind}", run.id)
    told = announce(event, Kind.FAILURE, text, lines, [*also, *desk.everyone()], now)
    return NewStop(kind, str(fault.code), fault.message, desk.client.key_digest, told)


def _ending(stop: Stop, also: Sequence[Watch], desk: Desk, now: datetime) -> tuple[NewDelivery, ...]:
    since = f"{stop.opened_at:%Y-%m-%d %H:%M:%S} UTC"
    lines = [f"No run was started since {since}: {stop.message}"]
    event = event_of(f"stop {stop.kind} over", stop.run)
    return announce(event, Kind.RECOVERY, "runs go on", lines, [*also, *desk.everyone()], now)


async def refused_poll(fault: Fault, also: Sequence[Watch], run: Run, desk: Desk) -> None:
    """Open the stop of a poll that was refused; the run stays accepted and is polled again (row 87)."""
    kind = opened_by_poll(fault)
    if kind is None:
        return
    now = desk.clock.now()
    stop = opening(kind, fault, also, run, desk, now)
    try:
        new = await desk.writer(
            desk.store.open_stop,
            kind,
            code=stop.code,
            message=stop.message,
            run=run.id,
            key_digest=stop.key_digest,
            now=now,
            deliveries=stop.deliveries,
        )
    except StoreError as error:
        log.warning("a stop could not be stored", kind=kind, error=str(error))  # the next poll tries again
        return
    if new:
        log.error("all runs are stopped", kind=kind, reason=fault.message)
        desk.told()


async def probe_key(desk: Desk, *, at_once: bool = False) -> bool:
    """Ask whether a refused key is accepted again, if it is time to (or `at_once`), and close the stop if it is.

    Returns True when no AUTH stop is open any more. Costs nothing: one run of the list is asked for (override of A6).
    """
    found = [stop for stop in await patiently(desk, desk.store.stops) if stop.kind == "auth"]
    if not found:
        return True
    if not at_once and not await patiently(desk, desk.store.claim_probe, "auth", desk.clock.now()):
        return False
    try:
        await desk.client.check_key()
    except AgentError as error:
        log.info("the key is still refused", error=str(error))
        return False
    now = desk.clock.now()
    if await patiently(desk, desk.store.close_stop, "auth", now=now, deliveries=_ending(found[0], [], desk, now)):
        log.info("runs go on", kind="auth")
        desk.told()
    return True


def ceiling(refused: Refused, watch: Watch, run: Run, desk: Desk, now: datetime) -> Notice | None:
    """Return the messages of a ceiling that keeps runs from being started: told once a day (A5); None for a stop."""
    if refused.code != "CEILING":
        return None
    key = f"ceiling:{'' if refused.whole else watch.name}:{now:%Y-%m-%d}"
    text = "no more runs today" if refused.whole else f"no more runs of {watch.name} today"
    lines = [refused.reason, "Runs go on after midnight UTC.", "Next: raise the ceiling, or run less often"]
    everyone = [watch, *desk.everyone()] if refused.whole else [watch]
    return Notice(key, announce(event_of(key, run.id), Kind.FAILURE, text, lines, everyone, now))
