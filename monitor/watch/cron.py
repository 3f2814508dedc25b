"""Cron expressions: what may be written, and the instants that it means.

The meaning is cron(5)'s (five fields, 0 and 7 are Sunday, day of month OR day of week) with Debian's rule for summer
time; the library cronsim computes it. This module refuses what cronsim would take and cron(5) does not have, and says
why (reliability.md D1, D2, rows 16-19). Must not know who runs at an instant.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import NoReturn

from cronsim import CronSim, CronSimError

from monitor.files.problems import did_you_mean
from monitor.files.zones import zone

__all__ = ["check", "occurrences", "zone"]

MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
MAX_LENGTH = 200
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_TERM = re.compile(r"(?P<low>\*|[0-9]+|[a-z]+)(?:-(?P<high>[0-9]+|[a-z]+))?(?:/(?P<step>[0-9]+))?\Z")
_PREFIX = re.compile(r"(?P<key>[A-Za-z_]+)=(?P<zone>\S*)\s*")
_NOT_CRON = {
    "?": 'write "*" where any value will do',
    "#": 'the "n-th weekday of a month" is not part of cron(5)',
    "~": "random times are not part of cron(5): choose one value",
    "%": 'a "%" means nothing here: leave it out',
}
_NOT_CRON_LETTERS = {
    "L": '"L" (last) is not part of cron(5): name the days, as in 28-31',
    "W": '"W" (nearest working day) is not part of cron(5)',
    "R": "random times are not part of cron(5): choose one value",
    "H": "random times are not part of cron(5): choose one value",
}


@dataclass(frozen=True, slots=True)
class _Field:
    """One of the five fields: its inclusive bounds and the names that stand for numbers from `low`."""

    title: str
    low: int
    high: int
    names: tuple[str, ...] = ()

    def number(self, word: str) -> int | None:
        """Return the value of one number or name; None when it is neither, or out of range."""
        if word.isdigit():
            return int(word) if self.low <= int(word[:6]) <= self.high and len(word) <= 4 else None
        return self.names.index(word) + self.low if word in self.names else None


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 7, _DAYS),
)


def check(expression: str) -> None:
    """Raise ValueError, with a message for the user, unless `expression` is cron(5) and fires some day."""
    _read(expression)


def occurrences(expressions: Sequence[str], timezone: str, after: datetime) -> Iterator[datetime]:
    """Yield the due instants strictly after `after`, in order, each once, aware, in UTC; endless.

    `timezone` is an IANA name; an expression's own `CRON_TZ=` prefix wins over it. Raises ValueError for what `check`
    refuses.
    """
    streams = [_instants(expression, timezone, after) for expression in expressions]
    last = after
    for instant in heapq.merge(*streams):
        if instant > last:
            last = instant
            yield instant


class _Simulation(CronSim):
    """cronsim, landing on whole hours also where the clock is put back by half an hour (Lord Howe).

    Its own step of 3,600 s lands at :30 there and skips the first half of an hour (campaign `cron`, case 2246).
    """

    def advance_hour(self) -> bool:
        """Move on to the next hour of the expression, or to midnight; False where this hour is one of it."""
        if self.dt.hour in self.hours:
            return False
        self.dt = self.dt.replace(minute=0, second=0)
        while self.dt.hour not in self.hours:
            self.tick(seconds=3600 - 60 * self.dt.minute)
            if self.dt.hour == 0:
                break
        return True


def _instants(expression: str, timezone: str, after: datetime) -> Iterator[datetime]:
    own_zone, fields = _read(expression)
    where = _tzinfo(own_zone or timezone)
    last = after
    # A start inside the second pass of a repeated hour makes cronsim begin with instants of the first pass: those are
    # past.
    for local in _Simulation(fields, after.astimezone(where)):
        instant = local.astimezone(UTC)
        if instant > last:
            last = instant
            yield instant


def _tzinfo(name: str) -> tzinfo:
    return UTC if name in {"UTC", "Etc/UTC"} else zone(name)  # cronsim takes a shorter way for datetime's own UTC


@lru_cache(maxsize=4096)
def _read(expression: str) -> tuple[str | None, str]:
    """Return the zone of a `CRON_TZ=` prefix, if any, and the five plain fields; raises ValueError."""
    if len(expression) > MAX_LENGTH:
        raise ValueError(f"a cron expression has at most {MAX_LENGTH} characters")
    for column, char in enumerate(expression.rstrip(), 1):
        if not (" " <= char <= "~" or char == "\t"):
            raise ValueError(f"column {column}: a cron expression is written in plain ASCII, on one line")
    own_zone, start = _prefix(expression)
    text = expression[start:].rstrip()
    fields = _macro(text) if text.startswith("@") else _five(text, start)
    _fires(fields)
    return own_zone, fields


def _prefix(expression: str) -> tuple[str | None, int]:
    """Return the zone named in front of the expression and the index at which the expression begins."""
    start = len(expression) - len(expression.lstrip())
    found = _PREFIX.match(expression, start)
    if not found:
        return None, start
    if found["key"] != "CRON_TZ":
        raise ValueError(f"column {start + 1}: only CRON_TZ=Zone may stand in front of a cron expression")
    zone(found["zone"])
    return found["zone"], found.end()


def _macro(text: str) -> str:
    if text in MACROS:
        return MACROS[text]
    if text.startswith("@every"):
        raise ValueError('"@every" is not supported: write the step as a field, as in "*/30 * * * *"')
    if text == "@reboot":
        raise ValueError(
            '"@reboot" names no time: write the times as five fields, or @hourly, @daily, @weekly, @monthly'
        )
    guess = did_you_mean(text[:20], MACROS)
    raise ValueError(f"this macro is not known: {guess or 'use @hourly, @daily, @weekly, @monthly or @yearly'}")


def _five(text: str, start: int) -> str:
    """Check each field of `text`, which begins at index `start` of the expression, and return them for cronsim."""
    words = list(re.finditer(r"\S+", text))
    if len(words) != 5:
        hint = "; seconds and years are not supported" if len(words) in {6, 7} else ""
        raise ValueError(
            "a cron expression has five fields (minute, hour, day of month, month, day of week), "
            f"here are {len(words)}{hint}"
        )
    fields = []
    for field, word in zip(_FIELDS, words, strict=True):
        column = start + word.start() + 1
        terms = []
        for term in word[0].split(","):
            terms.append(_term(field, term, column))
            column += len(term) + 1
        fields.append(",".join(terms))
    return " ".join(fields)


def _term(field: _Field, term: str, column: int) -> str:
    """Check one entry of a field's list (a value, a range or `*`, with or without a step) and return it for cronsim."""

    def refuse(reason: str) -> NoReturn:
        raise ValueError(f"{field.title} (column {column}): {reason}")

    if not term:
        refuse("an entry is missing beside the comma")
    found = _TERM.match(term.lower())
    if not found or (found["low"] == "*" and found["high"]):
        refuse(_why_unreadable(field, term))
    low, high, step = found["low"], found["high"], found["step"]
    for word in (low, high):
        if word and word != "*" and field.number(word) is None:
            refuse(_why_no_value(field, word))
    if high and _number(field, low) > _number(field, high):
        refuse(f"{low}-{high} runs backwards: write {_unwrapped(field, low, high)}")
    if step and not (1 <= int(step[:6]) <= field.high and len(step) <= 4):
        refuse(f"a step of {step[:6]} does not fit: write 1 to {field.high}")
    if step and not high and low != "*":
        refuse(f"a step needs a range: write {low}-{6 if field.names is _DAYS else field.high}/{step}")
    # cronsim takes the one value of 5-5/2 for the start of 5/2, "every second from 5 on"; cron(5) means 5.
    return low if step and high and _number(field, low) == _number(field, high) else term


