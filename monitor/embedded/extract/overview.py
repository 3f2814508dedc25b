"""What a page says when no schema asks for anything.

Its title, its description, the main facts of its structured data.
"""

from __future__ import annotations

from typing import Any

from monitor.embedded.extract.document import Document
from monitor.embedded.extract.found import Extraction, below
from monitor.embedded.extract.structured import type_name
from monitor.embedded.extract.words import clean

MAX_FACTS = 50
MAX_DEPTH = 4


def of(document: Document) -> Extraction:
    """Return title, description and, if there is structured data, the facts of its first entity."""
    found = Extraction(cut=document.cut)
    for name, text in (("title", document.title), ("description", document.description)):
        if text:
            found.result[name] = text
            found.sources[below("", name)] = name
    entity = next(iter(document.entities), None)
    if entity is not None:
        name = type_name(entity)[:1].lower() + type_name(entity)[1:] or "page"
        found.result[name] = _facts(entity, 0)
        found.sources[below("", name)] = str(entity["@source"])
    return found


def _facts(value: Any, depth: int) -> Any:
    if isinstance(value, dict):
        if depth > MAX_DEPTH:
            return None
        shown = [(name, child) for name, child in value.items() if not name.startswith("@")][:MAX_FACTS]
        return {clean(name): _facts(child, depth + 1) for name, child in shown}
    if isinstance(value, list):
        return [_facts(child, depth + 1) for child in value[:MAX_FACTS]]
    return clean(value) if isinstance(value, str) else value
