"""What holds for every page: nothing is invented, markup noise changes nothing, odd pages break nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import lxml.html
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.embedded.extract import extract
from monitor.embedded.extract.document import Document, text_of
from monitor.fetch.page import decode
from tests.pages import score

URL = "https://shop.example/page"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "price": {"type": "number"},
        "in_stock": {"type": "boolean"},
        "seller": {"type": "string"},
        "updated": {"type": "string", "format": "date"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "offers": {
            "type": "array",
            "items": {"type": "object", "properties": {"name": {"type": "string"}, "price": {"type": "number"}}},
        },
    },
}
LABELS = ("Price", "Seller", "Updated", "Old price", "Tags", "Offers", "Name", "In stock", "Verkäufer", "Preis", "x")
VALUES = ("€ 5.00", "€ 7", "ACME", "2026-11-03", "yes", "a, b", "128 reviews", "", "Nord & Süd", "–")
TAGS = ("p", "div", "span", "li", "td", "dd", "dt", "h2", "b", "small", "del", "table", "tr", "ul", "a", "label", "br")
pieces = st.lists(
    st.tuples(st.sampled_from(TAGS), st.sampled_from(("", "price", "seller__name", "old", "offers")),
              st.sampled_from((*LABELS, *VALUES)), st.booleans()),
    max_size=25,
)  # fmt: skip


def page(parts: list[tuple[str, str, str, bool]]) -> str:
    """Return a page of nested, often broken markup."""
    return "".join(f"<{tag} class='{name}'>{text}{f'</{tag}>' if closed else ''}" for tag, name, text, closed in parts)


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for child in value.values() for leaf in leaves(child)]
    return [leaf for child in value for leaf in leaves(child)] if isinstance(value, list) else [value]


@settings(deadline=None, max_examples=120)
@given(pieces)
def test_a_text_or_a_number_that_is_given_stands_on_the_page(parts: Any) -> None:
    html = page(parts)
    tree = Document(html, URL).tree
    shown = f"{text_of(tree)} {text_of(tree, struck=False)}"
    for leaf in leaves(extract(html, URL, SCHEMA).result):
        if isinstance(leaf, str):
            assert leaf.replace("-", "") in shown.replace("-", "")
        elif isinstance(leaf, float | int) and not isinstance(leaf, bool):
            assert f"{leaf:g}" in shown


@settings(deadline=None, max_examples=60)
@given(pieces)
def test_every_value_has_a_source(parts: Any) -> None:
    found = extract(page(parts), URL, SCHEMA)
    for name, value in found.result.items():
        if value is not None:
            assert any(pointer.startswith(f"/{name}") for pointer in found.sources)


@settings(deadline=None, max_examples=60)
@given(st.text(alphabet="<>/=\"' abp-!&;:€5\x00\ud800\u202e&", max_size=120), st.booleans())
def test_no_text_breaks_the_reading(text: str, inside: bool) -> None:
    extract(f"<dl><dt>Price<dd>{text}" if inside else text, URL, SCHEMA)


PRACTICE = sorted(path.parent for path in (Path(score.PAGES) / "practice").glob("*/case.yaml"))


def _shuffled(html: str) -> str:
    tree = lxml.html.document_fromstring(html)
    for element in tree.iter():
        if isinstance(element.tag, str):
            items = sorted(element.attrib.items(), reverse=True)
            element.attrib.clear()
            for name, value in items:
                element.set(name, value)
    return lxml.html.tostring(tree, encoding="unicode")


@pytest.mark.parametrize("folder", PRACTICE[::3], ids=lambda folder: folder.name)
def test_the_order_of_attributes_changes_nothing(folder: Path) -> None:
    case = next(case for path, case in score.cases("practice") if path == folder)
    html = decode((folder / "page.html").read_bytes(), "text/html")[0]
    assert extract(_shuffled(html), URL, case["schema"]).result == extract(html, URL, case["schema"]).result


def test_the_practice_pages_are_read_as_well_as_they_were() -> None:
    tally = score.score(group="practice", with_hints=False)["all"]
    assert tally.right / tally.all >= 0.92
    assert tally.wrong / tally.all <= 0.01


def test_hints_may_be_named_in_two_ways() -> None:
    row = {"type": "object", "properties": {"price": {"type": "number"}}}
    case = {"schema": {"type": "object", "properties": {"offers": {"type": "array", "items": row}}}}
    long = {"/properties/offers/items": {"x-css": "li"}, "/properties/offers/items/properties/price": {"x-css": "b"}}
    short = {"/offers/*": {"css": "li"}, "/offers/*/price": {"css": "b"}}
    assert score.hinted({**case, "hints": long}) == score.hinted({**case, "hints": short})
    assert re.search("x-css.*x-css", str(score.hinted({**case, "hints": short})))
