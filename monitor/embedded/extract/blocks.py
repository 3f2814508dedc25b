"""Lists found by structure: blocks that repeat, and which place within every block holds which property.

Pure over a tree, bounded.

A place (a path of tags and classes within the block, told apart by its label or by its position) is
judged over all blocks
at once: what most of them have there, whether it reads as the property's type, and how its words fit. So one odd block
cannot mislead, and every row is read in the same way.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from monitor.embedded.extract import forms, picking
from monitor.embedded.extract.clues import Clue, clues, own_names
from monitor.embedded.extract.document import text_of
from monitor.embedded.extract.found import MISSING
from monitor.embedded.extract.likeness import Query, likeness, query
from monitor.embedded.extract.shape import Shape
from monitor.embedded.extract.structured import dumps
from monitor.embedded.extract.terms import concepts
from monitor.embedded.extract.values import Context

MAX_GROUPS = 40
MAX_ROWS = 500
MAX_READ = 30_000  # elements read in all, over all groups
LEAST = 0.42  # how well a group must fit on average
_UNSEEN = frozenset({"script", "style", "noscript", "template", "svg", "option", "head", "br", "path"})
_TURNS = frozenset({"odd", "even", "first", "last", "active", "row1", "row2", "bg1", "bg2", "alt", "new"})
_ASIDE = frozenset({"nav", "footer", "aside", "header"})

Row = dict[str, tuple[Any, str]]


@dataclass(slots=True)
class Place:
    """One place within the blocks: its clue in each block that has it."""

    key: tuple[Any, ...]
    clues: dict[int, Clue] = field(default_factory=dict)


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
    for elements, bonus in _groups(root, concepts(name.replace("_", " "))):
        size = sum(len(list(element.iter())) for element in elements)
        left -= size
        if left < 0:
            break
        filled = _filled(elements, asked, shape, context)
        if filled is None:
            continue
        filled.score += bonus
        if best is None or filled.score > best.score:
            best = filled
    return best if best is not None and best.score >= LEAST else None


def _groups(root: Any, named: frozenset[str]) -> Iterator[tuple[list[Any], float]]:
    """Yield groups of elements that are alike, the largest first, with what their surroundings add to their score."""
    alike: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
    for element in list(root.iter())[: 2 * MAX_READ]:
        parent = element.getparent()
        if (
            not isinstance(element.tag, str)
            or element.tag in _UNSEEN
            or parent is None
            or element is root
            or not len(element)
        ):
            continue
        above = parent.getparent()
        alike[element.tag, _first(element), parent.tag, _first(parent)].append(element)
        alike[element.tag, parent.tag, above.tag if above is not None else "", "any"].append(element)
        alike[element.tag, _first(element), "anywhere"].append(element)
    weighed: list[tuple[float, list[Any], float]] = []
    known: set[tuple[int, ...]] = set()
    for found in alike.values():
        outer = set(found)
        members = [element for element in found if not any(above in outer for above in element.iterancestors())][
            :MAX_ROWS
        ]
        key = tuple(id(element) for element in members)
        if len(members) < 2 or key in known:
            continue
        known.add(key)
        lengths = [len(text_of(element)) for element in members[:30]]
        mean = sum(lengths) / len(lengths)
        if mean < 6:
            continue
        weight = math.log2(len(members) + 1) * min(mean, 200.0)
        bonus = _surroundings(members[0], named)
        weighed.append((weight * (1.0 + bonus), members, bonus))
    weighed.sort(key=lambda entry: -entry[0])
    for _weight, members, bonus in weighed[:MAX_GROUPS]:
        yield members, bonus


def _surroundings(element: Any, named: frozenset[str]) -> float:
    """Return a bonus where the group's surroundings are called like the list, a malus where they are aside."""
    bonus = 0.0
    for above in [element, *element.iterancestors()][:8]:
        if not isinstance(above.tag, str) or above.tag in ("body", "html"):
            break
        names = own_names(above)
        if above.tag in _ASIDE:
            bonus = min(bonus, 0.0) - 0.35
        if "!others" in names or "!ad" in names:
            bonus -= 0.35
        if named & {word for word in names if not word.startswith("!")}:
            bonus = max(bonus, 0.12)
        heading = next((other for other in above.itersiblings("h2", "h3", "h4", preceding=True)), None)
        if heading is not None and above.tag not in ("li", "tr"):
            told = concepts(text_of(heading)[:80])
            if "!others" in told or "!ad" in told or "!last" in told:
                bonus -= 0.3
            elif named & told:
                bonus = max(bonus, 0.12)
    return max(bonus, -0.6)


