"""Whether a clue can hold a value of a shape, and which: the strict reading of one text for one property. Pure."""

from __future__ import annotations

import re
from typing import Any

from monitor.embedded.extract import dates
from monitor.embedded.extract.clue import Clue
from monitor.embedded.extract.found import MISSING
from monitor.embedded.extract.query import Query
from monitor.embedded.extract.shape import Shape
from monitor.embedded.extract.terms import concepts, sayings, tokens
from monitor.embedded.extract.values import Context, convert, is_currency

MAX_STRING = 160
URIS = ("uri", "url", "uri-reference")
TEXTS = frozenset({None, "run", "part", "rest", "title:", "aria-label:"})
_FOR_TEXT = TEXTS | {"content", "alt", "title", "aria-label"}
_BEST = 10  # the most that a rating is out of
_RANGE = re.compile(r"\d\s?[-–—]\s?\d|\d:\d\d|\d\s(?:bis|to|à|a|al|tot|do|till)\s\d")
_WITHIN = {
    "email": re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    "phone": re.compile(r"(?<![\w/.])[+(]?\d[\d\s()/-]{5,}\d(?!\w)"),
}
_COUNTED = re.compile(r"(?<![\w.,])(\d+(?:[.,]\d+)?)\s?([^\W\d_]+)")
_STARTS = re.compile(r"[-+−]?\s?(?:[^\w\s]|[A-Z]{2,3}\$?|kr)?\s?\d")
_SENTENCE = re.compile(r"[.;!?]\s+[A-ZÀ-Þ]|[;:]\s")
_TIMES = re.compile(r"(\d{1,2}[:.h]\d\d)(?: Uhr)?\s?(?:[-–—]|to|bis|à|a|till|tot|do)\s?(\d{1,2}[:.h]\d\d)(?: Uhr)?\Z")
_HOUR = re.compile(r"(\D{2,20}?)\s(\d{1,2}[:.h]\d\d\D{0,6})\Z")
_HOURS = frozenset({"time", "checkin", "checkout", "departure", "arrival", "openinghours"})
_BOUNDS = frozenset({"!start", "!end", "!low", "!high", "deadline", "availablefrom"})
_TOLD = re.compile(r"(?:\S+\s+){5,}\S+[.!?]\Z")  # a sentence
_PERSONS = frozenset({"author", "lastposter", "seller", "company", "brand", "teacher", "agent", "curator", "organiser"})
_LONG = frozenset({"description"})
_COLONS = (":", "：")


def may_hold(clue: Clue, shape: Shape) -> bool:
    """Return whether a clue is of the kind that can hold such a property: a link for an address, a text for a text."""
    part = clue.part
    if shape.format in URIS:
        return not clue.text.startswith("#") and (part in ("href", "content") or (part == "src" and _is_image(shape)))
    if part in ("href", "src"):
        return False
    if part in ("datetime", "data-timestamp"):
        return shape.format in ("date", "date-time", "time")
    if is_text(shape):
        return part in _FOR_TEXT or (part or "").startswith("data-")
    return bool(clue.text)


def is_text(shape: Shape) -> bool:
    """Return whether a property is a text that may say anything."""
    return shape.kind == "string" and shape.enum is None and shape.format not in URIS and not shape.format


def _is_image(shape: Shape) -> bool:
    return "image" in shape.description.casefold()


def read(clue: Clue, shape: Shape, asked: Query, context: Context) -> Any:
    """Return the value of a clue as the shape declares it, or MISSING where it cannot be meant."""
    if shape.kind in ("number", "integer"):
        return _number(clue, shape, asked, context)
    if is_text(shape):
        return _text(clue, shape, asked, context)
    if shape.kind == "boolean" and clue.element.tag in ("dt", "th", "label"):
        return MISSING  # what is asked, not the answer
    return convert(clue.text, shape, context)


