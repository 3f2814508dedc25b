"""The goal as it is sent: the watch's own text, what the schema says in words, and the reference of the run.

The provider's subset has no titles and descriptions, so they go along in the goal; where an account may not use
`output_schema` at all, the whole schema does (agent-api.md 8.2). The reference is the last line: a run is found again
by it (reliability.md A2). Pure. Must not know how a request is sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from monitor.agent.faults import clean
from monitor.watch.model import Watch
from monitor.watch.run import Run

_MOST_LINES = 60  # of what the schema says in words
_MOST_TEXT = 300  # characters of each
_MOST_PLACES = 2_000  # of a schema that are looked at
_DEEPEST = 32
_MAPS = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_VALUES = frozenset({"enum", "const", "default", "examples", "example", "required", "propertyOrdering"})
_ABOUT = "What the fields of the answer mean:"
_STATED = "Answer with one JSON document only: no other words, no code fence. It must match this JSON Schema:"
_RULE = "Give null for what the page does not show; never invent a value."


def goal_text(watch: Watch, run: Run, *, stated: bool = False) -> str:
    """Return the goal as it is sent; with `stated`, the schema is in it. The last line makes it unique."""
    told = _stated(watch.output_schema) if stated else _described(watch.output_schema)
    return "\n".join([watch.goal, *told, reference(run)])


def reference(run: Run) -> str:
    """Return the line by which a run is found in the list of runs."""
    return f"[ref {run.id}]"


def without_hints(schema: Any) -> Any:
    """Return a schema without the hints that are not the provider's (`x-css`, `x-locale`); names of properties stay."""
    if not isinstance(schema, dict):
        return [without_hints(each) for each in schema] if isinstance(schema, list) else schema
    kept = {}
    for keyword, value in schema.items():
        if keyword.startswith("x-"):
            continue
        if keyword in _MAPS and isinstance(value, dict):
            kept[keyword] = {name: without_hints(each) for name, each in value.items()}
        else:
            kept[keyword] = value if keyword in _VALUES else without_hints(value)
    return kept


def _stated(schema: dict[str, Any]) -> list[str]:
    slim = without_hints(schema)
    text = json.dumps(slim, ensure_ascii=False, separators=(",", ":"))
    if not text.isprintable():  # what is no clean text is escaped: the goal is stored and compared as it is
        text = json.dumps(slim, separators=(",", ":"))
    return ["", _STATED, text, _RULE]


def _described(schema: dict[str, Any]) -> list[str]:
    try:
        return list(_lines(json.dumps(schema)))
    except (ValueError, RecursionError):  # refused at load
        return []


@lru_cache(maxsize=1_024)
def _lines(text: str) -> tuple[str, ...]:
    """Return the lines on what a schema's fields mean; none where it says nothing. By its text: watches share one."""
    root = json.loads(text)
    found: dict[tuple[str, str], None] = {}
    for place, words in _words(root):
        found.setdefault((place, words))
        if len(found) == _MOST_LINES:
            break
    lines = [f"- {place or 'the answer'}: {words}" for place, words in found]
    return ("", _ABOUT, *lines) if lines else ()


def _words(root: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each place of the answer (`offers[].price`) with what the schema says of it, in the order of the schema."""
    waiting: list[tuple[Any, str, tuple[str, ...]]] = [(root, "", ())]
    for _ in range(_MOST_PLACES):
        if not waiting:
            return
        node, place, trail = waiting.pop()
        if not isinstance(node, dict) or len(trail) > _DEEPEST:
            continue
        words = _said(node, place)
        if words:
            yield place, words
        waiting.extend(reversed(list(_inner(node, place, trail, root))))


def _inner(
    node: dict[str, Any], place: str, trail: tuple[str, ...], root: dict[str, Any]
) -> Iterator[tuple[Any, str, tuple[str, ...]]]:
    from monitor.agent.schema import resolved

    name = node.get("$ref")
    if isinstance(name, str) and name not in trail:
        yield resolved(root, name), place, (*trail, name)
    for keyword in ("allOf", "anyOf", "oneOf"):
        members = node.get(keyword)
        yield from ((each, place, trail) for each in (members if isinstance(members, list) else ()))
    properties = node.get("properties")
    for key, each in properties.items() if isinstance(properties, dict) else ():
        yield each, f"{place}.{clean(key, 60)}" if place else clean(key, 60), trail
    yield node.get("items"), f"{place}[]", trail


def _said(node: dict[str, Any], place: str) -> str:
    """Return the description, else a title that says more than the name (generators make titles of names)."""
    title, description = node.get("title"), node.get("description")
    if isinstance(description, str) and description.strip():
        return clean(description, _MOST_TEXT)
    if not isinstance(title, str) or _letters(title) in {"", _letters(place.rpartition(".")[2])}:
        return ""
    return clean(title, _MOST_TEXT)


def _letters(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())
