"""One pure decision over outcome and state: the verdict table of interface.md, incidents, retries, notifications."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.agent.outcome import Cancelled, Code, Completed, Failed, Fault, NotStarted, Outcome, TimedOut
from monitor.judge.decide import decide
from monitor.judge.decision import Baseline, Decision, Incident, Kind, Verdict, WatchState
from monitor.watch.run import Run, Trigger
from tests.conftest import make_watch
from tests.judge.values import JSON

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ALL = ("baseline", "change", "failure", "recovery")
WATCH = make_watch(
    drift=False, notify=[{"to": ["ops", "deals"], "on": list(ALL)}, {"to": ["deals", "boss"], "on": ["change"]}]
)
GOOD = {"price": 499.0, "in_stock": True}
OTHER = {"price": 449.0, "in_stock": True}
BASELINE = Baseline("R0", NOW - timedelta(hours=1), GOOD)
FRESH = WatchState()
KNOWN = WatchState(generation=WATCH.fingerprint, baseline=BASELINE, last_good_at=NOW - timedelta(hours=1))
FAILING = replace(KNOWN, failures=1, incident=Incident("I0", NOW - timedelta(minutes=30), "SITE"))
ANNOUNCED = replace(KNOWN, failures=3, incident=Incident("I0", NOW - timedelta(minutes=30), "SITE", announced=True))


def run(**fields: Any) -> Run:
    return Run(**({"id": "R1", "watch": WATCH.name, "due_at": NOW} | fields))


def events() -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: f"E{next(numbers)}"


def judged(outcome: Outcome, state: WatchState = KNOWN, watch: Any = WATCH, **fields: Any) -> Decision:
    return decide(watch, run(**fields), outcome, state, NOW, events())


def done(result: Any) -> Completed:
    return Completed(run_id="run_1", result=result)


def failed(code: Code = Code.SITE, **fields: Any) -> Failed:
    return Failed(fault=Fault(code, "the site said no", **fields))


@pytest.mark.parametrize(
    ("outcome", "state", "verdict", "code", "reason"),
    [
        (done(GOOD), FRESH, Verdict.BASELINE, None, "first good result"),
        (done(GOOD), KNOWN, Verdict.UNCHANGED, None, "same as the baseline"),
        (done({"price": 499, "in_stock": True}), KNOWN, Verdict.UNCHANGED, None, "same as the baseline"),
        (done({**GOOD, "seen": 1}), KNOWN, Verdict.UNCHANGED, None, "same as the baseline"),
        (done(OTHER), KNOWN, Verdict.CHANGED, None, "price 499 -> 449"),
        (
            done({"price": 1, "in_stock": False}),
            KNOWN,
            Verdict.CHANGED,
            None,
            "2 changes: price 499 -> 1, in_stock true -> false",
        ),
        (
            done(GOOD),
            replace(KNOWN, baseline=replace(BASELINE, result={**GOOD, "in_stock": "x" * 99})),
            Verdict.CHANGED,
            None,
            f'in_stock "{"x" * 58}… -> true',
        ),
        (done({"in_stock": True}), KNOWN, Verdict.INVALID, "SCHEMA", "/price is missing"),
        (done(None), KNOWN, Verdict.INVALID, "SCHEMA", "the result is missing"),
        (done("words"), KNOWN, Verdict.INVALID, "SCHEMA", 'the result is not an object: "words"'),
        (
            done({"price": float("nan")}),
            KNOWN,
            Verdict.INVALID,
            "SCHEMA",
            "/price: NaN and Infinity are not JSON numbers",
        ),
        (done({"a": "x" * 3_000_000}), KNOWN, Verdict.INVALID, "SCHEMA", "the result is larger than 2 MiB"),
        (done({}), KNOWN, Verdict.INVALID, "GOAL", "the agent found nothing: the result is empty"),
        (
            done({"status": "failure", "reason": "captcha"}),
            KNOWN,
            Verdict.INVALID,
            "GOAL",
            "the agent says the goal failed: captcha",
        ),
        *((failed(code), KNOWN, Verdict.FAILED, code.value, "the site said no") for code in Code),
        (Failed(), KNOWN, Verdict.FAILED, "INTERNAL", "the run ended as failed and nothing says why"),
        (Failed(fault=Fault(Code.SITE, "")), KNOWN, Verdict.FAILED, "SITE", "the run failed: SITE"),
        (TimedOut(fault=Fault(Code.TIMEOUT, "10 min")), KNOWN, Verdict.FAILED, "TIMEOUT", "10 min"),
        (TimedOut(), KNOWN, Verdict.FAILED, "TIMEOUT", "the run ended as timed_out and nothing says why"),
        (NotStarted(fault=Fault(Code.NETWORK, "no DNS")), KNOWN, Verdict.FAILED, "NETWORK", "no DNS"),
        (Cancelled(fault=Fault(Code.AGENT, "by you")), KNOWN, Verdict.FAILED, "CANCELLED", "by you"),
        (Cancelled(), KNOWN, Verdict.FAILED, "CANCELLED", "the run was cancelled"),
    ],
)
def test_the_verdict_table(
    outcome: Outcome, state: WatchState, verdict: Verdict, code: str | None, reason: str
) -> None:
    decision = judged(outcome, state)
    assert (decision.verdict, decision.code, decision.reason) == (verdict, code, reason)
    if verdict.bad:
        assert (decision.state.baseline, decision.state.generation) == (state.baseline, state.generation)


def test_what_appears_is_named_in_the_reason() -> None:
    watch = make_watch(output_schema={"properties": {"price": {}, "rating": {}, "a": {}, "b": {}, "c": {}}})
    state = WatchState(generation=watch.fingerprint, baseline=replace(BASELINE, result={"price": 1}))
    assert judged(done({"price": 1, "rating": 5}), state, watch).reason == "rating added"
    many = judged(done({"a": 1, "b": 2, "c": 3}), state, watch)
    assert many.reason == "4 changes: price removed, a added, b added, …"


def test_the_first_good_result_becomes_the_baseline() -> None:
    """B9: the first good result becomes the baseline."""
    decision = judged(done({"result": GOOD}), FRESH)
    assert decision.result == GOOD
    first = Baseline("R1", NOW, GOOD)
    assert decision.state == WatchState(WATCH.fingerprint, first, last_good_at=NOW, first=first)


def test_an_unchanged_result_leaves_the_baseline_where_it_was() -> None:
    assert judged(done(GOOD)).state == replace(KNOWN, last_good_at=NOW, first=BASELINE)


def test_there_and_back_again_are_two_changes() -> None:
    """B4: there and back again are two changes."""
    there = judged(done(OTHER))
    back = decide(WATCH, run(id="R2", due_at=NOW + timedelta(hours=1)), done(GOOD), there.state, NOW, events())
    assert [there.verdict, back.verdict] == [Verdict.CHANGED, Verdict.CHANGED]
    assert back.state.baseline == Baseline("R2", NOW + timedelta(hours=1), GOOD)


@pytest.mark.parametrize(
    "edit",
    [
        {"url": "https://shop.example/other"},
        {"goal": "Find something else."},
        {"output_schema": {"type": "object", "required": ["price"], "properties": {"price": {"type": "number"}}}},
        {"compare": {"ignore": ["/in_stock"]}},
    ],
)
def test_an_edited_watch_begins_a_new_generation_and_tells_no_change(edit: dict[str, Any]) -> None:
    """B8: an edited watch begins a new generation and tells no change."""
    watch = make_watch(notify=["ops"], **edit)
    decision = judged(done(OTHER), KNOWN, watch)
    assert (decision.verdict, decision.notifications) == (Verdict.BASELINE, ())
    assert decision.reason == "first good result since the watch was changed"
    assert decision.state.generation == watch.fingerprint


def test_a_run_older_than_the_baseline_is_history_only() -> None:
    """B7: a run older than the baseline is history only."""
    for outcome, verdict in (
        (done(OTHER), Verdict.CHANGED),
        (done(GOOD), Verdict.UNCHANGED),
        (failed(), Verdict.FAILED),
    ):
        decision = judged(outcome, ANNOUNCED, id="Q9", due_at=NOW - timedelta(hours=2))
        assert decision.verdict is verdict
        assert (decision.state, decision.notifications, decision.retry) == (ANNOUNCED, (), None)
        assert decision.reason.startswith("older than the baseline, history only (")


def test_an_older_occurrence_that_looked_later_is_judged_as_any_other() -> None:
    """A run by hand at 12:00:05 took the baseline; the occurrence of 12:00:00 was opened at 12:00:10."""
    decision = judged(done(OTHER), due_at=NOW - timedelta(hours=2))
    assert decision.verdict is Verdict.CHANGED
    assert decision.state.baseline is not None
    assert decision.state.baseline.run == "R1"
    assert [note.kind for note in decision.notifications] == [Kind.CHANGE]


def test_a_baseline_from_the_future_silences_nothing() -> None:
    """A clock that was ahead and was set right: runs are due before the baseline, and a change is told all the same."""
    assert KNOWN.baseline is not None
    ahead = replace(KNOWN, baseline=replace(KNOWN.baseline, due_at=NOW + timedelta(days=365)))
    decision = judged(done(OTHER), ahead)
    assert decision.verdict is Verdict.CHANGED
    assert [note.kind for note in decision.notifications] == [Kind.CHANGE]


@pytest.mark.parametrize("outcome", [done(GOOD), done(OTHER), done({}), failed(), failed(retryable=True)])
def test_a_dry_run_touches_nothing(outcome: Outcome) -> None:
    for state in (FRESH, KNOWN, ANNOUNCED):
        decision = judged(outcome, state, dry=True)
        assert (decision.state, decision.notifications, decision.retry) == (state, (), None)


def test_a_change_is_told_once_to_each_target_in_order() -> None:
    (note,) = judged(done(OTHER)).notifications
    assert (note.kind, note.targets) == (Kind.CHANGE, ("ops", "deals", "boss"))
    assert [(c.path, c.before, c.after) for c in note.changes] == [("/price", 499.0, 449.0)]


def test_a_baseline_is_told_only_to_those_who_want_it() -> None:
    """B9: a baseline is told only to those who want it."""
    assert [n.kind for n in judged(done(GOOD), FRESH).notifications] == [Kind.BASELINE]
    assert judged(done(GOOD), FRESH, make_watch(notify=["ops"])).notifications == ()


def test_nobody_is_told_where_no_rule_matches() -> None:
    watch = make_watch(notify=[{"to": ["ops"], "on": ["baseline"]}])
    state = replace(KNOWN, generation=watch.fingerprint, failures=5, incident=FAILING.incident)
    for outcome in (done(OTHER), done(GOOD), failed()):
        assert judged(outcome, state, watch).notifications == ()


def test_a_failure_is_told_once_after_failing_after_failures() -> None:
    state, told = KNOWN, []
    for _ in range(5):
        decision = judged(failed(hint="try stealth"), state)
        state = decision.state
        told.append([(n.kind, n.failures, n.hint) for n in decision.notifications])
    assert told == [[], [(Kind.FAILURE, 2, "try stealth")], [], [], []]
    assert state.failures == 5
    assert state.incident == Incident("E1", NOW, "SITE", announced=True, told_at=NOW, codes=("SITE",))


@pytest.mark.parametrize("code", [Code.AUTH, Code.BILLING, Code.FORBIDDEN, Code.CONFIG, Code.SECRET])
def test_what_only_a_person_can_mend_is_told_at_once(code: Code) -> None:
    (note,) = judged(failed(code)).notifications
    assert (note.kind, note.code, note.since, note.failures) == (Kind.FAILURE, code.value, NOW, 1)


def test_a_new_code_inside_an_announced_incident_is_told_again() -> None:
    decision = judged(done({}), ANNOUNCED)
    (note,) = decision.notifications
    assert (note.kind, note.code, note.since) == (Kind.FAILURE, "GOAL", NOW - timedelta(minutes=30))
    assert note.hint
    assert judged(done({}), decision.state).notifications == ()


def test_a_new_code_inside_a_quiet_incident_keeps_the_incident() -> None:
    decision = judged(done({}), replace(FAILING, failures=0))
    assert decision.state.incident == Incident("I0", NOW - timedelta(minutes=30), "GOAL")


def test_recovery_is_told_once_and_only_of_an_announced_incident() -> None:
    back = judged(done(GOOD), ANNOUNCED)
    (note,) = back.notifications
    assert (note.kind, note.since, note.failures, note.code) == (Kind.RECOVERY, NOW - timedelta(minutes=30), 3, "SITE")
    assert (back.state.failures, back.state.incident) == (0, None)
    assert judged(done(GOOD), back.state).notifications == ()
    assert judged(done(GOOD), FAILING).notifications == ()
    assert judged(done(GOOD), FAILING).state.incident is None


def test_recovery_and_change_of_one_run_are_both_told() -> None:
    both = judged(done(OTHER), ANNOUNCED).notifications
    assert [n.kind for n in both] == [Kind.RECOVERY, Kind.CHANGE]
    assert len({n.event for n in both}) == 2


@pytest.mark.parametrize(
    ("fault", "limits", "again"),
    [
        (Fault(Code.TIMEOUT, "slow"), {}, False),
        (Fault(Code.TIMEOUT, "slow"), {"retries": 1}, True),
        (Fault(Code.AGENT, "odd", category="UNKNOWN"), {}, False),
        (Fault(Code.AGENT, "odd", category="UNKNOWN"), {"retries": 2}, True),
        (Fault(Code.SITE, "blocked"), {"retries": 5}, False),
        (Fault(Code.AGENT, "gave up", category="AGENT_FAILURE"), {"retries": 5}, False),
        (Fault(Code.AGENT, "busy", retryable=True), {}, True),
        (Fault(Code.AGENT, "busy", retryable=True), {"retries": 0}, False),
    ],
)
def test_a_paid_retry_follows_only_what_it_may_help(fault: Fault, limits: dict[str, Any], again: bool) -> None:
    """interface.md, "Defaults": SYSTEM_FAILURE and SERVICE_BUSY; TIMEOUT and UNKNOWN where retries are set."""
    decision = judged(Failed(fault=fault), KNOWN, make_watch(limits=limits))
    assert (decision.retry is not None) is again


@pytest.mark.parametrize(
    ("asked", "waits"), [(None, 10), (5, 5), (0, 1), (-3, 1), (1e9, 3600), (float("nan"), 10), (float("inf"), 10)]
)
def test_a_retryable_failure_is_tried_again_and_does_not_count_yet(asked: float | None, waits: float) -> None:
    decision = judged(failed(Code.AGENT, retryable=True, retry_after=asked), FAILING)
    assert decision.retry is not None
    assert decision.retry.at == NOW + timedelta(seconds=waits)
    assert (decision.state, decision.notifications) == (FAILING, ())
    assert decision.reason == f"the site said no; tried again in {waits} s"


def test_the_second_attempt_counts() -> None:
    decision = judged(failed(Code.AGENT, retryable=True), FAILING, attempt=2, trigger=Trigger.RETRY)
    assert decision.retry is None
    assert decision.state.failures == 2
    assert [n.kind for n in decision.notifications] == [Kind.FAILURE]


def test_a_cancelled_run_is_never_tried_again() -> None:
    assert judged(Cancelled(fault=Fault(Code.AGENT, "x", retryable=True))).retry is None


def test_a_schema_that_cannot_be_compiled_fails_with_config() -> None:
    for schema in (
        {"properties": {"a": {"pattern": "(?=a)"}}},
        {"$ref": "http://127.0.0.1:9/x"},
        {"properties": {"a": {"type": "strng"}}},
    ):
        decision = judged(done({"a": "x"}), FRESH, make_watch(output_schema=schema))
        assert (decision.verdict, decision.code) == (Verdict.FAILED, "CONFIG")
        assert "output_schema cannot be used" in decision.reason


def test_a_baseline_that_cannot_be_compared_is_a_verdict_and_no_crash() -> None:
    state = replace(KNOWN, baseline=replace(BASELINE, result={"price": float("nan"), "in_stock": True}))
    decision = judged(done(GOOD), state)
    assert (decision.verdict, decision.code) == (Verdict.FAILED, "INTERNAL")


FAULTS = st.builds(
    Fault,
    st.sampled_from(list(Code)),
    st.text(max_size=20),
    retryable=st.booleans(),
    retry_after=st.none() | st.floats(),
)
RESULTS = st.sampled_from([GOOD, OTHER, {}, None, "x", {"price": 1}, {"status": "failed", "reason": "r"}]) | JSON
OUTCOMES = st.builds(Completed, result=RESULTS) | st.one_of(
    *(st.builds(kind, fault=st.none() | FAULTS) for kind in (Failed, Cancelled, TimedOut, NotStarted))
)
STATES = st.builds(
    WatchState,
    generation=st.sampled_from(["", "old", WATCH.fingerprint]),
    baseline=st.none()
    | st.builds(Baseline, st.just("R0"), st.sampled_from([BASELINE.due_at, NOW + timedelta(1)]), RESULTS),
    failures=st.integers(0, 4),
    incident=st.none()
    | st.builds(Incident, st.just("I0"), st.just(NOW), st.sampled_from(["SITE", "GOAL"]), st.booleans()),
)


@settings(deadline=None, max_examples=150)
@given(OUTCOMES, STATES, st.booleans(), st.integers(1, 3))
def test_every_outcome_in_every_state_is_decided(outcome: Outcome, state: WatchState, dry: bool, attempt: int) -> None:
    decision = judged(outcome, state, dry=dry, attempt=attempt)
    assert decision.reason
    assert "\n" not in decision.reason
    assert len(decision.reason) <= 600
    assert decision.verdict in {Verdict.BASELINE, Verdict.UNCHANGED, Verdict.CHANGED, Verdict.INVALID, Verdict.FAILED}
    assert decision.verdict.bad is (decision.code is not None)
    assert (decision.verdict is Verdict.CHANGED) is bool(decision.changes)
    if decision.verdict.bad:
        assert decision.state.baseline == state.baseline
    assert len({note.event for note in decision.notifications}) == len(decision.notifications)


@settings(deadline=None, max_examples=100)
@given(st.lists(OUTCOMES, max_size=12))
def test_over_any_history_baseline_is_last_good_and_recoveries_follow_failures(outcomes: list[Outcome]) -> None:
    """B1: over any history baseline is last good and recoveries follow failures."""
    state, good, open_failure = WatchState(), None, False
    for number, outcome in enumerate(outcomes):
        due = NOW + timedelta(minutes=number)
        decision = decide(WATCH, run(id=f"R{number}", due_at=due, attempt=2), outcome, state, due, events())
        kinds = [note.kind for note in decision.notifications]
        if decision.verdict in {Verdict.BASELINE, Verdict.CHANGED}:
            good = decision.result
        assert (Kind.RECOVERY in kinds) is (open_failure and decision.verdict.good)
        open_failure = decision.verdict.bad and (open_failure or Kind.FAILURE in kinds)
        state = decision.state
        assert (state.baseline.result if state.baseline else None) == good
        assert bool(state.incident) is (state.failures > 0)
