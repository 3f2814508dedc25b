"""What a page says about a value: labels beside it, names of classes, words of many languages, and the choice."""

from __future__ import annotations

from typing import Any

import lxml.html
import pytest

from monitor.embedded.extract import extract
from monitor.embedded.extract.beside import labels_of
from monitor.embedded.extract.clues import clues, short_texts
from monitor.embedded.extract.likeness import SURE, likeness
from monitor.embedded.extract.naming import own_names
from monitor.embedded.extract.query import query
from monitor.embedded.extract.shape import Shape
from monitor.embedded.extract.terms import concepts

URL = "https://shop.example/page"
NUMBER, STRING, FLAG = {"type": "number"}, {"type": "string"}, {"type": "boolean"}


def found(html: str, **properties: Any) -> dict[str, Any]:
    return extract(html, URL, {"type": "object", "properties": properties}).result


def tree(html: str) -> Any:
    return lxml.html.document_fromstring(html)


@pytest.mark.parametrize(
    ("html", "label"),
    [
        ("<dl><dt>Weight</dt><dd id=v>4</dd></dl>", "Weight"),
        ("<dl><div><dt>Weight</dt><dd id=v>4</dd></div></dl>", "Weight"),
        ("<dl><dd id=v>4</dd><dt>Weight</dt></dl>", "Weight"),
        ("<table><tr><th>Weight</th><td id=v>4</td></tr></table>", "Weight"),
        ("<div><span>Weight</span><span id=v>4</span></div>", "Weight"),
        ("<p><b>Weight:</b> <i>x</i></p><p>Weight: <b id=v>4</b></p>", "Weight"),
        ("<h4>Weight</h4><p id=v>4</p>", "Weight"),
        ("<div><b id=v>4</b><span>reviews</span></div>", "reviews"),
        ("<p><b id=v>£4</b> <small>ex VAT</small> and more</p>", "ex VAT"),
        ("<table><tr><td>a</td><td>b</td><td id=v data-label=Weight>4</td></tr></table>", "Weight"),
    ],
)
def test_what_stands_beside_a_value_is_its_label(html: str, label: str) -> None:
    root = tree(html)
    labels = labels_of(root.get_element_by_id("v"), short_texts(root))
    assert label in [one.text for one in labels if one.weight >= 0.8]


def test_a_cell_of_a_list_bears_the_name_of_its_column_and_what_it_stands_for() -> None:
    root = tree("<table><tr><th>Team<th><abbr title='Games played'>GP</abbr><tr><td>Rovers<td id=v>12</table>")
    labels = labels_of(root.get_element_by_id("v"), short_texts(root), rows=True)
    assert [one.text for one in labels] == ["GP", "Games played"]


def test_a_column_after_a_cell_that_spans_two_keeps_its_name() -> None:
    root = tree("<table><tr><th colspan=2>Topic<th>Views<tr><td>x<td>About bread<td id=v>12</table>")
    assert [one.text for one in labels_of(root.get_element_by_id("v"), short_texts(root), rows=True)] == ["Views"]


def test_the_parts_of_a_cell_take_the_parts_of_its_columns_name() -> None:
    root = tree("<table><tr><th>Job / Company<th>City<tr><td><a id=a>Baker</a><span id=b>Crumb</span><td>York</table>")
    texts = short_texts(root)
    for name, label in (("a", "Job"), ("b", "Company")):
        assert labels_of(root.get_element_by_id(name), texts, rows=True)[0].text == label


@pytest.mark.parametrize(
    ("markup", "words"),
    [
        ("class='card__price--old'", {"price", "!old"}),
        ("class='Product_price__x7Gh2'", {"price"}),
        ("data-at='job-item-salary-info'", {"salary"}),
        ("class='css-1q2w3e text-4xl md:mt-2 is-old has-price'", set()),
        ("itemprop=price", {"price"}),
        ("class='reject-all-handler'", set()),
    ],
)
def test_names_of_the_markup_say_what_people_meant_by_them(markup: str, words: set[str]) -> None:
    named = own_names(tree(f"<p id=v></p><b {markup}>x</b>").find(".//b"))
    assert {word for word, weight in named.items() if word[0] != "=" and weight > 0.6} == words


