"""What a hint selects, and what is read of it. Owns the order of its parts: place, attribute, pattern."""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin

import parsel

from monitor.embedded.extract import patterns
from monitor.embedded.extract.document import MAX_ELEMENTS, Document, text_of
from monitor.embedded.extract.scope import Scope
from monitor.embedded.extract.shape import Hint

MAX_SEARCHED = 200_000  # characters that a pattern is searched in


def selected(document: Document, hint: Hint, scope: Scope) -> list[Any]:
    """Return what a hint selects: elements of the page or of the row, or values of its data."""
    if hint.jsonpath is not None:
        places = [scope.data] if scope.data is not None else [value for _name, value in document.stated]
        chosen = (patterns.selected(hint.jsonpath, place) for place in places)
        return next((values for values in chosen if values), [])[:MAX_ELEMENTS]
    if scope.element is None:
        return []
    if hint.css is not None:
        return list(scope.element.css(hint.css)[:MAX_ELEMENTS])
    if hint.xpath is not None:
        return list(scope.element.xpath(hint.xpath)[:MAX_ELEMENTS])
    return [scope.element]


def value_of(document: Document, found: Any, hint: Hint) -> Any:
    """Return what a hint reads of one thing that it selected, or None where it reads nothing."""
    value = _text(document, found, hint) if isinstance(found, parsel.Selector) else found
    if hint.regex is None or value is None or isinstance(value, (dict, list)):
        return value
    return patterns.matched(hint.regex, str(value)[:MAX_SEARCHED])


def _text(document: Document, element: parsel.Selector, hint: Hint) -> str | None:
    if hint.attr is None:
        return text_of(element.root)
    if isinstance(element.root, str):
        return None
    value = element.root.get(hint.attr)
    if value is None:
        return None
    return urljoin(document.url, str(value)) if hint.attr in ("href", "src") else str(value)
