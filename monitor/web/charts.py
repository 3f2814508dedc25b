"""Which numbers of a watch's results are worth a chart, by its schema, and how a small one is drawn.

Pure: schemas, results and numbers in, paths and coordinates out. Must not know where results are stored.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from monitor.judge.comparison.pointer import joined, row_segment
from monitor.watch.model import Watch

MOST_LINES = 24  # paths of one result that are read
_MOST_ROWS = 200  # of one list
_MOST_DEPTH = 4
_NUMBERS = {"number", "integer"}


@dataclass(frozen=True, slots=True)
class Place:
    """A number in a result: the names that lead to it; `keys` name the rows where `names` leads through one list."""

    names: tuple[str, ...]
    row: int | None = None  # after how many names the rows of a list stand
    keys: tuple[str, ...] = ()


def places(watch: Watch) -> tuple[Place, ...]:
    """Return where the schema of a watch has numbers: required ones first, those of objects before those of rows."""
    found = list(_places(watch.output_schema, (), watch, required=True))
    found.sort(key=lambda pair: (pair[1].row is not None, not pair[0]))
    return tuple(place for _, place in found)


def _places(schema: Any, names: tuple[str, ...], watch: Watch, *, required: bool) -> Iterator[tuple[bool, Place]]:
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict) or len(names) >= _MOST_DEPTH:
        return
    needed = schema.get("required") or ()
    for name, part in properties.items():
        if not isinstance(part, dict):
            continue
        path, must = (*names, name), required and name in needed
        if _types(part) & _NUMBERS:
            yield must, Place(path)
        elif "array" in _types(part):
            yield from _rows(part.get("items"), path, watch)
        else:
            yield from _places(part, path, watch, required=must)


def _rows(schema: Any, names: tuple[str, ...], watch: Watch) -> Iterator[tuple[bool, Place]]:
    """Yield the numbers of the rows of a list, where `compare.identity` says what names a row."""
    keys = watch.compare.identity.get(joined(names))
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not keys or not isinstance(properties, dict):
        return
    for name, part in properties.items():
        if isinstance(part, dict) and name not in keys and _types(part) & _NUMBERS:
            yield False, Place((*names, name), len(names), tuple(keys))


def _types(schema: Mapping[str, Any]) -> set[str]:
    found = schema.get("type")
    return {found} if isinstance(found, str) else {each for each in found or () if isinstance(each, str)}


@lru_cache(maxsize=4_096)
def _read_by(watch_places: tuple[Place, ...]) -> Callable[[Any], dict[str, float]]:
    def read(result: Any) -> dict[str, float]:
        found: dict[str, float] = {}
        for place in watch_places:
            for path, number in _numbers(result, place):
                if len(found) >= MOST_LINES:
                    return found
                found[path] = number
        return found

    return read


def reader(watch: Watch) -> Callable[[Any], dict[str, float]]:
    """Return what finds the numbers of a result by their paths, rows of keyed lists named by their key."""
    return _read_by(places(watch))


def main_reader(watch: Watch) -> Callable[[Any], dict[str, float]] | None:
    """Return what finds the one number that stands for a watch; None when it has none outside of lists."""
    first = next((place for place in places(watch) if place.row is None), None)
    return None if first is None else _read_by((first,))


def _numbers(result: Any, place: Place) -> Iterator[tuple[str, float]]:
    if place.row is None:
        value = _number(_at(result, place.names))
        if value is not None:
            yield joined(place.names), value
        return
    rows = _at(result, place.names[: place.row])
    for row in rows[:_MOST_ROWS] if isinstance(rows, list) else ():
        value = _number(_at(row, place.names[place.row :]))
        if value is not None and all(isinstance(row.get(key), str | int) for key in place.keys):
            named = row_segment(place.keys, [row[key] for key in place.keys])
            yield f"{joined(place.names[: place.row])}/{named}{joined(place.names[place.row :])}", value


def _at(value: Any, names: Sequence[str]) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


@dataclass(frozen=True, slots=True)
class Curve:
    """A small drawing of numbers: the `points` of each unbroken line, the newest number's place, and the bounds."""

    width: int
    height: int
    lines: tuple[str, ...]
    dot: tuple[float, float] | None
    low: float | None
    high: float | None
    failed: tuple[float, ...]
    band: float  # how wide one run is


def curve(values: Sequence[float | None], verdicts: Sequence[str], width: int = 120, height: int = 28) -> Curve:
    """Return numbers as lines in a box: gaps where there is no number, `failed` where a run was bad."""
    known = [value for value in values if value is not None]
    low, high = (min(known), max(known)) if known else (None, None)
    step = width / max(1, len(values) - 1)
    edge = 3.0

    def y(value: float) -> float:
        if low is None or high is None or high == low:
            return height / 2
        share = value / 2 / (high / 2 - low / 2) - low / 2 / (high / 2 - low / 2)  # halved: 1e308 - -1e308 is no number
        return round(height - edge - share * (height - 2 * edge), 1)

    spots = [None if value is None else (round(at * step, 1), y(value)) for at, value in enumerate(values)]
    lines: list[list[str]] = [[]]
    for spot in spots:
        if spot is not None:
            lines[-1].append(f"{spot[0]},{spot[1]}")
        elif lines[-1]:
            lines.append([])
    failed = tuple(round(at * step, 1) for at, verdict in enumerate(verdicts) if verdict in {"FAILED", "INVALID"})
    dot = next((spot for spot in reversed(spots) if spot is not None), None)
    return Curve(width, height, tuple(" ".join(line) for line in lines if line), dot, low, high, failed, round(step, 1))
