"""The candidates for the rows of a list of objects: structured data, script data, blocks that repeat. Pure choices."""

from __future__ import annotations

from collections.abc import Iterator

import parsel

from monitor.embedded.extract import blocks, rows, stated
from monitor.embedded.extract.document import Document
from monitor.embedded.extract.scalars import Scalars
from monitor.embedded.extract.scope import Scope
from monitor.embedded.extract.shape import Shape


def candidates(name: str, shape: Shape, scope: Scope, document: Document, scalars: Scalars) -> Iterator[list[Scope]]:
    """Yield the scopes of the rows that the list `name` of objects of `shape` may have, the most believed first."""
    for entities in rows.of_entities(scope.entities, name, document.entities if scope.page else ()):
        yield [Scope(None, (entity,)) for entity in entities]
    if scope.page:
        for found in stated.lists(document.stated, shape):
            yield [Scope(None, (entity,)) for entity in found]
    if scope.element is None:
        return
    filled = blocks.find(scope.element.root, name, shape, scalars.context(name))
    if filled is not None:
        yield [
            Scope(parsel.Selector(root=element), picked=row)
            for element, row in zip(filled.elements, filled.rows, strict=True)
        ]
