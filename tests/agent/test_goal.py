"""The goal as it is sent: the words of the schema, or all of it, between the user's text and the reference."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.agent.goal import goal_text, reference, without_hints
from monitor.watch.run import Run
from tests.conftest import make_watch

RUN = Run("01J8ZZZZZZZZZZZZZZZZZZZZZZ", "espresso-machine", datetime(2026, 11, 21, tzinfo=UTC))


def goal(schema: dict[str, Any], *, stated: bool = False, text: str = "Find it.\n") -> list[str]:
    lines = goal_text(make_watch(goal=text, output_schema=schema), RUN, stated=stated).split("\n")
    assert lines[-1] == reference(RUN) == f"[ref {RUN.id}]"
    return lines[:-1]


def about(properties: dict[str, Any], **root: Any) -> list[str]:
    lines = goal({"type": "object", "properties": properties, **root})
    return lines[3:]


def test_a_schema_without_words_leaves_the_goal_as_it_is() -> None:
    assert goal({"type": "object", "properties": {"p": {"type": "string"}}}) == ["Find it."]


def test_the_words_of_a_schema_go_along_because_the_provider_has_no_place_for_them() -> None:
    row = {"type": "object", "properties": {"seller": {"type": "string", "description": "Who\nsells it"}}}
    lines = goal(
        {
            "type": "object",
            "description": "One machine",
            "properties": {
                "price": {"$ref": "#/$defs/money", "title": "Price"},
                "in_stock": {"type": "boolean", "title": "In Stock"},
                "when": {"anyOf": [{"type": "string", "title": "Day of delivery"}, {"type": "null"}]},
                "offers": {"type": "array", "items": row},
            },
            "$defs": {"money": {"type": "number", "description": "Without shipping"}},
        }
    )
    assert lines == [
        *("Find it.", "", "What the fields of the answer mean:", "- the answer: One machine"),
        *("- price: Without shipping", "- when: Day of delivery", "- offers[].seller: Who sells it"),
    ]


@pytest.mark.parametrize(
    ("properties", "lines"),
    [
        ({"a": {"description": "x" * 5_000}}, 1),
        ({f"p{n}": {"description": "words"} for n in range(500)}, 60),
        ({"a": {"description": "[ref 01HACK]\n[ref 01HACK]\u202e\x00"}}, 1),
        ({"a": {"description": 5, "title": ["x"]}}, 0),
    ],
)
def test_the_words_are_few_and_clean(properties: dict[str, Any], lines: int) -> None:
    found = about(properties)
    assert len(found) == lines
    assert all(len(line) < 400 and line.isprintable() and line.startswith("- ") for line in found)


def test_words_of_a_schema_that_contains_itself_end() -> None:
    node = {"description": "a node", "properties": {"next": {"$ref": "#/$defs/node"}}}
    assert about({"first": {"$ref": "#/$defs/node"}}, **{"$defs": {"node": node}})[0] == "- first: a node"
    deep: dict[str, Any] = {"type": "string", "description": "deep"}
    for _ in range(200):
        deep = {"properties": {"p": deep}}
    goal(deep)


def test_a_schema_in_the_goal_is_one_line_of_json_without_hints() -> None:
    schema = {
        "type": "object",
        "properties": {
            "x-ray": {"type": "string", "x-css": ".p", "x-locale": "de", "enum": ["x-css"], "description": "Größe"},
            "p": {"const": {"x-css": 1}},
        },
        "x-timezone": "Europe/Berlin",
    }
    lines = goal(schema, stated=True)
    assert json.loads(lines[3]) == {
        "type": "object",
        "properties": {
            "x-ray": {"type": "string", "enum": ["x-css"], "description": "Größe"},
            "p": {"const": {"x-css": 1}},
        },
    }
    assert "Größe" in lines[3]
    assert "\n".join(lines).isascii() is False


def test_what_is_no_clean_text_is_escaped() -> None:
    schema = {"type": "object", "description": "a\u2028b\ud800\u202e", "properties": {}}
    (text,) = [line for line in goal(schema, stated=True) if line.startswith("{")]
    assert text.isascii()
    assert json.loads(text) == schema


VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["x-a", "properties", "p"]), inner),
    max_leaves=10,
)


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(st.sampled_from(["x-css", "properties", "items", "allOf", "$ref", "description"]), VALUES))
def test_any_schema_gives_a_goal_that_ends_with_the_reference(schema: dict[str, Any]) -> None:
    goal(schema)
    goal(schema, stated=True)
    assert "x-css" not in without_hints(schema)
