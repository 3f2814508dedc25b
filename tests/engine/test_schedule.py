"""When watches are due, by APScheduler on a driven clock; and the arithmetic of what is overdue."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.clock import WallClock
from monitor.engine.schedule import CATCH_UP, MOST_MISSED, Schedule, next_due, offset, overdue, runs_a_month
from monitor.watch.cron import occurrences
from monitor.watch.model import Watch
from tests.conftest import make_watch
from tests.engine.conftest import until

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


class Heard:
    """A schedule and everything that it handed over."""

    def __init__(self, clock: WallClock) -> None:
        self.due: list[tuple[str, datetime]] = []
        self.missed: list[tuple[str, datetime, str]] = []
        self.schedule = Schedule(clock, self._due, self._missed)

    def _due(self, watch: Watch, instant: datetime) -> None:
        self.due.append((watch.name, instant))

    def _missed(self, watch: Watch, instants: Sequence[datetime], code: str, reason: str) -> None:
        assert reason
        self.missed += [(watch.name, instant, code) for instant in instants]

    def of(self, name: str) -> list[datetime]:
        return sorted([at for who, at in self.due if who == name] + [at for who, at, _ in self.missed if who == name])


def minutes(count: int, start: datetime = NOW) -> list[datetime]:
    return [start + timedelta(minutes=number + 1) for number in range(count)]


# --- APScheduler and the clock


@pytest.mark.anyio
async def test_every_instant_of_a_driven_clock_is_handed_over_once_and_in_order() -> None:
    clock = WallClock(200, NOW)
    heard = Heard(clock)
    watches = [make_watch(name=name, cron="* * * * *") for name in ("a", "b", "c")]
    start = clock.now()
    heard.schedule.add(watches, start)
    async with heard.schedule:
        await until(lambda: all(len(heard.of(watch.name)) >= 8 for watch in watches))
    for watch in watches:
        found = heard.of(watch.name)
        assert found == list(dict.fromkeys(found))
        assert found == next_due(watch, start, len(found))
        on_time = [at for name, at in heard.due if name == watch.name]
        assert on_time == sorted(on_time)


@pytest.mark.anyio
async def test_a_list_of_expressions_fires_at_each_of_their_instants_once() -> None:
    clock = WallClock(400, NOW)
    heard = Heard(clock)
    watch = make_watch(cron=["*/2 * * * *", "*/3 * * * *", "CRON_TZ=Asia/Kathmandu 0 * * * *"])
    start = clock.now()
    heard.schedule.add([watch], start)
    async with heard.schedule:
        await until(lambda: len(heard.of(watch.name)) >= 12)
    found = heard.of(watch.name)
    assert found == next_due(watch, start, len(found))


@pytest.mark.anyio
async def test_there_is_one_job_per_schedule_and_offset_and_not_per_watch() -> None:
    schedule = Heard(WallClock(1.0)).schedule
    watches = [make_watch(name=f"w{number}", cron=cron) for number in range(200) for cron in ("0 * * * *",)]
    schedule.add(watches, NOW)
    schedule.add([make_watch(name="other", cron="5 * * * *"), make_watch(name="there", timezone="Asia/Tokyo")], NOW)
    assert len(schedule._scheduler.get_jobs()) == 15 + 2


@pytest.mark.anyio
async def test_nothing_fires_before_it_is_due_nor_after_the_schedule_closed() -> None:
    clock = WallClock(300, NOW)
    heard = Heard(clock)
    early: list[float] = []
    watch = make_watch(cron="* * * * *")
    heard.schedule._due = lambda watch, at: early.append((clock.now() - at - offset(watch)).total_seconds())
    heard.schedule.add([watch], clock.now())
    async with heard.schedule:
        await until(lambda: len(early) >= 5)
    count = len(early)
    await asyncio.sleep(0.5)
    assert len(early) == count
    assert min(early) >= -0.5


@pytest.mark.anyio
async def test_what_was_slept_through_is_missed_but_for_the_newest() -> None:
    """D5: what was slept through is missed but for the newest."""
    clock = WallClock(1.0)
    heard = Heard(clock)
    watch = make_watch(cron="0 * * * *")
    now = clock.now()
    heard.schedule.add([watch], now - timedelta(hours=5))
    async with heard.schedule:
        await until(lambda: heard.due)
    assert len(heard.due) == 1
    assert {code for _, _, code in heard.missed} == {"LATE"}
    assert len(heard.missed) in {3, 4}
    assert heard.of(watch.name) == [at for at in next_due(watch, now - timedelta(hours=5), 6) if at <= now]


@pytest.mark.anyio
async def test_after_more_than_a_day_nothing_is_run_late() -> None:
    """D4: after more than a day nothing is run late."""
    clock = WallClock(1.0)
    heard = Heard(clock)
    two_days_ago = clock.now() - timedelta(days=2)
    watch = make_watch(cron=f"{two_days_ago.minute} {two_days_ago.hour} {two_days_ago.day} * *")
    heard.schedule.add([watch], clock.now() - timedelta(days=3))
    async with heard.schedule:
        await until(lambda: heard.missed)
    assert (len(heard.missed), heard.due) == (1, [])


@pytest.mark.anyio
async def test_a_suspension_of_two_days_is_one_run() -> None:
    """D5: 1,440 minutes a day are more than are recorded; what runs is the newest all the same, and only once."""
    clock = WallClock(1.0)
    heard = Heard(clock)
    watch = make_watch(cron="* * * * *")
    heard.schedule.add([watch], clock.now() - timedelta(days=2))
    async with heard.schedule:
        await until(lambda: heard.due)
        await asyncio.sleep(0.1)
    assert len(heard.due) == 1
    assert len(heard.missed) == MOST_MISSED - 1
    assert heard.due[0][1] > heard.missed[-1][1]


@pytest.mark.anyio
async def test_the_schedule_says_when_its_loop_stands_still() -> None:
    class Stopped(WallClock):
        ahead = 0.0

        def monotonic(self) -> float:
            return super().monotonic() + self.ahead

    clock = Stopped(2.0, NOW)
    schedule = Heard(clock).schedule
    assert not schedule.stalled
    clock.ahead = 179
    assert not schedule.stalled
    clock.ahead = 181
    assert schedule.stalled


def test_a_schedule_reads_no_time_but_the_clock_it_is_given() -> None:
    """A clock that begins in another year hands over the instants of that year."""

    async def main() -> list[datetime]:
        origin = datetime.now(UTC)
        clock = WallClock(500, origin)
        clock._start_wall = datetime(2031, 5, 1, tzinfo=UTC)
        clock.wall = lambda instant: origin + (instant - clock._start_wall) / clock.speed  # type: ignore[method-assign]
        clock.at = lambda wall: clock._start_wall + (wall - origin) * clock.speed  # type: ignore[method-assign]
        heard = Heard(clock)
        heard.schedule.add([make_watch(cron="* * * * *")], clock.now())
        async with heard.schedule:
            await until(lambda: len(heard.of("espresso-machine")) >= 3)
        return heard.of("espresso-machine")

    assert asyncio.run(main())[:2] == minutes(2, datetime(2031, 5, 1, tzinfo=UTC))


# --- offsets


def test_offsets_are_the_same_for_the_same_name_and_spread_over_the_window() -> None:
    """D6: offsets are the same for the same name and spread over the window."""
    watches = [make_watch(name=f"watch-{number}") for number in range(500)]
    found = {watch.name: offset(watch) for watch in watches}
    assert found == {watch.name: offset(watch) for watch in watches}
    assert {delay.total_seconds() for delay in found.values()} == set(range(15))
    counts = [list(found.values()).count(timedelta(seconds=number)) for number in range(15)]
    assert max(counts) < 3 * min(counts)
    assert offset(make_watch(jitter="0s")) == timedelta(0)
    assert offset(make_watch(name="watch-1", jitter="10m")) > timedelta(seconds=15)


# --- what is overdue


def test_nothing_is_overdue_before_the_next_instant() -> None:
    watch = make_watch(cron="0 * * * *")
    assert overdue(watch, NOW, NOW) == (None, [])
    assert overdue(watch, NOW, NOW + timedelta(minutes=59)) == (None, [])
    assert overdue(watch, NOW + timedelta(hours=3), NOW) == (None, [])  # the clock was set back


def test_the_newest_is_caught_up_and_the_others_are_missed() -> None:
    """D4: the newest is caught up and the others are missed."""
    watch = make_watch(cron="0 * * * *")
    newest, others = overdue(watch, NOW, NOW + timedelta(hours=3))
    assert newest == NOW + timedelta(hours=3)
    assert others == [NOW + timedelta(hours=1), NOW + timedelta(hours=2)]


def test_an_occurrence_of_more_than_a_day_ago_is_missed_and_not_forgotten() -> None:
    """D4: an occurrence of more than a day ago is missed and not forgotten."""
    weekly = make_watch(cron="0 12 * * 1")
    last = NOW - timedelta(days=21)
    newest, others = overdue(weekly, last, NOW)
    assert newest is None
    assert others == next_due(weekly, last, 3)


def test_years_of_downtime_cost_no_seconds() -> None:
    newest, others = overdue(make_watch(cron="* * * * *"), datetime.min.replace(tzinfo=UTC), NOW)
    assert newest == NOW
    assert others == [NOW - timedelta(minutes=number) for number in range(MOST_MISSED - 1, 0, -1)]


@settings(deadline=None, max_examples=60)
@given(
    cron=st.sampled_from(["* * * * *", "*/7 * * * *", "0 3 * * *", "30 2 * * 0", "0 0 1 * *"]),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
    hours=st.integers(0, 400),
    gap=st.integers(0, 60 * 15),
)
def test_overdue_instants_are_those_of_the_cron_expression(cron: str, zone: str, hours: int, gap: int) -> None:
    watch = make_watch(cron=cron, timezone=zone)
    last = datetime(2026, 3, 20, tzinfo=UTC) + timedelta(hours=hours)
    now = last + timedelta(minutes=gap)
    expected: list[datetime] = []
    for instant in occurrences([cron], zone, last):
        if instant > now:
            break
        expected.append(instant)
    newest, others = overdue(watch, last, now)
    found = [*others, *([newest] if newest else [])]
    assert found == expected[-MOST_MISSED:]
    assert (newest is None) == (not expected or now - expected[-1] > CATCH_UP)


# --- counts


@pytest.mark.parametrize(
    ("fields", "low", "high"),
    [
        ({"cron": "* * * * *"}, 43_200, 43_200),
        ({"cron": "*/30 * * * *"}, 1_440, 1_440),
        ({"cron": "0 0 * * *"}, 30, 30),
        ({"cron": "* 9-16 * * 1-5"}, 9_600, 10_800),
        ({"cron": "0 0 29 2 *"}, 0, 0),
        ({"cron": ["0 * * * *", "30 * * * *", "0 * * * *"]}, 1_440, 1_440),
        ({"cron": "* 0 1 * *", "timezone": "Europe/Berlin"}, 60, 60),
    ],
)
def test_the_runs_of_a_month_are_about_right(fields: dict[str, Any], low: int, high: int) -> None:
    assert low <= runs_a_month(make_watch(**fields), NOW) <= high


@pytest.mark.parametrize(
    ("day", "cron", "count"),
    [
        ("2026-03-29", "30 2 * * *", 1),  # the hour that does not exist: once, right after
        ("2026-10-25", "30 2 * * *", 1),  # the hour that comes twice: once
        ("2026-03-29", "0 * * * *", 23),
        ("2026-10-25", "0 * * * *", 25),
        ("2026-03-29", "0 0 * * *", 1),
        ("2026-03-30", "0 0 * * *", 1),  # APScheduler's own cron loses this one
    ],
)
def test_days_of_a_change_of_the_clocks_have_their_occurrences(day: str, cron: str, count: int) -> None:
    """D2: days of a change of the clocks have their occurrences."""
    from zoneinfo import ZoneInfo

    zone = ZoneInfo("Europe/Berlin")
    begin = datetime.fromisoformat(day).replace(tzinfo=zone)
    end = (begin + timedelta(days=1)).astimezone(UTC)
    watch = make_watch(cron=cron, timezone="Europe/Berlin")
    newest, others = overdue(watch, begin.astimezone(UTC) - timedelta(seconds=1), end - timedelta(seconds=1))
    assert len(others) + (newest is not None) == count
