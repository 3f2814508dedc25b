"""What texts of some kinds look like: a version, a salary, a company's name. Pure; one table, patterns after concepts.

A text that has the form may be one; where a list has nothing else of that form, the form is what tells its place.
"""

from __future__ import annotations

import re

_FORMS: tuple[tuple[str, str], ...] = (
    ("version", r"v?\d+\.\d+(?:\.\d+)*(?:[-.]?(?:rc|beta|alpha|a|b|dev|post)[-.]?\d*)?"),
    ("salary", r"(?=.*(?:[$€£]|\d\s?k\b|EUR|PLN|USD|GBP|CHF|zł|kr))?.*\d[\d.,  \u00a0\u202f]*\s?k?\s?(?:[-–—]|to|bis|à|a|do)\s?[$€£]?\s?\d.*"),  # noqa: E501 - a table reads better in one line
    ("company", r".*\b(?:GmbH|AG|KG|SE|OHG|e\.\s?V\.|Inc\.?|LLC|Ltd\.?|PLC|Corp\.?|Co\.|S\.?A\.?S?|SARL|S\.?r\.?l\.?|S\.?p\.?A\.?|B\.?V\.?|N\.?V\.?|AB|A/S|Oy|Sp\. z o\.o\.|Lda|S\.?L\.?|Ltda|A\.Ş\.|Group|Labs|Klinikum|Stadtwerke)(?!\w).*"),  # noqa: E501 - a table reads better in one line
    ("location", r"(?:[^\d,|·]{2,40},\s?[^\d|·]{2,30}(?:\(\d+\))?|\d{5} [^\d€$£]{2,30}|[^\d€$£]{2,30} \d{5}|(?:Remote|Hybrid|Homeoffice|Télétravail|Remoto)\b.{0,30}|.{2,30}\((?:[A-Z]{2}|\d{2})\))"),  # noqa: E501 - a table reads better in one line
    ("time", r"\d{1,2}[:.h]\d{2}(?:\s?(?:[ap]\.?m\.?|Uhr|h))?|\d{1,2}\s?[ap]\.?m\.?"),
    ("timeleft", r"(?:\d+\s?(?:d|h|m|s|min|Tage?|Std\.?|days?|hours?|j|Min\.?)\b\s*){1,4}.{0,10}"),
    ("email", r"[^@\s]+@[^@\s]+\.\w+"),
    ("phone", r"[+(]?\d[\d\s()/.-]{5,}\d"),
    ("sku", r"(?=\S*\d)[A-Z0-9][\w./-]{2,24}"),
    ("number", r"(?=\S*\d)[A-Za-z0-9][\w./-]{2,24}"),
    ("author", r"[\w.&*'’-]{2,24}|[A-ZÀ-Þ][\w'’.-]+(?: [A-ZÀ-Þ][\w'’.-]+){1,3}"),
    ("lastposter", r"[\w.&*'’-]{2,24}|[A-ZÀ-Þ][\w'’.-]+(?: [A-ZÀ-Þ][\w'’.-]+){1,3}"),
)  # fmt: skip
_PATTERNS = {concept: re.compile(pattern) for concept, pattern in _FORMS}
TELLING = frozenset({"version", "salary", "company", "location", "time", "timeleft", "email", "phone"})


def known(named: frozenset[str]) -> str | None:
    """Return the concept of a property whose form is known, or None."""
    return next((concept for concept, _pattern in _FORMS if concept in named), None)


def fits(concept: str, text: str) -> bool:
    """Return whether a whole text has the form of a concept."""
    return _PATTERNS[concept].fullmatch(" ".join(text.split())) is not None
