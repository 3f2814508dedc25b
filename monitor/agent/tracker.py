"""From the start of a run to its one Outcome: a state machine without I/O.

    STARTING ─refused, not sent──────────────────────────> ENDED
        │  └─lost before a run_id─> LOCATING ─found──> POLLING ─terminal─> ENDED
        │                              └─proved absent ─> ENDED NotStarted
        └─run_id─> STREAMING ─COMPLETE, lost, silent, garbled─> POLLING
    POLLING, deadline ─> CANCELLING ─> ENDED TimedOut, or the outcome the run had reached
    resume after a crash: POLLING (run_id stored) or LOCATING (none stored); to cancel it: CANCELLING or LOCATING

It takes what happened and the time (seconds since the run was opened) and gives the next command. What is not in
`TABLE` (agent/table.py) changes nothing. Invariants (tests/agent/test_tracker.py): at most one Start; exactly one end,
and it stays; by `timeout + GRACE` as long as the API answers, by `budget + GRACE` in any case; the same remote history
gives the same outcome wherever the stream was cut. Must not know sockets, clocks, watches or stores.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from monitor.agent import endings, events, faults, pace
from monitor.agent import happenings as h
from monitor.agent.events import Complete, RunSnapshot
from monitor.agent.outcome import Code, Failed, Fault, NotStarted, Proof
from monitor.agent.pace import Terms
from monitor.agent.table import TABLE, State

__all__ = ["TABLE", "State", "Tracker"]


class Tracker:
    """One run's way to its end. Call `start` or `resume` once, then `on` with whatever came of the last command."""

    def __init__(self, terms: Terms) -> None:
        self.state = State.STARTING
        self.run_id: str | None = None
        self.streaming_url: str | None = None
        self._terms = terms
        self._began = self._accepted = 0.0  # when we took over; when the run id was known
        self._cause: Fault | None = None  # why the answer or the stream was lost
        self._strange = False  # the stream named a second run (row 57)
        self._asked: str | None = None  # why somebody wants it cancelled
        self._shown: RunSnapshot | None = None  # as it was polled last
        self._record: RunSnapshot | None = None  # a terminal record in hand that one more GET may complete
        self._searches: tuple[float, ...] = pace.SEARCHES
        self._lost_at = 0.0
        self._failures = self._damaged = 0  # in a row
        self._missing_since: float | None = None
        self._gone = False  # the run was known and is not any more
        self._foreign = False  # GET showed another goal under its id: it is not ours, and never cancelled
        self._late = False  # taken over after its deadline: the process before may have cancelled it
        self._stop_at = 0.0  # until when a cancel may take to show
        self._cancel_said: str | None = None  # the status that the cancel answered
        self._reached = False  # the API answered since the run was asked to stop
        self._last: h.Command | None = None

    def start(self, now: float = 0.0) -> h.Command:
        """Return the command that sends the POST."""
        return self._give(h.Start(now + self._terms.first_byte))

    def resume(self, run_id: str | None, now: float, *, cancel: str | None = None) -> h.Command:
        """Return the first command of a run that an earlier process opened; never a Start.

        With `cancel`, the reason in words, the run is stopped as soon as it is known, and its end is what that gives.
        """
        self._began = self._lost_at = now
        if cancel is not None:
            self._asked, self._terms = cancel, replace(self._terms, timeout=now)
        if run_id is None:
            self.state = State.LOCATING
            self._searches = (0.0, *pace.SEARCHES[1:])
            return self._give(h.Locate(now))
        self.run_id = run_id
        self.state = State.POLLING
        self._late = cancel is None and now >= self._terms.timeout and self._terms.transport != "sync"
        return self._give(h.Poll(now, run_id) if cancel is None else self._cancelling(now))

    def on(self, what: h.Happening, now: float) -> h.Command:
        """Return what to do after `what` happened at `now`; what does not belong to the state changes nothing."""
        step = TABLE[self.state].get(type(what))
        if step is None:
            assert self._last is not None, "start or resume comes first"
            return self._last
        method: Callable[[Any, float], h.Command] = getattr(self, step.method)
        return self._give(method(what, now))

    def _give(self, command: h.Command) -> h.Command:
        if isinstance(command, h.End):
            self.state = State.ENDED
        self._last = command
        return command

    # --- the POST and its stream

    def _declined(self, what: h.Refused | h.NotSent, _now: float) -> h.Command:
        if isinstance(what, h.NotSent):
            return h.End(NotStarted(fault=what.fault, proof=Proof.NOT_SENT))
        limited = Proof.LIMITED if what.fault.code is Code.RATE else None
        return h.End(Failed(fault=what.fault, proof=Proof.GATED if what.gated else limited))

    def _answered(self, what: h.Answered, now: float) -> h.Command:
        run = what.run
        if run.run_id is not None:
            self._adopt(run.run_id, State.POLLING, now)
            self.streaming_url = run.streaming_url
        if run.terminal:
            self._record = run
            whole = run.steps is not None and not endings.lacks_result(run)
            return self._end_of(run) if whole or run.run_id is None else self._poll(now)
        if run.run_id is not None:
            return self._next_poll(now)
        if run.error is not None:
            return h.End(Failed(raw=run.raw, fault=faults.from_run(run.error)))
        return self._lost(h.Lost(Fault(Code.PROTOCOL, "the API answered without a run_id")), now)

    def _event(self, what: Any, now: float) -> h.Command:
        """Read on, unless the event ends the stream; whatever carries the run id first makes the run known."""
        known = getattr(what, "run_id", None)
        if known and self.run_id is None:
            self._adopt(known, State.STREAMING, now)
        elif known and known != self.run_id:
            return self._stranger(now)
        if isinstance(what, events.StreamingUrl):
            self.streaming_url = what.url
        if isinstance(what, Complete):
            return self._complete(what, now)
        if isinstance(what, events.Garbled) and what.final:
            return self._lost(h.Lost(Fault(Code.PROTOCOL, f"the COMPLETE event cannot be read: {what.reason}")), now)
        limit = self._terms.read_limit(known=self.run_id is not None)
        return self._lost(h.Expired(), now) if now >= limit else h.Read(min(now + pace.SILENCE, limit))

    def _stranger(self, now: float) -> h.Command:
        """Leave a stream that names a second run: the list tells which of them carries our goal (row 57)."""
        self._cause = Fault(Code.PROTOCOL, "the stream named two runs")
        self._strange, self._searches, self._lost_at, self.state = True, (0.0,), now, State.LOCATING
        return h.Locate(now)

    def _complete(self, what: Complete, now: float) -> h.Command:
        """Keep the record of COMPLETE, if it is one, and leave the stream: GET has the steps and the last word."""
        if what.status is not None and (what.run_id is None or what.run_id == self.run_id):
            record = events.snapshot(what.raw)
            self._record = replace(record, run_id=self.run_id, finished_at=what.at, error=what.error)
        return self._lost(h.Lost(Fault(Code.PROTOCOL, "the stream ended without naming its run")), now)

    def _lost(self, what: h.Lost | h.Expired, now: float) -> h.Command:
        """Leave the stream: poll the run if it is known, else look for it. Nothing here can start another."""
        silence = Fault(Code.NETWORK, "the API took the request and did not answer in time")
        self._cause = what.fault if isinstance(what, h.Lost) else silence
        if self.run_id is not None:
            self.state = State.POLLING
            return self._poll(now)
        self.state, self._lost_at = State.LOCATING, now
        return h.Locate(now + self._searches[0])

    def _adopt(self, run_id: str, state: State, now: float) -> None:
        if self.run_id not in {None, run_id}:  # nothing that was held is about this one
            self.streaming_url, self._shown, self._record, self._foreign, self._late = None, None, None, False, False
        self.run_id, self.state, self._accepted = run_id, state, now
        self._failures, self._damaged, self._missing_since = 0, 0, None

    # --- looking for a run whose id is not known

    def _located(self, what: h.Located, now: float) -> h.Command:
        """Adopt the oldest run whose whole goal is ours; after the last search without one, none exists (A2)."""
        assert isinstance(self._last, h.Locate)
        asked = self._last.at
        only = self.run_id if self._gone and not self._foreign else None
        ids = endings.carriers(what.runs, self._terms.goal, only) or [str(self.run_id)] * self._strange
        self._failures, self._strange = 0, False
        if ids:
            self._adopt(ids[0], State.POLLING, now)
            return h.Dismiss(tuple(ids[1:])) if ids[1:] else self._poll(now)
        self._searches = tuple(offset for offset in self._searches if self._lost_at + offset > asked)
        if self._searches:
            return h.Locate(self._lost_at + self._searches[0])
        if self._record is not None:
            return self._end_of(self._record)
        if self._gone and self._cause is not None:
            return h.End(endings.gone(self.run_id, self._cause))
        return h.End(endings.absent(self._cause))

    def _locate_failed(self, what: h.LocateFailed, now: float) -> h.Command:
        if now >= self._budget():
            return h.End(endings.unknown(self.run_id, what.fault))
        if self._strange:  # the first is polled as long as GET does not show that it is foreign
            return self._located(h.Located(()), now)
        return h.Locate(self._after_failure(what.fault, now))

    # --- polling a run that is known

    def _dismissed(self, _what: h.Dismissed, now: float) -> h.Command:
        return self._poll(now)

    def _polled(self, what: h.Polled, now: float) -> h.Command:
        """End with a terminal record; GET wins over COMPLETE; a COMPLETED without a result is asked for once more."""
        if not endings.is_about(what.run, self.run_id, self._terms.goal):
            self._foreign = what.run.run_id == self.run_id
            fault = Fault(Code.PROTOCOL, "the API answered about another run")
            return self._poll_failed(h.PollFailed(fault, missing=self._foreign), now)
        self._failures, self._damaged, self._missing_since = 0, 0, None
        self._foreign, self._reached = False, True
        held, before, self._shown = self._record, self._shown, what.run
        if what.run.terminal:
            self._record = endings.merged(held, what.run)
            again = held is None and endings.lacks_result(self._record)
            return self._poll(now + 2) if again else self._end_of(self._record)
        if held is not None and not endings.lacks_result(held):
            return self._end_of(held)
        over = what.run.finished_at is not None or (self.state is State.CANCELLING and now >= self._stop_at)
        if over and endings.stays(before, what.run):
            return self._end_of(replace(what.run, status="COMPLETED"))
        return self._stopping(now, None) if self.state is State.CANCELLING else self._next_poll(now)

    def _poll_failed(self, what: h.PollFailed, now: float) -> h.Command:
        if self._record is not None and not endings.lacks_result(self._record):
            return self._end_of(self._record)  # only the steps are missing: one try
        self._damaged = self._damaged + 1 if what.damaged is not None else 0
        if self._damaged >= pace.DAMAGED:
            return h.End(endings.damaged(self.run_id, what.damaged or "", what.fault))
        if what.missing:
            self._missing_since = now if self._missing_since is None else self._missing_since
            if now - self._missing_since >= pace.MISSING:
                return self._lost_again(what.fault, now)
        if self.state is State.CANCELLING:
            return self._stopping(now, what.fault)
        if now >= self._terms.timeout:
            return self._lost_again(what.fault, now) if self._foreign else self._cancelling(now)
        return self._poll(min(self._after_failure(what.fault, now), self._terms.timeout))

    def _lost_again(self, fault: Fault, now: float) -> h.Command:
        """Look by reference for a run that GET does not know (row 86) or shows as foreign; not listed, it is lost."""
        if self._gone or self.state is State.CANCELLING:
            return h.End(endings.gone(self.run_id, fault))
        self._gone, self._cause, self._lost_at, self.state = True, fault, now, State.LOCATING
        self._searches = (0.0, *pace.SEARCHES[1:]) if self._foreign else (0.0,)
        return h.Locate(now)

    def _next_poll(self, now: float) -> h.Command:
        if now < self._terms.timeout:
            return self._poll(self._terms.next_poll(now, now - self._accepted))
        return self._end_of(self._record) if self._record is not None else self._cancelling(now)

    def _poll(self, at: float) -> h.Command:
        assert self.run_id is not None
        return h.Poll(at, self.run_id)

    # --- stopping it at the deadline

    def _cancelling(self, now: float) -> h.Command:
        if self._terms.transport == "sync":
            return self._timed_out("it goes on at the API: a synchronous run cannot be cancelled")
        self.state, self._stop_at, self._failures, self._reached = State.CANCELLING, now + pace.CANCELLING, 0, False
        return self._cancel(now)

    def _cancel(self, at: float) -> h.Command:
        assert self.run_id is not None
        return h.Cancel(at, self.run_id)

    def _cancel_answered(self, what: h.CancelAnswered, now: float) -> h.Command:
        self._reached, self._failures, self._cancel_said = True, 0, what.answer.status
        return self._poll(now)

    def _cancel_failed(self, what: h.CancelFailed, now: float) -> h.Command:
        return self._poll(self._after_failure(what.fault, now))

    def _stopping(self, now: float, fault: Fault | None) -> h.Command:
        """After a poll that showed no end: end, or wait for the cancel to show. An unreachable API has the budget."""
        if self._cancel_said == "CANCELLED":
            return self._timed_out("it was cancelled")
        waited = now >= self._stop_at and self._reached
        if waited and (fault is None or self._cancel_said is None):
            return self._end_of(self._record) if self._record else self._timed_out("no cancel was confirmed")
        if fault is not None and now >= self._budget():
            return h.End(endings.unknown(self.run_id, fault))
        at = now + 5.0 if fault is None else self._after_failure(fault, now)
        return self._poll(at) if self._cancel_said is not None else self._cancel(at)

    # --- ends and times

    def _end_of(self, run: RunSnapshot) -> h.Command:
        ours = self.state is State.CANCELLING or (self._late and endings.past(run, self._terms.deadline))
        stopped = self._stopped("it was cancelled") if ours else None
        return h.End(endings.of_record(run, self.run_id, stopped=stopped))

    def _timed_out(self, became: str) -> h.Command:
        return h.End(endings.stopped_by_us(self._stopped(became), run_id=self.run_id))

    def _stopped(self, became: str) -> Fault:
        if self._asked is not None:
            return endings.asked(self._asked, became)
        return endings.too_long(self._terms.timeout, became, self._shown.status if self._shown else None)

    def _budget(self) -> float:
        return max(self._terms.budget, self._began + pace.GRACE)

    def _after_failure(self, fault: Fault, now: float) -> float:
        self._failures += 1
        at = now + self._terms.backoff(self._failures, fault.retry_after, now)
        return min(at, max(self._budget(), now + 1.0))
