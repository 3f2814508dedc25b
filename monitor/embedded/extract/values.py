"""Turning what a page says into the type a schema declares, strictly: a value that does not fit is not found. Pure."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from urllib.parse import urljoin

from monitor.embedded.extract import dates, numbers, truth
from monitor.embedded.extract.found import MISSING
from monitor.embedded.extract.shape import Shape
from monitor.embedded.extract.terms import concepts, listed
from monitor.embedded.extract.words import clean, key, words

_MONEY = frozenset({"price", "cost", "fee", "amount", "total", "subtotal", "msrp", "rent", "salary", "fare"})
_MONEY_TERMS = frozenset(listed("money"))
_SCHEMA_ORG = re.compile(r"\A(?:https?://(?:www\.)?schema\.org/)?(\w+)/?\Z")
_AVAILABLE = frozenset({"instock", "limitedavailability", "onlineonly", "instoreonly"})
_UNAVAILABLE = frozenset({"outofstock", "soldout", "discontinued", "backorder", "reserved"})
_DURATION = re.compile(
    r"P(?!\Z)(?:\d+Y)?(?:\d+M)?(?:\d+W)?(?:\d+D)?(?:T(?=\d)(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?\Z"
)
_SYMBOLS = {
    "€": ("EUR",),
    "£": ("GBP",),
    "$": ("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN"),
    "¥": ("JPY", "CNY"),
    "₹": ("INR",),
    "₩": ("KRW",),
    "zł": ("PLN",),
    "kč": ("CZK",),
    "kr": ("SEK", "NOK", "DKK"),
    "₺": ("TRY",),
    "tl": ("TRY",),
    "円": ("JPY",),
    "r$": ("BRL",),
    "us$": ("USD",),
}
_CODES = frozenset(code for codes in _SYMBOLS.values() for code in codes) | {"CHF", "HUF", "RON", "BGN"}


@dataclass(frozen=True, slots=True)
class Context:
    """What reading one value may use.

    The property's name, the page's language and url, and whether a machine wrote the value.
    """

    name: str = ""
    language: str | None = None
    url: str = ""
    machine: bool = False
    dates: str | None = None  # the language by which dates are read, where it is not the page's

    @property
    def money(self) -> bool:
        """Whether the property's name says that it is an amount of money."""
        return bool(_MONEY & set(words(self.name)) or _MONEY_TERMS & concepts(self.name.replace("_", " ")))


def convert(value: Any, shape: Shape, context: Context) -> Any:
    """Return `value` as the scalar that `shape` declares, or MISSING if it does not read as one."""
    if value is None or isinstance(value, (dict, list)):
        return MISSING
    if isinstance(value, str):
        value = clean(value)
        if not value:
            return MISSING
    if shape.enum is not None:
        return _enumerated(value, shape.enum)
    readers = {"number": _number, "integer": _integer, "boolean": _boolean, "string": _string}
    reader = readers.get(shape.kind)
    return reader(value, shape, context) if reader else MISSING


def _number(value: Any, shape: Shape, context: Context) -> Any:
    if isinstance(value, bool):
        return MISSING
    if isinstance(value, (int, float)):
        return value if math.isfinite(value) and abs(value) < 1e15 else MISSING
    if context.machine and re.fullmatch(r"[+-]?\d{1,15}(?:\.\d{1,15})?", value):
        # schema.org wants a decimal point, but shops write 1.299 for a thousand, too: for money, nobody can tell.
        return MISSING if context.money and re.search(r"\.\d{3}\Z", value) else _json_number(Decimal(value))
    language = shape.locale or context.language
    number = numbers.read(value, language=language, money=context.money)
    if number is None:
        number = numbers.read_phrase(value, language=language, money=context.money)
    return MISSING if number is None or abs(number) >= Decimal(10) ** 15 else _json_number(number)


def is_currency(name: str, shape: Shape) -> bool:
    """Return whether a property asks for a currency by its code, not for an amount in it."""
    named = "currency" in concepts(name.replace("_", " ")) and shape.kind == "string"
    return named and "title" not in concepts(shape.description)


