"""Ceilings, stops, the shared pause and what is told once: decided where the run would begin, for all processes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.agent.outcome import Code
from monitor.errors import StoreConflict
from monitor.judge.decision import Verdict, WatchState
from monitor.store.records import Begun, EndedStop, Existing, NewStop, Notice, Refused, StartLimits, Stop
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
    letter,
    make_run,
    retry_of,
    whole,
)
from tests.store.test_store_contention import line, process

MIDNIGHT = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
NO_LIMITS = StartLimits(None, None, MIDNIGHT, "k1")


def attempt(store: Store, run: Run, now: datetime = NOW, **limits: Any) -> Begun | Existing | Refused:
    found = replace(NO_LIMITS, **limits)
    return store.begin_run(run, goal="g", generation="g1", owner=OWNER, now=now, limits=found)


def stop(store: Store, kind: Any = "billing", run: Run | None = None, now: datetime = NOW, *letters: Any) -> bool:
    by = run or whole_run(store)
    message = "out of\ncredits"
    return store.open_stop(
        kind, code=kind.upper(), message=message, run=by.id, key_digest="k1", now=now, deliveries=letters
    )


def whole_run(store: Store) -> Run:
    """A run of another watch, judged long ago."""
    run = make_run(-9_999, watch="another")
    if store.record(run.id) is None and not store.history("another"):
        finish(store, begin(store, run, now=at(-9_999)), good(run))
    found = store.history("another")[0]
    return replace(run, id=found.id)


# Ceilings


def by_the_clock(store: Store, minute: int) -> None:
    whole(store, run := make_run(minute), good(run))


def by_hand(store: Store, minute: int) -> None:
    whole(store, run := make_run(minute, trigger=Trigger.MANUAL), good(run))


def dry(store: Store, minute: int) -> None:
    whole(store, run := make_run(minute, dry=True), good(run))


def to_confirm(store: Store, minute: int) -> None:
    whole(store, run := make_run(minute, trigger=Trigger.CONFIRM), good(run))


def failing(store: Store, minute: int) -> None:
    finish(store, begin(store, run := make_run(minute)), bad(run, WatchState()), outcome=failed())


@pytest.mark.parametrize("spend", [by_the_clock, by_hand, dry, to_confirm, failing])
def test_every_run_that_was_begun_counts(store: Store, spend: Any) -> None:
    """A5: every run that was begun counts."""
    for minute in range(3):
        spend(store, minute)
    assert isinstance(attempt(store, make_run(30), per_watch=4, in_all=4), Begun)
    answer = attempt(store, make_run(30, watch="other"), per_watch=4, in_all=4)
    why = "4 of 4 runs a day of all watches are used up since 2026-11-21T00:00:00Z"
    assert answer == Refused("CEILING", why, whole=True)


def test_a_watch_has_a_ceiling_of_its_own(store: Store) -> None:
    """A5: a watch has a ceiling of its own."""
    by_the_clock(store, 0)
    by_the_clock(store, 1)
    answer = attempt(store, make_run(30), per_watch=2)
    assert answer == Refused("CEILING", "2 of 2 runs a day of espresso are used up since 2026-11-21T00:00:00Z")
    assert store.in_flight() == []
    assert isinstance(attempt(store, make_run(30, watch="other"), per_watch=2), Begun)


def test_what_did_not_run_and_what_ran_yesterday_is_free(store: Store) -> None:
    run = make_run(-24 * 60)
    finish(store, begin(store, run, now=at(-24 * 60)), good(run))
    store.record_skip("espresso", at(1), Trigger.CRON, Verdict.SKIPPED, "OVERLAP", "x", NOW)
    attempt(store, make_run(2), per_watch=0)  # was refused: free too
    assert isinstance(attempt(store, make_run(3), per_watch=1, in_all=1), Begun)


def test_a_ceiling_of_none_at_all_refuses_everything(store: Store) -> None:
    assert attempt(store, make_run(), per_watch=0) == Refused(
        "CEILING", "0 of 0 runs a day of espresso are used up since 2026-11-21T00:00:00Z"
    )


def test_a_recorded_occurrence_and_a_running_watch_are_answered_first(store: Store) -> None:
    run = make_run()
    whole(store, run, good(run))
    stop(store)
    tight = {"per_watch": 1, "in_all": 1}
    recorded = attempt(store, replace(run, id=new_id(NOW)), **tight)
    assert isinstance(recorded, Existing)
    assert recorded.reason == "recorded"
    begin(store, make_run(1))
    running = attempt(store, make_run(2), **tight)
    assert isinstance(running, Existing)
    assert running.reason == "running"
    refused = attempt(store, make_run(2, watch="other"), **tight)
    assert isinstance(refused, Refused)
    assert refused.code == "BREAKER"  # before the ceiling, which is reached too


def test_the_same_call_again_is_the_same_beginning_also_at_the_ceiling(store: Store) -> None:
    run = make_run()
    assert attempt(store, run, per_watch=1) == attempt(store, run, per_watch=1) == Begun(run)


def test_a_run_that_is_refused_leaves_no_row_and_its_retry_waits_on(store: Store) -> None:
    run = begin(store, make_run())
    retry, again = retry_of(run, 3)
    store.commit(run, failed(), bad(run, WatchState(), retry=retry), [], now=NOW, later=again)
    assert isinstance(attempt(store, again, per_watch=1), Refused)
    assert store.waiting_retry("espresso") == (again, at(3))
    assert store.record(again.id) is None
    assert attempt(store, again, per_watch=2) == Begun(again)


# Stops


def test_a_stop_keeps_every_run_from_starting_and_says_why(opener: Opener) -> None:
    store = opener()
    assert stop(store, "auth")
    (found,) = opener().stops()
    assert found == Stop("auth", "AUTH", "out of\ncredits", NOW, at(5), "k1", found.run)
    answer = attempt(opener(), make_run())
    assert answer == Refused(
        "BREAKER", "AUTH since 2026-11-21T12:00:00.123Z: out of credits; looked at again at 2026-11-21T12:05:00.123Z"
    )
    assert isinstance(attempt(store, make_run(), now=at(600)), Refused)  # an AUTH stop is not probed by runs


def test_a_run_without_limits_is_not_stopped(store: Store) -> None:
    stop(store)
    begin(store, make_run())


def test_an_auth_stop_of_another_key_is_closed_by_the_run_that_starts(store: Store) -> None:
    stop(store, "auth")
    assert attempt(store, make_run(), key_digest="k2") == Begun(make_run_like(store))
    assert store.stops() == []


def make_run_like(store: Store) -> Run:
    (left,) = store.in_flight()
    return left.run


def test_a_new_key_does_not_fill_the_purse(store: Store) -> None:
    stop(store, "billing")
    stop(store, "auth")
    answer = attempt(store, make_run(), key_digest="k2")
    assert isinstance(answer, Refused)
    assert answer.reason.startswith("BILLING")
    assert [each.kind for each in store.stops()] == ["billing"]


def test_one_run_an_hour_finds_out_whether_the_purse_is_full_again(store: Store) -> None:
    """A6: one run an hour finds out whether the purse is full again."""
    stop(store)
    assert isinstance(attempt(store, make_run(59), now=at(59)), Refused)
    assert isinstance(attempt(store, make_run(60), now=at(60)), Begun)
    assert store.stops()[0].probe_at == at(120)
    assert isinstance(attempt(store, make_run(60, watch="other"), now=at(60)), Refused)
    assert isinstance(attempt(store, make_run(121, watch="other"), now=at(121)), Begun)


def test_a_probe_that_the_ceiling_refuses_is_not_used_up(store: Store) -> None:
    stop(store)
    assert isinstance(attempt(store, make_run(60), now=at(60), per_watch=0), Refused)
    assert isinstance(attempt(store, make_run(61), now=at(61)), Begun)


def test_who_asks_by_hand_passes_every_stop_but_no_ceiling(store: Store) -> None:
    stop(store)
    stop(store, "auth")
    refused = attempt(store, make_run(), probe=True, per_watch=0)
    assert isinstance(refused, Refused)
    assert refused.code == "CEILING"
    assert isinstance(attempt(store, make_run(1), now=at(1), probe=True), Begun)
    assert {each.kind: each.probe_at for each in store.stops()} == {"auth": at(6), "billing": at(61)}


def test_a_stop_opens_once_and_is_told_once(store: Store) -> None:
    """A6: a stop opens once and is told once."""
    run = whole_run(store)
    assert stop(store, "billing", run, NOW, letter("e1"), letter("e1", "deals"))
    assert not stop(store, "billing", run, at(1), letter("e2"))
    assert [(each.event, each.watch, each.run) for each in store.outbox()] == [("e1", "", run.id)] * 2
    assert store.stops()[0].opened_at == NOW
    assert store.close_stop("billing", now=at(2), deliveries=[letter("e3")])
    assert not store.close_stop("billing", now=at(3), deliveries=[letter("e4")])
    assert [each.event for each in store.outbox()] == ["e3", "e1", "e1"]
    assert store.stops() == []
    assert stop(store, "billing", run, at(4))


def test_a_stop_of_a_run_that_is_not_judged_yet_is_no_damage(store: Store) -> None:
    run = begin(store, make_run())
    assert stop(store, "auth", run, NOW, letter("e1"))
    assert store.integrity() == []


@pytest.mark.parametrize("as_dry", [False, True])
def test_a_run_stops_all_others_in_the_transaction_of_its_record(store: Store, as_dry: bool) -> None:
    run, late = begin(store, make_run(dry=as_dry)), begin(store, make_run(1, watch="late"))
    out_of = NewStop("billing", "BILLING", "402", "k1", (letter("stop1"),))
    refused = bad(run, WatchState(), code="BILLING")
    finish(store, run, refused, outcome=failed(Code.BILLING), stops=[out_of])
    again = replace(out_of, deliveries=(letter("stop2"),))
    finish(store, late, bad(late, WatchState()), outcome=failed(Code.BILLING), stops=[again])
    (found,) = store.stops()
    assert (found.run, found.message) == (run.id, "402")
    assert [each.event for each in store.outbox()] == ["stop1"]


def test_a_record_that_is_refused_opens_no_stop(store: Store) -> None:
    run = begin(store, make_run())
    stolen = good(run, state=good(make_run(5)).state)
    with pytest.raises(StoreConflict):
        finish(store, run, stolen, stops=[NewStop("auth", "AUTH", "401", "k1", (letter("e1"),))])
    assert store.stops() == []
    assert store.outbox() == []


def test_only_a_run_that_began_after_a_stop_proves_that_it_is_over(store: Store) -> None:
    early = begin(store, make_run(), now=at(0))
    stop(store, "billing", whole_run(store), at(1))
    over = EndedStop("billing", (letter("over"),))
    finish(store, early, good(early), stops=[over, EndedStop("auth")])
    assert [each.kind for each in store.stops()] == ["billing"]
    assert store.outbox() == []
    probe = make_run(61)
    assert isinstance(attempt(store, probe, now=at(61)), Begun)
    finish(store, probe, good(probe, Verdict.CHANGED), stops=[over, EndedStop("auth", (letter("never"),))])
    assert store.stops() == []
    assert [(each.event, each.watch) for each in store.outbox()] == [("over", "")]


def test_one_of_all_that_ask_looks_at_a_stop(opener: Opener) -> None:
    stop(opener(), "auth")
    stores = [opener(), opener()]
    assert [each.claim_probe("auth", at(4)) for each in stores] == [False, False]
    assert [each.claim_probe("auth", at(5)) for each in stores] == [True, False]
    assert not opener().claim_probe("billing", at(99))


RACE = """
from tests.store.test_store_stops import attempt, stop, NO_LIMITS
from monitor.store.records import Refused
print("ready", flush=True)
sys.stdin.readline()
for minute in range(30):
    name = sys.argv[2]
    if sys.argv[3] == "ceiling":
        answer = attempt(store, make_run(minute, watch=f"{name}{minute}"), in_all=17)
    elif sys.argv[3] == "probe":
        answer = attempt(store, make_run(minute, watch=f"{name}{minute}"), now=at(60 * (1 + minute // 10)))
    else:
        kind = ("auth", "billing")[minute % 2]
        row = store.history("another")[0].id
        won = store.open_stop(kind, code="X", message="m", run=row, key_digest=None, now=NOW,
                              deliveries=[letter(f"{name}{minute}")])
        answer = Begun(None) if won else None
    if isinstance(answer, Begun):
        print(minute, flush=True)
print("end", flush=True)
"""


@pytest.mark.parametrize(("what", "expected"), [("ceiling", 17), ("probe", 3), ("open", 2)])
def test_of_two_processes_no_more_than_allowed_get_through(opener: Opener, what: str, expected: int) -> None:
    """reliability.md A5, A6: counted and decided under the write lock."""
    store = opener()
    whole_run(store)
    if what == "probe":
        stop(store)
    path = opener.url
    with process(RACE, path, "one", what) as one, process(RACE, path, "two", what) as other:
        assert line(one) == line(other) == "ready"
        for child in (one, other):
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        won = [[*iter(lambda child=child: line(child), "end")] for child in (one, other)]  # type: ignore[misc]
    assert len(won[0] + won[1]) == expected
    assert len(store.in_flight()) == (0 if what == "open" else expected)
    assert len(store.outbox()) == (2 if what == "open" else 0)


def test_a_kill_does_not_reset_a_ceiling(opener: Opener) -> None:
    """reliability.md A5: counted from committed rows."""
    opener()
    program = """
from tests.store.test_store_stops import attempt
for number in range(10**6):
    if isinstance(attempt(store, make_run(number, watch=f"w{number}"), in_all=5), Begun):
        print(number, flush=True)
"""
    for _ in range(2):
        with process(program, opener.url) as child:
            line(child)
            child.kill()
            child.wait()
    store = opener()
    answers = [attempt(store, make_run(number, watch=f"v{number}"), in_all=5) for number in range(9)]
    assert store.runs_since(None, MIDNIGHT) == 5
    assert isinstance(answers[-1], Refused)


# Told once


def test_a_notice_is_told_once(store: Store) -> None:
    run = whole_run(store)
    assert store.tell_once("ceiling:espresso:2026-11-21", [letter("e1")], run.id, NOW, watch="espresso")
    assert not store.tell_once("ceiling:espresso:2026-11-21", [letter("e2")], run.id, at(1), watch="espresso")
    assert store.tell_once("ceiling:espresso:2026-11-22", [letter("e3")], run.id, at(2), watch="espresso")
    assert [(each.event, each.watch) for each in store.outbox()] == [("e3", "espresso"), ("e1", "espresso")]


def test_a_skip_and_its_notice_are_one(store: Store) -> None:
    def skipped(minute: int, event: str) -> Any:
        notice = Notice("ceiling:espresso", (letter(event),))
        return store.record_skip(
            "espresso", at(minute), Trigger.CRON, Verdict.SKIPPED, "CEILING", "2 of 2", NOW, notice=notice
        )

    first = skipped(0, "e1")
    assert skipped(0, "e2") is None
    assert skipped(1, "e3") is not None
    assert [(each.event, each.run, each.watch) for each in store.outbox()] == [("e1", first.id, "espresso")]
    assert store.integrity() == []


# The pause


def test_a_pause_is_shared_ends_and_is_at_most_an_hour(opener: Opener) -> None:
    store = opener()
    assert store.paused_until(NOW) is None
    store.pause_until(at(5), NOW)
    assert opener().paused_until(NOW) == at(5)
    store.pause_until(at(3), NOW)
    assert store.paused_until(NOW) == at(5)
    assert store.paused_until(at(5)) is None
    store.pause_until(at(600), at(6))
    assert store.paused_until(at(6)) == at(66)


def test_a_clock_that_is_stepped_back_does_not_pause_for_ever(store: Store) -> None:
    store.pause_until(at(60), NOW)
    before = at(-600)
    assert store.paused_until(before) == before + timedelta(hours=1)
    store.pause_until(before + timedelta(minutes=1), before)
    assert store.paused_until(before + timedelta(minutes=30)) == before + timedelta(hours=1)
    assert store.paused_until(before + timedelta(hours=1)) is None


@pytest.fixture(scope="module")
def one_store(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with Store.open(str(tmp_path_factory.mktemp("store") / "monitor.db")) as store:
        yield store


names = iter(f"w{number}" for number in range(10**9))


@settings(deadline=None, max_examples=25)
@given(pauses=st.lists(st.integers(-90, 90), min_size=1, max_size=6))
def test_the_later_of_all_pauses_wins(one_store: Store, pauses: list[int]) -> None:
    base = NOW + timedelta(days=next(days))
    for minutes in pauses:
        one_store.pause_until(base + timedelta(minutes=minutes), base)
    latest = min(60, max(pauses))
    expected = None if latest <= 0 else base + timedelta(minutes=latest)
    assert one_store.paused_until(base) == expected


days = iter(range(10**9))


@settings(deadline=None, max_examples=20)
@given(
    ceiling=st.integers(0, 5),
    in_all=st.integers(0, 9),
    wanted=st.lists(st.tuples(st.sampled_from("ab"), st.booleans()), max_size=14),
)
def test_never_more_than_the_ceiling(
    one_store: Store, ceiling: int, in_all: int, wanted: list[tuple[str, bool]]
) -> None:
    name, start = next(names), NOW + timedelta(days=10 + next(days))
    begun = {"a": 0, "b": 0}
    for number, (which, is_dry) in enumerate(wanted):
        now = start + timedelta(minutes=number)
        run = Run(new_id(now), f"{name}-{which}", now, trigger=Trigger.MANUAL, dry=is_dry)
        answer = attempt(one_store, run, now=now, per_watch=ceiling, in_all=in_all, day_start=start)
        may = begun[which] < ceiling and sum(begun.values()) < in_all
        assert isinstance(answer, Begun) is may
        if may:
            finish(one_store, run, replace(good(run, Verdict.CHANGED), state=WatchState()), outcome=completed())
            begun[which] += 1
