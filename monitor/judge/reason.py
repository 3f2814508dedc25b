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
    """Return `price 499 -> 449`, or `3 changes: …` with the first three of them."""
    named = ", ".join(_change(change) for change in changes[:MOST_NAMED])
    if len(changes) == 1:
        return line(named)
    return line(f"{len(changes)} changes: {named}{', …' if len(changes) > MOST_NAMED else ''}")


def _change(change: Change) -> str:
    name = change.path.removeprefix("/") or "the result"
    if change.kind == "changed":
        return f"{name} {_value(change.before)} -> {_value(change.after)}"
    return f"{name} {change.kind}"


def _value(value: object) -> str:
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e15
    shown = str(int(value)) if whole else validation.excerpt(value)  # type: ignore[call-overload] # `whole` says it is a float
    return shown if len(shown) <= _VALUE else f"{shown[: _VALUE - 1]}…"
