"""The distinct rule sets of the IANA database over the years of the campaign: one zone stands for all alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from monitor.files import zones

FIRST, LAST = datetime(2024, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)
_STEP = timedelta(hours=12)  # no zone changes twice in half a day


@dataclass(frozen=True, slots=True)
class Rules:
    """One rule set: a zone that has it, how many others have it too, and when its wall clock jumps."""

    zone: str
    alike: int
    jumps: tuple[datetime, ...]


@lru_cache(maxsize=1)
def distinct() -> tuple[Rules, ...]:
    """Return one zone of every distinct rule set, by name; two are the same if they always show the same time."""
    found: dict[object, list[str]] = {}
    for name in sorted(zones.known()):
        where = ZoneInfo(name)
        found.setdefault((where.utcoffset(FIRST.astimezone(where)), _jumps(where)), []).append(name)
    alike = sorted(found.values())
    return tuple(Rules(names[0], len(names) - 1, tuple(at for at, _ in _jumps(ZoneInfo(names[0])))) for names in alike)


def _offset(where: ZoneInfo, instant: datetime) -> timedelta | None:
    return instant.astimezone(where).utcoffset()


def _jumps(where: ZoneInfo) -> tuple[tuple[datetime, timedelta | None], ...]:
    found, at, shown = [], FIRST, _offset(where, FIRST)
    while at < LAST:
        later = at + _STEP
        if _offset(where, later) != shown:
            low, high = at, later
            while high - low > timedelta(minutes=1):
                middle = low + timedelta(minutes=int((high - low).total_seconds()) // 120)
                low, high = (middle, high) if _offset(where, middle) == shown else (low, middle)
            shown = _offset(where, later)
            found.append((high, shown))
        at = later
    return tuple(found)
