"""Bringing results to their schema: what becomes what, what is recorded, what is left and why."""

# ruff: noqa: E501 - tables of literal expectations

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.agent.schema import compile_schema
from monitor.errors import UsageError
from monitor.judge.schemas import scope, validation
from monitor.judge.schemas.check import check
from monitor.judge.values import words
from monitor.judge.values.coercion import MOST_RECORDED, coerced
from monitor.judge.values.reading import read
from monitor.watch.model import Watch
from tests.judge.values import JSON

PAGE = (Path(__file__).parents[2] / "docs" / "coercion.md").read_text(encoding="utf-8")


def one(value: Any, name: Any = "a", required: Any = True, **schema: Any) -> Any:
    """Return what a value of one property becomes; the sentence of its violation where it breaks the schema."""
    whole = {"type": "object", "properties": {name: schema}, **({"required": [name]} if required else {})}
    found = read({name: value, "x": 1}, {**whole, "additionalProperties": True})
    return found.violations[0].message if found.violations else found.value.get(name, "absent")


def exact(found: Any) -> tuple[str, Any]:
    return type(found).__name__, found


NUMBER, INTEGER, BOOLEAN, STRING = {"type": "number"}, {"type": "integer"}, {"type": "boolean"}, {"type": "string"}
NULL = {"type": "null"}
OBJECT = {"type": "object", "required": ["n"], "properties": {"n": NUMBER}}


@pytest.mark.parametrize(
    ("before", "schema", "after"),
    [
        ("$1,299.00", NUMBER, 1299.0), ("15%", NUMBER, 15), ("4.0", INTEGER, 4), ("1,299 reviews", {**INTEGER, "x-locale": "en"}, 1299),
        (4.0, INTEGER, 4.0), (7, NUMBER, 7), (True, {"type": ["boolean", "number"]}, True),
        ("yes", BOOLEAN, True), ("Sold out", BOOLEAN, False), (1, BOOLEAN, True), (0, BOOLEAN, False), (0.0, BOOLEAN, False),
        (799, STRING, "799"), (799.0, STRING, "799"), (0.5, STRING, "0.5"), ("799", STRING, "799"), (2, {"enum": ["1", "2"]}, "2"),
        ("us dollar", {"enum": ["EUR", "US_DOLLAR"]}, "US_DOLLAR"), ("in-stock", {"const": "In Stock"}, "In Stock"), ("2", {"enum": [1, 2]}, 2),
        (" a ", STRING, "a"), ("\ufeffa\u200b", STRING, "a"), ("e\u0301", STRING, "é"), (" ", STRING, ""), (" a ", {}, "a"),
        (" ab ", {"type": "string", "minLength": 4}, " ab "), (" abcd ", {"type": "string", "minLength": 4}, "abcd"),
        (" x", {"enum": [" x", "y"]}, " x"), (" y ", {"enum": [" x", "y"]}, "y"),
        ("21 Nov 2026", {"type": "string", "format": "date"}, "2026-11-21"), (" 2026-11-21", {"type": "string", "format": "date"}, "2026-11-21"),
        ("12.50", {"type": ["number", "null"]}, 12.5), ("12.50", {"type": ["number", "string"]}, "12.50"), ("1", {"type": ["number", "boolean"]}, '/a: "1" can be read as a number and as true or false'),
        (1, {"type": ["string", "boolean"]}, "/a: 1 is not true or false or text"), (3, {"type": ["string", "boolean"]}, "3"),
        ("N/A", {"type": ["number", "null"]}, None), ("—", {"type": "number", "nullable": True}, None), ("", {"anyOf": [NUMBER, NULL]}, None),
        ("N/A", {"type": ["string", "null"]}, "N/A"), ("N/A", {"type": ["array", "null"]}, None),
        ("n/a", {"enum": ["EUR", None]}, None), ("-", {"type": ["string", "null"], "format": "date"}, None),
        ("12.50", {"anyOf": [NUMBER, NULL]}, 12.5), ("12.50", {"oneOf": [NULL, NUMBER]}, 12.5),
        ("12.50", {"anyOf": [NUMBER, STRING]}, "12.50"), (" a ", {"anyOf": [NUMBER, STRING]}, "a"), ("yes", {"anyOf": [NUMBER, BOOLEAN]}, True),
        ("1", {"anyOf": [NUMBER, BOOLEAN]}, '/a: "1" fits none of the forms that the schema allows'),
        ({"n": "5"}, {"anyOf": [OBJECT, STRING]}, {"n": 5}), ({"n": "5"}, {"anyOf": [OBJECT, NULL]}, {"n": 5}),
        ({"n": "5"}, {"allOf": [OBJECT, {"properties": {"m": NUMBER}}]}, {"n": 5}),
        ({"k": "a", "n": "5"}, {"oneOf": [{**OBJECT, "properties": {"k": {"const": "a"}, "n": NUMBER}}, {**OBJECT, "properties": {"k": {"const": "b"}, "n": STRING}}]}, {"k": "a", "n": 5}),
        ({"z": "5"}, {"additionalProperties": NUMBER}, {"z": 5}), ({"z": "5"}, {"patternProperties": {"^z": NUMBER}}, {"z": 5}),
        ({"z": " 5 "}, {"type": "object"}, {"z": "5"}), ({"z": " 5 "}, {"properties": {"y": {}}}, {"z": " 5 "}),
        (["5", "yes", "x"], {"prefixItems": [NUMBER, BOOLEAN]}, [5, True, "x"]), (["5"], {"items": NUMBER}, [5]), ([" x "], {"type": "array"}, ["x"]),
        (["5", "6"], {"prefixItems": [{}], "items": NUMBER}, ["5", 6]),
        ({"n": "5"}, {"type": "array", "items": OBJECT}, '/a: {"n": "5"} is not a list'),
        ("[1]", {"type": "array"}, '/a: "[1]" is not a list'), (True, STRING, "/a: true is not text"), (2, BOOLEAN, "/a: 2 is not true or false"),
        (True, NUMBER, "/a: true is not a number"),
    ],
)  # fmt: skip
def test_a_value_is_brought_to_its_schema(before: Any, schema: dict[str, Any], after: Any) -> None:
    assert exact(one(before, **schema)) == exact(after)


