"""The one line that says why: never empty, no control characters, capped. Must not know what is done about it."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.judge.decision import Change
from monitor.judge.schemas import validation

MOST_NAMED = 3
_VALUE = 60
_LINE = 500


def line(text: str) -> str:
    """Return a text as one line of at most 500 characters."""
    clean = " ".join(validation.printable(text).split())
    return clean if len(clean) <= _LINE else f"{clean[: _LINE - 1]}…"


def of_changes(changes: Sequence[Change]) -> str:
    """Return `price 499 -> 449`, or `3 changes: …` with the first three of them.

    What a person should know beside them (`Change.note`) stands once at the end, in brackets.
    """
    named = changes[:MOST_NAMED]
    shown = ", ".join(_change(change) for change in named)
    notes = "; ".join(dict.fromkeys(change.note for change in named if change.note and not _is_move(change)))
    beside = f" [{notes}]" if notes else ""
    if len(changes) == 1:
        return line(f"{shown}{beside}")
    return line(f"{len(changes)} changes: {shown}{', …' if len(changes) > MOST_NAMED else ''}{beside}")


def _change(change: Change) -> str:
    name = change.path.removeprefix("/") or "the result"
    if _is_move(change):
        return f"{name} {_value(change.after['item'])} {change.note}"
    if change.kind == "changed":
        return f"{name} {_value(change.before)} -> {_value(change.after)}"
    return f"{name} {change.kind}"


def _is_move(change: Change) -> bool:
    """Return whether a change is an item that only stands elsewhere: its note says from where to where."""
    sides = (change.before, change.after)
    noted = (change.note or "").startswith("moved from ")
    return noted and all(isinstance(side, dict) and side.keys() == {"index", "item"} for side in sides)


def _value(value: object) -> str:
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e15
    shown = str(int(value)) if whole else validation.excerpt(value)  # type: ignore[call-overload] # `whole` says it is a float
    return shown if len(shown) <= _VALUE else f"{shown[: _VALUE - 1]}…"
