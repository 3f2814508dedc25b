"""Lists without an order, and rows that a key does not tell apart: multisets, and noted as what they are."""

from __future__ import annotations

from collections import Counter
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.judge.comparison import margin, sameness
from monitor.judge.comparison.compare import changes
from monitor.judge.decision import Change
from monitor.watch.model import Compare
from tests.judge.values import SCALARS, naive

SCHEMA = {
    "properties": {
        "tags": {"type": "array", "items": {}},
        "rows": {"type": "array", "items": {"properties": {"id": {}, "size": {}, "price": {}, "tags": {}}}},
    }
}
TAGS = Compare(unordered=("/tags",))


def differences(before: Any, after: Any, **compare: Any) -> tuple[Change, ...]:
    return changes(before, after, SCHEMA, Compare(**compare))


@settings(deadline=None, max_examples=200)
@given(st.lists(SCALARS, max_size=5), st.lists(SCALARS, max_size=5), st.randoms())
def test_unordered_lists_differ_exactly_when_their_multisets_do(one: Any, other: Any, chance: Any) -> None:
    """B3: unordered lists differ exactly when their multisets do, and every surplus is named."""
    found = changes({"tags": one}, {"tags": other}, SCHEMA, TAGS)
    before, after = (Counter(naive(item) for item in items) for items in (one, other))
    assert Counter(naive(change.before) for change in found if change.kind == "removed") == before - after
    assert Counter(naive(change.after) for change in found if change.kind == "added") == after - before
    shuffled = one[:]
    chance.shuffle(shuffled)
    assert changes({"tags": one}, {"tags": shuffled}, SCHEMA, TAGS) == ()


def test_what_came_and_went_is_named_by_its_index_in_its_own_list() -> None:
    found = differences({"tags": ["a", "b", "b"]}, {"tags": ["c", "b", "a"]}, unordered=["/tags"])
    assert found == (Change("/tags/2", "removed", before="b"), Change("/tags/0", "added", after="c"))


def test_an_unordered_list_differs_from_what_is_no_list_and_from_none() -> None:
    assert [c.kind for c in differences({"tags": [1]}, {"tags": None}, unordered=["/tags"])] == ["changed"]
    assert [c.before for c in differences({"tags": [1, 2]}, {}, unordered=["/tags"])] == [[1, 2]]
    assert not differences({"tags": [1]}, {"tags": [2]}, unordered=["/tags"], ignore=["/tags/*"])


def test_unordered_lists_inside_rows_leave_rows_equal() -> None:
    before, after = {"rows": [{"id": 1, "tags": ["a", "b"]}]}, {"rows": [{"id": 1, "tags": ["b", "a"]}]}
    for identity in ({}, {"/rows": "id"}):
        assert not differences(before, after, unordered=["/rows/*/tags"], identity=identity)
    assert differences(before, after, identity={"/rows": "id"})


NUMBERS = st.lists(st.sampled_from([0, 1, 2, 3, 4, 8]), max_size=4)


@settings(deadline=None, max_examples=200)
@given(NUMBERS, NUMBERS)
def test_items_that_moved_a_little_are_partners_where_some_pairing_allows_it(one: list[int], other: list[int]) -> None:
    """The naive oracle tries every order of what is left when equal items are set aside."""
    left, right = list((Counter(one) - Counter(other)).elements()), list((Counter(other) - Counter(one)).elements())
    paired = len(left) == len(right) and any(
        all(abs(a - b) <= 1 for a, b in zip(left, order, strict=True)) for order in permutations(right)
    )
    found = differences({"tags": one}, {"tags": other}, unordered=["/tags"], tolerance={"/tags/*": 1})
    assert bool(found) is not paired


def test_a_reordered_and_reworded_list_of_texts_is_the_same() -> None:
    before = ["Built-in grinder with 30 settings", "Stainless steel body, easy to clean"]
    after = ["Stainless-steel body, easy to clean", "Built in grinder with 30 settings"]
    alike = {"unordered": ["/tags"], "similar": {"/tags/*": 0.9}}
    assert not differences({"tags": before}, {"tags": after}, **alike)
    (found,) = differences({"tags": before}, {"tags": [*after, "Two-year warranty"]}, **alike)
    assert found == Change("/tags/2", "added", after="Two-year warranty")


