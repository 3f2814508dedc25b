"""A problem of a user's file: what, where, why and what to do, as one line. Must not know what a watch is."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem at one position; `line` and `column` count from 1, 0 means the file as a whole."""

    file: str
    line: int
    column: int
    field: str
    message: str
    hint: str | None = None
    warning: bool = False
    note: bool = False

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        field = f" {self.field}:" if self.field else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{where}:{field} {self.message}{hint}"

    def as_json(self) -> dict[str, object]:
        """Return the object of `validate --json`."""
        return {
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "field": self.field,
            "message": self.message,
            "hint": self.hint,
        }


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Return problems in the order of files and positions, each once."""
    once = dict.fromkeys(problems)
    return sorted(once, key=lambda one: (one.file, one.line, one.column, one.field, one.message, one.hint or ""))


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Return `did you mean "…"?` for the nearest known word, or None when none is near."""
    names = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), list(names), n=1, cutoff=0.6)
    return f'did you mean "{names[close[0]]}"?' if close else None
