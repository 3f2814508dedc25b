"""The provider's rules for `output_schema` (agent-api.md 8.1): what it takes, and why it would answer 400.

Owns the allow-list and the limits. Pure; must not know what users write, watches or results.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

ALLOWED = frozenset(
    {"anyOf", "enum", "format", "items", "maxItems", "maximum", "minItems", "minimum", "nullable", "properties"}
    | {"propertyOrdering", "required", "type"}
)
DEPTH = 10
BYTES = 64 * 1024
FORMATS = frozenset({"date-time", "date", "time", "duration"})
TYPES = frozenset({"object", "array", "string", "number", "integer", "boolean"})
_OF_TYPE = {
    "items": {"array"},
    "minItems": {"array"},
    "maxItems": {"array"},
    "minimum": {"number", "integer"},
    "maximum": {"number", "integer"},
    "format": {"string"},
    "enum": {"string"},
}


def provider_problems(schema: Any) -> list[tuple[str, str]]:
    """Return why the provider would answer 400 to this schema: (pointer such as `#/properties/price`, message)."""
    problems: list[tuple[str, str]] = []
    if not isinstance(schema, dict):
        return [("#", "output_schema must be an object")]
    if schema.get("type", "object") != "object":
        problems.append(("#", 'the root must have type "object"'))
    if "anyOf" in schema:
        problems.append(("#", "anyOf is not supported at the root"))
    if size(schema) > BYTES:
        problems.append(("#", f"the schema is larger than {BYTES} bytes"))
    stack: list[tuple[Any, str, int, bool]] = [(schema, "#", 1, False)]
    while stack and len(problems) < 100:
        node, pointer, depth, branch = stack.pop()
        if depth > DEPTH:
            problems.append((pointer, f"the schema is nested deeper than {DEPTH} levels"))
        elif not isinstance(node, dict):
            problems.append((pointer, "a schema must be an object"))
        else:
            problems.extend((pointer, message) for message in _node_problems(node, relaxed=branch))
            stack.extend(
                (inner, f"{pointer}/{path}", depth + 1, path.startswith("anyOf/")) for inner, path in _inner(node)
            )
    return problems


def size(schema: Any) -> int:
    """Return the bytes of a schema as it is sent."""
    return len(json.dumps(schema, separators=(",", ":")).encode())


def _node_problems(node: dict[str, Any], *, relaxed: bool) -> Iterator[str]:
    kind = node.get("type")
    for keyword in node:
        if keyword not in ALLOWED:
            yield f'keyword "{keyword}" is not supported'
        elif keyword in _OF_TYPE and not (isinstance(kind, str) and kind in _OF_TYPE[keyword]):
            yield f'keyword "{keyword}" needs type {" or ".join(sorted(_OF_TYPE[keyword]))}'
    if kind is not None and (not isinstance(kind, str) or kind not in TYPES):
        yield "type must be the name of one type"
    values = node.get("enum")
    if values is not None and not (
        isinstance(values, list) and values and all(isinstance(item, str) for item in values)
    ):
        yield "enum must be a list of strings"
    if "format" in node and not (isinstance(node["format"], str) and node["format"] in FORMATS):
        yield "format must be one of date-time, date, time, duration"
    properties = node.get("properties")
    names = set(properties) if isinstance(properties, dict) else set()
    for keyword in ("required", "propertyOrdering"):
        listed = node.get(keyword, [])
        if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
            yield f"{keyword} must be a list of names"
        elif not set(listed) <= names and not (relaxed and keyword == "required"):
            yield f"{keyword} names a property that does not exist"
        elif keyword == "propertyOrdering" and len(set(listed)) != len(listed):
            yield "propertyOrdering names a property twice"


def _inner(node: dict[str, Any]) -> Iterator[tuple[Any, str]]:
    properties = node.get("properties")
    if isinstance(properties, dict):
        yield from ((inner, f"properties/{escaped(name)}") for name, inner in properties.items())
    if "items" in node:
        yield node["items"], "items"
    branches = node.get("anyOf")
    if isinstance(branches, list):
        yield from ((inner, f"anyOf/{index}") for index, inner in enumerate(branches))


def escaped(name: str) -> str:
    """Return a name as a step of a JSON Pointer."""
    return name.replace("~", "~0").replace("/", "~1")
