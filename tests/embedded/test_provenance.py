"""Where values came from and what was not found: in the record, in COMPLETE, bounded, and read back with no trust."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.embedded.provenance import MAX_NAMED, absent, bounded, by_rows, of_record
from tests.embedded.sites import served
from tests.embedded.streams import events, order, run

pytestmark = pytest.mark.anyio

PAGE = """<html><body><h1>Kettle</h1><dl><dt>Price</dt><dd>49.00</dd></dl><table>
<tr><th>Seller</th><th>Offer price</th></tr><tr><td>A</td><td>1.00</td></tr><tr><td>B</td><td>2.00</td></tr>
</table></body></html>"""
ROW = {"type": "object", "properties": {"seller": {"type": "string"}, "warranty_months": {"type": "integer"}}}
SCHEMA = {
    "type": "object",
    "required": ["price"],
    "properties": {
        "price": {"type": "number"},
        "warranty_months": {"type": "integer"},
        "maker": {"type": "object", "properties": {"vat_number": {"type": "string"}}},
        "offers": {"type": "array", "items": ROW},
    },
}


async def test_the_end_of_the_stream_tells_what_the_record_tells(client: httpx.AsyncClient) -> None:
    async with served({"/": PAGE}) as site:
        answer = await client.post("/v1/automation/run-sse", json=order(f"{site.url}/", output_schema=SCHEMA))
    end = events(answer.text)[-1]
    record = (await client.get(f"/v1/runs/{end['run_id']}")).json()
    assert end["extraction"] == record["extraction"]
    assert record["extraction"]["sources"]["/price"] == "definition list 'Price'"
    assert record["extraction"]["missing"] == []
    assert {"/warranty_months", "/maker"} <= {at[:16] for at in record["extraction"]["absent"]}
    assert "extraction" not in (await client.get("/v1/runs", params={"limit": 1})).json()["data"][0]


async def test_a_failed_run_tells_what_it_had_found(client: httpx.AsyncClient) -> None:
    schema = SCHEMA | {"required": ["price", "warranty_months"]}
    async with served({"/": PAGE}) as site:
        answer = await client.post("/v1/automation/run-sse", json=order(f"{site.url}/", output_schema=schema))
        blocking = (await client.post("/v1/automation/run", json=order(f"{site.url}/", output_schema=schema))).json()
    end = events(answer.text)[-1]
    assert end["status"] == "FAILED"
    assert end["extraction"]["missing"] == ["/warranty_months"]
    assert "/warranty_months" not in end["extraction"]["absent"]
    assert blocking["extraction"] == end["extraction"]


async def test_a_page_that_was_not_had_tells_nothing(client: httpx.AsyncClient) -> None:
    async with served({}) as site:
        assert (await run(client, f"{site.url}/"))["extraction"] is None


def test_optional_properties_that_are_not_there_are_named_and_rows_only_where_all_lack_them() -> None:
    result = {"price": 1, "maker": {"vat_number": None}, "offers": [{"seller": "A"}, {"seller": None}]}
    assert absent(result, SCHEMA, [], {}) == ["/warranty_months", "/maker/vat_number", "/offers/*/warranty_months"]


def test_a_property_that_the_page_states_as_null_or_that_is_required_is_not_absent() -> None:
    result: dict[str, Any] = {"price": None, "warranty_months": None, "offers": [], "maker": None}
    found = absent(result, SCHEMA, ["/price", "/offers/0/seller"], {"/warranty_months": "json-ld null"})
    assert found == ["/maker", "/offers"]


def test_rows_are_told_as_one_with_the_number_of_other_ways() -> None:
    sources = {"/offers/0/price": "a", "/offers/1/price": "b", "/offers/10/price": "a", "/x/2/y/3": "c", "/v2/p": "d"}
    assert by_rows(sources) == {"/offers/*/price": "a (and 1 other way)", "/x/*/y/*": "c", "/v2/p": "d"}


def test_very_many_sources_are_bounded() -> None:
    rows = {f"/offers/{number}/price": "t" * 500 for number in range(MAX_NAMED + 1)}
    assert bounded(rows) == {"/offers/*/price": "t" * 200}
    assert len(bounded({f"/p{number}": "t" for number in range(1_000)})) == MAX_NAMED
    assert bounded({"/offers/0/price": "t"}) == {"/offers/0/price": "t"}


def test_how_a_page_was_read_and_what_a_model_cost_is_told() -> None:
    cost = {"name": "m-1", "tokens_in": 12_345, "tokens_out": 6}
    told = of_record({"extraction": {"sources": {}, "rendered": True, "model": cost}})
    assert told is not None
    assert told.notes == (
        "read as Chromium rendered it",
        "the language model m-1 cost 12,345 tokens read and 6 written",
    )
    told = of_record({"extraction": {"not_rendered": "no browser", "model": {"name": "m-1", "problem": "it is down"}}})
    assert told is not None
    assert told.notes == ("not rendered: no browser", "the language model m-1 could not be asked: it is down")


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, max_examples=60)
@given(JSON, JSON, JSON)
def test_no_record_and_no_schema_breaks_it(extraction: Any, sources: Any, schema: Any) -> None:
    told = {"sources": sources, "absent": extraction, "model": sources, "not_rendered": extraction}
    for raw in (extraction, {"extraction": extraction}, {"extraction": told}):
        read = of_record(raw)
        assert read is None or all(
            isinstance(text, str) for text in (*read.sources.values(), *read.absent, *read.notes)
        )
    assert isinstance(absent({"p": extraction}, {"properties": {"p": schema}}, [], {}), list)
    assert isinstance(absent({}, {"properties": {"p": schema}}, [], {}), list)
