"""The schema that is sent to the provider: any JSON Schema 2020-12 brought into its subset (agent-api.md 8.1).

What is sent lets through all that the user's schema does, and perhaps more: what cannot be said in the subset is left
out and named, and `judge` checks it all the same against the user's own schema. Pure; must not know watches or results.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from monitor.agent.provider import DEPTH, FORMATS, escaped
from monitor.agent.shapes import (
    ANYTHING,
    EACH,
    NOTHING,
    Fields,
    Meeting,
    Null,
    Number,
    One,
    Rows,
    Shape,
    Text,
    joined,
    of_values,
)
from monitor.agent.subset import Dropped, Writing

_LEVELS = 64  # of a schema with its references followed; the provider takes 10
_KINDS = ("object", "array", "string", "number", "boolean", "null")
_TEXT = frozenset({"pattern", "minLength", "maxLength", "contentEncoding", "contentMediaType", "contentSchema"})
_COUNTS = frozenset({"minProperties", "maxProperties", "minContains", "maxContains", "uniqueItems", "multipleOf"})
_BESIDE = frozenset(
    {"not", "if", "then", "else", "contains", "prefixItems", "patternProperties", "propertyNames", "dependentRequired"}
    | {"dependentSchemas", "dependencies", "unevaluatedItems", "unevaluatedProperties", "exclusiveMinimum"}
    | {"exclusiveMaximum"}
)
_LOCAL = _TEXT | _COUNTS | _BESIDE  # conditions that the subset has no word for
_SPEAKING = frozenset(
    {"type", "enum", "const", "format", "properties", "required", "additionalProperties", "items", "prefixItems"}
    | {"minItems", "maxItems", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
)


@dataclass(frozen=True, slots=True)
class Compiled:
    """What is sent, and what was left out of it.

    `local` are conditions that only this side checks. `beyond` is what the provider's limits leave no room for: without
    it, the agent would not know what is wanted.
    """

    sent: dict[str, Any]
    local: tuple[Dropped, ...]
    beyond: tuple[Dropped, ...]


def compile_schema(schema: dict[str, Any]) -> Compiled:
    """Return the schema as the provider takes it. Never raises for a schema: what does not fit is dropped and named."""
    reader = _Reader(schema)
    shape = reader.met(reader.node(schema, "", 0), (Fields(),))
    writing = Writing()
    sent = writing.root([one for one in shape or () if isinstance(one, Fields)])
    local = dict.fromkeys((*reader.local, *writing.local))
    return Compiled(sent, tuple(local), tuple(dict.fromkeys((*reader.beyond, *writing.beyond))))


class _Reader:
    """Reads a user's schema into shapes; each place of it once, so that references cost nothing."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._known: dict[str, Shape] = {}
        self._above: set[str] = set()  # the places that are being read
        self._meeting = Meeting()
        self.local: list[Dropped] = []
        self.beyond: list[Dropped] = []

    def met(self, *shapes: Shape) -> Shape:
        """Return what lets through all that each of these does."""
        found: Shape = ANYTHING
        for shape in shapes:
            found = self._meeting.met(found, shape)
        return found

    def node(self, schema: Any, pointer: str, level: int) -> Shape:
        """Return the shape of the schema that stands at `pointer`."""
        if not isinstance(schema, dict):
            return NOTHING if schema is False else ANYTHING
        if pointer in self._known:
            return self._known[pointer]
        if pointer in self._above:
            self.local.append(Dropped(pointer, "$ref", "it refers to itself"))
            return ANYTHING
        if level > _LEVELS:
            self.beyond.append(Dropped(pointer, "*", f"deeper than {DEPTH} levels"))
            return ANYTHING
        self._above.add(pointer)
        self._known[pointer] = shape = self._read(schema, pointer, level + 1)
        self._above.discard(pointer)
        return shape

    def _read(self, schema: dict[str, Any], pointer: str, level: int) -> Shape:
        parts = [self._own(schema, pointer, level), self._values(schema, pointer)]
        if "$ref" in schema:
            parts.append(self._reference(schema["$ref"], pointer, level))
        for index, member in enumerate(_list(schema.get("allOf"))):
            parts.append(self.node(member, f"{pointer}/allOf/{index}", level))
        for keyword in ("anyOf", "oneOf"):
            members = _list(schema.get(keyword))
            if members:
                nodes = [self.node(each, f"{pointer}/{keyword}/{index}", level) for index, each in enumerate(members)]
                parts.append(joined(nodes))
                if keyword == "oneOf" and len([each for each in members if each != {"type": "null"}]) > 1:
                    self.local.append(Dropped(pointer, "oneOf", "that no second branch takes it"))
        self._left_out(schema, pointer)
        shape = self.met(*parts)
        return joined([shape, (Null(),)]) if schema.get("nullable") is True else shape

    def _reference(self, name: Any, pointer: str, level: int) -> Shape:
        """Follow a local reference to its place; what is said beside it holds too (2020-12)."""
        found = resolved(self._root, name)
        if found is None:
            self.local.append(Dropped(pointer, "$ref", "it leads nowhere inside the schema"))
            return ANYTHING
        return self.node(found, name.removeprefix("#"), level)

    def _own(self, schema: dict[str, Any], pointer: str, level: int) -> Shape:
        """Return what the schema itself says of each type."""
        if not _SPEAKING & schema.keys():
            return ANYTHING
        given = schema.get("type")
        names = [given] if isinstance(given, str) else _names(given)
        real = [name for name in names if name in EACH] or _KINDS
        kinds = [name for name in real if name != "integer" or "number" not in real]
        return joined(self._kind(name, schema, pointer, level) for name in kinds)

    def _kind(self, name: str, schema: dict[str, Any], pointer: str, level: int) -> Shape:
        one: One = EACH[name]
        if isinstance(one, Text):
            form = schema.get("format")
            return (Text(form=form if isinstance(form, str) and form in FORMATS else None),)
        if isinstance(one, Number):
            return _number(schema, whole=one.whole)
        if isinstance(one, Rows):
            return self._rows(schema, pointer, level)
        return self._fields(schema, pointer, level) if isinstance(one, Fields) else (one,)

    def _rows(self, schema: dict[str, Any], pointer: str, level: int) -> Shape:
        items = self.node(schema.get("items"), f"{pointer}/items", level)
        least, most = _count(schema.get("minItems")), _count(schema.get("maxItems"))
        ahead = _list(schema.get("prefixItems"))
        if items == NOTHING:
            most = len(ahead) if most is None else min(most, len(ahead))
        if ahead:
            first = [self.node(each, f"{pointer}/prefixItems/{index}", level) for index, each in enumerate(ahead)]
            items = joined([*first, items])
        if least is not None and most is not None and least > most:
            return NOTHING
        return (Rows(items, least, most, pointer),)

    def _fields(self, schema: dict[str, Any], pointer: str, level: int) -> Shape:
        given = schema.get("properties")
        inner = {
            name: self.node(each, f"{pointer}/properties/{escaped(name)}", level)
            for name, each in (given.items() if isinstance(given, dict) else ())
        }
        others = self.node(schema.get("additionalProperties", True), f"{pointer}/additionalProperties", level)
        if "patternProperties" in schema:
            others = ANYTHING  # a name that a pattern takes is none of the others
        required = tuple(_names(schema.get("required")))
        if any(inner.get(name, others) == NOTHING for name in required):
            return NOTHING
        order = tuple(_names(schema.get("propertyOrdering")))
        order = order if len(order) == len(_list(schema.get("propertyOrdering"))) else ()
        return (Fields(tuple(inner.items()), required, others, order, pointer),)

    def _values(self, schema: dict[str, Any], pointer: str) -> Shape:
        """Return what enum and const let through: the provider enumerates text only, numbers become bounds."""
        shapes: list[Shape] = []
        for keyword in ("enum", "const"):
            if keyword not in schema:
                continue
            values = schema[keyword] if keyword == "enum" else [schema[keyword]]
            if not isinstance(values, list):
                continue
            shapes.append(of_values(values))
            if not all(value is None or isinstance(value, str) for value in values):
                self.local.append(Dropped(pointer, keyword, "only text can be enumerated"))
        return self.met(*shapes)

    def _left_out(self, schema: dict[str, Any], pointer: str) -> None:
        for keyword, value in schema.items():
            form = keyword == "format" and not (isinstance(value, str) and value in FORMATS)
            closed = keyword == "additionalProperties" and value is not True
            if keyword in _LOCAL or form or closed:
                self.local.append(Dropped(pointer, keyword, "not supported"))


