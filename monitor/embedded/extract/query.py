"""What a property asks for, in words: those of its name and of its description, and the marks that must agree. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from monitor.embedded.extract.shape import Shape
from monitor.embedded.extract.terms import is_subject, listed, stem, tokens

_CUT = re.compile(
    r"[;:(,.]|\b(?:without|ohne|sans|sin|senza|zonder|uten|utan|not|if|null|for example|zum beispiel|as (?:shown|printed|written))\b"  # noqa: E501 - a table reads better in one line
)
_MONEY = frozenset(listed("money"))
_NO_MONEY = frozenset({"reviews", "rating", "count", "bids", "year", "currency"})
# Words of a description that say of which kind a value is, not what it is.
_FORMAL = frozenset(f"={stem(word)}" for word in listed("formal"))
_SOMEONE = frozenset({*listed("someone"), "teacher", "curator", "train"})
_CLASHING = frozenset({"!others", "!ad", "!cart"})


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a property: what it may mean, and how much it counts."""

    meanings: frozenset[str]
    weight: float


@dataclass(frozen=True, slots=True)
class Query:
    """A property as words: those of its name, those of its description, the marks it asks for, and what it must be."""

    name: tuple[Word, ...]
    told: tuple[Word, ...]
    asked: tuple[frozenset[str], ...]  # the marks that the name asks for, each as alternatives
    marks: frozenset[str]  # all marks that name or description bear
    named: frozenset[str]  # all that the words of the name may mean
    kind: str
    money: bool
    literal: bool  # whether it is a text that may hold any words, so that its own words say little about it

    @property
    def heads(self) -> frozenset[str]:
        """The known concepts of the name."""
        return frozenset(word for one in self.name for word in one.meanings if word[0] not in "=!")

    @property
    def all(self) -> frozenset[str]:
        """Everything that name and description may mean."""
        return frozenset().union(*(one.meanings for one in (*self.name, *self.told)))


def query(name: str, shape: Shape) -> Query:
    """Return the words of a property: its name first, its description after it."""
    literal = shape.kind == "string" and shape.enum is None and not shape.format
    return _query(
        name, shape.description, f"{shape.kind}:{shape.format}" if shape.format else shape.kind, literal=literal
    )


@lru_cache(maxsize=2_000)
def _query(name: str, description: str, kind: str, *, literal: bool) -> Query:
    named = tokens(name.replace("_", " "))
    cut = _CUT.search(description.casefold(), 3)
    told = tokens(description[: cut.start()] if cut else description)
    every = frozenset().union(*named, *told)
    marks = frozenset(word for word in every if word[0] == "!") - _CLASHING
    strict = tuple(kept for one in named if (kept := frozenset(word for word in one if word[0] == "!") - _CLASHING))
    named_all = frozenset().union(*named)
    if "shipping" in named_all:
        marks |= {"!shipping"}
    if {"price", "area"} <= named_all:
        marks |= {"!unit"}
    words = tuple(_words(named, count=kind == "integer" or "count" in named_all | every))
    if len(words) > 1 or (words and any(not _known(word) for word in words)):
        heads = [word for word in words if _known(word)]
        words = tuple(Word(w.meanings, 1.0 if _known(w) or not heads else 0.6) for w in words)
    nameless = len(words) == 1 and all(one[0] == "=" or one == "events" for one in words[0].meanings)
    if literal and nameless and told and told[0] == {"title"} and not _SOMEONE & every:
        words = (Word(words[0].meanings | {"title"}, 1.0),)  # "Name of the event"
    telling = tuple(word for word in words if not all(map(is_subject, word.meanings)))
    words = telling or words
    if len(words) > 1 and any("count" in word.meanings for word in words):
        words = tuple(word for word in words if "count" not in word.meanings) or words  # what is counted tells it
    taken = frozenset().union(*(word.meanings for word in words))
    described = tuple(Word(w.meanings, 0.5) for w in _words(told, count=kind == "integer") if not w.meanings & taken)
    if not words:  # a name of marks alone ("min", "from")
        words = tuple(Word(one, 1.0) for one in strict)
    money = kind in ("number", "integer") and bool(_MONEY & (named_all | every)) and not _NO_MONEY & named_all
    return Query(words, described, strict, marks, named_all, kind, money, literal)


def _known(word: Word) -> bool:
    return any(meaning[0] != "=" for meaning in word.meanings)


def _words(found: tuple[frozenset[str], ...], *, count: bool) -> Iterator[Word]:
    for meanings in found:
        kept = frozenset(meaning for meaning in meanings if meaning[0] != "!" and meaning not in _FORMAL)
        if {"rating", "reviews"} <= kept:  # one word for both in many languages: what is counted is whole
            kept -= {"rating" if count else "reviews"}
        if "rent" in kept:
            kept |= {"price"}  # the price of what is let
        if kept:
            yield Word(kept, 1.0)
