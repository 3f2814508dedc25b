"""The signs and codes of currencies, and how amounts in them are usually grouped. Must not know results.

`GROUPS` is the table by which a currency settles a separator that can be read two ways: only in favour of thousands,
because an amount of money is not written with exactly three decimals, and only where the countries of the currency
agree (CLDR: the locales of its main languages) on that group sign. So "$1,299" and "R$ 1.299" are 1299, while "$1.299",
"£1.299", "€1.299" and "€1,299", "CHF 1.299" and every currency that has three decimals (KWD, BHD, OMR, JOD, TND, IQD,
LYD) stay open: there `x-locale` or the other numbers of the result must say. docs/coercion.md shows this table and a
test compares the two.
"""

from __future__ import annotations

import re
from functools import cache

# A sign of several currencies names them all. A bare "$" or "¥" groups by commas where it groups at all unambiguously.
SIGNS = {
    "$US": "USD", "$CA": "CAD", "£GB": "GBP", "UK£": "GBP",
    "US$": "USD", "$": "USD CAD AUD NZD HKD SGD TWD MXN ARS CLP COP UYU", "A$": "AUD", "AU$": "AUD", "C$": "CAD",
    "CA$": "CAD", "NZ$": "NZD", "HK$": "HKD", "S$": "SGD", "SG$": "SGD", "NT$": "TWD", "MX$": "MXN", "R$": "BRL",
    "€": "EUR", "£": "GBP", "¥": "JPY CNY", "円": "JPY", "元": "CNY", "₩": "KRW", "원": "KRW", "₹": "INR",
    "Rs": "INR PKR LKR NPR", "Rs.": "INR PKR LKR NPR", "₽": "RUB", "₺": "TRY", "TL": "TRY", "₴": "UAH", "₪": "ILS",
    "₫": "VND", "đ": "VND", "฿": "THB", "₱": "PHP", "₦": "NGN", "₵": "GHS", "₡": "CRC", "₲": "PYG", "₸": "KZT",
    "₼": "AZN", "₾": "GEL", "₮": "MNT", "₭": "LAK", "zł": "PLN", "Kč": "CZK", "Ft": "HUF", "kr": "SEK NOK DKK ISK",
    "kr.": "SEK NOK DKK ISK", "lei": "RON", "лв": "BGN", "лв.": "BGN", "Fr.": "CHF", "SFr.": "CHF", "Rp": "IDR",
    "RM": "MYR", "S/": "PEN", "S/.": "PEN", "R": "ZAR",
    "руб": "RUB", "руб.": "RUB", "грн": "UAH", "грн.": "UAH", "ден": "MKD", "дин": "RSD",
    "din": "RSD", "﷼": "IRR SAR", "ر.س": "SAR", "د.إ": "AED", "ج.م": "EGP", "৳": "BDT", "euro": "EUR", "Euro": "EUR",
    "euros": "EUR", "Euros": "EUR", "dollars": "USD CAD AUD NZD HKD SGD TWD",
}  # fmt: skip
GROUPS = {
    ",": "USD GBP AUD NZD HKD SGD TWD JPY KRW CNY THB MYR INR PKR LKR NPR BDT ILS MXN KES PHP",
    ".": "BRL DKK TRY RON IDR ARS COP CLP UYU ISK RSD",
}
_SHARED = {"$": ",", "¥": ",", "Rs": ",", "Rs.": ",", "kr": "", "kr.": "", "﷼": "", "dollars": ","}
_BY_CODE = {code: sign for sign, codes in GROUPS.items() for code in codes.split()}


@cache
def codes() -> frozenset[str]:
    """Return the ISO codes of all currencies that CLDR knows."""
    from babel.core import get_global

    return frozenset(get_global("all_currencies"))


@cache
def pattern() -> str:
    """Return the regular expression of every sign, and of three capital letters that may be a code."""
    signs = "|".join(re.escape(sign) for sign in sorted(SIGNS, key=len, reverse=True))
    return rf"(?:[A-Z]{{3}}|{signs})"  # codes first: RUB is no R


def named(text: str) -> frozenset[str]:
    """Return the currencies that a sign or code names, none where it is neither."""
    if text in SIGNS:
        return frozenset(SIGNS[text].split())
    return frozenset({text}) if len(text) == 3 and text.isascii() and text in codes() else frozenset()  # ISO 4217


def thousandths(text: str) -> bool:
    """Return whether amounts with this sign or code may have three decimals: a Kuwaiti dinar is 1000 fils."""
    from babel.core import get_global

    digits = get_global("currency_fractions")
    return any(digits.get(code, digits["DEFAULT"])[0] > 2 for code in named(text))


def group_sign(text: str) -> str | None:
    """Return the sign, `.` or `,`, by which amounts with this currency sign or code are always grouped, or None."""
    if text in _SHARED:
        return _SHARED[text] or None
    names = named(text)
    return _BY_CODE.get(next(iter(names))) if len(names) == 1 else None
