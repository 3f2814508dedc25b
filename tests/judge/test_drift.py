"""Drift: a watch's results against its own history, told once with the figures, and never for ordinary variation."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.agent.outcome import Code, Completed, Failed, Fault, Outcome
from monitor.judge.decide import decide
from monitor.judge.decision import Kind, WatchState
from monitor.judge.drift import likeness, observation
from monitor.judge.drift import profile as drift
from monitor.judge.drift.profile import Finding, observed
from monitor.judge.schemas import scope
from monitor.watch.compare import Compare
from monitor.watch.run import Run
from tests.conftest import make_watch
from tests.judge.values import OBJECTS

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["price"],
    "properties": {
        "price": {"type": "number"},
        "name": {"type": "string"},
        "in_stock": {"type": "boolean"},
        "seller": {"type": "object", "properties": {"city": {"type": "string"}, "rating": {"type": "number"}}},
        "offers": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "seller": {"type": "string"},
                    "price": {"type": "number"},
                    "tags": {"type": "array", "items": {"type": "string"}},
                },
            },
        },
        "plans": {"type": "object", "additionalProperties": {"type": "number"}},
    },
}
SCOPE = scope.of(SCHEMA)
START = datetime(2026, 11, 1, tzinfo=UTC)


def told(results: Iterable[Any], profile: Any = None, where: scope.Scope = SCOPE) -> list[list[tuple[str, str]]]:
    """Return (path, kind) of what each result made drift's news, in order."""
    return [[(one.path, one.kind) for one in found] for found in followed(results, profile, where)[1]]


def followed(
    results: Iterable[Any], profile: Any = None, where: scope.Scope = SCOPE
) -> tuple[Any, list[tuple[Finding, ...]]]:
    """Return the profile after results, an hour apart, and the findings of each; the profile goes through JSON."""
    news = []
    for hour, result in enumerate(results):
        profile, found = observed(profile, result, where, START + timedelta(hours=hour))
        profile = json.loads(json.dumps(profile))
        news.append(found)
    return profile, news


def good(number: int = 0, **fields: Any) -> dict[str, Any]:
    """Return an ordinary result."""
    return {"price": 499.0 + number, "name": "Rocket R58", "in_stock": True} | fields


def offers(count: int, **fields: Any) -> list[dict[str, Any]]:
    """Return rows of a list."""
    return [{"seller": f"s{row}", "price": 10.0 + row} | fields for row in range(count)]


def all_told(results: Iterable[Any]) -> list[tuple[str, str]]:
    """Return everything that was told, in order."""
    return [each for found in told(results) for each in found]


@pytest.mark.parametrize("history", [5, 8, 40, 100])
def test_a_field_that_begins_to_come_back_null_is_told_once_with_the_figures(history: int) -> None:
    """Three in a row after a clean history; the fourth says nothing more."""
    _, news = followed([good(n) for n in range(history)] + [good(price=None)] * 6)
    assert [len(found) for found in news] == [0] * (history + 2) + [1, 0, 0, 0]
    (finding,) = news[history + 2]
    before = min(history, drift.KEPT - 3)
    assert finding.as_json() == {
        "path": "/price",
        "kind": "null_rate",
        "figures": f"null in the last 3 results; before in 0 of {before}",
    }


def test_an_absent_field_is_a_null_one() -> None:
    """Reading drops the nulls of optional fields: absent and null are the same to drift."""
    assert all_told([good()] * 10 + [{"price": 1.0, "in_stock": True}] * 3) == [("/name", "null_rate")]


def test_too_little_history_tells_nothing_until_there_is_enough() -> None:
    """Four results are no history."""
    assert all_told([good()] * 4 + [good(price=None)] * 3) == []
    assert all_told([good(price=None)] * 60) == []


def test_most_but_not_all_of_the_results_is_drift_after_a_long_clean_history() -> None:
    """ "price null in 3 of the last 5 runs; was 0 of 40" """
    gone = good(price=None)
    _, news = followed([good()] * 40 + [gone, good(), gone, good(), gone])
    (finding,) = news[-1]
    assert finding.figures == "null in 3 of the last 5; before in 0 of 40"


@pytest.mark.parametrize("seed", range(20))
def test_a_field_that_is_null_half_the_time_is_no_drift(seed: int) -> None:
    """Ordinary variation is learnt from the watch's own history."""
    chance = random.Random(seed)
    results = [good(name=None if n % 2 else "x") for n in range(10)]
    assert all_told(results + [good(name=chance.choice([None, "x"])) for _ in range(200)]) == []


