"""Numbers in text: a table of prices and numbers of many locales, written from their conventions, and what is refused."""

# ruff: noqa: E501 - tables of literal expectations

from __future__ import annotations

from decimal import Decimal

import pytest
from babel import Locale
from babel.numbers import format_currency, format_decimal, format_percent
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.judge.values import currencies, locales, units
from monitor.judge.values.numbers import Reading, Refusal, as_json, parsed, proved, read


def value(text: str, hint: str | None = None, others: str | None = None) -> int | float | str | None:
    """Return the number of a text, or the sentence that says why it is none."""
    found = read(text, hint, lambda: others)
    return found.why if isinstance(found, Refusal) else as_json(found, whole=False)


@pytest.mark.parametrize(
    ("locale", "text", "number"),
    [
        ("en-US", "$1,299.00", 1299), ("en-US", "1,299", 1299), ("en-US", "4.125", 4.125),
        ("en-US", "-$5.00", -5), ("en-GB", "£12,345.67", 12345.67), ("en-IN", "₹1,23,456.78", 123456.78),
        ("en-IN", "12,34,567", 1234567), ("en-IN", "₹1,299", 1299), ("en-CA", "$1,299.99", 1299.99),
        ("en-AU", "A$1,299", 1299), ("en-ZA", "R1\u00a0299,00", 1299), ("en-ZA", "R1,299.00", 1299),
        ("en-ZA", "R 1 299,00", 1299), ("en-ZA", "R1 299.00", 1299), ("en-ZA", "R 1 299", 1299), ("af", "R 1 299,50", 1299.5),
        ("es-PE", "S/. 12.50", 12.5), ("es-PE", "S/. 1,250.00", 1250),
        ("de", "1.299,00 €", 1299), ("de", "1.299", 1299), ("de", "4,125", 4.125), ("de", "1.234.567", 1234567),
        ("de", "5,- €", 5), ("de", "1.299,- €", 1299), ("de", "1,2 Mio. €", 1_200_000), ("de", "3,5 Milliarden", 3.5e9),
        ("de-AT", "€ 1.299,50", 1299.5), ("de-AT", "1\u00a0299,50", 1299.5), ("de-CH", "CHF 1’299.50", 1299.5),
        ("de-CH", "CHF 1'299.–", 1299), ("de-CH", "1.299", 1.299), ("de-CH", "CHF-5.00", -5),
        ("fr", "1\u202f299,50 €", 1299.5), ("fr", "1 299", 1299), ("fr", "4,125", 4.125), ("fr", "12 345 678,9", 12345678.9),
        ("fr-CA", "1\u00a0299,99 $", 1299.99), ("fr-CH", "1\u202f299.50 CHF", 1299.5),
        ("es", "1.299,50 €", 1299.5), ("es", "1.299", 1299), ("es-MX", "$1,299.50", 1299.5), ("es-MX", "1,299", 1299),
        ("es-AR", "$ 1.299,50", 1299.5), ("es-AR", "$ 1.299", 1299), ("es-CL", "$1.299", 1299), ("es-CO", "$ 12.500", 12500),
        ("it", "€ 1.299,00", 1299), ("it", "4,5", 4.5), ("it-CH", "CHF 1’299.50", 1299.5),
        ("pt-BR", "R$ 1.299,90", 1299.9), ("pt-BR", "R$ 1.299", 1299), ("pt-PT", "1\u00a0299,90 €", 1299.9),
        ("nl", "€ 1.299,50", 1299.5), ("nl", "€ -1.299,50", -1299.5), ("nl", "€ 25,-", 25),
        ("pl", "1\u00a0299,99 zł", 1299.99), ("pl", "1 299 zł", 1299), ("cs", "1\u00a0299 Kč", 1299), ("cs", "1 299,50 Kč", 1299.5),
        ("hu", "12\u00a0990 Ft", 12990), ("ro", "1.299,99 lei", 1299.99), ("bg", "1299,50 лв.", 1299.5),
        ("ru", "1\u00a0299,50 ₽", 1299.5), ("ru", "12 990 руб.", 12990), ("uk", "1\u00a0299,00 ₴", 1299),
        ("sv", "1\u00a0299,50 kr", 1299.5), ("sv", "−5", -5), ("nb", "1\u00a0299,00 kr", 1299), ("nb", "kr 1 299,50", 1299.5),
        ("da", "1.299,95 kr.", 1299.95), ("da", "1.299 kr.", 1299), ("fi", "1\u00a0299,50 €", 1299.5), ("fi", "−12,5", -12.5),
        ("tr", "₺1.299,50", 1299.5), ("tr", "%15", 15), ("el", "1.299,50 €", 1299.5), ("hr", "1.299,50 EUR", 1299.5),
        ("lt", "1\u00a0299,50 €", 1299.5), ("is", "1.299 kr.", 1299), ("id", "Rp 1.299.000", 1299000), ("vi", "1.299.000 ₫", 1299000),
        ("ja", "￥1,299", 1299), ("ja", "1,299円", 1299), ("ja", "１，２９９", 1299), ("zh", "¥1,299.00", 1299), ("ko", "₩12,900", 12900),
        ("ko", "12,900원", 12900), ("th", "฿1,299.00", 1299), ("he", "\u200e-5.5", -5.5), ("he", "1,299.90 ₪", 1299.9),
        ("hi", "₹1,23,456", 123456), ("hi", "१,२३,४५६.७८", 123456.78), ("bn", "১,২৩,৪৫৬.৭৮", 123456.78),
        ("ar-EG", "١٬٢٩٩٫٥٠", 1299.5), ("ar-EG", "١٬٢٩٩", 1299), ("ar", "1,299.50", 1299.5), ("fa", "۱٬۲۹۹٫۵", 1299.5),
        ("ar-EG", "٪١٥", 15),
    ],
)  # fmt: skip
def test_prices_and_numbers_of_many_locales(locale: str, text: str, number: object) -> None:
    assert locales.known(locale)
    assert value(text, locale) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0), ("-0", 0), ("799", 799), ("-5.00", -5), ("−5", -5), ("–5.00", -5), ("+5", 5), ("-€5", -5), ("€-5", -5),
        ("0.5", 0.5), (".5", 0.5), (",5", 0.5), ("12.50", 12.5), ("12,50", 12.5), ("1234.567", 1234.567), ("0.125", 0.125),
        ("1e3", 1000), ("1E3", 1000), ("1.5e-3", 0.0015), ("-2e+2", -200),
        ("1.2M", 1_200_000), ("1.2k", 1200), ("3K", 3000), ("2bn", 2e9), ("$5B", 5e9), ("1.2 million", 1_200_000),
        ("3 lakh", 300_000), ("$1.5 billion", 1.5e9),
        ("1’299.50", 1299.5), ("1'299'000", 1299000), ("1\u202f299", 1299), ("1\u00a0299,50", 1299.5), ("1 299,50", 1299.5),
        ("1,23,456.78", 123456.78), ("1,234,567", 1234567), ("1.234.567", 1234567), ("1.234,5", 1234.5), ("1,234.5", 1234.5),
        ("$1,299.00", 1299), ("US$ 1,299", 1299), ("$1,299", 1299), ("£1,299", 1299), ("¥1,299", 1299), ("R$ 1.299", 1299),
        ("1.299 TRY", 1299), ("USD 1,299.00", 1299), ("1,299.00 USD", 1299), ("EUR1.299,00", 1299), ("$5 USD", 5), ("US$5 USD", 5),
        ("15%", 15), ("15 %", 15), ("-1.5%", -1.5), ("％15", 15), ("12 kg", 12), ("3.5 GB", 3.5), ("5 stars", 5), ("12 Stück", 12),
        ("1,234,567 reviews", 1234567), ("21 °C", 21), ("120 km/h", 120), ("$29/mo", 29), ("€5 per month", 5), ("€9,50/kg", 9.5),
        ("€5.00 / kg", 5), ("\u200b42\ufeff", 42), (" 42 ", 42), ("5.- CHF", 5), ("99 euros", 99),
        ("R1,299.00", 1299), ("R 1 299,00", 1299), ("R1 299.00", 1299), ("R\u00a01\u00a0299,00", 1299), ("R1\u202f299.00", 1299), ("R1299.00", 1299),
        ("R12.50", 12.5), ("R 500", 500), ("-R5.00", -5), ("R5.00 ZAR", 5), ("R29/mo", 29), ("5 RUB", 5), ("1.299 RON", 1299), ("12 Results", 12),
        ("S/. 12.50", 12.5), ("S/.12.50", 12.5), ("S/12.50", 12.5), ("S/ 12.50", 12.5), ("Rs.500", 500), ("Rs.1,299", 1299), ("-kr.500", -500), ("$.50", 0.5),
    ],
)  # fmt: skip
def test_a_text_that_is_one_number_needs_no_locale(text: str, number: float) -> None:
    assert value(text) == number