def _number(clue: Clue, shape: Shape, asked: Query, context: Context) -> Any:
    text = clue.text
    if not asked.money and clue.money and clue.part in TEXTS:
        return MISSING
    rated = "rating" in asked.heads and not {"reviews", "votes"} & asked.heads
    if ((asked.money or rated) and re.search(r"\d\s?%", text)) or _RANGE.search(text):
        return MISSING
    if clue.part in ("rest", "part", "run") and not clue.counted:
        return MISSING  # a number somewhere in a sentence
    if {"count", "reviews"} & asked.heads and clue.part is None and not _leads(text):
        return MISSING
    if clue.part == "rest" and not _STARTS.match(text):
        return MISSING
    value = convert(text, shape, context)
    if value is MISSING and not asked.money:
        value = convert(_with_unit(text, asked), shape, context)
    return MISSING if rated and value is not MISSING and value > _BEST else value


def _with_unit(text: str, asked: Query) -> str:
    """Return the one number of several that a word of the property's name follows ("10 lessons, 20 hours")."""
    names = frozenset().union(*(word.meanings for word in asked.name if len(asked.name) > 1))
    found = [part[1] for part in _COUNTED.finditer(text[:80]) if concepts(part[2]) & names]
    return found[0] if len(found) == 1 else ""


def _leads(text: str) -> bool:
    """Return whether a text begins or ends with its number, so that the words about it are about the number."""
    words = text.split()
    return len(words) <= 3 or any(map(str.isdigit, f"{words[0]}{words[-1]}"))


def _text(clue: Clue, shape: Shape, asked: Query, context: Context) -> Any:
    text = clue.text
    if is_currency(context.name, shape):
        return convert(text, shape, context)
    if len(text) > MAX_STRING and not _LONG & asked.heads:
        return MISSING
    if clue.element.tag == "button" and clue.part in ("title", "aria-label"):
        return MISSING  # what it does
    if is_label(clue, asked) or not any(map(str.isalnum, text)) or _is_scrap(clue, asked):
        return MISSING
    if asked.marks & {"!start", "!end"} and (times := _TIMES.match(text)):
        text = times[1 if "!start" in asked.marks else 2]
    if _HOURS & asked.heads and (hour := _HOUR.match(text)) and concepts(hour[1]) <= _BOUNDS:
        text = hour[2]  # "from 15:00"
    if _PERSONS & asked.heads and _TOLD.search(text):
        return MISSING  # what is said about somebody
    if "author" in asked.heads:
        text = _without_by(text)
        if text.casefold() in sayings("by"):
            return MISSING
    if _PERSONS & asked.heads and dates.days(text, language=context.language):
        return MISSING  # who and when in one text
    if "title" in asked.heads and sum(map(str.isalpha, text)) < 0.4 * sum(map(str.isalnum, text)):
        return MISSING  # a date, a number
    for concept, pattern in _WITHIN.items():
        if concept in asked.heads:
            parts = set(pattern.findall(text))
            return convert(parts.pop(), shape, context) if len(parts) == 1 else MISSING
    return convert(text, shape, context)


def _without_by(text: str) -> str:
    """Return a text without the word that names authors ("by", "von", "par") at its beginning."""
    first, _, rest = text.partition(" ")
    return rest.strip() if rest and first.casefold().rstrip(":") in sayings("by") else text


def _is_scrap(clue: Clue, asked: Query) -> bool:
    """Return whether a text is a piece of a sentence, or several sentences, not a value."""
    if _LONG & asked.heads:
        return False
    text = clue.text
    if clue.part in ("run", "part", "rest"):
        whole = " ".join("".join(clue.element.itertext()).split())
        cut = clue.part == "run" and len(whole) > 100 and not any(one.weight >= 0.9 for one in clue.labels)
        return (
            cut
            or (not text[0].isalnum() and text[0] not in '+-−#@$€£¥(„"“')
            or (text[-1] in ":;,–—-" and clue.part != "rest")
        )
    return len(text) > 60 and bool(_SENTENCE.search(text))


def is_label(clue: Clue, asked: Query) -> bool:
    """Return whether a text only names the property ("Seller", "Lieferzeit:") instead of answering it."""
    if clue.text.endswith(_COLONS) or clue.element.tag in ("dt", "th", "label", "button", "summary"):
        return clue.part in (None, "run")
    if clue.part not in (None, "run", "part", "rest") or any(map(str.isdigit, clue.text)):
        return False
    told = tokens(clue.text)
    return bool(told) and all(meanings & (asked.all | asked.marks | asked.named) for meanings in told)
