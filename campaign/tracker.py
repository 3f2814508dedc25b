"""Part `tracker`: the state machine of a run against a small model of the API (reliability.md A1-A4, A7, T7).

Every second case is a random life: faults, outages, crashes, cancels, strangers; the world below knows the truth and
says what the outcome may be. The others take one history of the API and cut its stream, or kill the process, at every
step: one outcome, whatever was cut. Must not know how the tracker comes to its commands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass

from campaign.part import Check, Tally, Violation, chance
from campaign.world import BORN, BROKEN, GOAL, RUN, World
from monitor.agent import happenings as h
from monitor.agent import pace
from monitor.agent.outcome import Outcome
from monitor.agent.pace import Terms
from monitor.agent.tracker import Tracker

TIMEOUT = 600.0
STEPS = 5_000
PAUSE = 601.0  # seconds from a request that failed to the answer of the next one, at most
SUBJECT = (
    *(f"monitor/agent/{name}.py" for name in ("tracker", "table", "endings", "pace", "happenings", "events", "faults")),
    *("campaign/tracker.py", "campaign/world.py"),
)


class _Wrong(Exception):
    """What a life did against the promises."""


@dataclass
class Trackers:
    """Case n is a world drawn from (seed, n); `tracker` is what is tested."""

    name: str = "tracker"
    title: str = "model-based lives of a run: faults, outages, crashes, cancels; cuts and kills at every step"
    proves: str = "A1 A2 A3 A4 A7"
    size: int = 200_000
    least: int = 300
    chunk: int = 500
    subject: tuple[str, ...] = SUBJECT
    tracker: Callable[[Terms], Tracker] = Tracker

    @contextmanager
    def opened(self, seed: int) -> Iterator[Check]:
        """Nothing is to be opened."""

        def check(numbers: Sequence[int], tally: Tally) -> None:
            for number in numbers:
                world = World(chance(seed, self.name, number))
                trace: list[str] = []
                try:
                    self._everywhere(world, tally, trace) if number % 2 else self._life(world, tally, trace)
                except (_Wrong, AssertionError) as wrong:
                    shown = f"{world}\n" + "\n".join(trace[:6] + ["…"] * (len(trace) > 30) + trace[6:][-24:])
                    raise Violation(number, str(wrong) or "an assertion of the tracker failed", shown) from wrong

        yield check

    # --- a random life

    def _life(self, world: World, tally: Tally, trace: list[str]) -> None:
        terms = Terms(GOAL, world.transport, TIMEOUT, opened_at=BORN)
        tracker, now, resumed, asked = self.tracker(terms), 0.0, 0.0, None
        command, starts = tracker.start(now), 0
        if world.chance.random() < world.crashes / 4:  # killed before the request left
            world.post, command = "nothing", tracker.resume(None, now)
        for _ in range(STEPS):
            trace.append(f"{now:.0f} s {tracker.state}: {command!s:.160}")
            if isinstance(command, h.End):
                self._ended(world, command.outcome, now, resumed, asked)
                self._stays(world, tracker, command, now)
                self._counts(tally, world, command.outcome, now, starts)
                return
            starts += isinstance(command, h.Start)
            _sane(world, tracker, command, now, cancellable=now >= TIMEOUT or asked is not None)
            what, now = world.carry_out(command, now)
            trace.append(f"{now:.0f} s happens: {what!s:.160}")
            if starts > 1:
                raise _Wrong(f"{starts} POSTs were sent")
            before = tracker.run_id
            command = tracker.on(what, now)
            if world.chance.random() < world.crashes and not isinstance(command, h.End):
                known = tracker.run_id if world.chance.random() < 0.7 else before  # killed before the id was stored
                now += world.chance.choice([1.0, 30.0, 3_000.0])
                asked = "somebody asked" if world.chance.random() < 0.1 else asked
                tracker, resumed = self.tracker(terms), now
                trace.append(f"{now:.0f} s: killed, and resumed with {known} (cancel: {asked})")
                command = tracker.resume(known, now, cancel=asked)
        raise _Wrong(f"no end after {STEPS} steps, at {now:.0f} s")

    def _stays(self, world: World, tracker: Tracker, end: h.End, now: float) -> None:
        for late in (h.Polled(world.show(now)), h.Lost(BROKEN), h.Located(()), h.Opened(), h.Dismissed(), h.Expired()):
            if tracker.on(late, now + 1) is not end:
                raise _Wrong(f"after its end, {type(late).__name__} gave another command")

    @staticmethod
    def _ended(world: World, outcome: Outcome, now: float, resumed: float, asked: str | None) -> None:
        wrong = world.refutes(outcome, asked=asked is not None, crashed=resumed > 0)
        if wrong:
            raise _Wrong(f"{outcome!r:.300}: {wrong}")
        deadline = max(TIMEOUT, resumed)
        limit = max(deadline, *(at + PAUSE for at in world.failed_at), 0.0) + pace.GRACE
        if world.faulty:
            limit = min(limit, max(pace.BUDGET, resumed + pace.GRACE) + pace.GRACE)
        if now > limit:
            raise _Wrong(f"ended at {now:.0f} s, due by {limit:.0f} s")

    @staticmethod
    def _counts(tally: Tally, world: World, outcome: Outcome, now: float, starts: int) -> None:
        tally.add("lives")
        tally.add("POSTs", starts)
        tally.add(f"ended {outcome.kind}")
        if not world.faulty:
            tally.peak("latest end while the API answered, s after the POST", now if world.crashes == 0 else 0.0)

    # --- one history, cut everywhere

    def _everywhere(self, world: World, tally: Tally, trace: list[str]) -> None:
        world.calm()
        events = world.stream()
        seen: dict[str, str] = {}
        for cut in range(len(events) + 1):
            for how in ("lost", "silent", "killed", "killed before the id was stored"):
                trace.append(f"--- {how} after {cut} of {len(events)} events")
                outcome = self._cut(_anew(world), events[:cut], how, trace)
                seen[_told(outcome)] = f"{how} after {cut}"
                tally.add("cuts and kills")
        if len(seen) != 1:
            raise _Wrong(f"one history, {len(seen)} outcomes: {seen}")
        tally.add("histories")

    def _cut(self, world: World, events: Sequence[h.Happening], how: str, trace: list[str]) -> Outcome:
        terms = Terms(GOAL, "sse", TIMEOUT)
        tracker, now, starts = self.tracker(terms), 1.0, 1
        world.created_at = 0.0
        command = tracker.start(0.0)
        stored: str | None = None
        for what in events:
            stored, now = tracker.run_id, now + 1.0
            command = tracker.on(what, now)
            if not isinstance(command, h.Read):
                break
        if isinstance(command, (h.Start, h.Read)):
            command = tracker.on(h.Lost(BROKEN) if how == "lost" else h.Expired(), now)
        if how.startswith("killed") and not isinstance(command, h.End):
            known = tracker.run_id if how == "killed" else stored
            tracker = self.tracker(terms)
            command = tracker.resume(known, now := now + 20.0)
        while not isinstance(command, h.End):
            trace.append(f"{now:.0f} s {tracker.state}: {command!s:.160}")
            starts += isinstance(command, h.Start)
            _sane(world, tracker, command, now, cancellable=False)
            what, now = world.carry_out(command, now)
            command = tracker.on(what, now)
        if starts != 1:
            raise _Wrong(f"{starts} POSTs were sent")
        return command.outcome


def _anew(world: World) -> World:
    """Return the same world before anything was done to it."""
    fresh = copy(world)
    fresh.cancelled_at = None
    return fresh


def _told(outcome: Outcome) -> str:
    code = outcome.fault.code if outcome.fault else None
    return f"{outcome.kind} {outcome.run_id} {getattr(outcome, 'result', None)!r} {outcome.steps} {code}"


def _sane(world: World, tracker: Tracker, command: h.Command, now: float, *, cancellable: bool) -> None:
    """Raise where a command is not one that this world allows, whatever led to it."""
    match command:
        case h.Poll(at, run_id) | h.Cancel(at, run_id):
            if run_id != tracker.run_id or run_id not in world.ours:
                raise _Wrong(f"{command} is about a run that is not ours")
            if isinstance(command, h.Cancel) and not cancellable:
                raise _Wrong(f"{command} before the deadline")
            if at > now + 3_600:
                raise _Wrong(f"{command} waits for more than an hour")
        case h.Dismiss(run_ids):
            if tracker.run_id in run_ids or not set(run_ids) <= world.ours or tracker.run_id != RUN:
                raise _Wrong(f"{command} while {tracker.run_id} is followed")
        case h.Read(until) | h.Start(until):
            if until > max(TIMEOUT, now):
                raise _Wrong(f"{command} reads beyond the deadline")
        case h.Locate(at):
            if at > now + 3_600:
                raise _Wrong(f"{command} waits for more than an hour")
