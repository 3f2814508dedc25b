"""Lists without an identity: what moved, was replaced, came and went, and what is said where a bound is hit."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.judge.comparison import alignment, compare, tokens
from monitor.judge.comparison.compare import changes
from monitor.judge.comparison.kin import kin
from monitor.judge.decision import Change
from monitor.watch.model import Compare
from tests.judge.values import naive

TOKENS = st.lists(st.integers(0, 3), max_size=9)
SCHEMA = {"properties": {"tags": {"type": "array", "items": {}}}}


def differences(before: list[Any], after: list[Any]) -> tuple[Change, ...]:
    return changes({"tags": before}, {"tags": after}, SCHEMA, Compare())


def moved(value: Any, old: int, new: int) -> Change:
    """The change that stands for an item which only stands elsewhere."""
    sides = {"index": old, "item": value}, {"index": new, "item": value}
    return Change(f"/tags/{new}", "changed", *sides, f"moved from {old} to {new}")


@settings(deadline=None, max_examples=150)
@given(TOKENS, TOKENS, st.integers(0, 3))
def test_alignment_accounts_for_every_item(old: list[int], new: list[int], head: int) -> None:
    """What is not named is common to both lists in the same order; so the description rebuilds the new list."""
    found = alignment.aligned(old, new, head)
    pairs = [*found.replaced, *found.moved]
    gone = [a - head for a, _ in pairs] + [a - head for a in found.removed]
    come = [b - head for _, b in pairs] + [b - head for b in found.added]
    assert len(set(gone)) == len(gone)
    assert len(set(come)) == len(come)
    kept_old = [token for index, token in enumerate(old) if index not in gone]
    kept_new = [token for index, token in enumerate(new) if index not in come]
    assert kept_old == kept_new
    assert all(old[a - head] == new[b - head] for a, b in found.moved)
    named_old, named_new = [old[a - head] for a in found.removed], [new[b - head] for b in found.added]
    assert not set(named_old) & set(named_new)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.sampled_from([1, True, "a", [1], {}]), max_size=6), st.randoms())
def test_another_order_is_told_exactly_when_it_is_another(items: list[Any], chance: random.Random) -> None:
    other = items[:]
    chance.shuffle(other)
    found = differences(items, other)
    assert bool(found) is (naive(items) != naive(other))
    assert all("moved" in (change.note or "") for change in found)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("abcd", "dabc", [moved("d", 3, 0)]),
        ("abcd", "bcda", [moved("a", 0, 3)]),
        ("abc", "cab!", [moved("c", 2, 0), Change("/tags/3", "added", after="!")]),
        ("aab", "baa", [moved("b", 2, 0)]),
        ("abc", "axc", [Change("/tags/1", "changed", "b", "x")]),
        ("abc", "ac", [Change("/tags/1", "removed", before="b")]),
        ("abcx", "ac", [Change("/tags/1", "removed", before="b"), Change("/tags/3", "removed", before="x")]),
        ("ac", "abbc", [Change("/tags/1", "added", after="b"), Change("/tags/2", "added", after="b")]),
        ("", "ab", [Change("/tags/0", "added", after="a"), Change("/tags/1", "added", after="b")]),
    ],
)
def test_what_happened_to_each_item_is_told(before: str, after: str, expected: list[Change]) -> None:
    assert list(differences(list(before), list(after))) == expected


def test_a_row_that_moved_is_one_change_however_large_it_is() -> None:
    before = [{"name": f"row {n}", "price": n} for n in range(30)]
    after = [before[17], *before[:17], *before[18:]]
    assert differences(before, after) == (moved({"name": "row 17", "price": 17}, 17, 0),)


def test_a_changed_row_is_recognised_by_what_it_shares() -> None:
    before = [{"name": name, "seller": "ACME", "price": price} for name, price in (("a", 1), ("b", 2), ("c", 3))]
    after = [{"name": "new", "seller": "Bee"}, {**before[2], "price": 9}, before[0], {**before[1], "price": 8}]
    assert list(differences(before, after)) == [
        Change("/tags/0", "added", after={"name": "new", "seller": "Bee"}),
        Change("/tags/1/price", "changed", 3, 9, "moved from 2 to 1"),
        Change("/tags/3/price", "changed", 2, 8),
    ]


def test_rows_that_share_nothing_but_what_all_share_are_not_taken_for_one() -> None:
    before = [{"name": f"old {n}", "currency": "EUR"} for n in range(20)]
    after = [{"name": f"new {n}", "currency": "EUR"} for n in range(21)]
    found = differences(before, after)
    assert [change.path for change in found] == [*(f"/tags/{n}/name" for n in range(20)), "/tags/20"]
    assert list(kin([{"a": [1]}, 1], [{"a": [1]}, 1])) == []


ROWS = st.lists(
    st.dictionaries(st.sampled_from("abc"), st.sampled_from([1, True, "x", None, [1], {"d": 1}]), max_size=3),
    max_size=5,
)


@settings(deadline=None, max_examples=200)
@given(ROWS, ROWS)
def test_rows_are_told_exactly_when_the_lists_differ(one: list[Any], other: list[Any]) -> None:
    """B3: rows are told exactly when the lists differ, whatever is guessed of them."""
    found = differences(one, other)
    assert bool(found) is (naive(one) != naive(other))
    whole = [change for change in found if change.path.count("/") == 2]
    added, removed = (sum(change.kind == kind for change in whole) for kind in ("added", "removed"))
    assert added - removed == len(other) - len(one)
    assert len({(change.path, change.kind) for change in found}) == len(found)


def test_when_very_many_items_moved_the_order_is_one_change() -> None:
    before = [f"item {n}" for n in range(1_000)]
    after = [*before[::-1], "new"]
    order, added = differences(before, after)
    assert (order.path, order.kind) == ("/tags", "changed")
    assert order.before != order.after
    assert order.before.startswith("1000 items")
    assert order.note == "999 items stand in another order"
    assert added == Change("/tags/1000", "added", after="new")


def test_an_order_is_told_up_to_its_bound_item_by_item() -> None:
    many = list(range(compare.MOST_MOVED + 1))
    assert len(differences(many, many[::-1])) == compare.MOST_MOVED


def test_lists_too_long_to_align_are_one_change_unless_they_are_of_one_length() -> None:
    long, short = [f"a{n}" for n in range(21_000)], [f"b{n}" for n in range(20_000)]
    (found,) = differences(long, short)
    assert (found.path, found.kind, found.note) == ("/tags", "changed", compare.AS_A_WHOLE)
    assert (found.before[:11], found.after[:11]) == ("21000 items", "20000 items")
    by_index = differences(long, ["first", *long[1:-1], "last"])
    assert [change.path for change in by_index] == ["/tags/0", "/tags/20999"]
    assert {change.note for change in by_index} == {compare.BY_INDEX}


def test_what_may_be_spent_is_spent_once_for_all_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = [[0, n, n + 1] for n in range(9)], [[n, 0, n + 2] for n in range(9)]
    assert compare.BY_INDEX not in {change.note for change in differences(before, after)}
    for bound, most in (("MOST_PRINTED", 60), ("MOST_CELLS_IN_ALL", 0)):
        with monkeypatch.context() as patch:
            patch.setattr(tokens, bound, most)
            assert compare.BY_INDEX in {change.note for change in differences(before, after)}


@pytest.mark.no_cover  # tracing takes three times as long as the work whose time is bounded
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["x", "y"] * 2_500, ["y", "x", "z"] * 1_666),
        (list(range(10_000)), random.Random(1).sample(range(10_000), 10_000)),
        ([[n, 0, 1] for n in range(20_000)], [[0, 1, n + 1] for n in range(20_000)]),
    ],
    ids=["repetitive", "shuffled", "little lists"],
)
def test_no_shape_of_list_costs_minutes(before: list[Any], after: list[Any]) -> None:
    start = time.process_time()
    assert differences(before, after)
    assert time.process_time() - start < 6