def test_too_many_items_to_pair_are_all_told_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sameness, "MOST_PAIRS", 3)
    found = differences({"tags": [1, 5]}, {"tags": [1.1, 5.1]}, unordered=["/tags"], tolerance={"/tags/*": 1})
    assert [(change.kind, change.note) for change in found] == [
        ("removed", sameness.TOO_MANY), ("removed", sameness.TOO_MANY),
        ("added", sameness.TOO_MANY), ("added", sameness.TOO_MANY),
    ]  # fmt: skip


def test_texts_too_long_to_measure_are_told_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(margin, "MOST_OF_ONE", 3)
    alike = {"unordered": ["/tags"], "similar": {"/tags/*": 0.5}}
    found = differences({"tags": ["abcdef", "same"]}, {"tags": ["same", "bacdfe"]}, **alike)
    assert [(change.kind, change.note) for change in found] == [
        ("removed", margin.TOO_LONG),
        ("added", margin.TOO_LONG),
    ]


ROWS = st.lists(
    st.fixed_dictionaries({"price": st.sampled_from([1, 2])}, optional={"id": st.sampled_from(["A", "B", None])}),
    max_size=4,
)


@settings(deadline=None, max_examples=150)
@given(ROWS, ROWS)
def test_rows_that_a_key_does_not_tell_apart_are_noted(one: Any, other: Any) -> None:
    found = differences({"rows": one}, {"rows": other}, identity={"/rows": "id"})
    for change in found:
        name = change.path.split("/")[2]
        if name.startswith("#"):
            assert change.note == "rows without id cannot be matched"
        elif "#" in name:
            assert "rows share this key now" in (change.note or "")
        else:
            assert change.note is None


def test_a_duplicate_key_and_a_missing_one_are_said_in_words() -> None:
    before = {"rows": [{"id": "A", "size": 1, "price": 1}, {"id": "B", "price": 1}]}
    after = {"rows": [{"id": "A", "size": 1, "price": 1}, {"id": "A", "size": 1, "price": 2}]}
    found = differences(before, after, identity={"/rows": ["id", "size"]})
    assert [(change.path, change.kind, change.note) for change in found] == [
        ("/rows/#1", "removed", "rows without id and size cannot be matched"),
        ("/rows/id=A,size=1#2", "added", "2 rows share this key now, 1 did before: they cannot be matched"),
    ]
    assert found[0].as_json()["note"] == found[0].note
    assert "note" not in Change("/a", "added").as_json()


def test_rows_that_share_a_key_may_move_a_little_too(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {"rows": [{"id": "A", "price": 1}, {"id": "A", "price": 5}]}
    after = {"rows": [{"id": "A", "price": 5.1}, {"id": "A", "price": 1.1}]}
    keyed = {"identity": {"/rows": "id"}, "tolerance": {"/rows/*/price": 0.2}}
    assert not differences(before, after, **keyed)
    monkeypatch.setattr(sameness, "MOST_PAIRS", 1)
    assert sameness.TOO_MANY in (differences(before, after, **keyed)[0].note or "")


def test_lists_inside_lists_are_the_same_when_their_parts_are() -> None:
    """What decides for a row of an unkeyed list holds at every depth: keyed, unordered and plain lists inside it."""
    schema = {"properties": {"rows": {"type": "array", "items": {"properties": {"a": {}, "b": {}, "c": {}, "x": {}}}}}}
    compare = Compare(
        identity={"/rows/*/a": ("k",)}, unordered=("/rows/*/b",),
        tolerance={"/rows/*/a/*/v": 1, "/rows/*/b/*": 1, "/rows/*/c/*": 1, "/rows/*/x": 1},
    )  # fmt: skip
    before = {"a": [{"k": 1, "v": 1}, {"k": 2, "v": 1}], "b": [1, 9], "c": [1, 2], "x": 1}
    after = {"a": [{"k": 2, "v": 2}, {"k": 1, "v": 0}], "b": [9.5, 1.5], "c": [2, 1], "x": 2}
    assert changes({"rows": [before]}, {"rows": [after]}, schema, compare) == ()
    for name, far in (
        ("a", [{"k": 2, "v": 9}, {"k": 1}]),
        ("a", []),
        ("b", [9]),
        ("b", [5, 1]),
        ("c", [1]),
        ("x", "1"),
    ):
        found = changes({"rows": [before]}, {"rows": [{**after, name: far}]}, schema, compare)
        assert found
        assert all(change.path.startswith(f"/rows/0/{name}") for change in found)
