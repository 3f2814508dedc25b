"""Differences between two results: exactly when something that is compared differs, and named where it is."""

from __future__ import annotations

import copy
import random
import time
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.judge.comparison.canonical import NotCanonicalError
from monitor.judge.comparison.compare import changes
from monitor.watch.model import Compare
from tests.judge.values import JSON, NAMES, OBJECTS, naive

OPEN = {"type": "object"}
OFFERS = {
    "type": "object",
    "properties": {
        "price": {"type": "number"},
        "offers": {
            "type": "array",
            "items": {"type": "object", "properties": {"seller": {}, "size": {}, "price": {}, "position": {}}},
        },
        "tags": {"type": "array", "items": {"type": "string"}},
    },
}
BY_SELLER = Compare(identity={"/offers": ("seller",)})


def lines(before: Any, after: Any, schema: dict[str, Any] = OFFERS, compare: Compare | None = None) -> list[str]:
    found = changes(before, after, schema, compare or Compare())
    return [f"{c.path} {c.kind} {c.before!r} {c.after!r}" for c in found]


@settings(deadline=None, max_examples=120)
@given(OBJECTS, OBJECTS)
def test_changes_are_told_exactly_when_values_differ(one: Any, other: Any) -> None:
    """B3: changes are told exactly when values differ."""
    assert bool(changes(one, other, OPEN, Compare())) is (naive(one) != naive(other))


@settings(deadline=None, max_examples=80)
@given(OBJECTS, JSON, st.lists(NAMES, min_size=1, max_size=3))
def test_one_planted_difference_is_found(value: Any, planted: Any, path: list[str]) -> None:
    """B3: one planted difference is found."""
    other = copy.deepcopy(value)
    place = other
    for name in path[:-1]:
        if not isinstance(place.get(name), dict):
            place[name] = {}
        place = place[name]
    place[path[-1]] = planted
    assert bool(changes(value, other, OPEN, Compare())) is (naive(value) != naive(other))


ROWS = st.lists(
    st.dictionaries(
        st.sampled_from(["seller", "price"]), st.sampled_from([1, 1.0, "A", "B", True, None, [1]]), max_size=2
    )
    | st.integers(0, 1),
    max_size=5,
)


def as_multiset(rows: list[Any]) -> Counter[Any]:
    return Counter(naive(row) for row in rows)


@settings(deadline=None, max_examples=120)
@given(ROWS, ROWS, st.randoms())
def test_keyed_lists_differ_exactly_when_their_rows_do(one: list[Any], other: list[Any], chance: Any) -> None:
    different = as_multiset(one) != as_multiset(other)
    assert bool(changes({"offers": one}, {"offers": other}, OFFERS, BY_SELLER)) is different
    shuffled = one[:]
    chance.shuffle(shuffled)
    assert changes({"offers": one}, {"offers": shuffled}, OFFERS, BY_SELLER) == ()
    assert paths(shuffled, other) == paths(one, other)


def paths(one: list[Any], other: list[Any]) -> list[tuple[str, str]]:
    return [(c.path, c.kind) for c in changes({"offers": one}, {"offers": other}, OFFERS, BY_SELLER)]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"price": 499}, {"price": 449.0}, ["/price changed 499 449.0"]),
        ({"price": 1}, {"price": 1.0}, []),
        ({"price": 1}, {}, ["/price removed 1 None"]),
        ({}, {"price": 1}, ["/price added None 1"]),
        ({"price": True}, {"price": 1}, ["/price changed True 1"]),
        ({"price": 10**18}, {"price": 10**18 + 1}, [f"/price changed {10**18} {10**18 + 1}"]),
        ({"tags": ["a"], "price": 1}, {"tags": ["b"], "price": 2}, ["/price changed 1 2", "/tags/0 changed 'a' 'b'"]),
        ({"tags": ["x", "y", "z"]}, {"tags": ["w", "x", "z"]}, ["/tags/0 added None 'w'", "/tags/1 removed 'y' None"]),
        ({"tags": ["x"]}, {"tags": ["x", "x"]}, ["/tags/1 added None 'x'"]),
        ({"tags": [True]}, {"tags": [1]}, ["/tags/0 changed True 1"]),
        ({"tags": []}, {"tags": {}}, ["/tags changed [] {}"]),
        ({"offers": [{"price": 1}]}, {"offers": [{"price": 2}]}, ["/offers/0/price changed 1 2"]),
        (
            {"offers": [{"price": 1}, {"price": 2}]},
            {"offers": [{"price": 0}, {"price": 1}, {"price": 2}]},
            ["/offers/0 added None {'price': 0}"],
        ),
    ],
)
def test_what_changed_is_named_where_it_is(before: Any, after: Any, expected: list[str]) -> None:
    assert lines(before, after) == expected


