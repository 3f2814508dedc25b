"""How numbers are typed: one sign for each kind of digit, minus and space, and what has digits and is not one number.

Must not know schemas, results or what a number is worth.
"""

from __future__ import annotations

import re
import unicodedata

_TRANSLATED = str.maketrans({
    "−": "-", "﹣": "-", "－": "-", "＋": "+", "．": ".", "，": ",", "％": "%", "٪": "%",
    "￥": "¥", "＄": "$", "￡": "£", "￦": "₩", "’": "'", "ʼ": "'", "＇": "'",
    "\u202f": "\u00a0", "\u2009": "\u00a0", "\u2007": "\u00a0", "\u3000": " ", "\t": " ", "\n": " ", "\r": " ",
    **dict.fromkeys("\u200b\u200e\u200f\u061c\u2060\u2066\u2067\u2068\u2069\u202a\u202b\u202c\ufeff"),
})  # fmt: skip
TOKEN = re.compile(r"(?:(?<![0-9])[.,٫](?=[0-9]))?[0-9](?:[0-9.,'٫٬\u00a0 ]*[0-9])?")
_DATE = re.compile(r"[0-9]{1,4}([/.-])[0-9]{1,2}\1[0-9]{1,4}|[0-9]{1,2}:[0-9]{2}")
_RANGE = re.compile(r"[0-9]\s*(?:[-\u2010-\u2015~]|to|bis)\s*[^0-9\s]{0,3}\s*[0-9]")
_FRACTION = re.compile(r"[0-9]\s*[/⁄]\s*[0-9]|[¼½¾⅓⅔]")


def plain(text: str) -> str:
    """Return a text with Latin digits, one sign for each kind of minus, apostrophe and narrow space, and no marks."""
    text = text.translate(_TRANSLATED).strip(" \u00a0")
    if text.isascii():
        return text
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text)


def nothing(clean: str) -> str:
    """Return why a text without digits is no number, as the end of a sentence."""
    return "is a fraction, not one number" if _FRACTION.search(clean) else "holds no number"


def why(clean: str, beside: str) -> str:
    """Return why a plain text is not one number, as the end of a sentence; `beside` is what made it none."""
    if _DATE.search(clean):
        return "looks like a date, a time or a version, not one number"
    if _FRACTION.search(clean):
        return "is a fraction or a ratio, not one number"
    if _RANGE.search(clean):
        return "is a range or several numbers, not one number"
    if re.search(r"[0-9]", beside) or len(TOKEN.findall(clean)) > 1:
        return "holds more than one number"
    if "(" in beside or ")" in beside:
        return "stands in brackets: it can be a negative amount or an aside"
    return "is not one number alone: other words or signs stand beside it"
