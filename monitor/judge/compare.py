"""What differs between two results, as `Change` values: none if and only if their canonical forms are equal (B3).

Compared is what the schema declares, without what `compare.ignore` names. Rows of a list with an identity are matched
by it; other lists are aligned by deepdiff, on tokens that stand for equal items. Must not know runs or verdicts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from monitor.judge import alignment, canonical, pointer, validation
from monitor.judge.decision import Change
from monitor.judge.pointer import Matches, Pattern
from monitor.judge.projection import OMITTED, Rows, form, plain, project
from monitor.judge.scope import Scope
from monitor.watch.model import Compare

MOST_ALIGNMENTS = 500  # of one comparison; each costs 0.1 ms and more, and a page may hold 100,000 little lists
MOST_PRINTED = 32 * 1024 * 1024  # characters of items' texts in all: lists inside lists are printed at every level

Side = tuple[Any, Any]  # a projection and its canonical form, which have the same structure


def changes(before: Any, after: Any, schema: dict[str, Any], compare: Compare) -> tuple[Change, ...]:
    """Return the differences, in the order of the schema; empty if and only if nothing that is compared differs.

    Raises `canonical.NotCanonicalError` for values that `reading` would have refused.
    """
    scope = validation.compiled(schema).scope
    patterns = Matches((_patterns(compare),))
    old, new = project(before, scope, patterns), project(after, scope, patterns)
    walk = _Walk()
    walk.compare((old, form(old)), (new, form(new)), "", scope)
    return tuple(walk.found)


def _patterns(compare: Compare) -> Pattern:
    root = Pattern()
    for path in compare.ignore:
        root.at(path).ignored = True
    for path, keys in compare.identity.items():
        root.at(path).identity = keys
    return root


class _Walk:
    """One comparison: what was found, and how much may still be spent on describing lists."""

    def __init__(self) -> None:
        self.found: list[Change] = []
        self.alignments = MOST_ALIGNMENTS
        self.printed = MOST_PRINTED

    def compare(self, old: Side, new: Side, path: str, scope: Scope) -> None:
        """Add what differs at this place and below; adds something if and only if the forms differ."""
        if old[1] == new[1]:
            return
        before, after = old[0], new[0]
        if isinstance(before, dict) and isinstance(after, dict):
            self._members(old, new, path, scope)
        elif isinstance(before, Rows) and isinstance(after, Rows):
            self._rows(old, new, path, scope)
        elif isinstance(before, list) and isinstance(after, list):
            self._items(old, new, path, scope)
        else:
            self.found.append(Change(path, "changed", plain(before), plain(after)))

    def _removed(self, path: str, value: Any) -> None:
        self.found.append(Change(path, "removed", before=plain(value)))

    def _added(self, path: str, value: Any) -> None:
        self.found.append(Change(path, "added", after=plain(value)))

    def _members(self, old: Side, new: Side, path: str, scope: Scope) -> None:
        (before, old_form), (after, new_form) = old, new
        for name in _ordered(before.keys() | after.keys(), scope):
            here = f"{path}/{pointer.segment(name)}"
            if name not in after:
                self._removed(here, before[name])
            elif name not in before:
                self._added(here, after[name])
            else:
                below = scope.child(name) or scope
                self.compare((before[name], old_form[name]), (after[name], new_form[name]), here, below)

    def _rows(self, old: Side, new: Side, path: str, scope: Scope) -> None:
        before, after = old[0].groups, new[0].groups
        names = new[0].names | old[0].names
        for group in sorted(before.keys() | after.keys()):
            ours = list(zip(before.get(group, ()), old[1][1].get(group, ()), strict=True))
            theirs = list(zip(after.get(group, ()), new[1][1].get(group, ()), strict=True))
            here = f"{path}/{names[group]}"
            if not group or len(ours) > 1 or len(theirs) > 1:
                self._surplus(ours, theirs, here)
            elif not theirs:
                self._removed(here, ours[0][0])
            elif not ours:
                self._added(here, theirs[0][0])
            else:
                self.compare(ours[0], theirs[0], here, scope.item(0))

    def _surplus(self, old: list[Side], new: list[Side], name: str) -> None:
        """Rows that share a key, or have none, cannot be matched: what one side has more of is removed or added."""
        before, after = ([canonical.printed(shape) for _, shape in rows] for rows in (old, new))
        for texts, rows, spare, add in (
            (before, old, Counter(after), self._removed),
            (after, new, Counter(before), self._added),
        ):
            for number, (text, row) in enumerate(zip(texts, rows, strict=True), start=1):
                if spare[text] > 0:
                    spare[text] -= 1
                else:
                    add(f"{name}#{number}", row[0])

    def _items(self, old: Side, new: Side, path: str, scope: Scope) -> None:
        """Lists without an identity: indices of removed items count in the old list, all others in the new one."""
        (before, old_form), (after, new_form) = old, new
        pairs = alignment.aligned(old_form, new_form, self._describe)
        if pairs is None:
            self.found.append(Change(path, "changed", plain(before), plain(after)))
            return
        for at_old, at_new in pairs:
            left = None if at_old is None or before[at_old] is OMITTED else at_old
            right = None if at_new is None or after[at_new] is OMITTED else at_new
            if left is not None and right is not None:
                sides = (before[left], old_form[left]), (after[right], new_form[right])
                self.compare(*sides, f"{path}/{right}", scope.item(right))
            elif left is not None:
                self._removed(f"{path}/{left}", before[left])
            elif right is not None:
                self._added(f"{path}/{right}", after[right])

    def _describe(self, old: Sequence[Any], new: Sequence[Any]) -> list[alignment.Pair] | None:
        """Align two lists by deepdiff while there is something left to spend; None when there is not."""
        if self.alignments <= 0 or self.printed <= 0 or len(old) + len(new) > alignment.MOST_ITEMS:
            return None
        tokens = [[canonical.printed(item) for item in items] for items in (old, new)]
        self.printed -= sum(len(text) for texts in tokens for text in texts)
        self.alignments -= 1
        return alignment.described(*tokens)


def _ordered(names: Iterable[str], scope: Scope) -> list[str]:
    rank = {name: place for place, name in enumerate(scope.properties)}
    return sorted(names, key=lambda name: (rank.get(name, len(rank)), name))