TWO, ALONE, MORE = "can be read as", "is not one number alone", "more than one number"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("4.125", TWO), ("1.299", TWO), ("1,299", TWO), ("12,345", TWO), ("$1.299", TWO), ("£1.299", TWO), ("€1.299", TWO),
        ("1.299 €", TWO), ("€1,299", TWO), ("CHF 1.299", TWO), ("KWD 1.250", TWO), ("1.299 kr", TWO), ("1.299k", TWO),
        ("C$1.299", TWO), ("1,299 zł", TWO), ("R1,299", TWO), ("R1.299", TWO), ("S/. 1,299", TWO),
        ("Was $99 now $79", MORE), ("3 for $10", MORE), ("2 x 5", MORE), ("4.5 out of 5", MORE), ("1e3e3", MORE),
        ("from $5", ALONE), ("ab 5 €", ALONE), ("up to 5", ALONE), ("~5", ALONE), ("<5", ALONE), ("5+", ALONE), ("5*", ALONE),
        ("#5", ALONE), ("iPhone 15", ALONE), ("A4", ALONE), ("99¢", ALONE), ("99p", ALONE), ("£5m", ALONE), ("5B", ALONE),
        ("ABC 5", ALONE), ("15% off", ALONE), ("15%%", ALONE), ("€5 USD", ALONE), ("- 5", ALONE), ("--5", ALONE), ("-$-5", ALONE),
        ("5.00-", ALONE), ("5.", ALONE), ("5²", ALONE), ("€5 kg m", ALONE), ("€5 %", ALONE), ("5M%", ALONE), ("5 €!", ALONE),
        ("$5 5 kg", ALONE), ("5.00 € incl. VAT", ALONE), ("1_000", MORE),
        ("(5.00)", "brackets"), ("($5.00)", "brackets"), ("5 (new)", "brackets"),
        ("5-10", "range"), ("5–10", "range"), ("$5 - $10", "range"), ("5 to 10", "range"), ("5 bis 10", "range"),
        ("12/11/2026", "date"), ("2026-11-21", "date"), ("12.11.2026", "fit no way"), ("12:30", "date"), ("+49-30-123456", "date|range"),
        ("1/2", "fraction"), ("½", "fraction"), ("4.5/5", "fraction"), ("1½", "fraction"),
        ("+49 30 123456", "fit no way"), ("5'11", "fit no way"), ("1.2.3", "fit no way"), ("1 2", "fit no way"),
        ("1,2,3", "fit no way"), ("1'299,00.5", "fit no way"), ("1.299.50", "fit no way"), ("0,123,456", "fit no way"),
        ("800 555 123", "several numbers"), ("1 299", "several numbers"), ("1 299 kg", "several numbers"),
        ("007", "begins with 0"), ("05", "begins with 0"), ("9" * 61, "too many digits"), ("9" * 101, "is text"),
        ("", "no number"), ("-", "no number"), ("free", "no number"), ("²", "no number"), ("€", "no number"), ("NaN", "no number"),
        ("Infinity", "no number"), ("٫", "no number"), ("\ud800", "no number"),
    ],
)  # fmt: skip
def test_a_text_that_is_not_one_number_says_why(text: str, why: str) -> None:
    found = value(text)
    assert isinstance(found, str)
    assert any(part in found for part in why.split("|"))


