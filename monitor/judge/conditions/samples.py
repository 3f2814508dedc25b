"""Results that fit a schema in shape, made to try conditions on at load: whole ones, and ones with a part absent.

The values are of the declared types and otherwise arbitrary; nothing here is validated. Must not know expressions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from monitor.judge.comparison import pointer
from monitor.judge.schemas.scope import Scope

DEEPEST = 12
MOST_VALUES = 2_000
MOST_GAPS = 40
_FORMATS = {"date-time": "2026-01-02T03:04:05Z", "date": "2026-01-02", "time": "03:04:05Z", "duration": "P1D"}
_PLAIN = {"number": 2.0, "integer": 2.0, "boolean": True, "string": "text", "null": None}


@dataclass(frozen=True, slots=True)
class Gap:
    """A place that may be absent, or null, the property it belongs to, and a whole result in which it is."""

    place: str
    name: str
    null: bool
    value: Any


@dataclass(slots=True)
class Sample:
    """One whole result. `unsure` names the properties that may hold several types or any, "" for the result itself."""

    value: Any
    unsure: set[str]
    optional: list[tuple[tuple[str | int, ...], bool]] = field(default_factory=list)

    def gaps(self, names: Collection[str]) -> Iterator[Gap]:
        """Yield the sample with each optional place of these names absent, each nullable one null; at most 40."""
        wanted = (one for one in self.optional if _name(one[0]) in names)
        for path, null in islice(wanted, MOST_GAPS):
            yield Gap(pointer.joined(path), _name(path), null, _without(self.value, path, null=null))


def sample(scope: Scope, *, truth: bool = True) -> Sample:
    """Return a result with every declared property and one item in every list; its booleans are all `truth`."""
    maker = _Maker(truth)
    value = maker.value(scope, (), DEEPEST)
    return Sample(value, maker.unsure, maker.optional)


class _Maker:
    def __init__(self, truth: bool) -> None:  # noqa: FBT001 - private: the one caller names it
        self.truth = truth
        self.unsure: set[str] = set()
        self.left = MOST_VALUES
        self.optional: list[tuple[tuple[str | int, ...], bool]] = []

    def value(self, scope: Scope, path: tuple[str | int, ...], depth: int) -> Any:
        """Return a value of the scope's shape."""
        self.left -= 1
        if depth <= 0 or self.left <= 0 or not scope.nodes:
            return self._anything(path)
        listed, named = fixed(scope), kinds(scope)
        if "null" in scope.types or None in listed or any(node.get("nullable") is True for node in scope.nodes):
            self.optional.append((path, True))
        if len(named - {"integer"}) > 1 or (not named and not scope.properties):
            self._anything(path)
        if listed:
            return next((one for one in listed if one is not None), None)
        if scope.properties or "object" in named:
            return self._object(scope, path, depth)
        if scope.is_list:
            return [self.value(scope.item(0), (*path, 0), depth - 1)]
        return self._plain(scope, named)

    def _anything(self, path: tuple[str | int, ...]) -> None:
        """Note that the types at a place prove nothing."""
        self.unsure.add(_name(path))

    def _object(self, scope: Scope, path: tuple[str | int, ...], depth: int) -> dict[str, Any]:
        if scope.open:
            self._anything(path)
        found = {}
        for name, child in scope.properties.items():
            here = (*path, name)
            if name not in scope.required:
                self.optional.append((here, False))
            found[name] = self.value(child, here, depth - 1)
        return found

    def _plain(self, scope: Scope, named: set[str]) -> Any:
        kind = next((name for name in _PLAIN if name in named), "null")
        if kind == "boolean":
            return self.truth
        if kind == "string":
            formats = [node.get("format") for node in scope.nodes]
            return next((_FORMATS[name] for name in formats if isinstance(name, str) and name in _FORMATS), "text")
        return _PLAIN[kind]


def _name(path: tuple[str | int, ...]) -> str:
    """Return the property that a place belongs to: of an item, the list's."""
    return next((part for part in reversed(path) if isinstance(part, str)), "")


def kinds(scope: Scope) -> set[str]:
    """Return the types, but null, that may stand at a place, by word or by its enum; none where nothing is said."""
    return {*(scope.types or map(_kind, fixed(scope)))} - {"null"}


def fixed(scope: Scope) -> list[Any]:
    """Return the values that an enum or a const allows, of the first schema that has one."""
    for node in scope.nodes:
        if "const" in node:
            return [node["const"]]
        if isinstance(node.get("enum"), list):
            return list(node["enum"])
    return []


def _kind(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return "null" if value is None else "boolean"
    return "number" if isinstance(value, int | float) else "string" if isinstance(value, str) else "object"


def _without(value: Any, path: tuple[str | int, ...], *, null: bool) -> Any:
    """Return a copy of a value with one place absent or null."""
    if not path:
        return None
    if isinstance(value, list):
        return [_without(value[0], path[1:], null=null), *value[1:]]
    copy = dict(value)
    if len(path) > 1:
        copy[str(path[0])] = _without(value[path[0]], path[1:], null=null)
    elif null:
        copy[str(path[0])] = None
    else:
        del copy[str(path[0])]
    return copy
