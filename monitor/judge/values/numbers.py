"""Numbers in text, read only where the whole text is one number with at most a currency, a unit or a percent sign.

`parsed` takes a text apart into every way to read it; `settled` chooses by what the schema, the currency or the rest of
the result say, and never otherwise (interface.md, "Coercion is never a guess"). price-parser is not used: of 17 texts
tried (those of issue 4 among them) it read 3 right, and the others as numbers too ("-5.00" 5, "1.2M" 1.2, "4.125" 4125,
"Was $99 now $79" 99). Must not know schemas or results.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Context, Decimal
from functools import cache, lru_cache

from monitor.judge.values import currencies, locales, typography, units

LONGEST = 100  # characters of a text that may be a number
_MOST_DIGITS = 309  # before the decimal sign, as of 1e308: a double ends there, and JSON is read as doubles
_MOST_TYPED = 60
_EXACT = Context(prec=500)  # the usual 28 digits would round what is written with more
_PLAIN = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,2})?\Z")  # what needs no second look
_EXPONENT = re.compile(r"[eE]([+-]?[0-9]{1,4})(?![0-9])")
_NO_CENTS = re.compile(r"([.,])[-\u2013\u2014]{1,2}(?![0-9])")  # whole amounts: 5,- and 5.-


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a text is not read, as the end of a sentence that began with the text."""

    why: str


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read a text: by which decimal sign (None: any), and whether it has a `fraction`."""

    value: Decimal
    decimal: str | None = None
    fraction: bool = False
    how: str = ""


@dataclass(frozen=True, slots=True)
class Parsed:
    """Every way to read a text, one or two.

    `loose`: its groups are set off by ordinary spaces and nothing beside them proves that it is one number. `scaled`:
    an exponent or a magnitude stands behind the digits.
    """

    readings: tuple[Reading, ...]
    currency: str | None = None
    loose: bool = False
    scaled: bool = False

    @property
    def decimal(self) -> str | None:
        """The decimal sign that the text proves, `.` or `,`; None where it proves none."""
        if self.loose:
            return None
        if len(self.readings) == 1:
            return self.readings[0].decimal
        grouping = self._grouping
        return _other(grouping) if grouping else None

    @property
    def cents(self) -> bool:
        """Whether this is an amount of money that is not written with exactly three decimals; $1.234 billion may be."""
        return self.currency is not None and not self.scaled and not currencies.thousandths(self.currency)

    @property
    def separator(self) -> str:
        """The separator of a text that can be read two ways."""
        return next(reading.decimal for reading in self.readings if reading.fraction) or ""

    def under(self, decimal: str) -> Reading:
        """Return the reading that takes a decimal sign, of a text that can be read two ways."""
        return next(reading for reading in self.readings if reading.decimal == decimal)

    @property
    def _grouping(self) -> str | None:
        """The separator, where the currency says that it groups."""
        sign = currencies.group_sign(self.currency) if self.currency else None
        return sign if sign == self.separator else None


def read(text: str, hint: str | None = None, others: Callable[[], str | None] = lambda: None) -> Reading | Refusal:
    """Return the number that a text is, and how that was settled, or why it is not read. Never raises.

    `hint` is the locale of `x-locale`; `others` gives the decimal sign that the rest of the result agrees on, or None.
    """
    if _PLAIN.match(text):
        return Reading(Decimal(text), fraction="." in text)
    found = parsed(text, locales.language(hint))
    return found if isinstance(found, Refusal) else settled(found, hint, others)


def settled(found: Parsed, hint: str | None, others: Callable[[], str | None]) -> Reading | Refusal:
    """Return the one reading that stands: by x-locale, else the currency, else the other numbers of the result."""
    convention = locales.convention(hint, money=found.currency is not None) if hint else None
    if found.loose and (convention is None or " " not in convention.groups):
        return Refusal("may be several numbers: nothing says that its spaces set off thousands (say x-locale)")
    if len(found.readings) == 1:
        return found.readings[0]
    if convention is not None:
        sign = found.separator
        if sign == convention.decimal and found.cents:
            return _three_decimals(found, hint, others())
        if sign == convention.decimal:
            return replace(found.under(sign), how=f", by x-locale {hint}")
        if sign in convention.groups:
            return replace(found.under(_other(sign)), how=f", by x-locale {hint}")
        return Refusal(f"{_both(found)}, and {hint} writes neither so")
    by_currency = found.decimal
    if by_currency:
        return replace(found.under(by_currency), how=", by its currency")
    agreed = others()
    if agreed:
        return replace(found.under(agreed), how=", by the other numbers of the result")
    return Refusal(f"{_both(found)}: say x-locale in the schema")


def proved(text: str, hint: str | None) -> str | None:
    """Return the decimal sign, `.` or `,`, that a text proves; a currency proves none against `x-locale`."""
    found = parsed(text, locales.language(hint))
    if isinstance(found, Refusal):
        return None
    convention = locales.convention(hint, money=True) if hint and len(found.readings) > 1 else None
    return found.decimal if convention is None or convention.decimal == found.decimal else None


def _three_decimals(found: Parsed, hint: str | None, agreed: str | None) -> Reading | Refusal:
    """Return an amount that x-locale would give three decimals: only as the other numbers of the result have it.

    Where its currency says otherwise than they do ("$1,299" among "12,50"), it stays open.
    """
    if agreed and found.decimal in (None, agreed):
        return replace(found.under(agreed), how=", by the other numbers of the result")
    why = f"x-locale {hint} says the latter, but no amount is written with three decimals"
    return Refusal(f"{_both(found)}: {why} (say the x-locale that the page follows)")


def _both(found: Parsed) -> str:
    few, many = sorted((f"{reading.value:f}" for reading in found.readings), key=len, reverse=True)
    return f"can be read as {many} and as {few}"


def _other(sign: str) -> str:
    return "," if sign == "." else "."


def as_json(reading: Reading, *, whole: bool) -> int | float | None:
    """Return the JSON number, an integer where one is wanted or written; None where there is none."""
    value = reading.value
    if value.adjusted() >= _MOST_DIGITS or not math.isfinite(float(value)):
        return None
    if whole or not reading.fraction:
        return int(value) if value == value.to_integral_value() else None
    number = float(value)
    return number if number != 0 or value == 0 else None


@lru_cache(maxsize=4_096)
def parsed(text: str, language: str = "") -> Parsed | Refusal:
    """Return every way to read a text as one number; a Refusal says why there is none. Never raises.

    `language` allows its words for magnitudes ("Millionen").
    """
    if len(text) > LONGEST:
        return Refusal("is text, not one number")
    clean = typography.plain(text)
    found = typography.TOKEN.search(clean)
    if found is None:
        return Refusal(typography.nothing(clean))
    start = found.start() + _abbreviated(clean[: found.start()], found[0])
    prefix, token, suffix = clean[:start], clean[start : found.end()], clean[found.end() :]
    before = _before(prefix)
    if before is None:
        return Refusal(typography.why(clean, prefix))
    negative, currency = before
    token, factor, rest = _scaled(token, suffix, language, money=currency not in ("", "%"))
    scaled = rest != suffix
    after = _behind(rest, currency, scaled=scaled)
    if after is None:
        return Refusal(typography.why(clean, suffix))
    readings = _readings(token)
    if isinstance(readings, Refusal):
        return readings
    factor = -factor if negative else factor
    return Parsed(
        tuple(
            replace(one, value=_EXACT.multiply(one.value, factor), fraction=one.fraction or abs(factor) < 1)
            for one in readings
        ),
        after.strip("%") or None,
        loose=" " in token and not after and not any(one.fraction for one in readings),
        scaled=scaled,
    )


def _abbreviated(prefix: str, token: str) -> int:
    """Return 1 where the dot that a token begins with ends the currency's sign: Rs.500 is 500, $.50 is 0.5."""
    sign = prefix.lstrip("-+\u2013") + "."
    return int(token[0] == "." and bool(currencies.named(sign)))


