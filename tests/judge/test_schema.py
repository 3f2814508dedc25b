"""The load check: every unusable schema and every pointer that names nothing is found, with its place and a hint."""

from __future__ import annotations

import copy
import socket
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.judge.schemas.check import check
from monitor.watch.findings import Finding
from tests.conftest import make_watch
from tests.judge.values import JSON

BASE = {
    "type": "object",
    "required": ["price"],
    "properties": {
        "price": {"type": "number"},
        "shop": {"type": "object", "properties": {"name": {"type": "string"}}},
        "tags": {"type": "array", "items": {"type": "string"}},
        "offers": {
            "type": "array",
            "items": {"type": "object", "properties": {"seller": {"type": "string"}, "position": {"type": "integer"}}},
        },
        "free": {},
        "pairs": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "object", "properties": {"x": {}}}]},
        "map": {"type": "object", "additionalProperties": {"type": "object", "properties": {"v": {}}}},
    },
}


def with_price(**keywords: Any) -> dict[str, Any]:
    schema = copy.deepcopy(BASE)
    schema["properties"]["price"] = keywords
    return schema


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "number"}
    for _ in range(levels):
        schema = {"type": "object", "required": ["a"], "properties": {"a": schema}}
    return schema


def doubling(levels: int) -> dict[str, Any]:
    defs: dict[str, Any] = {"d0": {"type": "number"}}
    for n in range(1, levels + 1):
        defs[f"d{n}"] = {"allOf": [{"$ref": f"#/$defs/d{n - 1}"}, {"$ref": f"#/$defs/d{n - 1}"}]}
    return {**with_price(**{"$ref": f"#/$defs/d{levels}"}), "$defs": defs}


def found(schema: dict[str, Any], **fields: Any) -> list[Finding]:
    return list(check(make_watch(output_schema=schema, **fields)))


def test_a_good_schema_is_silent() -> None:
    assert found(BASE) == []
    assert found(nested(30)) == []
    assert found(doubling(5)) == []
    assert (
        found({**with_price(type="number", **{"x-css": "#p", "x-own": [1]}), "$id": "https://shop.example/s.json"})
        == []
    )


PRICE = ("output_schema", "properties", "price")


