"""The local dispatcher: runs of this process, at most so many at a time, none of a watch twice, each a named task.

Runs live in a TaskGroup of their own, never in APScheduler's executor, whose shutdown cancels coroutine jobs
(architecture.md, "The tracker"). Must not know why a run was opened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import structlog

from monitor.clock import WallClock
from monitor.engine.hosts import Turns
from monitor.engine.patience import Patience
from monitor.errors import StoreError
from monitor.store.records import Record, Unfinished
from monitor.watch.model import Watch
from monitor.watch.run import Run, Trigger

log = structlog.get_logger("run")

Execute = Callable[[Watch, Run], Awaitable[Record]]
Resume = Callable[[Watch, Unfinished], Awaitable[Record]]
Work = Callable[[Run], Awaitable[Record | None]]

FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # real seconds between tries of a run that the store does not take; doubling


@dataclass(slots=True)
class _Place:
    """The one run of a watch that is here; `work` executes or resumes it, `going` while that is under way."""

    run: Run
    work: Work
    url: str = ""
    resumed: bool = False
    going: bool = False
    withdrawn: bool = False
    task: asyncio.Task[None] | None = None

    def gives_way(self) -> bool:
        """True for an occurrence that has no row as yet; a retry and a run to resume are in the store already."""
        return not self.going and not self.resumed and self.run.trigger is Trigger.CRON


class Dispatcher:
    """Starts runs and resumes, so many at a time as `turns` has places, in the order in which they were handed in.

    Closing stops nothing remote: tasks that still follow a run are cancelled, their rows stay as far as they got and
    the next start resumes them (reliability.md R6).
    """

    def __init__(
        self,
        execute: Execute,
        resume: Resume,
        turns: Turns | int,
        done: Callable[[Record], None],
        patience: Patience | None = None,
    ) -> None:
        """Take what performs; `turns` gives the places, or is how many there are where no site has its own pace."""
        self._patience = patience or Patience()
        self._execute = execute
        self._resume = resume
        self._done = done
        self._turns = Turns(turns, lambda _: None, WallClock()) if isinstance(turns, int) else turns
        self._group = asyncio.TaskGroup()
        self._held: dict[str, _Place] = {}  # by watch
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self.closing = False

    def start(self, watch: Watch, run: Run) -> Run | None:
        """Execute a run as soon as there is a place; its record goes to `done`.

        Returns the run that will not be executed, if any: this one, where an earlier one of its watch goes on here, or
        an earlier occurrence that still waited, whose turn this one takes: what runs late is the newest only.
        """
        held = self._held.get(run.watch)
        if held is None:
            self._spawn(f"run {watch.name} {run.id}", _Place(run, lambda now: self._execute(watch, now), watch.url))
            return None
        if not held.gives_way() or run.trigger is not Trigger.CRON:
            return run
        displaced = None if held.withdrawn else held.run
        held.run, held.withdrawn = run, False
        held.work = lambda now: self._execute(watch, now)
        return displaced

    def redefine(self, watch: Watch) -> None:
        """Execute an occurrence that still waits with the present definition of its watch."""
        held = self._held.get(watch.name)
        if held is not None and held.gives_way():
            held.work = lambda now: self._execute(watch, now)

    def withdraw(self, watch: str) -> Run | None:
        """Give up an occurrence that still waits, of a watch that is gone, and return it; what is going on goes on."""
        held = self._held.get(watch)
        if held is None or not held.gives_way() or held.withdrawn:
            return None
        held.withdrawn = True
        return held.run

    def resume(self, watch: Watch, left: Unfinished) -> None:
        """Finish a run that another process left behind, as soon as there is a place, unless its watch has one here."""
        if left.run.watch not in self._held:
            place = _Place(left.run, lambda _: self._resume(watch, left), resumed=True)  # its request left: no pace
            self._spawn(f"resume {watch.name} {left.run.id}", place)

    def end(self, left: Unfinished, work: Callable[[], Awaitable[object]]) -> None:
        """Bring a run to its end by `work`, which records it itself, as soon as there is a place."""

        async def ended(_: Run) -> None:
            await work()

        if left.run.watch not in self._held:
            self._spawn(f"end {left.run.watch} {left.run.id}", _Place(left.run, ended, resumed=True))

    async def let_go(self, watch: str) -> None:
        """Stop following what goes on of a watch here; its row stays as far as it got, to be taken up again."""
        held = self._held.get(watch)
        if held is not None and held.going and held.task is not None:
            held.task.cancel()
            await asyncio.wait({held.task})

    def held(self) -> dict[str, Run]:
        """Return the runs that wait or go on here, by watch."""
        return {watch: place.run for watch, place in self._held.items()}

    def _spawn(self, name: str, place: _Place) -> None:
        if self.closing:
            return  # the occurrence is caught up, and a run resumed, at the next start
        self._held[place.run.watch] = place
        self._idle.clear()
        task = self._group.create_task(self._placed(place), name=name)
        place.task = task
        self._tasks.add(task)
        task.add_done_callback(lambda ended: self._forget(place, ended))

    async def _placed(self, place: _Place) -> None:
        async with self._turns.turn(place.url):
            wait, waited = FIRST_WAIT, 0.0
            while not self.closing and not place.withdrawn:
                place.going = True
                seconds = None
                try:
                    record = await place.work(place.run)
                    if record is not None:
                        self._done(record)
                except StoreError as error:
                    seconds = self._seconds_until_again(error, place, wait, waited)
                except Exception:
                    log.exception("a run's task broke", watch=place.run.watch, run=place.run.id)
                if seconds is None:
                    return
                place.going = False
                await asyncio.sleep(seconds)
                waited += seconds
                wait = min(wait * 2, LONGEST_WAIT)

    def _seconds_until_again(self, error: StoreError, place: _Place, wait: float, waited: float) -> float | None:
        """Return in how many seconds a run that the store did not take is tried again, None when it is not."""
        about = {"watch": place.run.watch, "run": place.run.id, "error": str(error)}
        seconds = None
        if error.transient:
            seconds = self._patience.pause(wait, waited, error)
        if seconds is None:
            log.error("a run could not be recorded", **about)  # the line says all; no traceback for a damaged file
        else:
            # Nothing was asked of the API: no POST while the store takes no row (reliability.md R3).
            log.warning("a run cannot be opened; trying again", seconds=seconds, **about)
        return seconds

    def _forget(self, place: _Place, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        del self._held[place.run.watch]
        if not self._held:
            self._idle.set()

    async def idle(self) -> None:
        """Wait until nothing is running or waiting."""
        await self._idle.wait()

    async def close(self) -> None:
        """Take nothing new, begin nothing that waits, and let go of what is followed; returns when all tasks ended."""
        self.closing = True
        for task in self._tasks:
            task.cancel()
        await self.idle()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
        await self._group.__aexit__(None, None, None)
