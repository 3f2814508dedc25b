"""Whether two projections are the same: equal, or moved no further than their margins allow.

Exact: nothing that differs beyond its margin is ever the same. Where a bound is hit the answer is "not the same", and
a note says so. Must not know how a difference is described.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from monitor.judge.comparison import canonical
from monitor.judge.comparison.margin import TOO_LONG, Loose, Measure
from monitor.judge.comparison.projection import Bag, Rows, form, loose

MOST_PAIRS = 40_000  # of items looked at in search of a partner, in one comparison
TOO_MANY = "too many items to look for each whether it is one that only moved a little"

Side = tuple[Any, Any]  # a projection and its canonical form, which have the same structure


class Sameness:
    """The questions of one comparison, and how much may still be spent on answering them."""

    def __init__(self) -> None:
        self.pairs = MOST_PAIRS
        self.measure = Measure()

    def same(self, old: Side, new: Side) -> bool:
        """Return whether nothing differs by more than its margin, measured from `old`, the baseline.

        Objects and keyed lists: all members are the same. Lists: as many items, each the same as the one at its index.
        Unordered lists and rows that share a key: see `unpaired`.
        """
        if old[1] == new[1]:
            return True
        before, after = old[0], new[0]
        if isinstance(before, Loose) and isinstance(after, Loose):
            return self.measure.within(before, after) is True
        if isinstance(before, dict) and isinstance(after, dict):
            return before.keys() == after.keys() and all(
                self.same((before[name], old[1][name]), (after[name], new[1][name])) for name in before
            )
        if isinstance(before, list) and isinstance(after, list):
            return len(before) == len(after) and all(map(self.same, items(old), items(new)))
        if isinstance(before, Bag) and isinstance(after, Bag):
            return len(before.items) == len(after.items) and not self.unpaired(bag(before), bag(after))[0]
        if isinstance(before, Rows) and isinstance(after, Rows):
            return before.groups.keys() == after.groups.keys() and all(
                self._group(group(old, key), group(new, key)) for key in before.groups
            )
        return False

    def _group(self, old: list[Side], new: list[Side]) -> bool:
        return len(old) == len(new) and not self.unpaired(old, new)[0]

    def unpaired(self, old: Sequence[Side], new: Sequence[Side]) -> tuple[list[int], list[int], str | None]:
        """Return the indices of the items on each side that have no partner, and a note where a bound was hit.

        Equal items are partners first, duplicates counted. The rest are paired one to one so that as many as possible
        have a partner that moved no further than its margin.
        """
        here, there = _surplus([shape for _, shape in old], [shape for _, shape in new])
        if not here or not there or not (loose([old[at][0] for at in here]) and loose([new[at][0] for at in there])):
            return here, there, None
        if len(here) * len(there) > self.pairs:
            return here, there, TOO_MANY
        self.pairs -= len(here) * len(there)
        refused = self.measure.refused
        partners = _matched({a: [b for b in there if self.same(old[a], new[b])] for a in here})
        taken = set(partners.values())
        note = TOO_LONG if self.measure.refused > refused else None
        return [a for a in here if a not in partners], [b for b in there if b not in taken], note

    def note(self, before: Loose, after: Loose) -> str | None:
        """Return why two values count as different although nothing was measured, or None."""
        return TOO_LONG if self.measure.within(before, after) is None else None


def items(side: Side) -> list[Side]:
    """Return the items of a list with their forms."""
    return list(zip(*side, strict=True))


def group(side: Side, key: str) -> list[Side]:
    """Return the rows of a keyed list that share a key, with their forms."""
    return list(zip(side[0].groups.get(key, ()), side[1][1].get(key, ()), strict=True))


def bag(side: Bag) -> list[Side]:
    """Return the items of an unordered list with their forms."""
    return [(item, form(item)) for item in side.items]


def _surplus(old: Sequence[Any], new: Sequence[Any]) -> tuple[list[int], list[int]]:
    """Return the indices of what each side has more of than the other; of equal items the last are the surplus."""
    before, after = ([canonical.printed(shape) for shape in forms] for forms in (old, new))
    return _more(before, after), _more(after, before)


def _more(texts: list[str], others: list[str]) -> list[int]:
    spare, left = Counter(others), []
    for index, text in enumerate(texts):
        if spare[text] > 0:
            spare[text] -= 1
        else:
            left.append(index)
    return left


def _matched(wanted: dict[int, list[int]]) -> dict[int, int]:
    """Return the largest one-to-one choice of partners (augmenting paths), by who wanted one."""
    holder: dict[int, int] = {}

    def found(seeker: int, seen: set[int]) -> bool:
        for partner in wanted[seeker]:
            if partner not in seen:
                seen.add(partner)
                if partner not in holder or found(holder[partner], seen):
                    holder[partner] = seeker
                    return True
        return False

    for seeker in wanted:
        found(seeker, set())
    return {seeker: partner for partner, seeker in holder.items()}