@pytest.mark.parametrize("seed", range(5))
def test_a_list_whose_length_varies_is_no_drift(seed: int) -> None:
    """10 to 30 items, whatever the order."""
    chance = random.Random(seed)
    assert all_told(good(offers=offers(chance.randint(10, 30))) for _ in range(100)) == []


def test_a_list_that_collapses_is_told_with_the_lengths() -> None:
    """20 items for weeks, then 1, three times in a row: neither once nor twice."""
    many, one = good(offers=offers(20)), good(offers=offers(1))
    assert all_told([many] * 10 + [one, one] + [many] * 10 + [one] + [many] * 10) == []
    _, news = followed([many] * 10 + [one] * 5)
    assert [len(found) for found in news[10:]] == [0, 0, 1, 0, 0]
    assert news[12][0] == Finding(
        "/offers",
        "collapsed",
        "a list of 1, 1, 1 items lately, usually 20; in the last 3 results; before in 0 of 10",
    )


def test_an_empty_list_of_a_list_that_is_usually_short_is_no_collapse() -> None:
    """Two offers that sell out are a change, not drift."""
    assert all_told([good(offers=offers(3))] * 20 + [good(offers=[])] * 5) == []


def test_a_list_that_is_absent_is_a_null_field_and_no_collapse() -> None:
    """One finding for one fact."""
    assert all_told([good(offers=offers(20))] * 10 + [good()] * 5) == [("/offers", "null_rate")]


def test_a_type_that_flips_is_told() -> None:
    """A number that comes as text; integers and other numbers are one type, and null is none."""
    _, news = followed([good(), good(price=3), good(price=None)] * 5 + [good(price="ask us")] * 3)
    (finding,) = news[-1]
    assert (finding.path, finding.kind) == ("/price", "type")
    assert finding.figures == "text instead of number in the last 3 results; before in 0 of 10"
    assert all_told([good(price=n if n % 2 else n + 0.5) for n in range(60)]) == []


def test_a_field_of_two_types_is_no_drift() -> None:
    """What was mixed from the start stays quiet."""
    assert all_told(good(price=n if n % 3 else f"${n}") for n in range(100)) == []


RENAMES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {"price": None, "current_price": 510.0}, "/price"),
    ({}, {"price": None, "current_price": "€ 1,010.00"}, "/price"),
    ({}, {"price": None, "cost": 480}, "/price"),
    ({}, {"name": None, "title": "Rocket R58"}, "/name"),
    ({}, {"name": None, "product_name": "A machine of quite another and much longer name"}, "/name"),
    ({}, {"in_stock": None, "available": False}, "/in_stock"),
    ({"seller": {"city": "Rome", "rating": 4.5}}, {"seller": {"city": "Rome", "stars": 4.0}}, "/seller/rating"),
]


@pytest.mark.parametrize(("usual", "now", "path"), RENAMES)
def test_a_renamed_field_is_one_finding(usual: dict[str, Any], now: dict[str, Any], path: str) -> None:
    """The declared field vanished, and an undeclared one with values like it came in its place."""
    _, news = followed([good(**usual)] * 10 + [good(**(usual | now))] * 5)
    found = [each for one in news for each in one]
    assert [(each.path, each.kind) for each in found] == [(path, "renamed")]
    assert "which is not declared, came in its place" in found[0].figures


NOT_RENAMED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"current_price": 510.0}, {"current_price": 510.0}),  # was there before
    ({}, {"code": "XK-22-9"}),  # text for a number
    ({}, {"views": 1_000_000}),
    ({}, {"delta": -499}),
    ({}, {"sold_out": True}),
    ({}, {"notes": None}),
    ({}, {"notes": {"a": 1}}),
    ({}, {"notes": "--.-"}),
    ({}, {"zero": 0}),
]


@pytest.mark.parametrize(("before", "now"), NOT_RENAMED)
def test_another_key_is_no_rename(before: dict[str, Any], now: dict[str, Any]) -> None:
    """Unlike values, or a key that was there all the time."""
    assert all_told([good(**before)] * 10 + [good(price=None, **now)] * 3) == [("/price", "null_rate")]


def test_of_several_new_keys_the_likest_name_is_named() -> None:
    """Values alone do not tell; names do."""
    _, news = followed([good()] * 10 + [good(price=None, abc=500, list_price=500, zzz=500)] * 3)
    assert "; list_price, " in news[-1][0].figures


