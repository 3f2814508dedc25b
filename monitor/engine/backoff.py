"""How a watch that keeps failing slows down on its schedule and never leaves it: pure (reliability.md D7)."""

from __future__ import annotations

from datetime import datetime, timedelta

AFTER = 5  # failures in a row before occurrences are left out
SLOWEST = 8  # at most every 8th occurrence runs …
AT_LEAST_EVERY = timedelta(hours=24)  # … and at least one a day
CODE = "BACKOFF"


def every(failures: int) -> int:
    """Return that every how-manieth occurrence of a watch runs after so many failures in a row: 1, then 2, 4, 8."""
    if failures < AFTER:
        return 1
    return int(min(2 ** (failures - AFTER + 1), SLOWEST))


def held_back(failures: int, left_out: int, last_run: datetime | None, due: datetime) -> str | None:
    """Return why an occurrence is left out, or None when it is to run.

    `left_out` counts the occurrences left out since the last run, which began at `last_run`.
    """
    nth = every(failures)
    if left_out + 1 >= nth or last_run is None or due - last_run >= AT_LEAST_EVERY:
        return None
    return f"{failures} failures in a row: every {_ORDINALS[nth]} occurrence runs, until one is good"


_ORDINALS = {2: "2nd", 4: "4th", 8: "8th"}
