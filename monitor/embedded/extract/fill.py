"""Filling a shape from a page: objects and lists property by property, noting sources and what is missing.

Must not know formats, nor how one value or the rows of a list are found. A hint decides alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from monitor.embedded.extract import hinted, lists, plain, rows
from monitor.embedded.extract.document import Document
from monitor.embedded.extract.found import MISSING, Extraction, below
from monitor.embedded.extract.scalars import Scalars
from monitor.embedded.extract.scope import NOTHING, Answer, Scope, scope_of
from monitor.embedded.extract.shape import Hint, Shape
from monitor.embedded.extract.values import convert
from monitor.embedded.extract.vocabulary import related


class Filler:
    """Fills shapes from one document, noting where each value came from and which required ones were not found."""

    def __init__(self, document: Document, root: Shape) -> None:
        self._document = document
        self._root = root
        self._found = Extraction(cut=document.cut)
        self._scalars = Scalars(document, root)

    def fill(self) -> Extraction:
        """Return what the whole page says of the root shape, an object."""
        shape = self._root
        scope = Scope(self._document.root, rows.best_first(tuple(self._document.entities), shape), page=True)
        if shape.hint is not None and shape.hint.selects:
            chosen = hinted.selected(self._document, shape.hint, scope)
            scope = scope_of(chosen[0]) if chosen else Scope(None)
        self._found.result = self._object(shape, scope, "")
        return self._found

    def _object(self, shape: Shape, scope: Scope, pointer: str) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for name, child in shape.properties.items():
            at = below(pointer, name)
            value = self._property(name, child, scope, at)
            if value is MISSING:
                if name in shape.required and not child.nullable:
                    self._found.missing.append(at)
                value = None
            result[name] = value
        return result

    def _property(self, name: str, shape: Shape, scope: Scope, pointer: str) -> Any:
        if shape.kind == "object":
            return self._nested(name, shape, scope, pointer)
        if shape.kind == "array":
            return self._list(name, shape, scope, pointer)
        value, source = self._scalar(name, shape, scope)
        if value is not MISSING:
            self._found.sources[pointer] = source
        return value

    def _scalar(self, name: str, shape: Shape, scope: Scope) -> Answer:
        hint = shape.hint
        if hint is None:
            return self._scalars.answer(name, shape, scope)
        context = self._scalars.context(name, machine=hint.jsonpath is not None)
        for found in hinted.selected(self._document, hint, scope):
            value = convert(hinted.value_of(self._document, found, hint), shape, context)
            if value is not MISSING:
                return value, str(hint)
        return NOTHING

    def _nested(self, name: str, shape: Shape, scope: Scope, pointer: str) -> Any:
        if shape.hint is not None and shape.hint.selects:
            chosen = hinted.selected(self._document, shape.hint, scope)
            return self._row(shape, scope_of(chosen[0]), pointer) if chosen else MISSING
        for entity in scope.entities:
            inner = [value for value in related(entity, name) if isinstance(value, dict)]
            if len(inner) == 1:
                return self._row(shape, replace(scope, entities=(inner[0],), page=False, element=None), pointer)
        return self._row(shape, scope, pointer)

    def _list(self, name: str, shape: Shape, scope: Scope, pointer: str) -> Any:
        assert shape.items is not None
        hint = next((hint for hint in (shape.hint, shape.items.hint) if hint is not None and hint.selects), None)
        if hint is not None:
            return self._hinted_list(name, shape, shape.items, hint, scope, pointer)
        if shape.items.kind == "object":
            return self._object_list(name, shape.items, scope, pointer)
        found, source = plain.values(name, shape, scope, self._scalars)
        if found is not MISSING:
            self._found.sources[pointer] = source
        return found

    def _hinted_list(self, name: str, shape: Shape, items: Shape, hint: Hint, scope: Scope, pointer: str) -> Any:
        chosen = hinted.selected(self._document, hint, scope)
        if items.kind == "object":
            return self._rows(items, (scope_of(found) for found in chosen), pointer)
        attr = hint.attr or (items.hint.attr if items.hint else None) or (shape.hint.attr if shape.hint else None)
        texts = [hinted.value_of(self._document, element, replace(hint, attr=attr)) for element in chosen]
        found = plain.read(texts, items, self._scalars.context(name))
        if found is not MISSING:
            self._found.sources[pointer] = str(hint)
        return found

    def _object_list(self, name: str, shape: Shape, scope: Scope, pointer: str) -> Any:
        """Fill the rows of each candidate, and keep those that lack the least and then hold the most."""
        before, best = self._found, None
        for scopes in lists.candidates(name, shape, scope, self._document, self._scalars):
            self._found = Extraction()
            filled = self._rows(shape, scopes, pointer)
            attempt, self._found = self._found, before
            if filled is not MISSING:
                worth = (-len(attempt.missing), len(attempt.sources))
                if best is None or worth > best[0]:
                    best = worth, filled, attempt
        if best is None:
            return MISSING
        self._found.sources.update(best[2].sources)
        self._found.missing.extend(best[2].missing)
        return best[1]

    def _rows(self, shape: Shape, scopes: Iterable[Scope], pointer: str) -> Any:
        """Fill one object per scope; rows that hold nothing of the shape (a heading, an advertisement) are left out."""
        filled: list[Any] = []
        for scope in scopes:
            row = self._row(shape, scope, below(pointer, len(filled)))
            if row is not MISSING:
                filled.append(row)
        return filled or MISSING

    def _row(self, shape: Shape, scope: Scope, pointer: str) -> Any:
        sources, missing = len(self._found.sources), len(self._found.missing)
        row = self._object(shape, scope, pointer)
        if len(self._found.sources) == sources:
            del self._found.missing[missing:]
            return MISSING
        return row
