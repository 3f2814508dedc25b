"""What `compare` says of each place of a value: ignored, keyed, unordered, tolerated; a tree of the user's pointers.

Looking up a place costs the same however many pointers there are. Must not know schemas or results.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from monitor.judge.comparison import margin, pointer
from monitor.judge.comparison.margin import Margin
from monitor.watch.model import Compare

_MOST_KEPT = 1_000  # names below one place whose selection is kept; a hostile object has 100,000 names


@dataclass(slots=True)
class Pattern:
    """One node of the tree: what is said of the places that fit, and the nodes below by escaped name; `*` is any."""

    ignored: bool = False
    identity: tuple[str, ...] = ()
    unordered: bool = False
    tolerance: Margin | None = None
    similar: Margin | None = None
    below: dict[str, Pattern] = field(default_factory=dict)
    indexed: bool = False  # some node below is named by anything but `*`

    def at(self, path: str) -> Pattern:
        """Return the node of a pointer, made if it is new."""
        place = self
        for part in path.split("/")[1:]:
            place.indexed = place.indexed or part != "*"
            place = place.below.setdefault(part, Pattern())
        return place


class Selection:
    """All that is said of one place. Where several pointers fit, the one that names the place more exactly wins."""

    __slots__ = ("_any", "_kept", "identity", "ignored", "indexed", "patterns", "similar", "tolerance", "unordered")

    def __init__(self, patterns: tuple[Pattern, ...]) -> None:
        self.patterns = patterns
        self.ignored = any(pattern.ignored for pattern in patterns)
        self.identity = next((pattern.identity for pattern in patterns if pattern.identity), ())
        self.unordered = any(pattern.unordered for pattern in patterns)
        self.tolerance = next((pattern.tolerance for pattern in patterns if pattern.tolerance), None)
        self.similar = next((pattern.similar for pattern in patterns if pattern.similar), None)
        self.indexed = any(pattern.indexed for pattern in patterns)
        self._kept: dict[str, Selection] = {}
        self._any: Selection | None = None

    def margin(self, value: Any) -> Margin | None:
        """Return how far this value may move: numbers have a tolerance, texts a likeness, all else none."""
        if isinstance(value, str):
            return self.similar
        return self.tolerance if isinstance(value, int | float) and not isinstance(value, bool) else None

    def member(self, name: str) -> Selection:
        """Return what is said of an object's property."""
        if not self.patterns:
            return self
        known = self._kept.get(name)
        if known is None:
            known = self.into(pointer.segment(name))
            if len(self._kept) < _MOST_KEPT:
                self._kept[name] = known
        return known

    @property
    def items(self) -> Selection:
        """What is said of every item of a list, whatever its index or key."""
        if self._any is None:
            self._any = self.into()
        return self._any

    def into(self, *segments: str) -> Selection:
        """Return what is said of a place below, which goes by an escaped name besides `*`."""
        found = tuple(self._fitting((*segments, "*")))
        return Selection(found) if found else NOTHING

    def _fitting(self, names: tuple[str, ...]) -> Iterator[Pattern]:
        for pattern in self.patterns:
            for name in dict.fromkeys(names):
                if name in pattern.below:
                    yield pattern.below[name]


NOTHING = Selection(())


def of(compare: Compare) -> Selection:
    """Return what `compare` says of a whole value."""
    root = Pattern()
    for path in compare.ignore:
        root.at(path).ignored = True
    for path, keys in compare.identity.items():
        root.at(path).identity = keys
    for path in compare.unordered:
        root.at(path).unordered = True
    for path, amount in compare.tolerance.items():
        root.at(path).tolerance = margin.tolerance(amount)
    for path, least in compare.similar.items():
        root.at(path).similar = margin.likeness(least)
    return Selection((root,))
