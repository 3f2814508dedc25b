"""Cron expressions: cron(5)'s meaning against a slow oracle, Debian's rule for summer time, and clear refusals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.files import zones
from monitor.watch import cron

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "expression",
    [
        "* * * * *",
        "*/30 7-22 * * *",
        "0 9 * * 7",
        "0 9 * * 0-7",
        "0 9 * * mon,WED",
        "0 9 * * sun-7",
        "0 9 13 * 5",
        "0 0 29 2 *",
        "0 0 31 1,3,5 *",
        "0 0 30 2 1",
        "1-5/2,10,20-30 * * * *",
        "  0\t9 * * *  ",
        "@hourly",
        "@midnight",
        "@annually",
        "CRON_TZ=Europe/Berlin 0 9 * * *",
        "CRON_TZ=Europe/Berlin @daily",
        "00 09 01 * *",
    ],
)
def test_cron_5_is_accepted(expression: str) -> None:
    """D1: cron 5 is accepted."""
    cron.check(expression)
    assert next(cron.occurrences([expression], "UTC", START)) > START


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("", "five fields (minute, hour, day of month, month, day of week), here are 0"),
        ("* * * *", "here are 4"),
        ("0 * * * * *", "here are 6; seconds and years are not supported"),
        ("* * * * * * *", "here are 7; seconds"),
        ("* * * * * * * *", "here are 8"),
        ("60 * * * *", "minute (column 1): 60 is out of range, 0 to 59"),
        ("* 24 * * *", "hour (column 3): 24 is out of range, 0 to 23"),
        ("* * 0 * *", "day of month (column 5): 0 is out of range, 1 to 31"),
        ("* * * 13 *", "month (column 7): 13 is out of range"),
        ("* * * * 8", "day of week (column 9): 8 is out of range, 0 to 7"),
        ("00007 * * * *", "out of range"),
        ("1," + "9" * 99 + " * * * *", "minute (column 3): 999999 is out of range"),
        ("*/0 * * * *", "a step of 0 does not fit: write 1 to 59"),
        ("*/90 * * * *", "a step of 90 does not fit"),
        ("* * * * */8", "a step of 8 does not fit: write 1 to 7"),
        ("*/00001 * * * *", "does not fit"),
        ("5/10 * * * *", "a step needs a range: write 5-59/10"),
        ("0 0 * * mon/2", "a step needs a range: write mon-6/2"),
        ("5-1 * * * *", "5-1 runs backwards: write 5-59,0-1"),
        ("0 22-6/2 * * *", "hour (column 3): 22-6 runs backwards: write 22-23,0-6"),
        ("0 9 * * fri-mon", "fri-mon runs backwards: write fri,sat,sun,mon"),
        ("0 9 * * 5-1", "5-1 runs backwards: write 5,6,0,1"),
        ("0 9 * * sat-sun", "write sat,sun"),
        ("0 9 * * 7-3", "write 0,1,2,3"),
        ("0 9 * nov-feb *", "write nov-dec,jan-feb"),
        ("0 9 * 11-2 *", "write 11-12,1-2"),
        ("0 0 31 2 *", "never fires"),
        ("0 0 31 4,6,9,11 *", "never fires"),
        ("0 0 30 2 */2", "never fires"),
        ("@reboot", "names no time"),
        ("@every 5m", '"@every" is not supported'),
        ("@dayly", 'did you mean "@daily"?'),
        ("@Daily", 'did you mean "@daily"?'),
        ("@xyzzy", "use @hourly"),
        ("? * * * *", 'write "*"'),
        ("* * ? * *", 'day of month (column 5): write "*"'),
        ("R * * * *", "random times"),
        ("H/5 * * * *", "random times"),
        ("0~30 * * * *", "random times"),
        ("0 0 L * *", '"L" (last)'),
        ("0 0 LW * *", '"L" (last)'),
        ("0 0 15W * *", '"W" (nearest working day)'),
        ("0 0 * * 5L", '"L" (last)'),
        ("0 0 * * 5#2", "n-th weekday"),
        ("0 0 * * monday", 'did you mean "mon"?'),
        ("0 0 * * montag", 'did you mean "mon"?'),
        ("0 0 * * xyz", "use sun, mon"),
        ("0 0 * january *", 'did you mean "jan"?'),
        ("mon * * * *", "minute (column 1): 'mon' is not a number"),
        ("1,,2 * * * *", "minute (column 3): an entry is missing"),
        (",1 * * * *", "minute (column 1): an entry is missing"),
        ("*-5 * * * *", "cannot be read"),
        ("1-2-3 * * * *", "cannot be read"),
        ("-5 * * * *", "cannot be read"),
        ("٣ * * * *", "column 1: a cron expression is written in plain ASCII"),
        ("0 9 * *\n*", "on one line"),
        ("* " * 5_000, "at most 200 characters"),
        ("CRON_TZ=Mars/X 0 9 * * *", "not in the time zone database"),
        ("CRON_TZ= 0 9 * * *", "IANA name"),
        ("TZ=UTC 0 9 * * *", "only CRON_TZ=Zone"),
        ("0 9 * * * CRON_TZ=UTC", "here are 6"),
    ],
)
def test_anything_else_is_refused_with_the_field_and_a_suggestion(expression: str, words: str) -> None:
    """D1: anything else is refused with the field and a suggestion."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the words are compared below
        cron.check(expression)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError):  # noqa: PT011 - the same refusal
        next(cron.occurrences([expression], "UTC", START))


