"""What differs between two results, as `Change` values: none if and only if nothing differs beyond its margin (B3).

Compared is what the schema declares, without what `compare.ignore` names; without margins, "differs" means that the
canonical forms do. Rows of a list with an identity are matched by it. Items of other lists are aligned, and one that
only stands elsewhere is one `changed` at its new index, whose sides are {"index", "item"}, noted as moved. Whatever
bound is hit, the change is recorded and its `note` says so. Must not know runs or verdicts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from monitor.judge.comparison import alignment, canonical, pointer, selection
from monitor.judge.comparison.alignment import Alignment
from monitor.judge.comparison.margin import Loose
from monitor.judge.comparison.projection import OMITTED, Bag, Rows, form, plain, project
from monitor.judge.comparison.sameness import TOO_MANY, Sameness, Side, bag, group, items
from monitor.judge.comparison.tokens import Tokens
from monitor.judge.decision import Change
from monitor.judge.schemas import validation
from monitor.judge.schemas.scope import Scope
from monitor.watch.model import Compare

MOST_MOVED = 100  # items of one list; when more moved, that the order changed says more than each of them
BY_INDEX = "too many items to look for the ones that moved: compared index by index"
AS_A_WHOLE = "too many items to name the ones that differ"


def changes(before: Any, after: Any, schema: dict[str, Any], compare: Compare) -> tuple[Change, ...]:
    """Return the differences, in the order of the schema; empty if and only if nothing that is compared differs.

    `before` is the baseline: tolerances are measured from it, so this is no equivalence (slow drift is a change).
    Raises `canonical.NotCanonicalError` for values that `reading` would have refused.
    """
    scope = validation.compiled(schema).scope
    chosen = selection.of(compare)
    old, new = project(before, scope, chosen), project(after, scope, chosen)
    walk = _Walk()
    walk.compare((old, form(old)), (new, form(new)), "", scope)
    return tuple(walk.found)


class _Walk:
    """One comparison: what was found, and what may still be spent on finding it."""

    def __init__(self) -> None:
        self.found: list[Change] = []
        self.sameness = Sameness()
        self.tokens = Tokens(self.sameness)

    def compare(self, old: Side, new: Side, path: str, scope: Scope) -> None:
        """Add what differs at this place and below; adds something if and only if the two are not the same."""
        if old[1] == new[1]:
            return
        before, after = old[0], new[0]
        if isinstance(before, dict) and isinstance(after, dict):
            self._members(old, new, path, scope)
        elif isinstance(before, Rows) and isinstance(after, Rows):
            self._rows(old, new, path, scope)
        elif isinstance(before, Bag) and isinstance(after, Bag):
            self._bag(before, after, path)
        elif isinstance(before, list) and isinstance(after, list):
            self._items(old, new, path, scope)
        elif not (isinstance(before, Loose) and isinstance(after, Loose)):
            self._changed(path, plain(before), plain(after))
        elif not self.sameness.same(old, new):
            self._changed(path, before.value, after.value, self.sameness.note(before, after))

    def _changed(self, path: str, before: Any, after: Any, note: str | None = None) -> None:
        self.found.append(Change(path, "changed", before, after, note))

    def _removed(self, path: str, value: Any, note: str | None = None) -> None:
        self.found.append(Change(path, "removed", before=plain(value), note=note))

    def _added(self, path: str, value: Any, note: str | None = None) -> None:
        self.found.append(Change(path, "added", after=plain(value), note=note))

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
        names = new[0].names | old[0].names
        for key in sorted(old[0].groups.keys() | new[0].groups.keys()):
            ours, theirs = group(old, key), group(new, key)
            here = f"{path}/{names[key]}"
            if not key or len(ours) > 1 or len(theirs) > 1:
                self._unmatched(ours, theirs, here, _about(key, len(ours), len(theirs), new[0].keys))
            elif not theirs:
                self._removed(here, ours[0][0])
            elif not ours:
                self._added(here, theirs[0][0])
            else:
                self.compare(ours[0], theirs[0], here, scope.item(0))

    def _unmatched(self, old: list[Side], new: list[Side], name: str, about: str) -> None:
        """Rows that share a key, or have none, cannot be matched: what one side has more of is removed or added."""
        gone, come, bound = self.sameness.unpaired(old, new)
        note = f"{about}; {bound}" if bound else about
        for at in gone:
            self._removed(f"{name}#{at + 1}", old[at][0], note)
        for at in come:
            self._added(f"{name}#{at + 1}", new[at][0], note)

    def _bag(self, old: Bag, new: Bag, path: str) -> None:
        """An unordered list: a removed item is named by its index in the old list, an added one by that in the new."""
        gone, come, note = self.sameness.unpaired(bag(old), bag(new))
        for at in gone:
            self._removed(f"{path}/{old.places[at]}", old.items[at], note)
        for at in come:
            self._added(f"{path}/{new.places[at]}", new.items[at], note)

    def _items(self, old: Side, new: Side, path: str, scope: Scope) -> None:
        """Lists without an identity: indices of removed items count in the old list, all others in the new one."""
        before, after = items(old), items(new)
        head, tail = alignment.ends(len(before), len(after), lambda a, b: self.sameness.same(before[a], after[b]))
        left, right = before[head : len(before) - tail], after[head : len(after) - tail]
        differing, note = self._aligned(left, right, head)
        start = len(self.found)
        if differing is None:
            self._changed(path, _summary(old), _summary(new), AS_A_WHOLE)
            return
        self._described(differing, (old, new), path, scope)
        self._noted(start, note)

    def _aligned(self, left: Sequence[Side], right: Sequence[Side], head: int) -> tuple[Alignment | None, str | None]:
        """Return how the parts behind a common `head` differ, None where nobody can say, and which bound was hit."""
        if not left or not right or len(left) == len(right) == 1:
            return alignment.in_place(len(left), len(right), head), None
        tokens = self.tokens.of(left, right)
        if tokens:
            return alignment.aligned(*tokens, head), TOO_MANY if self.tokens.cut else None
        return alignment.in_place(len(left), len(right), head) if len(left) == len(right) else None, BY_INDEX

    def _described(self, differing: Alignment, lists: tuple[Side, Side], path: str, scope: Scope) -> None:
        """Tell what an alignment found, in the order of the lists; ignored items are on neither side."""
        (before, old_form), (after, new_form) = lists
        disordered = len(differing.moved) > MOST_MOVED
        if disordered:
            note = f"{len(differing.moved)} items stand in another order"
            self._changed(path, _summary(lists[0]), _summary(lists[1]), note)
        for a, b, moved in differing.steps():
            ours = OMITTED if a == alignment.NOWHERE else before[a]
            theirs = OMITTED if b == alignment.NOWHERE else after[b]
            if ours is not OMITTED and theirs is not OMITTED:
                start = len(self.found)
                self.compare((ours, old_form[a]), (theirs, new_form[b]), f"{path}/{b}", scope.item(b))
                if moved and not disordered and len(self.found) == start:
                    was, is_now = {"index": a, "item": plain(ours)}, {"index": b, "item": plain(theirs)}
                    self._changed(f"{path}/{b}", was, is_now)
                self._noted(start, f"moved from {a} to {b}" if moved else None)
            elif ours is not OMITTED:
                self._removed(f"{path}/{a}", ours)
            elif theirs is not OMITTED:
                self._added(f"{path}/{b}", theirs)

    def _noted(self, start: int, note: str | None) -> None:
        """Put a note beside every change from `start` on that has none."""
        if note:
            self.found[start:] = [replace(found, note=found.note or note) for found in self.found[start:]]


def _about(key: str, old: int, new: int, keys: tuple[str, ...]) -> str:
    """Return why rows are not matched by their key, in words."""
    if not key:
        return f"rows without {' and '.join(keys)} cannot be matched"
    return f"{new} rows share this key now, {old} did before: they cannot be matched"


def _summary(side: Side) -> str:
    """Return a list in a few words, by which two different ones differ."""
    digest = hashlib.sha256(canonical.printed(side[1]).encode()).hexdigest()
    return f"{len(side[0])} items, digest {digest[:12]}"


def _ordered(names: Iterable[str], scope: Scope) -> list[str]:
    rank = {name: place for place, name in enumerate(scope.properties)}
    return sorted(names, key=lambda name: (rank.get(name, len(rank)), name))
