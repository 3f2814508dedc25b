"""Follow one run to its outcome: the thin shell that carries out what the tracker says.

Owns the order "the id is stored, then anything else" (reliability.md A1) and the closing of every socket. Decides
nothing: which command follows is `tracker`'s. Must not know what an outcome means, nor where an id is stored.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from monitor.agent import events, faults
from monitor.agent import happenings as h
from monitor.agent.client import Client, EventStream
from monitor.agent.outcome import Code, Fault, NotStarted, Outcome
from monitor.agent.pace import BUDGET, Terms
from monitor.agent.request import body, goal_text, hinted
from monitor.agent.tracker import State, Tracker
from monitor.agent.wire import Damaged
from monitor.clock import Clock
from monitor.errors import AgentError, SecretError
from monitor.watch.model import Watch
from monitor.watch.run import Run

PAGES = 20  # of a search by reference (row 95); more than one is a server that does not filter
_SKEW = timedelta(days=1)  # between our clock and the API's; the reference itself is unique

_WORDS = {
    State.LOCATING: "looking for the run at the API",
    State.POLLING: "asking for the result",
    State.CANCELLING: "cancelling the run",
}

log = structlog.get_logger("agent")


class Journal(Protocol):
    """Where the ids of a run are kept for a process that resumes it."""

    async def accepted(self, run_id: str, streaming_url: str | None) -> None:
        """Store the ids; called when the run id is known, and again when the url of the live browser is."""
        ...


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
) -> Outcome:
    """Start a run (or, with `resume`, go on with one) and return its one outcome, whatever the network does.

    `budget` bounds how long an API that cannot be reached is asked for a run that may exist. Raises only what `journal`
    or `progress` raise. When it is cancelled it closes its sockets and leaves the remote run alone, for `resume`.
    """
    goal = goal_text(watch, run) if resume is None else resume.goal
    terms = Terms(goal, watch.transport, watch.limits.timeout.total_seconds(), budget.total_seconds())
    opened_at = clock.now() if resume is None else resume.opened_at
    hands = _Hands(client, clock, terms, opened_at)
    tracker = Tracker(terms)
    shown = _Shown(tracker, journal, progress, clock)
    try:
        if resume is None:
            full = await client.wants_full_schema(hinted=hinted(watch.output_schema))
            hands.request = body(watch, run, full_schema=full, reveal=reveal)
            command = tracker.start(hands.age())
        else:
            shown.stored = (resume.run_id, None)
            command = tracker.resume(resume.run_id, hands.age())
        return await _to_the_end(command, tracker, hands, shown)
    except SecretError as error:
        return NotStarted(fault=Fault(Code.SECRET, error.message, hint=error.hint))
    finally:
        await hands.close()


async def _to_the_end(command: h.Command, tracker: Tracker, hands: _Hands, shown: _Shown) -> Outcome:
    while not isinstance(command, h.End):
        for what in await hands.carry_out(command):
            command = tracker.on(what, hands.age())
            await shown.keep(what)
            if not isinstance(command, h.Read):  # what else the last bytes held is of no use any more
                await hands.close()
                break
    return command.outcome


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
            await self._journal.accepted(known[0], known[1])
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


class _Hands:
    """Carries out one command and says what came of it; holds the open stream."""

    def __init__(self, client: Client, clock: Clock, terms: Terms, opened_at: datetime) -> None:
        self._client, self._clock, self._terms = client, clock, terms
        self._opened_at = opened_at
        self._zero = clock.monotonic() - max((clock.now() - opened_at).total_seconds(), 0.0)
        self._stream: EventStream | None = None
        self.request: dict[str, object] = {}

    def age(self) -> float:
        """Return the seconds since the run was opened."""
        return self._clock.monotonic() - self._zero

    async def close(self) -> None:
        """Close the stream, if one is open."""
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.aclose()

    async def carry_out(self, command: h.Command) -> tuple[h.Happening, ...]:
        """Do what `command` says, when it says, and return what happened, never nothing."""
        match command:
            case h.Start():
                return (await self._start(command.until - self.age()),)
            case h.Read():
                return await self._read(command.until - self.age())
            case h.Locate():
                await self._until(command.at)
                return (await self._locate(),)
            case h.Dismiss():
                return (await self._dismiss(command.run_ids),)
            case h.Poll():
                await self._until(command.at)
                return (await self._poll(command.run_id),)
            case h.Cancel():
                await self._until(command.at)
                return (await self._cancel(command.run_id),)
            case h.End():
                return ()

    async def _until(self, at: float) -> None:
        if at > (now := self.age()):
            await self._clock.sleep(at - now)

    async def _start(self, within: float) -> h.Happening:
        starts: dict[str, Callable[..., Awaitable[EventStream | h.Happening]]] = {
            "sse": self._client.run_sse,
            "async": self._client.run_async,
            "sync": self._client.run,
        }
        came = await starts[self._terms.transport](self.request, within=within)
        if isinstance(came, EventStream):
            self._stream = came
            return h.Opened()
        return came

    async def _read(self, within: float) -> tuple[h.Happening, ...]:
        assert self._stream is not None, "Read follows Opened"
        came = await self._stream.read(within)
        return (came or (h.Heard(),)) if isinstance(came, tuple) else (came,)

    async def _locate(self) -> h.Happening:
        """Read the list of runs that carry our reference to its end; anything less proves nothing."""
        line = self._terms.goal.rpartition("\n")[2][:500]
        real_time = getattr(self._clock, "speed", 1.0) == 1.0  # a driven clock is not the API's
        after = self._opened_at - _SKEW if real_time else None
        found: list[events.RunSnapshot] = []
        seen: set[str] = set()
        cursor: str | None = None
        try:
            for _ in range(PAGES):
                page = await self._client.list_runs(goal=line, created_after=after, cursor=cursor)
                found += page.runs
                cursor = page.next_cursor
                if cursor is None:
                    return h.Located(tuple(found))
                if cursor in seen:
                    break
                seen.add(cursor)
        except AgentError as error:
            return h.LocateFailed(_fault(error))
        if any(run.goal == self._terms.goal for run in found):
            return h.Located(tuple(found))
        return h.LocateFailed(Fault(Code.PROTOCOL, "the list of runs has no end"))

    async def _dismiss(self, run_ids: tuple[str, ...]) -> h.Happening:
        for run_id in run_ids:
            try:
                await self._client.cancel(run_id)
            except AgentError as error:
                log.warning("a surplus run could not be cancelled", run_id=run_id, error=str(error))
        return h.Dismissed()

    async def _poll(self, run_id: str) -> h.Happening:
        try:
            return h.Polled(await self._client.get(run_id))
        except AgentError as error:
            damaged = error.__cause__.text if isinstance(error.__cause__, Damaged) else None
            return h.PollFailed(_fault(error), missing=error.status == 404, damaged=damaged)

    async def _cancel(self, run_id: str) -> h.Happening:
        try:
            return h.CancelAnswered(await self._client.cancel(run_id))
        except AgentError as error:
            return h.CancelFailed(_fault(error))


def _fault(error: AgentError) -> Fault:
    return Fault(Code(error.code), error.message, hint=error.hint, retry_after=error.retry_after)
