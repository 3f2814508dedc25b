"""Carrying out one command of the tracker: the requests of one run, when the tracker and the other runs let them.

Owns the open stream and the search in the list of runs. Must not know which command follows, nor what an outcome is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from monitor.agent import events
from monitor.agent import happenings as h
from monitor.agent.client import Client
from monitor.agent.outcome import Code, Fault
from monitor.agent.pace import Terms
from monitor.agent.stream import EventStream
from monitor.agent.wire import Damaged
from monitor.clock import Clock
from monitor.errors import AgentError

PAGES = 20  # of a search by reference (row 95); more than one is a server that does not filter
_SKEW = timedelta(days=1)  # between our clock and the API's; the reference itself is unique
SHARED = frozenset({Code.AUTH, Code.BILLING, Code.FORBIDDEN, Code.RATE})  # what `Journal.refused` is told

log = structlog.get_logger("agent")


def tells_the_time(clock: Clock) -> bool:
    """Return whether a clock can be compared with the API's: one that is driven faster cannot."""
    return float(getattr(clock, "speed", 1.0)) == 1.0


class Journal(Protocol):
    """What a run shares with the store and with the other runs: its ids, and what the API said to all of them."""

    async def starting(self) -> Fault | None:
        """Return when the POST may leave, which it then does at once; or why it may not leave at all (R3, A6)."""
        ...

    async def accepted(self, run_id: str, streaming_url: str | None, *, replaces: str | None = None) -> None:
        """Store the ids; called when the run id is known, and again when the url of the live browser is.

        `replaces` is the id stored before, where the list of runs proved that ours is another (row 57).
        """
        ...

    async def turn(self) -> None:
        """Return when the API may be asked for a run (row 88)."""
        ...

    async def refused(self, fault: Fault) -> None:
        """Take note that the API refused to tell of a run: too many requests, the key, the purse (rows 87, 88)."""
        ...


class Hands:
    """Carries out one command and says what came of it; holds the open stream."""

    def __init__(
        self,
        client: Client,
        journal: Journal,
        clock: Clock,
        terms: Terms,
        opened_at: datetime,
        request: dict[str, object] | None,
    ) -> None:
        self._client, self._journal, self._clock, self._terms = client, journal, clock, terms
        self._opened_at, self._request = opened_at, request
        self._zero = clock.monotonic() - max((clock.now() - opened_at).total_seconds(), 0.0)
        self._stream: EventStream | None = None

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
                await self._journal.turn()
                return (await self._locate(),)
            case h.Dismiss():
                return (await self._dismiss(command.run_ids),)
            case h.Poll():
                await self._until(command.at)
                await self._journal.turn()
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
        assert self._request is not None, "only a new run is started"
        came = await starts[self._terms.transport](self._request, within=within)
        if isinstance(came, EventStream):
            self._stream = came
            return h.Opened()
        if isinstance(came, h.Refused) and "output_schema" not in self._request:
            return h.Refused(came.fault)  # nothing is left out by sending it again
        return came

    async def _read(self, within: float) -> tuple[h.Happening, ...]:
        assert self._stream is not None, "Read follows Opened"
        came = await self._stream.read(within)
        return (came or (h.Heard(),)) if isinstance(came, tuple) else (came,)

    async def _locate(self) -> h.Happening:
        """Read the list of runs that carry our reference to its end; anything less proves nothing."""
        line = self._terms.goal.rpartition("\n")[2][:500]
        after = self._opened_at - _SKEW if tells_the_time(self._clock) else None
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
            return h.LocateFailed(await self._fault(error))
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
            return h.PollFailed(await self._fault(error), missing=error.status == 404, damaged=damaged)

    async def _cancel(self, run_id: str) -> h.Happening:
        try:
            return h.CancelAnswered(await self._client.cancel(run_id))
        except AgentError as error:
            return h.CancelFailed(await self._fault(error))

    async def _fault(self, error: AgentError) -> Fault:
        fault = Fault(Code(error.code), error.message, hint=error.hint, retry_after=error.retry_after)
        if fault.code in SHARED:
            await self._journal.refused(fault)
        return fault