def _before(prefix: str) -> tuple[bool, str] | None:
    """Return whether a number is negative and its currency (or a percent sign, or nothing), by what is before it."""
    found = _prefix().match(prefix)
    if not found:
        return None
    outer, sign, gap, inner = found.groups(default="")
    if (outer and inner) or (outer and not sign and gap) or (sign and sign != "%" and not currencies.named(sign)):
        return None
    return (outer + inner) in {"-", "\u2013"}, sign


@cache
def _prefix() -> re.Pattern[str]:
    return re.compile(rf"([-+\u2013])?({currencies.pattern()}|%)?([ \u00a0]*)([-+\u2013])?\Z")


def _scaled(token: str, suffix: str, language: str, *, money: bool) -> tuple[str, Decimal, str]:
    """Return the digits, the factor that an exponent or a magnitude stands for, and what is left behind them."""
    exponent = _EXPONENT.match(suffix)
    if exponent:
        return token, Decimal(10) ** int(exponent[1]), suffix[exponent.end() :]
    no_cents = _NO_CENTS.match(suffix)
    if no_cents:
        return f"{token}{no_cents[1]}00", Decimal(1), suffix[no_cents.end() :]
    factor, rest = units.magnitude(suffix, language, money=money)
    return token, factor, rest


def _behind(rest: str, currency: str, *, scaled: bool) -> str | None:
    """Return the currency of a number (a percent sign, or nothing) by what stands behind it; None for anything else.

    A currency may stand on both sides where one can be the other ("$5 USD"), and may be for a unit ("€5 per month").
    """
    rest = rest.strip(" \u00a0")
    if not rest:
        return currency
    if currency != "%" and (found := re.match(currencies.pattern(), rest)) and currencies.named(found[0]):
        beside = rest[found.end() :].strip(" \u00a0")
        same = not currency or currencies.named(currency) & currencies.named(found[0])
        if same and (not beside or units.per_unit(beside)):
            return found[0] if not currency or len(currencies.named(currency)) > 1 else currency
    if currency:
        return currency if currency != "%" and units.per_unit(rest) else None
    if rest == "%":
        return "%" if not scaled else None
    return "" if units.unit(rest) else None