def test_a_suggested_expression_is_accepted() -> None:
    for expression in ("5-59,0-1 * * * *", "0 9 * * fri,sat,sun,mon", "0 9 * nov-dec,jan-feb *", "5-59/10 * * * *"):
        cron.check(expression)


# The oracle: cron(5) read word by word, one minute after the other.
def _set(field: str, low: int, high: int, names: str = "") -> set[int]:
    found: set[int] = set()
    for term in field.split(","):
        base, _, step = term.partition("/")
        for number, name in enumerate(names.split(), low):
            base = base.replace(name, str(number))
        first, _, last = base.partition("-")
        start, end = (low, high) if base == "*" else (int(first), int(last or first))
        found |= set(range(start, end + 1, int(step or 1)))
    return found


def _due(expression: str) -> Callable[[datetime], bool]:
    fields = expression.split()
    minutes, hours, days = _set(fields[0], 0, 59), _set(fields[1], 0, 23), _set(fields[2], 1, 31)
    months = _set(fields[3], 1, 12, "jan feb mar apr may jun jul aug sep oct nov dec")
    weekdays = {day % 7 for day in _set(fields[4], 0, 7, "sun mon tue wed thu fri sat")}
    either = not fields[2].startswith("*") and not fields[4].startswith("*")

    def due(at: datetime) -> bool:
        day, weekday = at.day in days, at.isoweekday() % 7 in weekdays
        whole_day = (day or weekday) if either else (day and weekday)
        return whole_day and at.minute in minutes and at.hour in hours and at.month in months

    return due


def _entries(low: int, high: int) -> st.SearchStrategy[str]:
    bounds = st.tuples(st.integers(low, high), st.integers(low, high)).map(sorted)
    term = st.one_of(
        st.just("*"),
        st.integers(1, high).map(lambda step: f"*/{step}"),
        st.integers(low, high).map(str),
        bounds.map(lambda pair: f"{pair[0]}-{pair[1]}"),
        st.tuples(bounds, st.integers(1, high)).map(lambda both: f"{both[0][0]}-{both[0][1]}/{both[1]}"),
    )
    return st.lists(term, min_size=1, max_size=2).map(",".join)


EXPRESSIONS = st.tuples(_entries(0, 59), _entries(0, 23), _entries(1, 31), _entries(1, 12), _entries(0, 7)).map(
    " ".join
)


@given(EXPRESSIONS, st.integers(0, 300))
@settings(deadline=None, max_examples=80)
def test_the_occurrences_in_utc_are_those_of_the_oracle(expression: str, day: int) -> None:
    """D1: the occurrences in utc are those of the oracle."""
    try:
        cron.check(expression)
    except ValueError as problem:
        assert "never fires" in str(problem)  # noqa: PT017 - any other refusal of such an expression is a defect
        return
    after = START + timedelta(days=day, minutes=day)
    end = after + timedelta(days=4)
    due = _due(expression)
    expected = [minute for number in range(1, 4 * 1440 + 1) if due(minute := after + timedelta(minutes=number))]
    found = []
    for instant in cron.occurrences([expression], "UTC", after):
        if instant > end:
            break
        found.append(instant)
    assert found == expected


ZONES = sorted(zones.known())


@given(
    st.lists(
        st.one_of(EXPRESSIONS, st.sampled_from(["@hourly", "@daily", "*/7 * * * *", "30 2 * * *", "0 0,1,2,3 * * *"])),
        min_size=1,
        max_size=3,
    ),
    st.sampled_from(ZONES),
    st.integers(0, 3_000_000).map(lambda minutes: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)),
)
@settings(deadline=None, max_examples=150)
def test_instants_strictly_increase_in_every_zone(expressions: list[str], zone: str, after: datetime) -> None:
    """D2: instants strictly increase in every zone."""
    try:
        for expression in expressions:
            cron.check(expression)
    except ValueError:
        return
    last = after
    for instant in islice(cron.occurrences(expressions, zone, last), 30):
        assert instant.tzinfo is UTC
        assert instant > last
        assert (instant.second, instant.microsecond) == (0, 0)
        last = instant


