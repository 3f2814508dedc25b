"""A model of the agent API with one run of ours: what happens when a command is carried out, and what is true.

Drawn whole from one generator. Must not know the tracker: it answers commands, and refutes outcomes that the truth
does not bear out.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from monitor.agent import events
from monitor.agent import happenings as h
from monitor.agent.events import CancelAnswer, Complete, Garbled, Heartbeat, Progress, RunSnapshot, Started
from monitor.agent.outcome import Code, Fault, Outcome, Proof

GOAL = "Find the price.\n[ref 01J]"
RUN = "r1"
TWIN = "r2"
BROKEN = Fault(Code.NETWORK, "broken")
BUSY = Fault(Code.RATE, "too many requests", retry_after=45.0)
REFUSED = Fault(Code.CONFIG, "no such field")
ERROR = {"code": "SITE_BLOCKED", "message": "captcha"}
BORN = datetime(2026, 11, 21, 12, tzinfo=UTC)
_KINDS = {"COMPLETED": "completed", "FAILED": "failed", "CANCELLED": "cancelled"}


class World:
    """The API. Times are seconds since our run was opened."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.transport = chance.choice(["sse", "sse", "sse", "async", "sync"])
        self.post = chance.choices(["created", "refused", "not sent", "nothing", "error"], [80, 5, 5, 6, 4])[0]
        self.faults = chance.choice([0.0, 0.0, 0.1, 0.4])
        begin = chance.uniform(0, 700)
        self.outage = (begin, chance.choice([begin + 100, begin + 5_000, 1e12])) if chance.random() < 0.15 else None
        self.crashes = chance.choice([0.0, 0.0, 0.05, 0.2])
        self.lag = chance.choice([0.0, 20.0, 100.0])  # until the list shows a run
        self.unknown = chance.choice([0.0, 0.0, 5.0, 40.0])  # until GET knows it
        self.takes = chance.choice([3.0, 40.0, 200.0, 580.0, 700.0, 1e12])
        self.end = chance.choice(["COMPLETED", "COMPLETED", "FAILED", "CANCELLED"])
        self.result = chance.choice([{"price": 1}, "text", None])
        self.on_cancel = chance.choice(["cancelled", "cancelled", "completed", "denied", "error"])
        self.echo = chance.choice([GOAL, GOAL, "Find the price.", None])
        self.twin = chance.random() < 0.2  # the API made a second run of our one POST
        self.strange = chance.random() < 0.1  # the stream names a second run, after ours
        self.named = False
        self.created_at: float | None = None
        self.cancelled_at: float | None = None
        self.damaged = 0
        self.failed_at: list[float] = []  # when a request got no answer

    def __repr__(self) -> str:
        return ", ".join(f"{name}={value}" for name, value in vars(self).items() if name not in {"chance", "failed_at"})

    @property
    def faulty(self) -> bool:
        """True when requests may fail."""
        return self.faults > 0 or self.outage is not None

    @property
    def ours(self) -> set[str]:
        """The ids of all runs that carry our goal."""
        return {RUN, TWIN} if self.twin else {RUN}

    def calm(self) -> None:
        """Become an API that answers, with a run that was created and ends in time: for histories that are cut."""
        self.transport, self.post, self.faults, self.outage = "sse", "created", 0.0, None
        self.unknown, self.crashes, self.strange, self.on_cancel = 0.0, 0.0, False, "denied"
        self.takes = self.chance.choice([3.0, 40.0, 200.0])

    # --- the truth

    def status(self, now: float) -> str:
        """Return the status of our run."""
        if self.cancelled_at is not None and self.cancelled_at < self.takes:
            return "COMPLETED" if self.on_cancel == "completed" else "CANCELLED"
        return self.end if now >= self.takes else "RUNNING"

    def show(self, now: float, *, goal: str | None = GOAL, run_id: str = RUN) -> RunSnapshot:
        """Return our run (or its twin, which is younger) as the API shows it."""
        status = self.status(now) if run_id == RUN else "RUNNING"
        born = BORN + timedelta(seconds=0 if run_id == RUN else 1)
        fields: dict[str, Any] = {"run_id": run_id, "status": status, "goal": goal, "created_at": born.isoformat()}
        if status != "RUNNING":
            ended = min(self.takes, self.takes if self.cancelled_at is None else self.cancelled_at)
            fields |= {"num_of_steps": 3, "finished_at": (BORN + timedelta(seconds=ended)).isoformat()}
        if status == "COMPLETED":
            fields["result"] = self.result
        if status == "FAILED":
            fields["error"] = ERROR
        return events.snapshot({name: value for name, value in fields.items() if value is not None})

    def refutes(self, outcome: Outcome, *, asked: bool, crashed: bool) -> str | None:
        """Return why this outcome is not true, or None."""
        code = outcome.fault.code if outcome.fault else None
        if outcome.kind != "completed" and code is None:
            return "nothing says why"
        if outcome.kind == "failed" and code is Code.UNKNOWN_OUTCOME:
            return None if self.outage is not None else "the API could be asked"
        if self.created_at is None:
            return self._refutes_nothing(outcome, code)
        if outcome.kind == "not_started":
            return "a run was created and is paid for"
        if outcome.run_id != RUN:
            return "it is about another run"
        if outcome.kind == "completed":
            return self._refutes_completed(outcome)
        if outcome.kind == "failed" and code is Code.PROTOCOL and self.damaged >= 3:
            return None
        return self._refutes_end(outcome.kind, asked=asked, crashed=crashed)

    def _refutes_nothing(self, outcome: Outcome, code: Code | None) -> str | None:
        if self.post in {"refused", "error"}:
            return None if outcome.kind == "failed" and outcome.proof is None else "the API refused the run"
        proof = Proof.NOT_SENT if self.post == "not sent" else Proof.ABSENT
        if outcome.kind == "not_started" and outcome.proof is proof:
            return None
        return f"no run was created ({self.post}), {code}, {outcome.proof}"

    def _refutes_completed(self, outcome: Outcome) -> str | None:
        if getattr(outcome, "result", None) != self.result:
            return f"the result is {self.result!r}"
        return None if self.status(1e12) == "COMPLETED" else f"the run ended {self.status(1e12)}"

    def _refutes_end(self, kind: str, *, asked: bool, crashed: bool) -> str | None:
        """Our run exists and did not complete, as it is said."""
        if kind == "failed":
            return None if self.status(1e12) == "FAILED" else f"the run ended {self.status(1e12)}"
        if kind == "cancelled" and (asked or self.end == "CANCELLED"):
            return None
        if kind == "timed_out" and (self.faulty or asked or self.takes >= 599.0 or crashed):
            return None if self.takes >= 599.0 or self.faulty else "it ended before its deadline"
        return f"the run ended {self.status(1e12)} after {self.takes} s"

    # --- carrying out a command

    def carry_out(self, command: h.Command, now: float) -> tuple[h.Happening, float]:
        """Return what happens, and when."""
        match command:
            case h.Start(until):
                return self._start(until, now)
            case h.Read(until):
                return self._read(until, now)
            case h.Locate(at):
                return self._locate(max(now, at) + 1)
            case h.Poll(at, _):
                return self._poll(max(now, at) + 1)
            case h.Cancel(at, _):
                return self._cancel(max(now, at) + 1)
            case h.Dismiss():
                return h.Dismissed(), now + 1
        raise AssertionError(command)

    def _bad(self, now: float) -> Fault | None:
        away = self.outage is not None and self.outage[0] <= now < self.outage[1]
        fault = BROKEN if away else self.chance.choice([BROKEN, BUSY]) if self.chance.random() < self.faults else None
        self.failed_at += [now] if fault else []
        return fault

    def _start(self, until: float, now: float) -> tuple[h.Happening, float]:
        if self.post == "refused":
            return h.Refused(REFUSED), now + 1
        if self.post == "not sent":
            return h.NotSent(BROKEN), now + 1
        if self.post == "error":
            return h.Answered(events.snapshot({"run_id": None, "error": "no credits"})), now + 1
        lost = (h.Lost(BROKEN), now + 1) if self.chance.random() < 0.5 else (h.Expired(), until)
        if self.post == "nothing":
            return lost
        self.created_at = now
        if self._bad(now) or self.chance.random() < 0.2:
            return lost
        if self.transport == "sse":
            return h.Opened(), now + 1
        if self.transport == "async":
            return h.Answered(events.snapshot({"run_id": RUN})), now + 1
        return (h.Answered(self.show(self.takes)), self.takes) if self.takes < until else (h.Expired(), until)

    def _read(self, until: float, now: float) -> tuple[h.Happening, float]:
        if self._bad(now):
            odd: list[h.Happening] = [h.Lost(BROKEN), Garbled("x", final=True), Garbled("x", final=False)]
            ways: list[tuple[h.Happening, float]] = [*((each, now) for each in odd), (h.Expired(), until)]
            return self.chance.choice(ways)
        if now >= self.takes:
            return self._complete(), now
        if self.strange and self.named and self.chance.random() < 0.3:
            return Progress(TWIN, "who is this?"), now
        later = min(now + self.chance.uniform(1, 60), max(until, now))
        usual: list[h.Happening] = [Heartbeat(), Progress(RUN, "x"), Started(RUN), h.Heard()]
        event = self.chance.choice(usual)
        self.named = self.named or isinstance(event, (Progress, Started))
        return event, later

    def _complete(self) -> Complete:
        """Return COMPLETE: sometimes without the result, the status or the id."""
        shown = self.show(self.takes)
        status = None if self.chance.random() < 0.1 else self.end
        result = None if self.chance.random() < 0.2 else shown.result
        run_id = None if self.chance.random() < 0.1 else RUN
        raw = {"type": "COMPLETE", "run_id": run_id, "status": status, "result": result}
        raw |= {"error": ERROR} if self.end == "FAILED" else {}
        return Complete(run_id, status, result, shown.error, shown.finished_at, raw)

    def _locate(self, now: float) -> tuple[h.Happening, float]:
        fault = self._bad(now)
        if fault:
            return h.LocateFailed(fault), now
        rows = [self.show(now, goal="Another goal.\n[ref 01J]", run_id="r9"), self.show(now, goal=None, run_id="r8")]
        if self.created_at is not None and now >= self.created_at + self.lag:
            rows += [self.show(now, run_id=each) for each in sorted(self.ours, reverse=True)]
        return h.Located(tuple(rows)), now

    def _poll(self, now: float) -> tuple[h.Happening, float]:
        fault = self._bad(now)
        if fault:
            broken = self.chance.random() < 0.1
            self.damaged = self.damaged + 1 if broken else 0
            return h.PollFailed(fault if not broken else Fault(Code.PROTOCOL, "NaN"), damaged="{" * broken or None), now
        if now < (self.created_at or 0.0) + self.unknown:
            return h.PollFailed(Fault(Code.PROTOCOL, "not found"), missing=True), now
        self.damaged = 0
        return h.Polled(self.show(now, goal=self.echo)), now

    def _cancel(self, now: float) -> tuple[h.Happening, float]:
        fault = self._bad(now)
        if fault is None and self.on_cancel == "error":
            fault = BROKEN
            self.failed_at += [now] if self.faulty else []  # among answers it is waited out, among failures it adds up
        if fault:
            return h.CancelFailed(fault), now
        if self.on_cancel != "denied" and self.cancelled_at is None:
            self.cancelled_at = now
        status = self.status(now)
        return h.CancelAnswered(CancelAnswer(RUN, None if status == "RUNNING" else status, None)), now

    def stream(self) -> list[h.Happening]:
        """Return one whole stream of a calm world: it opens, names the run at some point, and completes."""
        between: list[h.Happening] = [Heartbeat(), h.Heard(), Garbled("x", final=False)]
        named: list[h.Happening] = [*between, Progress(RUN, "x"), Started(RUN)]
        silent = [self.chance.choice(between) for _ in range(self.chance.randrange(3))]
        known = [self.chance.choice(named) for _ in range(self.chance.randrange(6))]
        self.takes = 1.0 + len([h.Opened(), *silent, *known]) + 2
        return [h.Opened(), *silent, Started(RUN), *known, self._complete()]
