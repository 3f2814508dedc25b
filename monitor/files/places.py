"""Where a value stands in the user's files: a tree that mirrors a document, also one put together of several files.

Owns looking up `("limits", "timeout")`; must not know how text becomes values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import yaml

Step = str | int
Path = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a file, counted from 1; `within` is the path under which the document begins (`defaults`)."""

    file: str
    line: int
    column: int
    within: Path = ()


class Spot(Protocol):
    """One value in a document: where it stands, where its key stands, and the values under it."""

    def value_place(self) -> Place:
        """Return where the value begins."""
        ...

    def key_place(self) -> Place:
        """Return where the key begins; that of the value when it has none."""
        ...

    def child(self, step: Step) -> Spot | None:
        """Return the value under a key or an index, None when there is none."""
        ...

    def is_map(self) -> bool:
        """True for a value that has keys."""
        ...


@dataclass(frozen=True, slots=True)
class Node:
    """A spot in one YAML (or JSON) text."""

    file: str
    node: yaml.Node
    key: yaml.Node | None = None
    within: Path = ()

    def value_place(self) -> Place:
        return self._place(self.node)

    def key_place(self) -> Place:
        return self._place(self.key or self.node)

    def _place(self, node: yaml.Node) -> Place:
        mark = node.start_mark
        return Place(self.file, mark.line + 1, mark.column + 1, self.within)

    def is_map(self) -> bool:
        return isinstance(self.node, yaml.MappingNode)

    def child(self, step: Step) -> Node | None:
        if isinstance(self.node, yaml.MappingNode):
            found = [(key, value) for key, value in self.node.value if key.value == step]
            return Node(self.file, found[0][1], found[0][0], self.within) if found else None
        if isinstance(self.node, yaml.SequenceNode) and isinstance(step, int) and 0 <= step < len(self.node.value):
            return Node(self.file, self.node.value[step], None, self.within)
        return None


@dataclass(frozen=True, slots=True)
class Whole:
    """A spot in a file whose positions are not known: the file as a whole, whatever is asked."""

    file: str

    def value_place(self) -> Place:
        return Place(self.file, 0, 0)

    key_place = value_place

    def is_map(self) -> bool:
        return False

    def child(self, step: Step) -> Whole:  # noqa: ARG002 - every value is the same place
        return self


@dataclass(frozen=True, slots=True)
class Merged:
    """A map that was merged over another: what the upper one does not have stands in the lower one."""

    upper: Spot
    lower: Spot

    def value_place(self) -> Place:
        return self.upper.value_place()

    def key_place(self) -> Place:
        return self.upper.key_place()

    def is_map(self) -> bool:
        return True

    def child(self, step: Step) -> Spot | None:
        upper, lower = self.upper.child(step), self.lower.child(step)
        if upper and lower and upper.is_map() and lower.is_map():
            return Merged(upper, lower)
        return upper or lower


@dataclass(frozen=True, slots=True)
class Grafted:
    """A map in which the value of one key was read from another file."""

    stem: Spot
    step: Step
    graft: Spot

    def value_place(self) -> Place:
        return self.stem.value_place()

    def key_place(self) -> Place:
        return self.stem.key_place()

    def is_map(self) -> bool:
        return True

    def child(self, step: Step) -> Spot | None:
        return self.graft if step == self.step else self.stem.child(step)


def find(spot: Spot, path: Path, *, key: bool = False) -> Place:
    """Return where `path` stands under `spot`, or the nearest of its parents that exists; `key` asks for its key."""
    for step in path:
        below = spot.child(step)
        if below is None:
            return spot.value_place()
        spot = below
    return spot.key_place() if key else spot.value_place()
