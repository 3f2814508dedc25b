"""What values a schema lets through, as alternatives of one type each, so that schemas can be joined and met.

A shape holds every value that the schema takes, and perhaps more, never less: whatever cannot be said here is left out.
`ANYTHING` is no shape at all; an empty one lets nothing through. Pure; must not know how schemas are written.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

MOST = 64  # alternatives of one shape; beyond, it is anything
WORK = 20_000  # pairs of alternatives that are met for one schema; beyond, one side stands for both


@dataclass(frozen=True, slots=True)
class Null:
    """The value null."""


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""


@dataclass(frozen=True, slots=True)
class Text:
    """A string: one of `words`, or any; `form` is a format."""

    words: tuple[str, ...] | None = None
    form: str | None = None


@dataclass(frozen=True, slots=True)
class Number:
    """A number from `least` to `most`, each with its bound."""

    whole: bool = False
    least: int | float | None = None
    most: int | float | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """A list; `at` is where the schema says so, as a JSON Pointer."""

    items: Shape = None
    least: int | None = None
    most: int | None = None
    at: str = ""


@dataclass(frozen=True, slots=True)
class Fields:
    """An object: its declared properties in order, those that it must have, and what all others may be."""

    properties: tuple[tuple[str, Shape], ...] = ()
    required: tuple[str, ...] = ()
    others: Shape = None
    order: tuple[str, ...] = ()
    at: str = ""


One = Null | Flag | Text | Number | Rows | Fields
Shape = tuple[One, ...] | None
ANYTHING: Shape = None
NOTHING: Shape = ()
EACH: dict[str, One] = {
    "null": Null(),
    "boolean": Flag(),
    "string": Text(),
    "number": Number(),
    "integer": Number(whole=True),
    "array": Rows(),
    "object": Fields(),
}


def of_value(value: Any) -> One:
    """Return the narrowest alternative for a JSON value that is no number."""
    if value is None:
        return Null()
    if isinstance(value, bool):
        return Flag()
    if isinstance(value, str):
        return Text((value,))
    return Rows() if isinstance(value, list) else Fields()


def joined(shapes: Iterable[Shape]) -> Shape:
    """Return what lets through all that any of these does; anything, where that takes more than `MOST` alternatives."""
    found: list[One] = []
    for shape in shapes:
        if shape is None:
            return ANYTHING
        for one in shape:
            _add(found, one)
            if len(found) > MOST:
                return ANYTHING
    return tuple(found)


def _add(found: list[One], one: One) -> None:
    """Add an alternative to others, unless they hold it: enumerations of text become one.

    An alternative without a condition stands for all of its type.
    """
    for index, other in enumerate(found):
        if other == one:
            return
        if type(other) is not type(one):
            continue
        if isinstance(other, Text) and isinstance(one, Text) and other.words and one.words and other.form == one.form:
            found[index] = replace(other, words=tuple(dict.fromkeys((*other.words, *one.words))))
            return
        if _free(other):
            return
        if _free(one):
            found[index] = one
            found[index + 1 :] = [each for each in found[index + 1 :] if type(each) is not type(one)]
            return
    found.append(one)


def _free(one: One) -> bool:
    if isinstance(one, Rows):
        return (one.items, one.least, one.most) == (None, None, None)
    if isinstance(one, Fields):
        return (one.properties, one.required, one.others) == ((), (), None)
    return one in (Null(), Flag(), Text(), Number())


def of_values(values: Iterable[Any]) -> Shape:
    """Return the narrowest shape for an enumeration: text by its words, numbers by their bounds."""
    numbers: list[int | float] = []
    shapes: list[Shape] = []
    for value in values:
        if isinstance(value, int | float) and not isinstance(value, bool):
            numbers.append(value)
        else:
            shapes.append((of_value(value),))
    if numbers:
        whole = all(isinstance(number, int) or number.is_integer() for number in numbers)
        shapes.append((Number(whole, min(numbers), max(numbers)),))
    return joined(shapes)


class Meeting:
    """Meets shapes; `spent` counts the pairs, and past `WORK` one side stands for both: still nothing is lost."""

    def __init__(self) -> None:
        self.spent = 0

    def met(self, first: Shape, second: Shape) -> Shape:
        """Return what lets through all that both do."""
        if first is None or second is None:
            return second if first is None else first
        pairs = len(first) * len(second)
        self.spent += pairs
        if pairs > MOST or self.spent > WORK:
            return first if len(first) <= len(second) else second
        both = [one for a in first for b in second if (one := self._one(a, b)) is not None]
        return joined((one,) for one in both)

    def _one(self, a: One, b: One) -> One | None:
        match a, b:
            case (Text(), Text()):
                return _text(a, b)
            case (Number(), Number()):
                return _number(a, b)
            case (Rows(), Rows()):
                least, most = _greater(a.least, b.least), _smaller(a.most, b.most)
                empty = least is not None and most is not None and least > most
                return None if empty else Rows(self.met(a.items, b.items), least, most, a.at or b.at)
            case (Fields(), Fields()):
                return self._fields(a, b)
        return a if type(a) is type(b) else None

    def _fields(self, a: Fields, b: Fields) -> Fields | None:
        """Meet two objects: what only one declares must also be what the other lets through beside its own."""
        ours, theirs = dict(a.properties), dict(b.properties)
        names = dict.fromkeys((*ours, *theirs))
        properties = {name: self.met(ours.get(name, a.others), theirs.get(name, b.others)) for name in names}
        required = tuple(dict.fromkeys((*a.required, *b.required)))
        others = self.met(a.others, b.others)
        if any(properties.get(name, others) == () for name in required):
            return None
        return Fields(tuple(properties.items()), required, others, a.order or b.order, a.at or b.at)


def _text(a: Text, b: Text) -> Text | None:
    if a.words is None or b.words is None:
        words = b.words if a.words is None else a.words
    else:
        words = tuple(word for word in a.words if word in b.words)
    return None if words == () else Text(words, a.form or b.form)


def _number(a: Number, b: Number) -> Number | None:
    least, most = _greater(a.least, b.least), _smaller(a.most, b.most)
    if least is not None and most is not None and least > most:
        return None
    return Number(a.whole or b.whole, least, most)


def _greater(a: Any, b: Any) -> Any:
    return b if a is None else a if b is None else max(a, b)


def _smaller(a: Any, b: Any) -> Any:
    return b if a is None else a if b is None else min(a, b)
