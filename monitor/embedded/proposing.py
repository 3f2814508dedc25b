"""A goal and a schema for a page that nobody has described yet, from what the page holds. Pure over its HTML.

Each kind of page is tried as a schema of its own; one is proposed only with the values that extraction found by it.
Must not know files or commands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from monitor.embedded.extract import Extraction, extract
from monitor.embedded.extract.document import Document, text_of
from monitor.embedded.extract.found import MISSING
from monitor.embedded.extract.labels import pairs, tables
from monitor.embedded.extract.shape import Shape
from monitor.embedded.extract.structured import dumps
from monitor.embedded.extract.values import Context, convert
from monitor.embedded.extract.words import words

Schema = dict[str, Any]
MIN_ROWS = 2
MAX_COLUMNS = 8
MAX_FACTS = 8
MAX_UNIT = 3  # letters of a currency or a unit beside a number
_TEXT: Schema = {"type": "string"}
_DATE: Schema = {"type": "string", "format": "date"}
_PRICE: Schema = {"type": "number", "minimum": 0, "description": "Current price"}
_STOCK: Schema = {"type": "boolean", "description": "Whether it can be ordered now"}
_LINK: Schema = {"type": "string", "format": "uri"}
_PRODUCT: dict[str, Schema] = {
    "name": {**_TEXT, "description": "Name of the product"},
    "price": _PRICE,
    "currency": {"type": "string", "pattern": "^[A-Z]{3}$", "description": "Currency of the price, as ISO 4217 code"},
    "in_stock": _STOCK,
}
_LISTS: dict[str, tuple[str, dict[str, Schema], str]] = {
    "offers": (
        "offers",
        {"seller": {**_TEXT, "description": "Who offers it"}, "price": _PRICE, "in_stock": _STOCK},
        "price",
    ),
    "plans": ("pricing plans", {"name": {**_TEXT, "description": "Name of the plan"}, "price": _PRICE}, "price"),
    "products": (
        "products",
        {"name": {**_TEXT, "description": "Name of the product"}, "price": _PRICE, "url": _LINK},
        "price",
    ),
    "jobs": (
        "open jobs",
        {"title": {**_TEXT, "description": "Title of the job"}, "location": _TEXT, "url": _LINK},
        "location",
    ),
    "events": (
        "events",
        {
            "name": {**_TEXT, "description": "Name of the event"},
            "date": {**_DATE, "description": "When it takes place"},
        },
        "date",
    ),
    "articles": (
        "articles",
        {"title": {**_TEXT, "description": "Headline"}, "date": {**_DATE, "description": "Date of publication"}},
        "date",
    ),
    "items": ("entries", {"title": _TEXT, "url": _LINK}, "url"),
}
_ARTICLE: dict[str, Schema] = {
    "title": {**_TEXT, "description": "Headline"},
    "date": {**_DATE, "description": "Date of publication"},
    "author": _TEXT,
}
_SAID = {  # what the url or the title says where a page is such a list; lists of texts alone need it said
    "plans": re.compile(r"pric|plan|tarif|preis|abo"),
    "jobs": re.compile(r"job|career|karriere|stelle|vacan|emploi|empleo|praca"),
    "events": re.compile(r"event|concert|konzert|veranstalt|calendar|agenda|mostra"),
    "articles": re.compile(r"news|blog|article|press|nachricht|changelog|release"),
}
_GOALS = {
    "product": "Find the product's {}.",
    "article": "Find the article's {}.",
    "facts": "Find what the page says of: {}.",
    "page": "Find the page's {}.",
}
_PHRASES = {  # how a goal puts a field
    "name": "name",
    "price": "current price",
    "currency": "currency",
    "in_stock": "availability (whether it can be ordered now)",
    "title": "title",
    "date": "date of publication",
    "author": "author",
    "description": "description",
}
_ONLY_SAID = frozenset({"jobs", "events"})


@dataclass(frozen=True, slots=True)
class Proposal:
    """What to watch on a page: the kind of page, a goal, a schema, what extraction found by it, and the key of rows."""

    kind: str
    goal: str
    schema: Schema
    found: Extraction
    identity: dict[str, str] = field(default_factory=dict)


def propose(html: str, url: str) -> Proposal:
    """Return the first proposal by which the page answers; a page that holds nothing else has a title and a text."""
    document = Document(html, url)
    kinds: tuple[Callable[[Document, str], Iterator[Proposal]], ...] = (_lists_of_data, _product, _tables, _article)
    for kind in (*kinds, _lists, _facts):
        for proposal in kind(document, html):
            return proposal
    return _whole(document, html)


def _product(document: Document, html: str) -> Iterator[Proposal]:
    yield from _object("product", _PRODUCT, {"price"}, document, html)


def _article(document: Document, html: str) -> Iterator[Proposal]:
    told = document.root.xpath("//meta[@property='og:type']/@content").get("").strip().casefold()
    kinds = [kind for entity in document.entities for kind in entity["@type"]]
    if told == "article" or any("Article" in kind or kind == "BlogPosting" for kind in kinds):
        proposals = _object("article", _ARTICLE, {"title"}, document, html)
        yield from (each for each in proposals if len(each.found.result) > 1)


def _facts(document: Document, html: str) -> Iterator[Proposal]:
    """Propose the page's label-value pairs: what stands in tables of two columns and definition lists."""
    fields: dict[str, Schema] = {}
    for pair in pairs(document.tree):
        name = identifier(pair.label)
        if pair.place != "line" and name and name not in fields and len(pair.label) <= 40 and len(fields) < MAX_FACTS:
            kind = _kind_of([pair.value], name, document)
            fields[name] = {**kind, "description": pair.label}
    if fields:
        yield from _object("facts", fields, set(), document, html)


