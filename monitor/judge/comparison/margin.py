"""What a small move is: the tolerance of a number, the likeness of a text (interface.md, `compare`).

Every move is measured from the baseline, so equality within a margin has a direction and is not transitive: what is
compared is the baseline given and one new result, never two results of a row. Must not know places or schemas.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Context, Decimal
from functools import lru_cache
from typing import Any

from monitor.judge.comparison import canonical

MOST_OF_ONE = 10_000_000_000  # characters times characters that differ, of two texts: 100,000 each take about 0.15 s
MOST_IN_ALL = 50_000_000_000  # of one comparison: about a second
TOO_LONG = "these texts are too long to measure how alike they are, so they count as different"

# Integers of `canonical.MAX_INTEGER_BITS` (2,467 digits), floats down to 5e-324 and percentages of 15 digits: nothing
# is ever rounded.
_EXACT = Context(prec=4_000)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a number may move from the baseline: `amount` in its own unit, or as a share of the baseline's value."""

    amount: Decimal
    relative: bool

    def within(self, before: float, after: float) -> bool:
        """Return whether a number moved at most this far; decimals are exact, so 1% of 799 is 7.99.

        A share of a baseline of 0 is 0: then any move is too far.
        """
        old, new = _decimal(before), _decimal(after)
        allowed = _EXACT.multiply(self.amount, abs(old)) if self.relative else self.amount
        return _EXACT.abs(_EXACT.subtract(new, old)) <= allowed


@dataclass(frozen=True, slots=True)
class Likeness:
    """The least likeness, from 0 to 1, of two texts that count as the same; see `distance`."""

    least: Decimal


Margin = Tolerance | Likeness


@lru_cache(maxsize=1_024)
def tolerance(amount: float | str) -> Tolerance:
    """Return what `1%` (relative) or `0.1` (absolute) stands for."""
    if isinstance(amount, str):
        return Tolerance(Decimal(amount.rstrip("%")).scaleb(-2, _EXACT), relative=True)
    return Tolerance(_decimal(amount), relative=False)


def likeness(least: float) -> Likeness:
    """Return what `0.9` stands for."""
    return Likeness(_decimal(least))


def _decimal(number: float) -> Decimal:
    """Return a number as its shortest decimal: the float 0.1 is one tenth, which is what the page said."""
    return Decimal(number) if isinstance(number, int) else Decimal(repr(number))


@dataclass(frozen=True, slots=True)
class Loose:
    """A value of a projection that may move a little: a number with a tolerance, or a text with a likeness."""

    value: Any
    margin: Margin


class Measure:
    """The moves of one comparison, and how much may still be spent on measuring texts."""

    def __init__(self) -> None:
        self.left = MOST_IN_ALL
        self.refused = 0  # how often two texts were too long to say
        self._known: dict[tuple[str, str, Decimal], bool | None] = {}

    def within(self, before: Loose, after: Loose) -> bool | None:
        """Return whether a value stayed within its margin; None where texts are too long to say, which is a change.

        Where the two places have different margins, or the values different types, nothing but equality is the same.
        """
        margin = before.margin
        if margin != after.margin:
            return canonical.equal(before.value, after.value)
        if isinstance(margin, Tolerance):
            return margin.within(before.value, after.value)
        key = (before.value, after.value, margin.least)
        if key not in self._known:
            self._known[key] = self._alike(*key)
        self.refused += self._known[key] is None
        return self._known[key]

    def _alike(self, before: str, after: str, least: Decimal) -> bool | None:
        old, new = normalised(before), normalised(after)
        most = int((1 - least) * (len(old) + len(new)))
        if old == new or abs(len(old) - len(new)) > most:
            return old == new
        old, new = _differing(old, new)
        cost = len(old) * len(new)
        if cost > min(MOST_OF_ONE, self.left):
            return None
        self.left -= cost
        return distance(old, new, most) <= most


def normalised(text: str) -> str:
    """Return a text as its likeness is measured: Unicode form C, case folded, any white space as one space."""
    return " ".join(canonical.text(text).casefold().split())


def distance(old: str, new: str, most: int) -> int:
    """Return how many characters must be taken out of and put into `old` to make `new`; more than `most` is `most` + 1.

    The likeness of two normalised texts is 1 - distance / (length of both together): the normalised Indel similarity.
    """
    from rapidfuzz.distance import Indel

    return int(Indel.distance(old, new, score_cutoff=most))


def _differing(old: str, new: str) -> tuple[str, str]:
    """Return both texts without their common beginning and end, which cost nothing to measure."""
    head = _common(old, new)
    old, new = old[head:], new[head:]
    tail = _common(old[::-1], new[::-1])
    return old[: len(old) - tail], new[: len(new) - tail]


def _common(old: str, new: str) -> int:
    """Return the length of the common beginning, by halving: a character at a time, 5 MB would take a second."""
    low, high = 0, min(len(old), len(new))
    while low < high:
        middle = (low + high + 1) // 2
        if old[low:middle] == new[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
