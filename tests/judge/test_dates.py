"""Dates and times in text, to RFC 3339: what is read, in which locale, and what is refused with which words."""

# ruff: noqa: E501 - tables of literal expectations

from __future__ import annotations

from datetime import date

import pytest
from babel import Locale
from babel.dates import format_date
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator

from monitor.judge.values import locales
from monitor.judge.values.dates import FORMATS, read
from monitor.judge.values.numbers import Refusal


def value(text: str, form: str = "date", locale: str | None = None, zone: str | None = None) -> str:
    """Return the text as RFC 3339, or the sentence that says why it is not read."""
    found = read(text, form, locale, zone)
    return found.why if isinstance(found, Refusal) else found


@pytest.mark.parametrize(
    ("text", "locale", "day"),
    [
        ("2026-11-21", None, "2026-11-21"), ("2026/11/21", None, "2026-11-21"), ("2026.11.21", None, "2026-11-21"),
        ("2026-1-2", None, "2026-01-02"), (" 2026-11-21 ", None, "2026-11-21"),
        ("21 November 2026", None, "2026-11-21"), ("21st November 2026", None, "2026-11-21"), ("21 Nov 2026", None, "2026-11-21"),
        ("21-Nov-2026", None, "2026-11-21"), ("November 21, 2026", None, "2026-11-21"), ("Nov 21 2026", None, "2026-11-21"),
        ("Nov. 21, 2026", None, "2026-11-21"), ("NOVEMBER 21, 2026", None, "2026-11-21"), ("the 21 Nov 2026", None, ""),
        ("3 Sept 2026", None, "2026-09-03"), ("21 of November 2026", None, "2026-11-21"),
        ("Saturday, 21 November 2026", None, "2026-11-21"), ("Sat 21 Nov 2026", None, "2026-11-21"), ("Sat, Nov 21, 2026", None, "2026-11-21"),
        ("2026 November 21", None, "2026-11-21"), ("2026年11月21日", None, "2026-11-21"), ("2026년 11월 21일", None, "2026-11-21"),
        ("21/11/2026", None, "2026-11-21"), ("11/21/2026", None, "2026-11-21"), ("11/11/2026", None, "2026-11-11"),
        ("12/11/2026", "en-US", "2026-12-11"), ("12/11/2026", "en-GB", "2026-11-12"), ("12.11.2026", "de", "2026-11-12"),
        ("12-11-2026", "nl", "2026-11-12"), ("3.4.2026", "de", "2026-04-03"), ("12/11/2026", "fr", "2026-11-12"),
        ("21. November 2026", "de", "2026-11-21"), ("Samstag, 21. November 2026", "de", "2026-11-21"), ("3. März 2026", "de", "2026-03-03"),
        ("1er janvier 2026", "fr", "2026-01-01"), ("14 févr. 2026", "fr", "2026-02-14"), ("sam. 21 nov. 2026", "fr", "2026-11-21"),
        ("21 de noviembre de 2026", "es", "2026-11-21"), ("21 de novembro de 2026", "pt-BR", "2026-11-21"),
        ("21 novembre 2026", "it", "2026-11-21"), ("21 ноября 2026", "ru", "2026-11-21"), ("2026. november 21.", "hu", "2026-11-21"),
        ("21 listopada 2026", "pl", "2026-11-21"), ("٢١ نوفمبر ٢٠٢٦", "ar-EG", "2026-11-21"), ("21 Kasım 2026", "tr", "2026-11-21"),
        ("21 November 2026", "de", "2026-11-21"), ("21 May 2026", "fr", "2026-05-21"),
        ("2026-11-21T00:00:00Z", None, "2026-11-21"), ("2026-11-21 00:00", None, "2026-11-21"),
        ("2024-02-29", None, "2024-02-29"), ("29 Feb 2024", None, "2024-02-29"),
    ],
)  # fmt: skip
def test_a_date_is_read(text: str, locale: str | None, day: str) -> None:
    assert value(text, locale=locale) == day or not day


