"""The schema as a shape: what is read of it, and what is refused with its pointer."""

from __future__ import annotations

from typing import Any

import pytest

from monitor.embedded.extract.shape import MAX_DEPTH, problems, shape_of


def of(node: Any, **root: Any) -> Any:
    return shape_of({"properties": {"it": node}, **root}).properties["it"]


@pytest.mark.parametrize(
    ("node", "kind", "nullable"),
    [
        ({}, "string", False),
        ({"type": "number"}, "number", False),
        ({"type": ["integer", "null"]}, "integer", True),
        ({"type": "null"}, "null", True),
        ({"type": "string", "nullable": True}, "string", True),
        ({"anyOf": [{"type": "null"}, {"type": "number"}]}, "number", True),
        ({"oneOf": [{"type": "boolean"}, {"type": "number"}]}, "boolean", False),
        ({"allOf": [{"type": "object"}, {"properties": {"a": {}}, "required": ["a"]}]}, "object", False),
        ({"properties": {}}, "object", False),
        ({"items": {}}, "array", False),
        ({"enum": [True, False]}, "boolean", False),
        ({"enum": [1, 2.5]}, "number", False),
        ({"enum": ["a", None]}, "string", True),
        ({"const": "a"}, "string", False),
        ({"minimum": 0}, "number", False),
        ({"$ref": "#/$defs/money"}, "number", False),
        ({"$ref": "#/$defs/none"}, "string", False),
        ({"$ref": "https://elsewhere.example/schema"}, "string", False),
        (True, "string", True),
    ],
)
def test_the_kind_of_a_node(node: Any, kind: str, nullable: bool) -> None:
    shape = of(node, **{"$defs": {"money": {"type": "number"}}})
    assert (shape.kind, shape.nullable) == (kind, nullable)


def test_all_of_merges_its_parts() -> None:
    part = {"properties": {"b": {"type": "number"}}, "required": ["b"]}
    shape = of({"properties": {"a": {}}, "required": ["a"], "allOf": [part]})
    assert set(shape.properties) == {"a", "b"}
    assert shape.required == {"a", "b"}


def test_a_schema_that_refers_to_itself_ends() -> None:
    shape = shape_of({"properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}})
    assert shape.kind == "object"


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        ({"type": "array"}, "/type"),
        ({"properties": {"a/b": {"type": "strng"}}}, "/properties/a~1b/type"),
        ({"properties": {"a": 3}}, "/properties/a"),
        ({"properties": {"a": {"items": {"x-css": "p["}}}}, "/properties/a/items/x-css"),
        ({"properties": {"a": {"x-xpath": "//["}}}, "/properties/a/x-xpath"),
        ({"properties": {"a": {"x-css": "a", "x-attr": 3}}}, "/properties/a/x-attr"),
        ({"properties": {"a": {"x-attr": "href"}}}, "/properties/a/x-attr"),
        ({"properties": {"a": {"x-locale": "de", "x-regex": "("}}}, "/properties/a/x-regex"),
        ({"properties": {"a": {"x-css": " "}}}, "/properties/a/x-css"),
        ({"properties": {"a": {"x-css": "a", "x-xpath": "//a"}}}, "/properties/a/x-xpath"),
        ({"properties": {"a": {"x-jsonpath": "$["}}}, "/properties/a/x-jsonpath"),
        ({"anyOf": [{"type": "x"}]}, "/anyOf/0/type"),
        ({"$defs": {"d": {"type": "x"}}}, "/$defs/d/type"),
        ({"description": "x" * 70_000}, ""),
    ],
)
def test_a_problem_carries_its_pointer(schema: dict[str, Any], pointer: str) -> None:
    assert [found for found, _message in problems(schema)] == [pointer]


@pytest.mark.parametrize("depth", [3 * MAX_DEPTH, 5_000])
def test_a_schema_that_is_too_deep_is_refused(depth: int) -> None:
    schema: dict[str, Any] = {}
    for _level in range(depth):
        schema = {"properties": {"a": schema}}
    assert len(problems(schema)) == 1


def test_booleans_stand_for_anything() -> None:
    assert problems({"properties": {"a": True}}) == []
