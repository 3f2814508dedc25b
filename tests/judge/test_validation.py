"""Validation: the same answer as the reference implementation, in words a person understands."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from monitor.errors import UsageError
from monitor.judge.schemas import dialect, patterns, validation
from monitor.judge.schemas.validation import compiled


def messages(schema: dict[str, Any], value: Any) -> list[str]:
    return [violation.message for violation in compiled(schema).violations(value)]


def one(**keywords: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": keywords}}


@pytest.mark.parametrize(
    ("schema", "value", "message"),
    [
        (one(type="number"), "abc", '/a: "abc" is not a number'),
        (one(type="integer"), 1.5, "/a: 1.5 is not a whole number"),
        (one(type=["string", "null"]), 3, "/a: 3 is not null or text"),
        (one(type="boolean"), "yes", '/a: "yes" is not true or false'),
        (one(minimum=0), -1, "/a: -1 is less than 0"),
        (one(maximum=5), 6, "/a: 6 is more than 5"),
        (one(exclusiveMinimum=0), 0, "/a: 0 is not more than 0"),
        (one(exclusiveMaximum=0), 0, "/a: 0 is not less than 0"),
        (one(minLength=3), "ab", '/a: "ab" is shorter than 3 characters'),
        (one(maxLength=1), "ab", '/a: "ab" is longer than 1 characters'),
        (one(minItems=1), [], "/a: [] has fewer items than 1"),
        (one(maxItems=1), [1, 2], "/a: [1, 2] has more items than 1"),
        (one(minProperties=1), {}, "/a: {} has fewer properties than 1"),
        (one(multipleOf=2), 3, "/a: 3 is not a multiple of 2"),
        (one(enum=["EUR", "USD"]), "GBP", '/a: "GBP" is not one of ["EUR", "USD"]'),
        (one(const=5), 6, "/a: 6 is not 5"),
        (one(pattern="^x"), "ab", '/a: "ab" does not fit the pattern ^x'),
        (one(format="date"), "ab", '/a: "ab" is not a date'),
        (one(uniqueItems=True), [1, 1], "/a: [1, 1] breaks the rule uniqueItems"),
        (one(required=["b"]), {}, "/a/b is missing"),
        (
            one(properties={"b": {}}, additionalProperties=False), {"c": 1},
            '/a: has properties that the schema does not allow: ["c"]',
        ),
        (one(anyOf=[{"type": "string"}, {"type": "null"}]), 3, "/a: 3 fits none of the forms that the schema allows"),
        (one(anyOf=[{"type": "null"}, {"type": "number", "minimum": 0}]), -3, "/a: -3 is less than 0"),
        (one(oneOf=[{"type": "null"}, {"enum": ["x"]}]), "y", '/a: "y" is not one of ["x"]'),
        (one(oneOf=[{}, {}]), 1, "/a: 1 fits none of the forms that the schema allows"),
        (one(type="number"), "x" * 500, f'/a: "{"x" * 198}… is not a number'),
        (one(type="number"), "a\x1b[31m\u202e", '/a: "a\\u001b[31m\ufffd" is not a number'),
        (one(type="number"), list(range(1000)), "/a: a list of 1000 is not a number"),
        (one(type="number"), {str(n): n for n in range(1000)}, "/a: an object of 1000 is not a number"),
    ],
    ids=lambda value: str(value)[:50],
)  # fmt: skip
def test_a_violation_is_explained(schema: dict[str, Any], value: Any, message: str) -> None:
    assert messages(schema, {"a": value})[0] == message


def test_the_root_must_be_an_object_even_where_the_schema_forgets_to_say_so() -> None:
    assert messages({}, []) == ["the result is not an object: []"]
    assert not compiled({}).valid([])


def test_at_most_twenty_violations_are_told() -> None:
    schema = {"properties": {"rows": {"type": "array", "items": {"type": "number"}}}}
    assert len(messages(schema, {"rows": ["x"] * 1000})) == 20


def test_a_compiled_schema_is_kept_by_content_and_the_cache_is_bounded() -> None:
    assert compiled(one(type="number")) is compiled(one(type="number"))
    first = compiled(one(const=-1))
    for number in range(300):
        compiled(one(const=number))
    assert compiled(one(const=-1)) is not first


@pytest.mark.parametrize(
    ("schema", "takes", "refuses"),
    [
        ({"type": "string", "nullable": True}, ["x", None], [1]),
        ({"type": ["string", "null"], "nullable": True}, ["x", None], [1]),
        ({"type": "string", "enum": ["a"], "nullable": True}, ["a", None], ["b"]),
        ({"enum": ["a", None], "nullable": True}, ["a", None], ["b"]),
        ({"type": "number", "minimum": 0, "nullable": True}, [0, None], [-1]),
        ({"anyOf": [{"type": "string"}, {"type": "number"}], "nullable": True}, ["x", 1, None], [True]),
        ({"$ref": "#/$defs/n", "nullable": True}, [1, None], ["x"]),
        ({"const": 1, "nullable": True}, [1, None], [2]),
        ({"minimum": 1, "nullable": True}, [1, None, "x"], [0]),
        ({"type": "string", "nullable": False}, ["x"], [None]),
        ({"type": "array", "items": {"type": "string", "nullable": True}}, [["x", None]], [[1]]),
        ({"properties": {"nullable": {"type": "string", "nullable": True}}}, [{"nullable": None}], [{"nullable": 1}]),
    ],
)
def test_the_providers_nullable_is_understood(schema: dict[str, Any], takes: list[Any], refuses: list[Any]) -> None:
    whole = {"properties": {"a": schema}, "$defs": {"n": {"type": "number"}}}
    assert all(compiled(whole).valid({"a": value}) for value in takes)
    assert not any(compiled(whole).valid({"a": value}) for value in refuses)


def test_keys_of_our_own_and_identifiers_mean_nothing() -> None:
    schema = {
        "$id": "http://127.0.0.1:9/s",
        "$schema": "http://127.0.0.1:9/m",
        "x-a": 3,
        "properties": {"a": {"x-css": 1, "type": "null"}},
    }
    assert compiled(schema).valid({"a": None})
    assert "x-a" not in dialect.translated(schema)
    assert schema["properties"]["a"] == {"x-css": 1, "type": "null"}


def nested(levels: int) -> Any:
    schema: Any = {"type": "number"}
    for _ in range(levels):
        schema = {"properties": {"a": schema}}
    return schema


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "strng"},
        {"pattern": "(?=a)"},
        {"$ref": "http://127.0.0.1:9/x"},
        {"$ref": "file:///etc/passwd"},
        {"$ref": "#/$defs/none"},
        nested(40),
        {"properties": 3},
    ],
    ids=lambda value: str(value)[:40],
)
def test_every_error_of_the_library_becomes_one_of_ours(schema: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        compiled(schema).valid({})
    assert "\n" not in str(caught.value)


@pytest.mark.no_cover  # tracing takes three times as long as the work whose time is bounded
def test_patterns_cannot_hang() -> None:
    start = time.process_time()
    assert not compiled(one(pattern="^(a+)+$")).valid({"a": "a" * 50_000 + "b"})
    assert time.process_time() - start < 2
    assert patterns.matches("^p", "price")
    assert not patterns.matches("(?=p)", "price")


PLAIN = st.none() | st.booleans() | st.sampled_from([0, 1, 1.5, -2, "a", "ab", "2026-01-01", ""])
VALUES = st.recursive(
    PLAIN, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.sampled_from("ab"), v, max_size=2), max_leaves=5
)
TYPES = ["array", "boolean", "integer", "null", "number", "object", "string"]
RULES = st.one_of(
    st.fixed_dictionaries({"type": st.sampled_from(TYPES) | st.lists(st.sampled_from(TYPES), min_size=1, unique=True)}),
    st.fixed_dictionaries({"enum": st.lists(PLAIN, min_size=1, max_size=3)}),
    st.fixed_dictionaries({"minimum": st.integers(-2, 2)}),
    st.fixed_dictionaries({"minLength": st.integers(0, 3)}),
    st.fixed_dictionaries({"pattern": st.sampled_from(["^a", "b", "^$"])}),
)
SCHEMAS = st.recursive(
    RULES,
    lambda s: st.one_of(
        st.fixed_dictionaries({"properties": st.dictionaries(st.sampled_from("ab"), s), "required": st.just(["a"])}),
        st.fixed_dictionaries({"items": s}),
        st.fixed_dictionaries({"anyOf": st.lists(s, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"allOf": st.lists(s, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"not": s}),
        st.fixed_dictionaries({"additionalProperties": s}),
    ),
    max_leaves=4,
)


@settings(deadline=None, max_examples=150)
@given(SCHEMAS, st.dictionaries(st.sampled_from("ab"), VALUES, max_size=2))
def test_the_reference_implementation_gives_the_same_answer(schema: dict[str, Any], value: dict[str, Any]) -> None:
    ours = compiled(schema)
    expected = Draft202012Validator(schema).is_valid(value)
    assert ours.valid(value) is expected
    assert (ours.violations(value) == ()) is expected


def test_an_excerpt_never_holds_more_than_its_cap() -> None:
    assert len(validation.excerpt({"a": "x" * 10_000})) <= 200