@pytest.mark.parametrize(
    ("text", "whole"),
    [("1e309", False), ("1.8e308", False), ("1e-400", False), ("1e309", True), ("9e9999", True), ("4.5", True)],
)
def test_a_number_that_json_has_not_is_none(text: str, whole: bool) -> None:
    found = read(text)
    assert isinstance(found, Reading)
    assert as_json(found, whole=whole) is None


@pytest.mark.parametrize(
    ("text", "hint", "others", "number"),
    [
        ("1.299", "de", ".", 1299), ("1.299", None, ",", 1299), ("1.299", None, ".", 1.299), ("1,299", None, ".", 1299),
        ("1,299", None, ",", 1.299), ("€1.299", None, ",", 1299), ("$1,299", None, ",", 1299), ("1,299", "es-EC", None, 1.299),
        ("$1,299", "de", ".", 1299), ("1.899 €", "en", ".", 1.899), ("1.899 €", "en", ",", 1899), ("R1,299", "en-ZA", ".", 1299),
        ("$1,299", "en", ",", 1299), ("€1.299", "de", ".", 1299), ("KWD 1.250", "en", None, 1.25), ("1,299 TND", "de", None, 1.299),
        ("€1,299 Mio", "de", None, 1_299_000), ("$1.234 billion", "en", None, 1_234_000_000),
        ("4.125", "en", ",", 4.125),
    ],
)  # fmt: skip
def test_what_can_be_read_two_ways_is_settled_by_x_locale_then_the_currency_then_the_others(
    text: str, hint: str | None, others: str | None, number: float
) -> None:
    assert value(text, hint, others) == number


