"""Numbers in text, read only where there is one number and one way to read it. Pure.

Two numbers in one text ("Was $99 now $79"), ranges, dates and versions are not numbers. A separator that can be read
two ways ("1.299") is settled by the language, then, where a currency stands beside it, by price-parser (money has no
three decimals), else not at all.
"""

from __future__ import annotations

import re
from decimal import Decimal

from monitor.embedded.extract.terms import sayings

_DIGITS = re.compile(r"\d(?:[\d.,'’\u00a0\u202f\u2009 ]*\d)?")
_SPACED_GROUP = re.compile(r"\d{1,3}(?:[\u00a0\u202f\u2009 '’]\d{3})+(?:[.,]\d+)?\Z")
_GROUP_SIGNS = re.compile(r"[\u00a0\u202f\u2009 '’]")
_MAGNITUDE = re.compile(r"\s?(?:k|m|b|mio|mrd|bn|tsd|million|billion|thousand)\b", re.IGNORECASE)
_CODE_BEFORE = re.compile(r"(?:^|[^A-Za-z])(?:[A-Z]{3}|US\$|[A-Z]{1,2}\$|Rs\.?|Kr\.?|kr\.?|CHF|Fr\.?)\Z")
_DOT_GROUPS = ("de", "es", "it", "nl", "pt", "da", "id", "tr", "el", "sl", "hr", "ro", "vi")
_COMMA_GROUPS = ("en", "ja", "zh", "ko", "th", "he")
_SPACE_GROUPS = ("fr", "sv", "nb", "nn", "no", "fi", "pl", "cs", "sk", "ru", "uk", "hu", "bg", "et", "lv", "lt")
_MINUS = "-\u2212\u2013"
_FREE = frozenset({"free", "gratis", "kostenlos", "gratuit"})


def read(text: str, *, language: str | None = None, money: bool = False) -> Decimal | None:
    """Return the one number that `text` holds, or None. `language` is a tag such as `de` or `en-GB`.

    `money` allows "Free".
    """
    text = text.strip()
    if len(text) > 200:
        return None
    if money and text.casefold().rstrip(".!") in _FREE:
        return Decimal(0)
    tokens = list(_DIGITS.finditer(text))
    if len(tokens) != 1:
        return None
    token = tokens[0]
    before, after = text[: token.start()], text[token.end() :]
    if _MAGNITUDE.match(after) or not _may_precede(before):
        return None
    number = _magnitude(token[0], text, language, money=money or _has_currency(text))
    if number is None:
        return None
    negative = bool(re.search(rf"(?:^|[\s(])[{_MINUS}]\s?[^\w\s]{{0,2}}\s?\Z", before))
    return -number if negative else number


_OF = re.compile(
    r"\A\D{0,40}?(\d+(?:[.,]\d+)?)\s*(?:/|von|of|out of|sur|de|su|van|van de|av|z|z maks\.|üzerinden|out)\s*(?:the |de |la )?(?:5|10|100)\b\D{0,30}\Z",  # noqa: E501 - a table reads better in one line
    re.IGNORECASE,
)
_DASHED = re.compile(r"(\d)\s?[,.:]\s?[-–—]+(?!\d)")
_RAISED = re.compile(r"(\d)\s?([,.])\s(\d\d)(?!\d)")
_AMOUNT = re.compile(
    r"(?:(?:R\$|US\$|[$€£¥₹₺₩]|\b(?:EUR|USD|GBP|CHF|kr|Rs\.?))\s?(\d(?:[\d.,'’\u00a0\u202f\u2009 ]*\d)?)|"
    r"(\d(?:[\d.,'’\u00a0\u202f\u2009 ]*\d)?)\s?(?:[€£¥₹₺₩]|円|(?:EUR|USD|GBP|CHF|PLN|SEK|NOK|DKK|CZK|TRY|TL|kr|zł|Kč|Ft|lei)\b))"  # noqa: E501 - a table reads better in one line
)


def read_phrase(text: str, *, language: str | None = None, money: bool = False) -> Decimal | None:
    """Return the number of a phrase that `read` does not know: `4.6 out of 5`, `289,-`, `349, 95`.

    One amount among numbers.
    """
    text = text.strip()
    if len(text) > 200:
        return None
    of = _OF.match(text)
    if of:
        return Decimal(of[1].replace(",", "."))
    plain = _RAISED.sub(r"\1\2\3", _DASHED.sub(r"\1", text))
    if plain != text:
        text = plain
        number = read(text, language=language, money=money)
        if number is not None:
            return number
    if money:
        amounts = [match[0] for match in _AMOUNT.finditer(text)]
        found = {read(amount, language=language, money=True) for amount in amounts}
        if len(found) == 1:
            return found.pop()
        if not amounts and text.casefold().strip(" .!*") in sayings("free"):
            return Decimal(0)
    return None


def _may_precede(before: str) -> bool:
    """Return whether a number may begin here: not inside a word or a code such as A4 or X-200, but after EUR or US$."""
    if not before or not (before[-1].isalnum() or before[-1] in _MINUS):
        return True
    if before[-1] in _MINUS:
        return len(before) == 1 or not before[-2].isalnum()
    return bool(_CODE_BEFORE.search(before))


def _magnitude(token: str, text: str, language: str | None, *, money: bool) -> Decimal | None:
    if _GROUP_SIGNS.search(token):
        tongue = (language or "").partition("-")[0].casefold()
        plain_space_groups = tongue in _SPACE_GROUPS or _has_currency(text)
        if not _SPACED_GROUP.match(token) or (" " in token and not plain_space_groups):
            return None  # two numbers beside each other, or so it may be
        token = _GROUP_SIGNS.sub("", token)
        return Decimal(token.replace(",", "."))
    if not re.search(r"[.,]", token):
        return Decimal(token)
    if "." in token and "," in token:
        return _both(token)
    sign = "." if "." in token else ","
    parts = token.split(sign)
    grouped = 1 <= len(parts[0]) <= 3 and parts[0] != "0" and all(len(part) == 3 for part in parts[1:])
    if len(parts) > 2:
        return Decimal("".join(parts)) if grouped else None
    if not grouped:
        return Decimal(f"{parts[0]}.{parts[1]}")
    return _ambiguous(parts, sign, text, language, money=money)


def _both(token: str) -> Decimal | None:
    """Read a token with dots and commas: the last one is the decimal sign, the other one must group by three."""
    decimal = max(".,", key=token.rfind)
    whole, _, fraction = token.rpartition(decimal)
    parts = whole.split("," if decimal == "." else ".")
    well = 1 <= len(parts[0]) <= 3 and all(len(part) == 3 and part.isdigit() for part in parts[1:])
    return Decimal(f"{''.join(parts)}.{fraction}") if well and decimal not in whole else None


def _ambiguous(parts: list[str], sign: str, text: str, language: str | None, *, money: bool) -> Decimal | None:
    tongue = (language or "").partition("-")[0].casefold()
    if tongue in _DOT_GROUPS or tongue in _COMMA_GROUPS:
        groups = "." if tongue in _DOT_GROUPS else ","
        return Decimal("".join(parts)) if sign == groups else Decimal(".".join(parts)) if not money else None
    if not money or not _has_currency(text):  # an amount without its currency may be read both ways
        return None
    from price_parser import Price

    amount = Price.fromstring(text).amount
    return amount if isinstance(amount, Decimal) else None


def _has_currency(text: str) -> bool:
    from price_parser import Price

    return Price.fromstring(text).currency is not None
