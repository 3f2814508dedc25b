"""How much the loops of one CEL evaluation may do, so that none hangs. Must not know CEL."""

from __future__ import annotations

import time

MOST_STEPS = 500_000  # items that the loops of one evaluation may look at, about 1 s
MOST_COPIES = 4_000_000  # items copied while lists are built, about 1 s: one list of 2,800 items, 400 out of 10,000
LONGEST_TIME = 2.0  # seconds of CPU; only where single steps are slow, as `a in rows` with 10,000 rows is


class Effort:
    """What the loops of one evaluation have done; past a bound `step` gives null, which ends a loop by an error."""

    def __init__(self) -> None:
        self.steps, self.copies, self.stopped = 0, 0, False
        self.kept: dict[int, int] = {}
        self.start = time.thread_time()

    def begin(self, site: int) -> int:
        """Note that a loop begins anew; gives the index of the list that is gone through in its wrapping."""
        self.kept[site] = 0
        return 0

    def step(self, site: int) -> bool | None:
        """Count one item; every item copies the list that its loop has built so far."""
        self.steps += 1
        self.copies += self.kept[site]
        slow = self.steps % 64 == 0 and time.thread_time() - self.start > LONGEST_TIME
        self.stopped = self.stopped or slow or self.steps > MOST_STEPS or self.copies > MOST_COPIES
        return None if self.stopped else True

    def keep(self, site: int) -> bool:
        """Count one more item of the list that a loop builds."""
        self.kept[site] += 1
        return True
