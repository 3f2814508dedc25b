"""What a locale says of written numbers and dates: CLDR's data through babel, asked only for a locale that was named.

Owns babel. Only its data is used, never its parsers: `babel.numbers.parse_decimal` takes "1,2,3" for 123 in English and
`babel.dates.parse_date` takes the numbers out of any text. Must not know schemas or results.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any
from zoneinfo import ZoneInfo

_TAG = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3}\Z")
_SPACES = "\u00a0\u202f\u2009 "
_APOSTROPHES = "'’"


@dataclass(frozen=True, slots=True)
class Convention:
    """How a locale writes numbers: its decimal sign, and its group signs, where a space stands for every space."""

    locale: str
    decimal: str
    groups: frozenset[str]


def known(tag: object) -> bool:
    """Return whether a tag such as `de` or `pt-BR` names a locale of CLDR."""
    return isinstance(tag, str) and _locale(tag) is not None


def money(amount: float, currency: str, tag: str = "en") -> str:
    """Return an amount as a locale writes it: `€449.00`, `449,00 €`; raises ValueError for an unknown locale."""
    from babel.numbers import format_currency

    locale = _locale(tag)
    if locale is None:
        raise ValueError(f"{tag!r} names no locale")
    return str(format_currency(amount, currency, locale=locale))


def zone(name: object) -> ZoneInfo | None:
    """Return the IANA time zone of a name, or None."""
    if not isinstance(name, str) or len(name) > 64:  # the longest IANA name has 32 characters
        return None
    return _zone(name)


@lru_cache(maxsize=128)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError; a folder's name gives OSError
        return None


@lru_cache(maxsize=128)
def _locale(tag: str) -> Any:
    if not _TAG.match(tag):
        return None
    from babel import Locale, UnknownLocaleError

    try:
        return Locale.parse(tag.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return None


@lru_cache(maxsize=256)
def convention(tag: str, *, money: bool = False) -> Convention | None:
    """Return how a locale writes numbers, or amounts of money; None for a locale that is not known."""
    locale = _locale(tag)
    if locale is None:
        return None
    symbols = locale.number_symbols
    own = symbols.get(locale.default_numbering_system, {})
    latin = symbols.get("latn", {})
    sources = [source for source in (own, latin) if "decimal" in source] or [{"decimal": ".", "group": ","}]
    decimal = _first(sources[0], "currencyDecimal" if money else "decimal", "decimal")
    groups = {_first(source, "currencyGroup" if money else "group", "group") for source in sources}
    groups |= {source["group"] for source in sources}
    return Convention(tag, _plain(decimal), frozenset(map(_plain, groups)) - {_plain(decimal)})


def _first(source: Any, *names: str) -> str:
    return str(next(source[name] for name in names if name in source))


def _plain(sign: str) -> str:
    if sign in _SPACES:
        return " "
    return "'" if sign in _APOSTROPHES else {"٫": ".", "٬": ","}.get(sign, sign)


def language(tag: str | None) -> str:
    """Return the language of a tag, `de` of `de-CH`; the empty text for none."""
    return re.split("[-_]", tag)[0].casefold() if tag else ""


@cache
def _names(tag: str, kind: str) -> dict[str, int]:
    """Return the locale's own words for months (1-12) or weekdays (0 is Monday); a word of two meanings is left out."""
    locale = _locale(tag)
    found: dict[str, int] = {}
    twice: set[str] = set()
    for context in ("format", "stand-alone"):
        for width in ("wide", "abbreviated"):
            for number, name in getattr(locale, kind)[context].get(width, {}).items():
                word = folded(name)
                if found.setdefault(word, number) != number:
                    twice.add(word)
    return {word: number for word, number in found.items() if word not in twice and not word.isdecimal()}


def months(tag: str | None) -> dict[str, int]:
    """Return the words for months: the locale's and the English ones, the locale's own first."""
    return {**_names("en", "months"), "sept": 9, **(_names(tag, "months") if tag and known(tag) else {})}


def weekdays(tag: str | None) -> dict[str, int]:
    """Return the words for weekdays, 0 is Monday: the locale's and the English ones, the locale's own first."""
    english = {**_names("en", "days"), "tues": 1, "thur": 3, "thurs": 3}
    return {**english, **(_names(tag, "days") if tag and known(tag) else {})}


def folded(word: str) -> str:
    """Return a word without case and without the dot of an abbreviation."""
    return unicodedata.normalize("NFC", word).casefold().rstrip(".").strip()


@lru_cache(maxsize=128)
def order(tag: str | None) -> str | None:
    """Return the order of day, month and year in a locale's short dates, such as `dMy`; None without a known locale."""
    locale = _locale(tag) if tag else None
    if locale is None:
        return None
    pattern = locale.date_formats["short"].pattern
    return "".join(sorted((sign for sign in "dMy" if sign in pattern), key=pattern.index))
