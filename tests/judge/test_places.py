"""The load check of `compare`: every pointer names something that is declared, and something it can be said of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from monitor.judge.schemas.check import check
from monitor.watch.findings import Finding
from monitor.watch.load import load
from tests.conftest import make_watch

SCHEMA = {
    "type": "object",
    "required": ["price"],
    "properties": {
        "price": {"type": "number"},
        "count": {"type": ["integer", "null"]},
        "either": {"anyOf": [{"type": "number"}, {"type": "string"}]},
        "name": {"type": "string"},
        "stock": {"type": "boolean"},
        "size": {"enum": ["S", "M", None]},
        "grade": {"enum": [1, 2.5]},
        "flag": {"const": True},
        "nothing": {"type": "null"},
        "free": {},
        "tags": {"type": "array", "items": {"type": "string"}},
        "any_list": {"type": "array"},
        "matrix": {"items": {"type": "array", "items": {"type": "number"}}},
        "shop": {"properties": {"rating": {"type": "number"}}},
        "offers": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"seller": {"type": "string"}, "price": {"type": "number"}, "text": {"type": "string"}},
            },
        },
        "open_rows": {"type": "array", "items": {"type": "object"}},
        "map": {"type": "object", "additionalProperties": {"type": "number"}},
    },
}


def found(**compare: Any) -> list[Finding]:
    return list(check(make_watch(output_schema=SCHEMA, compare=compare)))


@pytest.mark.parametrize(
    "compare",
    [
        {"tolerance": {"/price": "1%", "/count": 1, "/either": 2, "/grade": 0.5, "/free": 1, "/free/x/y": 1}},
        {"tolerance": {"/offers/*/price": "1%", "/offers/0/price": 1, "/offers/seller=A/price": 1, "/matrix/*/*": 1}},
        {"tolerance": {"/map/*": 1, "/map/a": "5%", "/shop/rating": 0.1, "/shop/*": 1, "/*": 1}},
        {
            "similar": {
                "/name": 0.9,
                "/either": 0.9,
                "/size": 0.5,
                "/tags/*": 0.8,
                "/offers/*/text": 0.9,
                "/any_list/*": 1,
            }
        },
        {"unordered": ["/tags", "/any_list", "/free", "/matrix/*"]},
        {"unordered": ["/tags"], "similar": {"/tags/*": 0.9}},
        {"identity": {"/offers": ["seller", "price"], "/open_rows": "id"}},
        {"ignore": ["/stock", "/offers/*/text", "/nothing"]},
    ],
)
def test_what_fits_is_silent(compare: dict[str, Any]) -> None:
    assert found(**compare) == []


@pytest.mark.parametrize(
    ("compare", "path", "says", "hint"),
    [
        ({"tolerance": {"/prise": 1}}, ("tolerance", "/prise"), "names nothing", 'did you mean "price"?'),
        ({"tolerance": {"/offers/price": 1}}, ("tolerance", "/offers/price"), "names nothing", "/offers/*/…"),
        ({"tolerance": {"/name": 1}}, ("tolerance", "/name"), "declared as text", "similar is for text"),
        ({"tolerance": {"/size": 1}}, ("tolerance", "/size"), "declared as text", "similar is for text"),
        ({"tolerance": {"/stock": 1}}, ("tolerance", "/stock"), "declared as true or false", ""),
        ({"tolerance": {"/flag": 1}}, ("tolerance", "/flag"), "declared as true or false", ""),
        ({"tolerance": {"/matrix": 1}}, ("tolerance", "/matrix"), "declared as a list", "/matrix/*"),
        ({"tolerance": {"/shop": 1}}, ("tolerance", "/shop"), "declared as an object", "/shop/…"),
        ({"similar": {"/nam": 0.9}}, ("similar", "/nam"), "names nothing", 'did you mean "name"?'),
        ({"similar": {"/price": 0.9}}, ("similar", "/price"), "declared as a number", "tolerance is for a number"),
        ({"similar": {"/grade": 0.9}}, ("similar", "/grade"), "declared as a number", "tolerance is for a number"),
        ({"similar": {"/tags": 0.9}}, ("similar", "/tags"), "declared as a list", "/tags/*"),
        ({"unordered": ["/tags", "/tagz"]}, ("unordered", 1), "names nothing", 'did you mean "tags"?'),
        ({"unordered": ["/name"]}, ("unordered", 0), "declared as text, and unordered is for a list", ""),
        ({"unordered": ["/offers"]}, ("unordered", 0), "are not plain values", "identity: {/offers: …}"),
        ({"unordered": ["/matrix"]}, ("unordered", 0), "are not plain values", "identity: {/matrix: …}"),
        (
            {"identity": {"/offers": ["seler"]}},
            ("identity", "/offers"),
            "declare no property",
            'did you mean "seller"?',
        ),
        ({"identity": {"/tags": "id"}}, ("identity", "/tags"), "declare no property", ""),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(
    compare: dict[str, Any], path: tuple[Any, ...], says: str, hint: str
) -> None:
    (finding,) = found(**compare)
    assert not finding.warning
    assert finding.path == ("compare", *path)
    assert says in finding.message
    assert hint in (finding.hint or "")


def test_a_place_that_is_always_null_has_no_tolerance_to_speak_of() -> None:
    assert found(tolerance={"/nothing": 1}) == []


@pytest.mark.parametrize(("field", "amount", "key"), [("tolerance", 1, "price"), ("similar", 0.9, "seller")])
def test_a_margin_of_a_key_is_warned_of(field: str, amount: float, key: str) -> None:
    (finding,) = found(identity={"/offers": key}, **{field: {f"/offers/*/{key}": amount}})
    assert finding.warning
    assert finding.path == ("compare", field, f"/offers/*/{key}")
    assert "matched by it exactly" in finding.message


def test_a_slip_is_shown_with_its_line_and_column(tmp_path: Path) -> None:
    file = tmp_path / "watches" / "shop.yaml"
    file.parent.mkdir()
    file.write_text(
        "url: https://shop.example/x\ngoal: Find the price.\ncron: '@daily'\noutput_schema:\n  type: object\n"
        "  required: [price]\n  properties: {price: {type: number}}\ncompare:\n  tolerance:\n    /prise: 1%\n"
    )
    (problem,) = load(tmp_path, checks=[check]).problems
    assert (problem.line, problem.hint) == (10, 'did you mean "price"?')
