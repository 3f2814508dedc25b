"""A shape written in the provider's subset of JSON Schema, within its limits (agent-api.md 8.1).

What is written lets through all that the shape does. Pure; must not know how users write schemas.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, get_args

from monitor.agent.provider import DEPTH, escaped
from monitor.agent.shapes import ANYTHING, Fields, Flag, Null, Number, One, Rows, Shape, Text, joined

NODES = 4_000  # of the schema with its references written out


class Dropped(NamedTuple):
    """Something that is not sent: where it stands in the user's schema (JSON Pointer), the keyword, and why."""

    pointer: str
    keyword: str
    why: str


class Writing:
    """Writes one schema; what it leaves out is in `local` (conditions) and `beyond` (structure, or too much of it)."""

    def __init__(self) -> None:
        self._nodes = 0
        self.local: list[Dropped] = []
        self.beyond: list[Dropped] = []

    def root(self, alternatives: Sequence[Fields]) -> dict[str, Any]:
        """Return the root: one object, since the provider takes no choice there."""
        if not alternatives:
            return {"type": "object"}
        if len(alternatives) > 1:
            self.local.append(Dropped("", "anyOf", "a choice is not supported at the root"))
        return {"type": "object"} | self._object(_as_one(alternatives), 1)

    def _node(self, shape: Shape, level: int, at: str) -> dict[str, Any]:
        """Return a shape as it is written at a level; the root's is 1."""
        self._nodes += 1
        if self._nodes == NODES + 1:
            self.beyond.append(Dropped("", "*", f"the schema has more than {NODES} parts"))
        if not shape or self._nodes > NODES:
            return {}
        rest = [one for one in shape if not isinstance(one, Null)]
        if len({type(one) for one in shape}) == len(get_args(One)):
            return self._any_type(rest, level, at)
        written = self._one(rest[0], level) if len(rest) == 1 else self._choice(rest, level, at)
        return written | ({"nullable": True} if len(rest) < len(shape) else {})

    def _any_type(self, rest: Sequence[One], level: int, at: str) -> dict[str, Any]:
        """Return what holds only where a value happens to be of the type that is spoken of."""
        lists = [one for one in rest if isinstance(one, Rows) and one.items is not ANYTHING]
        objects = [one for one in rest if isinstance(one, Fields)]
        if lists:
            return self._choice(rest, level, at) | {"nullable": True}
        if len(objects) == 1 and objects[0].properties:
            return self._object(objects[0], level)
        self.local.append(Dropped(at, "type", "without a type its conditions cannot be sent"))
        return {}

    def _choice(self, rest: Sequence[One], level: int, at: str) -> dict[str, Any]:
        if not rest:
            return {}
        if level < DEPTH:
            return {"anyOf": [self._one(one, level + 1) for one in rest]}
        structured = any(isinstance(one, Rows | Fields) for one in rest)
        (self.beyond if structured else self.local).append(Dropped(at, "anyOf", f"deeper than {DEPTH} levels"))
        return {}

    def _one(self, one: One, level: int) -> dict[str, Any]:
        match one:
            case Flag():
                return {"type": "boolean"}
            case Text():
                found: dict[str, Any] = {"enum": list(one.words)} if one.words is not None else {}
                return {"type": "string"} | found | ({"format": one.form} if one.form else {})
            case Number():
                return {"type": "integer" if one.whole else "number"} | _bounds("imum", one.least, one.most)
            case Rows():
                return {"type": "array"} | self._list(one, level)
            case Fields():
                return {"type": "object"} | self._object(one, level)
            case Null():
                return {"nullable": True}

    def _list(self, one: Rows, level: int) -> dict[str, Any]:
        found = _bounds("Items", one.least, one.most)
        if not one.items:
            return found
        if level == DEPTH:
            self.beyond.append(Dropped(one.at, "items", f"deeper than {DEPTH} levels"))
            return found
        return {"items": self._node(one.items, level + 1, f"{one.at}/items")} | found

    def _object(self, one: Fields, level: int) -> dict[str, Any]:
        """Return the properties; what is required without being declared is declared as whatever the others may be."""
        properties = dict(one.properties)
        properties |= {name: one.others for name in one.required if name not in properties}
        properties = {name: shape for name, shape in properties.items() if shape != ()}
        if not properties:
            return {}
        if level == DEPTH:
            self.beyond.append(Dropped(one.at, "properties", f"deeper than {DEPTH} levels"))
            return {}
        written = {}
        for name, shape in properties.items():
            child = self._node(shape, level + 1, f"{one.at}/properties/{escaped(name)}")
            written[name] = child if name in one.required else child | {"nullable": True}
        found: dict[str, Any] = {"properties": written}
        if one.required:
            found["required"] = list(one.required)
        if one.order and set(one.order) <= set(written):
            found["propertyOrdering"] = list(one.order)
        return found


def _as_one(alternatives: Sequence[Fields]) -> Fields:
    """Return one object that lets through all that any of these does."""
    if len(alternatives) == 1:
        return alternatives[0]
    each = [dict(one.properties) for one in alternatives]
    names = dict.fromkeys(name for properties in each for name in properties)
    properties = [
        (name, joined(inner.get(name, one.others) for inner, one in zip(each, alternatives, strict=True)))
        for name in names
    ]
    required = [name for name in alternatives[0].required if all(name in one.required for one in alternatives)]
    others = joined(one.others for one in alternatives)
    return Fields(tuple(properties), tuple(required), others, at=alternatives[0].at)


def _bounds(word: str, least: float | None, most: float | None) -> dict[str, Any]:
    bounds = {f"min{word}": least, f"max{word}": most}
    return {name: bound for name, bound in bounds.items() if bound is not None}
