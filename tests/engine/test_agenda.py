"""Coming occurrences: the same instants as the schedule's, with notes where the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from monitor.engine.agenda import coming
from monitor.engine.schedule import next_due, offset
from tests.conftest import make_watch

BACK = "the clock goes back by 1 h at 2026-10-25 03:00 local time"


def notes(timezone: str, cron: str, now: datetime, count: int) -> list[str]:
    watch = make_watch(cron=cron, timezone=timezone)
    return [f"{each.local:%H:%M} {each.note}" for each in coming(watch, now, count) if each.note]


def test_the_instants_are_those_of_the_schedule() -> None:
    watch, now = make_watch(cron="17 */3 * * *", timezone="America/New_York"), datetime(2026, 11, 1, tzinfo=UTC)
    found = coming(watch, now, 40)
    assert [each.due_at for each in found] == next_due(watch, now, 40)
    assert {each.offset for each in found} == {offset(watch)}
    assert coming(make_watch(enabled=False), now, 3) == []


@pytest.mark.parametrize(
    ("timezone", "cron", "now", "expected"),
    [
        pytest.param(
            "Europe/Berlin",
            "30 2 * * *",
            datetime(2026, 3, 27, tzinfo=UTC),
            ["03:00 the clock goes forward by 1 h at 2026-03-29 02:00 local time"],
            id="a time that does not come",
        ),
        pytest.param(
            "Europe/Berlin",
            "*/30 2 * * *",
            datetime(2026, 10, 24, 12, tzinfo=UTC),
            [
                "02:00 this local time comes twice that day: it is the first one",
                "02:30 this local time comes twice that day: it is the first one",
                f"02:00 {BACK}; this local time comes twice that day: it is the second one",
                "02:30 this local time comes twice that day: it is the second one",
            ],
            id="an hour that comes twice",
        ),
        pytest.param(
            "Australia/Lord_Howe",
            "0 12 * * *",
            datetime(2026, 4, 3, 12, tzinfo=UTC),
            ["12:00 the clock goes back by 30 min at 2026-04-05 02:00 local time"],
            id="half an hour",
        ),
        pytest.param("UTC", "0 * * * *", datetime(2026, 3, 28, tzinfo=UTC), [], id="UTC has none"),
    ],
)
def test_a_change_of_the_clocks_is_noted(timezone: str, cron: str, now: datetime, expected: list[str]) -> None:
    assert notes(timezone, cron, now, 4 if cron == "*/30 2 * * *" else 5) == expected


def test_a_weekly_occurrence_tells_of_a_change_since_the_one_before() -> None:
    found = notes("Europe/Berlin", "0 9 * * 3", datetime(2026, 10, 20, tzinfo=UTC), 3)
    assert found == [f"09:00 {BACK}"]
    assert timedelta(0) < offset(make_watch()) + timedelta(seconds=1)
