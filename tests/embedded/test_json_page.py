"""A url that answers JSON is read like the data inside a page."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.embedded.extract.document import Document
from monitor.embedded.json_page import readable
from monitor.fetch import Page
from tests.embedded.streams import run
from tests.fetch.servers import page, serving

pytestmark = pytest.mark.anyio
KIND = {"Content-Type": "application/json"}


def answered(text: str, kind: str = "application/problem+json; charset=utf-8") -> Page:
    return Page("https://x.example/", 200, {"content-type": kind}, b"", text, "utf-8")


async def test_values_and_rows_are_read_from_json_by_name_and_by_jsonpath(client: httpx.AsyncClient) -> None:
    row = {"type": "object", "x-jsonpath": "$.list[*]", "properties": {"n": {"type": "string", "x-jsonpath": "$.name"}}}
    schema = {
        "type": "object",
        "required": ["price", "rows"],
        "properties": {
            "price": {"type": "number", "x-jsonpath": "$.offer.price"},
            "rows": {"type": "array", "items": row},
        },
    }
    body = {"offer": {"price": 12.5}, "list": [{"name": "</script><p>"}, {"name": "b"}]}
    async with serving(page(json.dumps(body).encode(), headers=KIND)) as server:
        found = await run(client, server.url(), output_schema=schema)
    assert found["result"] == {"price": 12.5, "rows": [{"n": "</script><p>"}, {"n": "b"}]}, found["error"]


async def test_json_that_is_none_ends_as_a_failed_run(client: httpx.AsyncClient) -> None:
    async with serving(page(b"[" * 100_000, headers=KIND)) as server:
        found = await run(client, server.url())
    assert (found["status"], found["error"]["code"]) == ("FAILED", "TASK_FAILED")


@pytest.mark.parametrize("page", [answered("<p>{}</p>"), answered("{}", "text/html"), answered("12"), answered("")])
def test_what_is_no_json_document_stays_as_it_is(page: Page) -> None:
    assert readable(page) is page


TEXTS = st.text(max_size=20) | st.sampled_from(["</script>", "<!--<script>", "<\\/", "]]>", "\ufeff", "&quot;"])


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(TEXTS, TEXTS | st.lists(TEXTS, max_size=3), max_size=4))
def test_every_document_comes_out_of_the_page_as_it_went_in(value: dict[str, Any]) -> None:
    text = json.dumps(value, ensure_ascii=False).replace("\0", "").encode("utf-8", "replace").decode()
    stated = Document(readable(answered(text)).text, "https://x.example/").stated
    assert dict(stated) == ({"json": json.loads(text)} if stated else {})
    assert stated or "\r" in text or any(ord(letter) < 32 for letter in text)
