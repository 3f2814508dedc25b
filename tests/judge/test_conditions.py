"""The load check of conditions: names with a hint, places, types, and what may be absent."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.judge.conditions import operands
from monitor.judge.conditions.check import check, check_conditions, samples
from monitor.judge.conditions.expressions import Expression
from monitor.judge.conditions.functions import TAKES, Takes
from monitor.judge.schemas import validation
from tests.conftest import make_watch

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["price", "in_stock", "offers", "was", "plan", "name"],
    "properties": {
        "price": {"type": "number"},
        "currency": {"enum": ["EUR", "USD"]},
        "in_stock": {"type": "boolean"},
        "was": {"type": ["number", "null"]},
        "name": {"type": "string"},
        "day": {"type": "string", "format": "date"},
        "offers": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["seller", "price"],
                "properties": {"seller": {"type": "string"}, "price": {"type": "number"}, "note": {"type": "string"}},
            },
        },
        "plan": {"type": "object", "required": ["seats"], "properties": {"seats": {"type": "integer"}}},
        "open": {"type": "object"},
        "mixed": {"type": ["string", "number"]},
        "kind": {"const": "shop"},
    },
}


def doubts(text: str, **options: Any) -> list[tuple[str, str | None, bool]]:
    return [(one.message, one.hint, one.warning) for one in check(text, SCHEMA, **({"boolean": True} | options))]


@pytest.mark.parametrize(
    "text",
    [
        "new.price < told.price * 0.95 && new.in_stock",
        "new.price > told.price * 1.05",
        'new.offers.filter(o, o.seller == "ACME")[0].price < 5',
        "new.offers.filter(o, o.price > 3).exists(o, o.seller.contains('x'))",
        'new.offers.exists(o, o.seller == "ACME" && o.price < first.price)',
        "size(new.offers) < size(old.offers) * 0.5",
        'new.price < low("/price", "90d")',
        'low("/offers/seller=ACME/price") < 3 && high("/offers/*/price") > 2',
        'since("/price", new.price) < now - duration("24h")',
        'changes.exists(c, c.path == "/price" && c.kind == "added")',
        "changes[0].after > changes[0].before",
        'run.trigger == "cron" && run.outcome.kind == "completed" && watch.tags.exists(t, t == "x")',
        'has(new.currency) && new.currency == "EUR"',
        "new.was != null && new.was > new.price",
        "has(new.open) && new.open.anything.goes == 3",
        "has(new.mixed) && new.mixed > 3",
        "new.plan.seats >= 5",
        'new["price"] < 5 && new.offers[0]["price"] < 5',
        '"prefix" + new.name == "prefix x"',
        "new.offers.map(o, o.price).exists(p, p < 3)",
        "abs(new.price - old.price) > 5",
        "new.in_stock || true",
        "type(new.price) == double",
        "(new.price) < 5",
        "run.result.price < 5",
        "new.offers[3].price < 5",
        'new.price < low("/price", duration("36h")) && new.price < mean("/price")',
        "new.price < low('/price', watch.name)",
        'new.name.lower() == "x" && round(new.price, 1) < max([new.price, 3]) + min(1, 2, 3)',
        'now - timestamp("2026-01-02T00:00:00Z") > duration("1h")',
        "now > timestamp(new.name + 'Z') || true",
    ],
)
def test_a_condition_that_can_work_is_silent(text: str) -> None:
    assert doubts(text) == []


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("new.prise < 5", "new has no 'prise'", 'did you mean "price"?'),
        ("price < 5", "'price' is unknown", 'did you mean "new.price"?'),
        ("olld.price < 5", "'olld' is unknown", 'did you mean "old"?'),
        ("true || zzzzzz", "'zzzzzz' is unknown", "at hand are new, old, told, first, changes, watch, run, now"),
        ('new.offers.exists(o, o.seler == "x")', "o has no 'seler'", 'did you mean "seller"?'),
        ("new.offers.all(o, o.price < 3 && x.price > 2)", "'x' is unknown", None),
        ("new.offers.filter(o, true)[0].prise < 3", "new.offers.filter(o, true)[0] has no 'prise'", None),
        ("new.offers.price < 3", "new.offers is a list and has no 'price'", None),
        ('new["prise"] > 4', "new has no 'prise'", 'did you mean "price"?'),
        ("new.plan.qqq > 4", "new.plan has no 'qqq'", "it has seats"),
        ("new.price.amount > 4", "new.price has no 'amount'", None),
        ("run.trigr == 'cron'", "run has no 'trigr'", 'did you mean "trigger"?'),
        ("smal(new.price) > 3", "smal() is unknown", None),
        ("new.name.contain('x')", "contain() is unknown", 'did you mean "contains"?'),
        ('new.price < low("/prise")', "/prise names nothing", 'did you mean "price"?'),
        ("new.price < low(new.name)", "low() takes a JSON Pointer", 'as in low("/price")'),
        ('new.price < low("price")', "low() takes a JSON Pointer", None),
        ('new.price < low("/pri" + "ce")', "low() takes a JSON Pointer", None),
        ('new.price < mean("/name")', "/name is not declared as a number", None),
        ('mean("/currency") > 3', "/currency is not declared as a number", None),
        ('new.price + "x" == "y"', "this cannot be evaluated", None),
        ("new.price % 2 == 0", "this cannot be evaluated", "every number is a double"),
        ('!new.in_stock && new.price + "x" == "d"', "this cannot be evaluated", None),
        ("new.price", "this gives no true or false", "compare it"),
        ("new.price * 2", "this gives no true or false", None),
        ('new.in_stock == "yes"', "new.in_stock is never text", "without quotes"),
        ('new.price == "5"', "new.price is never text", "numbers without quotes"),
        ('new.plan == "5"', "new.plan is never text", None),
        ('new.currency == "EURO"', "new.currency is never 'EURO'", 'did you mean "EUR"?'),
        ('new.kind != "zzz"', "new.kind is never 'zzz'", 'it is one of ["shop"]'),
        ("new.price <", "this is not CEL: column 12", None),
        ("x" + ".filter(a, a)" * 9, "could run away", None),
        ('new.price < low("/price", "90x")', "low: '90x' is not a duration", 'as in low("/price", "30d")'),
        ('new.price < low("/price", 90)', "low: '90' is not a duration", 'as in low("/price", "30d")'),
        (
            'new.price < mean("/price", "30d", 4)',
            "mean takes a place and, if you like, a time such as 30d",
            "as in mean",
        ),
        ("new.price < low()", "low takes a place", 'as in low("/price", "30d")'),
        ('new.price < "/price".high()', "high takes a place", 'as in high("/price", "30d")'),
        ('since("/price") == null', "since takes a place and a value", 'as in since("/price", new.price)'),
        ("abs(new.price, 3) > 1", "abs takes one number", "as in abs(new.price - old.price)"),
        ("min() > 1", "min takes numbers", None),
        ("round(new.price, 1, 2) > 1", "round takes a number and", None),
        ('lower() == "a"', "lower takes one text", "as in lower(new.name)"),
        ('now - duration("7d") > now', 'duration("7d") is none', 'as in duration("36h")'),
        ('now > timestamp("soon")', 'timestamp("soon") is none', "as in timestamp("),
    ],
)
def test_what_cannot_work_is_refused_with_a_hint(text: str, message: str, hint: str | None) -> None:
    found = doubts(text)
    assert found
    assert message in found[0][0]
    assert found[0][2] is False
    assert hint is None or hint in (found[0][1] or "")


@pytest.mark.parametrize(
    ("text", "place", "hint"),
    [
        ("new.was > new.price", "/was is null", "ask first: ….was != null && …"),
        ('new.currency == "EUR"', "/currency is absent", "ask first: has(….currency) && …"),
        ("new.offers.all(o, size(o.note) > 1)", "/offers/0/note is absent", "has(….note)"),
        ("timestamp(new.day + 'T00:00:00Z') < now", "/day is absent", "has(….day)"),
    ],
)
def test_what_fails_where_something_is_absent_is_a_warning(text: str, place: str, hint: str) -> None:
    ((message, said, warning),) = doubts(text)
    assert place in message
    assert hint in (said or "")
    assert warning


LOOSE: dict[str, Any] = {
    "type": "object",
    "required": ["price"],
    "properties": {
        "price": {"type": "number"},
        "in_stock": {"type": "boolean"},
        "was": {"type": "number"},
        "plan": {"type": "object", "required": ["seats"], "properties": {"seats": {"type": "number"}}},
    },
}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("new.price < told.price*0.95 && new.in_stock", "/in_stock"),
        ("new.in_stock && new.price < told.price*0.95", "/in_stock"),
        ("new.price >= told.price || new.in_stock", "/in_stock"),
        ("new.in_stock || new.price >= told.price", "/in_stock"),
        ("new.price > 90 && (new.price < told.price || !new.in_stock)", "/in_stock"),
        ("new.price < told.price ? new.in_stock : false", "/in_stock"),
        ("changes.exists(c, c.kind == 'removed' && new.was > 3)", "/was"),
        (" && ".join(f"new.price < {index}" for index in range(9)) + " && new.was > 3", "/was"),
        ("has(new.plan) && new.price < 1 && new.plan.seats > new.was", "/was"),
    ],
)
def test_what_may_be_absent_is_found_whatever_stands_before_it(text: str, place: str) -> None:
    (found,) = check(text, LOOSE, boolean=True)
    assert found.warning
    assert f"where {place} is absent" in found.message


@pytest.mark.parametrize(
    "text",
    [
        "has(new.in_stock) && new.in_stock && new.price < told.price*0.95",
        "new.price < told.price*0.95 && has(new.in_stock) && new.in_stock",
        "new.price < told.price || !has(new.in_stock) || new.in_stock",
        "(has(new.was) ? new.was : new.price) < told.price && new.price < 9",
        'changes.exists(c, c.path == "/was" && c.kind == "changed") && new.was < 5',
        "has(new.plan) && new.price < 1 && new.plan.seats > 3",
        'new.price < 1 && "was" in new && new.was < 5',
    ],
)
def test_what_is_asked_for_first_is_no_warning(text: str) -> None:
    assert check(text, LOOSE, boolean=True) == []


def test_an_expression_that_would_grow_too_long_is_tried_as_it_stands() -> None:
    long = Expression.parse("||".join(f"a{index}" for index in range(350)) + "||new.was>3")
    assert operands.freed(long, "was") == (long, ({},))


@pytest.mark.parametrize("name", TAKES)
def test_the_example_of_every_function_can_work(name: str) -> None:
    assert doubts(TAKES[name].example, boolean=False) == []


def test_a_text_need_give_no_boolean_and_may_call_what_others_bring() -> None:
    assert doubts("new.price", boolean=False) == []
    theirs = {"money": Takes(2, 3, "takes an amount and a currency", 'money(new.price, "EUR")')}
    assert doubts("money(new.price, 'EUR')", boolean=False, functions=theirs) == []
    assert doubts("mony(new.price, 'EUR')", boolean=False, functions=theirs)[0][1] == 'did you mean "money"?'
    assert doubts("money(new.price)", boolean=False, functions=theirs) == [
        ("money takes an amount and a currency", 'as in money(new.price, "EUR")', False)
    ]
    assert doubts("new.price < run.steps", names=["new", "old"])[0][0] == "'run' is unknown"


def test_findings_stand_at_the_rule_and_field() -> None:
    watch = make_watch(
        notify=["ops", {"to": "ops", "when": "new.prise < 3", "once": True, "rearm": "new.price > nwe.price"}]
    )
    found = list(check_conditions(watch))
    assert [finding.path for finding in found] == [("notify", 1, "when"), ("notify", 1, "rearm")]
    assert found[0].hint == 'did you mean "price"?'


def test_without_conditions_and_beside_a_broken_schema_nothing_is_said() -> None:
    assert list(check_conditions(make_watch(notify=["ops"]))) == []
    broken = make_watch(
        notify=[{"to": "ops", "when": "new.x < 3"}],
        output_schema={"type": "object", "properties": {"a": {"$ref": "#/nowhere"}}},
    )
    assert list(check_conditions(broken)) == []


def test_an_open_schema_takes_any_name() -> None:
    assert check("new.anything.at[0].all < 3 && new.x == 'y'", {"type": "object"}, boolean=True) == []
    listed = {"type": "object", "required": ["list"], "properties": {"list": {"type": "array"}}}
    assert check("new.list[0].x < 3", listed, boolean=True) == []


def test_samples_fit_their_schema_whole_and_with_a_gap() -> None:
    whole = samples.sample(validation.compiled(SCHEMA).scope)
    assert validation.compiled(SCHEMA).violations(whole.value | {"open": {}}) == ()
    assert whole.unsure == {"open", "mixed"}
    gaps = {(gap.place, gap.null) for gap in whole.gaps(SCHEMA["properties"].keys() | {"note"})}
    assert ("/was", True) in gaps
    assert ("/offers/0/note", False) in gaps
    for gap in whole.gaps(SCHEMA["properties"]):
        assert validation.compiled(SCHEMA).violations({**gap.value, "open": {}}) == ()


def test_samples_of_odd_schemas_end() -> None:
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(30):
        deep = {"type": "object", "properties": {"a": deep}}
    assert samples.sample(validation.compiled(deep).scope).unsure == {"a"}
    wide = {"type": "object", "properties": {f"p{index}": {"type": "number"} for index in range(3_000)}}
    assert len(list(samples.sample(validation.compiled(wide).scope).gaps(wide["properties"]))) == samples.MOST_GAPS
    for odd in (
        {"enum": [None]},
        {"enum": [{"a": 1}, "b"]},
        {"type": "null"},
        {"type": "number", "nullable": True},
        {},
    ):
        schema = {"type": "object", "required": ["x"], "properties": {"x": odd}}
        found = samples.sample(validation.compiled(schema).scope)
        assert set(found.value) == {"x"}
        assert all(gap.value in ({"x": None}, None) for gap in found.gaps(["x"]))


pieces = st.sampled_from(
    [
        *("new", ".price", ".offers", ".zzz", "[0]", "(", ")", " < ", "1", '"a"', " && ", ".all(o, ", "o", "low("),
        *("size(", '"/price"', ",", " == ", "!", ".filter(o, o.price > 1)", "now", "[", "]", "null", " in "),
    ]
)


@settings(deadline=None, max_examples=300)
@given(st.lists(pieces, max_size=8).map("".join))
def test_whatever_the_text_the_check_answers(text: str) -> None:
    for message, _, _ in doubts(text):
        assert message
        assert "\n" not in message
