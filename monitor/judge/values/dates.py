"""Dates and times in text, to RFC 3339, by closed patterns; never by what they might mean and never relative to today.

The patterns are ours and take the whole text; the names of months and weekdays are CLDR's, of the locale that the
schema names (`x-locale`) and English. Measured: arrow finds its pattern anywhere ("12 march 2026 foo"), pendulum is
anchored but takes "12 March 26" for the year 26, babel's parse_date takes numbers out of any text: none is strict.
Day before month or month before day is decided by `x-locale` or by a day above 12 only; years have four digits; no
offset is invented: without one, only `x-timezone` gives it. Must not know schemas or results.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import lru_cache

from monitor.judge.values import locales
from monitor.judge.values.numbers import Refusal

LONGEST = 80
FORMATS = frozenset(("date", "time", "date-time"))
_OLDEST, _NEWEST = 1583, 2399  # Gregorian years; outside them a year of another calendar is more likely (2569, 1405)
_STRICT = {
    "date": re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII),
    "time": re.compile(r"\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)\Z", re.ASCII),
    "date-time": re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)\Z", re.ASCII),
}
_WORD = r"[^\s\d.,;:/()\-]+\.?"  # not \w: it leaves out the vowel signs of Thai and of Indian scripts
_YEAR_FIRST = re.compile(
    r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})\.?|(\d{4})[年년]\s?(\d{1,2})[月월]\s?(\d{1,2})[日일]", re.ASCII
)
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})", re.ASCII)
_DAY_FIRST = re.compile(rf"(\d{{1,2}})(?:st|nd|rd|th|er|\.|º)?[\s-]*(?:de |of )?({_WORD})[\s,-]*(?:de )?(\d{{4}})")
_MONTH_FIRST = re.compile(rf"({_WORD})\s?(\d{{1,2}})(?:st|nd|rd|th)?(?:,\s?|\s)(\d{{4}})")
_YEAR_MONTH = re.compile(rf"(\d{{4}})\.?\s({_WORD})\s(\d{{1,2}})\.?")
_WEEKDAY = re.compile(rf"({_WORD}),?\s+(?=\d|{_WORD}\s?\d)")
_TIME = re.compile(
    r"(\d{1,2}):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?(?:\s?([ap])\.?m\.?)?(?:\s?(?:uhr))?(?:\s?(z|utc|gmt)?([+-]\d{1,2}(?::?\d\d)?)?)",
    re.IGNORECASE | re.ASCII,
)
_JOINTS = {"": "at", "en": "at", "de": "um", "fr": "à", "es": "a las", "it": "alle", "nl": "om", "pt": "às"}


@dataclass(frozen=True, slots=True)
class _Clock:
    hour: time
    offset: timedelta | None


class _NotReadError(Exception):
    """The text is not read; the message is the end of a sentence that began with it."""


@lru_cache(maxsize=4_096)
def read(text: str, form: str, locale: str | None = None, zone: str | None = None) -> str | Refusal:
    """Return a text as RFC 3339 (`form` is date, time or date-time), itself where it is already; or why not.

    `locale` is x-locale, `zone` x-timezone (an IANA name), for times that carry no offset. Never raises.
    """
    if _STRICT[form].match(text):
        return text
    if len(text) > LONGEST:
        return Refusal(f"is text, not a {form}")
    clean = " ".join("".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in _unmarked(text)).split())
    try:
        if form == "date":
            return _date_only(clean, locale).isoformat()
        if form == "time":
            return _printed(_offset_of_time(_clock(clean, form), zone))
        return _instant(clean, locale, zone)
    except _NotReadError as refused:
        return Refusal(str(refused))


def _unmarked(text: str) -> str:
    return unicodedata.normalize("NFC", "".join(c for c in text if unicodedata.category(c) != "Cf")).replace("−", "-")


def _date_only(text: str, locale: str | None) -> date:
    midnight = re.fullmatch(r"(.*\d)[Tt ]00:00(?::00(?:\.0+)?)?Z?", text)
    return _date(midnight[1] if midnight else text, locale)


def _instant(text: str, locale: str | None, zone: str | None) -> str:
    joint = _JOINTS.get(locales.language(locale), "")
    spaced = text.replace(f" {joint} ", " ") if joint else text
    found = re.search(r"\d{1,2}:\d\d", spaced)
    if not found:
        _date(text, locale)
        raise _NotReadError("is a date without a time, and no time is invented")
    day_text, clock_text = spaced[: found.start()], spaced[found.start() :]
    gap = re.search(r"(?:[Tt]|,?\s+|,)\Z", day_text)
    if not gap:
        raise _NotReadError("is not a date-time in a form that is read (write 2026-11-21T18:00:00Z)")
    day, clock = _date(day_text[: gap.start()], locale), _clock(clock_text, "date-time")
    if clock.offset is not None:
        return f"{day.isoformat()}T{_printed(clock)}"
    where = locales.zone(zone)
    if where is None:
        raise _NotReadError("has no offset from UTC, and none is invented: say x-timezone in the schema")
    local = datetime.combine(day, clock.hour, where)
    first, second = local.utcoffset(), local.replace(fold=1).utcoffset()
    if first is None or first != second:
        raise _NotReadError(f"is an hour that {zone} has twice or not at all on that day")
    return f"{day.isoformat()}T{_printed(_Clock(clock.hour, first))}"


def _offset_of_time(clock: _Clock, zone: str | None) -> _Clock:
    if clock.offset is not None:
        return clock
    if zone in {"UTC", "Etc/UTC"}:
        return _Clock(clock.hour, timedelta(0))
    raise _NotReadError("has no offset from UTC, and none is invented: a time of day has one by x-timezone UTC only")


def _printed(clock: _Clock) -> str:
    offset = clock.offset or timedelta(0)
    if offset % timedelta(minutes=1):
        raise _NotReadError("lies in a time zone whose offset is not of whole minutes")
    return clock.hour.replace(tzinfo=UTC if not offset else timezone(offset)).isoformat().replace("+00:00", "Z")


def _clock(text: str, form: str) -> _Clock:
    found = _TIME.fullmatch(text)
    if not found:
        raise _NotReadError(f"is not a {form} in a form that is read")
    hours, minutes, seconds, part, half, utc, offset = found.groups()
    hour = int(hours)
    if half:
        if not 1 <= hour <= 12:  # a clock of twelve hours
            raise _NotReadError("has an hour that a clock with am and pm does not have")
        hour = hour % 12 + (12 if half.lower() == "p" else 0)
    try:
        at = time(hour, int(minutes), int(seconds or 0), int((part or "").ljust(6, "0")))
    except ValueError:
        raise _NotReadError("has an hour, minute or second that does not exist") from None
    return _Clock(at, _offset(offset) if offset else timedelta(0) if utc else None)


def _offset(text: str) -> timedelta:
    digits = text[1:].replace(":", "")
    hours, minutes = (int(digits[:-2]), int(digits[-2:])) if len(digits) > 2 else (int(digits), 0)  # +hmm
    if hours > 14 or minutes > 59:  # the largest offset in use is +14:00
        raise _NotReadError("has an offset that does not exist")
    return (-1 if text[0] == "-" else 1) * timedelta(hours=hours, minutes=minutes)


def _date(text: str, locale: str | None) -> date:
    """Return the date that a text is, with or without its weekday, which must be the right one."""
    found = _WEEKDAY.match(text)
    weekday = locales.weekdays(locale).get(locales.folded(found[1])) if found else None
    if found and weekday is not None:
        day = _bare_date(text[found.end() :], locale)
        if day.weekday() != weekday:
            raise _NotReadError("names a weekday that the date does not fall on")
        return day
    return _bare_date(text, locale)


def _bare_date(text: str, locale: str | None) -> date:
    if found := _YEAR_FIRST.fullmatch(text):
        year, _, month, day = found.groups()[:4] if found[1] else (found[5], "", found[6], found[7])
        return _checked(year, int(month), day)
    if found := _YEAR_LAST.fullmatch(text):
        return _ordered(int(found[1]), int(found[3]), found[4], locale)
    for pattern, (year, month, day) in ((_DAY_FIRST, (3, 2, 1)), (_MONTH_FIRST, (3, 1, 2)), (_YEAR_MONTH, (1, 2, 3))):
        if found := pattern.fullmatch(text):
            return _checked(found[year], _month(found[month], locale), found[day])
    if re.fullmatch(r"\d{1,2}[-/.]\d{1,2}[-/.]\d\d", text):
        raise _NotReadError("has a year of two digits")
    raise _NotReadError("is not a date in a form that is read (write 2026-11-21)")


def _month(word: str, locale: str | None) -> int:
    number = locales.months(locale).get(locales.folded(word))
    if number is None:
        where = f"in {locale} or English" if locale else "in English: say x-locale in the schema for another language"
        raise _NotReadError(f"holds a word that is no month {where}")
    return number


def _ordered(first: int, second: int, year: str, locale: str | None) -> date:
    """Return the date of two numbers and a year: in the locale's order, else where only one order is possible."""
    order = locales.order(locale)
    if order and order.index("d") < order.index("M"):
        return _checked(year, second, str(first))
    if order and order != "yMd":
        return _checked(year, first, str(second))
    if first > 12 or first == second:  # more than there are months: this is the day
        return _checked(year, second, str(first))
    if second > 12:
        return _checked(year, first, str(second))
    raise _NotReadError("can be read as day and month or as month and day: say x-locale in the schema")


def _checked(year: str, month: int, day: str) -> date:
    if not _OLDEST <= int(year) <= _NEWEST:
        raise _NotReadError(f"has a year outside {_OLDEST} to {_NEWEST}, perhaps of another calendar")
    try:
        return date(int(year), month, int(day))
    except ValueError:
        raise _NotReadError("is a date that does not exist") from None
