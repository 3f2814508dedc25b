"""When a message is tried again and when it is given up: time and chance are arguments (reliability.md C4, row 114).

Must not know who sends or what is stored.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.errors import DeliveryError
from monitor.store.records import Delivery


@dataclass(frozen=True, slots=True)
class Pace:
    """How often, how long and how much at once the outbox tries; times in seconds."""

    first: float = 5.0
    longest: float = 3_600.0
    give_up: float = 3 * 86_400.0
    deadline: float = 60.0  # of one send, in real time; a longer one is waited for in the background (row 116)
    per_target: int = 8  # sends at once to one target
    at_once: int = 64  # sends at once in all
    remember: float = 10.0  # how long the targets that the definitions name are taken for known
    look: float = 30.0  # between looks at the store without being told: another process may have written rows

    def next_try(self, row: Delivery, error: DeliveryError, now: datetime, delay: float) -> datetime | None:
        """Return when a message that failed is tried again, in `delay` seconds at best, or None when it is given up.

        A permanent refusal that names a time is tried once more then: it is final when it comes twice in a row. The
        last try is when the time is up, which counts from the first one: what was held did not use it up.
        """
        last = (row.first_at or row.created_at) + timedelta(seconds=self.give_up)
        once_more = error.retry_after is not None and row.error != error.message
        if now >= last or (error.permanent and not once_more):
            return None
        return min(now + timedelta(seconds=delay), last)

    def delay(self, attempts: int, asked: float | None, chance: random.Random) -> float:
        """Return the seconds until the next try: what the target asked for, else doubling with full jitter."""
        if asked is not None:
            return max(1.0, asked)
        ceiling = min(self.longest, self.first * 2.0 ** min(max(0, attempts - 1), 30))
        return max(1.0, chance.uniform(0, ceiling))

    def store_delay(self, faults: int, chance: random.Random) -> float:
        """Return the seconds until the store is asked again after `faults` failures in a row."""
        return min(30.0, 0.25 * 2.0 ** min(faults, 10)) * chance.uniform(0.5, 1.0)
