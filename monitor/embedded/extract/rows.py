"""The rows that structured data has for a list, and the entity that a page is about. Pure choices over entities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from monitor.embedded.extract.found import MISSING
from monitor.embedded.extract.shape import Shape
from monitor.embedded.extract.structured import dumps
from monitor.embedded.extract.values import Context, convert
from monitor.embedded.extract.vocabulary import answers, related
from monitor.embedded.extract.words import words

Entity = dict[str, Any]
_KINDS = {
    "product": {"Product", "IndividualProduct", "ProductGroup"},
    "item": {"Product", "ListItem"},
    "offer": {"Offer"},
    "article": {"Article", "NewsArticle", "BlogPosting", "TechArticle"},
    "news": {"NewsArticle", "Article", "BlogPosting"},
    "post": {"BlogPosting", "Article", "SocialMediaPosting"},
    "job": {"JobPosting"},
    "event": {"Event"},
    "review": {"Review"},
    "recipe": {"Recipe"},
    "question": {"Question"},
}


def best_first(entities: Sequence[Entity], shape: Shape) -> tuple[Entity, ...]:
    """Return the entity that answers most of a shape's properties, and OpenGraph after it.

    Two entities that answer equally many and differ (a listing of products) are a choice, so neither is believed.
    """
    graph = [entity for entity in entities if entity["@source"] == "opengraph"]
    others = [entity for entity in entities if entity["@source"] != "opengraph"]
    scored = [
        (sum(_can_answer(entity, name, child) for name, child in shape.properties.items()), entity) for entity in others
    ]
    top = max((score for score, _entity in scored), default=0)
    best = {dumps(_facts(entity, shape)): entity for score, entity in scored if score == top and top > 0}
    if len(best) > 1:
        # A page about one thing and a listing that scores the same by its rows: the rows are found through their lists.
        return tuple(entity for entity in others if _is_container(entity))
    return (*best.values(), *graph)


def _can_answer(entity: Entity, name: str, shape: Shape) -> bool:
    if shape.kind in ("object", "array") and related(entity, name):
        return True
    return next(answers(entity, name), None) is not None


def _facts(entity: Entity, shape: Shape) -> dict[str, Any]:
    """Return what an entity answers for the scalars of a shape, so that two entities can be told the same."""
    context = Context(machine=True)
    facts: dict[str, Any] = {}
    for name, child in shape.properties.items():
        if child.kind in ("object", "array"):
            facts[name] = related(entity, name)
            continue
        read = [convert(value, child, context) for _path, values in answers(entity, name) for value in values[:5]]
        facts[name] = next((value for value in read if value is not MISSING), None)
    return facts


def _is_container(entity: Entity) -> bool:
    return "itemListElement" in entity or "AggregateOffer" in entity["@type"]


def of_entities(entities: Sequence[Entity], name: str, others: Sequence[Entity]) -> Iterator[list[Entity]]:
    """Yield lists of entities that may be the rows of the list `name`, best first; `others` stand beside them."""
    for entity in entities:
        inner = [value for value in related(entity, name) if isinstance(value, dict)]
        if inner:
            yield inner
    last = words(name)[-1:] or ("",)
    kinds = _KINDS.get(last[0], {last[0].capitalize()})
    alike = [entity for entity in others if kinds & set(entity["@type"])]
    if len(alike) > 1:
        yield alike
