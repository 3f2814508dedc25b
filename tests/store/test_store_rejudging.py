"""A stored result is judged again for nothing; history stays honest and the state is moved only by the newest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from monitor.agent.outcome import Code
from monitor.errors import StoreConflict
from monitor.judge.decision import Baseline, Decision, Verdict, WatchState
from monitor.store.records import Judgement, Record, Rejudging
from monitor.store.store import Store
from monitor.watch.run import Run, Trigger
from tests.store.scenes import NOW, Opener, at, bad, begin, completed, failed, finish, good, letter, make_run, whole


def found(store: Store, run: Run) -> Rejudging:
    prepared = store.rejudging(run.id)
    assert prepared is not None
    return prepared


def invalid(store: Store, minute: int, result: Any = None, **changes: Any) -> Run:
    """A run that was paid for and whose result broke the schema of that day."""
    run = begin(store, make_run(minute, **changes))
    decision = bad(run, store.state_of(run.watch), verdict=Verdict.INVALID, code="SCHEMA", result=result)
    finish(store, run, decision, outcome=completed(result))
    return run


def again(store: Store, run: Run, verdict: Verdict = Verdict.BASELINE, *letters: Any, **changes: Any) -> Record:
    """Judge a run again as good, under a second definition."""
    prepared = found(store, run)
    result = prepared.outcome.result  # type: ignore[attr-defined]
    own = verdict in {Verdict.BASELINE, Verdict.CHANGED}
    baseline = Baseline(run.id, run.due_at, result) if own else prepared.state.baseline
    state = WatchState("g2", baseline, 0, None, at(99))
    decision = Decision(**({"verdict": verdict, "reason": "mended", "state": state, "result": result} | changes))
    return store.rejudged(prepared, decision, letters, generation="g2", now=at(99))


def test_the_outcome_of_a_record_comes_back_as_it_was(opener: Opener) -> None:
    """B6: the outcome of a record comes back as it was."""
    store = opener()
    run, other = make_run(), make_run(1, watch="other")
    whole(store, run, good(run))
    finish(store, begin(store, other), bad(other, WatchState()), outcome=failed())
    assert opener().outcome_of_record(run.id) == completed()
    assert opener().outcome_of_record(other.id) == failed()
    skip = store.record_skip("w", NOW, Trigger.CRON, Verdict.MISSED, "DOWN", "x", NOW)
    assert skip is not None
    left = begin(store, make_run(2))
    for name in (skip.id, left.id, "nobody"):
        assert store.outcome_of_record(name) is None
        assert store.rejudging(name) is None


def test_the_newest_run_gives_the_watch_its_state(opener: Opener) -> None:
    store = opener()
    run = invalid(store, 0, {"price": 1})
    prepared = found(store, run)
    assert (prepared.run, prepared.standing, prepared.outcome) == (run, "newest", completed({"price": 1}))
    assert prepared.state.failures == 0  # as before this run
    assert prepared.state.incident is not None
    record = again(store, run, Verdict.BASELINE, letter("e1"))
    assert (record.verdict, record.code, record.reason, record.result) == ("BASELINE", None, "mended", {"price": 1})
    assert (record.rejudged_from, record.generation, record.notifications) == ("INVALID", "g2", 1)
    assert opener().history("espresso") == [record]
    assert store.state_of("espresso") == WatchState("g2", Baseline(run.id, run.due_at, {"price": 1}), 0, None, at(99))
    assert [(each.event, each.run, each.watch) for each in store.outbox()] == [("e1", run.id, "espresso")]
    assert store.integrity() == []


def test_what_a_record_said_before_is_kept(store: Store) -> None:
    run = invalid(store, 0, {"price": 1})
    again(store, run)
    again(store, run, Verdict.CHANGED)
    violations = [{"path": "/price", "rule": "type", "message": "'x' is not a number"}]
    assert store.earlier_judgements(run.id) == [
        Judgement(at(99), "g1", "INVALID", "SCHEMA", "the site failed", [], violations, {"price": 1}),
        Judgement(at(99), "g2", "BASELINE", None, "mended", [], [], {"price": 1}),
    ]
    (record,) = store.history("espresso")
    assert record.rejudged_from == "INVALID"
    assert record.verdict == "CHANGED"


def test_a_judgement_that_says_the_same_changes_nothing(store: Store) -> None:
    run = invalid(store, 0, {"price": 1})
    first = again(store, run, Verdict.BASELINE, letter("e1"))
    assert again(store, run, Verdict.BASELINE, letter("e2")) == first
    assert len(store.earlier_judgements(run.id)) == 1
    assert len(store.outbox()) == 1


def test_bad_runs_that_came_after_go_on_failing(store: Store) -> None:
    first, second = invalid(store, 0, {"price": 1}), invalid(store, 1, {"price": 2})
    before = store.state_of("espresso")
    assert found(store, first).standing == "newest_good"
    again(store, first)
    after = store.state_of("espresso")
    assert after.baseline == Baseline(first.id, first.due_at, {"price": 1})
    assert (after.failures, after.incident) == (before.failures, before.incident)
    assert store.watch_rows(at(-60))[0].last_run == second.id
    assert found(store, second).standing == "newest"
    again(store, second, Verdict.CHANGED)
    assert store.state_of("espresso").incident is None
    assert store.integrity() == []


def test_an_older_run_changes_its_record_alone(store: Store) -> None:
    """reliability.md B7: a late result never replaces a newer baseline."""
    zero = make_run(-1)
    whole(store, zero, good(zero, result={"price": 0}))
    old = invalid(store, 0, {"price": 1})
    newer = make_run(1)
    whole(store, newer, good(newer, Verdict.CHANGED))
    before = store.state_of("espresso")
    prepared = found(store, old)
    assert prepared.standing == "past"
    assert prepared.state == WatchState(
        "g1", Baseline(zero.id, zero.due_at, {"price": 0}), 0, None, before.last_good_at
    )
    assert again(store, old, Verdict.CHANGED).verdict == "CHANGED"
    assert store.state_of("espresso") == before
    assert store.integrity() == []


def test_a_dry_run_changes_its_record_alone(store: Store) -> None:
    run = invalid(store, 0, {"price": 1}, dry=True)
    assert found(store, run).standing == "past"
    again(store, run)
    assert store.state_of("espresso") == WatchState()


def test_the_baseline_itself_is_judged_against_the_one_before(store: Store) -> None:
    first, second = make_run(), make_run(1)
    whole(store, first, good(first, result={"price": 1}))
    whole(store, second, good(second, Verdict.CHANGED, {"price": 2}))
    prepared = found(store, second)
    assert prepared.state.baseline == Baseline(first.id, first.due_at, {"price": 1})
    again(store, second, Verdict.UNCHANGED)  # the price is ignored by now
    assert store.state_of("espresso").baseline == Baseline(first.id, first.due_at, {"price": 1})
    assert store.integrity() == []


def test_the_first_baseline_may_turn_out_to_be_none(store: Store) -> None:
    run = make_run()
    whole(store, run, good(run))
    prepared = found(store, run)
    assert prepared.state.baseline is None
    decision = bad(run, prepared.state, verdict=Verdict.INVALID, code="GOAL")
    store.rejudged(prepared, decision, generation="g2", now=NOW)
    assert store.state_of("espresso").baseline is None
    assert store.integrity() == []


def test_the_code_of_a_run_that_failed_is_that_of_its_outcome(store: Store) -> None:
    run = begin(store, make_run())
    finish(store, run, bad(run, WatchState(), code="OTHER"), outcome=failed(Code.SITE))
    prepared = found(store, run)
    record = store.rejudged(prepared, bad(run, prepared.state, code=None), generation="g1", now=NOW)
    assert record.code == "SITE"


def test_what_came_in_between_refuses_the_judgement(store: Store) -> None:
    run = invalid(store, 0, {"price": 1})
    prepared = found(store, run)
    newer = make_run(1)
    whole(store, newer, good(newer))
    history, state = store.history("espresso"), store.state_of("espresso")
    with pytest.raises(StoreConflict, match="meanwhile"):
        store.rejudged(prepared, good(run), [letter("e1")], generation="g2", now=NOW)
    gone = replace(prepared, run=make_run(77))
    with pytest.raises(StoreConflict, match="no stored result"):
        store.rejudged(gone, good(run), generation="g2", now=NOW)
    assert (store.history("espresso"), store.state_of("espresso"), store.outbox()) == (history, state, [])


def test_a_baseline_that_cannot_be_is_refused_whole(store: Store) -> None:
    other = make_run(watch="another")
    whole(store, other, good(other))
    run = invalid(store, 0, {"price": 1})
    before = store.history("espresso")
    for decision in (good(run, state=good(other).state), good(run, Verdict.UNCHANGED)):
        with pytest.raises(StoreConflict, match="baseline"):
            store.rejudged(found(store, run), decision, [letter("e1")], generation="g2", now=NOW)
    assert store.history("espresso") == before
    assert store.outbox() == []
    assert store.earlier_judgements(run.id) == []
