"""Choosing among the clues of a page (or of a row) the one that answers a property, or none. Pure over clues.

The best clue must be likely by itself and ahead of the best one that says something else; two values that are as likely
are a choice, and a choice is not made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from monitor.embedded.extract.clues import Clue
from monitor.embedded.extract.found import MISSING
from monitor.embedded.extract.likeness import MARGIN, SURE, Query, likeness
from monitor.embedded.extract.shape import Shape
from monitor.embedded.extract.structured import dumps
from monitor.embedded.extract.terms import concepts
from monitor.embedded.extract.values import Context, convert, is_currency

MAX_STRING = 160
_FOR_TEXT = frozenset({None, ":", "own", "title:", "aria-label:", "content"})
_WITHIN = {
    "email": re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    "phone": re.compile(r"(?<![\w/.])[+(]?\d[\d\s()/-]{5,}\d(?!\w)"),
}
_LONG = frozenset({"description"})


@dataclass(slots=True)
class Pick:
    """A value, how likely it answers, and the clue that holds it."""

    value: Any
    score: float
    clue: Clue

    @property
    def source(self) -> str:
        """Where the value came from, in words."""
        clue = self.clue
        if clue.label:
            return f"{clue.place} {clue.label[:60]!r}"
        name = clue.path[-2] if len(clue.path) > 1 else clue.element.tag
        shown = name.rstrip(".")
        return f"text of <{shown}>" if clue.attr is None else f"@{clue.attr} of <{shown}>"


def picks(asked: Query, shape: Shape, clues: Sequence[Clue], context: Context, *, page: bool) -> list[Pick]:
    """Return the clues that read as the shape and are at least half likely, best first."""
    found = []
    for clue in clues:
        if not may_hold(clue, shape):
            continue
        score = likeness(asked, clue) + _prior(asked, shape, clue, page=page)
        if score < SURE - 0.15:
            continue
        value = read(clue, shape, asked, context)
        if value is not MISSING:
            found.append(Pick(value, score, clue))
    found.sort(key=lambda pick: (-pick.score, pick.clue.order))
    return found


def best(found: list[Pick]) -> Pick | None:
    """Return the first pick if it is sure enough and nothing that differs comes near."""
    if not found or found[0].score < SURE:
        return None
    first = found[0]
    for other in found[1:]:
        if other.score < first.score - MARGIN:
            break
        if dumps(other.value) != dumps(first.value) and not _within(first, other):
            return None
    return first


def _within(one: Pick, other: Pick) -> bool:
    """Return whether both stand in one place, one text around the other (then the likelier decides)."""
    if not isinstance(one.value, str) or not isinstance(other.value, str):
        return False
    near = (
        one.clue.element is other.clue.element
        or one.clue.element in other.clue.element.iterancestors()
        or other.clue.element in one.clue.element.iterancestors()
    )
    return near and (one.value in other.value or other.value in one.value)


def may_hold(clue: Clue, shape: Shape) -> bool:
    """Return whether a clue is of the kind that can hold such a property: a link for an address, a text for a text."""
    if shape.format in ("uri", "url", "uri-reference"):
        if clue.text.startswith("#"):
            return False
        return clue.attr in ("href", "content")
    if clue.attr == "href" or clue.attr == "value":
        return False
    if clue.attr == "datetime":
        return shape.format in ("date", "date-time")
    if shape.kind == "string" and shape.enum is None and clue.attr not in _FOR_TEXT:
        return False
    return bool(clue.text)


def _prior(asked: Query, shape: Shape, clue: Clue, *, page: bool) -> float:
    """Return what the kind of place adds: a heading for a title, a currency for money, none for a count."""
    if "title" in asked.named and shape.kind == "string":
        if clue.heading:
            return max(0.95 - 0.9 * clue.words.get("title", 0.0), 0.5) if clue.heading == 1 else 0.1 if page else 0.5
        return 0.0
    if shape.kind == "boolean":
        return (0.15 if clue.element.tag in ("button", "a") and clue.element.get("disabled") is None else 0.0) - (
            0.3 if clue.element.tag == "td" and "table column" in clue.place else 0.0
        )
    if shape.format == "date":
        return 0.1 if clue.element.tag == "time" else 0.0
    if asked.money and clue.attr is None and len(clue.text) <= 16 and clue.money:
        return 0.18
    if asked.money:
        return 0.1 if clue.money else 0.05 if clue.attr in ("content", "data-price-amount", "data-price") else -0.15
    return 0.0


def read(clue: Clue, shape: Shape, asked: Query, context: Context) -> Any:
    """Return the value of a clue as the shape declares it, or MISSING where it cannot be meant."""
    text = clue.text
    if shape.kind in ("number", "integer"):
        if not asked.money and clue.money and clue.attr in (None, ":"):
            return MISSING
        if asked.money and re.search(r"\d\s?%", text):
            return MISSING
        if re.search(r"\d\s?[-–]\s?\d|\d:\d\d", text):
            return MISSING
        value = convert(text, shape, context)
        too_much = "rating" in asked.words and "reviews" not in asked.words and value is not MISSING and value > 10
        return MISSING if too_much else value
    if shape.kind == "string" and shape.enum is None and not shape.format:
        if is_currency(context.name, shape):
            return convert(text, shape, context)
        if len(text) > MAX_STRING and not _LONG & asked.named:
            return MISSING
        if clue.attr != "own" and _is_label(clue, asked):
            return MISSING
        for concept, pattern in _WITHIN.items():
            if concept in asked.words:
                parts = set(pattern.findall(text))
                return convert(parts.pop(), shape, context) if len(parts) == 1 else MISSING
    return convert(text, shape, context)


def _is_label(clue: Clue, asked: Query) -> bool:
    """Return whether a text only names the property ("Seller", "Lieferzeit:") instead of answering it."""
    if clue.text.endswith((":", "：")) or clue.element.tag in ("dt", "th", "label", "button"):
        return True
    if clue.attr is None and not any(character.isdigit() for character in clue.text):
        told = concepts(clue.text)
        return (
            bool(told)
            and all(
                word in asked.words or word in asked.marks or (word[0] == "=" and word in asked.named)
                for word in told
                if not word.startswith("=")
            )
            and not any(word.startswith("=") and word not in asked.words for word in told)
        )
    return False


def visible(value: Any, found: Sequence[Pick]) -> Iterator[Pick]:
    """Yield the picks that say the same as `value`."""
    return (pick for pick in found if dumps(pick.value) == dumps(value))
