"""How well a clue answers a property: the words of both, and the marks that must agree. Pure arithmetic.

About 1 where a label names the property and nothing else, below `SURE` where the words do not suffice.
"""

from __future__ import annotations

from monitor.embedded.extract.clue import COUNTED, SPOKEN, Clue, Label
from monitor.embedded.extract.query import Query, Word

SURE = 0.7
MARGIN = 0.12
DOUBTFUL = 0.5  # at most, where a word that tells this property from others is nowhere to be found
LOUD = 0.45  # how surely a mark must be told to count: more than by a heading above
_OPPOSITE = (("!net", "!gross"), ("!monthly", "!yearly"), ("!start", "!end"), ("!low", "!high"), ("!full", "!reduced"))
_WHOLE = frozenset({"tr", "table", "tbody", "ul", "ol", "dl", "section", "article", "form", "fieldset", "details"})
# Marks that say nothing where the property's own head says it, or that are only half a mark.
_MILD = frozenset(
    {"!gross", "!start", "!end", "!last", "!full", "!high", "!bundle", "!option", "!shop", "!vat", "!now"}
)
_HALF = frozenset({"!low", "!saving", "!reduced"})
_TELLING = frozenset({"!old", "!saving", "!instal", "!shipping", "!unit", "!used"})  # in a label: of something else
_DATES = frozenset({"published", "updated", "deadline", "availablefrom", "time"})  # each a date of some kind
_EXACT, _EXTRA, _MOST_EXTRA = 0.15, 0.05, 0.15


def likeness(asked: Query, clue: Clue) -> float:
    """Return how well a clue answers, about 0 to 1; below `SURE` it does not."""
    seen = _seen(asked, clue)
    score = max(_named(asked, seen), _described(asked, clue, seen))
    score += _exactness(asked, clue)
    score += _marks(asked, clue, seen)
    score -= _otherwise(asked, clue)
    if "nextpage" in asked.heads:
        return score  # it always stands in the navigation
    if clue.part is None and (clue.element.tag in _WHOLE or clue.several or _with_more(clue)):
        amount = clue.counted and asked.kind in ("number", "integer")  # "€", "3.90" and "/month" are one amount
        score -= 0.45 if asked.literal and clue.several else 0.1 if amount else 0.3
    if clue.part == "run":
        score -= 0.08
    return score - clue.aside


def _seen(asked: Query, clue: Clue) -> dict[str, float]:
    """Return the words of a clue by weight; what a text itself says tells little about a text that may say anything."""
    seen = dict(clue.told)
    weight = 0.35 if asked.literal else COUNTED if clue.counted or asked.kind == "boolean" else SPOKEN
    for word in clue.said:
        seen[word] = max(seen.get(word, 0.0), weight)
    if clue.struck:
        seen["!old"] = max(seen.get("!old", 0.0), 0.6)
    told = any(max(seen.get(mark, 0.0) for mark in one) >= 0.6 for one in asked.asked)
    if asked.money and clue.money and (told or len(asked.name) > 1):
        seen["price"] = max(seen.get("price", 0.0), 0.75)  # an amount; what it is for, the other words tell
    return seen


def _weight(word: Word, seen: dict[str, float]) -> float:
    return max((seen.get(meaning, 0.0) for meaning in word.meanings), default=0.0)


def lacks(asked: Query, clue: Clue) -> bool:
    """Return whether a word that tells the property from others of its kind is nowhere about a clue."""
    return len(asked.name) > 1 and any(not word.meanings & clue.words.keys() for word in asked.name)


def _named(asked: Query, seen: dict[str, float]) -> float:
    """Return how far the words of the name are there; words of the description stand in for some."""
    total = sum(word.weight for word in asked.name)
    if not total:
        return 0.0
    found = sum(word.weight * _weight(word, seen) for word in asked.name)
    best = max((_weight(word, seen) for word in asked.name if word.weight >= 1.0), default=0.0)
    lent = sum(0.5 * weight for word in asked.told if (weight := _weight(word, seen)) >= 0.5) if best >= 0.5 else 0.0
    known = [word for word in asked.name if any(meaning[0] != "=" for meaning in word.meanings)]
    unknown = [word for word in asked.name if word not in known]
    score = min((found + lent) / total, 1.0)
    if known and unknown:  # words that tell this property from others of its kind
        lacking = sum(_weight(word, seen) < 0.2 for word in unknown) / len(unknown)
        score = max(score, 0.9 * max(_weight(word, seen) for word in known)) - 0.25 * lacking
        if lacking and not lent:
            score = min(score, DOUBTFUL)
    elif known:
        score = max(score, 0.9 * min(best, *(_weight(word, seen) + 0.35 for word in known)))
    return score