def currency_of(value: str, language: str | None) -> Any:
    """Return the code of the one currency that `value` is or bears, or MISSING.

    `$` is settled by the region of the page.
    """
    if re.fullmatch(r"[A-Z]{3}", value):
        return value
    codes = {code for code in re.findall(r"(?<![A-Za-z])([A-Z]{3})(?![A-Za-z])", value) if code in _CODES}
    folded = value.casefold()
    for sign, meant in _SYMBOLS.items():
        if sign in folded and (not sign.isalpha() or re.search(rf"(?<![^\W\d_]){sign}(?![^\W\d_])", folded)):
            region = (language or "").rpartition("-")[2].upper()[:2]
            own = [code for code in meant if code.startswith(region)] if region and len(meant) > 1 else []
            codes.update(own[:1] or (meant if len(meant) == 1 else ()))
            if sign in ("r$", "us$"):
                return meant[0]
    return codes.pop() if len(codes) == 1 else MISSING


def _json_number(number: Decimal) -> int | float:
    return int(number) if number == number.to_integral_value() and number.as_tuple().exponent == 0 else float(number)


def _integer(value: Any, shape: Shape, context: Context) -> Any:
    number = _number(value, shape, context)
    if number is MISSING or number != int(number):
        return MISSING
    return int(number)


def _boolean(value: Any, _shape: Shape, context: Context) -> Any:
    if isinstance(value, bool):
        return value
    if not isinstance(value, str) or len(value) > 80:
        return MISSING
    named = _SCHEMA_ORG.match(value)
    word = named[1].casefold() if named else ""
    about = concepts(context.name.replace("_", " "))
    if word in _AVAILABLE | _UNAVAILABLE:
        return (word in _AVAILABLE) != ("soldout" in about)
    told = truth.told(value, about)
    return MISSING if told is None else told


def _enumerated(value: Any, enum: tuple[Any, ...]) -> Any:
    for member in enum:
        if type(member) is type(value) and member == value:
            return member
    if not isinstance(value, str):
        return MISSING
    folded = _folded(value)
    matching = [member for member in enum if isinstance(member, str) and _folded(member) == folded]
    if not matching:
        codes = _SYMBOLS.get(value.casefold(), ())
        matching = [member for member in enum if member in codes]
    if not matching and len(value) <= 120:
        return _named_member(value, enum)
    return matching[0] if len(matching) == 1 else MISSING


def _named_member(value: str, enum: tuple[Any, ...]) -> Any:
    """Return the one member whose words the text holds; of members within one another the longest."""
    text = f" {key(value)} "
    named = [member for member in enum if isinstance(member, str) and key(member) and f" {key(member)} " in text]
    longest = [member for member in named if not any(member != other and key(member) in key(other) for other in named)]
    return longest[0] if len(longest) == 1 else MISSING


def _folded(text: str) -> str:
    """Bring a word of a list to one form: `https://schema.org/InStock`, `In stock` and `in_stock` are the same."""
    named = _SCHEMA_ORG.match(text)
    kept = [character for character in (named[1] if named else text).casefold() if character.isalnum()]
    return "".join(kept) or text.casefold()


def _string(value: Any, shape: Shape, context: Context) -> Any:
    if isinstance(value, bool):
        return MISSING
    if isinstance(value, (int, float)):
        return str(value) if math.isfinite(value) else MISSING
    if shape.format in ("date", "date-time", "time", "duration"):
        found = _temporal(value, shape.format)
        if found is MISSING and shape.format == "date":
            day = dates.read(value, language=shape.locale or context.language or context.dates)
            return day.isoformat() if day else MISSING
        return found
    if is_currency(context.name, shape):
        return currency_of(value, context.language)
    if shape.format in ("uri", "url", "uri-reference"):
        joined = urljoin(context.url, value) if " " not in value else ""
        return joined if joined.startswith(("http://", "https://")) else MISSING
    named = re.match(r"\Ahttps?://schema\.org/(\w+)\Z", value)
    return named[1] if named else value


def _temporal(value: str, form: str) -> Any:
    """Return a date or time in ISO 8601, or MISSING; nothing is guessed from other ways to write it."""
    if form == "duration":
        return value if _DURATION.match(value) else MISSING
    try:
        if form == "date":
            return date.fromisoformat(value[:10]).isoformat() if value[10:11] in ("", "T", " ") else MISSING
        if form == "time":
            time.fromisoformat(value)
            return value
        moment = datetime.fromisoformat(value)
    except ValueError:
        return MISSING
    return value if moment.tzinfo is not None and "T" in value else MISSING
