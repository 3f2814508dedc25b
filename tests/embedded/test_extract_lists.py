"""Lists: rows by the places of blocks, tables by their header or their columns, plain lists, and what is left out."""

from __future__ import annotations

from typing import Any

import pytest

from monitor.embedded.extract import extract

URL = "https://shop.example/page"
NUMBER, STRING = {"type": "number"}, {"type": "string"}


def rows(html: str, called: str, /, **properties: Any) -> Any:
    row = {"type": "object", "properties": properties}
    return extract(html, URL, {"type": "object", "properties": {called: {"type": "array", "items": row}}}).result[
        called
    ]


def plain(html: str, name: str) -> Any:
    schema = {"type": "object", "properties": {name: {"type": "array", "items": STRING}}}
    return extract(html, URL, schema).result[name]


def as_table(cells: list[list[str]]) -> str:
    lines = ["".join(f"<{'td' if i else 'th'}>{cell}" for cell in line) for i, line in enumerate(cells)]
    return f"<table>{''.join(f'<tr>{line}' for line in lines)}</table>"


def as_roles(cells: list[list[str]]) -> str:
    def line(at: int, texts: list[str]) -> str:
        role = "cell" if at else "columnheader"
        return "<div role=row>" + "".join(f"<span role={role}>{text}</span>" for text in texts) + "</div>"

    return f"<div role=table>{''.join(line(at, texts) for at, texts in enumerate(cells))}</div>"


def as_cards(cells: list[list[str]]) -> str:
    head, *lines = cells
    return "".join(
        "<div class=card>" + "".join(f"<p>{name}: {text}</p>" for name, text in zip(head, line, strict=True)) + "</div>"
        for line in lines
    )


@pytest.mark.parametrize("shown", [as_table, as_roles, as_cards])
def test_rows_are_read_however_they_are_laid_out(shown: Any) -> None:
    html = shown([["Team", "Points", "Lost"], ["Rovers", "29", "1"], ["Albion", "27", "2"], ["Harriers", "24", "4"]])
    assert rows(html, "teams", team=STRING, points=NUMBER, lost=NUMBER) == [
        {"team": "Rovers", "points": 29, "lost": 1},
        {"team": "Albion", "points": 27, "lost": 2},
        {"team": "Harriers", "points": 24, "lost": 4},
    ]


def test_columns_of_plans_are_rows() -> None:
    html = (
        "<table><tr><td></td><th>Free</th><th>Pro</th><th>Team</th></tr><tr><th>Price</th><td>$0</td><td>$9</td><td>$29"
        "</td></tr><tr><th>Storage</th><td>1 GB</td><td>10 GB</td><td>99 GB</td></tr></table>"
    )
    assert rows(html, "plans", name=STRING, price=NUMBER, storage=STRING)[1] == {
        "name": "Pro", "price": 9, "storage": "10 GB"}  # fmt: skip


def cards(*facts: tuple[str, str, str]) -> str:
    return "".join(
        f"<article class=job><h3>{title}</h3><div><span>{one}</span><span>{two}</span></div></article>"
        for title, one, two in facts
    )


def test_a_text_that_nothing_names_is_not_given_to_one_of_two_properties() -> None:
    html = cards(("Baker", "Crumb", "York"), ("Miller", "Mill", "Leeds"), ("Cook", "Pan", "Hull"))
    found = rows(html, "jobs", title=STRING, company=STRING, location=STRING)
    assert found is None or all(row["company"] is None and row["location"] is None for row in found)


def test_struck_prices_of_some_rows_do_not_drop_the_rows() -> None:
    html = "".join(
        f"<li class=card><h3>Lamp {n}</h3><p class=price>{f'<del>€ {n + 5}</del> ' if n % 2 else ''}€ {n}</p></li>"
        for n in range(1, 6)
    )
    assert [row["price"] for row in rows(f"<ul>{html}</ul>", "lamps", name=STRING, price=NUMBER)] == [1, 2, 3, 4, 5]


def test_facts_in_one_line_are_parted_by_their_signs() -> None:
    html = "".join(
        f"<li class=r><a>Rel {n}</a><small>Id R-{n}{n} · Published Nov {n}, 2026 · Fixed in 1.{n}</small></li>"
        for n in range(1, 5)
    )
    found = rows(f"<ul>{html}</ul>", "advisories", title=STRING, published=STRING | {"format": "date"}, fixed_in=STRING)
    assert found[2] == {"title": "Rel 3", "published": "2026-11-03", "fixed_in": "1.3"}


@pytest.mark.parametrize(
    "html",
    [
        "<h2>Ingredients</h2><ul><li>2 eggs</li><li>salt</li></ul>",
        "<ul class=ingredients><li>2 eggs</li><li>salt</li></ul>",
        "<div class=box><span class=ingredient>2 eggs</span> <span class=ingredient>salt</span></div>",
        "<dl><dt>Ingredients</dt><dd>2 eggs, salt</dd></dl>",
        "<p>Ingredients: 2 eggs and salt.</p>",
    ],
)
def test_plain_lists_are_found_by_their_names(html: str) -> None:
    noise = "<nav><ul><li>Home</li><li>Shop</li></ul></nav><p class=a>x</p>"
    assert plain(noise + html, "ingredients") == ["2 eggs", "salt"]


def test_two_lists_of_the_same_name_are_a_choice_that_is_not_made() -> None:
    one, other = (
        "<h2>Ingredients</h2><ul><li>egg</li><li>salt</li></ul>",
        "<h2>Ingredients</h2><ul><li>oil</li><li>rye</li></ul>",
    )
    assert plain(one + other, "ingredients") is None


def test_a_button_that_shows_something_makes_no_advertisement() -> None:
    html = "".join(
        f"<div class=c><h3>Job {n}</h3><p class=ort>Ort {n}</p><button>Gehalt anzeigen</button></div>" for n in range(4)
    )
    assert len(rows(f"<html lang=de>{html}", "jobs", titel=STRING, ort=STRING)) == 4
