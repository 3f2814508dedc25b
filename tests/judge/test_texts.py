"""Which rule's title and body a message is told with, and with which values."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from monitor.agent.outcome import Code, Completed, Failed, Fault, Outcome
from monitor.judge.conditions.history import gathered
from monitor.judge.conditions.rules import reads_history
from monitor.judge.conditions.texts import names_told, with_texts
from monitor.judge.decide import decide
from monitor.judge.decision import Baseline, Decision, Kind, Memory, Notification, WatchState
from monitor.watch.model import Rule, Watch
from monitor.watch.run import Run
from tests.conftest import make_watch

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
GOOD = {"price": 499.0, "in_stock": True}
OTHER = {"price": 449.0, "in_stock": True}


def events() -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: f"E{next(numbers)}"


def watch(*rules: Any, **fields: Any) -> Watch:
    return make_watch(notify=list(rules), drift=False, **fields)


def state_of(seen: Watch, **fields: Any) -> WatchState:
    baseline = Baseline("R0", NOW - timedelta(hours=1), GOOD)
    return WatchState(seen.fingerprint, baseline, last_good_at=NOW - timedelta(hours=1), **fields)


def judged(seen: Watch, outcome: Outcome, state: WatchState | None = None) -> Decision:
    run = Run("R1", seen.name, NOW)
    return decide(seen, run, outcome, state_of(seen) if state is None else state, NOW, events())


CHANGED = Completed(run_id="run_1", result=OTHER, steps=4)
FAILED = Failed(fault=Fault(Code.CONFIG, "the API refuses the goal", api_code="INVALID_INPUT"))


def words(decision: Decision) -> dict[str, tuple[str | None, str | None]]:
    return {to: (text.title, text.body) for note in decision.notifications for to, text in note.texts.items()}


def test_a_change_is_told_in_the_words_of_its_rule() -> None:
    decision = judged(watch({"to": ["ops", "deals"], "title": "{{ new.price }}"}, "boss"), CHANGED)
    assert words(decision) == {"ops": ("{{ new.price }}", None), "deals": ("{{ new.price }}", None)}
    (note,) = decision.notifications
    assert note.targets == ("ops", "deals", "boss")
    values = note.texts["ops"].values
    assert (values["new"], values["old"], values["told"], values["first"]) == (OTHER, GOOD, GOOD, GOOD)
    assert (values["run"]["verdict"], values["run"]["steps"], values["run"]["run"]) == ("CHANGED", 4, "R1")
    assert values["run"]["result"] == OTHER


def test_of_several_rules_for_one_target_the_first_that_tells_and_has_words_gives_them() -> None:
    decision = judged(
        watch(
            {"to": "ops", "title": "dear", "when": "new.price > 1000"},
            "ops",
            {"to": "ops", "title": "cheap", "when": "new.price < 1000"},
            {"to": "ops", "title": "also"},
        ),
        CHANGED,
    )
    (note,) = decision.notifications
    assert (note.targets, words(decision)) == (("ops",), {"ops": ("cheap", None)})


def test_a_rule_remembers_what_it_told_where_its_words_say_it() -> None:
    seen = watch({"to": "ops", "body": "was {{ told.price }}"}, {"to": "boss", "title": "{{ old.price }}"})
    first = judged(seen, CHANGED)
    assert [memory.told for memory in first.state.memories.values()] == [OTHER]
    second = decide(seen, Run("R2", seen.name, NOW), Completed(result=GOOD), first.state, NOW, events())
    assert second.notifications[0].texts["ops"].values["told"] == OTHER
    assert judged(watch({"to": "ops", "body": "{{ old.price }}"}), CHANGED).state.memories == {}


@pytest.mark.parametrize(
    ("title", "on", "used"),
    [
        ("{{ watch.name }} {{ run.verdict }} {{ run.outcome.code }}", ["change", "failure"], True),
        ("broken", ["failure"], True),
        ("moved", ["change", "failure"], False),
        ("{{ now }}", ["failure", "recovery"], True),
        ("{{ new.price }}", ["failure"], False),
        ("{{ run.verdict }} {{ new.price }}", ["failure"], False),
        ("{{ changes.map(c, c.path) }}", ["failure"], False),
        ('{{ low("/price") }}', ["failure"], False),
    ],
)
def test_words_about_a_result_are_not_used_where_there_is_none(title: str, on: list[str], used: bool) -> None:
    decision = judged(watch({"to": "ops", "title": title, "on": on}), FAILED)
    assert words(decision) == ({"ops": (title, None)} if used else {})


def test_a_failure_in_the_words_of_its_rule_knows_why() -> None:
    (note,) = judged(watch({"to": "ops", "title": "{{ run.reason }}", "body": "{{ new.price }}"}), FAILED).notifications
    text = note.texts["ops"]
    assert (text.title, text.body) == ("{{ run.reason }}", None)
    run = text.values["run"]
    assert (run["verdict"], run["reason"]) == ("FAILED", "the API refuses the goal")
    assert run["outcome"] == {
        "kind": "failed", "code": "CONFIG", "api_code": "INVALID_INPUT", "message": "the API refuses the goal",
    }  # fmt: skip


def test_only_rules_of_the_kind_give_their_words() -> None:
    rules = [{"to": "ops", "on": ["change"], "title": "a"}, {"to": "ops", "on": ["failure"], "title": "b"}]
    assert words(judged(watch(*rules), FAILED)) == {"ops": ("b", None)}


def test_what_time_alone_tells_uses_words_that_need_no_run() -> None:
    seen = watch({"to": "ops", "on": ["stale"], "title": "{{ run.verdict }}", "body": "{{ watch.name }}"})
    note = with_texts(Notification("E1", Kind.STALE, ("ops",)), seen, {"watch": {}, "now": NOW})
    assert (note.texts["ops"].title, note.texts["ops"].body) == (None, "{{ watch.name }}")


def test_words_may_look_back() -> None:
    seen = watch({"to": "ops", "title": 'lowest so far {{ low("/price") }}'})
    assert reads_history(seen.notify[0]) == {"/price"}
    past = gathered([(NOW - timedelta(days=1), GOOD)], {"/price"}, NOW)
    decision = decide(seen, Run("R1", seen.name, NOW), CHANGED, state_of(seen), NOW, events(), history=past)
    assert decision.notifications[0].texts["ops"].history is past


def test_words_that_cannot_be_parsed_are_left_to_the_message() -> None:
    rule = Rule.model_validate({"to": "ops", "title": "{{ told.", "body": "{{ told.price }}"})
    assert names_told(rule)
    assert reads_history(rule) == frozenset()
    assert words(judged(watch({"to": "ops", "title": "{{ new."}), CHANGED)) == {"ops": ("{{ new.", None)}


def test_an_error_of_a_condition_goes_with_the_notification() -> None:
    seen = watch({"to": "ops", "when": "new.prize < 1", "title": "t"})
    (note,) = judged(seen, CHANGED).notifications
    assert note.hint == ("The condition could not be evaluated, so this is told: new.prize < 1: there is no 'prize'")
    assert judged(watch("ops"), CHANGED).notifications[0].hint is None
    assert Memory() == Memory(None)