def _readings(token: str) -> tuple[Reading, ...] | Refusal:
    """Return the readings of digits with separators, at most two; each has at most one decimal sign, the last one."""
    token = token.replace("\u00a0", " ") if " " not in token else token
    if sum(c.isdigit() for c in token) > _MOST_TYPED:
        return Refusal("has too many digits")
    found: list[Reading] = []
    for decimal in (None, ".", ",", "٫"):
        if decimal and token.count(decimal) != 1:
            continue
        whole, _, fraction = token.partition(decimal) if decimal else (token, "", "")
        digits = _ungrouped(whole) if not decimal or fraction.isdigit() else None
        if digits is not None:
            value = Decimal(f"{digits or 0}.{fraction or 0}")
            found.append(Reading(value if decimal else value.to_integral_value(), _sign(decimal, whole), bool(decimal)))
    if found:
        return tuple(found)
    if re.fullmatch(r"0[0-9]+", token):
        return Refusal("begins with 0: it may be a code, not a number")
    return Refusal("is not written as one number: its separators fit no way to group digits")


def _sign(decimal: str | None, whole: str) -> str | None:
    """Return the decimal sign, `.` or `,`, of a locale that would write so; None where any would."""
    if decimal in (".", ","):
        return decimal
    return "." if "," in whole else "," if "." in whole else None


def _ungrouped(whole: str) -> str | None:
    """Return digits without group signs: one kind, thousands or the Indian 1,23,456; None where they do not fit."""
    signs = {c for c in whole if not c.isdigit()}
    if not signs:
        return whole if len(whole) < 2 or whole[0] != "0" else None  # 0 alone is a number, 05 is not
    if len(signs) > 1 or "٫" in signs:
        return None
    first, *middle, last = whole.split(signs.pop())
    if not first or first[0] == "0" or len(last) != 3 or "" in middle:  # groups are of three
        return None
    thousands = len(first) <= 3 and all(len(part) == 3 for part in middle)
    indian = "," in whole and middle and len(first) <= 2 and all(len(part) == 2 for part in middle)
    return f"{first}{''.join(middle)}{last}" if thousands or indian else None
