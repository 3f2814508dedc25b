"""Values by declared type, strictly."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.embedded.extract.found import MISSING
from monitor.embedded.extract.shape import shape_of
from monitor.embedded.extract.values import Context, convert


def read(value: Any, schema: dict[str, Any], **context: Any) -> Any:
    shape = shape_of({"properties": {"it": schema}}).properties["it"]
    return convert(value, shape, Context(**context))


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("In stock", True),
        ("in stock.", True),
        ("https://schema.org/InStock", True),
        ("InStock", True),
        ("yes", True),
        ("Ja", True),
        ("Available now", True),
        ("auf Lager", True),
        ("In stock (12 left)", True),
        ("true", True),
        ("LimitedAvailability", True),
        ("Out of stock", False),
        ("Sold out!", False),
        ("http://schema.org/OutOfStock", False),
        ("no", False),
        ("nicht lieferbar", False),
        ("Currently unavailable", False),
        ("Not available", False),
        ("BackOrder", False),
        ("ausverkauft", False),
        ("PreOrder", MISSING),
        ("maybe", MISSING),
        ("In stock: no", MISSING),
        ("Ask us about stock", MISSING),
        ("", MISSING),
        ("Available from 3 May", MISSING),
        ("x" * 100, MISSING),
    ],
)
def test_booleans_come_from_words_that_mean_one_thing(text: str, answer: Any) -> None:
    assert read(text, {"type": "boolean"}) is answer


@pytest.mark.parametrize(
    ("value", "schema", "answer"),
    [
        ("EUR", {"enum": ["EUR", "USD"]}, "EUR"),
        ("eur", {"enum": ["EUR", "USD"]}, "EUR"),
        ("€", {"enum": ["EUR", "USD"]}, "EUR"),
        ("$", {"enum": ["EUR", "USD"]}, "USD"),
        ("$", {"enum": ["CAD", "USD"]}, MISSING),
        ("GBP", {"enum": ["EUR", "USD"]}, MISSING),
        ("https://schema.org/InStock", {"enum": ["in_stock", "out_of_stock"]}, "in_stock"),
        (3, {"enum": [1, 3]}, 3),
        (True, {"enum": [1, 3]}, MISSING),
        ("a", {"const": "a"}, "a"),
    ],
)
def test_listed_values_are_matched_exactly_then_by_form(value: Any, schema: dict[str, Any], answer: Any) -> None:
    assert read(value, schema) == answer


@pytest.mark.parametrize(
    ("value", "schema", "answer"),
    [
        (" a \n b ", {"type": "string"}, "a b"),
        ("\x07", {"type": "string"}, MISSING),
        (12, {"type": "string"}, "12"),
        (True, {"type": "string"}, MISSING),
        ("2026-11-21", {"type": "string", "format": "date"}, "2026-11-21"),
        ("2026-11-21T10:00:00Z", {"type": "string", "format": "date"}, "2026-11-21"),
        ("21.11.2026", {"type": "string", "format": "date"}, "2026-11-21"),
        ("2026-02-30", {"type": "string", "format": "date"}, MISSING),
        ("2026-11-21T10:00:00Z", {"type": "string", "format": "date-time"}, "2026-11-21T10:00:00Z"),
        ("2026-11-21T10:00:00", {"type": "string", "format": "date-time"}, MISSING),
        ("10:30:00", {"type": "string", "format": "time"}, "10:30:00"),
        ("soon", {"type": "string", "format": "time"}, MISSING),
        ("PT2H", {"type": "string", "format": "duration"}, "PT2H"),
        ("P", {"type": "string", "format": "duration"}, MISSING),
        ("/a", {"type": "string", "format": "uri"}, "https://shop.example/a"),
        ("javascript:x", {"type": "string", "format": "uri"}, MISSING),
        (5, {"type": "integer"}, 5),
        (5.0, {"type": "integer"}, 5),
        ("5 pieces", {"type": "integer"}, 5),
        ("5.5", {"type": "integer"}, MISSING),
        (5.5, {"type": "number"}, 5.5),
        (float("nan"), {"type": "number"}, MISSING),
        (True, {"type": "number"}, MISSING),
        (10**20, {"type": "number"}, MISSING),
        ({"a": 1}, {"type": "string"}, MISSING),
        (None, {"type": "string"}, MISSING),
        ("x", {"type": "null"}, MISSING),
    ],
)
def test_values_become_their_declared_type_or_nothing(value: Any, schema: dict[str, Any], answer: Any) -> None:
    found = read(value, schema, url="https://shop.example/x")
    assert found == answer
    assert type(found) is type(answer)


@pytest.mark.parametrize(
    ("text", "name", "answer"),
    [
        ("449.00", "price", 449.0),
        ("12.345", "depth", 12.345),
        ("1.299", "price", MISSING),
        ("1,299.00", "price", 1299.0),
    ],
)
def test_machine_written_numbers_use_a_decimal_point(text: str, name: str, answer: Any) -> None:
    assert read(text, {"type": "number"}, name=name, machine=True, language="fr") == answer


@settings(deadline=None, max_examples=200)
@given(
    st.one_of(st.text(max_size=40), st.integers(), st.floats(), st.booleans(), st.none()),
    st.sampled_from(["string", "number", "integer", "boolean", "null"]),
)
def test_whatever_comes_the_type_is_the_declared_one(value: Any, kind: str) -> None:
    found = read(value, {"type": kind})
    kinds = {"string": str, "number": (int, float), "integer": int, "boolean": bool, "null": type(None)}
    assert found is MISSING or (isinstance(found, kinds[kind]) and (kind == "boolean" or not isinstance(found, bool)))
