"""Durations as people write them: `30s`, `10m`, `6h`, `7d`. Owns both directions; must not know what is timed."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_FORM = re.compile(r"([0-9]{1,9})([smhd])\Z")


def parse(text: str, *, zero: bool = False) -> timedelta:
    """Return the duration that `text` names, `0s` only if `zero`; raises ValueError with a message for the user."""
    found = _FORM.match(text)
    if not found:
        raise ValueError(f"{text!r} is not a duration: write a whole number and s, m, h or d, as in 30s, 10m, 6h, 7d")
    seconds = int(found[1]) * _UNITS[found[2]]
    if seconds == 0 and not zero:
        raise ValueError("a duration must be longer than nothing")
    if seconds > 3_660 * 86_400:
        raise ValueError(f"{text!r} is longer than ten years")
    return timedelta(seconds=seconds)


def spell(duration: timedelta) -> str:
    """Return the shortest exact way to write a duration of whole seconds: `90s`, `10m`, `36h`, `7d`."""
    seconds = int(duration.total_seconds())
    for unit, size in reversed(_UNITS.items()):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
