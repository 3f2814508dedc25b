"""From what the agent returned to the value that is judged: caps, unwrapping, failed goals, coercion, validation.

COMPLETED means that the browser's session ended, not that the goal was met (agent-api.md 6.4, reliability.md B2). A
wrapper is taken off only where what is inside keeps the schema: nothing is guessed. Must not know baselines or watches.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from monitor.judge.decision import Coercion, Violation
from monitor.judge.schemas import limits, validation
from monitor.judge.schemas.scope import Scope
from monitor.judge.schemas.validation import Compiled
from monitor.judge.values import coercion, goals

SCHEMA, GOAL = "SCHEMA", "GOAL"
WRAPPERS = ("result", "data", "output")
MOST_LAYERS = 4
_FENCE = re.compile(r"\A```[A-Za-z0-9]{0,20}[ \t]*\r?\n(.*?)\r?\n?```\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Reading:
    """A result as read: `code` is None when it is good, else SCHEMA or GOAL, and then `reason` says why.

    `coerced` is what was brought to the schema, also in a result that still breaks it elsewhere.
    """

    value: Any
    code: str | None = None
    reason: str = ""
    violations: tuple[Violation, ...] = ()
    coerced: tuple[Coercion, ...] = ()


def read(result: Any, schema: dict[str, Any], *, coerce: bool = True) -> Reading:
    """Return what the agent's result says under a schema; raises only for a schema that the load check refuses.

    `coerce` false judges values as they stand (`compare.coerce`); wrappers and nulls of optional values go.
    """
    breach = limits.breach(result)
    if breach:
        return _breaking(None, (breach,))
    if result is None:
        return _breaking(None, (Violation("", "required", "the result is missing"),))
    compiled = validation.compiled(schema)
    compiled.ready()
    readings: list[Reading] = []
    for layer in _layers(result, compiled.scope):
        breach = limits.breach(layer) if readings else None
        readings.append(_breaking(None, (breach,)) if breach else _judged(layer, compiled, coerce=coerce))
        if breach:
            break
    good = [reading for reading in readings if reading.code is None]
    if good:
        return next((one for one in good if _says_something(one.value, compiled.scope)), good[0])
    failed = next((reading for reading in readings if reading.code == GOAL), None)
    return failed or _nearest(readings)


def _nearest(readings: list[Reading]) -> Reading:
    """Return the reading whose violations help most: what no result may be, inside a wrapper; else the first object."""
    objects = (reading for reading in readings if isinstance(reading.value, dict))
    beyond = (reading for reading in readings[1:] if reading.value is None)
    return next(beyond, None) or next(objects, None) or readings[0]


def _judged(layer: Any, compiled: Compiled, *, coerce: bool) -> Reading:
    why = goals.failed(layer, compiled) if not isinstance(layer, str) or _parsed(layer) is None else None
    if why:
        return Reading(layer, GOAL, why)
    value = without_empty(layer, compiled.scope)
    coerced: tuple[Coercion, ...] = ()
    refused: tuple[Violation, ...] = ()
    if coerce and isinstance(value, dict):
        value, coerced, refused = coercion.coerced(value, compiled.scope)
    violations = _explained(compiled.violations(value), refused)
    return replace(_breaking(value, violations) if violations else Reading(value), coerced=coerced)


def _explained(violations: tuple[Violation, ...], refused: tuple[Violation, ...]) -> tuple[Violation, ...]:
    """Return the violations, in the words of why a value was not read where that is known."""
    why = {one.path: one.message for one in refused}
    return tuple(replace(one, message=why.get(one.path, one.message)) for one in violations)


def _breaking(value: Any, violations: tuple[Violation, ...]) -> Reading:
    more = f" (and {len(violations) - 1} more)" if len(violations) > 1 else ""
    return Reading(value, SCHEMA, f"{violations[0].message}{more}", violations)


def _layers(value: Any, scope: Scope) -> Iterator[Any]:
    """Yield the value and what stands inside it, outermost first: JSON in text, a wrapper key, the only list."""
    yield value
    for _ in range(MOST_LAYERS):
        value = _inside(value, scope)
        if value is None:
            return
        yield value


def _inside(value: Any, scope: Scope) -> Any:
    if isinstance(value, str):
        return _parsed(value)
    if isinstance(value, dict) and len(value) == 1:
        name = next(iter(value))
        return value[name] if name in WRAPPERS and name not in scope.properties else None
    if isinstance(value, list):
        lists = [name for name, child in scope.properties.items() if child.is_list]
        return {lists[0]: value} if len(lists) == 1 else None
    return None


def _parsed(text: str) -> Any:
    """Return the JSON that a text is, fenced or not; None when it is not proper JSON (doubled keys, NaN, …)."""
    fenced = _FENCE.match(text.strip())
    try:
        return json.loads(fenced[1] if fenced else text, parse_constant=_refuse, object_pairs_hook=_no_doubles)
    except (ValueError, RecursionError):
        return None


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has a key twice")
    return found


def _says_something(value: dict[str, Any], scope: Scope) -> bool:
    return not scope.properties or any(name in value for name in scope.properties)


def without_empty(value: Any, scope: Scope) -> Any:
    """Return the value without the nulls of declared, optional properties: null there is absent, at every level."""
    if isinstance(value, dict):
        kept = {}
        for name, item in value.items():
            child = scope.child(name)
            if item is None and name in scope.properties and name not in scope.required:
                continue
            kept[name] = item if child is None else without_empty(item, child)
        return kept
    if isinstance(value, list):
        return [without_empty(item, scope.item(index)) for index, item in enumerate(value)]
    return value
