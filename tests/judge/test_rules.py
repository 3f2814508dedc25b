"""Rules over good results: what is told, what is silent, and why; against a plain re-telling of interface.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.agent.outcome import Code, Completed, Failed, Fault
from monitor.judge.conditions.check import SURROUNDINGS
from monitor.judge.conditions.history import gathered
from monitor.judge.conditions.rules import RuleValues, explained, look, reads_history, run_values, watch_values
from monitor.judge.decision import Change, Look, Memory, Verdict
from monitor.judge.verdict import Judgement
from monitor.watch.model import Rule
from monitor.watch.run import Run, Trigger
from tests.conftest import make_watch

START = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def rule(**fields: Any) -> Rule:
    return Rule.model_validate({"to": "ops", **fields})


@dataclass
class Told:
    """What a rule did over a path of results: its looks, by their place in the path."""

    looks: list[Look]
    memory: Memory | None

    @property
    def at(self) -> list[int]:
        return [index for index, one in enumerate(self.looks) if one.told]


def walk(one: Rule, results: Sequence[Any], tolerance: float = 0.0, memory: Memory | None = None) -> Told:
    """Run a rule over results, one a day; a price within `tolerance` of the baseline's is UNCHANGED."""
    looks, past = [], []
    baseline = first = None
    for index, price in enumerate(results):
        new = price if isinstance(price, dict) else {"price": price}
        now = START + DAY * index
        if baseline is None:
            verdict = Verdict.BASELINE
        else:
            priced = "price" in new and "price" in baseline
            same = new == baseline or (priced and abs((new["price"] or 0) - (baseline["price"] or 0)) <= tolerance)
            verdict = Verdict.UNCHANGED if same else Verdict.CHANGED
        change = Change("/price", "changed", (baseline or {}).get("price"), new.get("price"))
        values = RuleValues(
            new=new,
            old=baseline,
            first=first,
            changes=(change,) if verdict is Verdict.CHANGED else (),
            watch={"name": "espresso"},
            run={"run": f"run{index}", "trigger": "cron"},
            now=now,
            history=gathered(past, reads_history(one), now),
        )
        found, memory = look(one, 0, verdict, values, memory)
        looks.append(found)
        past.append((now, new))
        first = first or new
        baseline = new if verdict in {Verdict.BASELINE, Verdict.CHANGED} else baseline
    return Told(looks, memory)


def test_without_a_condition_every_change_is_told_and_nothing_else() -> None:
    told = walk(rule(), [100, 100, 90, 90, 100])
    assert told.at == [2, 4]
    assert told.memory == Memory(told={"price": 100}, run="run4")
    assert [one.why for one in told.looks[1:3]] == ["nothing changed", "the result changed"]


def test_a_slow_creep_of_four_percent_a_day_is_told_on_the_second_day() -> None:
    prices = [100 * 1.04**day for day in range(7)]
    assert walk(rule(when="new.price > told.price * 1.05"), prices).at == [2, 4, 6]


def test_a_slow_creep_within_tolerance_is_told_with_once() -> None:
    prices = [100, 102, 104, 106, 106.5]
    creep = "new.price > told.price * 1.05"
    assert walk(rule(when=creep), prices, tolerance=50).at == []
    assert walk(rule(when=creep, once=True), prices, tolerance=50).at == [3]


def test_a_price_that_stays_low_is_told_once() -> None:
    told = walk(rule(when="new.price < 90", once=True), [100, 89, 88, 87, 95, 80, 80])
    assert told.at == [1, 5]
    assert "told before; told again only after it was false" in told.looks[2].why


def test_without_once_every_change_while_it_is_low_is_told() -> None:
    assert walk(rule(when="new.price < 90"), [100, 89, 88, 88, 95, 80]).at == [1, 2, 5]


def test_a_band_keeps_a_flapping_price_quiet() -> None:
    prices = [100, 89, 91, 89, 96, 89, 89]
    assert walk(rule(when="new.price < 90", once=True), prices).at == [1, 3, 5]
    banded = walk(rule(when="new.price < 90", once=True, rearm="new.price > 95"), prices)
    assert banded.at == [1, 5]
    assert "only after `rearm` holds: new.price > 95" in banded.looks[3].why


def test_rearm_may_hold_while_the_condition_does() -> None:
    again = rule(when="new.price < 90", once=True, rearm="new.price < told.price * 0.9")
    assert walk(again, [100, 89, 85, 80, 79, 70]).at == [1, 3, 5]


def test_a_new_low_in_ninety_days_is_one_line() -> None:
    low = rule(when='new.price < low("/price", "90d")')
    assert walk(low, [100, 90, 95, 89]).at == [1, 3]
    assert walk(low, [50, *[100] * 89, 99, 98, 98]).at == [91]  # the 50 of the first day is 91 days ago by then


