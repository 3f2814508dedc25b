"""Waiting for a store that does not answer now and may later. Must not know what is stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import structlog

from monitor.errors import StoreError

if TYPE_CHECKING:
    from monitor.engine.desk import Desk

log = structlog.get_logger("store")

FIRST, LONGEST = 1.0, 60.0  # seconds between tries; doubling

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True)
class Patience:
    """How many seconds a process waits for a store that takes nothing: `most`, None for ever.

    Once one of its tasks has waited for so long, `given_up` says so, and the others try once more and wait no longer.
    """

    most: float | None = None
    given_up: StoreError | None = None

    def pause(self, wait: float, waited: float, error: StoreError) -> float | None:
        """Return how long to wait before the next try, at most `wait`; None when there is none any more.

        `waited` is for how many seconds this task has waited for `error` to pass.
        """
        if self.most is None:
            return wait
        if self.given_up is None and waited >= self.most:
            why = f"gave up: the store took nothing for {waited:.0f} s: {error.message}"
            self.given_up = StoreError(why, hint=error.hint)
        return None if self.given_up is not None else min(wait, max(self.most - waited, 0.05))

    def check(self) -> None:
        """Raise StoreError when this process has given up."""
        if self.given_up is not None:
            raise StoreError(self.given_up.message, hint=self.given_up.hint)


async def patiently(desk: Desk, method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a store method until the store takes it: what was paid for is kept in memory while a disk is full (R3).

    Waits 1 s, doubling to 60 s, while the error is transient; any other StoreError is raised, also that of a process
    whose patience is at its end. Else the bound is the life of the caller's task: a process that stops gives up, and
    the row that is open leads the next one to the remote run.
    """
    wait = FIRST
    since = desk.clock.monotonic()
    while True:
        try:
            return await desk.writer(method, *args, **kwargs)
        except StoreError as error:
            if not error.transient:
                raise
            seconds = desk.patience.pause(wait, desk.clock.monotonic() - since, error)
            if seconds is None:
                desk.patience.check()
                raise
            log.warning("the store does not answer; trying again", error=str(error), seconds=seconds)
            await desk.clock.sleep(seconds)
            wait = min(wait * 2, LONGEST)
