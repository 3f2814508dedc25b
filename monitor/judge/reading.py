"""From what the agent returned to the value that is judged: caps, unwrapping, failed goals, empty values, validation.

COMPLETED means that the browser's session ended, not that the goal was met (agent-api.md 6.4, reliability.md B2). A
wrapper is taken off only where what is inside keeps the schema: nothing is guessed. Must not know baselines or watches.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from monitor.judge import limits, validation
from monitor.judge.decision import Violation
from monitor.judge.scope import Scope
from monitor.judge.validation import Compiled

SCHEMA, GOAL = "SCHEMA", "GOAL"
WRAPPERS = ("result", "data", "output")
MOST_LAYERS = 4
_FAILING = {"failure", "failed", "error"}
_WHY = ("reason", "error", "message")
_FENCE = re.compile(r"\A```[A-Za-z0-9]{0,20}[ \t]*\r?\n(.*?)\r?\n?```\Z", re.DOTALL)
_PROSE = re.compile(
    r"captcha|access denied|blocked|could not|couldn't|unable to|cannot (?:access|load|find)|failed to|"
    r"not (?:able|possible) to",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Reading:
    """A result as read: `code` is None when it is good, else SCHEMA or GOAL, and then `reason` says why."""

    value: Any
    code: str | None = None
    reason: str = ""
    violations: tuple[Violation, ...] = ()


def read(result: Any, schema: dict[str, Any]) -> Reading:
    """Return what the agent's result says under a schema; raises only for a schema that the load check refuses."""
    breach = limits.breach(result)
    if breach:
        return _breaking(None, (breach,))
    if result is None:
        return _breaking(None, (Violation("", "required", "the result is missing"),))
    compiled = validation.compiled(schema)
    layers = list(_layers(result, compiled.scope))
    readings = [_judged(layer, compiled) for layer in layers]
    good = [reading for reading in readings if reading.code is None]
    if good:
        return next((one for one in good if _says_something(one.value, compiled.scope)), good[0])
    failed = next((reading for reading in readings if reading.code == GOAL), None)
    return failed or next((reading for reading in readings if isinstance(reading.value, dict)), readings[0])


def _judged(layer: Any, compiled: Compiled) -> Reading:
    why = _failed_goal(layer, compiled)
    if why:
        return Reading(layer, GOAL, why)
    value = without_empty(layer, compiled.scope)
    violations = compiled.violations(value)
    return _breaking(value, violations) if violations else Reading(value)


def _breaking(value: Any, violations: tuple[Violation, ...]) -> Reading:
    more = f" (and {len(violations) - 1} more)" if len(violations) > 1 else ""
    return Reading(value, SCHEMA, f"{violations[0].message}{more}", violations)


def _layers(value: Any, scope: Scope) -> Iterator[Any]:
    """Yield the value and what stands inside it, outermost first: JSON in text, a wrapper key, the only list."""
    yield value
    for _ in range(MOST_LAYERS):
        inner = _inside(value, scope)
        if inner is None or limits.breach(inner):
            return
        value = inner
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


def _failed_goal(value: Any, compiled: Compiled) -> str | None:
    """Return one line when a value says that the goal was not met, unless the schema declares the very words of it."""
    if isinstance(value, str):
        words = _PROSE.search(value) if _parsed(value) is None else None
        return f"the agent answered with text: {validation.excerpt(value.strip())}" if words else None
    if not isinstance(value, dict):
        return None
    declared, required = compiled.scope.properties, compiled.scope.required
    told = any(value.get(name) is not None for name in declared)
    status = value.get("status")
    failing = "status" not in declared and isinstance(status, str) and status.strip().casefold() in _FAILING
    why = next((value[name] for name in _WHY if name not in declared and value.get(name)), None)
    if failing and (why or not told):
        return f"the agent says the goal failed: {_line(why or status)}"
    if "error" not in declared and value.get("error") and not told:
        return f"the agent says the goal failed: {_line(value['error'])}"
    if required and not told and all(item is None for item in value.values()):
        return None if value and len(required) == 1 and compiled.valid(value) else _empty(value)
    return None


def _empty(value: dict[str, Any]) -> str:
    return (
        "the agent found nothing: every required value is null"
        if value
        else "the agent found nothing: the result is empty"
    )


def _line(value: Any) -> str:
    if isinstance(value, dict) and isinstance(value.get("message"), str):
        value = value["message"]
    return validation.excerpt(value).strip('"')


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
