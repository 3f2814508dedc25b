"""Tolerances and likeness: told exactly when something moves further than the user allows, from the baseline on."""

from __future__ import annotations

import time
from difflib import SequenceMatcher
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.judge.comparison import margin, sameness
from monitor.judge.comparison.compare import changes
from monitor.watch.model import Compare
from tests.judge.values import naive

ROW = {"type": "object", "properties": {"id": {}, "price": {"type": "number"}, "text": {"type": "string"}}}
SCHEMA = {
    "type": "object",
    "properties": {
        "price": {"type": "number"},
        "rating": {"type": "number"},
        "text": {"type": "string"},
        "rows": {"type": "array", "items": ROW},
        "prices": {"type": "array", "items": {"type": "number"}},
        "texts": {"type": "array", "items": {"type": "string"}},
        "map": {"type": "object", "additionalProperties": {"type": "number"}},
    },
}


def paths(before: Any, after: Any, **compare: Any) -> list[str]:
    return [change.path for change in changes(before, after, SCHEMA, Compare(**compare))]


def exact(number: float) -> Fraction:
    """A number as it is written, by another way than the judge's."""
    return Fraction(repr(number))


def too_far(before: Any, after: Any, amount: float | str) -> bool:
    """The naive oracle: missing (`...`), null and other types always differ; numbers by the size of the move."""
    numbers = [isinstance(value, int | float) and not isinstance(value, bool) for value in (before, after)]
    if not all(numbers):
        return bool((before is ...) is not (after is ...) or (before is not ... and naive(before) != naive(after)))
    share = isinstance(amount, str)
    allowed = Fraction(str(amount).rstrip("%")) * (abs(exact(before)) / 100 if share else 1)
    return abs(exact(after) - exact(before)) > allowed


AMOUNTS = st.sampled_from([0, 0.0, 0.1, 0.5, 1, 10, "0%", "1%", "0.5%", "10 %", "100%", "33.333333333%"])
NUMBERS = (
    st.sampled_from([0, -0.0, 0.1, 0.2, 0.3, 0.1 + 0.2, 799, 806.99, 791.01, 807.0, 1e300, -1e300, 5e-324, 10**40, -3])
    | st.integers(-50, 50)
    | st.floats(-100, 100)
)
VALUES: st.SearchStrategy[Any] = NUMBERS | st.sampled_from([..., None, True, False, "1", [], {}])


def result(value: Any) -> dict[str, Any]:
    return {} if value is ... else {"price": value}


@settings(deadline=None, max_examples=400)
@given(VALUES, VALUES, AMOUNTS)
def test_a_value_is_told_exactly_when_it_moves_further_than_its_tolerance(one: Any, other: Any, amount: Any) -> None:
    """B3: a value is told exactly when it moves further than its tolerance."""
    told = bool(paths(result(one), result(other), tolerance={"/price": amount}))
    assert told is too_far(one, other, amount)


ROWS = st.lists(st.tuples(st.sampled_from("ABC"), NUMBERS | st.none()), max_size=4, unique_by=lambda row: row[0])


@settings(deadline=None, max_examples=200)
@given(ROWS, ROWS, AMOUNTS)
def test_rows_are_told_exactly_when_a_price_of_theirs_moves_too_far(one: Any, other: Any, amount: Any) -> None:
    """B3: rows are told exactly when a price of theirs moves too far; by key, and by index where there is none."""
    before, after = ({"rows": [{"id": key, "price": price} for key, price in rows]} for rows in (one, other))
    tolerance = {"/rows/*/price": amount}
    ours, theirs = dict(one), dict(other)
    keyed = ours.keys() != theirs.keys() or any(too_far(ours[key], theirs[key], amount) for key in ours)
    assert bool(paths(before, after, tolerance=tolerance, identity={"/rows": "id"})) is keyed
    by_index = len(one) != len(other) or any(
        a[0] != b[0] or too_far(a[1], b[1], amount) for a, b in zip(one, other, strict=True)
    )
    assert bool(paths(before, after, tolerance=tolerance)) is by_index


def test_many_small_moves_add_up_because_the_baseline_does_not_move() -> None:
    price, told = 100.0, []
    for step in range(1, 5):
        price *= 1.004
        told.append(bool(paths({"price": 100.0}, {"price": price}, tolerance={"/price": "1%"})))
        assert not paths({"price": price / 1.004}, {"price": price}, tolerance={"/price": "1%"}), step
    assert told == [False, False, True, True]


@pytest.mark.parametrize(
    ("before", "after", "amount", "told"),
    [
        (799, 806.99, "1%", False),
        (799, 807, "1%", True),
        (799, 791.01, "1%", False),
        (806.99, 799, "1%", False),
        (100, 101, "1%", False),
        (101, 100, "1%", False),
        (100, 99, "1%", False),
        (99, 100, "1%", True),
        (-100, -101, "1%", False),
        (0, 1e-9, "50%", True),
        (0, 0.1, 0.1, False),
        (4.1, 4.2, 0.1, False),
        (0.1 + 0.2, 0.3, 0, True),
        (10**18, 10**18 + 1, 0.5, True),
    ],
)
def test_moves_are_measured_exactly_and_from_the_baseline(before: Any, after: Any, amount: Any, told: bool) -> None:
    assert bool(paths({"price": before}, {"price": after}, tolerance={"/price": amount})) is told


