"""Ctrl-C during `monitor run`: the run is paid for, so it is not simply dropped (issue 3).

On a terminal the first Ctrl-C asks whether to detach (the run goes on; the next run or the daemon picks it up) or to
cancel it; a second one detaches. Without a terminal the first one detaches.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from monitor.cli import output

T = TypeVar("T")

QUESTION = "\nThe run goes on at the agent. Detach from it (d), cancel it (c), or go on waiting (w)? [d] "
DETACHED = "detached: the run goes on; monitor run NAME or the daemon picks its result up, without another run"


async def attended(
    work: Awaitable[T], cancel: Callable[[], Awaitable[object]], aside: Callable[[], AbstractContextManager[None]]
) -> T:
    """Await `work` and answer Ctrl-C; raises KeyboardInterrupt when the user detached or cancelled.

    `cancel` cancels what is in flight; it is called after `work` was let go of. `aside` keeps the display out of the
    way of the question.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)
    asked = asyncio.Event()
    loop.add_signal_handler(signal.SIGINT, asked.set)
    try:
        while True:
            waiting = asyncio.create_task(asked.wait(), name="ctrl-c")
            await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if task.done():
                return task.result()
            asked.clear()
            with aside():
                choice = await _asked(asked)
            if choice == "w":
                continue
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            if choice == "c":
                await cancel()
            else:
                output.note(DETACHED)
            raise KeyboardInterrupt
    finally:
        loop.remove_signal_handler(signal.SIGINT)


async def _asked(again: asyncio.Event) -> str:
    """Return d, c or w: what the user answers, or d at a second Ctrl-C, at the end of input and without a terminal."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return "d"
    sys.stderr.write(QUESTION)
    sys.stderr.flush()
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[str] = loop.create_future()

    def read() -> None:
        if not answered.done():
            answered.set_result(sys.stdin.readline())

    loop.add_reader(sys.stdin, read)
    second = asyncio.create_task(again.wait(), name="second ctrl-c")
    try:
        either: set[asyncio.Future[Any]] = {answered, second}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        word = answered.result().strip().lower()[:1] if answered.done() else "d"
    finally:
        loop.remove_reader(sys.stdin)
        second.cancel()
    return word if word in {"c", "w"} else "d"
