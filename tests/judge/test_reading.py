"""Reading a result: caps, unwrapping, failed goals, empty optional values."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.judge.schemas.limits import MAX_BYTES
from monitor.judge.values.reading import GOAL, SCHEMA, read
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


@pytest.mark.parametrize(
    ("result", "rule"),
    [
        ('{"price": 1e400, "in_stock": true}', "number"),
        ('{"price": 1, "in_stock": true, "x": "\\ud800"}', "text"),
        ({"data": "[" * 900 + "]" * 900}, "depth"),
        ({"result": {"data": {"price": math.inf}}}, "number"),
        ({**GOOD, "x": "a" * 5_000_000}, "size"),
        ("a" * 5_000_000, "size"),
        ({**GOOD, "price": 10**5_000}, "number"),
        (f'{{"price": {"9" * 5_000}, "in_stock": true}}', "type"),
    ],
    ids=["1e400", "surrogate", "depth", "infinity", "5 MB value", "5 MB", "huge", "huge in text"],
)
def test_what_no_json_value_may_be_is_a_violation_also_inside_a_wrapper(result: Any, rule: str) -> None:
    found = read(result, PRICE)
    assert (found.code, found.violations[0].rule) == (SCHEMA, rule)
    assert len(found.reason) < 400


def test_a_key_of_any_name_is_read_as_data() -> None:
    schema = {"properties": {"__proto__": {"type": "number"}, "constructor": {"type": "boolean"}, "": {}}}
    found = read({"__proto__": "5", "constructor": "yes", "": " x "}, schema)
    assert found.value == {"__proto__": 5, "constructor": True, "": "x"}


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


PAGE = {
    "type": "object",
    "required": ["title", "text", "price"],
    "properties": {
        "title": {"type": "string"},
        "text": {"type": "string"},
        "price": {"type": ["number", "null"]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "shop": {"type": "object", "properties": {"name": {"type": "string"}, "town": {"type": ["string", "null"]}}},
    },
}


@pytest.mark.parametrize(
    "result",
    [
        {"title": "", "text": "", "price": None},
        {"title": " ", "text": "N/A", "price": None, "shop": {"name": "", "town": None}},
        {"title": "-", "text": "\u200b", "price": "N/A", "tags": None},
        {"title": "", "text": "", "price": None, "rows": [{"a": None}, {"a": ""}]},
        {"title": "Access denied", "text": "", "price": None},
        {"title": "Access to this page has been denied", "text": "Are you a robot?", "price": None},
        {"title": "403 Forbidden", "text": "", "price": None, "tags": None},
        {"title": "Just a moment...", "text": "N/A", "price": None},
        {"title": "Please verify you are a human", "text": "", "price": None, "shop": {"name": "", "town": None}},
        {"title": "Unable to access the page", "text": "", "price": None},
        {"data": {"title": "Captcha", "text": "", "price": None}},
        {"success": False, "message": "the site did not load"},
        {"ok": False},
        {"errors": ["blocked"], "title": None},
        {"status": "blocked"},
        {"note": "I could not open the page"},
        {"title": None, "note": "please solve the captcha"},
    ],
    ids=lambda result: str(result)[:60],
)
def test_an_answer_that_holds_nothing_or_only_a_wall_is_a_failed_goal(result: Any) -> None:
    """B2: an answer that holds nothing but a wall is a failed goal, also where every field keeps the schema."""
    found = read(result, PAGE)
    assert found.code == GOAL
    assert found.reason


@pytest.mark.parametrize(
    ("result", "schema"),
    [
        ({"title": "Access denied: why we closed the park", "text": "A long story", "price": None}, PAGE),
        ({"title": "Captcha", "text": "", "price": 3.5}, PAGE),
        ({"title": "The park was closed", "text": "", "price": None}, PAGE),
        ({"title": "", "text": "", "price": None, "tags": ["x"]}, PAGE),
        ({"title": "", "text": "", "price": None, "tags": []}, PAGE),
        ({"title": "", "text": "", "price": 0}, PAGE),
        ({"banner": ""}, {"required": ["banner"], "properties": {"banner": {"type": "string"}}}),
        ({"banner": "Access denied"}, {"required": ["banner"], "properties": {"banner": {"type": "string"}}}),
        (
            {"a": "", "b": ""},
            {"required": ["a", "b"], "properties": {"a": {"enum": ["", "x"]}, "b": {"type": "string", "minLength": 0}}},
        ),
        (
            {"state": "blocked", "note": None},
            {"required": ["state"], "properties": {"state": {"enum": ["blocked", "open"]}, "note": {"type": "string"}}},
        ),
        (
            {"state": "access denied", "note": None},
            {"required": ["state"], "properties": {"state": {"enum": ["access denied", "ok"]}, "note": {}}},
        ),
        (
            {"status": "failed", "error": "E1", "success": False},
            {"required": ["status"], "properties": {"status": {"enum": ["ok", "failed"]}, "error": {}, "success": {}}},
        ),
        ({"offers": [], "note": ""}, {"required": ["offers", "note"], "properties": {"offers": {}, "note": {}}}),
        ({"success": True, "a": 1}, {"properties": {"a": {"type": "number"}}}),
        ({"anything": "could not be better"}, {"type": "object"}),
    ],
    ids=lambda value: str(value)[:60],
)
def test_data_that_looks_like_a_wall_and_is_the_pages_own_is_no_failed_goal(
    result: Any, schema: dict[str, Any]
) -> None:
    """B2: data that looks like a wall and is the page's own is no failed goal."""
    assert read(result, schema).code is None


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