@pytest.mark.parametrize(
    ("text", "hint", "others"),
    [("$1,299", "de", None), ("$1,299", "de", ","), ("€1.299", "en", None), ("R1,299", "en-ZA", None), ("R$ 1.299", "en", ".")],
)  # fmt: skip
def test_no_locale_gives_an_amount_of_money_three_decimals(text: str, hint: str, others: str | None) -> None:
    why = f"x-locale {hint} says the latter, but no amount is written with three decimals"
    assert value(text, hint, others) == (
        f"can be read as 1299 and as 1.299: {why} (say the x-locale that the page follows)"
    )


@pytest.mark.parametrize(
    ("text", "hint", "sign"),
    [("$1,299", None, "."), ("$1,299", "en", "."), ("$1,299", "de", None), ("$12.50", "de", "."), ("1,299", None, None), ("x", None, None)],
)  # fmt: skip
def test_a_currency_proves_no_decimal_sign_against_x_locale(text: str, hint: str | None, sign: str | None) -> None:
    assert proved(text, hint) == sign


def test_the_largest_numbers_of_json_are_read() -> None:
    assert value("1e308") == 10**308
    assert value("1.7e308") == 1.7e308
    assert isinstance(value("1e-300"), float)


def test_a_locale_that_writes_neither_sign_settles_nothing() -> None:
    assert value("1.299", "fr", ",") == "can be read as 1299 and as 1.299, and fr writes neither so"
    assert value("1.299") == "can be read as 1299 and as 1.299: say x-locale in the schema"


def test_every_digit_counts() -> None:
    assert value("-123,456,789,012,345,678,901,234,567,890,123") == -123456789012345678901234567890123
    assert value("12345678901234567890123456789012k") == 12345678901234567890123456789012000


def test_a_written_fraction_makes_a_float_and_no_fraction_an_integer() -> None:
    assert [type(value(text)) for text in ("$1,299.00", "$1,299", "15%", "12.0")] == [float, int, int, float]
    assert as_json(read("4.0"), whole=True) == 4  # type: ignore[arg-type] # it is read


ROUND = ["en", "en-IN", "de", "de-CH", "de-AT", "fr", "fr-CH", "es", "it", "pt-BR", "pt-PT", "nl", "pl", "cs", "ru", "uk",
         "sv", "nb", "da", "fi", "tr", "hu", "ro", "el", "ja", "ko", "hi", "he", "ar", "ar-EG", "fa", "bn", "th", "id"]  # fmt: skip


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(ROUND), st.decimals(-(10**12), 10**12, places=3), st.sampled_from([0, 1, 2, 3]))
def test_what_babel_writes_in_a_locale_is_read_back_exactly(tag: str, number: Decimal, places: int) -> None:
    number = round(number, places)
    locale = Locale.parse(tag, sep="-")
    for system in ("latn", "default"):
        text = format_decimal(number, locale=locale, numbering_system=system)
        found = read(text, tag)
        assert isinstance(found, Reading), text
        assert found.value == number


