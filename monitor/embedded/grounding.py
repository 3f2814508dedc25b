"""Whether a value that a model gives stands on the page: numbers by value, text normalised. Pure.

A value that does not stand there is not believed, whoever says it (interface.md: "it never invents a value"). What a
page cannot hold word for word (a boolean, a word of an enum, a date in ISO form) is believed by a quote that does.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

from monitor.embedded.extract.found import MISSING
from monitor.embedded.extract.shape import Shape
from monitor.embedded.extract.values import Context, convert

MAX_NODES = 20_000
_NUMBER = re.compile(r"(?:(?<!\w)[-\u2212]\s?)?\d(?:[\d.,'\u2019\u00a0\u202f ]{0,30}\d)?")
_SEPARATORS = re.compile(r"[.,'\u2019\u00a0\u202f ]")
_SPACES = re.compile(r"[\u00a0\u202f ]+")
_TEMPORAL = frozenset({"date", "date-time", "time", "duration"})
_SAME = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032`\u00b4", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
        **dict.fromkeys("\u00ad\u200b\u200c\u200d\ufeff"),
    }
)
_SCRIPTS_WITHOUT_SPACES = 0x2E80  # from here on letters stand beside letters of another word: no end of a word to see


class Ground:
    """What stands on one page: its texts, with the attributes that a reader may take a value from."""

    def __init__(self, texts: Iterable[str], url: str, language: str | None) -> None:
        pieces = [folded(text) for text in texts]
        self._folded = " ".join(pieces)
        self._numbers = {value for text in pieces for found in _NUMBER.finditer(text) for value in readings(found[0])}
        self._url = url
        self._language = language

    def holds(self, text: str) -> bool:
        """Return whether a text stands on the page as whole words, but for case, white space and kinds of quotes."""
        form = folded(text)
        if not form:
            return False
        before = r"(?<!\w)" if _has_ends(form[0]) else ""
        after = r"(?!\w)" if _has_ends(form[-1]) else ""
        return re.search(f"{before}{re.escape(form)}{after}", self._folded) is not None

    def believed(self, value: Any, shape: Shape, name: str, quote: str | None = None) -> Any:
        """Return `value` as `shape` wants it, as far as it stands on the page, or MISSING.

        `quote` is the passage that is said to hold a scalar. Of an object what does not stand there is null; rows that
        lack a required value are left out.
        """
        quoted = quote if quote and self.holds(quote) else None
        return _Believing(self).read(value, shape, name, quoted)

    def scalar(self, value: Any, shape: Shape, name: str, quote: str | None) -> Any:
        """Return a scalar of this shape that stands on the page or is what the quote says, or MISSING."""
        read = convert(value, shape, Context(name, self._language, self._url, machine=True))
        if read is MISSING:
            return MISSING
        free = shape.kind == "string" and shape.enum is None and shape.format is None
        if quote is not None and not free:
            said = convert(quote, shape, Context(name, self._language, self._url))
            if said is not MISSING:
                return read if said == read else MISSING
        if isinstance(read, bool):
            return read if quote is not None else MISSING
        if isinstance(read, int | float):
            return read if Decimal(str(read)) in self._numbers else MISSING
        if self.holds(str(value)) or (shape.enum is not None and quote is not None):
            return read
        dated = shape.format in _TEMPORAL and quote is not None and _year_and_day(read) <= _whole_numbers(quote)
        return read if dated else MISSING


class _Believing:
    """One walk over a value and its shape; `left` bounds the nodes."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._left = MAX_NODES

    def read(self, value: Any, shape: Shape, name: str, quote: str | None = None) -> Any:
        self._left -= 1
        if value is None or self._left < 0:
            return MISSING
        if shape.kind == "object":
            return self._object(value, shape) if isinstance(value, dict) else MISSING
        if shape.kind == "array":
            return self._list(value, shape.items, name) if isinstance(value, list) and shape.items else MISSING
        return self._ground.scalar(value, shape, name, quote)

    def _list(self, value: list[Any], shape: Shape, name: str) -> Any:
        rows = [self.read(row, shape, name) for row in value]
        if shape.kind != "object" and MISSING in rows:
            return MISSING  # a list with a hole would be told as a change
        return [row for row in rows if row is not MISSING] or MISSING

    def _object(self, value: dict[str, Any], shape: Shape) -> Any:
        read = {name: self.read(value.get(name), child, name) for name, child in shape.properties.items()}
        missing = {name for name, found in read.items() if found is MISSING}
        lacking = {name for name in missing & shape.required if not shape.properties[name].nullable}
        if lacking or missing == read.keys():
            return MISSING
        return {name: None if name in missing else found for name, found in read.items()}


def folded(text: str) -> str:
    """Return a text in the form in which two writings of it are the same."""
    form = unicodedata.normalize("NFKC", text.translate(_SAME)).casefold()
    return " ".join(form.split())


def readings(text: str) -> set[Decimal]:
    """Return the values that a written number may have: its last separator is a decimal mark or parts thousands.

    "1.299,50" is 1299.5, "1.299" is 1299 or 1.299, "449 99" is 44999, 449.99, 449 or 99. A sign in front may be a dash.
    """
    unsigned = text.lstrip("-\u2212 ")
    found = {value for part in {unsigned, *_SPACES.split(unsigned)} for value in _unsigned(part)}
    return found | {-value for value in found} if unsigned != text else found


def _unsigned(text: str) -> set[Decimal]:
    marks = [match.start() for match in _SEPARATORS.finditer(text)]
    forms = {_SEPARATORS.sub("", text)}
    if marks and (text[marks[-1]] in ".," or len(text) - marks[-1] == 3):
        forms.add(f"{_SEPARATORS.sub('', text[: marks[-1]])}.{text[marks[-1] + 1 :]}")
    values = set()
    for form in forms:
        try:
            values.add(Decimal(form))
        except InvalidOperation:
            continue  # digits of another script that are no decimal digits
    return values


def _has_ends(character: str) -> bool:
    return character.isalnum() and ord(character) < _SCRIPTS_WITHOUT_SPACES


def _whole_numbers(text: str) -> set[int]:
    return {int(number) for number in re.findall(r"\d{1,9}", text)[:50]}


def _year_and_day(text: str) -> set[int]:
    """Return the numbers of an ISO date that no way to write it leaves out; of any other text all of its numbers."""
    found = re.match(r"(\d{4})-\d\d-(\d\d)", text)
    return {int(found[1]), int(found[2])} if found else _whole_numbers(text)
