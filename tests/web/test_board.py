"""The overview as data: filters, sorting, pages, states, and occurrences that are computed once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.engine.agenda import Dues
from monitor.store.views.series import Spark
from monitor.store.views.spending import Spent
from monitor.store.views.standings import Standing
from monitor.watch.model import Watch
from monitor.web.board import PER_PAGE, SORTS, STATES, Board, Facts, Query, board, dressed, named, state_of
from tests.conftest import make_watch

NOW = datetime(2026, 11, 21, 12, 10, tzinfo=UTC)


def watches(count: int = 3, **changes: object) -> dict[str, Watch]:
    names = [f"w{number:03d}" for number in range(count)]
    return {name: make_watch(name=name, **changes) for name in names}


def shown(query: Query, defined: dict[str, Watch] | None = None, **facts: object) -> Board:
    given_ = Facts(**{"standings": {}, **facts})  # type: ignore[arg-type]  # the fields of Facts
    return board(watches() if defined is None else defined, given_, query, NOW, Dues())


def test_an_address_that_makes_no_sense_asks_for_everything() -> None:
    assert Query.of({"state": "x", "sort": "y", "page": "-3", "tag": ""}) == Query()
    assert Query.of({"page": "9" * 50}).page == 1
    assert Query.of({"page": "0"}).page == 1
    assert len(Query.of({"q": "a" * 9_999}).text) == 200


@pytest.mark.parametrize(
    ("changes", "standing", "state"),
    [
        ({"enabled": False}, Standing("w", paused=True, last_verdict="FAILED"), "disabled"),
        ({}, Standing("w", paused=True, last_verdict="FAILED"), "paused"),
        ({}, Standing("w", last_verdict="INVALID"), "failing"),
        ({}, Standing("w", last_verdict="UNCHANGED", failing_since=NOW), "failing"),
        ({}, Standing("w"), "new"),
        ({}, Standing("w", last_verdict="CHANGED"), "fine"),
    ],
)
def test_one_word_says_how_a_watch_is(changes: dict[str, bool], standing: Standing, state: str) -> None:
    assert state_of(make_watch(**changes), standing) == state


def test_filters_narrow_and_the_counts_stay_of_all() -> None:
    defined = watches(4) | {"shoe": make_watch(name="shoe", tags=["feet"], url="https://boots.example/x")}
    standings = {"w001": Standing("w001", last_verdict="FAILED")}
    assert named(shown(Query(state="failing"), defined, standings=standings).rows) == ("w001",)
    assert named(shown(Query(tag="feet"), defined).rows) == ("shoe",)
    assert named(shown(Query(text="BOOTS x"), defined).rows) == ("shoe",)
    found = shown(Query(text="no such"), defined, standings=standings)
    assert (found.rows, found.found, found.total, found.states["failing"], found.tags) == ((), 0, 5, 1, ("feet",))


def test_each_order_puts_the_right_watch_first() -> None:
    defined = watches(3) | {"soon": make_watch(name="soon", cron="11 12 * * *")}
    standings = {
        "w001": Standing("w001", last_verdict="FAILED", failing_since=NOW, last_run_at=NOW - timedelta(hours=1)),
        "w002": Standing("w002", last_verdict="UNCHANGED", last_run_at=NOW),
    }
    facts = {"standings": standings, "spent": {"w002": Spent(1, 9)}, "changes": {"w001": 7}}
    first = {sort: shown(Query(sort=sort), defined, **facts).rows[0].watch.name for sort in SORTS}
    assert first == {
        "attention": "w001",
        "name": "soon",
        "last": "w002",
        "due": "soon",
        "failing": "w001",
        "spent": "w002",
        "noise": "w001",
    }


@given(st.integers(0, 170), st.integers(1, 9), st.sampled_from(SORTS))
@settings(deadline=None, max_examples=25)
def test_the_pages_of_any_order_hold_every_watch_once(count: int, page: int, sort: str) -> None:
    defined = watches(count)
    query = Query(sort=sort, page=page)  # type: ignore[arg-type]  # one of SORTS
    one = shown(query, defined)
    assert one.query.page == min(page, one.pages)
    pages = [shown(Query(sort=query.sort, page=number), defined).rows for number in range(1, one.pages + 1)]
    assert all(len(rows) <= PER_PAGE for rows in pages)
    assert sorted(row.watch.name for rows in pages for row in rows) == sorted(defined)


def test_an_occurrence_is_computed_again_only_once_it_has_passed() -> None:
    dues, watch = Dues(), make_watch(cron="*/30 * * * *")
    first = dues.next(watch, NOW)
    assert first == datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
    assert dues.next(make_watch(name="other", cron="*/30 * * * *"), NOW + timedelta(minutes=5)) == first
    assert first is not None
    assert dues.next(watch, first) == first + timedelta(minutes=30)
    assert dues.next(watch, NOW) == first, "a clock that was put back"
    assert dues.next(make_watch(enabled=False), NOW) is None


def test_a_row_as_json_has_what_the_page_shows() -> None:
    found = shown(Query())
    dressed_rows = dressed(found.rows, {"w000": Spark(("BASELINE", "CHANGED"), (1.0, 2.5))}, {"w000": Spent(3, 9)})
    row = dressed_rows[0].as_json()
    assert (row["name"], row["state"], row["value"], row["runs_today"], row["steps_today"]) == (
        "w000",
        "new",
        2.5,
        3,
        9,
    )
    assert row["next_due"] == "2026-11-21T12:30:00Z"
    assert "value" not in dressed_rows[1].as_json()
    assert set(shown(Query()).as_json()["states"]) == set(STATES)