def _number(schema: dict[str, Any], *, whole: bool) -> Shape:
    """Return numbers within the bounds; a bound that is exclusive is sent as one that is not."""
    lower = [found for word in ("minimum", "exclusiveMinimum") if (found := _bound(schema.get(word))) is not None]
    upper = [found for word in ("maximum", "exclusiveMaximum") if (found := _bound(schema.get(word))) is not None]
    least, most = max(lower, default=None), min(upper, default=None)
    return NOTHING if least is not None and most is not None and least > most else (Number(whole, least, most),)


def _bound(value: Any) -> int | float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if number and (isinstance(value, int) or math.isfinite(value)) else None


def _count(value: Any) -> int | None:
    found = _bound(value)
    return int(found) if found is not None and found >= 0 and found == int(found) else None


def resolved(root: dict[str, Any], reference: Any) -> Any:
    """Return what a local reference (`#`, `#/$defs/price`) points at, or None."""
    if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
        return None
    found: Any = root
    for part in reference.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict) and key in found:
            found = found[key]
        elif isinstance(found, list) and key.isdecimal() and int(key) < len(found):
            found = found[int(key)]
        else:
            return None
    return found


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _names(listed: Any) -> list[str]:
    """Return the strings of a list, each once; nothing for anything else."""
    names: Iterable[Any] = listed if isinstance(listed, list) else ()
    return list(dict.fromkeys(name for name in names if isinstance(name, str)))
