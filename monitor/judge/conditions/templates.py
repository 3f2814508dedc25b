"""Text with `{{ CEL }}` in it: titles and bodies of messages (interface.md, "A watch").

Must not know targets, or what a message is for. A hole that fails leaves a mark in the text, never an exception: a
message that is owed goes out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from monitor.judge import reason
from monitor.judge.conditions.expressions import Expression, ExpressionError
from monitor.judge.conditions.functions import Function
from monitor.judge.conditions.history import History
from monitor.judge.conditions.syntax import token_at

LONGEST = 20_000  # characters of one template
LONGEST_HOLE = 5_000  # characters that one value may take in a message
FAILED = "[?]"


@dataclass(frozen=True)
class Template:
    """A parsed template: texts and expressions in turn."""

    parts: tuple[str | Expression, ...]

    @staticmethod
    def parse(text: str) -> Template:
        """Return the template; raises ExpressionError for a hole that is not closed or does not compile."""
        if len(text) > LONGEST:
            raise ExpressionError(f"a template has at most {LONGEST:,} characters, this one {len(text):,}", "syntax")
        return _parsed(text)

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """The expressions in its holes."""
        return tuple(part for part in self.parts if isinstance(part, Expression))


@dataclass(frozen=True, slots=True)
class Rendered:
    """The text of a template, and what went wrong in its holes: one line each, in their order."""

    text: str
    errors: tuple[str, ...] = ()


def render(
    template: str,
    values: Mapping[str, Any],
    history: History | None = None,
    functions: Mapping[str, Function] | None = None,
    *,
    filled: Callable[[str, str], str] = lambda _before, value: value,
) -> Rendered:
    """Return the text with every hole filled; `functions` are at hand beside those of `expressions`.

    `filled` is given the text before a hole and the value's text, and returns what is put there.
    Raises ExpressionError only where the template itself cannot be parsed, which the load check refuses.
    """
    texts: list[str] = []
    errors: list[str] = []
    for part in Template.parse(template).parts:
        if isinstance(part, str):
            texts.append(part)
            continue
        try:
            value = shown(part.evaluate(values, history, functions))
            value = value if len(value) <= LONGEST_HOLE else f"{value[: LONGEST_HOLE - 1]}…"
            texts.append(filled("".join(texts), value))
        except ExpressionError as error:
            texts.append(FAILED)
            errors.append(reason.line(f"{{{{ {part.text} }}}}: {error}"))
    return Rendered("".join(texts), tuple(errors))


@lru_cache(maxsize=1_024)
def _parsed(text: str) -> Template:
    return Template(tuple(_parts(text)))


def _parts(text: str) -> Iterator[str | Expression]:
    end = 0
    while (start := text.find("{{", end)) >= 0:
        yield text[end:start]
        closed = _closing(text, start + 2)
        inside = text[start + 2 : closed].strip()
        try:
            yield Expression.parse(inside)
        except ExpressionError as error:
            shown_hole = inside if len(inside) <= 60 else f"{inside[:59]}…"
            raise ExpressionError(f"{{{{ {shown_hole} }}}}: {error}", error.cause) from error
        end = closed + 2
    yield text[end:]


def _closing(text: str, start: int) -> int:
    """Return where the `}}` of a hole stands: not inside a string, and not the end of a map inside a map."""
    depth, here = 0, start
    while here < len(text):
        kind, sign = token_at(text, here)
        if depth == 0 and text.startswith("}}", here):
            return here
        depth += (sign == "{") - (sign == "}") if kind == "sign" else 0
        here += len(sign) or 1
    raise ExpressionError(f"{{{{ at character {start - 1} is never closed", "syntax")


def shown(value: Any) -> str:
    """Return a value as it stands in a text: whole numbers without a point, instants in RFC 3339, lists as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return str(value)
    return json.dumps(_whole(value), ensure_ascii=False, default=str)


def _whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    if isinstance(value, dict):
        return {name: _whole(item) for name, item in value.items()}
    return [_whole(item) for item in value] if isinstance(value, list) else value
