"""One number for each item of two lists, shared by items that are the same or were; what `alignment` works on.

Bounded over a whole comparison: a page may hold 100,000 little lists, and lists inside lists are printed at every
level. Must not know places.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from monitor.judge.comparison import canonical
from monitor.judge.comparison.alignment import MOST_CELLS
from monitor.judge.comparison.kin import kin
from monitor.judge.comparison.projection import form, loose
from monitor.judge.comparison.sameness import Sameness, Side

MOST_PRINTED = 32 * 1024 * 1024  # characters of items' texts in one comparison
MOST_CELLS_IN_ALL = 5 * MOST_CELLS


class Tokens:
    """The tokens of one comparison, and how much may still be spent on them."""

    def __init__(self, sameness: Sameness) -> None:
        self.sameness = sameness
        self.printed = MOST_PRINTED
        self.cells = MOST_CELLS_IN_ALL
        self.cut = False  # whether the last tokens were made without looking at every possible partner

    def of(self, old: Sequence[Side], new: Sequence[Side]) -> tuple[list[int], list[int]] | None:
        """Return the tokens of two lists; None where there is nothing left to spend on them, or they are too long.

        Items of the two sides share a token where they are the same, else where they are likely one row that changed.
        """
        cells = len(old) * len(new)
        if self.printed <= 0 or cells > min(self.cells, MOST_CELLS):
            return None
        self.cells -= cells
        self.cut = False
        numbers: dict[str, int] = {}
        before = [numbers.setdefault(self._text(shape), len(numbers)) for _, shape in old]
        first = {number: at for at, number in reversed(list(enumerate(before)))}
        after: list[int] = []
        alike: dict[str, list[int]] | None = None
        for side in new:
            text = self._text(side[1])
            if text not in numbers:
                if loose(side[0]):
                    alike = self._alike(old, first) if alike is None else alike
                    partner = self._partner(side, old, first, alike)
                else:
                    partner = None
                numbers[text] = len(numbers) if partner is None else partner
            after.append(numbers[text])
        self._changed((before, after), old, new)
        return before, after

    def _changed(self, tokens: tuple[list[int], list[int]], old: Sequence[Side], new: Sequence[Side]) -> None:
        """Give a token of their own to each two rows that are likely one."""
        before, after = tokens
        there, here = set(after), set(before)
        lonely = [at for at, token in enumerate(before) if token not in there]
        lonelier = [at for at, token in enumerate(after) if token not in here]
        fresh = len(before) + len(after)
        for a, b in kin([old[at][1] for at in lonely], [new[at][1] for at in lonelier]):
            before[lonely[a]] = after[lonelier[b]] = fresh + b

    def _text(self, shape: object) -> str:
        text = canonical.printed(shape)
        self.printed -= len(text)
        return text

    def _alike(self, old: Sequence[Side], first: dict[int, int]) -> dict[str, list[int]]:
        """Return the tokens of the old items by what of them cannot move."""
        found: defaultdict[str, list[int]] = defaultdict(list)
        for number, at in first.items():
            found[self._text(form(old[at][0], blurred=True))].append(number)
        return found

    def _partner(
        self, side: Side, old: Sequence[Side], first: dict[int, int], alike: dict[str, list[int]]
    ) -> int | None:
        """Return the token of an old item that is the same as a new one, while there are pairs left to look at."""
        for number in alike.get(self._text(form(side[0], blurred=True)), ()):
            if self.sameness.pairs <= 0:
                self.cut = True
                return None
            self.sameness.pairs -= 1
            if self.sameness.same(old[first[number]], side):
                return number
        return None
