"""Runs in flight: created, queued under a concurrency limit, followed, cancelled, ended once.

Must not know HTTP or extraction.

What a run does is `work`, given by the server. A run never depends on whoever asked for it: closing a stream changes
nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import structlog

from monitor.clock import Clock
from monitor.embedded import wire
from monitor.embedded.captures import Kind, absent
from monitor.embedded.failure import RunError
from monitor.embedded.flight import Flight, Room
from monitor.embedded.ledger import Found, Ledger, Query, cut
from monitor.embedded.order import Order
from monitor.embedded.refusal import RequestError
from monitor.errors import StoreError

log = structlog.get_logger(__name__)

MAX_DURATION = 600.0  # seconds; the platform's own limit of a run (agent-api.md 10)
_PRUNE_EVERY = 500
_HEED = 1.0  # seconds between looks whether another process wants a run of ours cancelled
_HEEDED = 10.0  # seconds in which the process of a run has to cancel it
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Result:
    """What the work of a run found, and where each value came from (kept in the run object as `extraction`).

    `value` is an object, unless noise has wrapped it (`wobble`). `validation` is the run's `schema_validation`: of the
    value as it was read.
    """

    value: Any
    extraction: dict[str, Any]
    validation: dict[str, Any] | None = None


class Step(Protocol):
    """How work tells what it does: called with a purpose it records one step, to which captures can be added."""

    def __call__(self, purpose: str) -> None:
        """Record one step; raises RunError when the order allows no more."""
        ...

    def keep(self, kind: Kind, content: bytes) -> None:
        """Keep a capture of the step under way, if the order asks for its kind and it fits."""
        ...


Work = Callable[[Order, Step], Awaitable[Result]]
Ended = Callable[[Order, dict[str, Any]], None]


class Runner:
    """The runs of one agent. Ledger calls go through one thread, so that a slow disk never stops the loop."""

    def __init__(
        self, ledger: Ledger, clock: Clock, work: Work, new_id: Callable[[], str], room: Room, ended: Ended
    ) -> None:
        self._ledger = ledger
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="embedded-ledger")
        self._clock = clock
        self._work = work
        self._new_id = new_id
        self._ended = ended  # told each end, except those of stopping
        self._places = asyncio.Semaphore(room.concurrency)
        self._flights: dict[str, Flight] = {}
        self._created = 0
        self._queue_limit = room.queue_limit
        self.stopping = False
        self._closed = False

    async def start(self, order: Order, transport: str, group: asyncio.TaskGroup) -> Flight:
        """Create a run and set it going in `group`.

        Raises RequestError 429 when the queue is full, 503 while stopping.
        """
        if self.stopping:
            raise RequestError(503, "SERVICE_BUSY", "the embedded agent is stopping")
        if len(self._flights) >= self._queue_limit:
            raise RequestError(429, "RATE_LIMIT_EXCEEDED", "too many runs are waiting; try again later", retry_after=5)
        flight = Flight(wire.new_run(self._new_id(), order, transport, self.now()), order)
        self._flights[flight.run["run_id"]] = flight
        try:
            await self._in_thread(self._ledger.add, flight.run)
        except BaseException:
            del self._flights[flight.run["run_id"]]
            raise
        self._created += 1
        if self._created % _PRUNE_EVERY == 0:
            await self._in_thread(self._ledger.prune)
        flight.task = group.create_task(self._fly(flight), name=f"embedded-run-{flight.run['run_id']}")
        return flight

    async def get(self, run_id: str) -> dict[str, Any]:
        """Return a run as it stands; raises RequestError 404."""
        flight = self._flights.get(run_id)
        run = flight.run if flight else await self._in_thread(self._ledger.get, run_id)
        if run is None:
            raise RequestError(404, "NOT_FOUND", "Run not found")
        return run

    async def find(self, query: Query) -> Found:
        """Return one page of runs."""
        return await self._in_thread(self._ledger.find, query)

    async def cancel(self, run_id: str) -> dict[str, Any]:
        """Cancel a run and return its true state, which may be another end; `message` says what was found."""
        flight = self._flights.get(run_id)
        run = await self.get(run_id)
        message = None
        if flight is None and run["status"] not in wire.TERMINAL:
            run = await self._cancelled_elsewhere(run_id)
        elif flight is None:
            message = "Run already cancelled" if run["status"] == "CANCELLED" else "Run already finished"
        elif run["_transport"] == "sync":
            raise RequestError(400, "INVALID_INPUT", "Runs of /v1/automation/run cannot be cancelled", issues=[])
        else:
            await self._end(flight, flight.run | {"status": "CANCELLED"})
            run = flight.run
            message = None if run["status"] == "CANCELLED" else "Run already finished"
        at = run["finished_at"] if run["status"] == "CANCELLED" else None
        return {"run_id": run_id, "status": run["status"], "cancelled_at": at, "message": message}

    async def _cancelled_elsewhere(self, run_id: str) -> dict[str, Any]:
        """Ask the process that works on a run to cancel it, and return the run; RequestError 409 without an answer."""
        await self._in_thread(self._ledger.ask_cancel, run_id)
        until = self._clock.monotonic() + _HEEDED
        while self._clock.monotonic() < until:
            await self._clock.sleep(_HEED / 4)
            run = await self.get(run_id)
            if run["status"] in wire.TERMINAL:
                return run
        raise RequestError(409, "CONFLICT", "another process of this workspace works on this run and does not answer")

    async def _heed(self, flight: Flight) -> None:
        """Cancel a run of ours when another process asks for it; to be cancelled when the run has ended."""
        run_id = flight.run["run_id"]
        while True:
            await self._clock.sleep(_HEED)
            try:
                asked = await self._in_thread(self._ledger.cancel_asked, run_id)
            except StoreError as problem:
                log.warning("embedded_ledger_not_read", run_id=run_id, problem=str(problem))
                continue
            if asked and flight.run["_transport"] != "sync":
                await self._end(flight, flight.run | {"status": "CANCELLED"})

    async def capture(self, run_id: str, step_id: str, kind: Kind) -> bytes:
        """Return what was kept of a step; raises RequestError 404, with what to ask for to have it."""
        run = await self.get(run_id)
        content = (await self.captured(run_id, kind)).get(step_id)
        if content is None:
            known = any(step["id"] == step_id for step in run["steps"])
            raise RequestError(404, "NOT_FOUND", absent(kind) if known else "Step not found")
        return content

    async def captured(self, run_id: str, kind: Kind) -> dict[str, bytes]:
        """Return what was kept of a run, by step."""
        flight = self._flights.get(run_id)
        if flight is not None:
            return flight.captures.of(kind)
        return await self._in_thread(self._ledger.captured, run_id, kind)

    async def stop(self) -> None:
        """End every run in flight as cut, cut the streams, and close the ledger."""
        self.stopping = True
        for flight in list(self._flights.values()):
            flight.tell(None)
            await self._end(flight, cut(flight.run, self.now()))
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(self._thread, self._ledger.close)
        self._thread.shutdown(wait=False)

    def now(self) -> str:
        """Return the present instant in the wire's form."""
        return wire.instant(self._clock.now())

    async def _fly(self, flight: Flight) -> None:
        async with self._places:
            if flight.ending:
                return
            flight.run = flight.run | {"status": "RUNNING", "started_at": self.now()}
            flight.step_began = self._clock.monotonic()
            heeding = asyncio.create_task(self._heed(flight), name=f"embedded-heed-{flight.run['run_id']}")
            try:
                await self._end(flight, await self._outcome(flight))
            finally:
                heeding.cancel()

    async def _outcome(self, flight: Flight) -> dict[str, Any]:
        limit = min(MAX_DURATION, float(flight.order.agent_config.max_duration_seconds or MAX_DURATION))
        try:
            await self._save(flight.run)
            async with asyncio.timeout(limit):
                found = await self._work(flight.order, _Steps(self, flight))
        except RunError as failure:
            return flight.run | {"status": "FAILED", "error": failure.error(), "extraction": failure.extraction}
        except TimeoutError:
            late = RunError("TIMEOUT", f"the run took longer than {limit:g} s", category="UNKNOWN")
            return flight.run | {"status": "FAILED", "error": late.error()}
        except Exception:  # one run's fault of ours must not end its siblings; it is logged and told
            log.exception("embedded_run_broke", run_id=flight.run["run_id"])
            broken = RunError("INTERNAL_ERROR", "the embedded agent failed on this page", category="SYSTEM_FAILURE")
            return flight.run | {"status": "FAILED", "error": broken.error()}
        done = {"status": "COMPLETED", "result": found.value, "extraction": found.extraction}
        return flight.run | done | {"schema_validation": found.validation}

    def step(self, flight: Flight, purpose: str) -> None:
        """Record one step and tell it; raises RunError when the order allows no more."""
        steps = flight.run["steps"]
        allowed = flight.order.agent_config.max_steps
        if allowed is not None and len(steps) >= allowed:
            raise RunError("MAX_STEPS_EXCEEDED", f"the run needs more than {allowed} steps")
        moment, now = self._clock.monotonic(), self.now()
        step = {
            "id": f"step-{len(steps) + 1}",
            "timestamp": now,
            "status": "COMPLETED",
            "action": purpose,
            "screenshot": None,
            "duration": f"{moment - flight.step_began:.1f}s",
        }
        flight.step_began = moment
        flight.run = flight.run | {"steps": [*steps, step]}
        flight.tell(wire.event("PROGRESS", now, flight.run["run_id"], purpose=purpose))

    async def _end(self, flight: Flight, run: dict[str, Any]) -> None:
        """End a run once: whoever comes first decides, everybody else waits for that end."""
        if flight.ending:
            await flight.ended.wait()
            return
        flight.ending = True
        now = self.now()
        run = run | {"finished_at": now, "num_of_steps": len(run["steps"])}
        try:
            await self._save_captures(flight)
            await self._save(run)
        finally:  # whoever asked for this end may be cancelled; the run has ended all the same
            flight.run = run
            flight.tell(wire.complete(run, now))
            flight.ended.set()
            self._flights.pop(run["run_id"], None)
            if not self.stopping:
                self._ended(flight.order, run)
        if flight.task is not None and flight.task is not asyncio.current_task():
            flight.task.cancel()

    async def _save(self, run: dict[str, Any]) -> None:
        try:
            await self._in_thread(self._ledger.put, run)
        except StoreError as problem:
            # The client still gets its answer; only a later GET would not know it, and reads RUNNING
            # until the next start.
            log.exception("embedded_ledger_not_written", run_id=run["run_id"], problem=str(problem))

    async def _save_captures(self, flight: Flight) -> None:
        if not flight.captures:
            return
        try:
            await self._in_thread(self._ledger.keep, flight.run["run_id"], flight.captures)
        except StoreError as problem:  # what a run found matters more than its pictures
            log.warning("embedded_captures_not_written", run_id=flight.run["run_id"], problem=str(problem))

    async def _in_thread(self, call: Callable[..., _T], *arguments: Any) -> _T:
        if self._closed:
            raise RequestError(503, "SERVICE_BUSY", "the embedded agent is stopping", retry_after=1)
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)


@dataclass(frozen=True, slots=True)
class _Steps:
    """The steps of one flight, as its work sees them."""

    runner: Runner
    flight: Flight

    def __call__(self, purpose: str) -> None:
        """Record one step; raises RunError when the order allows no more."""
        self.runner.step(self.flight, purpose)

    def keep(self, kind: Kind, content: bytes) -> None:
        """Keep a capture of the step under way, if the order asks for its kind and it fits."""
        steps = self.flight.run["steps"]
        if steps and self.flight.order.capture_config.wants(kind) and not self.flight.ending:
            self.flight.captures.put(steps[-1]["id"], kind, content)