@pytest.mark.parametrize("name", ["__proto__", "constructor", "a.b", "a['b']", "", "a/b", "~1", "root"])
def test_odd_keys_are_compared_and_named_by_pointer(name: str) -> None:
    escaped = name.replace("~", "~0").replace("/", "~1")
    assert lines({name: 1}, {name: 2}, OPEN) == [f"/{escaped} changed 1 2"]


def test_a_key_of_a_megabyte_is_named_shortly_and_stays_distinct() -> None:
    one, other = "k" * 1_000_000, "k" * 1_000_001
    found = changes({one: 1, other: 1}, {one: 2, other: 2}, OPEN, Compare())
    assert len({change.path for change in found}) == 2
    assert max(len(change.path) for change in found) <= 201


def test_undeclared_keys_are_not_compared() -> None:
    assert lines({"price": 1, "seen": 1}, {"price": 1, "seen": 2}) == []
    assert lines({"offers": [{"x": 1}]}, {"offers": [{"x": 2}]}) == []


def test_ignored_places_are_not_compared() -> None:
    compare = Compare(ignore=("/price", "/offers/*/position", "/tags/0"))
    before = {"price": 1, "offers": [{"seller": "A", "position": 1}], "tags": ["x", "y"]}
    after = {"price": 2, "offers": [{"seller": "A", "position": 2}], "tags": ["q", "z"]}
    assert lines(before, after, compare=compare) == ["/tags/1 changed 'y' 'z'"]
    assert lines({"tags": ["x"]}, {"tags": []}, compare=compare) == []
    assert lines({"tags": ["x", "y"]}, {"tags": []}, compare=compare) == ["/tags/1 removed 'y' None"]


def test_an_ignored_item_keeps_the_places_of_its_neighbours() -> None:
    compare = Compare(ignore=("/tags/0",))
    assert lines({"tags": ["x"]}, {"tags": ["x", "y"]}, compare=compare) == ["/tags/1 added None 'y'"]
    assert lines({"tags": ["x", "y"]}, {"tags": 3}, compare=compare) == ["/tags changed ['y'] 3"]
    assert lines({"tags": ["a", "b", "c"]}, {"tags": ["z", "b", "c"]}, compare=compare) == []


def test_rows_are_matched_and_named_by_their_key() -> None:
    before = {"offers": [{"seller": "A", "price": 1}, {"seller": "B", "price": 2}, {"seller": "C"}]}
    after = {"offers": [{"seller": "D"}, {"seller": "B", "price": 3}, {"seller": "A", "price": 1}]}
    assert lines(before, after, compare=BY_SELLER) == [
        "/offers/seller=B/price changed 2 3",
        "/offers/seller=C removed {'seller': 'C'} None",
        "/offers/seller=D added None {'seller': 'D'}",
    ]


def test_several_keys_name_a_row_and_odd_characters_are_escaped() -> None:
    compare = Compare(identity={"/offers": ("seller", "size")})
    before = {"offers": [{"seller": "a=b,c/d~e", "size": 1.0, "price": 1}]}
    after = {"offers": [{"seller": "a=b,c/d~e", "size": 1, "price": 2}]}
    assert lines(before, after, compare=compare) == ["/offers/seller=a~2b~3c~1d~0e,size=1/price changed 1 2"]


def test_rows_with_the_same_key_or_none_are_compared_as_a_multiset() -> None:
    before = {"offers": [{"seller": "A", "price": 1}, {"seller": "A", "price": 2}, {"price": 9}, 7]}
    after = {"offers": [{"price": 8}, 7, {"seller": "A", "price": 2}]}
    assert lines(before, after, compare=BY_SELLER) == [
        "/offers/#2 removed {'price': 9} None",
        "/offers/#2 added None {'price': 8}",
        "/offers/seller=A#1 removed {'seller': 'A', 'price': 1} None",
    ]


def test_a_lost_duplicate_is_a_change() -> None:
    """B3: a lost duplicate is a change."""
    row = {"seller": "A", "price": 1}
    assert lines({"offers": [row, row]}, {"offers": [row]}, compare=BY_SELLER)
    assert lines({"offers": [row]}, {"offers": [row, row]}, compare=BY_SELLER)


def test_a_row_can_be_ignored_by_its_name() -> None:
    compare = Compare(identity={"/offers": ("seller",)}, ignore=("/offers/seller=A/price", "/offers/seller=B"))
    before = {"offers": [{"seller": "A", "price": 1}, {"seller": "C", "price": 1}]}
    after = {"offers": [{"seller": "A", "price": 2}, {"seller": "B"}, {"seller": "C", "price": 2}]}
    assert lines(before, after, compare=compare) == ["/offers/seller=C/price changed 1 2"]


def test_identity_works_at_any_item() -> None:
    schema = {
        "properties": {"groups": {"type": "array", "items": {"properties": {"offers": OFFERS["properties"]["offers"]}}}}
    }
    compare = Compare(identity={"/groups/*/offers": ("seller",)})
    before = {"groups": [{"offers": [{"seller": "A"}, {"seller": "B", "price": 1}]}]}
    after = {"groups": [{"offers": [{"seller": "B", "price": 2}, {"seller": "A"}]}]}
    assert lines(before, after, schema, compare) == ["/groups/0/offers/seller=B/price changed 1 2"]