@pytest.mark.parametrize("text", ["", " ", "-", "—", "N/A", "n.a.", "none", "not available"])
@pytest.mark.parametrize("schema", [NUMBER, INTEGER, BOOLEAN, {"enum": ["EUR"]}, {"type": "string", "format": "date"}])
def test_words_for_nothing_are_absence_where_the_property_is_optional(text: str, schema: dict[str, Any]) -> None:
    if schema == BOOLEAN and text == "not available":
        assert one(text, required=False, **schema) is False
        return
    assert one(text, required=False, **schema) == "absent"
    assert (
        one(text, **schema)
        == f"/a: {json.dumps(text, ensure_ascii=False)} says that there is no value, and one is required"
    )


def test_nothing_in_a_list_is_a_violation() -> None:
    assert "cannot be left out" in one(["5", "-"], items=NUMBER)


@pytest.mark.parametrize(
    ("value", "schema", "message"),
    [
        ("Was $99 now $79", NUMBER, '/a: "Was $99 now $79" is not read as a number: it holds more than one number'),
        ("1.299", NUMBER, '/a: "1.299" is not read as a number: it can be read as 1299 and as 1.299: say x-locale in the schema'),
        ("4.5", INTEGER, '/a: "4.5" is not a whole number'),
        ("1e400", NUMBER, '/a: "1e400" is a number too large or too small for JSON'),
        ("maybe", BOOLEAN, '/a: "maybe" is not read as true or false'),
        ("GBP", {"enum": ["EUR", "USD"]}, '/a: "GBP" is not one of ["EUR", "USD"]'),
        ("ab", {"enum": ["A-B", "a_b"]}, '/a: "ab" is not one of ["A-B", "a_b"]'),
        ("12/11/2026", {"type": "string", "format": "date"}, '/a: "12/11/2026" can be read as day and month or as month and day: say x-locale in the schema'),
    ],
)  # fmt: skip
def test_what_is_not_read_says_why(value: str, schema: dict[str, Any], message: str) -> None:
    assert one(value, **schema) == message


@pytest.mark.parametrize(("text", "truth"), [("InStock", True), ("OutOfStock", False), ("SoldOut", False)])
def test_the_words_of_schema_org_are_read_with_and_without_their_address(text: str, truth: bool) -> None:
    for way in (
        text,
        text.upper(),
        text.casefold(),
        f" {text} ",
        f"https://schema.org/{text}",
        f"http://schema.org/{text}",
    ):
        assert one(way, name="in_stock", **BOOLEAN) is truth
    assert "whose name turns words" in one(text, name="sold_out", **BOOLEAN)