def test_a_condition_on_an_empty_history_is_not_met_and_says_so() -> None:
    told = walk(rule(when='new.price < low("/rare")'), [{"price": 9}, {"price": 8}, {"price": 7, "rare": 7}, 5])
    assert told.at == [3]
    assert told.looks[1].why == '`when` is not met: low("/rare") has nothing to look back on yet'
    assert told.looks[1].note is None


def test_what_holds_from_the_start_does_not_become_true() -> None:
    told = walk(rule(when="new.price < 90", once=True), [80, 80, 79, 95, 80])
    assert told.at == [4]
    assert "holds from the start" in told.looks[0].why
    assert walk(rule(when="new.price < 90", once=True), [95, 80]).at == [1]


def test_a_rule_that_comes_later_tells_what_holds_by_then() -> None:
    low = rule(when="new.price < 90", once=True)
    assert walk(low, [80, 80], memory=Memory()).at == [1]


def test_a_condition_that_cannot_be_evaluated_tells_every_change_with_the_error() -> None:
    told = walk(rule(when="new.price < 90"), [100, {"other": 1}, {"other": 1}, {"other": 2}, 95])
    assert told.at == [1, 3]
    assert told.looks[1].why == "`when` could not be evaluated: new.price < 90: there is no 'price'"
    assert told.looks[1].note == (
        "The condition could not be evaluated, so this is told: new.price < 90: there is no 'price'"
    )


def test_with_once_a_failure_is_told_once_while_nothing_changes() -> None:
    same = {"price": None}
    told = walk(rule(when="new.price < 90", once=True), [100, same, same, 80, 80, same, same], tolerance=500)
    assert told.at == [1, 3, 5]  # all within tolerance; the condition is met at 3 and was not told before
    assert told.looks[2].why.endswith("told already")
    assert (told.looks[5].note or "").startswith("The condition could not be evaluated, so this is told: new.price")


def test_with_once_a_failure_is_told_at_every_change() -> None:
    told = walk(rule(when="new.price < 90", once=True), [{"a": 1}, {"a": 1, "price": None}, {"b": 2, "price": None}])
    assert told.at == [1]
    changing = [{"price": 100}, {"x": 1, "price": None}, 80]
    assert walk(rule(when="new.price < 90", once=True), changing).at == [1, 2]


def test_a_failing_rearm_is_as_if_there_were_none() -> None:
    told = walk(rule(when="new.price < 90", once=True, rearm="new.nope > 1"), [100, 80, 79, 95, 80])
    assert told.at == [1, 4]
    assert "`rearm` could not be evaluated" in told.looks[2].why


def test_a_rearm_without_history_is_not_met() -> None:
    assert walk(rule(when="new.price < 90", once=True, rearm='low("/x") > 1'), [100, 80, 95, 80]).at == [1]


def test_a_condition_that_gives_no_boolean_tells_with_the_error() -> None:
    told = walk(rule(when="new.price"), [100, 80])
    assert told.at == [1]
    assert told.looks[1].note == (
        "The condition could not be evaluated, so this is told: new.price: gives no true or false"
    )


def test_a_condition_that_does_not_compile_tells_with_the_error() -> None:
    told = walk(rule(when="new.price <"), [100, 80])
    assert told.at == [1]
    assert "column 12" in (told.looks[1].note or "")


def test_the_baseline_is_told_to_who_asks_and_remembered() -> None:
    told = walk(rule(on=["baseline", "change"], when="new.price < told.price"), [100, 99])
    assert [(one.kind, one.told) for one in told.looks] == [("baseline", True), ("change", True)]
    silent = walk(rule(on=["failure"]), [100, 99])
    assert [(one.kind, one.told) for one in silent.looks] == [("baseline", False), ("change", False)]
    assert silent.memory == Memory()


@pytest.mark.parametrize("verdict", [Verdict.UNCONFIRMED, Verdict.INVALID])
def test_what_is_not_confirmed_is_not_looked_at(verdict: Verdict) -> None:
    values = RuleValues({"price": 1}, {"price": 2}, None, (), {}, {}, START)
    found, memory = look(rule(when="true", once=True), 3, verdict, values, None)
    assert (found.rule, found.told) == ("notify[3]", False)
    assert memory == Memory()


def test_conditions_see_changes_run_watch_old_and_first() -> None:
    when = (
        "changes[0].before == 100 && changes.exists(c, c.path == '/price') && run.trigger == 'cron'"
        " && watch.name == 'espresso' && old.price == 100 && first.price == 100 && told.price == 100 && now > "
        "timestamp('2026-11-01T00:00:00Z')"
    )
    assert walk(rule(when=when), [100, 80]).at == [1]