@pytest.mark.parametrize(
    ("one", "other"),
    [("Startdatum", "start date"), ("Verspätung", "verspaetung"), ("Listenpreis", "old price"), ("Größe", "groesse")],
)
def test_words_of_other_languages_and_spellings_mean_the_same(one: str, other: str) -> None:
    assert concepts(one) & concepts(other)


def test_an_exact_label_is_likelier_than_one_with_more_words_and_one_with_another_mark_is_not_likely() -> None:
    asked = query("price", Shape("number"))

    def score(label: str) -> float:
        root = tree(f"<dl><dt>{label}</dt><dd>€ 4</dd></dl>")
        return max(likeness(asked, clue) for clue in clues(root) if clue.element.tag == "dd" and clue.part is None)

    assert score("Price") > score("Price zone blue") > SURE > score("Old price")
    assert score("Price per month") < SURE


@pytest.mark.parametrize(
    ("html", "schema", "value"),
    [
        ("<h1>T</h1><p class=price><del>€ 9</del> <ins>€ 7</ins></p>", NUMBER, 7),
        ("<h1>T</h1><p>was <s>€ 9</s></p><p class=price>€ 7</p>", NUMBER, 7),
        ("<h1>T</h1><p class=price>€ 7</p><section><h2>Similar items</h2><p class=price>€ 5</p></section>", NUMBER, 7),
        ("<h1>T</h1><p class=price>€ 7</p><p class=price>€ 5</p>", NUMBER, None),
        ("<h1>T</h1><p>Shipping: € 5</p>", NUMBER, None),
        ("<h1>T</h1><p>or 12 x <b class=price>€ 3</b> per month</p>", NUMBER, None),
    ],
)
def test_the_present_price_is_told_from_others_or_not_at_all(html: str, schema: Any, value: Any) -> None:
    assert found(html, price=schema)["price"] == value


def test_script_data_is_matched_by_what_its_keys_mean() -> None:
    html = (
        '<script type="application/json">{"a": {"name": "P", "price": 5, "compareAtPrice": 9,'
        ' "rating": {"average": 4.5, "count": 12}}}</script>'
    )
    asked = {"name": STRING, "price": NUMBER, "original_price": NUMBER, "rating_average": NUMBER}
    assert found(html, **asked) == {"name": "P", "price": 5, "original_price": 9, "rating_average": 4.5}


def test_structured_data_answers_in_any_language() -> None:
    told = '{"@type":"Hotel","name":"H","aggregateRating":{"ratingValue":"8.5"}}'
    html = f'<script type="application/ld+json">{told}</script>'
    assert found(html, nome=STRING, bewertung=NUMBER) == {"nome": "H", "bewertung": 8.5}


def test_structured_data_that_the_page_strikes_through_is_not_believed() -> None:
    html = '<script type="application/ld+json">{"@type":"Product","name":"P","offers":{"price":"9"}}</script><s>€ 9</s>'
    assert found(html, price=NUMBER) == {"price": None}


def test_a_locale_of_the_whole_schema_holds_for_its_properties() -> None:
    html = "<p>Released: 3/4/2026</p><dl><dt>Distance</dt><dd>1.299</dd></dl>"
    schema = {"released": STRING | {"format": "date"}, "distance": NUMBER}
    assert found(html, **schema) == {"released": None, "distance": None}
    told = extract(html, URL, {"type": "object", "x-locale": "de", "properties": schema}).result
    assert told == {"released": "2026-04-03", "distance": 1299}


def test_of_a_page_that_is_too_long_the_beginning_is_read_and_the_rest_is_said() -> None:
    schema = {"type": "object", "properties": {"price": NUMBER}}
    told = extract("<p>Price: <b>€ 5</b></p>" + "<p>x</p>" * 700_000, URL, schema)
    assert (told.result, told.cut) == ({"price": 5}, True)
    assert not extract("<p>Price: <b>€ 5</b></p>", URL, schema).cut
