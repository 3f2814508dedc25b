"""One piece of evidence: a text of the page, or an attribute's value, with all that says what it is. Plain values.

Must not know how clues are found, nor schemas.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

COUNTED = 0.75  # how much a word in the text of a count or an amount says ("318 ratings", "£4 per month")
SPOKEN = 0.55  # how much a word in any other short text says about what the text is
_CURRENCY = re.compile(
    r"[$€£¥₹₺₩]|円|\b(?:EUR|USD|GBP|JPY|CHF|PLN|SEK|NOK|DKK|CZK|TRY|BRL|TL|kr|zł|Kč|Ft|lei)\b|R\$|:-|,-|\.-",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Label:
    """A text beside a value that may say what it is; `weight` is how sure it is (1: a term and its definition)."""

    text: str
    weight: float
    place: str
    words: frozenset[str] = frozenset()


@dataclass(eq=False)
class Clue:
    """A text of the page (or an attribute's value), the words that tell what it is, and where it stands.

    `part` is None for the text of a whole element, `run` for one text node of it, `part` for what stands between
    separators, `rest` for what follows its label in the same text, else the name of the attribute.
    """

    element: Any
    part: str | None
    text: str
    labels: tuple[Label, ...] = ()
    names: dict[str, float] = field(default_factory=dict)  # from classes and the like, its own and those around it
    said: frozenset[str] = frozenset()  # what its own text says
    heard: dict[str, float] = field(default_factory=dict)  # from the headings above it
    own: frozenset[str] = frozenset()  # its own names, or those of the element that it fills
    struck: bool = False
    aside: float = 0.0
    heading: int = 0
    order: int = 0
    several: bool = False  # its text is that of several elements, none of it its own
    path: tuple[str, ...] = ()

    @cached_property
    def money(self) -> bool:
        """Whether the text bears the sign of a currency."""
        return bool(_CURRENCY.search(self.text))

    @cached_property
    def counted(self) -> bool:
        """Whether the text is a number with a few words."""
        return len(self.text) <= 40 and any(map(str.isdigit, self.text)) and len(self.text.split()) <= 5

    @cached_property
    def told(self) -> dict[str, float]:
        """The words that labels, names and headings tell, with how surely they do; not those of the text itself."""
        told = dict(self.heard)
        for word, weight in self.names.items():
            told[word] = max(told.get(word, 0.0), weight)
        for label in self.labels:
            for word in label.words:
                told[word] = max(told.get(word, 0.0), label.weight)
        return told

    @cached_property
    def words(self) -> dict[str, float]:
        """What is told, and what the text itself says."""
        words = dict(self.told)
        weight = COUNTED if self.counted else SPOKEN
        for word in self.said:
            words[word] = max(words.get(word, 0.0), weight)
        return words

    @property
    def label(self) -> str:
        """The first label that is sure enough to be shown as the source of a value."""
        return next((label.text for label in self.labels if label.weight >= 0.8), "")

    @property
    def place(self) -> str:
        """What kind of place that label stands in."""
        return next((label.place for label in self.labels if label.weight >= 0.8), "text")
