"""D7: a failing watch slows down, but never disappears from its schedule."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.engine import backoff
from monitor.engine.daemon import Daemon
from tests.conftest import make_watch
from tests.engine.conftest import Rows, opened, until
from tests.engine.test_daemon import daemon_of, driven
from tests.scripted_api import ScriptedApi

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def runs_of(occurrences: int, gap: timedelta) -> list[int]:
    """Which of so many occurrences run while each run fails, by the rule alone."""
    ran, failures, left_out, last = [], 0, 0, None
    for number in range(occurrences):
        due = NOW + number * gap
        if backoff.held_back(failures, left_out, last, due) is None:
            ran.append(number)
            failures, left_out, last = failures + 1, 0, due
        else:
            left_out += 1
    return ran


def test_after_five_failures_every_2nd_4th_and_8th_occurrence_runs() -> None:
    """D7: the first five run, then the gaps grow to eight and stay there."""
    assert runs_of(50, timedelta(minutes=5)) == [0, 1, 2, 3, 4, 6, 10, 18, 26, 34, 42]


def test_at_least_one_runs_a_day() -> None:
    """D7: a daily watch that fails still runs every day, an eight-hourly one every day."""
    assert runs_of(30, timedelta(days=1)) == list(range(30))
    gaps = runs_of(60, timedelta(hours=8))
    assert max(after - before for before, after in itertools.pairwise(gaps)) == 3


@pytest.mark.anyio
async def test_a_failing_watch_is_left_out_with_its_reason_and_back_after_one_good_run(state: Path, rows: Rows) -> None:
    """D7: SKIPPED BACKOFF records in between; one good result, and every occurrence runs again."""
    clock = driven()
    watch = make_watch(cron="* * * * *")
    async with ScriptedApi() as api, opened(state, api, clock) as desk, daemon_of(desk, watch) as daemon:
        for _ in range(5):
            api.next_run(error={"code": "SITE_BLOCKED", "message": "no"})
        for number in range(8):
            await _occurs(daemon, NOW + timedelta(minutes=number))
        assert [code for _verdict, code in rows.records] == [*["SITE"] * 5, "BACKOFF", None, None]
        assert api.posts == 7


async def _occurs(daemon: Daemon, instant: datetime) -> None:
    """Let one occurrence come due and wait until it has its record."""
    (watch,) = daemon.watches.values()
    before = len(daemon.desk.store.history(watch.name, limit=100))
    await daemon._start(watch, instant)
    await until(lambda: len(daemon.desk.store.history(watch.name, limit=100)) > before)
    await until(lambda: not daemon.dispatcher.held())
