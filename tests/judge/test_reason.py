"""The one line that says why: what changed, what moved, and what a person should know beside it."""

from __future__ import annotations

from typing import Any

import pytest

from monitor.judge.comparison import compare
from monitor.judge.decision import Change
from monitor.judge.reason import of_changes
from monitor.watch.model import Compare

ROW = {"type": "object", "properties": {"seller": {"type": "string"}, "price": {"type": "number"}}}
SCHEMA = {
    "type": "object",
    "properties": {
        "price": {"type": "number"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "offers": {"type": "array", "items": ROW},
    },
}
KEYED = Compare(identity={"/offers": ("seller",)})


def said(before: dict[str, Any], after: dict[str, Any], how: Compare) -> str:
    return of_changes(compare.changes(before, after, SCHEMA, how))


def test_a_change_is_told_by_its_values() -> None:
    assert said({"price": 499.0}, {"price": 449.5}, Compare()) == "price 499 -> 449.5"


def test_an_item_that_moved_is_told_as_moved() -> None:
    assert said({"tags": ["a", "b", "c"]}, {"tags": ["c", "a", "b"]}, Compare()) == 'tags/0 "c" moved from 2 to 0'


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (
            [{"seller": "A", "price": 1}, {"seller": "A", "price": 2}],
            [{"seller": "A", "price": 1}, {"seller": "A", "price": 3}],
            "[2 rows share this key now, 2 did before: they cannot be matched]",
        ),
        ([{"price": 1}], [{"price": 2}], "[rows without seller cannot be matched]"),
    ],
)
def test_what_is_to_be_known_beside_changes_stands_once_at_the_end(before: Any, after: Any, words: str) -> None:
    told = said({"offers": before}, {"offers": after}, KEYED)
    assert told.startswith("2 changes: ")
    assert told.endswith(words)
    assert told.count("[") == 1


def test_a_value_that_only_looks_like_a_move_is_told_by_its_values() -> None:
    looks = {"index": 1, "item": 2}
    assert of_changes([Change("/p", "changed", looks, looks | {"item": 3}, "a bound")]).endswith('"item": 3} [a bound]')


def test_the_line_is_bounded_and_names_three() -> None:
    many = [Change(f"/{'n' * 300}{number}", "added", after=1, note="x" * 600) for number in range(9)]
    told = of_changes(many)
    assert told.startswith("9 changes: ")
    assert len(told) == 500
