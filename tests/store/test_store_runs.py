"""A run's row from intent to settled: exactly one may begin, and only its holder may go on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.errors import StoreConflict
from monitor.judge.decision import Verdict, WatchState
from monitor.store.records import Begun, Existing
from monitor.store.store import Store
from monitor.watch.run import Run, Trigger, new_id
from tests.store.scenes import (
    NOW,
    OWNER,
    Opener,
    at,
    bad,
    begin,
    completed,
    failed,
    finish,
    good,
    make_run,
    retry_of,
    whole,
)


def attempt(store: Store, run: Run, owner: str = OWNER) -> Begun | Existing:
    return store.begin_run(run, goal="goal", generation="g1", owner=owner, now=NOW)


def test_a_run_that_began_is_unfinished_and_survives_a_reopening(opener: Opener) -> None:
    run = make_run(trigger=Trigger.MANUAL, dry=True, attempt=3)
    begin(opener(), run, now=at(1))
    (left,) = opener().unfinished()
    assert left.run == run
    assert (left.stage, left.owner, left.generation, left.opened_at) == ("intent", OWNER, "g1", at(1))
    assert left.goal == f"find the price [ref {run.id}]"
    assert (left.run_id, left.outcome) == (None, None)


def test_an_occurrence_begins_once(store: Store) -> None:
    """A4: an occurrence begins once."""
    run = begin(store, make_run())
    again = attempt(store, replace(run, id=new_id(NOW)))
    assert isinstance(again, Existing)
    assert again.reason == "recorded"
    assert again.unfinished is not None
    assert again.unfinished.run == run


def test_an_occurrence_that_is_judged_gives_its_record(store: Store) -> None:
    run = make_run()
    record = whole(store, run, good(run))
    again = attempt(store, replace(run, id=new_id(NOW)))
    assert again == Existing("recorded", record=record)


def test_a_watch_runs_one_run_at_a_time(store: Store) -> None:
    """D3: a watch runs one run at a time."""
    run = begin(store, make_run())
    later = attempt(store, make_run(30))
    assert isinstance(later, Existing)
    assert later.reason == "running"
    assert later.unfinished is not None
    assert later.unfinished.run == run
    assert isinstance(attempt(store, make_run(30, watch="another")), Begun)
    finish(store, run, good(run))
    assert isinstance(attempt(store, make_run(30)), Begun)


def test_the_same_call_again_is_the_same_beginning(store: Store) -> None:
    run = begin(store, make_run())
    assert attempt(store, run) == Begun(run)
    other = attempt(store, run, owner="01JOTHER")
    assert isinstance(other, Existing)
    store.accepted(run.id, "run_1", None, NOW)
    assert isinstance(attempt(store, run), Existing)  # a request has left: it is not begun twice


def test_an_id_of_another_occurrence_is_refused(store: Store) -> None:
    run = make_run()
    whole(store, run, good(run))
    with pytest.raises(StoreConflict, match="exists already"):
        attempt(store, replace(make_run(30), id=run.id))


def test_the_remote_id_is_kept_and_never_replaced(opener: Opener) -> None:
    store = opener()
    run = begin(store, make_run())
    store.accepted(run.id, "run_1", None, NOW)
    store.accepted(run.id, "run_1", "https://live.example/1", NOW)
    with pytest.raises(StoreConflict, match="run_1"):
        store.accepted(run.id, "run_9", None, NOW)
    (left,) = opener().in_flight()
    assert (left.stage, left.run_id, left.streaming_url) == ("accepted", "run_1", "https://live.example/1")


def test_a_remote_id_that_proved_foreign_gives_way_to_the_right_one(opener: Opener) -> None:
    """Row 57: only the id that is named gives way, and the url of its browser with it; the same again is the same."""
    store = opener()
    run = begin(store, make_run())
    store.accepted(run.id, "theirs", "https://live.example/theirs", NOW)
    with pytest.raises(StoreConflict, match="theirs"):
        store.accepted(run.id, "run_1", None, NOW, replaces="another")
    store.accepted(run.id, "run_1", None, NOW, replaces="theirs")
    store.accepted(run.id, "run_1", None, NOW, replaces="theirs")
    (left,) = opener().in_flight()
    assert (left.stage, left.run_id, left.streaming_url) == ("accepted", "run_1", None)
    with pytest.raises(StoreConflict, match="run_1"):
        store.accepted(run.id, "theirs", None, NOW)


@pytest.mark.parametrize("outcome", [completed(), failed(), completed(run_id=None, raw="text", result=None)])
def test_an_outcome_is_stored_before_it_is_judged_and_comes_back(opener: Opener, outcome) -> None:  # type: ignore[no-untyped-def]
    store = opener()
    run = begin(store, make_run())
    store.settle(run.id, outcome, NOW)
    store.settle(run.id, outcome, NOW)  # the same end again is the same end
    (left,) = opener().unfinished()
    assert left.stage == "settled"
    assert left.run_id == outcome.run_id
    assert Store.outcome_of(left) == outcome


def test_a_run_ends_once(store: Store) -> None:
    run = begin(store, make_run())
    store.settle(run.id, completed(), NOW)
    with pytest.raises(StoreConflict, match="settled already"):
        store.settle(run.id, failed(), NOW)
    with pytest.raises(StoreConflict, match="settled already"):
        store.accepted(run.id, "run_1", None, NOW)


def test_a_run_that_was_neither_begun_nor_taken_over_here_is_not_ours(opener: Opener) -> None:
    run = begin(opener(), make_run())
    other = opener()
    for act in (
        lambda: other.accepted(run.id, "run_1", None, NOW),
        lambda: other.settle(run.id, completed(), NOW),
        lambda: other.commit(run, completed(), good(run), [], now=NOW),
    ):
        with pytest.raises(StoreConflict, match="taken over"):
            act()


def test_who_takes_a_run_over_goes_on_and_who_lost_it_is_refused(opener: Opener) -> None:
    first, second = opener(), opener()
    run = begin(first, make_run(), owner="01JFIRST")
    assert not second.take_over(run.id, "01JSOMEBODY", "01JSECOND")
    assert second.take_over(run.id, "01JFIRST", "01JSECOND")
    assert not second.take_over(run.id, "01JFIRST", "01JTHIRD")
    with pytest.raises(StoreConflict, match="01JSECOND"):
        first.accepted(run.id, "run_1", None, NOW)
    with pytest.raises(StoreConflict, match="01JSECOND"):
        first.settle(run.id, completed(), NOW)
    with pytest.raises(StoreConflict, match="01JSECOND"):
        first.commit(run, completed(), good(run), [], now=NOW)
    assert first.state_of(run.watch) == WatchState()
    finish(second, run, good(run))
    assert not second.take_over(run.id, "01JSECOND", "01JTHIRD")


def test_only_runs_of_the_dead_are_given_out(store: Store) -> None:
    begin(store, make_run(watch="one"), owner="01JDEAD")
    begin(store, make_run(1, watch="two"), owner="01JALIVE")
    assert [each.run.watch for each in store.unfinished(lambda owner: owner == "01JDEAD")] == ["one"]
    assert [each.run.watch for each in store.unfinished()] == ["one", "two"]


def test_an_occurrence_that_did_not_run_is_recorded_once(store: Store) -> None:
    """G1: an occurrence that did not run is recorded once."""
    record = store.record_skip("espresso", at(5), Trigger.CRON, Verdict.SKIPPED, "OVERLAP", "still running", NOW)
    assert record is not None
    assert (record.verdict, record.code, record.reason, record.due_at) == ("SKIPPED", "OVERLAP", "still running", at(5))
    assert record.outcome == {"kind": "not_started", "code": "OVERLAP", "api_code": None, "message": None}
    assert store.record_skip("espresso", at(5), Trigger.CRON, Verdict.MISSED, "DOWN", "late", NOW) is None
    assert store.history("espresso") == [record]
    assert store.runs_since(None, at(-60)) == 0
    assert store.watch_rows(at(-60)) == []


def test_a_skip_does_not_wait_for_a_run_of_the_watch(store: Store) -> None:
    run = begin(store, make_run())
    assert store.record_skip("espresso", run.due_at, Trigger.CRON, Verdict.SKIPPED, "OVERLAP", "x", NOW) is None
    assert store.record_skip("espresso", at(30), Trigger.CRON, Verdict.SKIPPED, "OVERLAP", "x", NOW) is not None


def test_skips_of_one_moment_stay_in_their_order(store: Store) -> None:
    for minute in range(20):
        store.record_skip("espresso", at(minute), Trigger.CRON, Verdict.MISSED, "DOWN", "nothing ran", NOW)
    assert [record.due_at for record in store.history("espresso")] == [at(minute) for minute in reversed(range(20))]


def test_a_skip_sorts_after_the_one_before_even_when_chance_says_otherwise(store: Store) -> None:
    store._last_id = new_id(NOW)[:10] + "Y" * 16
    record = store.record_skip("espresso", at(0), Trigger.CRON, Verdict.MISSED, "DOWN", "nothing ran", NOW)
    assert record is not None
    assert record.id == new_id(NOW)[:10] + "Y" * 15 + "Z"


def test_the_newest_cron_occurrence_is_known_run_or_not(store: Store) -> None:
    assert store.last_occurrence("espresso") is None
    run = begin(store, make_run(10))
    assert store.last_occurrence("espresso") == at(10)
    finish(store, run, good(run))
    store.record_skip("espresso", at(20), Trigger.CRON, Verdict.MISSED, "DOWN", "x", NOW)
    begin(store, make_run(25, trigger=Trigger.MANUAL))
    assert store.last_occurrence("espresso") == at(20)


def test_a_retry_waits_durably_and_is_used_up_when_it_begins(opener: Opener) -> None:
    store = opener()
    run = begin(store, make_run())
    store.settle(run.id, failed(), NOW)
    retry, again = retry_of(run, 3)
    store.commit(run, failed(), bad(run, WatchState(), retry=retry), [], now=NOW, later=again)
    store = opener()
    assert store.due_retries(at(2)) == []
    assert store.due_retries(at(3)) == [(again, at(3))]
    assert store.waiting_retry("espresso") == (again, at(3))
    assert store.counts()["retries"] == 1
    begin(store, again)
    assert store.waiting_retry("espresso") is None
    assert store.due_retries(at(99)) == []


def test_a_retry_that_cannot_begin_yet_goes_on_waiting(store: Store) -> None:
    run = begin(store, make_run())
    retry, again = retry_of(run, 3)
    store.commit(run, failed(), bad(run, WatchState(), retry=retry), [], now=NOW, later=again)
    begin(store, make_run(30))
    assert isinstance(attempt(store, again), Existing)
    assert store.due_retries(at(3)) == [(again, at(3))]
    assert store.drop_retry(again)
    assert not store.drop_retry(again)
    assert store.due_retries(at(3)) == []


def test_a_retry_whose_attempt_is_recorded_waits_no_longer(store: Store) -> None:
    run = begin(store, make_run())
    retry, again = retry_of(run, 3)
    store.commit(run, failed(), bad(run, WatchState(), retry=retry), [], now=NOW, later=again)
    attempt(store, replace(again, id=new_id(NOW)))  # another process made the attempt with an id of its own
    answer = attempt(store, again)
    assert isinstance(answer, Existing)
    assert store.due_retries(at(3)) == []


@pytest.mark.parametrize("which", ["retry", "run"])
def test_a_retry_and_its_run_go_together(store: Store, which: str) -> None:
    run = begin(store, make_run())
    retry, again = retry_of(run, 3)
    decision = bad(run, WatchState(), retry=retry if which == "retry" else None)
    with pytest.raises(ValueError, match="needs its run"):
        store.commit(run, failed(), decision, [], now=NOW, later=again if which == "run" else None)
