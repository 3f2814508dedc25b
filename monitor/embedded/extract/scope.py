"""Where a property is looked for: the page or a row of it, and what is known there. Plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import parsel

from monitor.embedded.extract.found import MISSING

Answer = tuple[Any, str]  # a value (or MISSING) and where it came from
NOTHING: Final[Answer] = (MISSING, "")


@dataclass(frozen=True, slots=True)
class Scope:
    """Where to look: a piece of the page, the entities that describe it, and what was already picked for its row.

    `page` for the whole page; `data` for what a JSONPath selected.
    """

    element: parsel.Selector | None
    entities: tuple[dict[str, Any], ...] = ()
    picked: Mapping[str, Answer] | None = None
    data: Any = None
    page: bool = False


def scope_of(found: Any) -> Scope:
    """Return the scope of what a hint selected: an element, or an object of the page's data."""
    if isinstance(found, parsel.Selector):
        return Scope(found)
    entity = found | {"@type": [], "@source": "x-jsonpath"} if isinstance(found, dict) else None
    return Scope(None, (entity,) if entity is not None else (), data=found)
