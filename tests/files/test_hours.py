"""Quiet hours: across midnight, where clocks change, and never without an end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.files.hours import QuietHours


def quiet(start: str, end: str, zone: str = "Europe/Berlin") -> QuietHours:
    return QuietHours.of(start, end, zone, frozenset({"change"}))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-21 20:59:59", None),
        ("2026-11-21 21:00:00", "2026-11-22 06:00:00"),
        ("2026-11-21 23:30:00", "2026-11-22 06:00:00"),
        ("2026-11-22 05:59:59", "2026-11-22 06:00:00"),
        ("2026-11-22 06:00:00", None),
        ("2026-07-01 20:00:00", "2026-07-02 05:00:00"),  # an hour earlier in summer
    ],
)
def test_hours_span_midnight(now: str, until: str | None) -> None:
    assert quiet("22:00", "07:00").until(utc(now)) == (utc(until) if until else None)


def test_hours_of_one_day_do_not_span_midnight() -> None:
    hours = quiet("12:00", "13:30", "UTC")
    assert hours.until(utc("2026-11-21 12:00")) == utc("2026-11-21 13:30")
    assert hours.until(utc("2026-11-21 11:59")) is None
    assert hours.until(utc("2026-11-21 13:30")) is None


@pytest.mark.parametrize(
    ("start", "end", "now", "until"),
    [
        # 29 March 2026, 02:00 -> 03:00 in Berlin, which is 01:00 UTC.
        ("22:00", "02:30", "2026-03-29 00:30", "2026-03-29 01:00"),
        ("02:30", "07:00", "2026-03-29 00:59", None),
        ("02:30", "07:00", "2026-03-29 01:00", "2026-03-29 05:00"),
        ("02:15", "02:45", "2026-03-29 01:00", None),
        # 25 October 2026, 03:00 -> 02:00: 02:30 is shown at 00:30 and at 01:30 UTC.
        ("22:00", "02:30", "2026-10-25 00:45", "2026-10-25 01:30"),
        ("02:30", "07:00", "2026-10-25 00:30", "2026-10-25 06:00"),
        ("02:30", "07:00", "2026-10-25 01:10", "2026-10-25 06:00"),
    ],
)
def test_a_clock_that_is_changed_neither_skips_nor_repeats_the_hours(
    start: str, end: str, now: str, until: str | None
) -> None:
    assert quiet(start, end).until(utc(now)) == (utc(until) if until else None)


zones = st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kolkata"])
minutes = st.integers(0, 24 * 60 - 1).map(lambda number: f"{number // 60:02}:{number % 60:02}")
instants = st.integers(0, 21 * 366 * 24 * 60).map(
    lambda each: datetime(2009, 1, 1, tzinfo=UTC) + timedelta(minutes=each)
)


@settings(deadline=None, max_examples=300)
@given(minutes, minutes, zones, instants)
def test_hours_always_end_and_their_end_is_not_quiet(start: str, end: str, zone: str, now: datetime) -> None:
    if start == end:
        return
    hours = quiet(start, end, zone)
    until = hours.until(now)
    if until is not None:
        assert now < until <= now + timedelta(hours=49)
        last = until - timedelta(seconds=1)
        assert last < now or hours.until(last) == until


@pytest.mark.parametrize("text", ["7:00", "24:00", "12:60", "noon", "12:30:00", ""])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a time of day"):
        quiet(text, "07:00")


def test_hours_without_an_end_are_refused() -> None:
    with pytest.raises(ValueError, match="the same time"):
        quiet("07:00", "07:00")
