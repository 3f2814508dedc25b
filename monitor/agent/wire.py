"""Reading JSON of the API strictly, and its scalar fields tolerantly.

Owns what counts as proper JSON: strict where a value could not be stored, compared or validated later (NaN, infinities,
numbers beyond a double, duplicate keys, lone surrogates, depth). Everything refused is `Damaged`, never another
exception (reliability.md row 53). Must not know runs.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn

DEPTH = 64
VALUES = 1_500_000  # commas and openings in one text: a result of 2 MiB, the largest that is kept, has fewer
_KEPT = 4_096  # characters of a damaged text
_DIGITS = 308  # of an integer: beyond it, it is larger than any double, as 1e999 is
_RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,128}\Z")


class Damaged(ValueError):
    """A text that is not proper JSON; `text` is its beginning, and its end where it is long."""

    def __init__(self, reason: str, text: str = "") -> None:
        super().__init__(reason)
        self.text = _shortened(text)


def _shortened(text: str) -> str:
    return text if len(text) <= _KEPT else f"{text[: _KEPT - 1_001]}…{text[-1_000:]}"


def read_json(text: str | bytes) -> Any:
    """Return the value of a JSON text; raises `Damaged` for anything that is not proper JSON of depth <= 64.

    So it does for more than `VALUES` values: a few MB of `[],[],[]` would take hundreds of MB of memory.
    """
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise Damaged("it is not UTF-8", error.object.decode("utf-8", "replace")) from None
    if text.count(",") + text.count("[") + text.count("{") > VALUES:
        raise Damaged("it holds too many values", text)
    try:
        value = json.loads(
            text, parse_constant=_refuse_constant, parse_float=_float, parse_int=_int, object_pairs_hook=_object
        )
    except Damaged as error:
        error.text = _shortened(text)
        raise
    except RecursionError:
        raise Damaged("it is nested too deep", text) from None
    except ValueError:
        raise Damaged("it is not JSON", text) from None
    _check(value, text)
    return value


def read_object(text: str | bytes) -> dict[str, Any]:
    """Return the JSON object of a text; raises `Damaged` for anything else."""
    value = read_json(text)
    if not isinstance(value, dict):
        head = text if isinstance(text, str) else text.decode("utf-8", "replace")
        raise Damaged("it is not a JSON object", head)
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise Damaged(f"it holds {name}, which is not JSON")


def _float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise Damaged("it holds a number too large for a double")
    return number


def _int(digits: str) -> int:
    if len(digits) > _DIGITS:
        raise Damaged("it holds a number too large for a double")
    return int(digits)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Damaged("an object holds a key twice")
    return found


def _check(value: Any, text: str) -> None:
    """Refuse depth and lone surrogates, iteratively; surrogates can only come from escapes."""
    strings = "\\u" in text
    layer, depth = [value], 0
    while layer:
        inner: list[Any] = []
        for item in layer:
            if isinstance(item, dict):
                inner.extend(item.values())
                if strings:
                    inner.extend(item)
            elif isinstance(item, list):
                inner.extend(item)
            elif strings and isinstance(item, str) and not _encodable(item):
                raise Damaged("it holds half a surrogate pair", text)
        depth += 1
        if depth >= DEPTH and any(isinstance(item, (dict, list)) for item in inner):
            raise Damaged(f"it is nested deeper than {DEPTH}", text)
        layer = inner


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def first(fields: Mapping[str, Any], *names: str) -> Any:
    """Return the value of the first of `names` that is there and not null (snake case, then legacy camel case)."""
    for name in names:
        if fields.get(name) is not None:
            return fields[name]
    return None


def string(value: Any) -> str | None:
    """Return a string as it is, anything else as None."""
    return value if isinstance(value, str) else None


def run_id(value: Any) -> str | None:
    """Return a run id that is safe in a path, else None (reliability.md row 59)."""
    return value if isinstance(value, str) and _RUN_ID.match(value) else None


def count(value: Any) -> int | None:
    """Return a whole number from 0 to a million, else None."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value):
        return None
    return int(value) if 0 <= value <= 1_000_000 else None


def instant(value: Any) -> datetime | None:
    """Return an ISO 8601 instant in UTC (without an offset it is taken as UTC), else None."""
    if not isinstance(value, str) or len(value) > 64:
        return None
    try:
        found = datetime.fromisoformat(value)
        return (found.replace(tzinfo=UTC) if found.tzinfo is None else found).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
