"""Choosing among the clues of a page the one that answers a property, or none. Pure over clues.

The best clue must be likely by itself and ahead of the best one that says something else; two values that are as likely
are a choice, and a choice is not made.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from monitor.embedded.extract import holding
from monitor.embedded.extract.clue import Clue
from monitor.embedded.extract.found import MISSING
from monitor.embedded.extract.likeness import MARGIN, SURE, lacks, likeness
from monitor.embedded.extract.query import Query
from monitor.embedded.extract.shape import Shape
from monitor.embedded.extract.structured import dumps
from monitor.embedded.extract.terms import listed
from monitor.embedded.extract.values import Context

ALONE, LONELY = 0.62, 0.25  # how likely a value must be that nothing else comes near, and how near that is
# Who or where something is has a name, too, and it is not the name of the thing.
SOMEONE = frozenset(listed("someone"))
_FORMED = frozenset({"email", "phone"})
_MACHINE = ("content", "value", "datetime")


_RATED = re.compile(r"\D{0,40}\d(?:[.,]\d+)?\s?(?:/|out of|von|sur|de|su|van|av|z|üzerinden)\s?(?:5|10)\b")


@dataclass(slots=True)
class Pick:
    """A value, how likely it answers, and the clue that holds it."""

    value: Any
    score: float
    clue: Clue

    @property
    def source(self) -> str:
        """Where the value came from, in words."""
        return source_of(self.clue)


def source_of(clue: Clue) -> str:
    """Return where a clue stands, in words: by its label, else by its element."""
    if clue.label:
        return f"{clue.place} {clue.label[:60]!r}"
    name = clue.path[-2] if len(clue.path) > 1 else clue.element.tag
    shown = name.rstrip(".")
    return f"text of <{shown}>" if clue.part in holding.TEXTS else f"@{clue.part} of <{shown}>"


def picks(asked: Query, shape: Shape, clues: Sequence[Clue], context: Context) -> list[Pick]:
    """Return the clues of a page that read as the shape and are at least half likely, best first."""
    found = []
    for clue in clues:
        if not holding.may_hold(clue, shape):
            continue
        score = likeness(asked, clue) + _prior(asked, shape, clue)
        if _FORMED & asked.heads and len(asked.name) == 1 and not clue.aside:
            score = max(score, ALONE)  # its form says what it is, where the page has no other
        if score < ALONE - LONELY:
            continue
        value = holding.read(clue, shape, asked, context)
        if value is not MISSING:
            found.append(Pick(value, score, clue))
    found.sort(key=lambda pick: (-pick.score, pick.clue.order))
    return found


def best(found: list[Pick]) -> Pick | None:
    """Return the first pick if it is sure enough and nothing that differs comes near."""
    if not found or found[0].score < ALONE:
        return None
    first = found[0]
    margin = MARGIN if first.score >= SURE else LONELY  # what is less sure must stand alone
    for other in found[1:]:
        if other.score < first.score - margin:
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


def _prior(asked: Query, shape: Shape, clue: Clue) -> float:
    """Return what the kind of place adds: a heading for a title, a currency for money, none for a count."""
    if holding.is_text(shape):
        return _of_title(asked, clue)
    if shape.kind == "boolean":
        presses = clue.element.tag in ("button", "a") and clue.element.get("disabled") is None
        return 0.15 * presses - 0.3 * _is_of_one_row(clue)
    if shape.format in ("date", "date-time"):
        return 0.1 if clue.element.tag == "time" else 0.0
    if asked.money and clue.part in holding.TEXTS and len(clue.text) <= 16 and clue.money:
        return 0.1 if lacks(asked, clue) else 0.18
    if asked.money:
        told = clue.part in _MACHINE or (clue.part or "").startswith("data-")
        return 0.1 if clue.money else 0.05 if told else -0.15
    if "rating" in asked.heads and _RATED.match(clue.text):
        return 0.0 if lacks(asked, clue) else 0.3
    if asked.heads == {"count"} and clue.heading == 1 and clue.text[:1].isdigit():
        return 0.75
    return 0.0


def _is_of_one_row(clue: Clue) -> bool:
    """Return whether a clue stands in a table whose columns have heads: it tells of its row, not of the page."""
    return clue.element.tag == "td" and any(label.place == "table column" for label in clue.labels)


def _told(clue: Clue) -> frozenset[str]:
    return frozenset().union(*(label.words for label in clue.labels if label.weight >= 0.8))


def _of_title(asked: Query, clue: Clue) -> float:
    """Return what a heading adds for a title of the page's own thing; a title of something else is not the heading."""
    if "title" not in asked.heads or clue.part not in (None, "run", "part", "rest"):
        return 0.0
    if not clue.heading:
        return (
            -0.4 if (SOMEONE & clue.own or SOMEONE & _told(clue)) and not SOMEONE & asked.all else 0.0
        )  # the name of something else: of the seller, of the venue
    about = [word for word in asked.name if "title" not in word.meanings]
    if any(not word.meanings & clue.words.keys() for word in about):
        return 0.0
    if clue.heading > 1:
        return 0.1
    return max(0.95 - 0.9 * clue.told.get("title", 0.0), 0.5) - 0.1 * (clue.part == "run")
