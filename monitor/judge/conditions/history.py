"""The good results of a generation before the present one, as conditions see them (interface.md, "Conditions").

Holds only the values at the places that some condition names, so that a year of results need not be in memory.
Must not know CEL, rules or the store.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from monitor.judge.comparison import canonical, pointer

Series = tuple[tuple[datetime, tuple[Any, ...]], ...]
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class History:
    """What stood at some places of the results before `now`, oldest first; the present result is not among them.

    `series` has the values by JSON Pointer: several where `*` fits several items, none where the place was empty.
    """

    now: datetime
    series: Mapping[str, Series] = field(default_factory=lambda: MappingProxyType({}))

    def low(self, place: str, within: timedelta | None = None) -> float | None:
        """Return the least number that stood at a place, in the time `within` before now; None for none."""
        return min(self._numbers(place, within), default=None)

    def high(self, place: str, within: timedelta | None = None) -> float | None:
        """Return the greatest number that stood at a place, in the time `within` before now; None for none."""
        return max(self._numbers(place, within), default=None)

    def mean(self, place: str, within: timedelta | None = None) -> float | None:
        """Return the mean of the numbers that stood at a place, each result counting once; None for none."""
        numbers = [number / 1.0 for number in self._numbers(place, within)]
        return math.fsum(numbers) / len(numbers) if numbers else None

    def since(self, place: str, value: Any) -> datetime | None:
        """Return the instant since which every result has had this value at a place; None when the last one had not.

        The instant is that of the first result of the unbroken row of results which ends with the last one before now.
        """
        wanted, began = _form(value), None
        for instant, values in reversed(self._at(place)):
            if not values or any(_form(one) != wanted for one in values):
                break
            began = instant
        return began

    def _numbers(self, place: str, within: timedelta | None) -> Iterator[float]:
        start = _BEGINNING if within is None or within > self.now - _BEGINNING else self.now - within
        for instant, values in self._at(place):
            if instant >= start:
                yield from (one for one in map(_number, values) if one is not None)

    def _at(self, place: str) -> Series:
        """Return the series of a place; raises ValueError for one that was not gathered."""
        if place not in self.series:
            raise ValueError(f"the history of {place[:200]!r} is not at hand: write the place out as a JSON Pointer")
        return self.series[place]


def gathered(results: Iterable[tuple[datetime, Any]], places: Iterable[str], now: datetime) -> History:
    """Return the history of these places; `results` may be a stream: each one is looked at once and let go."""
    wanted = tuple(dict.fromkeys(places))
    found: dict[str, list[tuple[datetime, tuple[Any, ...]]]] = {place: [] for place in wanted}
    for instant, result in results:
        for place in wanted:
            found[place].append((instant, resolved(result, place)))
    return History(now, {place: tuple(sorted(rows, key=lambda row: row[0])) for place, rows in found.items()})


def resolved(value: Any, place: str) -> tuple[Any, ...]:
    """Return what stands at a JSON Pointer: `*` is any item or key, `seller=ACME` the rows of a list with that key."""
    here = [value]
    for part in place.split("/")[1:]:
        here = [below for one in here for below in _below(one, part)]
    return tuple(here)


def _below(value: Any, part: str) -> Iterator[Any]:
    if part == "*" and isinstance(value, dict | list):
        yield from value.values() if isinstance(value, dict) else value
    elif isinstance(value, dict):
        name = pointer.split(f"/{part}")[0]
        if name in value:
            yield value[name]
    elif isinstance(value, list) and "=" in part:
        yield from (row for row in value if isinstance(row, dict) and _is_row(row, part))
    elif isinstance(value, list) and part.isascii() and part.isdecimal() and len(part) < 10 and int(part) < len(value):
        yield value[int(part)]


def _is_row(row: dict[str, Any], part: str) -> bool:
    """Say whether a row goes by a name such as `seller=ACME` or `a=1,b=2`, as `compare` writes it."""
    names = [_unescaped(pair.partition("=")[0]) for pair in part.split(",")]
    values = [row.get(name) for name in names]
    if any(one is None or isinstance(one, dict | list) for one in values):
        return False
    return pointer.row_segment(names, [_shown(one) for one in values]) == part


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return canonical.text(value)
    return value if isinstance(value, bool) else canonical.number(value)


def _unescaped(text: str) -> str:
    return text.replace("~3", ",").replace("~2", "=").replace("~1", "/").replace("~0", "~")


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _form(value: Any) -> Any:
    """Return what equality is decided by: numbers as doubles, because conditions see every number as one."""
    if isinstance(value, dict):
        return {name: _form(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_form(item) for item in value]
    number = _number(value)
    return number if number is not None else canonical.form(value)
