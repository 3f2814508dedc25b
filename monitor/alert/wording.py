"""How values and changes are written for a person: numbers without noise, yes and no, only what differs.

Owns the words; must not know targets or limits of a whole message. Everything returned is plain (see `plain`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from monitor.alert import plain
from monitor.judge.decision import Change

NOTHING = "nothing"
ARROW = "→"
STEP = " › "
UNSEEN = "(differs only in characters that cannot be seen)"

_MAX_DEPTH = 3
_MAX_ENTRIES = 6
_CONTEXT = 24  # characters kept around a difference inside a long text
_AMBIGUOUS = re.compile(r"(?i)(nothing|yes|no|-?[0-9][0-9.,]*%?)\Z")
_ESCAPES = (("~3", ","), ("~2", "="), ("~1", "/"), ("~0", "~"))
_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def value(given: Any, limit: int = 160, *, depth: int = 0) -> str:
    """Return a JSON value as people write it, in at most `limit` characters and one line."""
    if given is None:
        return NOTHING
    if isinstance(given, bool):
        return "yes" if given else "no"
    if isinstance(given, int):
        return _whole(given)
    if isinstance(given, float):
        return _real(given)
    if isinstance(given, str):
        return _text(given, limit)
    if isinstance(given, Mapping):
        return _entries([f"{name(key)}: {value(item, 40, depth=depth + 1)}" for key, item in _first(given.items())],
                        len(given), limit, depth)  # fmt: skip
    if isinstance(given, Sequence):
        return _entries([value(item, 40, depth=depth + 1) for item in _first(given)], len(given), limit, depth)
    return _text(str(given), limit)


def name(given: str) -> str:
    """Return a property's name as plain text."""
    return plain.defused(plain.shortened(plain.line(str(given)), 60)) or '""'


def label(path: str) -> str:
    """Return the JSON Pointer of a change as words: `/offers/seller=ACME/price` is offers, ACME, price."""
    words = [_segment(part) for part in path.split("/")[1:]]
    if len(words) > 6:
        words = [*words[:2], plain.ELLIPSIS, *words[-3:]]
    return STEP.join(words) or "result"


def change(given: Change, limit: int = 160) -> str:
    """Return one change as one line: `price 499 → 449 (-10%)`; each side has at most `limit` characters."""
    note = f" [{plain.defused(plain.shortened(plain.line(given.note), limit))}]" if given.note else ""
    return f"{_change(given, limit)}{note}"


def _change(given: Change, limit: int) -> str:
    where = label(given.path)
    if given.kind == "added":
        return f"{where} added" if _bare(given.after) else f"{where} added: {value(given.after, limit)}"
    if given.kind == "removed":
        return f"{where} removed" if _bare(given.before) else f"{where} removed (was {value(given.before, limit)})"
    before, after = _sides(given.before, given.after, limit)
    if before == after:
        return f"{where} {before} {UNSEEN}"
    return f"{where} {before} {ARROW} {after}{percentage(given.before, given.after)}"


def percentage(before: Any, after: Any) -> str:
    """Return ` (-10%)` for two numbers where that means something, else an empty text."""
    if not (_number(before) and _number(after)) or not before:
        return ""
    try:
        share = (after - before) / abs(before) * 100
    except OverflowError:
        return ""
    if not math.isfinite(share) or abs(share) < 0.01 or abs(share) >= 100_000:
        return ""
    digits = 0 if abs(share) >= 10 else 1 if abs(share) >= 0.1 else 2
    text = f"{share:+.{digits}f}"
    return f" ({text.rstrip('0').rstrip('.') if '.' in text else text}%)"


def duration(given: timedelta) -> str:
    """Return a duration in its two largest units: `2h 10m`; less than a second is `0s`."""
    left = max(0, int(given.total_seconds()))
    parts: list[str] = []
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
        if len(parts) == 2 or (parts and not count):
            break
    return " ".join(parts) or "0s"


def _number(given: Any) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool)


def _bare(given: Any) -> bool:
    return given is None or given == [] or given == {}


def _first(given: Any) -> list[Any]:
    return [item for _, item in zip(range(_MAX_ENTRIES), given, strict=False)]


def _entries(shown: list[str], count: int, limit: int, depth: int) -> str:
    if not count:
        return "empty"
    if depth >= _MAX_DEPTH:
        return "1 entry" if count == 1 else f"{count} entries"
    more = f", {plain.ELLIPSIS} ({count} in all)" if count > len(shown) else ""
    text = plain.shortened(", ".join(shown), max(1, limit - len(more))) + more
    return f"[{text}]" if depth else text


def _segment(part: str) -> str:
    """Return one part of a path; the row of a keyed list (`seller=ACME`) is named by its values."""
    words = [pair.partition("=")[2] or pair for pair in part.split(",")] if "=" in part else [part]
    return ", ".join(name(_unescaped(word)) for word in words)


def _unescaped(part: str) -> str:
    for escape, char in _ESCAPES:
        part = part.replace(escape, char)
    return part


def _whole(given: int) -> str:
    return (
        str(given) if given.bit_length() < 64 else f"a number of about {int(given.bit_length() * 0.30103) + 1} digits"
    )


def _real(given: float) -> str:
    if not math.isfinite(given):
        return str(given)
    if given == 0:
        return "0"
    short = f"{given:.15g}"
    if 1e-6 <= abs(given) < 1e15:
        short = format(Decimal(short), "f")
    return short


def _text(given: str, limit: int) -> str:
    shown = plain.defused(plain.shortened(plain.line(given), limit))
    return f'"{shown}"' if not shown or _AMBIGUOUS.match(shown) or ARROW in shown else shown


def _sides(before: Any, after: Any, limit: int) -> tuple[str, str]:
    """Return both sides of a change; long texts are cut to what differs."""
    if isinstance(before, str) and isinstance(after, str):
        old, new = plain.line(before), plain.line(after)
        if max(len(old), len(new)) > limit:
            return _around(old, new, limit)
    if isinstance(before, float) and isinstance(after, float) and before != after and _real(before) == _real(after):
        return repr(before), repr(after)
    return value(before, limit), value(after, limit)


def _around(old: str, new: str, limit: int) -> tuple[str, str]:
    """Return both texts from a little before their first difference to a little after their last one."""
    shortest = min(len(old), len(new))
    start = next((at for at in range(shortest) if old[at] != new[at]), shortest)
    end = next((at for at in range(shortest - start) if old[-1 - at] != new[-1 - at]), shortest - start)

    def part(text: str) -> str:
        begin, stop = max(0, start - _CONTEXT), min(len(text), len(text) - end + _CONTEXT)
        cut = plain.shortened(text[begin:stop], limit - 2)
        head = plain.ELLIPSIS if begin else ""
        tail = plain.ELLIPSIS if stop < len(text) and not cut.endswith(plain.ELLIPSIS) else ""
        return plain.defused(f"{head}{cut.strip()}{tail}")

    return part(old), part(new)