def test_an_amount_against_x_locale_is_settled_by_other_amounts_and_not_by_itself() -> None:
    schema = {"x-locale": "de", "properties": {"a": NUMBER, "rows": {"items": NUMBER}}}
    assert read({"a": "$1,299", "rows": ["$12.50"]}, schema).value["a"] == 1299
    for rows in (["$2,499"], ["12,50"], ["$12.50", "12,50"], []):
        found = read({"a": "$1,299", "rows": rows}, schema)
        assert found.code == "SCHEMA"
        assert (
            '/a: "$1,299" is not read as a number: it can be read as 1299 and as 1.299' in found.violations[0].message
        )


def test_the_largest_numbers_that_json_holds_keep_their_schema() -> None:
    assert one("1e308", **NUMBER) == one("1e308", **INTEGER) == 10**308
    assert "too large or too small" in one("1e309", **NUMBER)


def test_words_for_stock_say_nothing_of_a_property_whose_name_turns_them_round() -> None:
    assert one("sold out", name="in_stock", **BOOLEAN) is False
    for name in ("sold_out", "isSoldOut", "unavailable", "outOfStock", "discontinued", "not-available"):
        assert "whose name turns words for stock round" in one("sold out", name=name, **BOOLEAN)
        assert one("yes", name=name, **BOOLEAN) is True


def test_x_locale_counts_for_everything_below_it_and_the_nearest_wins() -> None:
    schema = {
        "x-locale": "de",
        "properties": {
            "a": NUMBER,
            "b": {**NUMBER, "x-locale": "en"},
            "rows": {"x-locale": "en", "items": {"properties": {"c": NUMBER}}},
            "d": {"anyOf": [NUMBER, NULL]},
            "e": BOOLEAN,
            "f": {**NUMBER, "x-locale": "xx"},
        },
    }
    result = {"a": "1.299", "b": "1.299", "rows": [{"c": "1.299"}], "d": "1.299", "e": "nein", "f": "1.299"}
    assert read(result, schema).value == {
        "a": 1299,
        "b": 1.299,
        "rows": [{"c": 1.299}],
        "d": 1299,
        "e": False,
        "f": 1299,
    }


@pytest.mark.parametrize(
    ("others", "after"),
    [
        (["12,50"], 1299), (["12.50"], 1.299), (["12.345,67"], 1299), (["1.299.000"], 1299), (["$1,299"], 1.299), (["12,50", "12.50"], None),
        (["15"], None), ([12.5], None), (["1.234"], None), (["Was 12,50 now 9,99"], None), (["12,50", "7,25"], 1299),
    ],
)  # fmt: skip
def test_the_other_numbers_of_the_result_settle_a_separator_where_they_agree(others: list[Any], after: Any) -> None:
    schema = {"properties": {"a": NUMBER, "rows": {"items": NUMBER}, "note": STRING}}
    found, _, refused = coerced({"a": "1.299", "rows": others, "note": "12,50"}, scope.of(schema))
    assert found["a"] == ("1.299" if after is None else after)
    assert (after is None) == any(one.path == "/a" for one in refused)


def test_numbers_inside_choices_are_among_the_others() -> None:
    schema = {
        "properties": {"a": NUMBER, "b": {"anyOf": [INTEGER, BOOLEAN, NUMBER]}, "c": {"properties": {"d": NUMBER}}}
    }
    assert read({"a": "1.299", "b": "12,50"}, schema).value["a"] == 1299
    assert read({"a": "1.299", "c": {"d": "12.5", "e": "1,5"}}, schema).value["a"] == 1.299


def test_every_change_is_recorded_with_how_it_was_read() -> None:
    schema = {"properties": {"a/b": NUMBER, "rows": {"items": BOOLEAN}, "t": STRING, "gone": NUMBER}}
    result = {"a/b": "$1,299", "rows": [True, "yes"], "t": f" {'x' * 500}", "gone": "N/A"}
    found = read(result, schema)
    assert [(one.path, one.before, one.after, one.how) for one in found.coerced] == [
        ("/a~1b", "$1,299", 1299, "number from text, by its currency"),
        ("/rows/1", "yes", True, "true or false from a word"),
        ("/t", f" {'x' * 198}…", f"{'x' * 199}…", "trimmed"),
        ("/gone", "N/A", None, "absent"),
    ]
    assert found.value == {"a/b": 1299, "rows": [True, True], "t": "x" * 500}
    assert result["gone"] == "N/A"


def test_without_coercion_values_are_judged_as_they_stand() -> None:
    schema = {"properties": {"a": NUMBER, "b": NUMBER, "c": STRING}}
    found = read({"a": "5", "b": None, "c": " x "}, schema, coerce=False)
    assert (found.value, found.coerced, found.code) == ({"a": "5", "c": " x "}, (), "SCHEMA")