@pytest.mark.parametrize(
    ("expression", "first"),
    [("5-5/2 * * * *", "01 00:05"), ("0 0 * * sat-6/3", "03 00:00"), ("0 3-3/1 * * *", "01 03:00")],
)
def test_a_range_of_one_value_with_a_step_is_that_value(expression: str, first: str) -> None:
    """D1: a range of one value with a step is that value."""
    found = list(islice(_from([expression], "UTC", START), 3))
    assert found[0] == first
    assert found[0].split()[1].split(":")[1] == found[1].split()[1].split(":")[1] == found[2].split()[1].split(":")[1]


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "America/Santiago"]
)
@pytest.mark.parametrize("expression", ["0 0 * * *", "30 2 * * *", "15 1 * * *"])
def test_a_daily_time_comes_exactly_once_each_local_day(zone: str, expression: str) -> None:
    """D2: a daily time comes exactly once each local day."""
    where = ZoneInfo(zone)
    found = islice(cron.occurrences([expression], zone, datetime(2025, 12, 31, 23, 59, tzinfo=where)), 365)
    days = [instant.astimezone(where).date() for instant in found]
    assert len(set(days)) == len(days) == (days[-1] - days[0]).days + 1


def _from(expressions: list[str], zone: str, after: datetime) -> Iterator[str]:
    for instant in cron.occurrences(expressions, zone, after):
        yield f"{instant:%d %H:%M}"


SPRING = datetime(2026, 3, 29, 0, 0, tzinfo=UTC)  # Berlin: 02:00 becomes 03:00 at 01:00 UTC
AUTUMN = datetime(2026, 10, 24, 23, 0, tzinfo=UTC)  # Berlin: 03:00 becomes 02:00 at 01:00 UTC on the 25th


@pytest.mark.parametrize(
    ("expressions", "after", "expected"),
    [
        (["30 2 * * *"], SPRING, ["29 01:00", "30 00:30"]),
        (["0 2,3 * * *"], SPRING, ["29 01:00", "30 00:00"]),
        (["30 2 * * *", "0 3 * * *"], SPRING, ["29 01:00", "30 00:30", "30 01:00"]),
        (["30 * * * *"], SPRING, ["29 00:30", "29 01:30", "29 02:30"]),
        (["30 2 * * *"], AUTUMN, ["25 00:30", "26 01:30"]),
        (["30 * * * *"], AUTUMN, ["24 23:30", "25 00:30", "25 01:30", "25 02:30"]),
        (["30 2 * * *"], datetime(2026, 10, 25, 1, 15, tzinfo=UTC), ["26 01:30"]),
        (["CRON_TZ=UTC 30 2 * * *"], SPRING, ["29 02:30", "30 02:30"]),
        (["CRON_TZ=America/New_York 0 0 * * *", "@daily"], SPRING, ["29 04:00", "29 22:00", "30 04:00"]),
    ],
)
def test_summer_time_follows_debians_rule(expressions: list[str], after: datetime, expected: list[str]) -> None:
    """D2: summer time follows debians rule."""
    assert list(islice(_from(expressions, "Europe/Berlin", after), len(expected))) == expected


def test_several_expressions_are_merged_and_told_once() -> None:
    found = _from(["0 * * * *", "*/30 * * * *", "CRON_TZ=Europe/Berlin 0 1 * * *"], "UTC", START)
    assert list(islice(found, 4)) == ["01 00:30", "01 01:00", "01 01:30", "01 02:00"]


def test_the_start_itself_is_not_an_occurrence() -> None:
    assert next(_from(["0 0 * * *"], "Etc/UTC", START)) == "02 00:00"
    assert next(_from(["0 0 * * *"], "UTC", START - timedelta(microseconds=1))) == "01 00:00"
    assert next(_from(["0 0 * * *"], "UTC", START + timedelta(microseconds=1))) == "02 00:00"


def test_half_an_hour_put_back_skips_no_occurrence() -> None:
    """Lord Howe, 7 April 2024: 02:00 becomes 01:30; 02:00 comes once and has its occurrence (campaign cron, 2246)."""
    after = datetime(2024, 4, 6, 13, 0, tzinfo=UTC)  # midnight there
    due = [
        instant.astimezone(ZoneInfo("Australia/Lord_Howe")).strftime("%H:%M")
        for instant in islice(cron.occurrences(["0 */2 * * *"], "Australia/Lord_Howe", after), 3)
    ]
    assert due == ["02:00", "04:00", "06:00"]
    minutes = list(islice(cron.occurrences(["* 2 * * *"], "Australia/Lord_Howe", after), 60))
    assert (minutes[-1] - minutes[0]).total_seconds() == 59 * 60
