"""Which numbers are charted, by the schema; how a small drawing is made; what a month will come to."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.store.views.spending import Spent
from monitor.watch.model import Watch
from monitor.web import charts
from monitor.web.forecast import Prices, month
from tests.conftest import make_watch

NUMBER = {"type": "number"}


def of(properties: dict[str, Any], *required: str, **changes: Any) -> Watch:
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return make_watch(output_schema=schema, **changes)


def test_the_main_number_is_the_first_required_one_outside_of_lists() -> None:
    watch = of({"rating": NUMBER, "price": {"type": ["integer", "null"]}, "name": {"type": "string"}}, "price")
    read = charts.main_reader(watch)
    assert read is not None
    assert read({"price": 3, "rating": 1.5}) == {"/price": 3.0}
    assert list(charts.reader(watch)({"price": 3, "rating": 1.5})) == ["/price", "/rating"]
    assert charts.main_reader(of({"name": {"type": "string"}})) is None


def test_rows_are_charted_by_their_key_as_changes_name_them() -> None:
    offers = {
        "type": "array",
        "items": {"type": "object", "properties": {"seller": {"type": "string"}, "price": NUMBER}},
    }
    watch = of({"offers": offers}, compare={"identity": {"/offers": "seller"}})
    result = {"offers": [{"seller": "A/B=1", "price": 2}, {"seller": None, "price": 3}, {"price": 4}, 7]}
    assert charts.reader(watch)(result) == {"/offers/seller=A~1B~21/price": 2.0}
    assert charts.main_reader(watch) is None
    assert charts.reader(of({"offers": offers}))(result) == {}, "rows without a key have no name"


def test_nested_objects_are_followed_and_depth_is_bounded() -> None:
    deep: dict[str, Any] = {"price": NUMBER}
    for _ in range(6):
        deep = {"price": NUMBER, "in/ner": {"type": "object", "properties": deep}}
    found = charts.places(of(deep))
    assert max(len(place.names) for place in found) == 4
    assert charts.reader(of(deep))({"in/ner": {"price": 5}}) == {"/in~1ner/price": 5.0}


@pytest.mark.parametrize("value", [True, "5", None, [], math.nan, math.inf, 10**400, {"x": 1}])
def test_what_is_no_finite_number_is_no_point(value: object) -> None:
    assert charts.reader(of({"price": NUMBER}))({"price": value}) == {}


@given(st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False), max_size=40))
@settings(deadline=None, max_examples=60)
def test_a_curve_stays_in_its_box(values: list[float | None]) -> None:
    drawn = charts.curve(values, ["FAILED" if value is None else "UNCHANGED" for value in values])
    spots = [tuple(map(float, spot.split(","))) for line in drawn.lines for spot in line.split()]
    assert len(spots) == sum(value is not None for value in values)
    assert all(-0.1 <= x <= drawn.width + 0.1 and 0 <= y <= drawn.height for x, y in spots)
    assert len(drawn.failed) == values.count(None)


def test_a_gap_breaks_the_line() -> None:
    assert len(charts.curve([1, 2, None, None, 3], ["UNCHANGED"] * 5).lines) == 2


NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
COUNTED = {date(2026, 11, 20): {"a": Spent(10, 30), "b": Spent(1, 3)}, date(2026, 11, 21): {"a": Spent(4, 12)}}


def test_the_forecast_is_what_was_spent_and_what_is_planned() -> None:
    found = month(date(2026, 11, 1), COUNTED, {"a": 600, "b": 300}, Prices(0.01), NOON)
    assert (found.today, found.total) == (Spent(4, 12), Spent(15, 45))
    assert [name for name, _ in found.watches] == ["a", "b"]
    assert found.planned_per_day == 30
    assert found.forecast == Spent(15 + 285, 45 + 855), "nine and a half days of 30 runs, three steps each"
    assert not found.capped
    shown = found.as_json(Prices(0.01))
    assert shown["forecast"] == {"runs": 300, "steps": 900, "usd": 9.0}
    assert shown["days"][1] == {"day": "2026-11-21", "runs": 4, "steps": 12, "usd": 0.12}


@pytest.mark.parametrize(
    ("prices", "runs"), [(Prices(0.01, runs_per_day=10), 96), (Prices(0.01, usd_per_day=0.6), 195)]
)
def test_a_ceiling_holds_the_forecast_down(prices: Prices, runs: int) -> None:
    found = month(date(2026, 11, 1), COUNTED, {"a": 900}, prices, NOON)
    assert found.capped
    assert found.forecast is not None
    assert found.forecast.runs == 15 + runs


def test_a_month_that_is_over_has_no_forecast() -> None:
    assert month(date(2026, 10, 1), {}, {"a": 900}, Prices(0.01), NOON).forecast is None
    empty = month(date(2026, 11, 1), {}, {}, Prices(0.0), NOON + timedelta(days=1))
    assert empty.forecast == Spent(0, 0)
