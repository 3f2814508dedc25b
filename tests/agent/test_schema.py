"""What of a schema is sent, what is left out, and what the provider would refuse."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.agent.request import check, hinted
from monitor.agent.schema import BYTES, compile_schema, provider_problems
from tests.conftest import make_watch


def sent(inner: Any, **root: Any) -> Any:
    schema = {"type": "object", "required": ["p"], "properties": {"p": inner}, **root}
    compiled = compile_schema(schema)
    assert provider_problems(compiled.sent) == []
    return compiled.sent["properties"]["p"]


def dropped(inner: Any, **root: Any) -> set[tuple[str, str]]:
    schema = {"type": "object", "required": ["p"], "properties": {"p": inner}, **root}
    return {(pointer, keyword) for pointer, keyword, why in compile_schema(schema).dropped if why}


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        ({"type": "number", "minimum": 0, "title": "P", "x-css": ".p"}, {"type": "number", "minimum": 0}),
        ({"type": ["string", "null"]}, {"type": "string", "nullable": True}),
        ({"type": ["null", "integer"], "minimum": 1}, {"type": "integer", "nullable": True, "minimum": 1}),
        ({"type": ["string", "number"]}, {}),
        ({"enum": ["EUR", "USD"]}, {"type": "string", "enum": ["EUR", "USD"]}),
        ({"enum": ["EUR", None]}, {"type": "string", "enum": ["EUR"], "nullable": True}),
        ({"enum": [1, 2]}, {}),
        ({"type": "integer", "enum": [1, 2]}, {"type": "integer"}),
        ({"const": "x"}, {"type": "string", "enum": ["x"]}),
        ({"const": 5}, {}),
        ({"type": "string", "format": "date-time"}, {"type": "string", "format": "date-time"}),
        ({"type": "string", "format": "email", "pattern": "x", "maxLength": 5}, {"type": "string"}),
        ({"type": "number", "format": "date"}, {"type": "number"}),
        ({"type": "array", "items": {"const": 1}, "uniqueItems": True}, {"type": "array", "items": {}}),
        ({"items": {"type": "string"}}, {"type": "array", "items": {"type": "string"}}),
        ({"type": "string", "items": {"type": "string"}, "minItems": 1}, {"type": "string"}),
        ({"minimum": 0}, {}),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"type": "string", "nullable": True}),
        ({"oneOf": [{"type": "string"}, {"type": "number"}]}, {"anyOf": [{"type": "string"}, {"type": "number"}]}),
        ({"anyOf": [{"const": 5}, {"type": "number"}]}, {}),
        ({"anyOf": [{"type": "null"}]}, {"nullable": True}),
        ({"nullable": True, "type": "string"}, {"type": "string", "nullable": True}),
        (True, {}),
        ({"$ref": "#/$defs/money"}, {"type": "number"}),
        ({"$ref": "#/$defs/a~1b"}, {"type": "boolean"}),
        ({"$ref": "#/$defs/money", "minimum": 2}, {"type": "number", "minimum": 2}),
        ({"$ref": "#/$defs/none"}, {}),
        ({"$ref": "https://evil.example/schema"}, {}),
        ({"type": "strng"}, {}),
    ],
)  # fmt: skip
def test_a_schema_is_brought_into_the_subset(inner: Any, expected: dict[str, Any]) -> None:
    defs = {"money": {"type": "number"}, "a/b": {"type": "boolean"}}
    assert sent(inner, **{"$defs": defs}) == expected


def test_what_is_left_out_is_named_with_its_place() -> None:
    found = dropped({"type": "string", "pattern": "x", "format": "email", "x-css": ".p", "description": "d"})
    assert found == {("/properties/p", word) for word in ("pattern", "format", "x-css", "description")}
    assert ("/properties/p", "$ref") in dropped({"$ref": "#/$defs/none"})
    assert ("", "additionalProperties") in dropped({}, additionalProperties=False)
    assert ("", "anyOf") in dropped({}, anyOf=[{"type": "object"}, {"type": "object"}])


def test_optional_properties_are_nullable_and_required_ones_are_not() -> None:
    compiled = compile_schema(
        {"properties": {"a/b": {"type": "string"}, "c": {"type": "string"}}, "required": ["c", "no"]}
    )
    assert compiled.sent == {
        "type": "object",
        "properties": {"a/b": {"type": "string", "nullable": True}, "c": {"type": "string"}},
        "required": ["c"],
    }


def test_an_ordering_is_kept_only_when_it_is_one() -> None:
    properties = {"a": {"type": "string"}, "b": {"type": "string"}}
    assert "propertyOrdering" in compile_schema({"properties": properties, "propertyOrdering": ["b", "a"]}).sent
    for odd in (["a", "a"], ["x"], "ab", [["a"]]):
        assert "propertyOrdering" not in compile_schema({"properties": properties, "propertyOrdering": odd}).sent


def test_a_reference_to_itself_is_cut_and_named() -> None:
    schema = {
        "properties": {"p": {"$ref": "#/$defs/node"}},
        "$defs": {"node": {"properties": {"next": {"$ref": "#/$defs/node"}}}},
    }
    compiled = compile_schema(schema)
    assert provider_problems(compiled.sent) == []
    assert ("/properties/p/properties/next", "$ref", "it refers to itself") in compiled.dropped
    assert ("", "$ref") in {(pointer, keyword) for pointer, keyword, _ in compile_schema({"$ref": "#"}).dropped}


def test_references_that_double_are_cut_at_a_bound() -> None:
    defs = {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 30} for n in range(7)} | {"d7": {"type": "string"}}
    compiled = compile_schema({"properties": {"p": {"$ref": "#/$defs/d0"}}, "$defs": defs})
    assert provider_problems(compiled.sent) == [] or len(str(compiled.sent)) > BYTES / 4


def deep(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels - 1):
        schema = {"type": "object", "required": ["p"], "properties": {"p": schema}}
    return schema


def test_ten_levels_are_sent_and_more_are_cut() -> None:
    assert compile_schema(deep(10)).dropped == ()
    assert compile_schema(deep(10)).sent == deep(10)
    assert provider_problems(deep(10)) == []
    cut = compile_schema(deep(11))
    assert provider_problems(cut.sent) == []
    assert any(why.startswith("deeper") for _, _, why in cut.dropped)
    assert ("#" + "/properties/p" * 10, "the schema is nested deeper than 10 levels") in provider_problems(deep(11))


@pytest.mark.parametrize(
    ("schema", "place", "word"),
    [
        ([], "#", "an object"),
        ({"type": "array"}, "#", "root"),
        ({"anyOf": []}, "#", "anyOf"),
        ({"properties": {"p": {"title": "x"}}}, "#/properties/p", "title"),
        ({"properties": {"p": {"$ref": "#"}}}, "#/properties/p", "$ref"),
        ({"properties": {"p": {"type": ["string", "null"]}}}, "#/properties/p", "one type"),
        ({"properties": {"p": True}}, "#/properties/p", "object"),
        ({"properties": {"p": {"type": "integer", "enum": [1]}}}, "#/properties/p", "enum"),
        ({"properties": {"p": {"type": "string", "enum": []}}}, "#/properties/p", "enum"),
        ({"properties": {"p": {"type": "string", "format": "email"}}}, "#/properties/p", "format"),
        ({"properties": {"p": {"type": "string", "minimum": 1}}}, "#/properties/p", "minimum"),
        ({"properties": {"p": {"type": "array", "items": {"x-css": "a"}}}}, "#/properties/p/items", "x-css"),
        ({"properties": {"p": {"anyOf": [{"const": 1}]}}}, "#/properties/p/anyOf/0", "const"),
        ({"required": ["x"]}, "#", "required"),
        ({"required": "x"}, "#", "list of names"),
        ({"properties": {"a": {}}, "propertyOrdering": ["a", "a"]}, "#", "twice"),
        ({"properties": {"a": {"type": "string", "enum": ["x" * 70_000]}}}, "#", "larger"),
    ],
)
def test_what_the_provider_refuses_is_told_with_its_place(schema: Any, place: str, word: str) -> None:
    assert any(pointer == place and word in message for pointer, message in provider_problems(schema))


def test_required_is_relaxed_inside_a_branch() -> None:
    assert provider_problems({"properties": {"p": {"anyOf": [{"type": "object", "required": ["q"]}]}}}) == []


KEYWORDS = [
    *("type", "enum", "const", "items", "properties", "required", "anyOf", "oneOf", "format", "minimum", "nullable"),
    *("propertyOrdering", "$ref", "$defs", "title", "x-css", "maxItems", "additionalProperties"),
]
LEAVES = st.sampled_from(["string", "object", "array", "#", "#/$defs/a", "date", "a"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*KEYWORDS, "a"]), inner, max_size=5),
    max_leaves=25,
)


@settings(deadline=None, max_examples=150)
@given(st.dictionaries(st.sampled_from(KEYWORDS), VALUES, max_size=6))
def test_what_is_sent_is_always_what_the_provider_takes(schema: dict[str, Any]) -> None:
    compiled = compile_schema(schema)
    assert provider_problems(compiled.sent) == []
    assert provider_problems(schema) is not None
    hinted(schema)


def test_a_good_watch_has_no_finding_and_keywords_checked_here_only_are_none() -> None:
    assert list(check(make_watch())) == []
    richer = {"type": "object", "properties": {"p": {"type": "string", "pattern": "^a", "x-css": ".p"}}}
    assert list(check(make_watch(output_schema=richer))) == []


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        (deep(11), ("output_schema", *["properties", "p"] * 9, "properties")),
        ({"properties": {"a": {"type": "string", "enum": ["x" * 70_000]}}}, ("output_schema",)),
        ({"properties": {"a": {"type": "number", "minimum": float("nan")}}}, ("output_schema",)),
    ],
)
def test_a_schema_that_the_provider_cannot_take_is_an_error_at_its_place(schema: Any, path: tuple[str, ...]) -> None:
    found = list(check(make_watch(output_schema=schema)))
    assert [finding.path for finding in found] == [path]
    assert not found[0].warning


def test_hints_are_found_at_any_depth() -> None:
    assert hinted({"properties": {"p": {"items": [{"x-css": ".p"}]}}})
    assert not hinted({"properties": {"p": {"title": "x-css"}}})