@settings(deadline=None, max_examples=200)
@given(st.sampled_from([tag for tag in ROUND if tag not in {"ar", "he"}]), st.decimals(-(10**6), 10**6, places=2),
       st.sampled_from(["EUR", "USD", "GBP"]))  # fmt: skip
def test_amounts_of_money_that_babel_writes_are_read_back(tag: str, number: Decimal, code: str) -> None:
    text = format_currency(number, code, locale=Locale.parse(tag, sep="-"))
    found = read(text, tag)
    assert isinstance(found, Reading), text
    assert found.value == number


@pytest.mark.parametrize("tag", ROUND)
def test_percentages_that_babel_writes_are_read_as_the_figure_before_the_sign(tag: str) -> None:
    text = format_percent(Decimal("0.15"), locale=Locale.parse(tag, sep="-"), numbering_system="default")
    assert value(text, tag) == 15


@settings(deadline=None, max_examples=500)
@given(
    st.text(max_size=40) | st.text("0123456789.,'’ -+eE%$€kM\u00a0٫٬/()", max_size=14),
    st.sampled_from([None, "de", "fr", "xx"]),
)
def test_reading_a_number_never_raises_and_finds_no_more_digits_than_there_are(text: str, hint: str | None) -> None:
    found = read(text, hint)
    if isinstance(found, Reading) and "e" not in text.casefold():
        digits = sum(c.isdecimal() for c in text)
        assert len(f"{abs(found.value):f}".strip("0.").replace(".", "")) <= max(digits, 1)
    assert isinstance(parsed(text), Refusal) or len(parsed(text).readings) in {1, 2}  # type: ignore[union-attr] # it is Parsed


MAIN = {"USD": "en_US", "GBP": "en_GB", "AUD": "en_AU", "NZD": "en_NZ", "HKD": "zh_Hant_HK", "SGD": "en_SG", "TWD": "zh_Hant_TW",
        "JPY": "ja_JP", "KRW": "ko_KR", "CNY": "zh_Hans_CN", "THB": "th_TH", "MYR": "ms_MY", "INR": "hi_IN", "PKR": "en_PK",
        "LKR": "si_LK", "NPR": "ne_NP", "BDT": "bn_BD", "ILS": "he_IL", "MXN": "es_MX", "KES": "en_KE", "PHP": "en_PH",
        "BRL": "pt_BR", "DKK": "da_DK", "TRY": "tr_TR", "RON": "ro_RO", "IDR": "id_ID", "ARS": "es_AR", "COP": "es_CO",
        "CLP": "es_CL", "UYU": "es_UY", "ISK": "is_IS", "RSD": "sr_Latn_RS"}  # fmt: skip


def test_the_table_of_currencies_is_what_cldr_says_of_their_countries() -> None:
    table = {code: sign for sign, codes in currencies.GROUPS.items() for code in codes.split()}
    assert table.keys() == MAIN.keys()
    for code, name in MAIN.items():
        symbols = Locale.parse(name).number_symbols["latn"]
        assert symbols.get("currencyGroup", symbols["group"]) == table[code], code


def test_every_sign_names_currencies_that_exist() -> None:
    for sign in currencies.SIGNS:
        assert currencies.named(sign) <= currencies.codes()
    assert currencies.named("ABC") == currencies.named("usd") == frozenset()


def test_no_unit_is_also_a_magnitude_or_a_currency() -> None:
    letters = {*units.ATTACHED, *units.MONEY}
    assert not letters & units.SYMBOLS
    assert not (units.SYMBOLS | units.WORDS) & currencies.SIGNS.keys()
    assert not any(units.unit(word) for words in units.SPELT.values() for word in words)


def test_a_locale_that_is_not_known_is_no_hint() -> None:
    assert locales.convention("xx") is None
    assert not any(
        locales.known(tag) for tag in ("xx", "german", "de_", "../de", "", "d" * 99, 3, None, "de-XX-YY-ZZ-AA")
    )
    assert all(locales.known(tag) for tag in ("de", "de-DE", "de_CH", "zh-Hant-TW"))
