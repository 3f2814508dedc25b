"""Days in text, read only where there is one day and one way to read it. Pure; the names of months are CLDR's (Babel).

A day needs its year: "24 November" is no date, because the year would be a guess. `3/4/2026` is settled by the
language (a region of `en` decides between day and month first), else not at all.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from functools import lru_cache

_ISO = re.compile(r"(?<!\d)(\d{4})-(\d{1,2})-(\d{1,2})(?!\d)")
_EAST = re.compile(r"(\d{4})\s?[年년]\s?(\d{1,2})\s?[月월]\s?(\d{1,2})\s?[日일]?")
_YEAR_FIRST = re.compile(r"(?<!\d)(\d{4})[./](\d{1,2})[./](\d{1,2})(?!\d)")
_NUMERIC = re.compile(r"(?<![\d.,/])(\d{1,2})\s?([./-])\s?(\d{1,2})\s?\2\s?(\d{4}|\d{2})(?![\d/-])")
_DAY_FIRST_NAMED = re.compile(
    r"(?<!\d)(\d{1,2})(?:st|nd|rd|th|er|º|ª|°|\.|:e)?\s*(?:de |of |d’|d')?([^\W\d_]{3,})\.?,?\s*(?:de |del )?(\d{4})"
)
_MONTH_FIRST_NAMED = re.compile(r"([^\W\d_]{3,})\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})")
_MONTH_FIRST = ("en", "en-us", "en-ph", "fil")
_ALWAYS = ("en", "de", "fr", "es", "it", "nl", "pt", "pl", "sv", "tr", "da", "nb", "fi", "cs")


def read(text: str, *, language: str | None = None) -> date | None:
    """Return the one day that `text` names, or None if it names none or several.

    `language` is a tag such as `en-GB`.
    """
    found = days(text, language=language)
    return found[0] if len(set(found)) == 1 else None


def days(text: str, *, language: str | None = None) -> list[date]:
    """Return the days that `text` (its first 400 characters) names, in order of their forms."""
    text = unicodedata.normalize("NFKC", text[:400])
    found: list[date] = []
    for pattern in (_ISO, _EAST, _YEAR_FIRST):
        found += _kept((int(m[1]), int(m[2]), int(m[3])) for m in pattern.finditer(text))
    for match in _NUMERIC.finditer(text):
        found += _numeric(match, (language or "").casefold())
    for match in _DAY_FIRST_NAMED.finditer(text):
        found += _named(match[3], match[2], match[1], language)
    for match in _MONTH_FIRST_NAMED.finditer(text):
        found += _named(match[3], match[1], match[2], language)
    return found


def _numeric(match: re.Match[str], language: str) -> list[date]:
    one, other, year = int(match[1]), int(match[3]), int(match[4])
    year += 2000 if year < 100 else 0
    day_first, month_first = _kept([(year, other, one)]), _kept([(year, one, other)])
    if match[2] == "." or not day_first or not month_first or one == other:
        return day_first if match[2] == "." else day_first or month_first
    if not language:
        return []
    return month_first if language in _MONTH_FIRST else day_first


def _named(year: str, name: str, day: str, language: str | None) -> list[date]:
    month = _months((language or "en").partition("-")[0].casefold()).get(_folded(name))
    return _kept([(int(year), month, int(day))]) if month else []


def _kept(parts: object) -> list[date]:
    found = []
    for year, month, day in parts:  # type: ignore[attr-defined]  # an iterable of triples
        try:
            found.append(date(year, month, day))
        except ValueError:
            continue  # 31 February, or no date at all
    return [day for day in found if 1900 <= day.year <= 2200]


@lru_cache(maxsize=32)
def _months(language: str) -> dict[str, int]:
    """Return months by their names, long and short, in a language and in English and its neighbours."""
    from babel import Locale, UnknownLocaleError

    names: dict[str, int] = {}
    for tongue in dict.fromkeys((*_ALWAYS[::-1], language)):
        try:
            months = Locale(tongue).months
        except (UnknownLocaleError, ValueError):
            continue  # a language that CLDR does not know has no names of months
        for form in ("stand-alone", "format"):
            for width in ("abbreviated", "wide"):
                for number, name in months.get(form, {}).get(width, {}).items():
                    names[_folded(name)] = int(number)
                    if len(name) >= 5:
                        names[_folded(name)[:3]] = names.get(_folded(name)[:3], int(number))
    return names


def _folded(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "".join(character for character in plain if character.isalpha())