def test_a_null_that_comes_of_reading_is_absent_where_the_property_is_optional() -> None:
    schema = {"properties": {"a": {"type": ["number", "null"]}}}
    assert read({"a": "N/A"}, schema).value == {}


@pytest.mark.no_cover  # tracing takes three times as long as the work whose time is bounded
def test_ten_thousand_rows_are_read_and_only_so_much_is_recorded() -> None:
    row = {
        "type": "object",
        "properties": {"a": NUMBER, "b": BOOLEAN, "c": STRING, "d": {"type": "string", "format": "date"}, "e": INTEGER},
    }
    schema = {"required": ["rows"], "properties": {"rows": {"type": "array", "items": row}}}
    rows = [
        {"a": f"${n}.50", "b": "yes", "c": f" {n}", "d": f"{n % 28 + 1} Nov {1900 + n % 300}", "e": f"{n} kg"}
        for n in range(10_000)
    ]
    began = time.process_time()
    found = read({"rows": rows}, schema)
    assert time.process_time() - began < 10
    assert (found.code, len(found.coerced)) == (None, MOST_RECORDED)
    assert found.value["rows"][9_999] == {
        "a": 9999.5,
        "b": True,
        "c": "9999",
        "d": "1999-11-04" if 9_999 % 300 == 99 else found.value["rows"][9_999]["d"],
        "e": 9999,
    }
    assert len(coerced({"rows": [{"a": "x"}] * 5_000}, scope.of(schema))[2]) == 2_000


def test_a_schema_of_many_choices_is_given_up_in_bounded_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.judge.values.coercion.MOST_STEPS", 50)
    found = read({"a": ["5"] * 100}, {"properties": {"a": {"items": NUMBER}}})
    assert found.code == "SCHEMA"
    assert found.value["a"][0] == 5
    assert found.value["a"][99] == "5"


