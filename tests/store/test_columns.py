"""Values come back from the tables as they went in."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import StoreCorrupt
from monitor.store.columns import Instant, Packed, Words, micros, pack, storable, unpack

instants = st.datetimes(timezones=st.just(UTC))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def through(kind: Any, value: Any) -> Any:
    """What a column of this kind gives back, by way of SQLite."""
    engine = sqlalchemy.create_engine("sqlite://")
    with engine.connect() as connection:
        found = connection.execute(sqlalchemy.select(sqlalchemy.literal(value, kind))).scalar_one()
    engine.dispose()
    return found


@settings(deadline=None, max_examples=50)
@given(instants)
def test_an_instant_comes_back_to_the_microsecond_and_in_utc(instant: datetime) -> None:
    found = through(Instant(), instant)
    assert found == instant
    assert found.utcoffset() == timedelta(0)


@given(instants, instants)
def test_instants_sort_as_their_numbers_do(one: datetime, other: datetime) -> None:
    assert (one < other) == (micros(one) < micros(other))


def test_an_instant_of_another_zone_is_the_same_instant() -> None:
    there = datetime(2026, 3, 29, 2, 30, 0, 1, tzinfo=timezone(timedelta(hours=2)))
    assert through(Instant(), there) == there


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a timezone"):
        micros(datetime(2026, 1, 1))  # noqa: DTZ001 - the naive instant is what is refused


@settings(deadline=None, max_examples=100)
@given(json_values)
def test_json_comes_back_as_it_was(value: Any) -> None:
    assert unpack(pack(value)) == value
    assert str(unpack(pack(value))) == str(value)  # 1, 1.0 and true are equal but not the same


@pytest.mark.parametrize("value", ["\ud800 alone", {"\udfff": ["\u2028", "\0"]}, [float("inf"), -0.0], 10**400])
def test_odd_json_comes_back_as_it_was(value: Any) -> None:
    assert str(unpack(pack(value))) == str(value)


def test_large_values_are_compressed_and_small_ones_stay_readable() -> None:
    assert pack({"price": 499.0}) == b'{"price":499.0}'
    large = [{"price": 499.0, "name": "espresso machine"}] * 1_000
    assert len(pack(large)) < 1_000
    assert unpack(pack(large)) == large


def test_null_is_no_value() -> None:
    assert through(Packed(), None) is None
    assert through(Packed(), {"a": [1]}) == {"a": [1]}


def _too_deep() -> Any:
    value: Any = 1
    for _ in range(100_000):
        value = [value]
    return value


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes", _too_deep()], ids=["object", "set", "bytes", "deep"])
def test_what_is_not_json_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="not JSON"):
        pack(value)


@pytest.mark.parametrize("data", [b"x\x9c broken", b"{", b"\xff\xfe", zlib.compress(b"{")[:-3]])
def test_damaged_bytes_are_named_corrupt(data: bytes) -> None:
    with pytest.raises(StoreCorrupt):
        unpack(data)


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_any_text_can_be_stored(text: str) -> None:
    found = storable(text)
    found.encode()
    assert "\0" not in found
    if "\0" not in text and not any("\ud800" <= c <= "\udfff" for c in text):
        assert found == text


def test_text_from_outside_is_made_storable_on_its_way_in() -> None:
    assert through(Words(), "a\ud800b\0c") == "a\ufffdb\ufffdc"