def _described(asked: Query, clue: Clue, seen: dict[str, float]) -> float:
    """Return how well a label stands in the description where the name says nothing that the page says."""
    if not asked.told:
        return 0.0
    first, every = asked.told[0], asked.all
    best = 0.0
    for label in clue.labels:
        words = frozenset(word for word in label.words if word[0] != "!")
        if words and words <= every and (first.meanings & words or len(words) > 1):
            best = max(best, 0.85 * label.weight)
    heads = [word for word in asked.told if any(meaning[0] not in "=!" for meaning in word.meanings)]
    if not asked.heads and heads and heads[0] is first:  # an unknown name, a description that begins with a known one
        best = max(best, 0.8 * _weight(first, seen))
    return best


def _exactness(asked: Query, clue: Clue) -> float:
    """Return a bonus for a label that says the name and nothing else, a malus for words the property does not have."""
    surest = next((label for label in clue.labels if label.weight >= 0.8 and _meets(label, asked)), None)
    if surest is not None:
        extra = [word for word in surest.words if word[0] == "=" and word not in asked.all and not word[1:].isdigit()]
        lacking = [word for word in asked.name if not word.meanings & surest.words]
        if not extra:
            return (0.0 if lacking or _TELLING & surest.words - asked.marks else _EXACT) * surest.weight
        return -min(_EXTRA * len(extra), _MOST_EXTRA)
    if asked.kind in ("number", "integer") and clue.part is None and not clue.labels:
        extra = [word for word in clue.said if word[0] == "=" and word[1:].isalpha() and len(word) > 4]
        extra = [word for word in extra if word not in asked.all]
        return -min(_EXTRA * len(extra), _MOST_EXTRA)
    if clue.own & asked.all:
        extra = [word for word in clue.own if word[0] == "=" and word not in asked.all]
        return -min(_EXTRA * len(extra), _MOST_EXTRA)
    return 0.0


def _meets(label: Label, asked: Query) -> bool:
    return any(word.meanings & label.words for word in asked.name)


def _otherwise(asked: Query, clue: Clue) -> float:
    """Return how much a sure label or the element's own name says that the value is something else altogether."""
    heads = asked.heads
    if not heads:
        return 0.0
    same = asked.all | _DATES if "date" in heads else asked.all
    for label in clue.labels:
        known = frozenset(word for word in label.words if word[0] not in "=!")
        other = label.words & _TELLING - asked.marks
        if label.weight >= 0.85 and ((known and not known & same) or other):
            return 0.3
        if label.weight >= 0.85 and known - same:
            return 0.1
    known = frozenset(word for word in clue.own if word[0] not in "=!")
    return 0.15 if known and not known & same else 0.0


def _marks(asked: Query, clue: Clue, seen: dict[str, float]) -> float:
    """Return what marks add and take: those asked for that are there or lack, those there that nobody asked for."""
    score = 0.0
    for alternatives in asked.asked:
        heard = max(seen.get(mark, 0.0) for mark in alternatives)
        if heard >= LOUD:
            score += 0.25 * heard
        else:
            score -= 0.1 if alternatives <= _MILD and "date" not in asked.kind else 0.5
    strict = frozenset().union(*asked.asked)
    for mark in asked.marks - strict:  # the description's: they may be there
        score += 0.15 * seen[mark] if mark in seen else -0.1
    for mark, weight in seen.items():
        if mark[0] == "!" and mark not in asked.marks and weight >= LOUD and not (asked.literal and mark in clue.said):
            score -= weight * (0.2 if mark in _MILD else 0.4 if mark in _HALF else 0.55)
    if clue.struck and "!old" not in asked.marks:
        score -= 0.2
    for pair in _OPPOSITE:
        for mark, against in (pair, pair[::-1]):
            contrary = mark in asked.marks and against not in asked.marks and mark not in seen
            score -= 0.5 * (contrary and seen.get(against, 0.0) >= 0.5)
    return score


def _with_more(clue: Clue) -> bool:
    """Return whether a text goes on with small print or another line, so that its first part is the better answer."""
    element = clue.element
    if not (element.text or "").strip():
        return False
    last = element[-1] if len(element) else None
    aside = last is not None and last.tag == "span" and not clue.heading and any(map(str.isdigit, last.text or ""))
    return aside or any(child.tag in ("small", "br", "font") for child in element)
