"""Extraction from whole pages: the order of belief, lists, nested objects, and nothing invented."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.embedded.extract import Extraction, extract

URL = "https://shop.example/page"


def thing(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def ld(data: Any) -> str:
    return f'<script type="application/ld+json">{json.dumps(data)}</script>'


def filled(html: str, schema: dict[str, Any]) -> dict[str, Any]:
    found = extract(html, URL, schema)
    assert found.missing == []
    return found.result


NUMBER, STRING, FLAG = {"type": "number"}, {"type": "string"}, {"type": "boolean"}
PRODUCT = {
    "@context": "https://schema.org",
    "@type": "Product",
    "name": "Machine",
    "brand": {"@type": "Brand", "name": "Aurora"},
    "aggregateRating": {"ratingValue": "4.6", "reviewCount": 212},
    "offers": {
        "@type": "Offer",
        "price": "499.00",
        "priceCurrency": "EUR",
        "availability": "https://schema.org/InStock",
    },
}
WANTED = thing(
    name=STRING,
    price=NUMBER,
    currency=STRING,
    in_stock=FLAG,
    brand=STRING,
    rating=NUMBER,
    review_count={"type": "integer"},
)
TOLD = {
    "name": "Machine",
    "price": 499.0,
    "currency": "EUR",
    "in_stock": True,
    "brand": "Aurora",
    "rating": 4.6,
    "review_count": 212,
}


def in_a_graph(data: Any) -> Any:
    return {"@graph": [{"@type": "WebSite", "name": "Shop"}, {"@type": "BreadcrumbList", "itemListElement": []}, data]}


def in_a_list(data: Any) -> Any:
    return [{"@type": "Organization", "name": "Shop"}, data]


def as_main_entity(data: Any) -> Any:
    return {"@type": "WebPage", "name": "Page", "mainEntity": data}


def linked_by_id(data: Any) -> Any:
    offer = data["offers"] | {"@id": "#offer"}
    return {"@graph": [data | {"@id": "#product", "offers": {"@id": "#offer"}}, offer]}


def with_full_names(data: Any) -> Any:
    return {f"http://schema.org/{name}" if not name.startswith("@") else name: value for name, value in data.items()}


@pytest.mark.parametrize("shaped", [dict, in_a_graph, in_a_list, as_main_entity, linked_by_id, with_full_names])
def test_json_ld_is_read_however_it_is_wrapped(shaped: Any) -> None:
    assert filled(ld(shaped(PRODUCT)), WANTED) == TOLD


def test_json_ld_with_comments_and_trailing_commas_is_read() -> None:
    html = '<script type="application/ld+json">\n// shop\n{"@type": "Product", "name": "Machine",}</script>'
    assert filled(html, thing(name=STRING)) == {"name": "Machine"}


def test_a_broken_script_does_not_hide_the_next_one() -> None:
    html = '<script type="application/ld+json">{{{</script>' + ld(PRODUCT)
    assert filled(html, thing(price=NUMBER)) == {"price": 499.0}


def test_microdata_is_read() -> None:
    html = """<div itemscope itemtype="http://schema.org/Product"><h1 itemprop="name">Machine</h1>
      <div itemprop="offers" itemscope itemtype="http://schema.org/Offer">
      <span itemprop="price" content="499.00">€499</span>
      <meta itemprop="priceCurrency" content="EUR"><link itemprop="availability" href="http://schema.org/OutOfStock"></div></div>"""
    assert filled(html, thing(name=STRING, price=NUMBER, currency=STRING, in_stock=FLAG)) == {
        "name": "Machine", "price": 499.0, "currency": "EUR", "in_stock": False,
    }  # fmt: skip


def test_open_graph_is_read() -> None:
    html = """<head><meta property="og:title" content="Machine">
      <meta property="product:price:amount" content="499.00">
      <meta property="product:price:currency" content="EUR">
      <meta property="product:availability" content="instock"></head>"""
    assert filled(html, thing(title=STRING, price=NUMBER, currency={"enum": ["EUR"]}, in_stock=FLAG)) == {
        "title": "Machine", "price": 499.0, "currency": "EUR", "in_stock": True,
    }  # fmt: skip


def test_an_article_is_read() -> None:
    html = ld(
        {"@type": "NewsArticle", "headline": "H", "datePublished": "2026-11-21T10:00:00Z", "author": [{"name": "A"}]}
    )
    schema = thing(headline=STRING, published={"type": "string", "format": "date"}, author=STRING)
    assert filled(html, schema) == {"headline": "H", "published": "2026-11-21", "author": "A"}


LABELLED = """<h1>Machine</h1><table><tr><th>Water tank:</th><td>2.1 l</td></tr>
<tr><td>Weight (kg)</td><td>12,5</td></tr></table>
<dl><dt>Energy class</dt><dd>A</dd><dt>Available</dt><dd>Yes</dd></dl><ul><li><b>Voltage:</b> 230 V</li></ul>"""


def test_labels_of_tables_lists_and_lines_are_matched_to_names() -> None:
    schema = thing(water_tank=NUMBER, weight=NUMBER, energyClass=STRING, in_stock=FLAG, voltages=NUMBER, name=STRING)
    found = extract(LABELLED, URL, schema)
    assert found.result == {
        "water_tank": 2.1,
        "weight": 12.5,
        "energyClass": "A",
        "in_stock": True,
        "voltages": 230,
        "name": "Machine",
    }
    assert found.sources["/water_tank"] == "table row 'Water tank'"
    assert found.sources["/energyClass"] == "definition list 'Energy class'"
    assert found.sources["/voltages"] == "line 'Voltage'"
    assert found.sources["/name"] == "text of <h1>"


def test_labels_are_matched_to_descriptions() -> None:
    schema = thing(capacity={"type": "number", "description": "Water tank in litres"})
    assert filled(LABELLED, schema) == {"capacity": 2.1}


def test_a_label_with_two_values_answers_nothing() -> None:
    html = "<dl><dt>Price</dt><dd>5 EUR</dd><dt>Price</dt><dd>6 EUR</dd></dl>"
    assert extract(html, URL, thing(price=NUMBER)).missing == ["/price"]


@pytest.mark.parametrize("label", ["Old price", "Shipping price", "List price", "Shipping", "Price per kg"])
def test_a_label_that_means_something_else_is_not_the_price(label: str) -> None:
    html = f"<dl><dt>{label}</dt><dd>5 EUR</dd></dl>"
    schema = thing(price={"type": "number", "description": "Price of one unit, without shipping"})
    assert extract(html, URL, schema).missing == ["/price"]


def test_hints_come_before_everything_and_decide_alone() -> None:
    html = ld(PRODUCT) + '<p class="sale" data-amount="449.00">now €449.00!</p>'
    assert filled(html, thing(price=NUMBER | {"x-css": ".sale"})) == {"price": 449.0}
    assert filled(html, thing(price=NUMBER | {"x-xpath": "//p/@data-amount"})) == {"price": 449.0}
    assert filled(html, thing(price=NUMBER | {"x-css": ".sale", "x-attr": "data-amount"})) == {"price": 449.0}
    found = extract(html, URL, thing(price=NUMBER | {"x-css": ".gone"}))
    assert (found.missing, found.result) == (["/price"], {"price": None})


def test_the_first_match_that_reads_as_the_type_is_taken() -> None:
    html = "<i class=p>from</i><i class=p>€5.00</i><i class=p>€6.00</i>"
    assert filled(html, thing(price=NUMBER | {"x-css": ".p"})) == {"price": 5.0}


CARDS = """<div class=ad>Buy!</div><div class=plan><h2>Small</h2><b>€9.00</b><a href="/small">go</a>
<li>a</li><li>b</li></div>
<div class=plan></div><div class=plan><h2>Large</h2><b>€19.00</b><a href="large">go</a></div>"""


@pytest.mark.parametrize("on_items", [True, False])
def test_hinted_rows_are_read_with_hints_relative_to_the_row(on_items: bool) -> None:
    row = thing(
        name=STRING | {"x-css": "h2"}, price=NUMBER | {"x-css": "b"}, url=STRING | {"x-css": "a", "x-attr": "href"}
    )
    row["properties"]["features"] = {"type": "array", "items": STRING, "x-css": "li"}
    plans = {"type": "array", "items": row | ({"x-css": ".plan"} if on_items else {})} | (
        {} if on_items else {"x-css": ".plan"}
    )
    assert filled(CARDS, thing(plans=plans)) == {
        "plans": [
            {"name": "Small", "price": 9.0, "url": "https://shop.example/small", "features": ["a", "b"]},
            {"name": "Large", "price": 19.0, "url": "https://shop.example/large", "features": None},
        ]
    }


def test_a_row_that_lacks_a_required_value_is_named() -> None:
    row = thing(name=STRING | {"x-css": "h2"}, price=NUMBER | {"x-css": "b"}) | {"x-css": ".plan"}
    html = "<div class=plan><h2>Small</h2><b>9</b></div><div class=plan><h2>Large</h2><b>ask us</b></div>"
    assert extract(html, URL, thing(plans={"type": "array", "items": row})).missing == ["/plans/1/price"]


def test_hinted_rows_without_inner_hints_use_headings_and_labels() -> None:
    html = "<article><h2>One</h2><p>Price: €5.00</p></article><article><h2>Two</h2><p>Price: €6.00</p></article>"
    rows = {"type": "array", "items": thing(title=STRING, price=NUMBER) | {"x-css": "article"}}
    assert filled(html, thing(rows=rows))["rows"] == [{"title": "One", "price": 5.0}, {"title": "Two", "price": 6.0}]


OFFERS = [
    {"@type": "Offer", "price": 5, "availability": "InStock", "seller": {"@type": "Organization", "name": "A"}},
    {"@type": "Offer", "price": 6.5, "availability": "SoldOut", "seller": {"name": "B"}},
]
ROWS = [{"seller": "A", "price": 5, "in_stock": True}, {"seller": "B", "price": 6.5, "in_stock": False}]
OFFER_LIST = thing(offers={"type": "array", "items": thing(seller=STRING, price=NUMBER, in_stock=FLAG)})


@pytest.mark.parametrize(
    "data",
    [
        {"@type": "Product", "name": "P", "offers": OFFERS},
        {"@type": "Product", "name": "P", "offers": {"@type": "AggregateOffer", "offers": OFFERS, "lowPrice": 5}},
        {"@graph": OFFERS},
    ],
)
def test_offers_are_rows(data: Any) -> None:
    assert filled(ld(data), OFFER_LIST) == {"offers": ROWS}


def test_an_item_list_is_rows() -> None:
    items = [
        {"@type": "ListItem", "position": n, "item": {"@type": "Product", "name": f"P{n}", "offers": {"price": n}}}
        for n in (1, 2)
    ]
    schema = thing(products={"type": "array", "items": thing(name=STRING, price=NUMBER)})
    data = {"@type": "ItemList", "itemListElement": items}
    assert filled(ld(data), schema)["products"] == [{"name": "P1", "price": 1}, {"name": "P2", "price": 2}]


def test_a_table_is_rows_when_its_header_names_the_properties() -> None:
    html = """<table><tr><th>Foo<th>Bar</tr><tr><td>1<td>2</tr></table>
      <table><thead><tr><th>Merchant</th><th>Price (EUR)</th><th>Availability</th></tr></thead><tbody>
      <tr><td>A</td><td>5</td><td>In stock</td></tr><tr><td>B</td><td>6,50</td><td>Sold out</td></tr></tbody></table>"""
    assert filled(html, OFFER_LIST) == {"offers": ROWS}


def test_rows_that_lack_something_give_way_to_rows_that_are_whole() -> None:
    partial = ld({"@type": "Product", "name": "P", "offers": [{"price": 5}, {"price": 6.5}]})
    table = """<table><tr><th>Seller</th><th>Price</th><th>Stock</th></tr>
      <tr><td>A</td><td>5</td><td>In stock</td></tr><tr><td>B</td><td>6.5</td><td>Sold out</td></tr></table>"""
    assert filled(partial + table, OFFER_LIST) == {"offers": ROWS}
    assert extract(partial, URL, OFFER_LIST).missing[:2] == ["/offers/0/seller", "/offers/0/in_stock"]


def test_a_list_of_plain_values_with_a_hole_is_not_found() -> None:
    html = "<li>1</li><li>two</li>"
    assert extract(html, URL, thing(n={"type": "array", "items": NUMBER | {"x-css": "li"}})).missing == ["/n"]


def test_plain_lists_come_from_structured_data() -> None:
    html = ld({"@type": "Product", "name": "P", "keywords": ["a", "b"]})
    assert filled(html, thing(keywords={"type": "array", "items": STRING})) == {"keywords": ["a", "b"]}


def test_several_prices_are_no_price() -> None:
    html = ld({"@type": "Product", "name": "P", "offers": OFFERS})
    assert extract(html, URL, thing(price=NUMBER)).missing == ["/price"]


def test_two_products_are_no_product() -> None:
    html = ld([PRODUCT, PRODUCT | {"name": "Other"}])
    assert extract(html, URL, thing(name=STRING | {"enum": ["Machine", "Other"]})).missing == ["/name"]


def test_nested_objects_follow_the_entity_or_stay_with_the_page() -> None:
    schema = thing(product=thing(name=STRING, offers=thing(price=NUMBER)), brand=thing(name=STRING))
    assert filled(ld(PRODUCT), schema) == {
        "product": {"name": "Machine", "offers": {"price": 499.0}},
        "brand": {"name": "Aurora"},
    }


def test_a_hinted_object_is_a_place_of_its_own() -> None:
    html = "<div id=a><dl><dt>Price</dt><dd>5 EUR</dd></dl></div><div id=b><dl><dt>Price</dt><dd>6 EUR</dd></dl></div>"
    assert filled(html, thing(b=thing(price=NUMBER) | {"x-css": "#b"})) == {"b": {"price": 6}}
    assert extract(html, URL, thing(c=thing(price=NUMBER) | {"x-css": "#c"})).missing == ["/c"]


def test_references_and_alternatives_of_the_schema_are_followed() -> None:
    schema = {
        "$defs": {"money": {"type": "number"}},
        "type": "object",
        "required": ["price", "colour"],
        "properties": {
            "price": {"$ref": "#/$defs/money"},
            "brand": {"anyOf": [{"type": "null"}, {"type": "string"}]},
            "colour": {"type": ["string", "null"]},
            "loop": {"$ref": "#/properties/loop"},
        },
    }
    assert filled(ld(PRODUCT), schema) == {"price": 499.0, "brand": "Aurora", "colour": None, "loop": None}


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>449<sup>99</sup></p>", "449 99"),
        ("<p>a<br>b</p>", "a b"),
        ("<p>Hel<b>lo</b></p>", "Hello"),
        ("<div class=t><p>a</p><p>b</p></div>", "a b"),
        ("<div class=t>a<script>x</script><style>y</style>b<!-- c --></div>", "ab"),
    ],
)
def test_text_is_what_a_reader_sees(html: str, text: str) -> None:
    assert filled(html, thing(t=STRING | {"x-css": ".t, p"})) == {"t": text}


def test_without_a_schema_nothing_is_invented() -> None:
    assert extract("<p>x</p>", URL, None) == Extraction()
    found = extract("<title>T</title><meta name=description content=D>" + ld(PRODUCT), URL, None)
    assert (found.result["title"], found.result["description"], found.result["product"]["name"]) == (
        "T",
        "D",
        "Machine",
    )


@pytest.mark.parametrize(
    "html", ["", " ", "\0", "<", "plain", "<!-- -->", "<html", "<?xml version='1.0'?><a/>", "\ufeff", "<table><tr><th>"]
)
def test_odd_pages_hold_nothing(html: str) -> None:
    assert extract(html, URL, thing(price=NUMBER)).missing == ["/price"]


@pytest.mark.parametrize(
    "data",
    [None, 1, "x", [], {}, [[[]]], {"@type": 5}, {"@type": [None], "price": {}}, {"@graph": 5},
     {"offers": [[[{"price": [1]}]]]},
     {"@id": []},
     {"@graph": [{"@id": "a", "x": {"@id": ["a"]}}]}, {"itemListElement": 5}],
)  # fmt: skip
def test_odd_structured_data_breaks_nothing(data: Any) -> None:
    extract(ld(data), URL, WANTED)
    extract(ld(data), URL, OFFER_LIST)
    extract(ld(data), URL, None)


KEYS = ["@type", "@id", "@graph", "offers", "price", "name", "item", "itemListElement", "mainEntity"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda child: st.lists(child, max_size=3)
    | st.dictionaries(st.sampled_from(KEYS), child, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(JSON)
def test_whatever_the_structured_data_says_the_types_hold(data: Any) -> None:
    found = extract(ld(data), URL, WANTED)
    assert found.result["price"] is None or isinstance(found.result["price"], (int, float))
    assert found.result["in_stock"] is None or isinstance(found.result["in_stock"], bool)
    assert set(found.missing) == {f"/{name}" for name, value in found.result.items() if value is None}
