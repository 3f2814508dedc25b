"""How long a run may take and how often it is asked for: the tracker's arithmetic.

All in seconds since the run was opened. Must not know what happened to a run.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

FIRST_BYTE = 60.0  # reliability.md 2.3
FIRST_ID = 120.0
SILENCE = 90.0
SEARCHES = (5.0, 30.0, 120.0)  # offsets from the loss; an absence counts as proved by the last of them (A2)
MISSING = 60.0  # a 404 right after the start may be a lag (row 86)
DAMAGED = 3  # answers in a row that are no proper JSON: a terminal run would stay so for ever (row 53)
CANCELLING = 60.0  # how long a cancel may take to show
GRACE = 240.0  # after the deadline: a last search (120 s), a cancel (60 s) and the requests these need
BUDGET = 86_400.0  # interface.md: an outcome not established in 24 h is UNKNOWN_OUTCOME


@dataclass(frozen=True, slots=True)
class Terms:
    """What a tracker is told of its run: the exact goal sent, the transport, and its limits in seconds.

    `opened_at`: when the run was opened, if that is known in the API's time and another process did it.
    """

    goal: str
    transport: str = "sse"
    timeout: float = 600.0
    budget: float = BUDGET
    opened_at: datetime | None = None

    @property
    def deadline(self) -> datetime | None:
        """When the run is cancelled, in the API's time: what was cancelled earlier was so by somebody else."""
        return None if self.opened_at is None else self.opened_at + timedelta(seconds=self.timeout)

    @property
    def first_byte(self) -> float:
        """When the answer to the POST must have begun: a blocking run answers only at its end."""
        return self.timeout if self.transport == "sync" else min(FIRST_BYTE, self.timeout)

    def read_limit(self, *, known: bool) -> float:
        """Until when a stream is read at most: less while it has not named its run (row 60)."""
        return self.timeout if known else min(FIRST_ID, self.timeout)

    def next_poll(self, now: float, age: float) -> float:
        """When to ask for a run of this age again, not beyond the deadline (agent-api.md section 10)."""
        pause = 2.0 if age < 60 else 5.0 if age < 300 else 30.0
        return min(now + pause, self.timeout)

    def backoff(self, failures: int, asked: float | None, now: float) -> float:
        """Return the pause after so many failures in a row: 2, 4, … 30 s, or longer where the API asked for it.

        Long past the deadline, when only an unreachable API keeps the run open, it grows to ten minutes.
        """
        cap = 30.0 if now < self.timeout + GRACE else 600.0
        return max(min(2.0 ** min(failures, 16), cap), asked or 0.0)
