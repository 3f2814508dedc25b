"""Whether the expressions of a watch's rules can work: names, functions, places of the history, types; at load.

A check of `monitor.watch.load`. Every name is followed through the schema; then the expression is tried on results
made from it: whole ones, and ones with each optional part absent. Must not know real results.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from monitor.judge.conditions import operands, samples
from monitor.judge.conditions.expressions import (
    LOOKING_BACK,
    NATIVE,
    Expression,
    ExpressionError,
    NothingYetError,
    look_back,
    lookbacks,
)
from monitor.judge.conditions.functions import BUILT_IN, TAKES, Takes
from monitor.judge.conditions.history import History
from monitor.judge.conditions.naming import RESULTS, Doubt, Names
from monitor.judge.conditions.syntax import KEYWORDS, Syntax, literal
from monitor.judge.schemas import check as schema
from monitor.judge.schemas import places, validation
from monitor.judge.schemas.scope import Scope, of
from monitor.watch.findings import Finding
from monitor.watch.model import Watch

_TEXT = {"type": "string"}
_NUMBER = {"type": "number"}
_TEXTS = {"type": "array", "items": _TEXT}
_INSTANT = {"type": "string", "format": "date-time"}
_CHANGE = {"path": _TEXT, "kind": {"enum": ["changed", "added", "removed"]}, "before": {}, "after": {}, "note": _TEXT}
_CHANGES = {"type": "array", "items": {"properties": _CHANGE}}
_OUTCOME = {"kind": _TEXT, "code": _TEXT, "api_code": _TEXT, "message": _TEXT}
_VIOLATION = {"path": _TEXT, "rule": _TEXT, "message": _TEXT}
_RUN = {
    **dict.fromkeys(("watch", "run", "run_id", "due_at", "trigger", "verdict", "reason"), _TEXT),
    **dict.fromkeys(("started_at", "finished_at"), _INSTANT),
    "outcome": {"properties": _OUTCOME},
    "changes": _CHANGES,
    "violations": {"type": "array", "items": {"properties": _VIOLATION}},
    "result": {},
    "steps": _NUMBER,
}
_WATCH = {
    **dict.fromkeys(("name", "url", "goal", "timezone"), _TEXT),
    **dict.fromkeys(("tags", "cron"), _TEXTS),
}
SURROUNDINGS: Mapping[str, Any] = {"watch": {"properties": _WATCH}, "run": {"properties": _RUN}, "changes": _CHANGES}
_NOW = datetime(2026, 1, 3, tzinfo=UTC)


def check_conditions(watch: Watch) -> Iterator[Finding]:
    """Yield what is wrong with `when` and `rearm` of every rule; nothing while `output_schema` itself is refused."""
    if not any(rule.when or rule.rearm for rule in watch.notify):
        return
    if any(not finding.warning for finding in schema.check(watch)):
        return
    for index, rule in enumerate(watch.notify):
        for field, text in (("when", rule.when), ("rearm", rule.rearm)):
            for doubt in check(text, watch.output_schema, boolean=True) if text else ():
                yield Finding(("notify", index, field), doubt.message, doubt.hint, doubt.warning)


def check(
    text: str,
    output_schema: dict[str, Any],
    *,
    boolean: bool,
    names: Collection[str] = (*RESULTS, "changes", "watch", "run", "now"),
    functions: Mapping[str, Takes] = MappingProxyType({}),
) -> list[Doubt]:
    """Return what is wrong with an expression over results of this schema; `boolean` for a condition.

    `names` are the variables at hand; `functions` those beside CEL's own, the history's and `expressions.BUILT_IN`.
    Where functions of others are called, nothing is tried: they are not at hand here.
    """
    try:
        expression = Expression.parse(text)
    except ExpressionError as error:
        return [Doubt(f"this is not CEL: {error}" if error.cause == "syntax" else str(error))]
    scope = validation.compiled(output_schema).scope
    scopes = {name: scope if name in RESULTS else _surrounding(name) for name in names}
    doubts = [*Names(expression.syntax, scopes).doubts(), *_calls(expression, functions), *_places(expression, scope)]
    if doubts or expression.functions & set(functions):
        return list(dict.fromkeys(doubts))
    return list(dict.fromkeys(_tried(expression, scope, boolean=boolean)))


@lru_cache(maxsize=8)
def _surrounding(name: str) -> Scope:
    return of(SURROUNDINGS[name]) if name in SURROUNDINGS else of(_TEXT)


def _calls(expression: Expression, functions: Mapping[str, Takes]) -> Iterator[Doubt]:
    """Yield the calls of what is unknown, and those with values that the function never takes."""
    known, ours = {*NATIVE, *BUILT_IN, *LOOKING_BACK, *functions}, {**TAKES, **functions}
    syntax = expression.syntax
    for index, token in enumerate(syntax.tokens):
        if token.kind != "name" or not syntax.is_call(index) or token.text in KEYWORDS:
            continue
        if token.text not in known:
            hint = places.nearest(token.text, known) or f"at hand are {', '.join(sorted(known)[:60])}"
            yield Doubt(f"{token.text}() is unknown", hint)
        elif token.text in ours:
            yield from _call(syntax, index, ours[token.text])
        elif token.text in {"duration", "timestamp"}:
            yield from _made(syntax, index)


def _call(syntax: Syntax, index: int, takes: Takes) -> Iterator[Doubt]:
    """Yield a wrong number of values, and a time to look back that is none."""
    begins, name = syntax.arguments(index + 1), syntax.tokens[index].text
    member = syntax.is_member(index)  # `new.name.lower()` is `lower(new.name)`
    if (member and takes.place) or not takes.fits(len(begins) + member):
        yield Doubt(f"{name} {takes.words}", f"as in {takes.example}")
    elif takes.within and len(begins) == 2 and syntax.partner[index + 1] == begins[1] + 1:
        token, text = syntax.tokens[begins[1]], literal(syntax, begins[1])
        if text is None and token.kind != "number":
            return
        try:
            look_back(token.text if text is None else text)
        except ValueError as error:
            yield Doubt(f"{name}: {error}", f"as in {takes.example}")


def _made(syntax: Syntax, index: int) -> Iterator[Doubt]:
    """Yield a duration or an instant, written out as text, that CEL cannot read."""
    closed, name = syntax.partner[index + 1], syntax.tokens[index].text
    if syntax.is_member(index) or closed != index + 3 or syntax.tokens[index + 2].kind != "text":
        return
    try:
        Expression.parse(f"{name}({syntax.tokens[index + 2].text})").evaluate({})
    except ExpressionError as error:
        example = (
            'duration("36h"): h is the longest unit' if name == "duration" else 'timestamp("2026-01-02T00:00:00Z")'
        )
        yield Doubt(f"{name}({syntax.tokens[index + 2].text}) is none: {error}", f"as in {example}")


def _places(expression: Expression, scope: Scope) -> Iterator[Doubt]:
    """Yield what is wrong with the places that the expression looks back on."""
    for name, place in lookbacks(expression.syntax):
        if place is None or not place.startswith("/"):
            example = TAKES[name].example if name == "since" else f'{name}("/price")'
            yield Doubt(f"{name}() takes a JSON Pointer, written out as plain text", f"as in {example}")
            continue
        found, finding = places.reached(scope, place, ())
        if finding:
            yield Doubt(finding.message, finding.hint)
        elif name != "since" and not any(
            samples.kinds(one) & {"number", "integer"} or not samples.kinds(one) for one in found
        ):
            yield Doubt(f"{place} is not declared as a number, and {name}() looks back on numbers")


def _tried(expression: Expression, scope: Scope, *, boolean: bool) -> Iterator[Doubt]:
    """Yield what goes wrong with results made from the schema."""
    mentioned = {token.text.strip("\"'") for token in expression.syntax.tokens}
    for truth in (True, False):
        whole = samples.sample(scope, truth=truth)
        sure = not whole.unsure & {*mentioned, ""} and not mentioned & {"before", "after", "result"}
        error, value = _attempt(expression, whole.value)
        if error is not None and error.cause == "type" and sure:
            yield Doubt(f"this cannot be evaluated: {error}", _hint(expression))
            return
        if error is None and boolean and sure and not isinstance(value, bool):
            yield Doubt("this gives no true or false", "compare it with something, as in new.price < 100")
            return
        if error is None:
            yield from _gaps(expression, whole.gaps(mentioned))


def _gaps(expression: Expression, gaps: Iterable[samples.Gap]) -> Iterator[Doubt]:
    """Yield the first place whose absence makes the expression fail, whatever its other conditions come to."""
    freed = lru_cache(maxsize=None)(lambda name: operands.freed(expression, name))
    for gap in gaps:
        tried, truths = freed(gap.name)
        errors = (_attempt(tried, gap.value, truth)[0] for truth in truths)
        if any(error is not None and error.cause in {"type", "key"} for error in errors):
            name = f"….{gap.place.split('/')[-1]}"
            yield Doubt(
                f"this fails, and then tells with the error, where {gap.place} is {'null' if gap.null else 'absent'}",
                f"ask first: {name} != null && …" if gap.null else f"ask first: has({name}) && …",
                warning=True,
            )
            return


def _attempt(
    expression: Expression, result: Any, others: Mapping[str, bool] = MappingProxyType({})
) -> tuple[ExpressionError | None, Any]:
    values = {**dict.fromkeys(RESULTS, result), "now": _NOW, **others}
    values |= {name: samples.sample(_surrounding(name)).value for name in SURROUNDINGS if name in expression.names}
    history = History(_NOW, dict.fromkeys(expression.places, ((_NOW, (2.0,)),)))
    try:
        return None, expression.evaluate(values, history)
    except NothingYetError:
        return None, True  # `since` of a value that the sample's history has not: a run may well have it
    except ExpressionError as error:
        return error, None


def _hint(expression: Expression) -> str | None:
    if any(token.text == "%" for token in expression.syntax.tokens):
        return "every number is a double, and % is not defined for doubles"
    return None
