"""What a schema declares, over references, choices, patterns and lists."""

from __future__ import annotations

from typing import Any

import pytest

from monitor.judge.comparison.compare import changes
from monitor.judge.schemas.scope import of
from monitor.watch.model import Compare


def compared(schema: dict[str, Any], value: Any, other: Any) -> bool:
    return bool(changes({"a": value}, {"a": other}, {"properties": {"a": schema}, "$defs": DEFS}, Compare()))


DEFS = {"p": {"properties": {"x": {}}}, "q": {"$ref": "#/$defs/p"}}
X1, X2 = {"x": 1, "y": 1}, {"x": 2, "y": 1}
Y2 = {"x": 1, "y": 2}


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"x": {}}},
        {"$ref": "#/$defs/q"},
        {"allOf": [{"type": "object"}, {"$ref": "#/$defs/p"}]},
        {"anyOf": [{"type": "null"}, {"properties": {"x": {}}}]},
        {"oneOf": [{"properties": {"x": {}}}, {"type": "string"}]},
        {"if": {"type": "object"}, "then": {"properties": {"x": {}}}},
        {"properties": {"x": True}},
        {"properties": {"x": {}}, "additionalProperties": True},
        {"properties": {"x": {}}, "additionalProperties": False},
        {"patternProperties": {"^x": {}}},
        {"patternProperties": {"^x": {"type": "integer"}}, "properties": {"x": {}}},
    ],
)
def test_only_what_is_declared_is_compared(schema: dict[str, Any]) -> None:
    assert compared(schema, X1, X2)
    assert not compared(schema, X1, Y2)


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object"},
        {"type": "object", "additionalProperties": True},
        {"properties": {"x": {}}, "additionalProperties": {}},
        {"properties": {"x": {}}, "additionalProperties": {"type": "integer"}},
        {"properties": {"x": {}}, "unevaluatedProperties": {"type": "integer"}},
        {"patternProperties": {"x|y": {}}},
        {"anyOf": [{"properties": {"x": {}}}, {"properties": {"y": {}}}]},
    ],
)
def test_everything_is_compared_where_the_schema_says_so_or_says_nothing(schema: dict[str, Any]) -> None:
    assert compared(schema, X1, X2)
    assert compared(schema, X1, Y2)


def test_lists_take_the_scope_of_their_items() -> None:
    rows = {"type": "array", "items": {"properties": {"x": {}}}}
    assert compared(rows, [X1], [X2])
    assert not compared(rows, [X1], [Y2])
    tuples = {"prefixItems": [{"properties": {"x": {}}}], "items": {"properties": {"y": {}}}}
    assert not compared(tuples, [X1, X1], [Y2, X2])
    assert compared(tuples, [X1, X1], [X1, Y2])
    assert compared({"type": "array"}, [X1], [Y2])
    assert compared({"prefixItems": [{}]}, [1, X1], [1, Y2])


def test_a_schema_that_contains_itself_has_a_scope_at_every_depth() -> None:
    tree: dict[str, Any] = {"properties": {"n": {}, "below": {"$ref": "#"}}}
    scope = of(tree)
    for _ in range(50):
        child = scope.child("below")
        assert child is not None
        scope = child
    assert list(scope.properties) == ["n", "below"]


def test_in_place_circles_end() -> None:
    assert of({"allOf": [{"$ref": "#"}], "properties": {"a": {}}}).child("a") is not None
    assert of({"properties": {"a": {"$ref": "#/nowhere"}}, "required": ["a"]}).required == {"a"}


def test_names_and_types_of_all_branches_count() -> None:
    scope = of({"type": ["object", "null"], "required": ["a"], "anyOf": [{"required": ["b"], "type": "array"}]})
    assert scope.required == {"a", "b"}
    assert scope.types == {"object", "null", "array"}
    assert scope.is_list
