"""Pages nobody prepared: what is found by words, by structure and in script data.

And that the corpus keeps its figures.
"""

from __future__ import annotations

from typing import Any

import pytest

from monitor.embedded.extract import extract
from monitor.embedded.extract.dates import read as read_day
from monitor.embedded.extract.patterns import matched
from tests.pages import score

URL = "https://shop.example/page"
NUMBER, STRING, FLAG = {"type": "number"}, {"type": "string"}, {"type": "boolean"}


def thing(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


STATE = (
    '<script id="__NEXT_DATA__" type="application/json">{"props": {"product": {"price": 12.5, "sku": "AB-77"},'
    ' "rows": [{"n": "a", "v": "1.5 kg"}, {"n": "b", "v": "2 kg"}]}}</script><p class=a>Ref AB-77 now 12,50</p>'
)


def test_jsonpath_reads_the_data_of_scripts() -> None:
    rows = {"type": "array", "x-jsonpath": "$..rows[*]", "items": thing(
        n=STRING, kg=NUMBER | {"x-jsonpath": "$.v", "x-regex": r"([\d.]+) kg"})}  # fmt: skip
    found = extract(STATE, URL, thing(price=NUMBER | {"x-jsonpath": "$.props.product.price"}, rows=rows))
    assert found.result == {"price": 12.5, "rows": [{"n": "a", "kg": 1.5}, {"n": "b", "kg": 2}]}
    assert found.sources["/price"] == "x-jsonpath $.props.product.price"


def test_a_regex_takes_a_part_of_the_text() -> None:
    schema = thing(ref=STRING | {"x-css": ".a", "x-regex": r"Ref (\S+)"}, gone=STRING | {"x-regex": "nowhere"})
    found = extract(STATE, URL, schema)
    assert (found.result, found.missing) == ({"ref": "AB-77", "gone": None}, ["/gone"])


def test_a_regex_that_backtracks_for_ever_ends() -> None:
    assert matched(r"(a|aa)+\Z", "a" * 200 + "b") is None


def test_script_data_answers_what_the_page_does_not_show() -> None:
    found = extract(STATE.partition("<p")[0], URL, thing(price=NUMBER, sku=STRING))
    assert found.result == {"price": 12.5, "sku": "AB-77"}
    assert found.sources["/price"] == "page state __NEXT_DATA__ price"


def test_a_visible_price_counts_more_than_stale_structured_data() -> None:
    html = (
        '<script type="application/ld+json">{"@type": "Product", "name": "P", "offers": {"price": "99.00"}}</script>'
        '<h1>P</h1><del class="price">€99.00</del> <ins class="price">€79.00</ins>'
    )
    found = extract(html, URL, thing(price=NUMBER))
    assert found.result == {"price": 79.0}
    assert "json-ld" in found.sources["/price"]


def test_repeated_blocks_are_rows_without_hints() -> None:
    cards = "".join(
        f'<li class=card><h3><a href="/p/{n}">Lamp {n}</a></h3><span class=cost>€{n},50</span></li>'
        for n in range(1, 6)
    )
    advertisement = "<li class=card><span>Anzeige</span><h3>Buy!</h3><span class=cost>€1,00</span></li>"
    html = f"<html lang=de><ul>{cards}{advertisement}</ul>"
    row = thing(name=STRING, price=NUMBER, url=STRING | {"format": "uri"})
    found = extract(html, URL, thing(lamps={"type": "array", "items": row})).result["lamps"]
    assert len(found) == 5
    assert found[0] == {"name": "Lamp 1", "price": 1.5, "url": "https://shop.example/p/1"}


@pytest.mark.parametrize(
    ("text", "language", "day"),
    [
        ("20. November 2026", "de", "2026-11-20"), ("le 1er décembre 2026", "fr", "2026-12-01"),
        ("14 de noviembre de 2026", "es", "2026-11-14"), ("24 Kasım 2026", "tr", "2026-11-24"),
        ("2026年11月20日", "ja", "2026-11-20"), ("Nov 11, 2026", "en", "2026-11-11"),
        ("11/9/2026", "en-US", "2026-11-09"), ("9/11/2026", "en-GB", "2026-11-09"), ("9/11/2026", None, None),
        ("24 November", "en", None), ("31.02.2026", "de", None), ("1.1.2026 – 2.1.2026", "de", None),
    ],
)  # fmt: skip
def test_days_are_read_in_the_page_s_language_or_not_at_all(text: str, language: str | None, day: str | None) -> None:
    found = read_day(text, language=language)
    assert (found.isoformat() if found else None) == day


@pytest.mark.parametrize(("with_hints", "right", "wrong"), [(False, 0.75, 0.035), (True, 0.99, 0.005)])
def test_the_open_corpus_is_read_as_well_as_it_was(with_hints: bool, right: float, wrong: float) -> None:
    tally = score.score(group="open", with_hints=with_hints)["all"]
    assert tally.right / tally.all >= right
    assert tally.wrong / tally.all <= wrong
