"""Follow one run to its outcome: the thin shell that carries out what the tracker says.

Owns the order "the id is stored, then anything else" (reliability.md A1). Decides nothing: which command follows is
`tracker`'s; carries out nothing: that is `hands`'. Must not know what an outcome means, nor where an id is stored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.agent import events, faults
from monitor.agent import happenings as h
from monitor.agent.client import Client
from monitor.agent.goal import goal_text
from monitor.agent.hands import Hands, Journal, tells_the_time
from monitor.agent.outcome import Code, Fault, NotStarted, Outcome
from monitor.agent.pace import BUDGET, Terms
from monitor.agent.request import body, credentials, hinted
from monitor.agent.tracker import State, Tracker
from monitor.clock import Clock
from monitor.errors import SecretError
from monitor.watch.model import Watch
from monitor.watch.run import Run

_WORDS = {
    State.LOCATING: "looking for the run at the API",
    State.POLLING: "asking for the result",
    State.CANCELLING: "cancelling the run",
}


@dataclass(frozen=True, slots=True)
class Resume:
    """What an earlier process left of a run: the id if it was known, the exact goal, and when it was opened."""

    run_id: str | None
    goal: str
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """Something to show while a run goes on; `text` is one clean line. Nothing depends on it.

    `kind` is started, progress, streaming_url (only this one carries the url), or the tracker's state when that
    changes: locating, polling, cancelling.
    """

    kind: str
    text: str
    streaming_url: str | None
    at: datetime


def _as_it_is(text: str) -> str:
    return text


async def follow(  # noqa: PLR0913 - the run's three parties (client, watch, run) and what the caller lends
    client: Client,
    watch: Watch,
    run: Run,
    *,
    clock: Clock,
    journal: Journal,
    resume: Resume | None = None,
    progress: Callable[[Progress], None] | None = None,
    reveal: Callable[[str], str] = _as_it_is,
    budget: timedelta = timedelta(seconds=BUDGET),
    stated: bool = False,
) -> Outcome:
    """Start a run (or, with `resume`, go on with one) and return its one outcome, whatever the network does.

    With `stated` a run is started with the schema in its goal (`agent.goal`).
    `budget` bounds how long an API that cannot be reached is asked for a run that may exist. Raises only what `journal`
    or `progress` raise. When it is cancelled it closes its sockets and leaves the remote run alone, for `resume`.
    """
    client.hide(*credentials(watch, reveal))
    goal = goal_text(watch, run, stated=stated) if resume is None else resume.goal
    opened = resume.opened_at if resume is not None and tells_the_time(clock) else None
    terms = Terms(goal, watch.transport, watch.limits.timeout.total_seconds(), budget.total_seconds(), opened)
    tracker, request = Tracker(terms), None
    if resume is None:
        full = await client.wants_full_schema(hinted=stated or hinted(watch.output_schema))
        try:
            request = body(watch, run, full_schema=full, reveal=reveal, stated=stated)
        except SecretError as error:
            return NotStarted(fault=Fault(Code.SECRET, error.message, hint=error.hint))
        withheld = await journal.starting()
        if withheld is not None:
            return NotStarted(fault=withheld)
    opened_at = clock.now() if resume is None else resume.opened_at
    hands = Hands(client, journal, clock, terms, opened_at, request)
    shown = _Shown(tracker, journal, progress, clock)
    if resume is None:
        return await _to_the_end(tracker.start(hands.age()), tracker, hands, shown)
    shown.stored = (resume.run_id, None)
    return await _to_the_end(tracker.resume(resume.run_id, hands.age()), tracker, hands, shown)


async def stop(
    client: Client,
    left: Resume,
    why: str,
    *,
    clock: Clock,
    journal: Journal,
    transport: str = "sse",
    budget: timedelta = timedelta(0),
) -> Outcome:
    """Cancel a run that was opened earlier, looking for it first if its id is not known, and return its one outcome.

    That is what the API makes of it: the run may have completed meanwhile (A7). `why` is told with a run that was
    cancelled. UNKNOWN_OUTCOME when the API could not be asked within `budget` and four minutes.
    """
    terms = Terms(left.goal, transport, budget=budget.total_seconds())
    tracker, hands = Tracker(terms), Hands(client, journal, clock, terms, left.opened_at, None)
    shown = _Shown(tracker, journal, None, clock)
    shown.stored = (left.run_id, None)
    return await _to_the_end(tracker.resume(left.run_id, hands.age(), cancel=why), tracker, hands, shown)


async def _to_the_end(command: h.Command, tracker: Tracker, hands: Hands, shown: _Shown) -> Outcome:
    try:
        while not isinstance(command, h.End):
            for what in await hands.carry_out(command):
                command = tracker.on(what, hands.age())
                await shown.keep(what)
                if not isinstance(command, h.Read):  # what else the last bytes held is of no use any more
                    await hands.close()
                    break
        return command.outcome
    finally:
        await hands.close()


class _Shown:
    """What the outside is told after each step: the journal first, then whoever watches."""

    def __init__(
        self, tracker: Tracker, journal: Journal, progress: Callable[[Progress], None] | None, clock: Clock
    ) -> None:
        self._tracker, self._journal, self._progress, self._clock = tracker, journal, progress, clock
        self._state = tracker.state
        self.stored: tuple[str | None, str | None] = (None, None)

    async def keep(self, what: h.Happening) -> None:
        known = (self._tracker.run_id, self._tracker.streaming_url)
        if known[0] is not None and known != self.stored and known != (self.stored[0], None):
            replaces = self.stored[0] if self.stored[0] != known[0] else None
            await self._journal.accepted(known[0], known[1], replaces=replaces)
            self.stored = known
        if self._progress is None:
            return
        if isinstance(what, events.Started):
            self._tell("started", f"the agent took it as {what.run_id}")
        elif isinstance(what, events.Progress):
            self._tell("progress", faults.clean(what.purpose))
        elif isinstance(what, events.StreamingUrl):
            self._tell("streaming_url", "the live browser can be watched", what.url)
        if self._tracker.state != self._state:
            self._state = self._tracker.state
            if self._state in _WORDS:
                self._tell(str(self._state), _WORDS[self._state])

    def _tell(self, kind: str, text: str, url: str | None = None) -> None:
        assert self._progress is not None
        self._progress(Progress(kind, text, url, self._clock.now()))
