"""One place within blocks that repeat, and how well it answers a property over all of them. Pure over clues.

A place is a path of tags and classes within the block, told apart by its label or by its number. It is judged over all
blocks at once: what most of them have there, whether it reads as the property's type, and how its words fit. So one odd
block cannot mislead, and every row is read in the same way.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from monitor.embedded.extract import forms, holding
from monitor.embedded.extract.clue import Clue
from monitor.embedded.extract.document import text_of
from monitor.embedded.extract.found import MISSING
from monitor.embedded.extract.likeness import lacks, likeness
from monitor.embedded.extract.picking import SOMEONE, source_of
from monitor.embedded.extract.query import Query
from monitor.embedded.extract.shape import Shape
from monitor.embedded.extract.structured import dumps
from monitor.embedded.extract.values import Context

Answers = dict[int, tuple[Any, str]]  # by row: a value and where it came from
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_STEPS = frozenset(f"{tag}." for tag in _HEADINGS)
_LEAST = 0.3
_COMPANIES = 2.5  # only some companies write out what they are


@dataclass(eq=False)
class Place:
    """One place within the blocks: its clue in each block that has it."""

    path: tuple[str, ...]
    which: int | str  # its number among those of its path, or its label
    exact: bool  # whether the path tells classes
    clues: dict[int, Clue] = field(default_factory=dict)

    @property
    def sample(self) -> Clue:
        """The clue of the first block that has one."""
        return next(iter(self.clues.values()))

    @property
    def order(self) -> int:
        """Where it stands within a block."""
        return min(clue.order for clue in self.clues.values())


def places(rows: list[list[Clue]]) -> list[Place]:
    """Return the places of blocks, given the clues of each; places that few blocks have are left out."""
    found: dict[Any, Place] = {}
    for index, row in enumerate(rows):
        counts: dict[tuple[str, ...], int] = defaultdict(int)
        for clue in row:
            path = clue.path[1:]
            tags = tuple(step.partition(".")[0] for step in path)
            options: list[tuple[tuple[str, ...], int | str, bool]] = [(path, counts[path], True)]
            if tags != path:
                options.append((tags, counts["tags", *tags], False))
            counts[path] += 1
            counts["tags", *tags] += tags != path
            label = next((one.text for one in clue.labels if one.weight >= 0.8), "")
            if label and not any(map(str.isdigit, label)):
                options.append((path, label, True))
            for path_, which, exact in options:
                place = found.setdefault((path_, which, exact), Place(path_, which, exact))
                place.clues.setdefault(index, clue)
    least = max(2, len(rows) * 0.12)
    return [place for place in found.values() if len(place.clues) >= least or len(rows) < 4]


def option(
    place: Place, asked: Query, shape: Shape, context: Context, count: int, *, needed: bool
) -> tuple[float, Answers] | None:
    """Return how well a place answers a property over all rows, and its answers; None where it does not."""
    answers: Answers = {}
    scores: list[float] = []
    for index, clue in place.clues.items():
        if not holding.may_hold(clue, shape):
            return None
        value = holding.read(clue, shape, asked, context)
        if value is not MISSING:
            scores.append(min(likeness(asked, clue), 1.2))
            answers[index] = value, f"{source_of(clue)} of each block"
    share = len(answers) / len(place.clues)
    coverage = len(answers) / count
    if coverage < (0.5 if needed else 0.15) or share < 0.5:
        return None
    score = sum(scores) / len(scores) + _prior(place, asked, shape, answers)
    if score < _LEAST:
        return None
    if not place.exact:
        score -= 0.03  # the same place by its classes is told more exactly
    return score - 0.4 * (1.0 - share) - (0.5 if needed else 0.15) * (1.0 - coverage), answers


def _prior(place: Place, asked: Query, shape: Shape, answers: Answers) -> float:
    """Return what the kind of a place adds within a block: a heading or a link for a title, a currency for money."""
    sample = place.sample
    distinct = len({dumps(value) for value, _source in answers.values()}) / max(len(answers), 1)
    if shape.format in holding.URIS:
        told = bool(text_of(sample.element))
        linked: float = 0.35 + 0.2 * (sample.element.tag == "a") + 0.15 * distinct + 0.1 * told
        return linked
    if shape.format in ("date", "date-time"):
        return 0.35 if sample.element.tag == "time" or sample.part == "datetime" else 0.3
    if asked.money:
        return (0.0 if lacks(asked, sample) else 0.36) if sample.money else -0.1
    if holding.is_text(shape) and "title" in asked.heads and sample.part in (None, "run", "part"):
        return _of_title(place, distinct)
    if shape.enum is not None and len(shape.enum) > 1:
        exact = {str(member).casefold() for member in shape.enum}
        return 0.6 * sum(clue.text.casefold() in exact for clue in place.clues.values()) / len(place.clues)
    return _form(place, asked, shape, distinct)


def _of_title(place: Place, distinct: float) -> float:
    sample = place.sample
    if not any(map(str.isalpha, sample.text)):
        return -0.5
    if sample.several or len(place.path) < 2:
        return -0.5
    lead = {"a": 0.4, "b": 0.25, "strong": 0.25, "th": 0.25}.get(sample.element.tag, 0.0)
    lead = 0.55 if sample.heading or any(step[:3] in _STEPS for step in place.path) else lead
    texts = [clue.text for clue in place.clues.values()]
    lead += 0.15 * sum(_is_wordy(text) for text in texts) / len(texts)
    headed = sample.heading or any(inner.tag in _HEADINGS for inner in sample.element.iter())
    if not headed and SOMEONE & sample.own:
        lead -= 0.4  # the name of something else: of the seller, of the venue
    return lead + 0.2 * distinct - 0.02 * min(place.which, 5) if isinstance(place.which, int) else lead + 0.1 * distinct


def _is_wordy(text: str) -> bool:
    return len(text.split()) > 1 and sum(map(str.isalpha, text)) > 0.6 * len(text)


def _form(place: Place, asked: Query, shape: Shape, distinct: float) -> float:
    """Return what it adds that the texts of a place look as such a property does."""
    if shape.kind != "string" or any(clue.several or clue.part not in holding.TEXTS for clue in place.clues.values()):
        return 0.0
    concept = forms.known(asked.heads)
    if concept is None:
        return 0.0
    share = sum(forms.fits(concept, clue.text) for clue in place.clues.values()) / len(place.clues)
    if concept == "company":
        return 0.5 * min(1.0, _COMPANIES * share) if distinct > 0.3 else 0.0
    if share < 0.6:
        return -0.3 * (concept in forms.TELLING)
    return (0.5 if concept in forms.TELLING else 0.2) * share
