"""Hints for a schema from a page and the values on it: for each value the most stable selector that gives it.

A selector is proposed only if reading by it gives the value. For a list the rows are found first, then each column in
its row. Pure over a tree; must not know files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import urljoin

import parsel

from monitor.embedded import selectors
from monitor.embedded.extract.document import MAX_ELEMENTS, Document, text_of
from monitor.embedded.extract.found import MISSING
from monitor.embedded.extract.shape import Shape
from monitor.embedded.extract.values import Context, convert

MAX_PLACES = 40  # elements that are looked at for one value
MAX_ROW_PLACES = 5
MAX_SELECTORS = 200  # of one element
MAX_TEXT = 400
_ATTRIBUTES = ("content", "datetime", "href", "src", "value", "data-value", "data-price", "title", "alt", "aria-label")

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands: an element (lxml), and the attribute, None for its text."""

    element: Any
    attr: str | None


@dataclass(frozen=True, slots=True)
class Hinted:
    """The hint of one property: `path` in the schema (`properties`, `price`), the keywords, or why there are none."""

    path: Path
    keywords: dict[str, str]
    reason: str = ""


class Pinpointer:
    """Finds hints on one page."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def hints(self, shape: Shape, result: dict[str, Any]) -> list[Hinted]:
        """Return the hints of every property of a result that has none; each gives the value on this page."""
        return list(self._object(shape, result, self._document.root, ()))

    def read(self, name: str, shape: Shape, text: str) -> Any:
        """Return what a text that a person copied from the page is as a value of a property; raises ValueError."""
        value = convert(text, shape, self._context(name))
        if value is MISSING:
            raise ValueError(f"cannot be read as {'one of its choices' if shape.enum else shape.kind}")
        return value

    def _object(self, shape: Shape, value: dict[str, Any], scope: parsel.Selector, path: Path) -> Iterator[Hinted]:
        for name, child in shape.properties.items():
            at = (*path, "properties", name)
            held = value.get(name)
            if child.hint is not None:
                yield Hinted(at, {}, "has a hint")
            elif held is None:
                yield Hinted(at, {}, "has no value now")
            elif child.kind == "object" and isinstance(held, dict):
                yield from self._object(child, held, scope, at)
            elif child.kind == "array":
                yield from self._list(child, held, at)
            else:
                yield self._scalar(name, child, [(scope, held)], at)

    def _scalar(self, name: str, shape: Shape, wanted: Sequence[tuple[parsel.Selector, Any]], path: Path) -> Hinted:
        """Return the first selector of the first scope's value that gives the value of every scope."""
        scope, value = wanted[0]
        for place in self._places(scope.root, name, shape, value):
            says = _says(shape, value, self._context(name))
            closed = shape.kind == "boolean" or shape.enum is not None
            for tried, css in enumerate(selectors.of(place.element, scope.root, says, classes=not closed)):
                if tried >= MAX_SELECTORS:
                    break
                if all(self._gives(each, css, place.attr, name, shape, held) for each, held in wanted):
                    attr = {"x-attr": place.attr} if place.attr else {}
                    return Hinted(path, {"x-css": css, **attr})
        return Hinted(path, {}, "its value stands in no place of its own on the page")

    def _list(self, shape: Shape, value: Any, path: Path) -> Iterator[Hinted]:
        items, at = shape.items, (*path, "items")
        if items is None or items.hint is not None or not isinstance(value, list) or not value:
            yield Hinted(path, {}, "has a hint" if items is not None and items.hint else "has no rows now")
            return
        if items.kind != "object":
            yield Hinted(path, {}, "lists of plain values get no hint")
            return
        found = self._rows(items, value)
        if found is None:
            yield Hinted(path, {}, "its rows stand in no blocks of their own on the page")
            return
        css, rows = found
        yield Hinted(at, {"x-css": css})
        for name, child in items.properties.items():
            wanted = [(row, held[name]) for row, held in zip(rows, value, strict=True) if held.get(name) is not None]
            if wanted and child.hint is None and child.kind not in ("object", "array"):
                yield self._scalar(name, child, wanted, (*at, "properties", name))

    def _rows(self, shape: Shape, value: list[Any]) -> tuple[str, list[parsel.Selector]] | None:
        """Return the selector of the rows, and the rows in the order of `value`."""
        texts = [name for name, child in shape.properties.items() if child.kind in ("string", "number", "integer")]
        for key in texts:
            held = [row.get(key) if isinstance(row, dict) else None for row in value]
            if None in held:
                continue
            for place in self._places(self._document.tree, key, shape.properties[key], held[0])[:MAX_ROW_PLACES]:
                for block in (place.element, *list(place.element.iterancestors())[: selectors.MAX_UP]):
                    if block.tag in ("body", "html"):
                        break
                    found = self._chosen(block, shape, value)
                    if found is not None:
                        return found
        return None

    def _chosen(self, block: Any, shape: Shape, value: list[Any]) -> tuple[str, list[parsel.Selector]] | None:
        for tried, css in enumerate(selectors.of(block, self._document.tree, lambda _words: False)):
            if tried >= MAX_SELECTORS:
                return None
            rows = list(self._document.root.css(css))
            if len(rows) == len(value) and all(
                self._holds(row.root, shape, held) for row, held in zip(rows, value, strict=True)
            ):
                return css, rows
        return None

    def _holds(self, element: Any, shape: Shape, row: Any) -> bool:
        """Return whether every text and number of a row stands somewhere in an element."""
        return isinstance(row, dict) and all(
            next(iter(self._places(element, name, child, row[name])), None) is not None
            for name, child in shape.properties.items()
            if row.get(name) is not None and child.kind in ("string", "number", "integer") and child.enum is None
        )

    def _places(self, root: Any, name: str, shape: Shape, value: Any) -> list[Place]:
        """Return where a value stands under `root`: the innermost elements first, texts before attributes."""
        context = self._context(name)
        texts, attributes = [], []
        for element in islice(root.iter(), MAX_ELEMENTS):
            if not isinstance(element.tag, str) or element.tag in ("script", "style", "noscript", "template", "title"):
                continue
            for attr in _ATTRIBUTES:
                raw = element.get(attr)
                if raw and len(raw) <= 2_000 and convert(self._attribute(attr, raw), shape, context) == value:
                    attributes.append(Place(element, attr))
            if len(element) <= 20:
                text = text_of(element)
                if text and len(text) <= MAX_TEXT and _same(convert(text, shape, context), value):
                    texts.append(Place(element, None))
        texts.sort(key=lambda place: len(place.element))
        return [*texts, *attributes][:MAX_PLACES]

    def _gives(self, scope: parsel.Selector, css: str, attr: str | None, name: str, shape: Shape, value: Any) -> bool:
        """Return whether reading by a selector gives the value and nothing else."""
        context = self._context(name)
        chosen = scope.css(css)
        if not 0 < len(chosen) <= 2:
            return False
        read = [text_of(one.root) if attr is None else self._attribute(attr, one.root.get(attr)) for one in chosen]
        values = [convert(text, shape, context) for text in read]
        return all(_same(found, value) for found in values)

    def _attribute(self, attr: str, raw: str | None) -> str | None:
        return urljoin(self._document.url, raw) if raw and attr in ("href", "src") else raw

    def _context(self, name: str) -> Context:
        return Context(name, self._document.language, self._document.url)


def _same(found: Any, value: Any) -> bool:
    return found is not MISSING and type(found) in (type(value), int, float) and found == value


def _says(shape: Shape, value: Any, context: Context) -> selectors.Says:
    """Return what tells the names that say a value: they change with it."""
    closed = shape.kind == "boolean" or shape.enum is not None

    def says(words: str) -> bool:
        said = convert(words, shape, context)
        return said is not MISSING and (closed or said == value)

    return says