def test_a_renamed_field_of_rows_is_told_for_all_rows_at_once() -> None:
    """Rows stand together under `*`."""
    now = [{"vendor": row["seller"], "price": row["price"]} for row in offers(12)]
    assert all_told([good(offers=offers(12))] * 10 + [good(offers=now)] * 3) == [("/offers/*/seller", "renamed")]


def test_rows_of_which_some_lack_a_field_as_usual_are_no_drift() -> None:
    """A share of the rows counts against the usual share; half more of them than usual are told."""
    usual = [good(offers=offers(8) + offers(2 + n % 2, price=None)) for n in range(20)]
    assert all_told(usual * 3) == []
    assert all_told([*usual, *[good(offers=offers(2) + offers(8, price=None))] * 3]) == [
        ("/offers/*/price", "null_rate")
    ]


def test_lists_inside_rows_and_members_of_a_map_stand_under_a_star() -> None:
    """Their mean length, their types."""
    long, short = ["a", "b", "c", "d", "e", "f"], ["a"]
    usual = good(offers=offers(3, tags=long), plans={"basic": 1, "pro": 2})
    flipped = good(offers=offers(3, tags=short), plans={"basic": "one", "team": "two"})
    assert all_told([usual] * 10 + [flipped] * 3) == [("/offers/*/tags", "collapsed"), ("/plans/*", "type")]


def test_below_an_absent_object_nothing_is_missed_twice() -> None:
    """The object itself is told, not each of its fields."""
    assert all_told([good(seller={"city": "Rome", "rating": 4.0})] * 10 + [good()] * 5) == [("/seller", "null_rate")]


def test_drift_that_ended_is_cleared_silently_and_told_again_when_it_returns() -> None:
    """Recovery is no news; a second episode is, with a little more proof."""
    gone = [good(price=None)] * 3
    results = [good()] * 20 + gone + [good()] * 20 + [good(price=None)] * 8
    profile, news = followed(results)
    assert [index for index, found in enumerate(news) if found] == [22, 47]
    assert profile["told"] == {"/price null_rate": (START + timedelta(hours=47)).isoformat()}
    profile, news = followed([good()] * 3, profile)
    assert (profile["told"], sum(map(len, news))) == ({}, 0)


def test_a_new_normal_is_accepted() -> None:
    """After as many results as the history holds the old ways are forgotten, without a word."""
    one = good(offers=offers(1), price="n/a", name=None)
    profile, news = followed([good(offers=offers(20))] * 20 + [one] * 60)
    assert sum(map(len, news)) == 3
    assert profile["told"] == {}
    assert told([good(name="x")] * 10, profile) == [
        [],
        [],
        [("/price", "type"), ("/offers", "null_rate")],
        *[[]] * 7,
    ]


def test_what_is_no_object_changes_nothing() -> None:
    """A result that could not be read is a failure, not drift."""
    profile, _ = followed([good()] * 5)
    for value in (None, "captcha", [1], 3):
        assert observed(profile, value, SCOPE, START) == (profile, ())


@pytest.mark.parametrize("broken", [None, [], "x", {"version": 0, "fields": 3}])
def test_a_profile_of_another_make_begins_anew(broken: Any) -> None:
    """A new generation, or another version of the program."""
    profile, found = observed(broken, good(), SCOPE, START)
    assert (profile["results"], found) == (1, ())


def test_a_profile_is_bounded_whatever_is_returned() -> None:
    """Paths, values looked at, and what is kept of each."""
    hostile = {f"key{n}": "x" * 10_000 for n in range(300)} | good(name="y" * 100_000)
    rows = good(offers=[{"seller": "s", f"k{n}": n} for n in range(30_000)])
    profile, _ = followed([hostile, rows] * 8)
    assert len(profile["fields"]) <= observation.MOST_PATHS
    assert len(json.dumps(profile)) < 100_000
    deep: Any = 1
    for _ in range(60):
        deep = [deep]
    nested: dict[str, Any] = {"type": "object", "properties": {"a": {"$ref": "#/$defs/l"}}}
    nested["$defs"] = {"l": {"type": "array", "items": {"$ref": "#/$defs/l"}}}
    profile, _ = followed([{"a": deep}] * 8, where=scope.of(nested))
    assert list(profile["fields"]) == ["/a"]


