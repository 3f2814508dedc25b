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
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self.closing = False

    def start(self, watch: Watch, run: Run) -> None:
        """Execute a run as soon as there is a place; its record goes to `done`."""
        self._spawn(_name(run), lambda: self._execute(watch, run))

    def holds(self, run: Run) -> bool:
        """True while the run is waiting or running here."""
        return any(task.get_name() == _name(run) for task in self._tasks)

    def resume(self, watch: Watch, left: Unfinished) -> None:
        """Finish a run that another process left behind, as soon as there is a place."""
        self._spawn(f"resume {watch.name} {left.run.id}", lambda: self._resume(watch, left))

    def _spawn(self, name: str, work: Callable[[], Awaitable[Record]]) -> None:
        if self.closing:
            return  # the occurrence is caught up at the next start
        task = asyncio.create_task(self._placed(name, work), name=name)
        self._tasks.add(task)
        self._idle.clear()
        task.add_done_callback(self._forget)

    async def _placed(self, name: str, work: Callable[[], Awaitable[Record]]) -> None:
        async with self._places:
            if self.closing:
                return
            try:
                self._done(await work())
            except StoreError as error:
                log.error("a run could not be recorded", task=name, error=str(error))  # noqa: TRY400 - the line says all; no traceback for a full disk
            except Exception:
                log.exception("a run's task broke", task=name)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not self._tasks:
            self._idle.set()

    async def idle(self) -> None:
        """Wait until nothing is running or waiting."""
        await self._idle.wait()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _name(run: Run) -> str:
    return f"run {run.watch} {run.id}"