@pytest.mark.parametrize(
    ("text", "locale", "why"),
    [
        ("12/11/2026", None, "as day and month or as month and day"), ("3.4.2026", None, "as day and month or as month and day"),
        ("12/11/2026", "xx", "as day and month or as month and day"), ("12/11/2026", "ja", "as day and month or as month and day"),
        ("21/11/2026", "en-US", "does not exist"), ("31 February 2026", None, "does not exist"), ("29 Feb 2026", None, "does not exist"),
        ("2026-13-01", None, ""), ("2026/13/01", None, "does not exist"), ("0 May 2026", None, "does not exist"),
        ("21/11/26", None, "two digits"), ("21.11.26", "de", "two digits"), ("21 Nov 26", None, "not a date in a form"),
        ("21 Nov '26", None, "not a date in a form"), ("November 2026", None, "not a date in a form"), ("2026", None, "not a date in a form"),
        ("21 November", None, "not a date in a form"), ("20261121", None, "not a date in a form"),
        ("today", None, "not a date in a form"), ("yesterday", None, "not a date in a form"), ("in 3 days", None, "not a date in a form"),
        ("3 days ago", None, "not a date in a form"), ("next Friday", None, "not a date in a form"), ("", None, "not a date in a form"),
        ("on 21 November 2026", None, "not a date in a form"), ("21 November 2026 (new)", None, "not a date in a form"),
        ("21 - 23 November 2026", None, "not a date in a form"), ("2026-11-21/2026-11-23", None, "not a date in a form"),
        ("21. März 2026", None, "no month in English"), ("21 Foo 2026", "de", "no month in de or English"),
        ("Sunday, 21 November 2026", None, "weekday"), ("2026-11-21T23:00:00Z", None, "not a date in a form"),
        ("2026-11-21T00:00:00+01:00", None, "not a date in a form"),
        ("21 พฤศจิกายน 2569", "th", "outside"), ("21 May 1405", "fa", "outside"), ("x" * 81, None, "is text"),
    ],
)  # fmt: skip
def test_a_text_that_is_no_certain_date_says_why(text: str, locale: str | None, why: str) -> None:
    assert why in value(text, locale=locale)


@pytest.mark.parametrize(
    ("text", "locale", "zone", "instant"),
    [
        ("2026-11-21T18:00:00Z", None, None, "2026-11-21T18:00:00Z"), ("2026-11-21t18:00:00z", None, None, "2026-11-21t18:00:00z"),
        ("2026-11-21T18:00:00.123456789Z", None, None, "2026-11-21T18:00:00.123456789Z"),
        ("2026-11-21 18:00:00Z", None, None, "2026-11-21T18:00:00Z"), ("2026-11-21T18:00Z", None, None, "2026-11-21T18:00:00Z"),
        ("2026-11-21T18:00:00+0100", None, None, "2026-11-21T18:00:00+01:00"), ("2026-11-21 18:00 UTC", None, None, "2026-11-21T18:00:00Z"),
        ("2026-11-21 18:00:00.5 +01", None, None, "2026-11-21T18:00:00.500000+01:00"),
        ("2026-11-21 18:00 UTC-5", None, None, "2026-11-21T18:00:00-05:00"),
        ("2026-11-21T18:00:00", None, "UTC", "2026-11-21T18:00:00Z"),
        ("2026-11-21T18:00:00", None, "Europe/Berlin", "2026-11-21T18:00:00+01:00"),
        ("2026-07-21 18:00", None, "Europe/Berlin", "2026-07-21T18:00:00+02:00"),
        ("2026-11-21T18:00:00-05:00", None, "Europe/Berlin", "2026-11-21T18:00:00-05:00"),
        ("21 November 2026, 18:00", None, "UTC", "2026-11-21T18:00:00Z"), ("Nov 21, 2026 at 6:05 pm", None, "UTC", "2026-11-21T18:05:00Z"),
        ("Nov 21, 2026 12:00 a.m.", None, "UTC", "2026-11-21T00:00:00Z"), ("Nov 21, 2026 12:00 PM", None, "UTC", "2026-11-21T12:00:00Z"),
        ("21.11.2026 um 18:00 Uhr", "de", "Europe/Berlin", "2026-11-21T18:00:00+01:00"),
        ("Samstag, 21. November 2026, 18:00 Uhr", "de", "Europe/Berlin", "2026-11-21T18:00:00+01:00"),
        ("21 novembre 2026 à 18:00", "fr", "Europe/Paris", "2026-11-21T18:00:00+01:00"),
    ],
)  # fmt: skip
def test_a_date_time_is_read(text: str, locale: str | None, zone: str | None, instant: str) -> None:
    assert value(text, "date-time", locale, zone) == instant
    assert Draft202012Validator({"format": "date-time"}, validate_formats=True).is_valid(instant)


