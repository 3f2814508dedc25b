"""Runs that nobody works on: rows of dead processes, and of our own whose task broke off. They are resumed, or let go.

Decides which of them is taken up now; how one is finished is `execute`'s. Must not know schedules.
"""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from monitor.clock import WallClock
from monitor.engine.cancel import GONE, cancel_run
from monitor.engine.desk import Desk
from monitor.engine.dispatch import Dispatcher
from monitor.engine.execute import take_over
from monitor.engine.patience import patiently
from monitor.store.records import Unfinished
from monitor.watch.model import Watch

log = structlog.get_logger("daemon")

FIRST = 5.0  # seconds between the first two tries to finish one row, doubling
LONGEST = 600.0  # seconds between tries to finish one row that cannot be finished


class LeftBehind:
    """Takes up unfinished runs, each again after a pause that grows while it breaks off."""

    def __init__(self, watches: Mapping[str, Watch], desk: Desk, dispatcher: Dispatcher, clock: WallClock) -> None:
        self._watches, self._desk, self._dispatcher, self._clock = watches, desk, dispatcher, clock
        self._tries: dict[str, tuple[int, float]] = {}  # by run id: tries to finish its row, and when to try again
        self._unknown: set[str] = set()  # runs of watches that are not defined, told once each

    async def take_up(self, *, complete: bool) -> set[str]:
        """Resume every run that nobody works on; returns the watches in flight.

        Where `complete` is False, some definition cannot be read: the run of a watch that is not there may be its.
        """
        desk, held = self._desk, self._dispatcher.held()
        unfinished = await patiently(desk, desk.store.unfinished)
        self._tries = {left.run.id: self._tries.get(left.run.id, (0, 0.0)) for left in unfinished}
        for left in unfinished:
            if left.run.watch in held or left.run.watch in self._dispatcher.held():
                continue
            watch = self._watches.get(left.run.watch)
            if watch is None:
                self._let_go(left, complete=complete)
            elif self._worth_a_try(left) and (left.owner == desk.owner.id or await take_over(left, desk)):
                log.info("resuming", watch=watch.name, run=left.run.id, stage=left.stage)
                self._count_try(left)
                self._dispatcher.resume(watch, left)
        return {left.run.watch for left in unfinished}

    def _worth_a_try(self, left: Unfinished) -> bool:
        return self._clock.monotonic() >= self._tries[left.run.id][1]

    def _count_try(self, left: Unfinished) -> None:
        tries = self._tries[left.run.id][0]
        pause = min(FIRST * 2.0 ** min(tries, 16), LONGEST)
        self._tries[left.run.id] = (tries + 1, self._clock.monotonic() + pause)

    def _let_go(self, left: Unfinished, *, complete: bool) -> None:
        """Cancel the run of a watch that is gone (A7); where a definition cannot be read, it may be that watch's."""
        if left.owner != self._desk.owner.id and self._desk.owner.alive(left.owner):
            return
        if not complete:
            if left.run.id not in self._unknown:
                self._unknown.add(left.run.id)
                log.warning(
                    "a run of a watch that cannot be read stays as it is", watch=left.run.watch, run=left.run.id
                )
        elif self._worth_a_try(left):
            self._count_try(left)
            log.info("cancelling the run of a watch that is gone", watch=left.run.watch, run=left.run.id)
            self._dispatcher.end(left, lambda: cancel_run(self._desk, left, why=GONE))