def test_what_is_tolerated_is_not_listed_beside_a_real_change() -> None:
    before = {"rows": [{"id": "A", "price": 100, "text": "x"}]}
    after = {"rows": [{"id": "A", "price": 100.5, "text": "y"}]}
    for identity in ({}, {"/rows": "id"}):
        found = paths(before, after, tolerance={"/rows/*/price": 1}, identity=identity)
        assert [path.rsplit("/", 1)[1] for path in found] == ["text"]


@pytest.mark.parametrize(
    ("tolerance", "told"),
    [
        ({"/map/*": 5}, ["/map/b"]),
        ({"/map/*": 5, "/map/b": 50}, []),
        ({"/map/b": 50}, ["/map/a"]),
        ({"/*/b": 50, "/map/*": 5}, ["/map/b"]),
    ],
)
def test_the_pointer_that_names_a_place_more_exactly_wins(tolerance: dict[str, Any], told: list[str]) -> None:
    assert paths({"map": {"a": 1, "b": 1}}, {"map": {"a": 3, "b": 20}}, tolerance=tolerance) == told


def test_a_tolerance_may_name_one_row_or_one_index() -> None:
    before = {"rows": [{"id": "A", "price": 1}, {"id": "B", "price": 1}], "prices": [1, 1]}
    after = {"rows": [{"id": "B", "price": 2}, {"id": "A", "price": 2}], "prices": [2, 2]}
    assert paths(before, after, tolerance={"/rows/id=A/price": 1, "/prices/0": 1}, identity={"/rows": "id"}) == [
        "/rows/id=B/price",
        "/prices/1",
    ]
    assert paths({"prices": [1, 5]}, {"prices": [9, 1.5, 5]}, tolerance={"/prices/0": 1}) == ["/prices/0", "/prices/1"]
    assert paths({"prices": [9, 5]}, {"prices": [5.5]}, tolerance={"/prices/0": 1, "/prices/1": 2}) == [
        "/prices/0",
        "/prices/1",
    ]


def test_an_unkeyed_list_is_described_past_what_is_tolerated() -> None:
    before = {"rows": [{"id": name, "price": 100} for name in "ABCD"]}
    after = {"rows": [{"id": name, "price": 100.5} for name in "NABDC"]}
    found = changes(before, after, SCHEMA, Compare(tolerance={"/rows/*/price": "1%"}))
    assert [(change.path, change.note) for change in found] == [("/rows/0", None), ("/rows/3", "moved from 3 to 3")]


@pytest.mark.no_cover  # tracing takes three times as long as the work whose time is bounded
def test_many_pointers_cost_no_more_than_a_few() -> None:
    rows: list[dict[str, Any]] = [{"id": str(n), "price": n} for n in range(5_000)]
    moved = [{**row, "price": row["price"] + 1} for row in rows]
    named = {f"/rows/id={n}/price": 1 for n in range(5_000)}
    start = time.process_time()
    assert not paths({"rows": rows}, {"rows": moved}, tolerance=named, identity={"/rows": "id"})
    assert time.process_time() - start < 6


TEXT = "Espresso machine with a built-in grinder, 15 bar pump and steam wand."


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (TEXT, TEXT.replace("a built-in", "built-in"), False),
        (TEXT, TEXT.upper(), False),
        (TEXT, f"  {TEXT}\n".replace(" ", "\t "), False),
        (TEXT, "Drip coffee maker, glass jug, 1.2 litres.", True),
        (TEXT, None, True),
        (TEXT, "", True),
        ("", "", False),
        ("café", "cafe\u0301", False),
        ("abcdefghi!", "abcdefghi?", False),
        ("abcdefgh!", "abcdefgh?", True),
    ],
)
def test_text_at_least_this_alike_is_the_same_text(before: Any, after: Any, told: bool) -> None:
    assert bool(paths({"text": before}, {"text": after}, similar={"/text": 0.9})) is told


def common(old: str, new: str) -> int:
    """The length of the longest common subsequence, by the table of the textbook."""
    row = [0] * (len(new) + 1)
    for letter in old:
        last = row[:]
        for at, other in enumerate(new):
            row[at + 1] = last[at] + 1 if letter == other else max(last[at + 1], row[at])
    return row[-1]


