"""`confirm`: a change is told only when enough good results in a row agree, and a flap that goes back never is."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.agent.outcome import Code, Completed, Failed, Fault, Outcome
from monitor.judge.decide import decide
from monitor.judge.decision import Decision, Kind, Verdict, WatchState
from monitor.watch.model import Watch
from monitor.watch.run import Run
from tests.conftest import make_watch

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def confirming(runs: int = 2, **fields: Any) -> Watch:
    return make_watch(confirm={"runs": runs, "every": "3m"}, notify=["ops"], drift=False, **fields)


def told(watch: Watch, answers: Iterable[Any]) -> list[Decision]:
    """Judge one answer an hour; a number is a price, None is a run that failed."""
    state, found = WatchState(), []
    for number, answer in enumerate(answers):
        outcome: Outcome = Completed(run_id="r", result={"price": answer, "in_stock": True})
        if answer is None:
            outcome = Failed(fault=Fault(Code.SITE, "the site said no"))
        events = (f"E{number}-{each}" for each in itertools.count())
        now = NOW + number * HOUR
        decision = decide(watch, Run(f"R{number:03}", watch.name, now), outcome, state, now, lambda: next(events))  # noqa: B023 - called at once
        state = decision.state
        found.append(decision)
    return found


def verdicts(decisions: Iterable[Decision]) -> list[str]:
    return [str(decision.verdict) for decision in decisions]


def test_a_change_is_told_when_two_runs_agree_and_asks_for_the_second_by_itself() -> None:
    first, waits, confirmed, after = told(confirming(), [499, 449, 449, 449])
    assert verdicts([first, waits, confirmed, after]) == ["BASELINE", "UNCONFIRMED", "CHANGED", "UNCHANGED"]
    assert (waits.notifications, waits.reason) == ((), "1 of 2 runs agree: price 499 -> 449")
    assert waits.check is not None
    assert waits.check.at == NOW + HOUR + timedelta(minutes=3)
    assert waits.state.baseline == first.state.baseline, "UNCONFIRMED never moves the baseline"
    assert [note.kind for note in confirmed.notifications] == [Kind.CHANGE]
    assert (confirmed.check, confirmed.state.pending) == (None, None)
    assert [change.before for change in confirmed.changes] == [499]


def test_a_flap_that_goes_back_is_recorded_and_not_told() -> None:
    decisions = told(confirming(), [499, 449, 499])
    assert verdicts(decisions) == ["BASELINE", "UNCONFIRMED", "UNCHANGED"]
    assert decisions[2].reason == "back to the baseline: 1 run showed a change that was not confirmed"
    assert not any(decision.notifications for decision in decisions)
    assert decisions[2].state.pending is None


def test_another_change_begins_to_be_counted_anew() -> None:
    assert verdicts(told(confirming(3), [499, 449, 449, 439, 439, 439])) == [
        *("BASELINE", "UNCONFIRMED", "UNCONFIRMED", "UNCONFIRMED", "UNCONFIRMED", "CHANGED")
    ]


def test_a_run_that_failed_says_nothing_for_or_against() -> None:
    decisions = told(confirming(), [499, 449, None, 449])
    assert verdicts(decisions) == ["BASELINE", "UNCONFIRMED", "FAILED", "CHANGED"]


def test_without_every_the_next_occurrence_confirms() -> None:
    watch = make_watch(confirm={"runs": 2}, drift=False)
    assert told(watch, [499, 449])[1].check is None


def test_an_edited_watch_forgets_what_waited() -> None:
    state = told(confirming(), [499, 449])[1].state
    edited = confirming(goal="Find the price now.")
    later = NOW + 9 * HOUR
    outcome = Completed(run_id="r", result={"price": 449, "in_stock": True})
    decision = decide(edited, Run("R9", edited.name, later), outcome, state, later, lambda: "E")
    assert (decision.verdict, decision.state.pending) == (Verdict.BASELINE, None)
    assert decision.reason == "first good result since the watch was changed"


@given(st.lists(st.sampled_from([499, 449, 439]), max_size=30), st.integers(2, 4))
@settings(deadline=None)
def test_a_price_is_told_exactly_when_it_stood_long_enough(prices: list[int], runs: int) -> None:
    """An independent reading: walk the prices, count how long each that differs from the last told one stands."""
    expected, base, standing, count = [], None, None, 0
    for price in prices:
        if base is None:
            base = price
            continue
        count = count + 1 if price == standing and price != base else 1
        standing = price
        if price != base and count >= runs:
            expected.append((base, price))
            base = price
    decisions = told(confirming(runs), prices)
    changes = [(each.changes[0].before, each.changes[0].after) for each in decisions if each.verdict is Verdict.CHANGED]
    assert changes == expected
    assert [bool(each.notifications) for each in decisions] == [each.verdict is Verdict.CHANGED for each in decisions]
