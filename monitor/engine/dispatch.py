"""The local dispatcher: runs of this process, at most so many at a time, none of a watch twice, each a named task.

Runs live in a TaskGroup of their own, never in APScheduler's executor, whose shutdown cancels coroutine jobs
(architecture.md, "The tracker"). Must not know why a run was opened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

import structlog

from monitor.errors import StoreError
from monitor.store.records import Record, Unfinished
from monitor.watch.model import Watch
from monitor.watch.run import Run

log = structlog.get_logger("run")

Execute = Callable[[Watch, Run], Awaitable[Record]]
Resume = Callable[[Watch, Unfinished], Awaitable[Record]]
Work = Callable[[], Awaitable[Record]]

FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # real seconds between tries of a run that the store does not take; doubling


class Dispatcher:
    """Starts runs and resumes, `concurrency` at a time in the order in which they were handed in.

    Closing stops nothing remote: tasks that still follow a run are cancelled, their rows stay as far as they got and
    the next start resumes them (reliability.md R6).
    """

    def __init__(self, execute: Execute, resume: Resume, concurrency: int, done: Callable[[Record], None]) -> None:
        self._execute = execute
        self._resume = resume
        self._done = done
        self._places = asyncio.Semaphore(concurrency)
        self._group = asyncio.TaskGroup()
        self._tasks: dict[str, tuple[Run, asyncio.Task[None]]] = {}  # by watch
        self._idle = asyncio.Event()
        self._idle.set()
        self.closing = False

    def start(self, watch: Watch, run: Run) -> str | None:
        """Execute a run as soon as there is a place; its record goes to `done`.

        Returns why it does not: the id of the run of this watch that still waits or goes on here.
        """
        return self._spawn(f"run {watch.name} {run.id}", run, lambda: self._execute(watch, run))

    def resume(self, watch: Watch, left: Unfinished) -> str | None:
        """Finish a run that another process left behind, as soon as there is a place; returns as `start` does."""
        return self._spawn(f"resume {watch.name} {left.run.id}", left.run, lambda: self._resume(watch, left))

    def held(self) -> dict[str, Run]:
        """Return the runs that wait or go on here, by watch."""
        return {watch: run for watch, (run, _) in self._tasks.items()}

    def _spawn(self, name: str, run: Run, work: Work) -> str | None:
        if run.watch in self._tasks:
            return self._tasks[run.watch][0].id
        if self.closing:
            return None  # the occurrence is caught up, and a run resumed, at the next start
        task = self._group.create_task(self._placed(name, work), name=name)
        self._tasks[run.watch] = (run, task)
        self._idle.clear()
        task.add_done_callback(lambda _: self._forget(run))
        return None

    async def _placed(self, name: str, work: Work) -> None:
        async with self._places:
            wait = FIRST_WAIT
            while not self.closing:
                try:
                    self._done(await work())
                except StoreError as error:
                    if error.transient:
                        # Nothing was asked of the API: no POST while the store takes no row (reliability.md R3).
                        log.warning("a run cannot be opened; trying again", task=name, error=str(error), seconds=wait)
                        await asyncio.sleep(wait)
                        wait = min(wait * 2, LONGEST_WAIT)
                        continue
                    log.error("a run could not be recorded", task=name, error=str(error))  # noqa: TRY400 - the line says all; no traceback for a damaged file
                except Exception:
                    log.exception("a run's task broke", task=name)
                return

    def _forget(self, run: Run) -> None:
        del self._tasks[run.watch]
        if not self._tasks:
            self._idle.set()

    async def idle(self) -> None:
        """Wait until nothing is running or waiting."""
        await self._idle.wait()

    async def close(self) -> None:
        """Take nothing new, begin nothing that waits, and let go of what is followed; returns when all tasks ended."""
        self.closing = True
        for _, task in self._tasks.values():
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
