"""What of a schema is sent, what is left out, and what the provider would refuse."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.agent.provider import BYTES, provider_problems, size
from monitor.agent.request import check, hinted
from monitor.agent.schema import compile_schema
from tests.conftest import make_watch


def sent(inner: Any, **root: Any) -> Any:
    schema = {"type": "object", "required": ["p"], "properties": {"p": inner}, **root}
    compiled = compile_schema(schema)
    assert provider_problems(compiled.sent) == []
    return compiled.sent["properties"]["p"]


def dropped(inner: Any, **root: Any) -> set[tuple[str, str]]:
    schema = {"type": "object", "required": ["p"], "properties": {"p": inner}, **root}
    compiled = compile_schema(schema)
    return {(pointer, keyword) for pointer, keyword, why in (*compiled.local, *compiled.beyond) if why}


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        ({"type": "number", "minimum": 0, "title": "P", "x-css": ".p"}, {"type": "number", "minimum": 0}),
        ({"type": ["string", "null"]}, {"type": "string", "nullable": True}),
        ({"type": ["null", "integer"], "minimum": 1}, {"type": "integer", "nullable": True, "minimum": 1}),
        ({"type": ["string", "number"]}, {"anyOf": [{"type": "string"}, {"type": "number"}]}),
        ({"type": ["integer", "number", "null"]}, {"type": "number", "nullable": True}),
        ({"enum": ["EUR", "USD"]}, {"type": "string", "enum": ["EUR", "USD"]}),
        ({"enum": ["EUR", None]}, {"type": "string", "enum": ["EUR"], "nullable": True}),
        ({"enum": [2, 1.5]}, {"type": "number", "minimum": 1.5, "maximum": 2}),
        ({"type": "integer", "enum": [1, 2]}, {"type": "integer", "minimum": 1, "maximum": 2}),
        ({"const": "x"}, {"type": "string", "enum": ["x"]}),
        ({"const": 5}, {"type": "integer", "minimum": 5, "maximum": 5}),
        ({"const": None}, {"nullable": True}),
        ({"type": "string", "format": "date-time"}, {"type": "string", "format": "date-time"}),
        ({"type": "string", "format": "email", "pattern": "x", "maxLength": 5}, {"type": "string"}),
        ({"type": "number", "format": "date"}, {"type": "number"}),
        ({"type": "array", "items": False}, {"type": "array", "maxItems": 0}),
        ({"type": "number", "exclusiveMinimum": 0, "minimum": -5}, {"type": "number", "minimum": 0}),
        ({"type": "string", "minimum": 5}, {"type": "string"}),
        ({"type": "string", "items": {"type": "string"}, "minItems": 1}, {"type": "string"}),
        ({"minimum": 0}, {}),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"type": "string", "nullable": True}),
        ({"oneOf": [{"type": "string"}, {"type": "number"}]}, {"anyOf": [{"type": "string"}, {"type": "number"}]}),
        ({"anyOf": [{"const": 5}, {"type": "number"}]}, {"type": "number"}),
        ({"allOf": [{"type": "string"}, {"type": "number"}]}, None),
        ({"allOf": [{"minimum": 3}, {"maximum": 2}], "type": "number"}, None),
        ({"type": "number", "minimum": 3, "maximum": 2}, None),
        ({"type": "array", "minItems": 3, "maxItems": 2}, None),
        ({"allOf": [{"type": "array", "minItems": 3}, {"maxItems": 2}]}, None),
        ({"type": "object", "required": ["a"], "properties": {"a": False}}, None),
        ({"allOf": [{"type": "object", "required": ["a"]}, {"additionalProperties": False}]}, None),
        ({"allOf": [{"enum": ["a"]}, {"const": "b"}]}, None),
        (False, None),
        ({"anyOf": [{"type": "null"}]}, {"nullable": True}),
        ({"nullable": True, "type": "string"}, {"type": "string", "nullable": True}),
        (True, {}),
        ({"$ref": "#/$defs/money"}, {"type": "number"}),
        ({"$ref": "#/$defs/a~1b"}, {"type": "boolean"}),
        ({"$ref": "#/$defs/money", "minimum": 2}, {"type": "number", "minimum": 2}),
        ({"$ref": "#/$defs/twice"}, {"type": "number"}),
        ({"$ref": "#/$defs/one/anyOf/0"}, {"type": "boolean"}),
        ({"$ref": "#/$defs/none"}, {}),
        ({"$ref": "https://evil.example/schema"}, {}),
        ({"type": "strng"}, {}),
    ],
)  # fmt: skip
def test_a_schema_is_brought_into_the_subset(inner: Any, expected: dict[str, Any] | None) -> None:
    defs: dict[str, Any] = {"money": {"type": "number"}, "a/b": {"type": "boolean"}}
    defs |= {"twice": {"$ref": "#/$defs/money"}, "one": {"anyOf": [{"type": "boolean"}]}}
    if expected is None:  # no answer is right: the provider is told of an object
        assert compile_schema({"required": ["p"], "properties": {"p": inner}}).sent == {"type": "object"}
        return
    assert sent(inner, **{"$defs": defs}) == expected


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        (
            {"enum": ["a", True, []]},
            {"anyOf": [{"type": "array"}, {"type": "string", "enum": ["a"]}, {"type": "boolean"}]},
        ),
        (
            {"type": "array", "items": {"const": 1}, "uniqueItems": True},
            {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 1}},
        ),
        (
            {"type": "array", "prefixItems": [{"const": "a"}, {"type": "number"}], "items": False},
            {
                "type": "array",
                "items": {"anyOf": [{"type": "string", "enum": ["a"]}, {"type": "number"}]},
                "maxItems": 2,
            },
        ),
        (
            {"items": {"type": "string"}},
            {
                "anyOf": [
                    {"type": "object"},
                    {"type": "array", "items": {"type": "string"}},
                    {"type": "string"},
                    {"type": "number"},
                    {"type": "boolean"},
                ],
                "nullable": True,
            },
        ),
        (
            {"properties": {"a": {"type": "string"}}, "required": ["a"]},
            {"properties": {"a": {"type": "string"}}, "required": ["a"]},
        ),
        (
            {"oneOf": [{"const": "a", "title": "A"}, {"const": "b"}, {"type": "null"}]},
            {"type": "string", "enum": ["a", "b"], "nullable": True},
        ),
        (
            {
                "allOf": [
                    {"type": "object", "properties": {"a": {"type": ["string", "null"]}}},
                    {"required": ["a"], "properties": {"a": {"enum": ["x", 1]}}},
                ]
            },
            {"type": "object", "properties": {"a": {"type": "string", "enum": ["x"]}}, "required": ["a"]},
        ),
        (
            {"allOf": [{"minimum": 1}, {"maximum": 2}, {"type": "integer"}]},
            {"type": "integer", "minimum": 1, "maximum": 2},
        ),
        (
            {"allOf": [{"type": "array", "items": {"type": "string"}}, {"minItems": 1}]},
            {"type": "array", "items": {"type": "string"}, "minItems": 1},
        ),
        (
            {"anyOf": [{"type": "integer"}, {"type": "number"}, {"const": 1}, {"type": "integer", "minimum": 2}]},
            {"type": "number"},
        ),
        (
            {"anyOf": [{"const": 1}, {"type": "string"}, {"const": 2}, {"type": "number"}]},
            {"anyOf": [{"type": "number"}, {"type": "string"}]},
        ),
    ],
)
def test_what_takes_more_words_is_brought_into_the_subset_too(inner: Any, expected: dict[str, Any]) -> None:
    assert sent(inner) == expected


def test_what_is_left_out_is_named_with_its_place() -> None:
    found = dropped({"type": "string", "pattern": "x", "format": "email", "x-css": ".p", "description": "d"})
    assert found == {("/properties/p", word) for word in ("pattern", "format")}
    assert ("/properties/p", "$ref") in dropped({"$ref": "#/$defs/none"})
    assert ("", "additionalProperties") in dropped({}, additionalProperties=False)
    choice = [{"type": "object", "required": [name]} for name in ("a", "b")]
    assert ("", "anyOf") in dropped({}, anyOf=choice)
    assert ("/properties/p", "type") in dropped({"minimum": 5})


def test_optional_properties_are_nullable_and_required_ones_are_not() -> None:
    compiled = compile_schema(
        {"properties": {"a/b": {"type": "string"}, "c": {"type": "string"}}, "required": ["c", "no"]}
    )
    assert compiled.sent == {
        "type": "object",
        "properties": {"a/b": {"type": "string", "nullable": True}, "c": {"type": "string"}, "no": {}},
        "required": ["c", "no"],
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
    assert ("/$defs/node", "$ref", "it refers to itself") in compiled.local
    assert ("", "$ref") in {(pointer, keyword) for pointer, keyword, _ in compile_schema({"$ref": "#"}).local}


def doubling(keyword: str, times: int) -> dict[str, Any]:
    """Return a schema whose references, written out, are `times` at each of eight levels."""

    def of(reference: dict[str, Any]) -> dict[str, Any]:
        if keyword == "properties":
            return {"type": "object", "properties": {f"p{n}": reference for n in range(times)}}
        return {keyword: [reference] * times}

    defs = {f"d{n}": of({"$ref": f"#/$defs/d{n + 1}"}) for n in range(7)}
    defs["d7"] = {"anyOf": [{"properties": {name: {"type": "string"}}, "required": [name]} for name in "abcdefgh"]}
    return {"type": "object", "properties": {"p": {"$ref": "#/$defs/d0"}}, "$defs": defs}


@pytest.mark.no_cover  # tracing takes three times as long as the work whose time is bounded
@pytest.mark.parametrize("keyword", ["anyOf", "allOf", "oneOf", "properties"])
def test_references_that_double_are_cut_at_a_bound(keyword: str) -> None:
    began = time.process_time()
    compiled = compile_schema(doubling(keyword, 30))
    assert time.process_time() - began < 5  # it takes 0.1 s; without a bound, for ever
    assert provider_problems(compiled.sent) == [] or size(compiled.sent) > BYTES
    if keyword == "properties":
        assert any("more than" in why for _, _, why in compiled.beyond)


def test_a_choice_of_too_many_kinds_of_object_is_anything() -> None:
    choice = [{"type": "object", "required": [f"k{n}"]} for n in range(200)]
    assert sent({"anyOf": choice}) == {}
    assert sent({"anyOf": [{"const": f"word {n}"} for n in range(200)]})["enum"][199] == "word 199"


def test_what_has_no_room_at_the_tenth_level_is_told_by_what_it_is() -> None:
    def at_the_bottom(inner: Any) -> Any:
        for _ in range(9):
            inner = {"type": "object", "required": ["p"], "properties": {"p": inner}}
        return compile_schema(inner)

    place = "/properties/p" * 9
    scalar = at_the_bottom({"type": ["string", "number"]})
    assert (scalar.beyond, [each.keyword for each in scalar.local]) == ((), ["anyOf"])
    for inner in ({"type": "array", "items": {"type": "string"}}, {"type": ["array", "string"]}):
        found = at_the_bottom(inner)
        assert [each.pointer for each in found.beyond] == [place]
        assert provider_problems(found.sent) == []
    chain = {f"d{n}": {"$ref": f"#/$defs/d{n + 1}"} for n in range(500)} | {"d500": {}}
    endless = compile_schema({"properties": {"p": {"$ref": "#/$defs/d0"}}, "$defs": chain})
    assert [each.why for each in endless.beyond] == ["deeper than 10 levels"]


def deep(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels - 1):
        schema = {"type": "object", "required": ["p"], "properties": {"p": schema}}
    return schema


def test_ten_levels_are_sent_and_more_are_cut() -> None:
    assert compile_schema(deep(10)).beyond == ()
    assert compile_schema(deep(10)).sent == deep(10)
    assert provider_problems(deep(10)) == []
    cut = compile_schema(deep(11))
    assert provider_problems(cut.sent) == []
    assert any(why.startswith("deeper") for _, _, why in cut.beyond)
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


def test_a_good_watch_has_no_finding_and_what_is_checked_here_only_is_a_note() -> None:
    assert list(check(make_watch())) == []
    richer = {"type": "object", "properties": {"p": {"type": "string", "pattern": "^a", "x-css": ".p"}}}
    (note,) = check(make_watch(output_schema=richer))
    assert note.note
    assert note.warning
    assert note.path == ("output_schema",)
    assert note.message == "not sent to the agent API, checked on this machine only: pattern at /properties/p"


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