@pytest.mark.parametrize(
    ("schema", "path", "says"),
    [
        (with_price(type="strng"), (*PRICE, "type"), '"strng" is not a type'),
        (with_price(type=["number", "nul"]), (*PRICE, "type", 1), '"nul" is not a type'),
        (with_price(minimum="3"), (*PRICE, "minimum"), "not a JSON Schema"),
        ({**BASE, "required": "price"}, ("output_schema", "required"), "not a JSON Schema"),
        (with_price(items=[{}]), (*PRICE, "items"), "not a JSON Schema"),
        ({**BASE, "properties": {"price": 3}}, PRICE, "not a JSON Schema"),
        ({**BASE, "properties": []}, ("output_schema", "properties"), "not a JSON Schema"),
        (with_price(allOf={}), (*PRICE, "allOf"), "not a JSON Schema"),
        (with_price(**{"$ref": "http://127.0.0.1:9/x"}), (*PRICE, "$ref"), "leads out of the schema"),
        (with_price(**{"$ref": "file:///etc/passwd"}), (*PRICE, "$ref"), "leads out of the schema"),
        (with_price(**{"$ref": "other.json#/a"}), (*PRICE, "$ref"), "leads out of the schema"),
        (with_price(**{"$ref": "#anchor"}), (*PRICE, "$ref"), "leads out of the schema"),
        (with_price(**{"$ref": "#/$defs/none"}), (*PRICE, "$ref"), "leads nowhere"),
        (with_price(**{"$ref": "#/required/7"}), (*PRICE, "$ref"), "leads nowhere"),
        (with_price(**{"$ref": "#/required/0"}), (*PRICE, "$ref"), "does not lead to a schema"),
        (with_price(**{"$ref": "#/properties"}), (*PRICE, "$ref"), "does not lead to a schema"),
        (with_price(**{"$ref": "#/$comment", "$comment": "text"}), (*PRICE, "$ref"), "leads nowhere"),
        (with_price(**{"$ref": 3}), (*PRICE, "$ref"), "not a JSON Schema"),
        (with_price(**{"$id": "http://x/y"}), (*PRICE, "$id"), "$id below the root"),
        (with_price(**{"$dynamicRef": "#x"}), (*PRICE, "$dynamicRef"), "not supported"),
        (with_price(**{"$recursiveRef": "#"}), (*PRICE, "$recursiveRef"), "not supported"),
        (with_price(**{"$ref": "#"}), (*PRICE, "$ref"), "leads back"),
        (with_price(anyOf=[{"$ref": "#/properties/price"}]), (*PRICE, "anyOf", 0, "$ref"), "leads back"),
        (with_price(pattern="(a"), (*PRICE, "pattern"), "the pattern"),
        (with_price(pattern="(?=a)b"), (*PRICE, "pattern"), "look-around"),
        (with_price(pattern=r"(a)\1"), (*PRICE, "pattern"), "back-reference"),
        (with_price(pattern="a" * 10_001), (*PRICE, "pattern"), "longer than 10,000"),
        (with_price(patternProperties={"(?!a)": {}}), (*PRICE, "patternProperties", "(?!a)"), "the pattern"),
        (doubling(18), ("output_schema",), "unfolds into more"),
        ({"type": "object", "enum": [{"a": [[]] * 30_000}]}, ("output_schema",), "more than 2000 parts"),
        (
            {"type": "object", "properties": {f"p{n}": {} for n in range(2_001)}},
            ("output_schema",),
            "more than 2000 parts",
        ),
    ],
    ids=lambda value: str(value)[-60:],
)
def test_an_unusable_schema_is_refused_where_it_is_wrong(
    schema: dict[str, Any], path: tuple[Any, ...], says: str
) -> None:
    errors = [finding for finding in found(schema) if not finding.warning]
    assert [finding.path for finding in errors] == [path]
    assert says in errors[0].message


def test_nesting_is_capped_also_where_it_would_break_a_recursion() -> None:
    for levels in (33, 5_000):
        (finding,) = found(nested(levels))
        assert "nested deeper than 32" in finding.message
    values: Any = 1
    for _ in range(5_000):
        values = [values]
    assert "nested deeper" in found({"type": "object", "enum": [values]})[0].message


def test_a_reference_to_true_is_a_schema() -> None:
    assert found({**with_price(**{"$ref": "#/$defs/any"}), "$defs": {"any": True}}) == []


def test_a_long_chain_of_references_is_refused() -> None:
    defs = {f"d{n}": {"$ref": f"#/$defs/d{n + 1}"} for n in range(150)} | {"d150": {"type": "number"}}
    (finding,) = found({**with_price(**{"$ref": "#/$defs/d0"}), "$defs": defs})
    assert "deeper than 100" in finding.message


def test_all_problems_are_told_at_once() -> None:
    schema = with_price(type="strng", pattern="(a", **{"$ref": "file:///x"})
    assert len([finding for finding in found(schema) if not finding.warning]) == 3


@pytest.mark.parametrize(
    ("schema", "path", "says", "hint"),
    [
        (with_price(typo="number"), (*PRICE, "typo"), "not a keyword", "type"),
        (with_price(minumum=3), (*PRICE, "minumum"), "not a keyword", 'did you mean "minimum"?'),
        (with_price(zzzzzz=3), (*PRICE, "zzzzzz"), "not a keyword", "x-"),
        (with_price(format="date_time"), (*PRICE, "format"), "is not checked", 'did you mean "date-time"?'),
        ({**BASE, "required": ["pric"]}, ("output_schema", "required", 0), "not declared", 'did you mean "price"?'),
        ({**BASE, "required": []}, ("output_schema",), "accepts an empty result", "required"),
        ({"required": ["a"]}, ("output_schema", "required", 0), "not declared", ""),
        (
            {**BASE, "$schema": "http://json-schema.org/draft-07/schema#"},
            ("output_schema", "$schema"),
            "2020-12",
            "write",
        ),
    ],
)
def test_a_doubtful_schema_is_warned_of(schema: dict[str, Any], path: tuple[Any, ...], says: str, hint: str) -> None:
    """B2: a doubtful schema is warned of."""
    (finding,) = found(schema)
    assert finding.warning
    assert finding.path == path
    assert says in finding.message
    assert hint in (finding.hint or "")


