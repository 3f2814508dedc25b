"""What one result shows of each field that its schema declares: how often null, of which type, how long its lists are.

Rows of a list, and members that only `additionalProperties` declares, are taken together under `*`. Keys that the
schema does not declare are seen too: a renamed field is one of those. Bounded; must not know other results.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from monitor.judge.comparison import pointer
from monitor.judge.comparison.selection import Selection
from monitor.judge.schemas.scope import Scope

MOST_PATHS = 200
MOST_VALUES = 20_000  # looked at in one result; of longer ones the beginning stands for the whole
_DEEPEST = 16
_LETTERS = ((bool, "b"), (str, "s"), (int | float, "n"), (dict, "o"), (list, "a"))
TYPES = {"b": "boolean", "s": "text", "n": "number", "o": "object", "a": "list"}
NO_TYPE = "-"


@dataclass(slots=True)
class Seen:
    """What is at one path of one result: `places` where the field could stand, and what stands there."""

    declared: bool = True
    places: int = 0
    present: int = 0
    letters: Counter[str] = field(default_factory=Counter)
    lists: int = 0
    items: int = 0
    sample: Any = None

    def add(self, value: Any) -> None:
        """Take one more place into account."""
        self.places += 1
        if value is None:
            return
        self.present += 1
        self.letters[letter(value)] += 1
        if isinstance(value, list):
            self.lists += 1
            self.items += len(value)
        if self.sample is None and isinstance(value, str | int | float):
            self.sample = value

    @property
    def missing(self) -> float:
        """The share of the places that are null or absent."""
        return 1 - self.present / self.places

    @property
    def type(self) -> str:
        """The letter of the most frequent type, by name where two are as frequent; `-` where all is null."""
        return min(self.letters, key=lambda name: (-self.letters[name], name), default=NO_TYPE)


def letter(value: Any) -> str:
    """Return the letter of a JSON value's type; integers and other numbers are one."""
    return next((name for kind, name in _LETTERS if isinstance(value, kind)), NO_TYPE)


def seen(value: Any, scope: Scope, chosen: Selection) -> dict[str, Seen]:
    """Return what a result shows, by path; at most `MOST_PATHS` of them, declared ones first.

    What `compare.ignore` leaves out for all rows is not looked at: nobody wants to hear of it.
    """
    walk = _Walk()
    walk.into(value, scope, chosen, "")
    found = walk.declared | walk.undeclared
    return dict(list(found.items())[:MOST_PATHS])


class _Walk:
    """One way through a result."""

    def __init__(self) -> None:
        self.declared: dict[str, Seen] = {}
        self.undeclared: dict[str, Seen] = {}
        self.left = MOST_VALUES

    def into(self, value: Any, scope: Scope, chosen: Selection, path: str) -> None:
        """Look at what stands below a place."""
        if chosen.ignored or path.count("/") >= _DEEPEST:
            return
        if isinstance(value, dict) and not scope.open:
            self._members(value, scope, chosen, path)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if self.left <= 0:
                    return
                self.left -= 1
                self.into(item, scope.item(index), chosen.items, f"{path}/*")

    def _members(self, value: dict[str, Any], scope: Scope, chosen: Selection, path: str) -> None:
        for name, child in scope.properties.items():
            self.left -= 1
            here, picked = f"{path}/{pointer.segment(name)}", chosen.member(name)
            if not picked.ignored:
                self._put(self.declared, here, value.get(name))
                self.into(value.get(name), child, picked, here)
        for name, item in _others(value, scope):
            if self.left <= 0:
                return
            self.left -= 1
            below = scope.child(name)
            if below is None:
                here = f"{path}/{pointer.segment(name)}"
                self._put(self.undeclared, here, item)
                self.undeclared.get(here, Seen()).declared = False
            elif not chosen.member(name).ignored:
                self._put(self.declared, f"{path}/*", item)
                self.into(item, below, chosen.member(name), f"{path}/*")

    def _put(self, found: dict[str, Seen], path: str, value: Any) -> None:
        if path in found or len(found) < MOST_PATHS:
            found.setdefault(path, Seen()).add(value)


def _others(value: dict[str, Any], scope: Scope) -> Iterator[tuple[str, Any]]:
    return ((name, item) for name, item in value.items() if name not in scope.properties)