def test_a_keyed_list_that_becomes_something_else_is_a_change() -> None:
    assert lines({"offers": [{"seller": "A"}]}, {"offers": {}}, compare=BY_SELLER) == [
        "/offers changed [{'seller': 'A'}] {}"
    ]
    assert lines({"offers": []}, {"offers": None}, compare=BY_SELLER) == ["/offers changed [] None"]
    assert lines({"offers": [{"seller": True}]}, {}, compare=BY_SELLER) == ["/offers removed [{'seller': True}] None"]


def test_values_that_are_no_json_are_refused() -> None:
    deep: Any = 1
    for _ in range(100):
        deep = [deep]
    for value in ({"price": float("nan")}, {"price": deep}):
        with pytest.raises(NotCanonicalError):
            changes({"price": 1}, value, OFFERS, Compare())


def rows_of(count: int) -> list[dict[str, Any]]:
    return [{"seller": f"s{n}", "price": n, "size": "L", "position": n} for n in range(count)]


@pytest.mark.no_cover  # tracing takes three times as long as the work whose time is bounded
@pytest.mark.parametrize("shuffled", [False, True], ids=["in order", "shuffled"])
@pytest.mark.parametrize("compare", [BY_SELLER, Compare()], ids=["keyed", "unkeyed"])
def test_ten_thousand_changed_rows_are_told_in_seconds(compare: Compare, shuffled: bool) -> None:
    before, after = rows_of(10_000), rows_of(10_000)
    for row in after:
        row["price"] += 1
    if shuffled:
        random.Random(1).shuffle(after)
    start = time.process_time()
    found = changes({"offers": before}, {"offers": after}, OFFERS, compare)
    assert Counter(change.path.rpartition("/")[2] for change in found)["price"] == 10_000
    assert len(found) == 10_000 + (shuffled and not compare.identity)  # one more says that the order is another
    assert time.process_time() - start < 4  # about 0.4 s where nothing else runs; `python -m bench compare` measures it


def test_an_insertion_into_a_long_list_is_one_change() -> None:
    assert lines({"offers": rows_of(2_000)}, {"offers": [{"seller": "new"}, *rows_of(2_000)]}) == [
        "/offers/0 added None {'seller': 'new'}"
    ]


@pytest.mark.no_cover  # tracing takes three times as long as the work whose time is bounded
def test_repetitive_lists_cost_no_minutes() -> None:
    start = time.process_time()
    assert changes({"tags": ["x", "y"] * 2_500}, {"tags": ["y", "x", "z"] * 1_666}, OFFERS, Compare())
    assert time.process_time() - start < 2


def below(value: Any, levels: int) -> Any:
    for _ in range(levels):
        value = {"a": [value, len(str(type(value)))]}
    return value


@pytest.mark.no_cover  # tracing takes three times as long as the work whose time is bounded
@pytest.mark.parametrize(
    ("before", "after", "count"),
    [
        (below([0] * 100_000, 30), below([1] * 100_000, 30), 100_000),
        ({"a": [[n, 0, 1, 2] for n in range(20_000)]}, {"a": [[0, 1, n + 1, 2] for n in range(20_000)]}, 20_000),
        ({"a": [[[n] * 200, [n] * 200] for n in range(100)]}, {"a": [[[n], [n + 1]] for n in range(100)]}, 200),
    ],
    ids=["deep", "little lists", "nested lists"],
)
def test_hostile_shapes_are_told_in_bounded_time(before: Any, after: Any, count: int) -> None:
    start = time.process_time()
    assert len(changes(before, after, OPEN, Compare())) >= count
    assert time.process_time() - start < 6


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ("2026-12-04T20:30:00+01:00", True),
        ("2026-12-04T19:30:00+00:00", True),
        ("2026-12-04T19:30:00.000Z", True),
        ("2026-12-04t19:30:00z", True),
        ("2026-12-04T19:30:00.001Z", False),
        ("2026-12-04T20:30:00Z", False),
        ("2026-12-04T19:30:00", False),
        ("soon", False),
    ],
)
def test_an_instant_written_another_way_is_the_same_where_the_schema_wants_a_date_time(other: str, same: bool) -> None:
    wants = {"type": "object", "properties": {"at": {"type": "string", "format": "date-time"}}}
    text = {"type": "object", "properties": {"at": {"type": "string"}}}
    before, after = {"at": "2026-12-04T19:30:00Z"}, {"at": other}
    found = changes(before, after, wants, Compare())
    assert [(change.before, change.after) for change in found] == ([] if same else [(before["at"], other)])
    assert changes(before, after, text, Compare()), "without the format it is text like any other"