def _filled(elements: list[Any], asked: Mapping[str, Query], shape: Shape, context: Context) -> Filled | None:
    read = [(element, clues(element, page=False)) for element in elements]
    read = [(element, found) for element, found in read if found and not _is_advertisement(element, found)]
    if len(read) < 2:
        return None
    places = _places([found for _element, found in read])
    chosen = _assigned(places, asked, shape, context, len(read))
    needed = [name for name in asked if name in shape.required and not shape.properties[name].nullable]
    if len(chosen) < max(min(2, len(asked)), 0.5 * len(asked)):
        return None
    rows, kept = [], []
    held = [name for name in needed if name in chosen]
    for index, (element, _found) in enumerate(read):
        row = {name: answers[index] for name, (_score, answers) in chosen.items() if index in answers}
        lacking = sum(name not in row for name in held)
        if row and lacking <= len(held) * 0.34 and len(row) >= min(2, len(asked)):
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
    return any("!ad" in concepts(clue.text) for clue in found if clue.attr is None and len(clue.text) <= 24)


def _places(rows: list[list[Clue]]) -> list[Place]:
    found: dict[tuple[Any, ...], Place] = {}
    for index, row in enumerate(rows):
        counts: dict[tuple[str, ...], int] = defaultdict(int)
        for clue in row:
            path = clue.path[1:]
            number = counts[path]
            counts[path] += 1
            tags = ("tags", *(step.partition(".")[0] for step in path))
            keys: list[tuple[Any, ...]] = [(path, number), (tags, counts[tags])]
            counts[tags] += 1
            if clue.label and clue.place != "text" and not any(character.isdigit() for character in clue.label):
                keys.append((path, clue.label))
            for key in keys:
                found.setdefault(key, Place(key)).clues.setdefault(index, clue)
    least = max(2, len(rows) * 0.12)
    return [place for place in found.values() if len(place.clues) >= least or len(rows) < 4]


def _assigned(
    places: list[Place], asked: Mapping[str, Query], shape: Shape, context: Context, count: int
) -> dict[str, tuple[float, dict[int, tuple[Any, str]]]]:
    """Return per property the place that fits best, each place for one property only: score and answers by row."""
    options = []
    for name, words in asked.items():
        child = shape.properties[name]
        here = Context(name, context.language, context.url)
        for place in places:
            option = _option(place, words, child, here, count, needed=name in shape.required and not child.nullable)
            if option is not None:
                options.append((option[0], name, place, option[1]))
    options.sort(key=lambda option: -option[0])
    chosen: dict[str, tuple[float, dict[int, tuple[Any, str]]]] = {}
    taken: set[Any] = set()
    for score, name, place, answers in options:
        where = {(id(place.clues[index].element), place.clues[index].attr) for index in answers}
        if name not in chosen and not len(where & taken) > 0.3 * len(where):
            chosen[name] = (score, answers)
            taken |= where
    _by_order(chosen, places, taken, asked, shape, context, count)
    return chosen


def _by_order(
    chosen: dict[str, tuple[float, dict[int, tuple[Any, str]]]], places: list[Place], taken: set[Any],
    asked: Mapping[str, Query], shape: Shape, context: Context, count: int,
) -> None:  # fmt: skip
    """Give the texts that are left to the text properties that are left, in order, where there are as many of both."""
    left = [name for name in asked if name not in chosen]
    if not chosen or not 0 < len(left) <= 3 or any(not _plain(shape.properties[name]) for name in left):
        return
    texts: list[Place] = []
    seen = set(taken)
    for place in places:
        where = {(id(clue.element), clue.attr) for clue in place.clues.values()}
        texted = {clue.text for clue in place.clues.values()}
        if (
            where & seen
            or len(place.clues) < 0.8 * count
            or len(texted) < 0.3 * count
            or not isinstance(place.key[1], int)
        ):
            continue
        if all(_is_text(clue) and not _holds_taken(clue, taken) for clue in place.clues.values()):
            texts.append(place)
            seen |= {(id(inner), None) for clue in place.clues.values() for inner in clue.element.iter()} | where
    if len(texts) != len(left):
        return
    for name, place in zip(
        left, sorted(texts, key=lambda place: min(c.order for c in place.clues.values())), strict=True
    ):
        here = Context(name, context.language, context.url)
        read = {i: picking.read(clue, shape.properties[name], asked[name], here) for i, clue in place.clues.items()}
        answers = {i: (value, "position in each block") for i, value in read.items() if value is not MISSING}
        chosen[name] = (0.4, answers)


