"""Noise on purpose: every answer looks different, and a naive reader finds the same values in all of them."""

from __future__ import annotations

import json
import re
import unicodedata
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.cli import main
from monitor.embedded.server import EmbeddedAgent
from monitor.embedded.wobble import wobbled
from tests.embedded.streams import run
from tests.embedded.test_shop import fields_of

pytestmark = pytest.mark.anyio
TRUE, FALSE = {"yes", "true", "in stock", "available"}, {"no", "false", "out of stock", "sold out", "unavailable"}
SCHEMA: dict[str, Any] = {
    "required": ["rows"],
    "properties": {
        "rows": {
            "type": "array",
            "items": {
                "required": ["name", "price"],
                "properties": {
                    "name": {"type": "string"},
                    "price": {"type": "number", "description": "In euros"},
                    "count": {"type": "integer"},
                    "in_stock": {"type": "boolean"},
                    "grade": {"enum": ["A", "Bb", None]},
                    "day": {"type": "string", "format": "date"},
                    "code": {"type": "string", "pattern": "^x"},
                    "tags": {"type": "array", "items": {"type": "string"}},
                    "loose": {},
                },
            },
        }
    },
}
ROWS = st.fixed_dictionaries(
    {
        "name": st.text("abé -", min_size=1).map(lambda text: unicodedata.normalize("NFC", f"n{text}n")),
        "price": st.integers(0, 10**9).map(lambda cents: cents / 100),
    },
    optional={
        "count": st.integers(-5, 10**6),
        "in_stock": st.booleans(),
        "grade": st.sampled_from(["A", "Bb", None]),
        "day": st.dates().map(str),
        "code": st.just("x 1 "),
        "tags": st.lists(st.sampled_from(["p", "q", "r"])),
        "loose": st.sampled_from([7, True, " kept "]),
    },
)


def read(answer: Any, name: str = "rows") -> list[dict[str, Any]]:
    """Return the rows that an answer holds, read naively: what a person would say they are."""
    if isinstance(answer, str):
        return read(json.loads(answer.removeprefix("```json\n").removesuffix("\n```")), name)
    if isinstance(answer, dict) and name not in answer:
        return read(answer["result"] if "result" in answer else answer.get("data", answer.get("output")), name)
    rows = answer[name] if isinstance(answer, dict) else answer
    return sorted(({key: value(key, row[key]) for key in row if row[key] is not None} for row in rows), key=order)


def order(row: dict[str, Any]) -> str:
    return json.dumps(row, sort_keys=True)


def value(name: str, said: Any) -> Any:
    if name in {"price", "count"}:
        return float(re.sub(r"[^0-9.eE+-]", "", said.replace("EUR", ""))) if isinstance(said, str) else float(said)
    if name == "in_stock" and isinstance(said, str):
        return said.casefold() in TRUE if said.casefold() in TRUE | FALSE else said
    if name == "grade":
        return said.strip().casefold()
    if name == "day":
        return day(said)
    if name == "tags":
        return sorted(tag.strip() for tag in said)
    return unicodedata.normalize("NFC", said.strip()) if name == "name" else said


def day(said: str) -> str:
    if re.match(r"\d{4}-", said):
        return said
    *words, year = said.replace(",", "").split()
    months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
    number = next(word for word in words if word.isdigit())
    month = next(months.index(word[:3].casefold()) for word in words if not word.isdigit())
    return date(int(year), month + 1, int(number)).isoformat()


@settings(deadline=None, max_examples=150)
@given(st.lists(ROWS, max_size=4), st.integers(0, 10**6))
def test_an_answer_keeps_its_meaning(rows: list[dict[str, Any]], number: int) -> None:
    truth = {"rows": rows}
    answer = wobbled(truth, SCHEMA, 1, number)
    known = set(SCHEMA["properties"]["rows"]["items"]["properties"])
    found = [{name: said for name, said in row.items() if name in known} for row in read(answer)]
    assert sorted(found, key=order) == read(truth)
    assert answer == wobbled(truth, SCHEMA, 1, number)
    json.dumps(answer)


async def test_no_two_runs_answer_alike_but_the_values_are_the_same(tmp_path: Path) -> None:
    async with (
        EmbeddedAgent(ledger=tmp_path / "agent.db", noise=1) as agent,
        httpx.AsyncClient(base_url=agent.base_url, timeout=20) as client,
    ):
        answers = [(await run(client, **fields_of("grinders")))["result"] for _ in range(8)]
    assert len({json.dumps(answer) for answer in answers}) > 5
    known = {"seller", "price", "in_stock"}
    found = [[{k: v for k, v in row.items() if k in known} for row in read(answer, "offers")] for answer in answers]
    shown = [sorted(str((row["seller"].strip(), row["price"], row["in_stock"])) for row in rows) for rows in found]
    assert all(rows == shown[0] for rows in shown)


def test_a_schema_that_allows_no_more_gets_no_more() -> None:
    closed = {"properties": {"price": {"type": "number"}}, "additionalProperties": False}
    for number in range(60):
        answer = wobbled({"price": 5}, closed, 1, number)
        answer = json.loads(answer.strip("`").removeprefix("json")) if isinstance(answer, str) else answer
        assert set(answer) <= {"price", "result", "data", "output"}


def test_a_place_that_means_something_keeps_it() -> None:
    pair = {"properties": {"pair": {"prefixItems": [{"type": "string"}, {"type": "string"}]}}, "required": ["pair"]}
    for number in range(40):
        answer = json.dumps(wobbled({"pair": ["first", "second"]}, pair, 1, number))
        assert answer.index("first") < answer.index("second")


def test_the_demo_offers_noise_and_the_agent_has_it_without_saying_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["demo", "--help"]) == 0
    assert "--noisy" in capsys.readouterr().out
    assert main.run(["agent", "--help"]) == 0
    assert "--noisy" not in capsys.readouterr().out
    assert main.run(["agent", "--noisy", "--listen", "nowhere"]) == 2
    assert "not HOST:PORT" in capsys.readouterr().err
