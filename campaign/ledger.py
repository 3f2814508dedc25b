"""The ledger: one JSON line for each slice of a part that was run, appended and never changed.

Owns `ledger.jsonl` and what is concluded from it: how far a part has come. Must not know what a part does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

DEFAULT = Path(__file__).parent / "ledger.jsonl"


@dataclass(frozen=True, slots=True)
class Line:
    """One slice: cases `begin` to `end` (of `cases`, as the scale chose them) of a part, and what came of them.

    `code` is a digest of what the part tests: slices add up only where it is the same. `commit` ends with `+` where the
    working tree differed from it. `failure` is None, or the number, the broken promise and the smallest case.
    """

    part: str
    begin: int
    end: int
    cases: int
    scale: float
    seed: int
    code: str
    commit: str
    date: str
    seconds: float
    command: str
    machine: str
    counts: dict[str, int] = field(default_factory=dict)
    most: dict[str, float] = field(default_factory=dict)
    failure: dict[str, Any] | None = None

    @property
    def series(self) -> tuple[str, int, float, str]:
        """What a slice must share with another to continue it."""
        return self.part, self.seed, self.scale, self.code


class Ledger:
    """The lines of one file."""

    def __init__(self, path: Path = DEFAULT) -> None:
        self.path = path

    def lines(self) -> Iterator[Line]:
        """Yield every line, oldest first; raises ValueError for one that is not ours."""
        if not self.path.exists():
            return
        for number, text in enumerate(self.path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                yield Line(**json.loads(text))
            except (TypeError, ValueError) as error:
                raise ValueError(f"{self.path}:{number}: not a line of the campaign's ledger: {error}") from None

    def append(self, line: Line) -> None:
        """Write one line at the end."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(line), ensure_ascii=False) + "\n")

    def reached(self, series: tuple[str, int, float, str]) -> int:
        """Return up to which case a series of slices has come without a gap; a violation is never passed by."""
        return reached([line for line in self.lines() if line.series == series])


def reached(slices: list[Line]) -> int:
    """Return up to which case these slices of one series come without a gap; a violation is never passed by."""
    return max((line.end for line in counted(slices)), default=0)


def counted(slices: list[Line]) -> list[Line]:
    """Return the slices of one series that make up its figures: each case once; one that failed up to its violation."""
    end, chosen = 0, []
    for line in sorted(slices, key=lambda line: (line.begin, line.date)):
        if line.begin == end and line.end > end:
            chosen.append(line)
            end = line.end
    return chosen
