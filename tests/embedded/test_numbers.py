"""Numbers in text: one number read one way, or nothing."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.embedded.extract import numbers


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("449", "449"),
        ("449.00", "449.00"),
        ("€449.00", "449.00"),
        ("449,00 €", "449.00"),
        ("EUR 449", "449"),
        ("US$449.50", "449.50"),
        ("CHF 1'299.00", "1299.00"),
        ("1.299,00 €", "1299.00"),
        ("$1,299.00", "1299.00"),
        ("1 299,00 kr", "1299.00"),
        ("1\u00a0299,00\u00a0kr", "1299.00"),
        ("$1,299", "1299"),
        ("1.299 €", "1299"),
        ("1,234,567", "1234567"),
        ("-5", "-5"),
        ("\u22125 °C", "-5"),
        ("0.125", "0.125"),
        ("12%", "12"),
        ("2.1 l", "2.1"),
        ("€24.00 a month", "24.00"),
        ("Rs. 500", "500"),
        ("250 reviews", "250"),
        ("only 3 left", "3"),
        ("12.5", "12.5"),
        ("3.1415", "3.1415"),
        ("128GB", "128"),
        ("-$5", "-5"),
    ],
)
def test_one_number_is_read(text: str, number: str) -> None:
    assert numbers.read(text) == Decimal(number)


@pytest.mark.parametrize(
    "text",
    [
        "", "free shipping", "Was $99 now $79", "10-20", "10 - 20 EUR", "4.5 out of 5", "2026-11-21",
        "10:30", "1.2.3", "12.34.56",
        "1.299", "1,299", "1.2k", "3 million", "A4", "X-200",
        "iPhone 15 128", "1,29,9", "1 2", "449 99", "5" * 300, "12,345.6.7",
    ],
)  # fmt: skip
def test_what_is_not_one_number_read_one_way_is_nothing(text: str) -> None:
    assert numbers.read(text) is None


@pytest.mark.parametrize(
    ("text", "language", "money", "number"),
    [
        ("1.299", "de", True, "1299"),
        ("1,299", "en-GB", True, "1299"),
        ("1.299", "en", False, "1.299"),
        ("1,299", "de-DE", False, "1.299"),
        ("1.299", None, True, None),
        ("1,299", "de", True, None),
        ("1.299", "fr", False, None),
        ("Free", None, True, "0"),
        ("kostenlos!", "de", True, "0"),
        ("Free", None, False, None),
    ],
)
def test_a_separator_that_can_be_read_two_ways_is_settled_or_refused(
    text: str, language: str | None, money: bool, number: str | None
) -> None:
    assert numbers.read(text, language=language, money=money) == (None if number is None else Decimal(number))


@settings(deadline=None, max_examples=200)
@given(st.decimals(min_value=0, max_value=10**9, places=2), st.sampled_from(["{} €", "${}", "EUR {}", "{}"]))
def test_grouped_amounts_are_read_as_they_were_written(amount: Decimal, form: str) -> None:
    assert numbers.read(form.format(f"{amount:,.2f}")) == amount
    german = f"{amount:,.2f}".translate(str.maketrans(",.", ".,"))
    assert numbers.read(form.format(german)) == amount


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=60))
def test_no_text_breaks_it(text: str) -> None:
    number = numbers.read(text, money=True)
    assert number is None or number.is_finite()
