"""A watch gets another name and loses nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.errors import StoreConflict, UsageError
from monitor.judge.decision import Verdict, WatchState
from monitor.store.store import Store
from monitor.watch.run import Trigger
from tests.store.scenes import NOW, Opener, at, bad, begin, failed, good, letter, make_run, retry_of, whole


def test_everything_of_a_watch_moves_at_once(opener: Opener) -> None:
    store = opener()
    first, second, other = make_run(), make_run(1), make_run(watch="other")
    whole(store, first, good(first), letter("e1"), letter("e2"))
    whole(store, other, good(other), letter("e3", "else"))
    store.delivered(store.outbox()[-1].id, NOW)
    retry, again = retry_of(begin(store, second), 5)
    decision = bad(second, store.state_of("espresso"), retry=retry)
    store.commit(second, failed(), decision, [], now=NOW, later=again)
    skipped = store.record_skip("espresso", at(2), Trigger.CRON, Verdict.MISSED, "DOWN", "x", NOW)
    assert skipped is not None
    records, state = store.history("espresso"), store.state_of("espresso")
    assert store.rename("espresso", "coffee", NOW) == 3
    store = opener()
    assert store.history("coffee") == [replace(record, watch="coffee") for record in records]
    assert store.state_of("coffee") == state
    assert store.waiting_retry("coffee") == (replace(again, watch="coffee"), at(5))
    assert {(each.event, each.watch) for each in store.outbox()} == {
        ("e1", "coffee"), ("e2", "coffee"), ("e3", "other")
    }  # fmt: skip
    assert (store.history("espresso"), store.state_of("espresso")) == ([], WatchState())
    assert store.last_occurrence("coffee") == at(2)
    assert store.integrity() == []


def test_two_histories_do_not_become_one(store: Store) -> None:
    for watch in ("espresso", "coffee"):
        run = make_run(watch=watch)
        whole(store, run, good(run))
    with pytest.raises(UsageError, match="coffee has records already"):
        store.rename("espresso", "coffee", NOW)
    assert len(store.history("espresso")) == 1


def test_a_watch_that_is_running_keeps_its_name(store: Store) -> None:
    run = begin(store, make_run())
    with pytest.raises(StoreConflict, match=f"{run.id} of espresso is not finished"):
        store.rename("espresso", "coffee", NOW)
    assert store.in_flight()[0].run == run


@pytest.mark.parametrize(("old", "new"), [("espresso", "espresso"), ("", "coffee"), ("espresso", "")])
def test_a_name_that_is_none_is_refused(store: Store, old: str, new: str) -> None:
    with pytest.raises(UsageError):
        store.rename(old, new, NOW)


def test_a_watch_that_never_ran_has_nothing_to_move(store: Store) -> None:
    assert store.rename("espresso", "coffee", NOW) == 0