def test_of_a_monstrous_object_the_beginning_is_looked_at() -> None:
    """At most so many values of one result."""
    huge = good() | {f"k{number}": number for number in range(30_000)}
    assert observed(None, huge, SCOPE, START)[0]["results"] == 1


def test_undeclared_keys_that_are_gone_for_long_make_room() -> None:
    """A hallucinated extra key is not kept for ever, and an object that is absent says nothing of its keys."""
    profile, _ = followed([good(odd=1, seller={"city": "Rome", "strange": 2})] + [good()] * 10)
    assert "/odd" in profile["fields"]
    profile, _ = followed([good()] * drift.KEPT, profile)
    assert "/odd" not in profile["fields"]
    assert profile["fields"]["/seller/strange"]["nulls"] == "0"


def test_what_compare_ignores_is_never_drift() -> None:
    """A field, a list, a field of every row, a member of a map."""
    compare = Compare(ignore=("/price", "/seller", "/offers/*/tags", "/plans/basic", "/plans/team"))
    usual = good(seller={"city": "Rome"}, offers=offers(3, tags=["a"] * 8), plans={"basic": 1})
    now = good(price=None, offers=offers(3), plans={"team": "x"})
    profile, news = None, []
    for result in [usual] * 10 + [now] * 5:
        profile, found = observed(profile, result, SCOPE, START, compare)
        news += found
    assert news == []
    assert sorted(profile["fields"]) == [
        "/in_stock",
        "/name",
        "/offers",
        "/offers/*/price",
        "/offers/*/seller",
        "/plans",
    ]


def test_a_schema_that_declares_nothing_has_no_drift() -> None:
    """What is not declared cannot vanish."""
    profile, news = followed([good()] * 10 + [{}] * 5, where=scope.of({"type": "object"}))
    assert (profile["fields"], sum(map(len, news))) == ({}, 0)


def test_likeness_of_values_is_cautious() -> None:
    """Samples are shortened; without a value of its own a field is recognised by nothing."""
    assert likeness.nearest("/a", None, {"/b": 1}) is None
    assert likeness.nearest("/a", 0, {"/b": 0}) == "/b"
    assert likeness.nearest("/a", "ab-12", {"/b": "xy-99"}) == "/b"
    assert likeness.nearest("/a", "ab-12", {"/b": "xy-9999999999"}) is None
    assert likeness.nearest("/a", "text", {"/b": 3}) is None
    assert likeness.nearest("/a", 3.0, {"/b": "1-2"}) == "/b"
    assert likeness.nearest("/a", 3.0, {"/b": "1.2.3"}) is None


@settings(deadline=None, max_examples=40)
@given(st.lists(OBJECTS, max_size=20))
def test_whatever_is_returned_the_profile_is_json_and_told_is_told_once(results: list[dict[str, Any]]) -> None:
    """No result breaks it; a finding is not repeated while it lasts; the input profile is not changed."""
    schema = scope.of({"type": "object", "properties": {"a": {"type": "array"}, "price": {"type": "number"}}})
    profile: Any = None
    for result in results:
        before = json.dumps(profile)
        after, found = observed(profile, result, schema, START)
        assert json.dumps(profile) == before
        for one in found:
            assert f"{one.path} {one.kind}" not in (profile["told"] if profile else {})
        profile = json.loads(json.dumps(after))


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 30), st.integers(3, 12))
def test_any_repeated_result_is_never_drift(number: int, rows: int) -> None:
    """What never varies never drifts."""
    assert all_told([good(number, offers=offers(rows))] * 30) == []


def test_failures_between_results_neither_count_nor_forget() -> None:
    """A failed run and a failed goal are told as what they are; the history of the fields goes on."""
    watch = make_watch(notify=[{"to": ["ops"], "on": ["drift"]}], output_schema=SCHEMA)
    gone = [Completed(result={"name": "x", "in_stock": True})]
    failing: list[Outcome] = [
        Failed(fault=Fault(Code.SITE, "no")),
        Completed(result={"status": "failed", "reason": "x"}),
    ]
    state, kinds = WatchState(), []
    for hour, outcome in enumerate([Completed(result=good())] * 6 + failing * 3 + gone * 4):
        at = START + timedelta(hours=hour)
        decision = decide(watch, Run(f"R{hour:02}", watch.name, at, attempt=2), outcome, state, at, lambda: "E")
        state = decision.state
        kinds.append([note.kind for note in decision.notifications])
    assert kinds == [[]] * 14 + [[Kind.DRIFT], []]