def _plain(shape: Shape) -> bool:
    return shape.kind == "string" and shape.enum is None and shape.format is None


def _is_text(clue: Clue) -> bool:
    return (
        clue.attr in (None, "own")
        and not clue.several
        and not clue.heading
        and not clue.money
        and 2 <= len(clue.text) <= 80
        and clue.text[0].isalnum()
        and any(map(str.isalpha, clue.text))
        and clue.element.tag != "button"
    )


def _holds_taken(clue: Clue, taken: set[Any]) -> bool:
    return any((id(inner), None) in taken for inner in (*clue.element.iter(), *list(clue.element.iterancestors())[:2]))


def _option(
    place: Place, asked: Query, shape: Shape, context: Context, count: int, *, needed: bool
) -> tuple[float, dict[int, tuple[Any, str]]] | None:
    """Return how well a place answers a property over all rows, and its answers; None where it does not."""
    answers: dict[int, tuple[Any, str]] = {}
    scores: list[float] = []
    for index, clue in place.clues.items():
        if not picking.may_hold(clue, shape):
            return None
        value = picking.read(clue, shape, asked, context)
        scores.append(min(likeness(asked, clue), 1.2))
        if value is not MISSING:
            answers[index] = value, f"{picking.Pick(value, 0.0, clue).source} of each block"
    share = len(answers) / len(place.clues)
    coverage = len(answers) / count
    if coverage < (0.5 if needed else 0.15) or share < 0.5:
        return None
    sample = next(iter(place.clues.values()))
    score = sum(scores) / len(scores) + _prior(place, asked, shape, sample, answers)
    if score < 0.3:
        return None
    if place.key[0][:1] == ("tags",):
        score -= 0.03  # the same place by its classes is told more exactly
    return score - 0.4 * (1.0 - share) - (0.5 if needed else 0.15) * (1.0 - coverage), answers


def _prior(place: Place, asked: Query, shape: Shape, sample: Clue, answers: dict[int, tuple[Any, str]]) -> float:
    """Return what the kind of a place adds within a block: a heading or a link for a title, a currency for money."""
    distinct = len({dumps(value) for value, _source in answers.values()}) / max(len(answers), 1)
    if shape.format in ("uri", "url", "uri-reference"):
        linked: float = 0.35 + 0.2 * (sample.element.tag == "a") + 0.15 * distinct + 0.1 * bool(text_of(sample.element))
        return linked
    if shape.format == "date":
        return 0.35 if sample.element.tag == "time" or sample.attr == "datetime" else 0.3
    if asked.money:
        return 0.3 if sample.money else -0.1
    if shape.kind == "string" and shape.enum is None and "title" in asked.named and sample.attr in (None, "own"):
        letters = any(character.isalpha() for character in sample.text)
        tag = sample.element.tag
        lead = 0.55 if sample.heading else 0.4 if tag == "a" else 0.25 if tag in ("b", "strong", "th") else 0.0
        return (
            (
                lead + 0.2 * distinct - 0.02 * min(place.key[1], 5)
                if isinstance(place.key[1], int)
                else lead + 0.1 * distinct
            )
            if letters
            else -0.5
        )
    if shape.enum is not None and len(shape.enum) > 1:
        exact = {str(member).casefold() for member in shape.enum}
        return 0.6 * sum(clue.text.casefold() in exact for clue in place.clues.values()) / len(place.clues)
    return _form(place, asked, shape, distinct)


def _form(place: Place, asked: Query, shape: Shape, distinct: float) -> float:
    """Return what it adds that the texts of a place look as such a property does."""
    if shape.kind != "string" or any(
        clue.several or clue.attr not in (None, ":", "own") for clue in place.clues.values()
    ):
        return 0.0
    concept = forms.known(asked.named)
    if concept is None:
        return 0.0
    share = sum(forms.fits(concept, clue.text) for clue in place.clues.values()) / len(place.clues)
    if concept == "company":  # only some write out what they are
        return 0.5 * min(1.0, 2.5 * share) if distinct > 0.3 else 0.0
    return (0.5 if concept in forms.TELLING else 0.2) * share if share >= 0.6 else -0.1 * (concept in forms.TELLING)


def _first(element: Any) -> str:
    """Return the first class of an element, the name that its makers gave to this kind of block."""
    return next((name for name in (element.get("class") or "").split() if name.casefold() not in _TURNS), "")