JOBS: dict[str, Any] = {
    "type": "object",
    "required": ["jobs", "total"],
    "properties": {
        "total": {"type": "integer"},
        "jobs": {"type": "array", "items": {"type": "object", "properties": {"id": {"type": "string"}}}},
    },
}
UNSEEN = {"total": 0, "jobs": []}


@pytest.mark.parametrize(
    "report",
    [
        {"success": False},
        {"status": "failed"},
        {"error": "could not load the page"},
        {"success": False, "reason": "captcha"},
        {"ok": False, "message": "blocked"},
        {"errors": ["timeout"]},
        {"error": "could not load", "jobs": [{"id": ""}, {"id": None}]},
        {"error": "could not load", "jobs": [{}], "total": None},
        {"note": "I could not load the page"},
        {"note": "Are you a robot?"},
    ],
    ids=str,
)
def test_an_agents_own_report_beside_zero_and_empty_lists_is_a_failed_goal(report: dict[str, Any]) -> None:
    """B2: 0, "", [] and false beside a report of failure are what was filled in, not what the page says."""
    for result in ({**report, **UNSEEN, **report}, {"result": {**UNSEEN, **report}}, json.dumps({**UNSEEN, **report})):
        assert read(result, JOBS).code == GOAL


@pytest.mark.parametrize(
    "result",
    [
        UNSEEN,
        {**UNSEEN, "success": True},
        {**UNSEEN, "status": "success", "error": "", "errors": []},
        {**UNSEEN, "error": "none", "reason": "N/A"},
        {**UNSEEN, "note": "could not find any jobs: the list is empty"},
        {"total": 1, "jobs": [{"id": "a"}], "error": "second page did not load"},
        {"total": 1, "jobs": [], "success": False},
        {"total": 0, "jobs": [{"id": "a"}], "error": "no total shown"},
    ],
    ids=str,
)
def test_an_empty_list_is_an_answer_where_no_failure_is_reported(result: dict[str, Any]) -> None:
    """B2: an empty page is an answer, and so are values beside a complaint."""
    assert read(result, JOBS).code is None


def test_zero_and_empty_beside_declared_words_of_failure_are_data() -> None:
    words = {"success": {"type": "boolean"}, "status": {"type": "string"}, "error": {"type": "string"}}
    schema = {**JOBS, "properties": {**JOBS["properties"], **words}}
    assert read({**UNSEEN, "success": False, "status": "failed", "error": "E1"}, schema).code is None


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