def test_what_a_rule_looks_back_on_is_known() -> None:
    one = rule(when='new.price < low("/price") * mean("/a~1b", "3d")', once=True, rearm='since("/c", 1) == null')
    assert reads_history(one) == {"/price", "/a~1b", "/c"}
    assert reads_history(rule()) == frozenset()
    assert reads_history(rule(when="new.price <")) == frozenset()


def test_a_watch_is_shown_to_conditions_without_its_run_options() -> None:
    shown = watch_values(make_watch(tags=["kitchen"], run={"webhook_url": "https://hooks.example/secret"}))
    assert shown["tags"] == ["kitchen"]
    assert shown["url"] == "https://shop.example/espresso-machine"
    assert "secret" not in str(shown)


def test_a_run_is_shown_to_conditions_as_run_json_has_it() -> None:
    run = Run("01J", "espresso", START, 1, Trigger.CRON)
    outcome = Completed(run_id="r1", steps=4, started_at=START, finished_at=START + timedelta(milliseconds=1500))
    judged = Judgement(
        Verdict.CHANGED, "price moved", result={"price": 1}, changes=(Change("/price", "added", None, 1),)
    )
    shown = run_values(run, outcome, judged, START)
    assert set(shown) == set(SURROUNDINGS["run"]["properties"])
    assert (shown["due_at"], shown["finished_at"]) == ("2026-11-01T12:00:00Z", "2026-11-01T12:00:01.500Z")
    assert shown["outcome"] == {"kind": "completed", "code": None, "api_code": None, "message": None}
    when = "run.steps == 4 && timestamp(run.finished_at) > timestamp(run.started_at) && run.changes[0].after == 1"
    values = RuleValues({"price": 1}, {}, {}, judged.changes, {}, shown, START)
    assert look(rule(when=when), 0, Verdict.CHANGED, values, None)[0].told
    faulty = run_values(run, Failed(fault=Fault(Code.SITE, "closed", api_code="X")), judged, START)
    assert faulty["outcome"] == {"kind": "failed", "code": None, "api_code": "X", "message": "closed"}


def test_looks_are_explained_in_one_line_each() -> None:
    looks = walk(rule(when="new.price <\n  90", once=True), [100, 80]).looks
    assert explained(looks) == [
        "notify[0] baseline: silent, `on` does not name baseline",
        "notify[0] change: told, `when` became true: new.price < 90",
    ]


def test_a_long_condition_is_cut_in_a_sentence() -> None:
    looks = walk(rule(when="new.price < 90" + " || new.price < 80" * 20), [100, 80]).looks
    assert len(looks[1].why) < 160


def plain_story(prices: Sequence[int], *, low: int, high: int | None, once: bool, tolerance: int) -> list[int]:
    """Tell the rule `price < low`, `rearm: price > high` again, in the words of interface.md; nothing is shared."""
    told, baseline = [], prices[0]
    may_tell = not prices[0] < low
    for index, price in enumerate(prices[1:], start=1):
        changed = abs(price - baseline) > tolerance
        baseline = price if changed else baseline
        holds = price < low
        if not once:
            if changed and holds:
                told.append(index)
            continue
        if high is not None:
            may_tell = may_tell or price > high
        elif not holds:
            may_tell = True
        if holds and may_tell:
            told.append(index)
            may_tell = False
    return told


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.integers(80, 110), min_size=1, max_size=25),
    st.integers(85, 100),
    st.none() | st.integers(85, 108),
    st.booleans(),
    st.integers(0, 6),
)
def test_rules_over_random_paths_do_what_the_contract_says(
    prices: list[int], low: int, high: int | None, once: bool, tolerance: int
) -> None:
    one = rule(
        when=f"new.price < {low}", once=once, **({"rearm": f"new.price > {high}"} if once and high is not None else {})
    )
    wanted = plain_story(prices, low=low, high=high, once=once, tolerance=tolerance)
    assert walk(one, prices, tolerance).at == wanted


@settings(deadline=None, max_examples=200)
@given(st.lists(st.integers(80, 130), min_size=1, max_size=25), st.sampled_from([0.02, 0.05, 0.1]))
def test_what_was_told_is_what_the_next_alert_is_measured_from(prices: list[int], share: float) -> None:
    found = walk(rule(when=f"new.price > told.price * {1 + share} || new.price < told.price * {1 - share}"), prices)
    told, wanted = float(prices[0]), []
    for index in range(1, len(prices)):
        price = prices[index]
        if price != prices[index - 1] and (price > told * (1 + share) or price < told * (1 - share)):
            wanted.append(index)
            told = price
    assert found.at == wanted


@settings(deadline=None, max_examples=100)
@given(st.lists(st.integers(80, 100), min_size=1, max_size=20))
def test_new_lows_over_random_paths(prices: list[int]) -> None:
    told = walk(rule(when='new.price < low("/price")'), prices).at
    assert told == [at for at in range(1, len(prices)) if prices[at] < min(prices[:at])]
