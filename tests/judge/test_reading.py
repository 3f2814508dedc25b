"""Reading a result: caps, unwrapping, failed goals, empty optional values."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.judge.limits import MAX_BYTES
from monitor.judge.reading import GOAL, SCHEMA, read
from tests.judge.values import JSON

PRICE = {
    "type": "object",
    "required": ["price", "in_stock"],
    "properties": {
        "price": {"type": "number"},
        "in_stock": {"type": "boolean"},
        "rating": {"type": "number"},
        "shop": {
            "type": "object",
            "required": ["name"],
            "properties": {"name": {"type": "string"}, "town": {"type": "string"}},
        },
    },
}
LIST = {
    "type": "object",
    "required": ["offers"],
    "properties": {"offers": {"type": "array", "items": {"type": "object"}}},
}
LOOSE = {"type": "object", "properties": {"price": {"type": "number"}}}
GOOD = {"price": 499.0, "in_stock": True}


@pytest.mark.parametrize(
    "result",
    [
        GOOD,
        json.dumps(GOOD),
        f"  {json.dumps(GOOD)}\n",
        f"```json\n{json.dumps(GOOD, indent=1)}\n```",
        f"```\n{json.dumps(GOOD)}```",
        {"result": GOOD},
        {"data": GOOD},
        {"output": GOOD},
        {"result": json.dumps(GOOD)},
        json.dumps({"data": GOOD}),
        json.dumps(json.dumps(GOOD)),
    ],
)
def test_wrapped_results_are_unwrapped_where_the_inside_keeps_the_schema(result: Any) -> None:
    assert read(result, PRICE).value == GOOD
    assert read(result, PRICE).code is None


def test_a_bare_list_goes_into_the_only_list_property() -> None:
    assert read([{"a": 1}], LIST).value == {"offers": [{"a": 1}]}
    assert read({"result": [{"a": 1}]}, LIST).value == {"offers": [{"a": 1}]}
    assert read([], LIST).value == {"offers": []}
    two = {"type": "object", "properties": {"a": {"type": "array"}, "b": {"type": "array"}}}
    assert read([1], two).code == SCHEMA


def test_a_declared_wrapper_word_is_data() -> None:
    schema = {"type": "object", "required": ["result"], "properties": {"result": {"type": "object"}}}
    assert read({"result": {"a": 1}}, schema).value == {"result": {"a": 1}}
    assert read({"result": {"result": {"a": 1}}}, schema).value == {"result": {"result": {"a": 1}}}


def test_a_wrapper_that_a_loose_schema_accepts_is_still_taken_off() -> None:
    assert read({"result": {"price": 3}}, LOOSE).value == {"price": 3}
    assert read({"other": {"price": 3}}, LOOSE).value == {"other": {"price": 3}}
    assert read({"result": {"else": 3}}, LOOSE).value == {"result": {"else": 3}}


@pytest.mark.parametrize(
    ("result", "path", "rule"),
    [
        (None, "", "required"),
        ("plain words", "", "type"),
        ([1], "", "type"),
        (7, "", "type"),
        ({"price": "abc", "in_stock": True}, "/price", "type"),
        ({"price": 1}, "/in_stock", "required"),
        ({"result": {"price": "abc", "in_stock": True}}, "/price", "required"),
        ('{"price": "abc", "in_stock": true}', "/price", "type"),
        ('{"price": 1, "price": 2, "in_stock": true}', "", "type"),
        ('{"price": NaN, "in_stock": true}', "", "type"),
        ("[" * 100_000, "", "type"),
        ({"price": math.nan, "in_stock": True}, "/price", "number"),
        ({"price": math.inf, "in_stock": True}, "/price", "number"),
        ({"price": 10**3_000, "in_stock": True}, "/price", "number"),
        ({**GOOD, "x": "\ud800"}, "/x", "text"),
        ({**GOOD, "\ud800": 1}, "", "key"),
        ({**GOOD, 1: 1}, "", "key"),
        ({**GOOD, "x": {1, 2}}, "/x", "type"),
        ({**GOOD, "x": "a" * MAX_BYTES}, "", "size"),
        ({**GOOD, "x": "\u20ac" * (MAX_BYTES // 3)}, "", "size"),
        ({**GOOD, "x": [0] * MAX_BYTES}, "", "size"),
        ({**GOOD, "k" * MAX_BYTES: 1}, "", "size"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_result_that_cannot_be_used_says_why(result: Any, path: str, rule: str) -> None:
    found = read(result, PRICE)
    assert found.code == SCHEMA
    assert (found.violations[0].path, found.violations[0].rule) == (path, rule)
    assert found.reason.startswith(found.violations[0].message)
    assert len(found.reason) < 400


def test_depth_is_capped_before_anything_recurses() -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = {"a": deep}
    found = read(deep, LOOSE)
    assert (found.code, found.violations[0].rule) == (SCHEMA, "depth")


def test_several_violations_are_counted() -> None:
    assert read({"price": "a", "in_stock": "b"}, PRICE).reason.endswith("(and 1 more)")


@pytest.mark.parametrize(
    "result",
    [
        {"status": "failure", "reason": "captcha"},
        {"status": "Failed", "error": {"message": "blocked"}},
        {"status": "error"},
        {"status": "failure", "reason": "captcha", "price": 0, "in_stock": False},
        {"status": "failure", "price": None, "in_stock": None},
        {"error": "page not found"},
        {"error": {"message": "page not found"}, "price": None},
        {"result": {"status": "failure", "reason": "captcha"}},
        '{"status": "failure", "reason": "captcha"}',
        {},
        {"price": None, "in_stock": None},
        {"price": None, "in_stock": None, "note": None},
        {"result": None},
        "I was unable to open the page because of a CAPTCHA.",
        {"result": "Access denied"},
    ],
)
def test_a_failed_goal_is_recognised(result: Any) -> None:
    """B2: a failed goal is recognised."""
    found = read(result, PRICE)
    assert found.code == GOAL
    assert found.reason
    assert found.violations == ()


def test_a_failure_under_a_loose_schema_is_no_good_result() -> None:
    """B2: a failure under a loose schema is no good result."""
    assert read({"status": "failure", "reason": "captcha"}, LOOSE).code == GOAL
    assert read({"error": "captcha"}, LOOSE).code == GOAL
    assert read({}, LOOSE).code is None


@pytest.mark.parametrize(
    ("result", "schema"),
    [
        (
            {"status": "failed", "reason": "budget"},
            {"properties": {"status": {"type": "string"}, "reason": {}}, "required": ["status"]},
        ),
        (
            {"status": "failed", "reason": "budget"},
            {"properties": {"status": {"type": "string"}}, "required": ["status"]},
        ),
        ({"error": "E42"}, {"properties": {"error": {"type": "string"}}, "required": ["error"]}),
        ({**GOOD, "error": None}, PRICE),
        ({**GOOD, "error": "rating not shown"}, PRICE),
        ({**GOOD, "status": "failed"}, PRICE),
        ({**GOOD, "note": "blocked by captcha"}, PRICE),
        ({"sale": None}, {"required": ["sale"], "properties": {"sale": {"type": ["number", "null"]}}}),
        ({"sale": None}, {"required": ["sale"], "properties": {"sale": {"type": "number", "nullable": True}}}),
        ({"offers": []}, LIST),
    ],
)
def test_legitimate_data_is_no_failed_goal(result: Any, schema: dict[str, Any]) -> None:
    """B2: legitimate data is no failed goal."""
    assert read(result, schema).code is None


def test_a_schema_that_declares_reason_alone_still_sees_status() -> None:
    schema = {"required": ["reason"], "properties": {"reason": {"type": "string"}}}
    assert read({"status": "failure", "reason": "weather"}, schema).code is None
    assert read({"status": "failure", "message": "captcha", "reason": "weather"}, schema).code == GOAL


def test_null_of_an_optional_property_is_absent_at_every_level() -> None:
    result = {**GOOD, "rating": None, "shop": {"name": "A", "town": None, "extra": None}, "extra": None}
    assert read(result, PRICE).value == {**GOOD, "shop": {"name": "A", "extra": None}, "extra": None}
    rows = {"properties": {"rows": {"type": "array", "items": {"properties": {"a": {"type": "string"}}}}}}
    assert read({"rows": [{"a": None}, {"a": "x"}]}, rows).value == {"rows": [{}, {"a": "x"}]}


def test_null_of_a_required_property_is_a_violation() -> None:
    found = read({"price": None, "in_stock": True}, PRICE)
    assert (found.code, found.violations[0].path) == (SCHEMA, "/price")


@settings(deadline=None, max_examples=100)
@given(JSON | st.text(max_size=30) | st.builds(lambda v: {"result": v}, JSON) | st.builds(json.dumps, JSON))
def test_reading_always_answers(result: Any) -> None:
    for schema in (PRICE, LIST, LOOSE):
        found = read(result, schema)
        assert (found.code is None) == (found.reason == "")
        assert found.code is not None or isinstance(found.value, dict)
