"""The one text of a block that is left for the one property that is left. Pure over places.

Only where there is no choice at all: one property, one place that nearly all blocks have, whose texts differ and which
no name gives to something else.
"""

from __future__ import annotations

from typing import Any

from monitor.embedded.extract import holding
from monitor.embedded.extract.clue import Clue
from monitor.embedded.extract.found import MISSING
from monitor.embedded.extract.places import Answers, Place
from monitor.embedded.extract.query import Query
from monitor.embedded.extract.shape import Shape
from monitor.embedded.extract.values import Context

_COVERED, _DISTINCT = 0.8, 0.3  # shares of the blocks
_MOST = 80  # characters


def left_over(found: list[Place], asked: Query, shape: Shape, context: Context, taken: set[Any], count: int) -> Answers:
    """Return the answers of the only place that may be meant, or nothing where there is none or a choice."""
    held = {element for element, _text in taken}
    free: list[Place] = []
    seen: set[Any] = set()
    for place in found:
        clues = list(place.clues.values())
        if len(clues) < _COVERED * count or len({clue.text for clue in clues}) < _DISTINCT * count or not place.exact:
            continue
        if any(not _is_text(clue) or _touches(clue, held | seen) for clue in clues) or _is_something_else(place, asked):
            continue
        free.append(place)
        seen |= {inner for clue in clues for inner in clue.element.iter()}
    if len(free) != 1:
        return {}
    read = {index: holding.read(clue, shape, asked, context) for index, clue in free[0].clues.items()}
    return {index: (value, "the only text left in each block") for index, value in read.items() if value is not MISSING}


def _is_text(clue: Clue) -> bool:
    return (
        clue.part is None
        and not clue.several
        and not clue.heading
        and not clue.money
        and 2 <= len(clue.text) <= _MOST
        and clue.text[0].isalnum()
        and any(map(str.isalpha, clue.text))
        and clue.element.tag not in ("button", "label", "dt", "th")
    )


def _touches(clue: Clue, held: set[Any]) -> bool:
    """Return whether a clue's element holds, or stands within, what is taken."""
    near = (*clue.element.iter(), *list(clue.element.iterancestors())[:2])
    return any(element in held for element in near)


def _is_something_else(place: Place, asked: Query) -> bool:
    """Return whether a name or a label of the place says that it holds something other than what is asked."""
    sample = place.sample
    told = sample.own.union(*(label.words for label in sample.labels if label.weight >= 0.8))
    known = {word for word in told if word[0] not in "=!"}
    return bool(known) and not known & asked.all
