"""Lists found by structure: blocks that repeat, read as rows by the places that answer the properties best. Pure.

A group of blocks is a list only where enough of what is asked has a place in it; a place answers one property only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from monitor.embedded.extract import holding
from monitor.embedded.extract.clue import Clue
from monitor.embedded.extract.clues import clues
from monitor.embedded.extract.columns import columns
from monitor.embedded.extract.groups import MAX_READ, groups
from monitor.embedded.extract.naming import own_names
from monitor.embedded.extract.places import Answers, Place, option, places
from monitor.embedded.extract.query import Query, query
from monitor.embedded.extract.remaining import left_over
from monitor.embedded.extract.shape import Shape
from monitor.embedded.extract.terms import concepts, tokens
from monitor.embedded.extract.values import Context

LAST = 0.35  # how well the one text that is left fits the one property that is left
LEAST = 0.42  # how well a group must fit on average

Row = dict[str, tuple[Any, str]]


@dataclass(slots=True)
class Filled:
    """A group of blocks read as rows: how well it fits, its elements, and per row the answers by property."""

    score: float
    elements: list[Any]
    rows: list[Row]


def find(root: Any, name: str, shape: Shape, context: Context) -> Filled | None:
    """Return the group of blocks under `root` that fits best as the list `name` of objects of `shape`, or None."""
    asked = {
        prop: query(prop, child)
        for prop, child in shape.properties.items()
        if child.kind not in ("object", "array") and child.hint is None
    }
    if not asked:
        return None
    best: Filled | None = None
    left = MAX_READ
    sideways = ((elements, 0.0) for elements in columns(root))
    for elements, bonus in chain(sideways, groups(root, concepts(name.replace("_", " ")))):
        left -= sum(len(list(element.iter())) for element in elements)
        if left < 0:
            break
        filled = _filled(elements, asked, shape, context)
        if filled is None:
            continue
        filled.score += bonus
        if best is None or filled.score > best.score:
            best = filled
    return best if best is not None and best.score >= LEAST else None


def _filled(elements: list[Any], asked: Mapping[str, Query], shape: Shape, context: Context) -> Filled | None:
    read = [(element, clues(element, page=False)) for element in elements]
    read = [(element, found) for element, found in read if found and not _is_advertisement(element, found)]
    if len(read) < 2:
        return None
    chosen = _assigned(places([found for _element, found in read]), asked, shape, context, len(read))
    if len(chosen) < max(min(2, len(asked)), 0.5 * len(asked)):
        return None
    needed = [name for name in asked if name in shape.required and not shape.properties[name].nullable]
    held = [name for name in needed if name in chosen]
    rows, kept = [], []
    for index, (element, _found) in enumerate(read):
        row = {name: answers[index] for name, (_score, answers) in chosen.items() if index in answers}
        lacking = sum(name not in row for name in held)
        whole = bool(needed) and all(name in row for name in needed)
        if row and lacking <= len(held) * 0.34 and (whole or len(row) >= min(2, len(asked))):
            rows.append(row)
            kept.append(element)
    if len(rows) < 2:
        return None
    score = sum(score for score, _answers in chosen.values()) / len(asked)
    score -= 0.4 * sum(name not in chosen for name in needed) / len(asked)
    score -= 0.3 * (1.0 - len(rows) / len(read))
    return Filled(score + 0.08 * math.log2(len(rows)), kept, rows)


def _is_advertisement(element: Any, found: list[Clue]) -> bool:
    """Return whether a block says that it is an advertisement: by a name of its own, or by a short text in it."""
    if "!ad" in own_names(element):
        return True
    short = (tokens(clue.text) for clue in found if clue.part is None and len(clue.text) <= 24)
    return any(told and all("!ad" in meanings for meanings in told) for told in short)


def _assigned(
    found: list[Place], asked: Mapping[str, Query], shape: Shape, context: Context, count: int
) -> dict[str, tuple[float, Answers]]:
    """Return per property the place that fits best, each place for one property only: score and answers by row."""
    options = []
    for name, words in asked.items():
        child = shape.properties[name]
        here = Context(name, context.language, context.url, dates=context.dates)
        for place in found:
            fit = option(place, words, child, here, count, needed=name in shape.required and not child.nullable)
            if fit is not None:
                options.append((fit[0], name, place, fit[1]))
    options.sort(key=lambda entry: -entry[0])
    chosen: dict[str, tuple[float, Answers]] = {}
    taken: set[Any] = set()
    for score, name, place, answers in options:
        where = {_where(place.clues[index]) for index in answers}
        if name not in chosen and len(where & taken) <= 0.3 * len(where):
            chosen[name] = (score, answers)
            taken |= where
    left = [name for name in asked if name not in chosen]
    if len(left) == 1 and len(chosen) > 1 and holding.is_text(shape.properties[left[0]]):
        here = Context(left[0], context.language, context.url, dates=context.dates)
        last = left_over(found, asked[left[0]], shape.properties[left[0]], here, taken, count)
        if last:
            chosen[left[0]] = (LAST, last)
    return chosen


def _where(clue: Clue) -> tuple[Any, str]:
    """Return what a place takes of a block: the text of an element or of a part of it, or one attribute."""
    if clue.part not in holding.TEXTS:
        return clue.element, clue.part or ""
    element, text = clue.element, clue.text
    inner = next((child for child in element.iter() if child.text and child.text.strip() == text), element)
    return inner, text  # what encloses a text alone is the same place; no id, because lxml makes elements anew
