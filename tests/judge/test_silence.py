"""`stale_after`: no valid result for that long is told once, whatever the reason, until one comes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from monitor.agent.outcome import Code, Completed, Failed, Fault
from monitor.judge.decide import decide
from monitor.judge.decision import Baseline, Incident, Kind, WatchState
from monitor.judge.silence import stale
from monitor.watch.run import Run
from tests.conftest import make_watch

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
WATCH = make_watch(stale_after="3d", notify=["ops", {"to": "nobody", "on": ["change"]}])
GOOD = {"price": 499.0, "in_stock": True}


def quiet_for(time: timedelta) -> WatchState:
    return WatchState(WATCH.fingerprint, Baseline("R0", NOW - time, GOOD), last_good_at=NOW - time)


def test_it_is_told_once_to_whom_the_rules_name() -> None:
    state, told = stale(WATCH, quiet_for(3 * DAY), NOW, lambda: "E1")
    assert [(note.kind, note.targets, note.since) for note in told] == [(Kind.STALE, ("ops",), NOW - 3 * DAY)]
    assert stale(WATCH, state, NOW + 9 * DAY, lambda: "E2") == (state, ())


def test_it_is_not_told_a_moment_too_early() -> None:
    state = quiet_for(3 * DAY - timedelta(microseconds=1))
    assert stale(WATCH, state, NOW, lambda: "E1") == (state, ())


def test_a_watch_that_never_gave_a_result_is_counted_from_its_first_failure() -> None:
    state = WatchState(failures=4, incident=Incident("I0", NOW - 4 * DAY, "SITE", announced=True))
    assert [note.since for note in stale(WATCH, state, NOW, lambda: "E1")[1]] == [NOW - 4 * DAY]
    assert stale(WATCH, WatchState(), NOW, lambda: "E1") == (WatchState(), ())


def test_a_failing_run_tells_it_and_a_valid_result_ends_it() -> None:
    run = Run("R1", WATCH.name, NOW)
    refused = Failed(fault=Fault(Code.SITE, "the site said no"))
    failing = decide(WATCH, run, refused, quiet_for(5 * DAY), NOW, lambda: "E")
    assert [note.kind for note in failing.notifications] == [Kind.STALE]
    assert [(look.rule, look.told) for look in failing.looks] == [("notify[0]", True), ("notify[1]", False)]
    later = NOW + DAY
    mended = decide(WATCH, Run("R2", WATCH.name, later), Completed("r", result=GOOD), failing.state, later, lambda: "E")
    assert not mended.state.stale_told


def test_nobody_who_wants_to_know_means_no_message() -> None:
    watch = make_watch(notify=[{"to": "ops", "on": ["change"]}])
    state, told = stale(watch, quiet_for(4 * DAY), NOW, lambda: "E1")
    assert (state.stale_told, told) == (True, ())
