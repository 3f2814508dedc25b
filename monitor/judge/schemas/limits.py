"""What a result may be at most: size, depth, and proper JSON only (reliability.md rows 53, 99; part 3 rows 37-39)."""

from __future__ import annotations

import json
import math
from typing import Any

from monitor.judge.comparison import canonical, pointer
from monitor.judge.decision import Violation

MAX_BYTES = 2 * 1024 * 1024


def breach(value: Any) -> Violation | None:
    """Return the first way in which a value is too large or no proper JSON, or None. Never recurses."""
    waiting: list[tuple[tuple[str | int, ...], Any]] = [((), value)]
    size = 0
    while waiting:
        path, node = waiting.pop()
        fault = _leaf_fault(node)
        if fault is None and isinstance(node, dict | list):
            fault = _holder_fault(node, len(path))
        if fault:
            return _violation(path, *fault)
        size += 1 + (len(node) if isinstance(node, str | dict | list) else 0)
        size += sum(map(len, node)) if isinstance(node, dict) else 0
        if size > MAX_BYTES:
            return _too_large()
        if isinstance(node, dict):
            waiting.extend(((*path, name), item) for name, item in node.items())
        elif isinstance(node, list):
            waiting.extend(((*path, index), item) for index, item in enumerate(node))
    return _too_large() if _bytes(value) > MAX_BYTES else None


def _leaf_fault(node: Any) -> tuple[str, str] | None:
    if isinstance(node, str):
        return ("text", "holds half of a character (a lone surrogate)") if _broken(node) else None
    if node is None or isinstance(node, bool | dict | list):
        return None
    if isinstance(node, float):
        return None if math.isfinite(node) else ("number", "NaN and Infinity are not JSON numbers")
    if isinstance(node, int):
        return ("number", "has too many digits") if node.bit_length() > canonical.MAX_INTEGER_BITS else None
    return "type", f"a {type(node).__name__} is not a JSON value"


def _holder_fault(node: dict[Any, Any] | list[Any], depth: int) -> tuple[str, str] | None:
    if depth >= canonical.MAX_DEPTH:
        return "depth", f"is nested deeper than {canonical.MAX_DEPTH} levels"
    if isinstance(node, dict) and any(not isinstance(name, str) or _broken(name) for name in node):
        return "key", "has a key that is not proper text"
    return None


def _broken(text: str) -> bool:
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _bytes(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def _too_large() -> Violation:
    return Violation("", "size", f"the result is larger than {MAX_BYTES // 1024 // 1024} MiB")


def _violation(path: tuple[str | int, ...], rule: str, message: str) -> Violation:
    where = pointer.joined(path)
    return Violation(where, rule, f"{where or 'the result'}: {message}")
