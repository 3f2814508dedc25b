"""A page's structured data as a list of entities: JSON-LD, microdata, RDFa and OpenGraph in one form. Owns extruct.

An entity is a dict with `@type` (a list of plain names), `@source` and properties whose values are scalars, entities
or lists of them. Must not know schemas or which property a user wants.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

MAX_SCRIPT = 2 * 1024 * 1024
MAX_ENTITIES = 2_000
MAX_DEPTH = 20
_ASIDE = frozenset(
    {"BreadcrumbList", "WebSite", "SearchAction", "ImageObject", "SiteNavigationElement", "WPHeader", "WPFooter"}
)
_OPEN_GRAPH = {
    "og:title": ("name",),
    "og:description": ("description",),
    "og:image": ("image",),
    "og:url": ("url",),
    "og:price:amount": ("offers", "price"),
    "og:price:currency": ("offers", "priceCurrency"),
    "og:availability": ("offers", "availability"),
    "product:price:amount": ("offers", "price"),
    "product:price:currency": ("offers", "priceCurrency"),
    "product:availability": ("offers", "availability"),
    "product:brand": ("brand",),
    "product:retailer_item_id": ("sku",),
    "article:published_time": ("datePublished",),
    "article:modified_time": ("dateModified",),
    "article:author": ("author",),
}


def entities(tree: Any, url: str) -> list[dict[str, Any]]:
    """Return the top-level entities of a page: JSON-LD, microdata, RDFa, then OpenGraph; broken pieces are left out."""
    found: list[dict[str, Any]] = []
    for item in _json_ld(tree):
        found.extend(_flattened(item, "json-ld"))
    for item in _microdata(tree, url):
        found.extend(_flattened(item, "microdata"))
    for item in _rdfa(tree):
        found.extend(_flattened(item, "rdfa"))
    graph = _open_graph(tree)
    known = [entity for entity in found[:MAX_ENTITIES] if not _ASIDE.issuperset(entity["@type"]) or not entity["@type"]]
    return [*known, *([graph] if graph else [])]


def _json_ld(tree: Any) -> Iterator[Any]:
    from extruct.jsonld import JsonLdExtractor

    reader = JsonLdExtractor()
    for script in tree.xpath("//script[@type='application/ld+json']"):
        if len(script.text or "") > MAX_SCRIPT:
            continue
        try:
            yield from reader.extract_items(script)
        except (ValueError, RecursionError, AttributeError, TypeError, IndexError):
            continue  # one broken script: what it says cannot be known, and the others still can


def _microdata(tree: Any, url: str) -> list[Any]:
    from extruct.w3cmicrodata import MicrodataExtractor

    if not tree.xpath("boolean(//@itemscope)"):
        return []
    try:
        return [_from_microdata(item, 0) for item in MicrodataExtractor(strict=True).extract_items(tree, url)]
    except (ValueError, RecursionError, AttributeError, TypeError, KeyError, IndexError):
        return []  # extruct fails on odd itemref and url values; then the page has no microdata that can be read


def _from_microdata(item: Any, depth: int) -> Any:
    if isinstance(item, list):
        return [_from_microdata(entry, depth + 1) for entry in item]
    if not isinstance(item, dict) or depth > MAX_DEPTH:
        return item if not isinstance(item, dict) else None
    properties = {name: _from_microdata(value, depth + 1) for name, value in item.get("properties", {}).items()}
    return {"@type": item.get("type", []), **properties}


def _rdfa(tree: Any) -> list[dict[str, Any]]:
    """Return the items of RDFa Lite: `typeof` begins one, `property` fills the nearest.

    Prefixes are names' first parts and are dropped with them; a full RDFa processor would fetch nothing either.
    """
    items: dict[Any, dict[str, Any]] = {}
    top: list[dict[str, Any]] = []
    for element in tree.xpath("//body//*[@typeof or @property]")[:MAX_ENTITIES]:
        above = next((items[other] for other in element.iterancestors() if other in items), None)
        value: Any = _rdfa_value(element)
        if element.get("typeof"):
            value = items[element] = {"@type": element.get("typeof").split()}
            if above is None or not element.get("property"):
                top.append(value)
        if above is None or not element.get("property"):
            continue
        for name in element.get("property").split()[:5]:
            before = above.get(name)
            above[name] = value if before is None else [*(before if isinstance(before, list) else [before]), value]
    return top


def _rdfa_value(element: Any) -> str:
    for name in ("content", "datetime", "resource", "href", "src"):
        if element.get(name) and (name in ("content", "datetime") or not (element.text_content() or "").strip()):
            return str(element.get(name))
    return " ".join((element.text_content() or "").split())[:5_000]


def _open_graph(tree: Any) -> dict[str, Any]:
    """Return OpenGraph and product metadata as one entity, or nothing. Read by name.

    Extruct wants a namespace that pages leave out.
    """
    graph: dict[str, Any] = {}
    for meta in tree.xpath("//meta[(@property or @name) and @content]")[:500]:
        path = _OPEN_GRAPH.get((meta.get("property") or meta.get("name")).strip().lower())
        if path is None:
            continue
        place = graph
        for name in path[:-1]:
            place = place.setdefault(name, {"@type": ["Offer"], "@source": "opengraph"})
        place.setdefault(path[-1], meta.get("content"))
    return {"@type": [], "@source": "opengraph", **graph} if graph else {}


def _flattened(item: Any, source: str) -> Iterator[dict[str, Any]]:
    """Yield the top-level entities of one item.

    The members of `@graph`, and what a page is about (`mainEntity`) by itself.
    """
    if isinstance(item, list):
        for entry in item[:MAX_ENTITIES]:
            yield from _flattened(entry, source)
        return
    entity = _entity(item, source, 0)
    if not isinstance(entity, dict):
        return
    graph = entity.pop("@graph", None)
    if isinstance(graph, list):
        members = {
            member["@id"]: member for member in graph if isinstance(member, dict) and isinstance(member.get("@id"), str)
        }
        yield from (_linked(member, members) for member in graph if isinstance(member, dict))
    for name in ("mainEntity", "mainEntityOfPage"):
        main = entity.get(name)
        if isinstance(main, dict) and len(main) > 3:
            yield main
    if any(not name.startswith("@") for name in entity):
        yield entity


def _entity(value: Any, source: str, depth: int) -> Any:
    if depth > MAX_DEPTH:
        return None
    if isinstance(value, list):
        return [_entity(entry, source, depth + 1) for entry in value[:MAX_ENTITIES]]
    if not isinstance(value, dict):
        return value
    if set(value) <= {"@value", "@language", "@type"} and "@value" in value:
        return _entity(value["@value"], source, depth + 1)
    entity = {_plain(str(name)): _entity(child, source, depth + 1) for name, child in value.items()}
    types = value.get("@type", [])
    named = [_plain(name) for name in (types if isinstance(types, list) else [types]) if isinstance(name, str)]
    return entity | {"@type": named, "@source": source}


def _linked(entity: dict[str, Any], members: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Put the members of a graph in the place of bare references to them, one level deep."""

    def resolved(value: Any) -> Any:
        if isinstance(value, list):
            return [resolved(entry) for entry in value]
        bare = isinstance(value, dict) and set(value) <= {"@id", "@type", "@source"}
        return members.get(str(value.get("@id")), value) if bare else value

    return {name: resolved(value) if not name.startswith("@") else value for name, value in entity.items()}


def _plain(name: str) -> str:
    """Return the last part of a name: `https://schema.org/Product` and `schema:Product` are `Product`."""
    if name.startswith("@"):
        return name
    return name.rstrip("/").rpartition("/")[2].rpartition("#")[2].rpartition(":")[2][:100]


def type_name(entity: dict[str, Any]) -> str:
    """Return the first type of an entity, or an empty text."""
    return entity["@type"][0] if entity["@type"] else ""


def dumps(value: Any) -> str:
    """Return a canonical text of a value, to tell whether two are the same."""
    return json.dumps(value, sort_keys=True, default=str)
