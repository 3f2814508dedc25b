"""`schema_validation`: which results keep to a schema by the keywords of the API."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.embedded.validation import MAX_ERRORS, validated

ROWS = {"type": "array", "minItems": 1, "maxItems": 2, "items": {"type": "object", "required": ["a"], "properties": {
    "a": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "format": "date"}]}}}}  # fmt: skip


@pytest.mark.parametrize(
    ("value", "schema", "wrong"),
    [
        (1, {"type": "number"}, []),
        (True, {"type": "number"}, [""]),
        (1.0, {"type": "integer"}, []),
        (1.5, {"type": "integer"}, [""]),
        (None, {"type": "string"}, [""]),
        (None, {"type": "string", "nullable": True}, []),
        (None, {"type": ["string", "null"]}, []),
        ("x", {"enum": ["x", "y"]}, []),
        ("z", {"enum": ["x", "y"]}, [""]),
        (5, {"minimum": 6}, [""]),
        (5, {"maximum": 4}, [""]),
        ("2026-11-21", {"type": "string", "format": "date"}, []),
        ("21.11.2026", {"type": "string", "format": "date"}, [""]),
        ("2026-11-21T10:00:00Z", {"format": "date-time"}, []),
        ("10:00:00Z", {"format": "time"}, []),
        ("P1DT2H", {"format": "duration"}, []),
        ("P", {"format": "duration"}, [""]),
        ({}, {"required": ["a~/b"]}, ["/a~0~1b"]),
        ({"a": None}, {"properties": {"a": {"type": "string"}}}, []),
        ({"a": None}, {"required": ["a"], "properties": {"a": {"type": "string"}}}, ["/a"]),
        ([], ROWS, [""]),
        ([{"a": 1}, {"a": "2026-01-01"}], ROWS, []),
        ([{"a": 0}, {}], ROWS, ["/0/a", "/1/a"]),
        ([{"a": 1}] * 3, ROWS, [""]),
        ("text of an agent that wobbles", {"type": "object"}, [""]),
    ],
)
def test_each_keyword_of_the_api_is_looked_at(value: Any, schema: dict[str, Any], wrong: list[str]) -> None:
    found = validated(value, schema)
    assert found is not None
    assert [error["path"] for error in found["errors"]] == wrong
    assert found["valid"] is not bool(wrong)
    assert all(set(error) == {"path", "expected", "received", "message"} for error in found["errors"])


def test_without_a_schema_nothing_is_said() -> None:
    assert validated({"a": 1}, None) is None


def test_errors_are_bounded() -> None:
    found = validated([None] * 10_000, {"items": {"type": "string"}})
    assert found is not None
    assert len(found["errors"]) == MAX_ERRORS


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(
        ["type", "properties", "items", "required", "enum", "anyOf", "minimum", "minItems", "format", "a"]), inner),
    max_leaves=15,
)  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(JSON, st.dictionaries(st.sampled_from(["type", "properties", "items", "required", "enum", "anyOf"]), JSON))
def test_no_schema_and_no_value_breaks_it(value: Any, schema: dict[str, Any]) -> None:
    assert validated(value, schema) is not None
