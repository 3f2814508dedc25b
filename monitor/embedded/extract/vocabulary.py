"""What property names mean in schema.org's words: which paths of an entity can answer for `price` or `in_stock`.

Pure tables.

Only names that mean one thing are here: `old_price`, `list_price` or `shipping` are not a `price`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from monitor.embedded.extract.terms import concepts
from monitor.embedded.extract.words import key, words

MAX_VALUES = 2_000
_BOUNDS = frozenset({"!low", "!high"})
Path = tuple[str, ...]

_GROUPS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("price", "current price", "product price", "unit price", "amount", "cost"),
     ("offers.price", "price", "offers.priceSpecification.price", "offers.offers.price", "offers.lowPrice")),
    (("lowest price", "low price", "min price", "price from"), ("offers.lowPrice", "lowPrice")),
    (("highest price", "high price", "max price"), ("offers.highPrice", "highPrice")),
    (("currency", "price currency", "currency code"),
     ("offers.priceCurrency", "priceCurrency", "offers.priceSpecification.priceCurrency",
      "offers.offers.priceCurrency")),
    (("in stock", "available", "availability", "is available", "is in stock", "stock", "stock status", "orderable",
      "can be ordered", "can order", "buyable"), ("offers.availability", "availability", "offers.offers.availability")),
    (("rating", "rating value", "average rating", "score", "star"),
     ("aggregateRating.ratingValue", "reviewRating.ratingValue")),
    (("review count", "number of review", "num review", "review", "rating count", "number of rating"),
     ("aggregateRating.reviewCount", "aggregateRating.ratingCount")),
    (("brand", "brand name"), ("brand.name", "brand")),
    (("manufacturer", "maker"), ("manufacturer.name", "manufacturer", "brand.name", "brand")),
    (("seller", "seller name", "merchant", "shop", "vendor", "store"),
     ("seller.name", "seller", "offers.seller.name", "offers.seller")),
    (("sku", "article number", "item number", "product id"), ("sku", "productID")),
    (("ean", "gtin", "barcode"), ("gtin13", "gtin", "gtin14", "gtin12", "gtin8")),
    (("name", "product name", "item name", "product"), ("name",)),
    (("title", "headline", "job title"), ("headline", "title", "name")),
    (("description", "summary", "abstract"), ("description", "abstract")),
    (("image", "image url", "picture", "photo"), ("image.url", "image.contentUrl", "image")),
    (("author", "author name", "writer", "by"), ("author.name", "author")),
    (("published", "date published", "published at", "publication date", "publish date", "published date", "posted",
      "date posted", "posted at"), ("datePublished", "datePosted")),
    (("modified", "date modified", "updated", "updated at", "last updated", "last modified"), ("dateModified",)),
    (("url", "link", "href"), ("url",)),
    (("start", "start date", "begin", "begins at", "starts at"), ("startDate",)),
    (("end", "end date", "ends at"), ("endDate",)),
    (("company", "employer", "company name"), ("hiringOrganization.name", "hiringOrganization")),
    (("venue", "location", "place"), ("location.name", "jobLocation.address.addressLocality", "location")),
    (("condition", "item condition"), ("offers.itemCondition", "itemCondition")),
    (("version", "software version"), ("softwareVersion", "version")),
)  # fmt: skip
_PATHS: dict[str, tuple[Path, ...]] = {
    key(name): tuple(tuple(path.split(".")) for path in paths) for names, paths in _GROUPS for name in names
}
_NAME_LIKE = frozenset(key(name) for name in ("name", "product name", "item name", "title", "headline", "page title"))
_DESCRIPTION_LIKE = frozenset(key(name) for name in ("description", "summary", "meta description"))


def paths_for(name: str, *, integer: bool = False) -> tuple[Path, ...]:
    """Return the paths at which an entity may hold the property `name`, best first.

    Its own name always comes first or alone. A name in another language is known by what its words mean.
    """
    return _PATHS.get(key(name)) or _by_meaning().get(_meaning(name, integer=integer), ())


@lru_cache(maxsize=4_000)
def _meaning(name: str, *, integer: bool = False) -> frozenset[str]:
    """Return what a name means; words that tell this property from others of its kind are part of it."""
    meant = concepts(name.replace("_", " "))
    return meant - {"rating" if integer else "reviews"} if {"rating", "reviews"} <= meant else meant


@lru_cache(maxsize=1)
def _by_meaning() -> dict[frozenset[str], tuple[Path, ...]]:
    found: dict[frozenset[str], tuple[Path, ...]] = {}
    for names, paths in _GROUPS:
        for name in names:
            meant = _meaning(name, integer="reviewCount" in paths[0])
            if meant and not any(word[0] == "=" or (word[0] == "!" and word not in _BOUNDS) for word in meant):
                found.setdefault(meant, tuple(tuple(path.split(".")) for path in paths))
    return found


def is_name_like(name: str) -> bool:
    """Return whether `name` asks for the name or title of what the page is about."""
    return key(name) in _NAME_LIKE


def is_description_like(name: str) -> bool:
    """Return whether `name` asks for a description."""
    return key(name) in _DESCRIPTION_LIKE


def answers(entity: dict[str, Any], name: str, *, integer: bool = False) -> Iterator[tuple[str, list[Any]]]:
    """Yield (path, values) for each place where `entity` may answer for `name`; more than one value means a choice."""
    asked = words(name)
    own = [field for field in entity if not field.startswith("@") and words(field) == asked]
    if "ListItem" in entity["@type"]:  # its position is its number in the list
        own = [field for field in own if field != "position"]
    meant = _meaning(name, integer=integer)
    alike = [field for field in entity if field[0] != "@" and meant and _meaning(field, integer=integer) == meant]
    if "ListItem" in entity["@type"]:
        alike = []
    if meant == {"date"} and any(kind.endswith("Event") for kind in entity["@type"]):
        alike = [field for field in entity if field == "startDate"]  # the day of an event is the day it begins
    tried = [(field,) for field in own] + list(paths_for(name, integer=integer)) + [(field,) for field in alike]
    for path in dict.fromkeys(tried):
        values = list(_at(entity, path))[:MAX_VALUES]
        if values:
            yield ".".join(path), values


def _at(value: Any, path: Path) -> Iterator[Any]:
    if isinstance(value, list):
        for entry in value:
            yield from _at(entry, path)
    elif not path:
        if value is not None and not isinstance(value, dict):
            yield value
    elif isinstance(value, dict):
        yield from _at(value.get(path[0]), path[1:])


def related(entity: dict[str, Any], name: str) -> list[Any]:
    """Return the entities or values that `entity` holds under `name`, unwrapped.

    Offers of an AggregateOffer, items of an ItemList.
    """
    asked = words(name)
    for field, value in entity.items():
        if not field.startswith("@") and words(field) == asked:
            return _unwrapped(value)
    if "ItemList" in entity["@type"] or "itemListElement" in entity:
        return _unwrapped(entity.get("itemListElement"))
    return []


def _unwrapped(value: Any) -> list[Any]:
    values = value if isinstance(value, list) else [value]
    found: list[Any] = []
    for entry in values:
        if isinstance(entry, dict) and isinstance(entry.get("offers"), list) and "AggregateOffer" in entry["@type"]:
            inherited = {name: entry[name] for name in ("priceCurrency",) if name in entry}
            found.extend(inherited | offer for offer in entry["offers"] if isinstance(offer, dict))
        elif isinstance(entry, dict) and isinstance(entry.get("itemListElement"), list):
            found.extend(_unwrapped(entry["itemListElement"]))
        elif isinstance(entry, dict) and isinstance(entry.get("item"), dict) and "ListItem" in entry["@type"]:
            found.append(entry["item"])
        elif entry is not None:
            found.append(entry)
    return found[:MAX_VALUES]
