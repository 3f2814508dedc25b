"""Settings that are one word or number of a few: readers that return the value or say what it may be."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass


def one_of(*words: str, later: Sequence[str] = ()) -> Callable[[str], str]:
    """Return a reader of one of `words`; of a word of `later` it says that it is not supported yet."""

    def read(text: str) -> str:
        if text in later:
            raise ValueError(f"{text} is not supported yet: use {words[0]}")
        if text not in words:
            raise ValueError(f"must be {' or '.join(words)}")
        return text

    return read


def one_line(text: str) -> str | None:
    """Return a short printable text, None for an empty one; raises ValueError."""
    if not text.isprintable() or len(text) > 200:
        raise ValueError("must be one line of at most 200 characters")
    return text or None


def whole(low: int, high: int) -> Callable[[str], int]:
    """Return a reader of a whole number from `low` to `high`."""

    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) or not low <= int(text) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(text)

    return read


@dataclass(frozen=True, slots=True)
class Log:
    """What is logged and how: `level` is debug, info, warning or error; `format` console or json."""

    level: str
    format: str

    def __str__(self) -> str:
        return f"{self.level}:{self.format}"


def log(text: str) -> Log:
    """Return what `level[:json|:console]` means; raises ValueError."""
    level, _, form = text.partition(":")
    if level not in {"debug", "info", "warning", "error"} or form not in {"", "json", "console"}:
        raise ValueError("must be debug, info, warning or error, and :json or :console behind it if wanted")
    return Log(level, form or "console")
