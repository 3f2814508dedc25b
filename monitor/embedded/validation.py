"""`schema_validation` of a run: whether its result keeps to the schema, by the keywords of the API (agent-api.md 8).

A hint for whoever reads the run: keywords beyond those are not looked at, and the judge of the program that asked
validates by the whole schema. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

MAX_ERRORS = 100
MAX_DEPTH = 64
_FORMATS = {
    "date": re.compile(r"\d{4}-\d\d-\d\d\Z"),
    "time": re.compile(r"\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)\Z"),
    "date-time": re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)\Z"),
    "duration": re.compile(r"P(?=.)(\d+W|(\d+Y)?(\d+M)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+S)?)?)\Z"),
}
Error = dict[str, Any]


def validated(result: Any, schema: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the run's `schema_validation`, None without a schema; nothing is ever re-prompted."""
    if schema is None:
        return None
    errors = []
    for error in _errors(result, schema, "", 0):
        errors.append(error)
        if len(errors) == MAX_ERRORS:
            break
    return {"valid": not errors, "re_prompt_attempts": 0, "errors": errors}


def _errors(value: Any, schema: Any, path: str, depth: int) -> Iterator[Error]:
    if not isinstance(schema, dict) or depth > MAX_DEPTH or (value is None and schema.get("nullable") is True):
        return
    kinds = schema.get("type")
    wanted = [kind for kind in (kinds if isinstance(kinds, list) else [kinds]) if isinstance(kind, str)]
    if wanted and not any(_is(value, kind) for kind in wanted):
        yield _error(path, " or ".join(wanted), _kind(value), "is of another type")
        return
    branches = schema.get("anyOf")
    if isinstance(branches, list) and branches and all(any(_errors(value, each, path, depth + 1)) for each in branches):
        yield _error(path, "one of anyOf", _kind(value), "fits none of the alternatives")
    choices = schema.get("enum")
    if isinstance(choices, list) and value not in choices:
        yield _error(path, f"one of {choices[:20]}", value, "is none of the choices")
    yield from _limits(value, schema, path)
    if isinstance(value, dict):
        yield from _members(value, schema, path, depth)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _errors(item, schema.get("items"), f"{path}/{index}", depth + 1)


def _limits(value: Any, schema: dict[str, Any], path: str) -> Iterator[Error]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield from _range(value, "minimum", "maximum", schema, path)
    elif isinstance(value, list):
        yield from _range(len(value), "minItems", "maxItems", schema, path)
    elif isinstance(value, str):
        pattern = _FORMATS.get(str(schema.get("format")))
        if pattern is not None and not pattern.match(value):
            yield _error(path, f"format {schema['format']}", value, "is of another format")


def _range(size: float, low: str, high: str, schema: dict[str, Any], path: str) -> Iterator[Error]:
    least, most = schema.get(low), schema.get(high)
    if isinstance(least, int | float) and size < least:
        yield _error(path, f"{low} {least}", size, "is below the limit")
    if isinstance(most, int | float) and size > most:
        yield _error(path, f"{high} {most}", size, "is above the limit")


def _members(value: dict[str, Any], schema: dict[str, Any], path: str, depth: int) -> Iterator[Error]:
    properties = schema.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    required = schema.get("required")
    required = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
    for name in required:
        if name not in value:
            yield _error(_below(path, name), "a value", "nothing", "is missing")
    for name, inner in properties.items():
        optional_null = value.get(name) is None and name not in required  # not found: this agent's word for absent
        if name in value and not optional_null:
            yield from _errors(value[name], inner, _below(path, name), depth + 1)


def _below(path: str, name: str) -> str:
    return f"{path}/{name.replace('~', '~0').replace('/', '~1')}"


def _error(path: str, expected: str, received: Any, words: str) -> Error:
    return {"path": path, "expected": expected, "received": str(received)[:200], "message": f"{path or '/'} {words}"}


def _is(value: Any, kind: str) -> bool:
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "integer":
        return _kind(value) == "integer" or (isinstance(value, float) and value.is_integer())
    return _kind(value) == kind


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "unknown")