def _object(
    kind: str, fields: dict[str, Schema], needed: set[str], document: Document, html: str
) -> Iterator[Proposal]:
    """Yield a proposal of the fields that were found, if those needed are among them."""
    found = extract(html, document.url, _root(fields, []))
    held = {name: child for name, child in fields.items() if found.result.get(name) is not None}
    if held and needed <= held.keys():
        schema = _root(held, list(held))
        again = extract(html, document.url, schema)
        if not again.missing:
            named = [child["description"] if kind == "facts" else _PHRASES[name] for name, child in held.items()]
            yield Proposal(kind, _GOALS[kind].format(_and(named)), schema, again)


def _lists_of_data(document: Document, html: str) -> Iterator[Proposal]:
    """Propose the offers of one thing, where its structured data holds several."""
    if sum(dumps(entity).count('"Offer"') for entity in document.entities[:20]) >= MIN_ROWS:
        yield from _list("offers", document, html)


def _lists(document: Document, html: str) -> Iterator[Proposal]:
    said = f"{document.url} {document.title}".casefold()
    told = {name for name, words_of in _SAID.items() if words_of.search(said)}
    for name in sorted(_LISTS, key=lambda name: name not in told):
        if name in told or name not in _ONLY_SAID:
            yield from _list(name, document, html)


def _list(name: str, document: Document, html: str) -> Iterator[Proposal]:
    what, fields, telling = _LISTS[name]
    first = next(iter(fields))
    rows = _rows_schema(name, fields, [first, telling])
    found = extract(html, document.url, rows)
    listed = found.result.get(name) or []
    if found.missing or len(listed) < MIN_ROWS:
        return
    held = {field: child for field, child in fields.items() if all(row.get(field) is not None for row in listed)}
    schema = _rows_schema(name, held, list(held))
    again = extract(html, document.url, schema)
    goal = f"List all {what} of the page, each with its {_listed(held)}."
    if not again.missing and telling in held:
        yield Proposal(name, goal, schema, again, _identity(name, again))


def _tables(document: Document, html: str) -> Iterator[Proposal]:
    for table in sorted(tables(document.tree), key=lambda each: -len(each.rows)):
        if len(table.rows) < MIN_ROWS:
            continue
        fields: dict[str, Schema] = {}
        for column, label in enumerate(table.header[:MAX_COLUMNS]):
            name = identifier(label)
            texts = [text_of(row[column]) for row in table.rows]
            if name and name not in fields and all(texts):
                fields[name] = {**_kind_of(texts, name, document), "description": label[:80]}
        if len(fields) < 2:
            continue
        schema = _rows_schema("rows", fields, list(fields))
        found = extract(html, document.url, schema)
        if not found.missing and len(found.result.get("rows") or []) >= MIN_ROWS:
            goal = f"List every row of the table with its {', '.join(table.header[: len(fields)])}."
            yield Proposal("table", goal, schema, found, _identity("rows", found))


def _whole(document: Document, html: str) -> Proposal:
    fields = {"title": _TEXT, "description": _TEXT}
    for proposal in _object("page", fields, {"title"}, document, html):
        return proposal
    schema = _root({"title": {"type": ["string", "null"]}}, [])
    return Proposal("page", "Find the page's title.", schema, extract(html, document.url, schema))


def identifier(label: str) -> str:
    """Return a property name made of a label's words: `Price (excl. VAT)` is price_excl_vat; empty if there is none."""
    name = "_".join(re.findall(r"[^\W_]+", label.casefold())[:4])[:40]
    return f"n{name}" if name[:1].isdigit() else name


def _kind_of(texts: list[str], name: str, document: Document) -> Schema:
    """Return the narrowest type as which all texts read."""
    context = Context(name, document.language, document.url)
    worded = any(sum(letter.isalpha() for letter in text) > MAX_UNIT for text in texts)  # "Plan 1" is a name
    nameless = Context("", document.language, document.url)  # by its name "Stock" alone, any text would be a boolean
    for kind, by in (("integer", context), ("number", context), ("boolean", nameless)):
        read = [convert(text, Shape(kind), by) for text in texts]
        if MISSING not in read and (kind == "boolean" or not worded):
            return {"type": kind}
    if all(convert(text, Shape("string", format="date"), context) is not MISSING for text in texts):
        return {"type": "string", "format": "date"}
    return dict(_TEXT)


def _identity(name: str, found: Extraction) -> dict[str, str]:
    """Return the first text by which every row differs from the others."""
    rows = found.result[name]
    for field_name in rows[0]:
        values = [row.get(field_name) for row in rows]
        if all(isinstance(value, str) for value in values) and len(set(values)) == len(values):
            return {f"/{name}": field_name}
    return {}


def _root(fields: dict[str, Schema], required: list[str]) -> Schema:
    return {"type": "object", "required": required, "properties": fields}


def _rows_schema(name: str, fields: dict[str, Schema], required: list[str]) -> Schema:
    items = {"type": "object", "required": required, "properties": fields}
    return _root({name: {"type": "array", "minItems": 1, "items": items}}, [name])


def _listed(fields: dict[str, Schema]) -> str:
    return _and([" ".join(words(name)) for name in fields])


def _and(said: list[str]) -> str:
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"
