"""The data that a page's scripts start from: JSON scripts, `__NEXT_DATA__`, Nuxt's payload, objects assigned inline.

Pure over a tree, bounded; nothing is run. What is not JSON (a function, a comment in an object) is left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

MAX_SCRIPT = 2 * 1024 * 1024
MAX_DOCUMENTS = 100
MAX_OBJECTS = 5_000
MAX_DEPTH = 30
_ASSIGNED = re.compile(r"""([\w$.]{1,60}|\[["'][\w$.-]{2,60}["']\])\s*=\s*(?:JSON\.parse\(\s*(?=["'])|(?=[{\[]))""")

Stated = tuple[str, Any]


def documents(tree: Any) -> list[Stated]:
    """Return (name, value) of each JSON document in the page's scripts, JSON-LD included, at most 100."""
    found: list[Stated] = []
    for script in tree.iter("script"):
        text = script.text or ""
        if not text.strip() or len(text) > MAX_SCRIPT:
            continue
        kind = (script.get("type") or "").casefold()
        if "json" in kind:
            value = _parsed(text)
            name = script.get("id") or ("json-ld" if "ld+json" in kind else "json script")
            if name == "__NUXT_DATA__":
                value = _nuxt(value)
            found += [(name, value)] if isinstance(value, (dict, list)) else []
        elif not kind or "javascript" in kind or kind == "module":
            found += _inline(text)
        if len(found) >= MAX_DOCUMENTS:
            break
    return found[:MAX_DOCUMENTS]


def objects(stated: list[Stated]) -> Iterator[tuple[str, Any]]:
    """Yield (source, value) for each object and each list of objects within the documents, at most 5,000."""
    left = MAX_OBJECTS
    for name, document in stated:
        waiting: list[tuple[Any, int]] = [(document, 0)]
        while waiting and left > 0:
            value, depth = waiting.pop(0)
            left -= 1
            if isinstance(value, dict) or (isinstance(value, list) and value and isinstance(value[0], dict)):
                yield f"page state {name}", value
            if depth < MAX_DEPTH:
                inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
                waiting += [
                    (child, depth + 1) for child in list(inner)[:MAX_OBJECTS] if isinstance(child, (dict, list))
                ]


def _inline(text: str) -> list[Stated]:
    found: list[Stated] = []
    decoder = json.JSONDecoder()
    end = 0
    for match in _ASSIGNED.finditer(text):
        if match.start() < end or len(found) >= 20:
            continue
        try:
            value, end = decoder.raw_decode(text, match.end())
            if isinstance(value, str):
                value = json.loads(value)
        except (ValueError, RecursionError):
            continue  # an object of JavaScript that is not JSON
        if isinstance(value, (dict, list)) and value:
            found.append((match[1], value))
    return found


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None  # one broken script; the others still can be read


def _nuxt(value: Any) -> Any:
    """Return Nuxt 3's payload as plain JSON: a flat list in which every number within a container is a place in it."""
    if not isinstance(value, list) or not value:
        return value
    left = [MAX_OBJECTS]

    def resolved(place: Any, depth: int) -> Any:
        left[0] -= 1
        if (
            not isinstance(place, int)
            or isinstance(place, bool)
            or not 0 <= place < len(value)
            or depth > MAX_DEPTH
            or left[0] < 0
        ):
            return None
        entry = value[place]
        if isinstance(entry, dict):
            return {name: resolved(child, depth + 1) for name, child in entry.items()}
        if isinstance(entry, list):
            if len(entry) == 2 and isinstance(entry[0], str):  # ["Reactive", 5]
                return resolved(entry[1], depth + 1)
            return [resolved(child, depth + 1) for child in entry]
        return entry

    return resolved(0, 0)