@settings(deadline=None, max_examples=200)
@given(st.text("ab C", max_size=12), st.text("ab C", max_size=12), st.sampled_from([0.01, 0.5, 0.6, 0.75, 0.9, 1.0]))
def test_texts_are_told_exactly_when_they_are_less_alike_than_asked(old: str, new: str, least: float) -> None:
    """B3: texts are told exactly when they are less alike than asked."""
    one, other = (" ".join(text.lower().split()) for text in (old, new))
    total = len(one) + len(other)
    alike = one == other or Fraction(2 * common(one, other), total) >= exact(least)
    assert bool(paths({"text": old}, {"text": new}, similar={"/text": least})) is not alike
    assert not alike or total == 0 or SequenceMatcher(None, one, other).ratio() <= 1


@settings(deadline=None, max_examples=150)
@given(st.lists(st.sampled_from([1, 2, 3, 10, 11, 100]), max_size=5), st.lists(NUMBERS, max_size=5), AMOUNTS)
def test_a_list_of_numbers_is_told_exactly_when_one_moves_too_far(one: Any, other: Any, amount: Any) -> None:
    different = len(one) != len(other) or any(too_far(a, b, amount) for a, b in zip(one, other, strict=True))
    assert bool(paths({"prices": one}, {"prices": other}, tolerance={"/prices/*": amount})) is different


@pytest.mark.no_cover  # tracing takes three times as long as the work whose time is bounded
def test_long_texts_are_compared_in_bounded_time_and_say_when_they_were_not() -> None:
    long, other = "ab " * 500_000, "ba " * 500_000
    start = time.process_time()
    (found,) = changes({"text": long}, {"text": other}, SCHEMA, Compare(similar={"/text": 0.5}))
    assert found.note == margin.TOO_LONG
    assert paths({"text": long}, {"text": f"{long[:9]}X{long[9:]}"}, similar={"/text": 0.9}) == []
    assert paths({"text": long}, {"text": "ab"}, similar={"/text": 0.5}) == ["/text"]
    assert time.process_time() - start < 6


def test_the_time_for_texts_is_shared_by_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(margin, "MOST_IN_ALL", 40)
    before, after = {"texts": ["abcdefghij", "qbcdefghiy"]}, {"texts": ["xbcdefghik", "1bcdefghi2"]}
    found = changes(before, after, SCHEMA, Compare(similar={"/texts/*": 0.5}))
    assert [change.note for change in found] == [margin.TOO_LONG] * 2


def test_a_list_of_reworded_texts_is_aligned_by_likeness() -> None:
    before = {
        "texts": [f"Entry number {n}: we fixed the {word}." for n, word in enumerate(("login", "export", "menu"))]
    }
    after = {"texts": ["Something new altogether", *[text.replace("we ", "") for text in before["texts"]]]}
    found = changes(before, after, SCHEMA, Compare(similar={"/texts/*": 0.85}))
    assert [(change.path, change.kind) for change in found] == [("/texts/0", "added")]


def test_where_too_many_partners_would_have_to_be_tried_all_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sameness, "MOST_PAIRS", 2)
    before, after = {"prices": [1, 2, 3]}, {"prices": [9, 1.1, 2.1, 3.1, 9]}
    found = changes(before, after, SCHEMA, Compare(tolerance={"/prices/*": 0.2}))
    assert found
    assert {change.note for change in found} == {sameness.TOO_MANY}
    assert paths({"prices": [1]}, {"prices": [1.1]}, tolerance={"/prices/*": 0.2}) == []


def test_rows_with_lists_inside_are_aligned_past_what_may_move() -> None:
    """What may move may stand at any depth of a row: below a key, in a list, in an unordered one."""
    row = {"type": "object", "properties": {"name": {}, "list": {}, "bag": {}, "keyed": {}}}
    schema = {"properties": {"rows": {"type": "array", "items": row}}}
    for name, plain, other in (
        ("list", [1, 2], [1.1, 2]),
        ("bag", [1, 2], [2, 1.1]),
        ("keyed", [{"k": 1, "v": 1}, {"k": 2}], [{"k": 2}, {"k": 1, "v": 1.1}]),
    ):
        compare = Compare(
            tolerance={f"/rows/*/{name}/*": 0.2, f"/rows/*/{name}/*/v": 0.2},
            unordered=("/rows/*/bag",),
            identity={"/rows/*/keyed": ("k",)},
        )
        before = [{"name": str(n), name: plain} for n in range(4)]
        after = [{"name": "new"}, *({"name": str(n), name: other} for n in range(3)), {"name": "last"}]
        found = changes({"rows": before}, {"rows": after}, schema, compare)
        assert (found[0].path, found[0].kind) == ("/rows/0", "added")
        assert all(change.path in {"/rows/0", "/rows/4", "/rows/4/name", f"/rows/4/{name}"} for change in found)
        assert changes({}, {"rows": after}, schema, compare)[0].after == after


def test_ten_thousand_names_of_one_object_have_their_tolerance() -> None:
    before = {"map": {f"k{n}": n for n in range(10_000)}}
    after = {"map": {f"k{n}": n + 1 for n in range(10_000)}}
    assert paths(before, after, tolerance={"/map/*": 1}) == []
    assert len(paths(before, after, tolerance={"/map/*": 0.5})) == 10_000