@pytest.mark.parametrize(
    ("text", "zone", "why"),
    [
        ("2026-11-21T18:00:00", None, "no offset from UTC"), ("2026-11-21 18:00", "Mars/Base", "no offset from UTC"),
        ("2026-11-21", "UTC", "no time is invented"), ("21/11/26", "UTC", "two digits"), ("18:00", "UTC", "not a date-time"),
        ("2026-03-29 02:30", "Europe/Berlin", "twice or not at all"), ("2026-10-25 02:30", "Europe/Berlin", "twice or not at all"),
        ("2026-11-21 18:00 CET", None, "not a date-time in a form"), ("2026-11-21 13:00 pm", "UTC", "am and pm"),
        ("2026-11-21 24:00", "UTC", "does not exist"), ("2026-11-21 18:61", "UTC", "does not exist"),
        ("2026-11-21 18:00 +25:00", None, "offset that does not exist"), ("2026-11-2118:00", "UTC", "not a date-time"),
        ("1883-01-01 12:00", "Europe/Berlin", "not of whole minutes"), ("2 hours ago", "UTC", "not a date"),
        ("2026-11-21 18:00 - 19:00", "UTC", "not a date-time in a form"),
    ],
)  # fmt: skip
def test_a_text_that_is_no_certain_instant_says_why(text: str, zone: str | None, why: str) -> None:
    assert why in value(text, "date-time", None, zone)


@pytest.mark.parametrize(
    ("text", "zone", "clock"),
    [
        ("18:00:00Z", None, "18:00:00Z"), ("18:00Z", None, "18:00:00Z"), ("18:00 UTC", None, "18:00:00Z"), ("6:30 pm +01:00", None, "18:30:00+01:00"),
        ("18:00", "UTC", "18:00:00Z"), ("18:00", None, "no offset"), ("18:00", "Europe/Berlin", "no offset"), ("noon", "UTC", "is not a time"),
        ("18", "UTC", "is not a time"),
    ],
)  # fmt: skip
def test_a_time_of_day_has_an_offset_of_its_own_or_utc(text: str, zone: str | None, clock: str) -> None:
    assert clock in value(text, "time", None, zone)


TAGS = [
    "en",
    "de",
    "fr",
    "es",
    "it",
    "nl",
    "pt-BR",
    "pl",
    "ru",
    "sv",
    "da",
    "fi",
    "tr",
    "en-GB",
    "cs",
    "uk",
    "ro",
    "el",
    "nb",
    "hr",
]


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(TAGS), st.dates(date(1900, 1, 1), date(2399, 12, 31)))
def test_what_babel_writes_with_a_month_in_words_is_never_read_as_another_day(tag: str, day: date) -> None:
    locale = Locale.parse(tag, sep="-")
    for form in ("long", "medium", "d MMMM y", "d LLLL y"):
        text = format_date(day, form, locale=locale)
        found = read(text, "date", tag)
        assert found == day.isoformat() or (isinstance(found, Refusal) and form in {"long", "medium"}), text


@settings(deadline=None, max_examples=300)
@given(
    st.text(max_size=30) | st.text("0123456789-/.: TZapm+NovDe", max_size=22),
    st.sampled_from(sorted(FORMATS)),
    st.sampled_from([None, "de", "en-US", "xx"]),
    st.sampled_from([None, "UTC", "Europe/Berlin"]),
)
def test_reading_never_raises_gives_valid_text_and_the_same_again(
    text: str, form: str, locale: str | None, zone: str | None
) -> None:
    found = read(text, form, locale, zone)
    if not isinstance(found, Refusal):
        assert read(found, form, locale, zone) == found
        valid = Draft202012Validator({"format": form}, validate_formats=True).is_valid
        assert valid(found) or found == text


def test_a_zone_is_known_by_its_name_only() -> None:
    assert locales.zone("Europe/Berlin")
    assert not any(map(locales.zone, ("Mars/Base", "", "../etc/passwd", "/etc/localtime", "Europe", "x" * 99, 3, None)))


def test_dotted_dates_and_orders_are_cldrs() -> None:
    assert [locales.order(tag) for tag in ("de", "en-US", "ja", "xx", None)] == ["dMy", "Mdy", "yMd", None, None]
    assert locales.months("de")["märz"] == 3
    assert locales.weekdays(None)["tues"] == 1
