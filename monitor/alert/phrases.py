"""A rule's own `title` and `body`: their functions, whether they can work (at load), and how they are filled.

The functions: `money(amount, "EUR"[, "de"])`, `percent(before, after)`, `local(instant[, "Europe/Berlin"])`,
`listed(changes)`, `short(text, length)`. What is put into a hole is data: defused like everything that was scraped,
while what the rule itself says stays as it is written (reliability.md F5). Must not know targets.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from monitor.alert import plain, wording
from monitor.judge.conditions import check as conditions
from monitor.judge.conditions import templates
from monitor.judge.conditions.expressions import ExpressionError
from monitor.judge.conditions.functions import Function, Takes
from monitor.judge.conditions.history import History
from monitor.judge.decision import Change
from monitor.judge.schemas import check as schema
from monitor.judge.values import locales
from monitor.watch.findings import Finding
from monitor.watch.model import Watch

NAMES: Mapping[str, Takes] = {
    "money": Takes(2, 3, "takes an amount, a currency and, if you like, a locale", 'money(new.price, "EUR", "de")'),
    "percent": Takes(2, 2, "takes two numbers", "percent(old.price, new.price)"),
    "local": Takes(1, 2, "takes an instant and, if you like, a time zone", 'local(now, "Europe/Berlin")'),
    "listed": Takes(1, 1, "takes the changes", "listed(changes)"),
    "short": Takes(2, 2, "takes a text and a length", "short(new.name, 40)"),
}
_MAX_LINES = 50


def rendered(
    text: str, values: Mapping[str, Any], history: History | None, timezone: str
) -> tuple[str, tuple[str, ...]]:
    """Return a text with its holes filled, and what went wrong, one line each; `timezone` is that of `local`."""
    try:
        found = templates.render(text, values, history, functions(timezone), filled=plain.filled)
    except ExpressionError as error:
        return "", (str(error),)
    return found.text, found.errors


def check(watch: Watch) -> Iterator[Finding]:
    """Yield what is wrong with `title` and `body` of every rule; nothing while `output_schema` itself is refused."""
    if not any(rule.title or rule.body for rule in watch.notify):
        return
    if any(not finding.warning for finding in schema.check(watch)):
        return
    for index, rule in enumerate(watch.notify):
        for field, text in (("title", rule.title), ("body", rule.body)):
            yield from _doubts(("notify", index, field), text, watch) if text else ()


def _doubts(place: tuple[str | int, ...], text: str, watch: Watch) -> Iterator[Finding]:
    try:
        holes = templates.Template.parse(text).expressions
    except ExpressionError as error:
        yield Finding(place, str(error), "a hole is {{ CEL }}, as in {{ new.price }}")
        return
    for hole in dict.fromkeys(holes):
        for doubt in conditions.check(hole.text, watch.output_schema, boolean=False, functions=NAMES):
            message = doubt.message.replace("this fails, and then tells with the error,", "this cannot be filled")
            yield Finding(place, f"{{{{ {hole.text} }}}}: {message}", doubt.hint, doubt.warning)


def functions(timezone: str) -> Mapping[str, Function]:
    """Return the functions of titles and bodies by name; each raises ValueError for values that it cannot take."""
    return {
        "money": _money,
        "percent": _percent,
        "local": partial(_local, timezone),
        "listed": _listed,
        "short": _short,
    }


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("takes a number")
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("takes a text")  # noqa: TRY004 - what a caller catches is one class for every wrong value
    return value


def _money(amount: Any, currency: Any, locale: Any = "en") -> str:
    return locales.money(_number(amount), plain.line(_text(currency))[:10], _text(locale))


def _percent(before: Any, after: Any) -> str:
    before, after = _number(before), _number(after)
    return wording.percentage(before, after).strip(" ()") or ("0%" if before == after else "n/a")


def _local(timezone: str, instant: Any, zone: Any = None) -> str:
    """Return an instant, or its text in RFC 3339, as `2026-11-21 13:00` in a zone, or in that of the watch."""
    if isinstance(instant, str):
        try:
            instant = datetime.fromisoformat(instant)
        except ValueError:
            raise ValueError(f"{plain.shortened(instant, 60)!r} is no instant") from None
    if not isinstance(instant, datetime) or instant.tzinfo is None:
        raise ValueError("takes an instant")
    named = locales.zone(_text(zone)) if zone is not None else ZoneInfo(timezone)
    if named is None:
        raise ValueError(f"{zone!r} is no time zone")
    return f"{instant.astimezone(named):%Y-%m-%d %H:%M}"


def _listed(changes: Any) -> str:
    """Return changes as the built-in message lists them, one line each."""
    if not isinstance(changes, Sequence) or isinstance(changes, str):
        raise ValueError("takes a list of changes")  # noqa: TRY004 - as in `_text`
    rows = [wording.change(_change(one)) for one in changes[:_MAX_LINES]]
    more = len(changes) - len(rows)
    return "\n".join([*rows, *([f"{plain.ELLIPSIS} and {more} more"] if more > 0 else [])])


def _change(one: Any) -> Change:
    if not isinstance(one, Mapping) or not isinstance(one.get("path"), str):
        raise ValueError("takes a list of changes")  # noqa: TRY004 - as in `_text`
    return Change(one["path"], str(one.get("kind")), one.get("before"), one.get("after"), one.get("note"))


def _short(text: Any, length: Any) -> str:
    return plain.shortened(plain.line(_text(text)), max(1, int(_number(length))))
