"""The read side: each query over records as runs leave them, its bounds, and the index it must use."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from monitor.agent.outcome import Code
from monitor.errors import StoreCorrupt
from monitor.judge.decision import Change, Decision, Verdict, WatchState
from monitor.store.columns import pack
from monitor.store.records import NewDelivery
from monitor.store.store import Store
from monitor.store.tables import NEWS
from monitor.store.views import bounds, incidents, listings, messages, series, spending, standings
from monitor.watch.run import Run
from tests.store.scenes import NOW, at, bad, begin, completed, failed, good, make_run


def run(
    store: Store, minutes: float, verdict: Verdict = Verdict.UNCHANGED, watch: str = "espresso", **more: Any
) -> Run:
    """Make a run and judge it: the baseline first, then whatever is asked for."""
    one = begin(store, make_run(minutes, watch), now=at(minutes))
    if verdict.bad:
        outcome, decision = failed(Code.SITE), bad(one, store.state_of(watch))
    else:
        result = more.pop("result", {"price": 499.0})
        outcome = completed(result)
        before = store.state_of(watch)
        decision = good(one, verdict, result)
        if verdict not in {Verdict.BASELINE, Verdict.CHANGED}:
            state = WatchState("g1", before.baseline, 0, None, at(minutes))
            decision = Decision(verdict, "as told", state, result=result)
    if "changes" in more:
        decision = Decision(**{**_fields(decision), "changes": more["changes"]})
    store.commit(one, outcome, decision, more.get("told", ()), now=at(minutes))
    return one


def _fields(decision: Decision) -> dict[str, Any]:
    return {name: getattr(decision, name) for name in decision.__slots__}


def plan_of(store: Store, statement: str) -> str:
    """How SQLite would answer a statement."""
    return str(store.view(lambda connection: connection.execute(text(f"EXPLAIN QUERY PLAN {statement}")).all()))


def test_a_capped_value_is_read_or_called_too_large_and_never_unpacked_whole() -> None:
    small, bomb = pack({"a": 1}), pack("x" * 2_000_000)
    assert bounds.unpacked(small, 100) == ({"a": 1}, 7)
    assert bounds.unpacked(None, 100) == (None, 0)
    assert len(bomb) < 20_000
    assert bounds.unpacked(bomb, 1_000) == (bounds.TOO_LARGE, 1_000)
    assert repr(bounds.TOO_LARGE) == "TOO_LARGE"
    for damaged in (b"xnot zlib", b"{", b"\xff"):
        with pytest.raises(StoreCorrupt):
            bounds.unpacked(damaged, 100)


def test_where_each_watch_stands(store: Store) -> None:
    run(store, 0, Verdict.BASELINE)
    run(store, 1, Verdict.FAILED)
    store.pause_watch("quiet", None, at(2))
    store.pause_watch("over", at(3), at(2))
    found = store.view(standings.standings, at(10))
    assert set(found) == {"espresso", "quiet"}
    one = found["espresso"]
    assert (one.last_verdict, one.failures, one.failing_code) == ("FAILED", 1, "SITE")
    assert one.failing_since == NOW
    assert found["quiet"].paused
    assert found["quiet"].as_json()["paused_until"] is None
    assert set(store.view(standings.standings, at(10), "quiet")) == {"quiet"}
    assert store.view(standings.standings, at(10), "nobody") == {}


def test_changes_are_counted_by_watch_since_an_instant(store: Store) -> None:
    run(store, 0, Verdict.BASELINE)
    run(store, 1, Verdict.CHANGED)
    run(store, 61, Verdict.CHANGED)
    run(store, 62, Verdict.BASELINE, "other")
    run(store, 63, Verdict.CHANGED, "other")
    assert store.view(standings.changes_by_watch, at(60)) == {"espresso": 1, "other": 1}


def prices(result: Any) -> dict[str, float]:
    return {"/price": float(result["price"])} if isinstance(result, dict) and "price" in result else {}


def test_a_series_has_every_run_and_the_numbers_of_the_good_ones(store: Store) -> None:
    run(store, 0, Verdict.BASELINE, result={"price": 5})
    run(store, 1, Verdict.FAILED)
    run(store, 2, result={"price": 7})
    run(store, 3, result={"title": "no number"})
    run(store, 4, result={"price": 9, "filler": [str(number) for number in range(40_000)]})
    found = store.view(series.series, "espresso", prices, at(-1))
    assert found.paths == ("/price",)
    assert found.values("/price") == [5.0, None, 7.0, None, None], "what is too large counts as no number"
    assert [point.verdict for point in found.points][:2] == ["BASELINE", "FAILED"]
    assert found.as_json()["values"] == {"/price": [5.0, None, 7.0, None, None]}
    cut = store.view(series.series, "espresso", prices, at(-1), 2)
    assert (len(cut.points), cut.cut) == (2, True)
    assert store.view(series.series, "espresso", prices, at(2)).points[0].verdict == "UNCHANGED"


def test_a_series_stops_reading_when_it_has_read_enough(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for minute in range(4):
        run(store, minute, Verdict.BASELINE if minute == 0 else Verdict.UNCHANGED, result={"price": minute})
    monkeypatch.setattr(series, "MOST_BYTES", 12)
    found = store.view(series.series, "espresso", prices, at(-1))
    assert found.cut
    assert len(found.points) < 4
    drawn = store.view(series.sparks, {"espresso": prices})["espresso"]
    assert len(drawn.verdicts) == 4
    assert None in drawn.values


def test_small_drawings_of_several_watches(store: Store) -> None:
    run(store, 0, Verdict.BASELINE, result={"price": 5})
    run(store, 1, Verdict.FAILED)
    found = store.view(series.sparks, {"espresso": prices, "nobody": prices})
    assert (found["espresso"].values, found["espresso"].value) == ((5.0, None), 5.0)
    assert found["nobody"].verdicts == ()
    assert store.view(series.sparks, {"espresso": None})["espresso"].values == (None, None)


def test_lists_of_records_go_on_from_a_cursor(store: Store) -> None:
    ids = [run(store, minute, Verdict.BASELINE if minute == 0 else Verdict.CHANGED).id for minute in range(5)]
    first = store.view(listings.of_watch, "espresso", ["CHANGED"], None, 3)
    assert [entry.run for entry in first.entries] == [ids[4], ids[3], ids[2]]
    second = store.view(listings.of_watch, "espresso", ["CHANGED"], first.next, 3)
    assert ([entry.run for entry in second.entries], second.next) == ([ids[1]], None)
    assert len(store.view(listings.of_watch, "espresso").entries) == 5
    assert first.as_json()["next"] == ids[2]
    assert first.entries[0].changes[0]["path"] == "/price"


def test_a_row_shows_few_changes_and_says_how_many_more(store: Store) -> None:
    run(store, 0, Verdict.BASELINE)
    many = tuple(Change(f"/n{number}", "added", after=number) for number in range(25))
    run(store, 1, Verdict.CHANGED, changes=many)
    run(store, 2, Verdict.CHANGED, changes=(Change("/text", "changed", "a" * 100_000, "b"),))
    huge, wide = store.view(listings.of_watch, "espresso", ["CHANGED"]).entries
    assert (len(wide.changes), wide.more) == (20, 5)
    assert (huge.changes, huge.more) == ((), None)


def test_news_are_the_changes_and_failures_of_all_watches(store: Store) -> None:
    run(store, 0, Verdict.BASELINE)
    changed = run(store, 1, Verdict.CHANGED)
    run(store, 2, Verdict.BASELINE, "other")
    broken = run(store, 3, Verdict.FAILED, "other")
    assert [entry.run for entry in store.view(listings.news).entries] == [broken.id, changed.id]
    assert [entry.run for entry in store.view(listings.news, ["CHANGED"]).entries] == [changed.id]
    page = store.view(listings.news, limit=1)
    assert page.next == broken.id
    assert [entry.run for entry in store.view(listings.news, before=page.next, limit=1).entries] == [changed.id]


def test_a_record_knows_its_neighbours_and_what_it_was_compared_with(store: Store) -> None:
    first, second, third = (run(store, 0, Verdict.BASELINE), run(store, 1), run(store, 2, Verdict.CHANGED))
    assert store.view(listings.neighbours, "espresso", second.id) == (first.id, third.id)
    assert store.view(listings.neighbours, "espresso", first.id) == (None, second.id)
    assert store.view(listings.baseline_before, "espresso", third.id) == first.id
    assert store.view(listings.baseline_before, "espresso", first.id) is None


def letters(count: int, target: str = "ops") -> tuple[NewDelivery, ...]:
    return tuple(NewDelivery(f"01JEVENT{target}{number}", target, "change", "title", "body") for number in range(count))


def test_messages_by_state_watch_and_target(store: Store) -> None:
    one = run(store, 0, Verdict.BASELINE, told=(*letters(3), *letters(1, "inbox")))
    store.delivered(1, at(1))
    store.drop_messages([2], at(1))
    store.claim(at(2), 1, "sender")
    assert [len(store.view(messages.listed, state=state).messages) for state in messages.STATES] == [2, 1, 1, 0, 1, 1]
    page = store.view(messages.listed, limit=3)
    assert ([each.id for each in page.messages], page.next) == ([4, 3, 2], 2)
    assert [each.id for each in store.view(messages.listed, before=page.next).messages] == [1]
    assert [each.id for each in store.view(messages.listed, target="inbox", watch="espresso").messages] == [4]
    assert len(store.view(messages.of_run, one.id)) == 4


def test_incidents_that_go_on_and_that_ended(store: Store) -> None:
    run(store, 0, Verdict.BASELINE)
    first = run(store, 10, Verdict.FAILED)
    run(store, 20, Verdict.FAILED)
    over = run(store, 30)
    run(store, 40, Verdict.FAILED)
    (open_,) = store.view(incidents.opened)
    assert (open_.watch, open_.failures, open_.told) == ("espresso", 1, True)
    assert store.view(incidents.opened, "nobody") == []
    (ended,) = store.view(incidents.ended, at(-60))
    assert (ended.first_run, ended.good_run, ended.failures) == (first.id, over.id, 2)
    assert ended.until - ended.since == timedelta(minutes=20)
    assert ended.as_json()["code"] == open_.as_json()["code"] == "SITE"
    assert store.view(incidents.ended, at(-60), watch="nobody") == []
    assert store.view(incidents.ended, at(25)) == []


def test_spending_is_counted_by_day_and_kept_once_the_day_is_over(store: Store) -> None:
    run(store, 0, Verdict.BASELINE)
    run(store, 1, Verdict.BASELINE, "other")
    later = 3 * 24 * 60
    run(store, later)
    ledger = spending.Ledger()
    days = store.view(ledger.by_day, date(2026, 11, 20), date(2026, 11, 24), at(later))
    assert days[date(2026, 11, 21)] == {"espresso": spending.Spent(1, 4), "other": spending.Spent(1, 4)}
    assert days[date(2026, 11, 24)] == {"espresso": spending.Spent(1, 4)}
    assert date(2026, 11, 21) in ledger.days
    assert date(2026, 11, 24) not in ledger.days
    assert store.view(ledger.by_day, date(2026, 11, 20), date(2026, 11, 24), at(later)) == days
    assert store.view(spending.since, at(later)) == spending.Spent(1, 4)
    assert store.view(spending.of_watches, ["espresso"], date(2026, 11, 21)) == {"espresso": spending.Spent(2, 8)}
    assert store.view(spending.planned) == {}


def test_the_ledger_keeps_a_bounded_number_of_days(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spending, "MOST_DAYS", 3)
    ledger = spending.Ledger()
    days = store.view(ledger.by_day, date(2026, 1, 1), date(2026, 1, 31), NOW)
    assert len(days) == len(ledger.days) == 3


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        ("SELECT id FROM runs WHERE watch = 'a' AND id >= '01' ORDER BY id DESC LIMIT 30", "runs_history"),
        ("SELECT id FROM runs WHERE watch = 'a' AND verdict IN ('FAILED', 'INVALID') AND id < 'Z'", "runs_verdicts"),
        (f"SELECT id FROM runs WHERE {NEWS} AND verdict = 'CHANGED' ORDER BY id DESC LIMIT 8", "runs_news"),
        ("SELECT watch, sum(steps) FROM runs WHERE opened_at >= 5 GROUP BY watch || ''", "COVERING INDEX runs_opened"),
        ("SELECT * FROM outbox WHERE watch = 'a' ORDER BY id DESC LIMIT 10", "outbox_watch"),
    ],
)
@pytest.mark.parametrize("opener", ["sqlite"], indirect=True)
def test_what_is_asked_often_goes_by_its_index(store: Store, statement: str, index: str) -> None:
    """On SQLite only: PostgreSQL plans by statistics, which a test of ten rows has none of."""
    found = plan_of(store, statement)
    assert index in found
    assert "SCAN runs" not in found


def test_what_views_give_is_json(store: Store) -> None:
    run(store, 0, Verdict.BASELINE)
    run(store, 1, Verdict.FAILED)
    json.dumps([each.as_json() for each in store.view(standings.standings, NOW).values()])
    json.dumps(store.view(listings.news).as_json())
