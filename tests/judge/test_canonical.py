"""The canonical form: what is the same JSON value and what is not."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings

from monitor.judge.comparison import canonical
from tests.judge.values import JSON, naive


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1, 1.0, True),
        (0, -0.0, True),
        (True, 1, False),
        (False, 0, False),
        ([True], [1], False),
        ([True], [[True]], False),
        (True, [True], False),
        (10**18, 10**18 + 1, False),
        (10**18, 1e18, True),
        (0.1 + 0.2, 0.3, False),
        (1e308, int(1e308), True),
        ("é", "e\u0301", True),
        ({"é": 1}, {"e\u0301": 1}, True),
        ({"é": 1, "e\u0301": 2}, {"é": 2, "e\u0301": 1}, False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ([1, 2], [2, 1], False),
        ([1, 1], [1], False),
        (None, {}, False),
        ({}, [], False),
        ("1", 1, False),
        ("\ud800", "\ud800", True),
        ("\ud800", "\ud801", False),
        ({"__proto__": 1, "a.b": 2, "": 3}, {"__proto__": 1, "a.b": 2}, False),
    ],
)
def test_equality_is_that_of_json_values(one: Any, other: Any, same: bool) -> None:
    """B3: equality is that of json values."""
    assert canonical.equal(one, other) is same
    assert (canonical.key(one) == canonical.key(other)) is same


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, [-math.inf], {"a": {1, 2}}, {1: 2}, nested(65), nested(5_000), 10**4_000, (1,), b"x"],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_proper_json_is_refused(value: Any) -> None:
    with pytest.raises(canonical.NotCanonicalError):
        canonical.key(value)


def test_depth_is_allowed_up_to_the_cap() -> None:
    assert canonical.equal(nested(64), nested(64))


@settings(deadline=None, max_examples=200)
@given(JSON, JSON)
def test_form_and_key_agree_with_a_naive_oracle(one: Any, other: Any) -> None:
    """B3: form and key agree with a naive oracle."""
    same = naive(one) == naive(other)
    assert canonical.equal(one, other) is same
    assert (canonical.key(one) == canonical.key(other)) is same
    assert canonical.equal(one, one)