def test_a_branch_may_require_what_stands_outside_it() -> None:
    assert found({**BASE, "anyOf": [{"required": ["shop"]}, {"required": ["tags"]}]}) == []
    assert found({"required": ["p1"], "patternProperties": {"^p": {}}}) == []


@pytest.mark.parametrize(
    "pointer",
    ["/price", "/shop/name", "/tags/*", "/tags/0", "/offers/*/position", "/offers/seller=A/position", "/free/any/thing",
     "/pairs/1/x", "/map/any/v", "/map/*/v", "/shop/*", "/*"],
)  # fmt: skip
def test_a_pointer_that_names_something_is_silent(pointer: str) -> None:
    assert found(BASE, compare={"ignore": [pointer]}) == []


@pytest.mark.parametrize(
    ("pointer", "hint"),
    [
        ("/prise", 'did you mean "price"?'),
        ("/shop/nam", 'did you mean "name"?'),
        ("/offers/position", "/offers/*/…"),
        ("/offers/*/postion", 'did you mean "position"?'),
        ("/qqqqqq", "it declares"),
        ("/price/x", ""),
        ("/tags/*/x", ""),
        ("/tags/x", "/tags/*/…"),
    ],
)
def test_a_pointer_that_names_nothing_is_refused(pointer: str, hint: str) -> None:
    (finding,) = found(BASE, compare={"ignore": ["/price", pointer]})
    assert not finding.warning
    assert finding.path == ("compare", "ignore", 1)
    assert hint in (finding.hint or "")


@pytest.mark.parametrize(
    ("identity", "says", "hint"),
    [
        ({"/offers": "seler"}, "declare no property 'seler'", 'did you mean "seller"?'),
        ({"/offers": ["seller", "zzzz"]}, "declare no property 'zzzz'", "they declare position, seller"),
        ({"/tags": "name"}, "declare no property 'name'", ""),
        ({"/shop": "name"}, "not declared as a list", "identity names a list"),
        ({"/offer": "seller"}, "names nothing", 'did you mean "offers"?'),
    ],
)
def test_an_identity_must_name_a_list_and_a_key_of_its_rows(identity: dict[str, Any], says: str, hint: str) -> None:
    (finding,) = found(BASE, compare={"identity": identity})
    assert finding.path == ("compare", "identity", next(iter(identity)))
    assert says in finding.message
    assert hint in (finding.hint or "")


def test_a_good_identity_is_silent() -> None:
    assert found(BASE, compare={"identity": {"/offers": ["seller", "position"]}}) == []


def test_nothing_is_ever_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    for reference in ("http://127.0.0.1:9/x", "https://shop.example/x", "//shop.example/x", "ftp://x/y"):
        assert found(with_price(**{"$ref": reference}))
    assert found({**BASE, "$schema": "http://127.0.0.1:9/meta"})[0].warning


@pytest.mark.no_cover  # tracing takes three times as long as the work whose time is bounded
def test_an_exploding_schema_is_refused_quickly() -> None:
    start = time.process_time()
    assert found(doubling(200))
    assert time.process_time() - start < 1


KEYWORDS = st.sampled_from(
    ["type", "properties", "items", "allOf", "$ref", "required", "pattern", "enum", "x-a", "nullable", "oops"]
)


@settings(deadline=None, max_examples=100)
@given(st.dictionaries(KEYWORDS, JSON | st.dictionaries(KEYWORDS, JSON, max_size=3), max_size=4))
def test_the_check_never_raises(schema: dict[str, Any]) -> None:
    schema.pop("type", None)
    assert all(finding.path[0] == "output_schema" for finding in found(schema))
