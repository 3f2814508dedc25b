"""The open corpus is fit to measure with: answers fit their schemas and stand on the pages, nothing needs a network.

It knows nothing of the extraction that is measured on the corpus. What a case holds and how answers compare:
`README.md` beside this file.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import jsonschema
import pytest
import yaml
from parsel import Selector, SelectorList

PAGES = Path(__file__).parent
OPEN = PAGES / "open"  # and nothing beside it: other sets may be held out, and a failing test prints what it reads
CASES = sorted(path.parent for path in OPEN.glob("*/case.yaml"))
KNOWN_KEYS = {"url", "goal", "schema", "answer", "hints", "rendered", "absent", "unordered", "notes"}
REQUIRED_KEYS = {"url", "goal", "schema", "answer", "hints", "notes"}
LIMIT = 2_500_000
ENCODINGS = {
    "004-olio-prestashop-it": "cp1252",
    "009-ocha-shiftjis-ja": "cp932",
    "032-arrete-prefecture-utf16-fr": "utf-16",
}
SYMBOLS = {"EUR": "€", "GBP": "£", "USD": "$", "JPY": "円", "BRL": "R$", "TRY": "TL", "SEK": "kr", "PLN": "zł"}
SPACES = r"[\s\u00a0\u202f]"
NUMBER = re.compile(rf"\d+(?:{SPACES}\d{{3}})+(?:[.,]\d+)?|\d[\d.,]*")


def load(folder: Path) -> dict[str, Any]:
    case = yaml.safe_load((folder / "case.yaml").read_text("utf-8"))
    assert isinstance(case, dict)
    return case


def text_of(folder: Path) -> str:
    return (folder / "page.html").read_bytes().decode(ENCODINGS.get(folder.name, "utf-8"))


def parsed(folder: Path) -> Selector:
    return Selector(text=text_of(folder))


def plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split()).casefold()


def numbers(text: str) -> set[Decimal]:
    """Return every number that `text` may mean, a comma and a point each read as grouping and as decimal mark."""
    found: set[Decimal] = set()
    for token in NUMBER.findall(text):
        digits = re.sub(SPACES, "", token).rstrip(".,")
        for group, mark in ((",", "."), (".", ",")):
            candidate = digits.replace(group, "").replace(mark, ".")
            if candidate.count(".") <= 1:
                found.add(Decimal(candidate))
    return found


def shows_date(iso: str, text: str) -> bool:
    """Return whether `text` holds the day of `iso`: the same form, or its day and its year as numbers."""
    year, _, day = iso.split("-")
    parts = re.findall(r"\d+", text)
    return iso in text or (year in parts and any(int(part) == int(day) for part in parts if len(part) <= 2))


def shows(value: Any, schema: dict[str, Any], text: str, url: str) -> bool:
    """Return whether the text that a hint gives holds `value`; of a boolean only that there is text."""
    if isinstance(value, bool):
        return bool(text.strip())
    if isinstance(value, int | float):
        return Decimal(str(value)) in numbers(text) or (value == 0 and not numbers(text) and bool(text.strip()))
    if schema.get("format") == "uri":
        return bool(urljoin(url, text.strip()) == value)
    if schema.get("format") == "date":
        return shows_date(value, text)
    return plain(value) in plain(text) or SYMBOLS.get(value, "\0") in text


def hinted(scope: Selector, hint: dict[str, str]) -> str | None:
    """Return the text or the attribute that `hint` names in `scope`, or None when it names nothing."""
    found: SelectorList[Selector] = scope.css(hint["x-css"])
    if not found:
        return None
    if "x-attr" in hint:
        return found[0].attrib.get(hint["x-attr"])
    return str(found[0].xpath("string()").get())


def leaves(schema: dict[str, Any], pointer: str = "") -> Iterator[str]:
    """Yield the pointer of each property of `schema`, and of the items of each list."""
    for name, prop in schema["properties"].items():
        at = f"{pointer}/properties/{name}"
        if prop["type"] == "array":
            yield f"{at}/items"
            if prop["items"]["type"] == "object":
                yield from leaves(prop["items"], f"{at}/items")
        else:
            yield at


def misses(case: dict[str, Any], page: Selector) -> Iterator[str]:
    """Yield each value of the answer that the hints of the case do not give."""
    hints = case["hints"]

    def object_misses(scope: Selector, schema: dict[str, Any], answer: dict[str, Any], pointer: str) -> Iterator[str]:
        for name, prop in schema["properties"].items():
            at, value = f"{pointer}/properties/{name}", answer[name]
            if prop["type"] == "array":
                rows = scope.css(hints[f"{at}/items"]["x-css"])
                if len(rows) != len(value):
                    yield f"{at}: {len(rows)} rows instead of {len(value)}"
                for row, part in zip(rows, value, strict=False):
                    if prop["items"]["type"] == "object":
                        yield from object_misses(row, prop["items"], part, f"{at}/items")
                    elif not shows(part, prop["items"], str(row.xpath("string()").get()), case["url"]):
                        yield f"{at}: {part!r}"
                continue
            text = hinted(scope, hints[at]) if at in hints else None
            if value is None:
                if text is not None and numbers(text) and "number" in prop["type"]:
                    yield f"{at}: {text!r} although the answer is null"
            elif text is None or not shows(value, prop, text, case["url"]):
                yield f"{at}: {value!r} not in {text!r}"

    yield from object_misses(page, case["schema"], case["answer"], "")


by_case = pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)


def test_the_corpus_has_the_forty_open_cases_and_is_small() -> None:
    assert len(CASES) == 40
    assert sum(path.stat().st_size for path in OPEN.rglob("*") if path.is_file()) < LIMIT


@by_case
def test_a_case_says_what_it_must_and_nothing_unknown(folder: Path) -> None:
    case = load(folder)
    assert case.keys() >= REQUIRED_KEYS
    assert case.keys() <= KNOWN_KEYS
    assert urlsplit(case["url"]).hostname is not None
    assert case["url"].startswith("https://")
    assert str(urlsplit(case["url"]).hostname).endswith(".example")


@by_case
def test_the_answer_fits_the_schema_and_names_every_property(folder: Path) -> None:
    case = load(folder)
    jsonschema.Draft202012Validator.check_schema(case["schema"])
    jsonschema.validate(case["answer"], case["schema"], format_checker=jsonschema.FormatChecker())
    assert list(case["answer"]) == list(case["schema"]["properties"])
    assert "x-" not in "".join(re.findall(r"'x-\w+'", repr(case["schema"])))
    for name in case.get("absent", []):
        assert case["answer"][name] is None


@by_case
def test_every_property_has_a_hint_unless_it_is_absent(folder: Path) -> None:
    case = load(folder)
    absent = {f"/properties/{name}" for name in case.get("absent", [])}
    assert set(case["hints"]) == set(leaves(case["schema"])) - absent


@by_case
def test_the_page_parses_and_is_as_large_as_real_ones(folder: Path) -> None:
    page = parsed(folder)
    assert page.css("body")
    assert 5_000 <= (folder / "page.html").stat().st_size <= 60_000
    assert 150 <= text_of(folder).count("\n") <= 800


@by_case
def test_the_hints_of_a_plain_page_give_the_answer(folder: Path) -> None:
    case = load(folder)
    if case.get("rendered"):
        assert parsed(folder).css("body script:not([src])"), "a rendered page builds itself by an inline script"
        return
    assert not list(misses(case, parsed(folder)))


@by_case
def test_a_rendered_page_holds_no_answer_without_its_script(folder: Path) -> None:
    case = load(folder)
    if case.get("rendered"):
        page = parsed(folder)
        assert list(misses(case, page))
        whole = [at for at in case["hints"] if "/items/" not in at]  # the others are relative to a row
        assert not [at for at in whole if page.css(case["hints"][at]["x-css"])]


@by_case
def test_nothing_on_the_page_leads_to_the_real_internet(folder: Path) -> None:
    page, case = parsed(folder), load(folder)
    loaded = page.xpath("//@src | //link[not(@itemprop)]/@href | //a/@href | //form/@action | //@srcset").getall()
    hosts = {urlsplit(urljoin(case["url"], address.strip())).hostname or "" for address in loaded}
    assert {host for host in hosts if host and not host.endswith(".example")} == set()
    if case.get("rendered"):
        assert not page.xpath("//script/@src"), "a rendered page loads no script"


def test_the_odd_encodings_are_odd() -> None:
    for name, encoding in ENCODINGS.items():
        data = (OPEN / name / "page.html").read_bytes()
        with pytest.raises(UnicodeDecodeError):
            data.decode("utf-8")
        assert data.decode(encoding)
    assert (OPEN / "032-arrete-prefecture-utf16-fr" / "page.html").read_bytes().startswith(b"\xff\xfe")
    assert b"charset" not in (OPEN / "004-olio-prestashop-it" / "page.html").read_bytes().lower()
