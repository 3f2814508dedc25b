"""`monitor add` and `monitor hint`: watch files that load and run at once, hints that give the value, nothing lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from monitor.cli.add import named
from monitor.embedded.extract import Extraction, extract
from monitor.embedded.extract.document import Document
from monitor.embedded.extract.shape import shape_of
from monitor.embedded.pinpoint import Pinpointer
from monitor.embedded.proposing import Proposal, identifier, propose
from monitor.embedded.selectors import stable
from monitor.files import documents
from monitor.files.inserting import inserted
from tests.cli.conftest import Workspace

PAGES = {
    "espresso-machine": ("product", {"name", "price", "currency", "in_stock"}),
    "grinders": ("offers", {"offers"}),
    "pricing": ("plans", {"plans"}),
    "news": ("articles", {"articles"}),
}


@pytest.fixture
def embedded(workspace: Workspace) -> Workspace:
    workspace.settings("agent: embedded\n")
    return workspace


@pytest.mark.parametrize("page", PAGES)
def test_a_page_becomes_a_watch_that_loads_and_runs(embedded: Workspace, page: str) -> None:
    said = embedded("add", f"http://demo.localhost/{page}", "--json")
    assert said.code == 0, said.err
    kind, names = PAGES[page]
    assert (said.json["kind"], set(said.json["output_schema"]["properties"])) == (kind, names)
    assert embedded("validate").code == 0
    ran = embedded("run", page, "--json")
    assert ran.json[0]["verdict"] == "BASELINE"
    assert "monitor validate" in said.err


def test_the_file_says_what_was_found_and_each_property_of_a_product_is_described(embedded: Workspace) -> None:
    said = embedded("add", "http://demo.localhost/espresso-machine", "--json")
    properties = said.json["output_schema"]["properties"]
    assert all("description" in each for each in properties.values())
    goal = "Find the product's name, current price, currency and availability (whether it can be ordered now)."
    assert said.json["goal"] == goal
    text = (embedded.folder / "watches" / "espresso-machine.yaml").read_text()
    assert "# found: 499" in text
    assert 'cron: "@hourly"' in text


ARTICLE = """<html lang="en"><head><title>Council approves bridge</title><meta property="og:type" content="article">
<meta property="og:title" content="Council approves bridge"></head><body><article><h1>Council approves bridge</h1>
<p class="byline">By <span class="author">Jane Roe</span></p><p>The council has approved it.</p></article></body></html>
"""


def test_a_goal_names_what_the_page_holds_and_nothing_else() -> None:
    found = propose(ARTICLE, "https://news.example/2026/11/council")
    assert (found.kind, found.goal) == ("article", "Find the article's title and author.")


@pytest.mark.parametrize(
    ("url", "name", "expected"),
    [
        ("https://shop.example/de/espresso-machine.html?ref=x", "Aurora Duo", "espresso-machine"),
        ("https://shop.example/p/12345", "Aurora Duo", "aurora-duo"),
        ("https://shop.example/p/12345.html", "Käse-Löffel Größe 3", "kaese-loeffel-groesse-3"),
        ("https://shop.example/product/index.php", "Łódź żółw", "lodz-zolw"),
        ("https://www.shop.example/", None, "shop-example-product"),
        ("https://shop.example/%D1%86%D0%B5%D0%BD%D0%B0", "цена", "shop-example-product"),
        ("https://shop.example/a/" + "very-" * 20 + "long", None, "very-very-very-very-very-very-very-very"),
        ("https://shop.example/" + "x" * 90, None, "x" * 40),
    ],
)
def test_a_watch_is_named_by_its_path_else_by_what_the_page_is_called(
    url: str, name: str | None, expected: str
) -> None:
    found = Extraction({"name": name, "price": 1.0})
    assert named(url, Proposal("product", "g", {}, found)) == expected


def test_an_existing_watch_is_never_overwritten(embedded: Workspace) -> None:
    path = embedded.watch("news")
    before = path.read_bytes()
    for more in ([], ["--name", "news"]):
        said = embedded("add", "http://demo.localhost/news", *more)
        assert (said.code, path.read_bytes()) == (2, before)
        assert "would be overwritten" in said.err
    assert embedded("add", "http://demo.localhost/news", "--name", "other").code == 0


@pytest.mark.parametrize("url", ["no url", "ftp://x.example/", "http://user:pw@x.example/"])
def test_what_is_no_url_is_a_usage_error(embedded: Workspace, url: str) -> None:
    said = embedded("add", url)
    assert (said.code, said.out) == (2, "")
    assert list((embedded.folder / "watches").iterdir()) == []


def test_a_page_that_cannot_be_had_is_told_and_leaves_no_file(embedded: Workspace) -> None:
    said = embedded("add", "http://127.0.0.1:1/page")
    assert said.code == 3
    assert list((embedded.folder / "watches").iterdir()) == []


@pytest.mark.parametrize("page", PAGES)
def test_hints_give_the_same_values_and_keep_every_comment(embedded: Workspace, page: str) -> None:
    embedded("add", f"http://demo.localhost/{page}")
    path = embedded.folder / "watches" / f"{page}.yaml"
    before = path.read_text()
    said = embedded("hint", page, "--json")
    assert said.code == 0, said.err
    assert said.json["hints"]
    copy = embedded.folder / "watches" / f"{page}.hinted.yaml.example"
    assert str(copy) == said.json["file"]
    assert path.read_text() == before
    assert embedded("hint", page, "--write").code == 0
    assert path.read_text() == copy.read_text() if copy.exists() else True
    kept = [line.partition("#")[2] for line in path.read_text().splitlines() if "#" in line]
    assert kept == [line.partition("#")[2] for line in before.splitlines() if "#" in line]
    ran = embedded("run", page, "--json")
    assert ran.json[0]["verdict"] == "BASELINE", ran.json
    again = embedded("hint", page, "--json")
    assert "has a hint" in str(again.json["not_hinted"])


def test_the_last_good_result_helps_where_extraction_finds_nothing(embedded: Workspace) -> None:
    schema = {"type": "object", "properties": {"tank": {"type": "string", "x-css": "dd:last-of-type"}}}
    head = "url: http://demo.localhost/espresso-machine\ngoal: tank\ncron: '@daily'\n"
    text = f"{head}output_schema: {json.dumps(schema)}\n"
    path = embedded.watch("m", text)
    assert embedded("run", "m", "--json").json[0]["result"] == {"tank": "2.1 l"}
    path.write_text(text.replace(', "x-css": "dd:last-of-type"', ""))
    found = embedded("hint", "m", "--json").json
    assert [each["path"] for each in found["hints"]] == ["/tank"]


HTML = """<html lang="en"><body><main id="product-4711"><h1 class="sc-bdVaJa kXbZqA">Kettle</h1>
<p class="text-xl price-now">€ 49.00</p><span class="sold-out">Sold out</span><p>€ 59.00</p>
<ul><li class="offer"><b class="seller">A</b><i>€ 1.00</i></li>
<li class="offer"><b class="seller">B</b><i>€ 2.00</i></li></ul>
<a class="more" href="/kettle">more</a></main></body></html>"""


def hinted(schema: dict[str, Any], result: dict[str, Any]) -> dict[str, dict[str, str]]:
    found = Pinpointer(Document(HTML, "https://x.example/")).hints(shape_of(schema), result)
    return {"/".join(each.path): each.keywords for each in found}


def scalar(kind: str, value: Any, **more: Any) -> dict[str, str]:
    return hinted({"properties": {"p": {"type": kind, **more}}}, {"p": value})["properties/p"]


def test_the_telling_class_is_taken_before_hashes_utilities_and_places() -> None:
    assert scalar("number", 49.0) == {"x-css": ".price-now"}
    assert scalar("string", "Kettle") == {"x-css": "h1"}
    assert scalar("string", "https://x.example/kettle", format="uri") == {"x-css": ".more", "x-attr": "href"}
    assert scalar("number", 77.0) == {}


def test_a_class_that_says_the_value_is_not_used() -> None:
    assert "sold-out" not in str(scalar("boolean", False))


def test_rows_are_found_and_their_columns_in_them() -> None:
    row = {"type": "object", "properties": {"seller": {"type": "string"}, "price": {"type": "number"}}}
    rows = [{"seller": "A", "price": 1.0}, {"seller": "B", "price": 2.0}]
    found = hinted({"properties": {"offers": {"type": "array", "items": row}}}, {"offers": rows})
    assert found["properties/offers/items"] == {"x-css": ".offer"}
    assert found["properties/offers/items/properties/seller"] == {"x-css": ".seller"}
    assert found["properties/offers/items/properties/price"] == {"x-css": "i"}


@pytest.mark.parametrize("name", ["price", "product-title", "buybox", "a-price", "main_content", "reviewCount"])
def test_names_that_people_choose_are_stable(name: str) -> None:
    assert stable(name)


@pytest.mark.parametrize(
    "name",
    ["css-1q2w3e", "sc-bdVaJa1", "product-4711", "mt-4", "text-xl", "x" * 50, "a:b", "a b", "", "kXbZqAr", "row"],
)
def test_names_of_build_tools_and_utilities_are_not(name: str) -> None:
    assert not stable(name)


TEXTS = {
    "a block": "# top\na:\n  b:  # here\n    type: number # there\n",
    "a flow": "a: {b: {type: number}} # there\n",
    "an empty map": "a: {b: {}}\n",
    "json": '{"a": {"b": {"type": "number"}}}',
    "windows": "a:\r\n  b:\r\n    type: number\r\n",
    "two documents": "a: {b: {type: number}}\n---\nx: 1\n",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_keys_are_added_in_place(text: str) -> None:
    changed = inserted(text, 0, {("a", "b"): {"x-css": '.p[a="b"]', "x-attr": "href"}})
    value = documents.parse(changed, "t")[0].value["a"]["b"]
    assert value == documents.parse(text, "t")[0].value["a"]["b"] | {"x-css": '.p[a="b"]', "x-attr": "href"}
    if text.startswith('{"'):
        json.loads(changed)
    assert changed.count("#") == text.count("#")


@pytest.mark.parametrize("text", ["a: &x {b: {k: 1}}\nc: *x\n", "a: {c: 1}\n", "a: {b: {x-css: p}}\n", "a: {b: 1}\n"])
def test_what_cannot_be_changed_in_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"in place|no map"):
        inserted(text, 0, {("a", "b"): {"x-css": "p"}})


def test_a_table_is_proposed_with_the_types_of_its_columns() -> None:
    rows = "".join(f"<tr><td>Plan {n}</td><td>{n}</td><td>{n}.50</td></tr>" for n in (1, 2, 3))
    html = f"<table><tr><th>Plan</th><th>Users</th><th>Price (EUR)</th></tr>{rows}</table>"
    found = propose(html, "https://x.example/")
    fields = found.schema["properties"]["rows"]["items"]["properties"]
    assert {name: child["type"] for name, child in fields.items()} == {
        "plan": "string",
        "users": "integer",
        "price_eur": "number",
    }
    assert found.identity == {"/rows": "plan"}


def test_a_page_that_says_nothing_is_proposed_with_its_title() -> None:
    found = propose("<title>Hello</title>", "https://x.example/")
    assert (found.kind, set(found.schema["properties"])) == ("page", {"title"})


@pytest.mark.parametrize("html", ["", "<table><tr><th>a<th>a</table>", "<p>" * 5000, "\x00<h1>\u202ex\u2028y</h1>"])
def test_odd_pages_are_proposed_something_that_extraction_takes(html: str) -> None:
    found = propose(html, "https://x.example/")
    assert extract(html, "https://x.example/", found.schema).missing == []


def test_labels_become_names() -> None:
    assert [identifier(label) for label in ("Price (excl. VAT)", "2nd name", "…")] == [
        "price_excl_vat",
        "n2nd_name",
        "",
    ]