def _number(field: _Field, word: str) -> int:
    value = field.number(word)
    assert value is not None, "checked before"
    return value


def _why_unreadable(field: _Field, term: str) -> str:
    for char, reason in _NOT_CRON.items():
        if char in term:
            return reason
    letters = re.sub(r"[^A-Z]", "", term.upper())
    if letters and letters.lower() not in field.names and letters[0] in _NOT_CRON_LETTERS and len(letters) <= 2:
        return _NOT_CRON_LETTERS[letters[0]]
    return f"{term[:20]!r} cannot be read: write a value, a range such as 1-5, a list such as 1,3 or a step such as */5"


def _why_no_value(field: _Field, word: str) -> str:
    if word.isdigit():
        return f"{word[:6]} is out of range, {field.low} to {field.high}"
    if word.upper() in _NOT_CRON_LETTERS or word.upper() == "LW":
        return _NOT_CRON_LETTERS[word[0].upper()]
    if not field.names:
        return f"{word[:20]!r} is not a number"
    guess = word[:3] if word[:3] in field.names else None
    return f"{word[:20]!r} is not a name here: " + (
        f'did you mean "{guess}"?' if guess else f"use {', '.join(field.names)}"
    )


def _unwrapped(field: _Field, low: str, high: str) -> str:
    """Return the list that a range running over the end of its field was meant to be."""
    first, last = _number(field, low), _number(field, high)
    if field.names is _DAYS:
        days = [(first + step) % 7 for step in range((last - first) % 7 + 1)]
        return ",".join(_DAYS[day] if low.isalpha() or high.isalpha() else str(day) for day in days)
    if low.isalpha():
        return f"{low}-{field.names[-1]},{field.names[0]}-{high}"
    return f"{first}-{field.high},{field.low}-{last}"


def _fires(fields: str) -> None:
    """Raise ValueError when the date that is asked for never comes, as on 31 February."""
    try:
        found = next(CronSim(fields, datetime(2000, 1, 1)), None)  # noqa: DTZ001 - no zone: only the calendar is asked
    except CronSimError:
        found = None
    if found is None:
        raise ValueError("this never fires: no such day comes in those months")
