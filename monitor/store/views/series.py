"""Numbers over time: what a reader finds in the results of a watch, and which runs failed in between.

A result that is larger than its cap counts as one without a number. Reads only; must not know schemas.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, LargeBinary, bindparam, select, type_coerce

from monitor.store.records import stamp
from monitor.store.tables import runs
from monitor.store.views.bounds import TOO_LARGE, id_at, unpacked

MOST_POINTS = 2_000  # of one chart
MOST_BYTES = 8 * 2**20  # of the JSON of the results that one answer reads
_RESULT = 64 * 2**10  # bytes of the JSON of one result
_SPARK_RESULT = 8 * 2**10

Reader = Callable[[Any], Mapping[str, float]]  # a result -> its numbers by their path


@dataclass(frozen=True, slots=True)
class Point:
    """One run: when it was opened, its verdict, and the numbers of its result by path."""

    run: str
    at: datetime
    verdict: str
    numbers: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Series:
    """The runs of a watch, oldest first; `paths` in the order in which they were first met, newest run first.

    `cut` when older ones of the time asked for were left out.
    """

    paths: tuple[str, ...]
    points: tuple[Point, ...]
    cut: bool = False

    def values(self, path: str) -> list[float | None]:
        """Return the number at a path in each run, None where there is none."""
        return [point.numbers.get(path) for point in self.points]

    def as_json(self) -> dict[str, Any]:
        """Return the object of the API: parallel lists, instants in UTC."""
        return {
            "at": [stamp(point.at) for point in self.points],
            "runs": [point.run for point in self.points],
            "verdicts": [point.verdict for point in self.points],
            "values": {path: self.values(path) for path in self.paths},
            "cut": self.cut,
        }


@dataclass(frozen=True, slots=True)
class Spark:
    """The newest runs of a watch, oldest first: verdicts, and the main number of each, None where there is none."""

    verdicts: tuple[str, ...]
    values: tuple[float | None, ...]

    @property
    def value(self) -> float | None:
        """The newest number."""
        return next((value for value in reversed(self.values) if value is not None), None)


_BLOB = type_coerce(runs.c.result, LargeBinary).label("blob")
_POINTS = (
    select(runs.c.id, runs.c.opened_at, runs.c.verdict, _BLOB)
    .where(runs.c.watch == bindparam("name"), runs.c.id >= bindparam("since"), runs.c.opened_at.is_not(None))
    .where(runs.c.stage == "judged", runs.c.dry.is_(False))
    .order_by(runs.c.id.desc())
    .limit(bindparam("most"))
)
_GOOD = frozenset({"BASELINE", "UNCHANGED", "CHANGED", "UNCONFIRMED"})


def series(connection: Connection, watch: str, reader: Reader, since: datetime, most: int = 500) -> Series:
    """Return the numbers in the newest runs of a watch since an instant, at most `most` (of 2,000)."""
    most = max(1, min(most, MOST_POINTS))
    found: list[Point] = []
    budget, cut = _Budget(), False
    for run, at, verdict, blob in connection.execute(_POINTS, {"name": watch, "since": id_at(since), "most": most + 1}):
        if len(found) == most or budget.spent:
            cut = True
            break
        numbers = reader(budget.read(blob, _RESULT)) if verdict in _GOOD else {}
        found.append(Point(run, at, verdict, numbers))
    paths = dict.fromkeys(path for point in found for path in point.numbers)
    return Series(tuple(paths), tuple(reversed(found)), cut)


def sparks(connection: Connection, readers: Mapping[str, Reader | None], points: int = 24) -> dict[str, Spark]:
    """Return, by watch, its newest runs with the first number that its reader finds; with None, verdicts alone."""
    found = {}
    budget = _Budget()
    for watch, reader in readers.items():
        rows = connection.execute(_POINTS, {"name": watch, "since": "", "most": points}).all()[::-1]
        values = [
            None if reader is None or row[2] not in _GOOD else _first(reader(budget.read(row[3], _SPARK_RESULT)))
            for row in rows
        ]
        found[watch] = Spark(tuple(row[2] for row in rows), tuple(values))
    return found


class _Budget:
    """How much JSON may still be read for one answer."""

    def __init__(self) -> None:
        self._left = MOST_BYTES

    @property
    def spent(self) -> bool:
        """True once nothing more is read."""
        return self._left <= 0

    def read(self, blob: bytes | None, most: int) -> Any:
        """Return a stored result, None where it is too large or nothing more is read."""
        if blob is None or self.spent:
            return None
        value, size = unpacked(blob, most)
        self._left -= size
        return None if value is TOO_LARGE else value


def _first(numbers: Mapping[str, float]) -> float | None:
    return next(iter(numbers.values()), None)
