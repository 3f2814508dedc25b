"""The canonical form of a JSON value: the one place that says when two values are the same (reliability.md B3).

Object keys have no order, arrays have one, numbers count by their exact value (1 is 1.0, a boolean is no number),
strings by Unicode form C. NaN and infinities are refused. Must not know schemas, watches or what is compared with what.
"""

from __future__ import annotations

import json
import math
import unicodedata
from typing import Any

MAX_DEPTH = 64
MAX_INTEGER_BITS = 8_192  # about 2,460 digits: below what json can print (4,300), far above any quantity of a page


class NotCanonicalError(ValueError):
    """The value is not proper JSON, or is nested deeper than `MAX_DEPTH`; the text says which."""


def form(value: Any, depth: int = MAX_DEPTH) -> Any:
    """Return a value for which Python's `==` is equality of JSON values; raises NotCanonicalError.

    A boolean becomes a tuple of one, because in Python True equals 1. Whole floats become integers, so that `key`
    prints equal numbers alike. Two keys of one object that differ only in Unicode form are left as they are.
    """
    if isinstance(value, str):
        return text(value)
    if value is None:
        return value
    if isinstance(value, bool):
        return (value,)
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, dict):
        _descend(depth)
        return {name: form(item, depth - 1) for name, item in named(value).items()}
    if isinstance(value, list):
        _descend(depth)
        return [form(item, depth - 1) for item in value]
    raise NotCanonicalError(f"a {type(value).__name__} is not a JSON value")


def key(value: Any) -> str:
    """Return a text that two values share if and only if they are equal; raises NotCanonicalError.

    Prints `form`, in which a boolean stands in brackets of its own and is therefore never confused with a list.
    """
    return printed(form(value))


def printed(canonical: Any) -> str:
    """Return the text of a value that is in canonical form already."""
    return json.dumps(canonical, sort_keys=True, separators=(",", ":"), allow_nan=False)


def equal(one: Any, other: Any) -> bool:
    """Return whether two JSON values are the same; raises NotCanonicalError."""
    return bool(form(one) == form(other))


def text(value: str) -> str:
    """Return a string in Unicode form C."""
    return value if value.isascii() else unicodedata.normalize("NFC", value)


def number(value: float) -> int | float:
    """Return a number, whole floats as integers, exactly; raises NotCanonicalError for NaN, infinities, huge ones."""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise NotCanonicalError("NaN and Infinity are not JSON numbers")
        return int(value) if value.is_integer() else value
    if value.bit_length() > MAX_INTEGER_BITS:
        raise NotCanonicalError("an integer has too many digits")
    return value


def named(value: dict[Any, Any]) -> dict[str, Any]:
    """Return an object with its keys in Unicode form C, or as it is where two of its keys would fall together."""
    if any(not isinstance(name, str) for name in value):
        raise NotCanonicalError("a key of an object is not a string")
    if all(name.isascii() for name in value):
        return value
    normal = {text(name): item for name, item in value.items()}
    return normal if len(normal) == len(value) else value


def _descend(depth: int) -> None:
    if depth <= 0:
        raise NotCanonicalError(f"the value is nested deeper than {MAX_DEPTH} levels")
