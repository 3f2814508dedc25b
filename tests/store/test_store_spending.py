"""The ceiling in dollars: counted from committed rows with their steps, by whoever would begin a run."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from monitor.store.history import STEPS
from monitor.store.records import Begun, Refused, StartLimits
from monitor.store.store import Store
from tests.store.scenes import NOW, OWNER, at, begin, completed, failed, finish, good, make_run

DAY = NOW.replace(hour=0, minute=0, second=0, microsecond=0)


def limits(usd: float | None, price: float = 0.25) -> StartLimits:
    return StartLimits(None, None, DAY, None, usd_in_all=usd, usd_per_step=price)


def tried(store: Store, usd: float | None, minutes: float = 60) -> Begun | Refused:
    run = make_run(minutes, watch=f"w{minutes}")
    answer = store.begin_run(run, goal="g", generation="g1", owner=OWNER, now=at(minutes), limits=limits(usd))
    assert isinstance(answer, (Begun, Refused))
    return answer


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(str(tmp_path / "monitor.db"))


def spend(store: Store, steps: int | None, minutes: float = 0, **changes: object) -> None:
    run = begin(store, make_run(minutes, watch=f"s{minutes}"), now=at(minutes))
    finish(store, run, good(run), outcome=completed(**({"steps": steps} | changes)), now=at(minutes))


def test_the_run_that_would_begin_above_the_ceiling_is_refused(store: Store) -> None:
    spend(store, 7)
    assert isinstance(tried(store, 1.76), Begun)
    refused = tried(store, 1.75, 61)
    assert isinstance(refused, Refused)
    assert (refused.code, refused.whole) == ("CEILING", True)
    assert refused.reason.startswith("about $2.50 of $1.75 a day of all watches are spent since 2026-11-21T00:00:00Z")


def test_without_a_ceiling_nothing_is_refused(store: Store) -> None:
    spend(store, 10_000)
    assert isinstance(tried(store, None), Begun)


def test_steps_that_are_not_known_count_as_usual_unless_the_api_never_had_the_run(store: Store) -> None:
    begin(store, make_run(0))  # it goes on
    assert store.steps_since(DAY) == STEPS
    spend(store, None, 1)  # the API took it and says nothing
    assert store.steps_since(DAY) == 2 * STEPS
    run = begin(store, make_run(2, watch="never"))
    finish(store, run, good(run), outcome=failed(run_id=None, steps=None))
    assert store.steps_since(DAY) == 2 * STEPS


def test_a_day_is_of_utc_and_a_new_one_begins_at_nothing(store: Store) -> None:
    spend(store, 100)
    assert store.steps_since(DAY) == 100
    assert store.steps_since(datetime(2026, 11, 22, tzinfo=NOW.tzinfo)) == 0


def test_what_was_spent_is_summed_without_walking_the_history(store: Store) -> None:
    """The ceiling is counted at each start: from the index of opened runs."""
    with store._database.read() as connection:
        query = "EXPLAIN QUERY PLAN SELECT sum(steps) FROM runs WHERE opened_at >= 1"
        plan = " ".join(row[3] for row in connection.exec_driver_sql(query))
    assert "COVERING INDEX runs_opened" in plan