SCHEMAS: list[dict[str, Any]] = [
    {"properties": {"a": NUMBER, "b": BOOLEAN, "price": STRING, "é": {"enum": ["x", "Y z"]}, "0": {"type": ["integer", "null"]}}},
    {"properties": {"a": {"anyOf": [NUMBER, BOOLEAN, OBJECT, {"items": INTEGER}]}, "b": {"items": {"oneOf": [NUMBER, STRING]}}}, "additionalProperties": NUMBER},
    {"required": ["a", "b"], "properties": {"a": {"type": "string", "format": "date"}, "b": {"allOf": [{"type": "integer"}, {"minimum": 2}]}}, "x-locale": "de"},
    {"properties": {"a": {"type": "object", "properties": {"b": {"type": "array", "items": NUMBER}}}, "b": {"anyOf": [{"properties": {"a": NUMBER}, "required": ["a"]}, {"properties": {"b": BOOLEAN}, "required": ["b"]}]}}},
    {},
]  # fmt: skip
TEXTS = st.sampled_from(
    [
        "",
        "-",
        "N/A",
        "yes",
        "no",
        "1",
        "1.299",
        "1,299",
        "12,50",
        "$5",
        "$1,299",
        " x ",
        "y-z",
        "21 Nov 2026",
        "12/11/2026",
        "4.0",
        "1e400",
        "\u200b",
        "15%",
    ]
)
VALUES = st.recursive(
    JSON | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab0é"), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from(["a", "b", "0", "é", "price", "z"]), VALUES, max_size=4)


@settings(deadline=None, max_examples=400)
@given(OBJECTS, st.sampled_from(SCHEMAS))
def test_reading_again_changes_nothing_and_what_is_recorded_is_what_changed(
    value: dict[str, Any], schema: dict[str, Any]
) -> None:
    place = validation.compiled(schema).scope
    before = json.dumps(value)
    found, changed, _ = coerced(value, place)
    assert json.dumps(value) == before
    again, more, _ = coerced(found, place)
    assert (json.dumps(again), more) == (json.dumps(found), ())
    if not changed:
        assert found == value


@settings(deadline=None, max_examples=400)
@given(OBJECTS, st.sampled_from(SCHEMAS))
def test_what_keeps_the_schema_is_only_ever_trimmed_and_goes_on_keeping_it(
    value: dict[str, Any], schema: dict[str, Any]
) -> None:
    compiled = validation.compiled(schema)
    if compiled.valid(value):
        found, changed, _ = coerced(value, compiled.scope)
        assert compiled.valid(found)
        assert {one.how for one in changed} <= {"trimmed"}


def test_a_schema_that_the_load_check_refuses_is_named_as_such_before_anything_is_read() -> None:
    with pytest.raises(UsageError):
        read({"a": "5"}, {"properties": {"a": {"anyOf": [NUMBER, {"$ref": "#/$defs/none"}, BOOLEAN]}}})


def test_references_inside_choices_lead_into_the_whole_schema() -> None:
    schema = {
        "$defs": {
            "price": {"type": "object", "required": ["n"], "properties": {"n": {"$ref": "#/$defs/n"}}},
            "n": NUMBER,
        },
        "properties": {
            "a": {"anyOf": [{"$ref": "#/$defs/price"}, {"type": "array", "items": {"$ref": "#/$defs/n"}}, BOOLEAN]}
        },
    }
    assert read({"a": {"n": "$5"}}, schema).value == {"a": {"n": 5}}
    assert read({"a": ["$5"]}, schema).value == {"a": [5]}


def test_very_long_text_is_no_word_and_no_option() -> None:
    assert "is not read as true or false" in one("x" * 1_000, **BOOLEAN)
    assert "is not one of" in one("x" * 1_000, enum=["x"])


def watch(schema: dict[str, Any]) -> Watch:
    return Watch(name="w", url="https://example.com/", goal="g", cron="@daily", output_schema=schema)


def test_hints_for_reading_are_checked_at_load_and_never_sent() -> None:
    good = {
        "type": "object",
        "required": ["a"],
        "x-locale": "de-CH",
        "properties": {"a": {**NUMBER, "x-locale": "en", "x-timezone": "UTC"}},
    }
    assert list(check(watch(good))) == []
    assert "x-" not in json.dumps(compile_schema(good).sent)
    bad = {
        "type": "object",
        "required": ["a"],
        "x-locale": "german",
        "properties": {"a": {**NUMBER, "x-locale": 3, "x-timezone": "Berlin"}},
    }
    found = {finding.path: finding.message for finding in check(watch(bad)) if not finding.warning}
    assert found == {
        ("output_schema", "x-locale"): '"german" is not a locale',
        ("output_schema", "properties", "a", "x-locale"): "3 is not a locale",
        ("output_schema", "properties", "a", "x-timezone"): '"Berlin" is not a time zone',
    }


def rows(section: str) -> list[list[str]]:
    """Return the cells of the table in a section of the page, without its head."""
    text = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def code(cell: str) -> str:
    return cell.strip("`")


@pytest.mark.parametrize("cells", rows("Numbers"), ids=lambda cells: " ".join(cells[:2]))
def test_the_page_tells_the_truth_about_numbers(cells: list[str]) -> None:
    hint = {"x-locale": code(cells[1])} if cells[1] else {}
    found = one(code(cells[0]), **NUMBER, **hint)
    if cells[2].startswith("never: "):
        assert isinstance(found, str)
        assert cells[2].removeprefix("never: ") in found
    else:
        assert repr(found) == cells[2]


@pytest.mark.parametrize("cells", rows("True and false"), ids=lambda cells: cells[0][:20])
def test_the_page_tells_the_truth_about_words(cells: list[str]) -> None:
    hint = {"x-locale": code(cells[1])} if cells[1] else {}
    for word in cells[0].split(", "):
        assert one(word, name="in_stock", **BOOLEAN, **hint) is (cells[2] == "true"), word


@pytest.mark.parametrize("cells", rows("Dates and times"), ids=lambda cells: " ".join(cells[:4]))
def test_the_page_tells_the_truth_about_dates(cells: list[str]) -> None:
    hints = {name: code(cell) for name, cell in (("x-locale", cells[2]), ("x-timezone", cells[3])) if cell}
    found = one(code(cells[0]), type="string", format=cells[1], **hints)
    assert cells[4].removeprefix("never: ") in found if cells[4].startswith("never: ") else found == cells[4]


def test_the_page_names_every_word_and_every_currency() -> None:
    from monitor.judge.values import currencies

    nothing = PAGE.split("\n## Nothing\n")[1].split(", where")[0].casefold().replace(" and ", ", ")
    assert {word.strip("` \n") for word in nothing.split(",")} - {"an empty text"} == words.NOTHING - {""}
    for sign, codes in currencies.GROUPS.items():
        told = re.search(rf"[Bb]y {'commas' if sign == ',' else 'dots'}: ([A-Z ]+)", PAGE)
        assert told
        assert set(told[1].split()) == set(codes.split())
    shown = {word.casefold() for cells in rows("True and false") for word in cells[0].split(", ")}
    lists = [words._PLAIN, words._STOCK, *words._PLAIN_IN.values(), *words._STOCK_IN.values()]
    assert {word for table in lists for word in table if "schema.org" not in word} == shown
