"""Whether one field's values may be another's: what a renamed field is recognised by. Must not know profiles."""

from __future__ import annotations

import difflib
import re
from typing import Any

_LONGEST = 60  # characters of a text that are kept of it
_NUMBER = re.compile(r"-?\d[\d,.\u00a0' ]*")
_ALIKE = 0.5  # names from here on speak for each other
_APART = 10  # numbers more than this many times apart are no likely values of one field


def sample(value: Any) -> Any:
    """Return what is kept of a value: texts shortened, numbers and booleans as they are."""
    return value[:_LONGEST] if isinstance(value, str) else value


def nearest(path: str, value: Any, others: dict[str, Any]) -> str | None:
    """Return the path whose sample is like a field's, the one with the likest name first; None when there is none."""
    if value is None:
        return None
    name = path.rsplit("/", 1)[-1]
    ranked = [(_names(name, other.rsplit("/", 1)[-1]), other) for other in sorted(others)]
    alike = [(near, other) for near, other in ranked if _values(value, others[other], named=near >= _ALIKE)]
    return max(alike, key=lambda pair: pair[0])[1] if alike else None


def _names(one: str, other: str) -> float:
    one, other = one.casefold(), other.casefold()
    if one in other or other in one:
        return 1.0
    return difflib.SequenceMatcher(None, one[:_LONGEST], other[:_LONGEST]).ratio()


def _values(one: Any, other: Any, *, named: bool) -> bool:
    """Say whether two values may be the same field's; `named` when the names are alike already."""
    if isinstance(one, bool) or isinstance(other, bool):
        return isinstance(one, bool) and isinstance(other, bool)
    if isinstance(one, str) and isinstance(other, str):
        return named or one == other or (_shape(one) == _shape(other) and _times(len(one), len(other)) <= 2)
    if isinstance(one, str):
        return False
    number = _number(other)
    if number is None:
        return False
    return one == number or ((one > 0) == (number > 0) and _times(abs(one), abs(number)) <= _APART)


def _number(value: Any) -> float | None:
    """Return a number, also out of text such as `$1,299.00`: enough to compare sizes by, never to judge by."""
    if isinstance(value, int | float):
        return value
    found = _NUMBER.search(value) if isinstance(value, str) else None
    if found is None:
        return None
    digits = re.sub(r"[^\d.-]", "", found[0]).strip(".")
    try:
        return float(digits)
    except ValueError:
        return None


def _shape(text: str) -> str:
    """Return what a text looks like: digits, letters and signs, each kind once in a row."""
    marked = "".join("0" if c.isdigit() else "a" if c.isalpha() or c.isspace() else c for c in text[:_LONGEST])
    return re.sub(r"(.)\1+", r"\1", marked)


def _times(one: float, other: float) -> float:
    low, high = sorted((one, other))
    return high / low if low else float("inf") if high else 1.0
