"""Looking back: places in results, rows by their key, windows, and the instant since which a value stands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.judge.comparison.compare import changes
from monitor.judge.conditions.history import History, gathered, resolved
from monitor.watch.model import Compare

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def history(values: list[Any], place: str = "/price") -> History:
    """One result a day, the last one a day ago."""
    entries = [(NOW - DAY * (len(values) - at), {"price": value}) for at, value in enumerate(values)]
    return gathered(iter(entries), [place], NOW)


RESULT = {
    "price": 4,
    "a/b": {"~": 1},
    "tags": ["x", "y"],
    "offers": [
        {"seller": "ACME", "price": 3, "size": 1.0},
        {"seller": "a/b,c=d~", "price": 5, "size": True},
        {"seller": "ACME", "price": 7, "size": None},
        "no row",
    ],
}


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("", (RESULT,)),
        ("/price", (4,)),
        ("/a~1b/~0", (1,)),
        ("/tags/1", ("y",)),
        ("/tags/7", ()),
        ("/tags/²", ()),
        ("/tags/x", ()),
        ("/none", ()),
        ("/price/below", ()),
        ("/price/*", ()),
        ("/offers/*/price", (3, 5, 7)),
        ("/offers/seller=ACME/price", (3, 7)),
        ("/offers/seller=a~1b~3c~2d~0/price", (5,)),
        ("/offers/seller=ACME,size=1/price", (3,)),
        ("/offers/size=true/price", (5,)),
        ("/offers/seller=Nobody/price", ()),
        ("/offers/nokey=1/price", ()),
        ("/a~1b/*", (1,)),
    ],
)
def test_a_pointer_leads_to_values(place: str, expected: tuple[Any, ...]) -> None:
    assert resolved(RESULT, place) == expected


def test_rows_go_by_the_names_that_changes_have() -> None:
    schema = {
        "type": "object",
        "properties": {
            "rows": {
                "type": "array",
                "items": {"type": "object", "properties": {"k": {"type": "string"}, "p": {"type": "number"}}},
            }
        },
    }
    compare = Compare.model_validate({"identity": {"/rows": "k"}})
    for key in ("a", "a/b", "a=b,c~d", "ü"):
        after = {"rows": [{"k": key, "p": 2}]}
        (change,) = changes({"rows": [{"k": key, "p": 1}]}, after, schema, compare)
        assert resolved(after, change.path) == (2,)


def test_an_empty_history_gives_nothing() -> None:
    empty = history([])
    assert (empty.low("/price"), empty.high("/price"), empty.mean("/price")) == (None, None, None)
    assert empty.since("/price", 4) is None


def test_what_is_no_number_is_passed_over() -> None:
    odd = history(["5", None, True, 10**400, float("inf"), 7, {"a": 1}])
    assert (odd.low("/price"), odd.high("/price"), odd.mean("/price")) == (7.0, 7.0, 7.0)


def test_a_window_counts_from_now() -> None:
    found = history([1, 2, 3, 4])
    assert found.low("/price", DAY) == 4
    assert found.low("/price", 2 * DAY) == 3
    assert found.mean("/price", timedelta(hours=1)) is None
    assert found.high("/price", DAY * 1_000_000) == 4


def test_the_lowest_of_all_rows() -> None:
    found = gathered([(NOW - DAY, RESULT)], ["/offers/*/price"], NOW)
    assert found.low("/offers/*/price") == 3
    assert found.high("/offers/*/price") == 7


@pytest.mark.parametrize(
    ("values", "value", "days"),
    [
        ([5, 4, 4, 4], 4, 3),
        ([5, 4, 4, 4], 4.0, 3),
        ([4, 5, 4], 4, 1),
        ([4, 5], 4, None),
        ([1], True, None),
        ([True], True, 1),
        (["a\u0308"], "ä", 1),
        ([[1, {"a": 2}]], [1.0, {"a": 2.0}], 1),
        ([None, None], None, 2),
    ],
)
def test_since_when_a_value_stands_without_a_break(values: list[Any], value: Any, days: int | None) -> None:
    assert history(values).since("/price", value) == (None if days is None else NOW - days * DAY)


def test_an_absent_place_breaks_the_row() -> None:
    found = gathered([(NOW - 2 * DAY, {"p": 1}), (NOW - DAY, {})], ["/p"], NOW)
    assert found.since("/p", 1) is None


def test_a_place_that_was_not_gathered_is_an_error() -> None:
    with pytest.raises(ValueError, match="/other"):
        history([1]).low("/other")
    assert History(NOW).series == {}


def test_results_may_come_in_any_order() -> None:
    entries = [(NOW - DAY, {"p": 2}), (NOW - 3 * DAY, {"p": 1}), (NOW - 2 * DAY, {"p": 2})]
    assert gathered(entries, ["/p"], NOW).since("/p", 2) == NOW - 2 * DAY


@settings(deadline=None, max_examples=100)
@given(st.lists(st.integers(-50, 50) | st.none(), max_size=12), st.integers(1, 14))
def test_figures_are_those_of_a_plain_count(values: list[int | None], days: int) -> None:
    found = history(values)
    numbers = [one for one in values[max(0, len(values) - days) :] if one is not None]
    window = DAY * days
    assert found.low("/price", window) == min(numbers, default=None)
    assert found.high("/price", window) == max(numbers, default=None)
    assert found.mean("/price", window) == (pytest.approx(sum(numbers) / len(numbers)) if numbers else None)
