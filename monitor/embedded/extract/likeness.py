"""How well a clue answers a property: the words of both as concepts, and the marks that must agree. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from monitor.embedded.extract.clues import Clue
from monitor.embedded.extract.shape import Shape
from monitor.embedded.extract.terms import concepts

SURE = 0.7
MARGIN = 0.12
_CUT = re.compile(
    r"[;:(,.]|\b(?:without|ohne|sans|sin|senza|zonder|uten|utan|not|if|null|for example|zum beispiel|as (?:shown|printed|written))\b"  # noqa: E501 - a table reads better in one line
)
_MONEY = frozenset({"price", "salary", "rent", "shipping", "community", "!fee"})
_FORMAL = frozenset(
    {
        "=number",
        "=string",
        "=integ",
        "=boolean",
        "=eur",
        "=usd",
        "=gbp",
        "=euro",
        "=dollar",
        "=brl",
        "=zl",
        "=sek",
        "=kron",
        "=iso",
        "=cod",
        "=exampl",
        "=valu",
    }
)
_CLASHING = frozenset({"!others", "!ad", "!cart"})
_OPPOSITE = (("!net", "!gross"), ("!monthly", "!yearly"), ("!start", "!end"), ("!low", "!high"), ("!full", "!reduced"))
_WHOLE = frozenset({"tr", "table", "tbody", "ul", "ol", "dl", "section", "article", "form", "fieldset", "details"})
# Marks that say nothing where the property's own head says it, or that are only half a mark.
_MILD = frozenset({"!gross", "!start", "!end", "!last", "!full", "!high", "!bundle", "!option", "!shop", "!vat"})
_HALF = frozenset({"!low", "!saving", "!reduced"})


@dataclass(frozen=True, slots=True)
class Query:
    """A property as words: `heads` and other words with their weights, the marks it asks for, and what it must be."""

    words: dict[str, float]
    marks: frozenset[str]
    named: frozenset[str]
    kind: str
    money: bool


def query(name: str, shape: Shape) -> Query:
    """Return the words of a property: its name first, its description after it."""
    return _query(name, shape.description, shape.kind, shape.format or "")


@lru_cache(maxsize=2_000)
def _query(name: str, description: str, kind: str, form: str) -> Query:
    named = concepts(name.replace("_", " "))
    cut = _CUT.search(description.casefold(), 3)
    told = concepts(description[: cut.start()] if cut else description)
    words = {word: 0.5 for word in told if not word.startswith("!") and word not in _FORMAL}
    words |= {word: 1.0 for word in named if not word.startswith("!") and word not in _FORMAL}
    if {"rating", "reviews"} <= words.keys():  # one word for both in many languages: what is counted is whole
        words.pop("rating" if kind == "integer" or "count" in named | told or "=numb" in told else "reviews")
    heads = [word for word in words if not word.startswith("=")]
    for word in words:
        if word.startswith("=") and heads:
            words[word] *= 0.6
    if not heads and not any(weight >= 1.0 for weight in words.values()):
        words |= dict.fromkeys(words, 1.0)
    marks = frozenset(word for word in named | told if word.startswith("!") and word not in _CLASHING)
    if "shipping" in named:
        marks |= {"!shipping"}
    money = (
        kind in ("number", "integer")
        and bool(_MONEY & (named | told))
        and not {"reviews", "rating", "count", "bids"} & named
    )
    return Query(words, marks, named, kind if not form else f"{kind}:{form}", money)


def likeness(asked: Query, clue: Clue) -> float:
    """Return how well a clue answers, about 0 to 1; below `SURE` it does not."""
    total = sum(weight for word, weight in asked.words.items() if weight >= 0.6) or sum(asked.words.values()) or 1.0
    best = 0.0
    heads = 0.0
    for word, weight in asked.words.items():
        seen = clue.words.get(word, 0.0)
        best += weight * seen
        if not word.startswith("="):
            heads = max(heads, seen * (1.0 if weight >= 1.0 else 0.85))
    score = max(min(best / total, 1.0), heads * 0.9)
    for mark in asked.marks:
        if mark in clue.words:
            score += 0.25 * clue.words[mark]
        elif mark == "!old" and clue.struck:
            score += 0.3
        elif mark not in _MILD:
            score -= 0.5
        else:
            score -= 0.1
    own = [word for word in asked.named if word.startswith("=") and word not in _FORMAL]
    if own and len(asked.named) > len(own):  # words that tell this property from others of its kind
        score -= 0.25 * sum(not clue.words.get(word) for word in own) / len(own)
    for mark, weight in clue.words.items():
        if mark[0] == "!" and mark not in asked.marks and weight >= 0.3:
            score -= weight * (0.2 if mark in _MILD else 0.4 if mark in _HALF else 0.55)
    if clue.struck and "!old" not in asked.marks:
        score -= 0.6
    for pair in _OPPOSITE:
        for mark, against in (pair, pair[::-1]):
            contrary = mark in asked.marks and against not in asked.marks and mark not in clue.words
            score -= 0.5 * (contrary and clue.words.get(against, 0.0) >= 0.5)
    if (clue.element.tag in _WHOLE and clue.attr is None) or clue.several or (clue.attr is None and _with_more(clue)):
        score -= 0.3
    elif clue.attr is None and asked.kind == "string" and _leads(asked, clue):
        score -= 0.25
    return score - clue.aside


def _leads(asked: Query, clue: Clue) -> bool:
    """Return whether a text begins with the property's own label, so that the rest of it is the better answer."""
    element = clue.element
    if ":" in clue.text[:60]:
        lead = clue.text.partition(":")[0]
    elif len(element):
        lead = " ".join([(element.text or ""), *((child.tail or "") for child in element)])[:60]
    else:
        return False
    told = concepts(lead.strip()) if lead.strip() else frozenset()
    return bool(told & {word for word in asked.words if not word.startswith("=")})


def _with_more(clue: Clue) -> bool:
    """Return whether a text goes on with small print or another line, so that its first part is the better answer."""
    element = clue.element
    return bool((element.text or "").strip()) and any(child.tag in ("small", "br", "font") for child in element)
