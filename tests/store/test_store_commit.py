"""A decision and all it causes: together or not at all, and the baseline is never wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from monitor.agent.outcome import Code, NotStarted
from monitor.errors import StoreConflict, StoreError
from monitor.judge.decision import Baseline, Decision, Verdict, WatchState
from monitor.store.store import Store
from tests.store.scenes import (
    NOW,
    Opener,
    at,
    bad,
    begin,
    completed,
    failed,
    finish,
    good,
    letter,
    make_run,
    retry_of,
    whole,
)


def everything(store: Store) -> Any:
    """All that a commit may change."""
    watches = ("espresso", "another")
    return (
        [store.history(watch) for watch in watches],
        [store.state_of(watch) for watch in watches],
        store.watch_rows(at(-999)),
        store.outbox(),
        store.in_flight(),
        store.due_retries(at(999)),
    )


@contextmanager
def broken_at(store: Store, statement: int) -> Iterator[list[str]]:
    """Break the store at its n-th statement, or at the commit that follows the last."""
    seen: list[str] = []
    engine = store._database._engine

    def on_statement(*arguments: object) -> None:
        seen.append(str(arguments[2]))
        if len(seen) == statement:
            raise KeyboardInterrupt

    def on_commit(*_: object) -> None:
        seen.append("COMMIT")
        if len(seen) == statement:
            raise KeyboardInterrupt

    event.listen(engine, "before_cursor_execute", on_statement)
    event.listen(engine, "commit", on_commit)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", on_statement)
        event.remove(engine, "commit", on_commit)


def test_a_decision_is_stored_with_all_it_causes(opener: Opener) -> None:
    store = opener()
    run = make_run()
    outcome = completed({"price": 449.0}, started_at=at(1), finished_at=at(2))
    letters = [letter("e1"), letter("e1", "deals"), letter("e2")]
    record = finish(store, begin(store, run), good(run, Verdict.CHANGED, {"price": 449.0}), *letters, outcome=outcome)
    store = opener()
    assert store.history("espresso") == [record]
    assert record.as_json() == {
        "watch": "espresso",
        "run": run.id,
        "run_id": "run_1",
        "due_at": "2026-11-21T12:00:00.123Z",
        "trigger": "cron",
        "verdict": "CHANGED",
        "reason": "as told",
        "outcome": {"kind": "completed", "code": None, "api_code": None, "message": None},
        "changes": [{"path": "/price", "kind": "changed", "before": 1, "after": {"price": 449.0}}],
        "violations": [],
        "result": {"price": 449.0},
        "steps": 4,
        "notifications": 2,
        "started_at": "2026-11-21T12:01:00.123Z",
        "finished_at": "2026-11-21T12:02:00.123Z",
    }
    assert record.generation == "g1"
    assert store.state_of("espresso") == WatchState("g1", Baseline(run.id, NOW, {"price": 449.0}), 0, None, NOW)
    assert [(each.event, each.target, each.state, each.run) for each in reversed(store.outbox())] == [
        ("e1", "ops", "pending", run.id),
        ("e1", "deals", "pending", run.id),
        ("e2", "ops", "pending", run.id),
    ]
    assert store.in_flight() == []


def test_a_failure_keeps_the_baseline_and_says_what_failed(opener: Opener) -> None:
    store = opener()
    first, second = make_run(), make_run(30)
    whole(store, first, good(first))
    before = store.state_of("espresso")
    record = finish(store, begin(store, second), bad(second, before), letter("e1"), outcome=failed())
    assert record.outcome == {
        "kind": "failed",
        "code": "SITE",
        "api_code": "SITE_BLOCKED",
        "message": "the page did not open",
    }
    assert record.violations == [{"path": "/price", "rule": "type", "message": "'x' is not a number"}]
    after = opener().state_of("espresso")
    assert after.baseline == before.baseline
    assert after == bad(second, before).state
    (row,) = store.watch_rows(at(-60))
    assert (row.last_run, row.last_verdict, row.last_reason) == (second.id, "FAILED", "the site failed")
    assert (row.failing_since, row.failures, row.runs_today) == (NOW, 1, 2)


def test_an_outcome_that_was_not_settled_first_is_stored_with_its_decision(store: Store) -> None:
    run = begin(store, make_run())
    outcome = NotStarted(fault=failed(Code.NETWORK).fault)
    decision = bad(run, WatchState(), code=None)
    record = store.commit(run, outcome, decision, [], now=NOW)
    assert (record.outcome["kind"], record.code, record.started_at, record.finished_at) == (
        "not_started",
        "NETWORK",
        NOW,
        NOW,
    )


def test_the_raw_record_is_given_only_when_asked_for(store: Store) -> None:
    run = make_run()
    whole(store, run, good(run))
    plain, full = store.record(run.id), store.record(run.id, raw=True)
    assert plain is not None
    assert full is not None
    assert plain.raw is None
    assert full.raw == completed().raw
    assert replace(full, raw=None) == plain


def test_a_dry_run_touches_nothing_but_its_row(store: Store) -> None:
    first, dry = make_run(), make_run(30, dry=True)
    whole(store, first, good(first), letter("e1"))
    _, states, rows, letters, _, retries = everything(store)
    retry, again = retry_of(dry, 3)
    record = store.commit(
        begin(store, dry), failed(), bad(dry, WatchState(), retry=retry), [letter("e2")], now=NOW, later=again
    )
    assert record.dry
    assert record.notifications == 0
    _, states_after, rows_after, letters_after, _, retries_after = everything(store)
    assert (states_after, letters_after, retries_after) == (states, letters, retries)
    assert [replace(row, runs_today=0) for row in rows_after] == [replace(row, runs_today=0) for row in rows]
    assert store.runs_since("espresso", at(-60)) == 2  # it was paid for


def test_a_run_is_judged_once(store: Store) -> None:
    run = make_run()
    whole(store, run, good(run), letter("e1"))
    before = everything(store)
    with pytest.raises(StoreConflict, match="judged already"):
        store.commit(run, completed(), good(run, Verdict.CHANGED), [letter("e2")], now=NOW, owner="01JOWNER")
    assert everything(store) == before


def test_a_run_without_a_row_is_not_judged(store: Store) -> None:
    run = make_run()
    with pytest.raises(StoreConflict, match="has no row"):
        store.commit(run, completed(), good(run), [], now=NOW, owner="01JOWNER")
    with pytest.raises(StoreConflict, match="neither begun nor taken over"):
        store.commit(run, completed(), good(run), [], now=NOW)


def stolen_baseline(run: Any, other: Any) -> Decision:
    return good(run, state=WatchState("g1", Baseline(other.id, NOW, {"price": 1}), 0, None, NOW))


def failed_baseline(run: Any, other: Any) -> Decision:
    return good(run, Verdict.FAILED)


def unchanged_baseline(run: Any, other: Any) -> Decision:
    return good(run, Verdict.UNCHANGED)


@pytest.mark.parametrize("decision", [stolen_baseline, failed_baseline, unchanged_baseline])
def test_a_baseline_that_cannot_be_is_refused(store: Store, decision: Any) -> None:
    """B1: a baseline that cannot be is refused."""
    other, first, run = make_run(watch="another"), make_run(), make_run(30)
    whole(store, other, good(other))
    whole(store, first, good(first))
    begin(store, run)
    before = everything(store)
    with pytest.raises(StoreConflict):
        store.commit(run, completed(), decision(run, other), [letter("e1")], now=NOW)
    assert everything(store) == before


def test_a_new_generation_may_begin_without_a_baseline(store: Store) -> None:
    first, run = make_run(), make_run(30)
    whole(store, first, good(first))
    finish(store, begin(store, run), bad(run, WatchState("g2")), outcome=failed())
    assert store.state_of("espresso").baseline is None
    assert store.state_of("espresso").generation == "g2"


def test_a_broken_message_stops_the_whole_decision(store: Store) -> None:
    """B5: a broken message stops the whole decision."""
    run = begin(store, make_run())
    store.settle(run.id, completed(), NOW)
    before = everything(store)
    broken = replace(letter("e2"), body=None)  # type: ignore[arg-type]
    with pytest.raises(StoreError):
        store.commit(run, completed(), good(run), [letter("e1"), broken], now=NOW)
    assert everything(store) == before
    finish(store, run, good(run), letter("e1"))


def test_a_commit_that_breaks_anywhere_changes_nothing(opener: Opener) -> None:
    """C1: B5: a commit that breaks anywhere changes nothing."""
    store = opener()
    first, run = make_run(), make_run(30)
    whole(store, first, good(first))
    begin(store, run)
    store.settle(run.id, failed(), NOW)
    before = everything(store)
    retry, again = retry_of(run, 33)
    decision = bad(run, store.state_of("espresso"), retry=retry)
    points = 0
    while True:
        points += 1
        with broken_at(store, points) as seen:
            try:
                store.commit(run, failed(), decision, [letter("e1"), letter("e2")], now=NOW, later=again)
            except KeyboardInterrupt:
                assert everything(opener()) == before, seen
                continue
        break
    assert seen[-1] == "COMMIT"
    assert points == len(seen) + 1 > 8
    after = everything(opener())
    assert [record.verdict for record in after[0][0]] == ["FAILED", "BASELINE"]
    assert len(after[3]) == 2
    assert after[5] == [(again, at(33))]


def test_a_message_to_the_same_target_twice_is_one(store: Store) -> None:
    run = make_run()
    record = whole(store, run, good(run), letter("e1"), letter("e1"))
    assert len(store.outbox()) == 1
    assert record.notifications == 1


def test_text_that_no_database_takes_does_not_lose_a_decision(opener: Opener) -> None:
    store = opener()
    run = make_run()
    decision = good(run, Verdict.CHANGED, {"name": "\ud800\0"}, reason="name is \ud800")
    record = finish(
        store,
        begin(store, run),
        decision,
        letter("e1", body="now \ud800\0"),
        outcome=completed({"name": "\ud800\0"}, steps=10**30),
    )
    assert record.result == {"name": "\ud800\0"}
    assert record.reason == "name is \ufffd"
    assert record.steps is None
    assert opener().state_of("espresso").baseline == Baseline(run.id, NOW, {"name": "\ud800\0"})
    assert store.outbox()[0].body == "now \ufffd\ufffd"


@pytest.fixture(scope="module")
def long_lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    path: Path = tmp_path_factory.mktemp("store") / "monitor.db"
    with Store.open(str(path)) as store:
        yield store


watch_names = iter(f"watch-{number}" for number in range(10**9))


@settings(deadline=None, max_examples=25)
@given(
    ends=st.lists(
        st.sampled_from(["CHANGED", "UNCHANGED", "UNCONFIRMED", "INVALID", "FAILED", "dry", "lost"]), max_size=12
    )
)
def test_the_baseline_is_always_the_last_told_result(long_lived: Store, ends: list[str]) -> None:
    """reliability.md B1: whatever happens between."""
    watch, store = next(watch_names), long_lived
    expected: Baseline | None = None
    for number, end in enumerate(ends):
        run = begin(store, make_run(number, watch=watch, dry=end == "dry"))
        state, result = store.state_of(watch), {"price": number}
        assert state.baseline == expected
        if end == "lost":  # another process takes it over and fails it
            assert store.take_over(run.id, "01JOWNER", f"01JTHIEF{number}")
            with pytest.raises(StoreConflict):
                store.commit(run, completed(result), good(run, Verdict.CHANGED, result), [], now=NOW, owner="01JOWNER")
            finish(store, run, bad(run, state), outcome=failed())
        elif end in {"CHANGED", "dry"}:
            finish(store, run, good(run, Verdict.CHANGED, result))
            expected = Baseline(run.id, run.due_at, result) if end == "CHANGED" else expected
        elif end in {"UNCHANGED", "UNCONFIRMED"}:
            finish(store, run, good(run, Verdict(end), result, state=replace(state, failures=0)))
        else:
            finish(store, run, bad(run, state, verdict=Verdict(end)), outcome=failed())
    assert store.state_of(watch).baseline == expected
    assert len(store.history(watch)) == len(ends)
    assert store.integrity() == []
