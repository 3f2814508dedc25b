"""A language model for what extraction leaves open: what is asked, what is believed, what it costs, when it fails."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.embedded import digest
from monitor.embedded.extract.document import Document
from monitor.embedded.extract.found import MISSING
from monitor.embedded.extract.shape import Shape, shape_of
from monitor.embedded.grounding import Ground, readings
from monitor.embedded.model import Model
from monitor.embedded.server import EmbeddedAgent
from tests.canaries import canary
from tests.embedded.sites import served

KEY = canary("key of the language model")
PAGE = """<html lang="en"><body><h1>Aurora Duo</h1><p>You pay just € 1.299,50 this week, delivered from Leipzig.</p>
<p>Only two left, order soon. Since 21 November 2026.</p></body></html>"""
SCHEMA = {
    "type": "object",
    "required": ["name", "outlay"],
    "properties": {
        "name": {"type": "string"},
        "outlay": {"type": "number", "x-css": ".gone"},
        "origin": {"type": "string"},
        "orderable": {"type": "boolean"},
        "since": {"type": "string", "format": "date"},
    },
}
TRUE = {"outlay": 1299.5, "origin": "Leipzig", "orderable": True, "since": "2026-11-21"}
QUOTES = {"orderable": "Only two left, order soon", "since": "Since 21 November 2026"}


class Llm:
    """An OpenAI-compatible endpoint that answers what a test says; it keeps what it was asked."""

    def __init__(self, answers: list[tuple[int, Any]]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(head.lower().partition("content-length: ")[2].split("\r\n")[0])
        self.asked.append((head, json.loads(await reader.readexactly(length))))
        status, content = self.answers[min(len(self.asked), len(self.answers)) - 1]
        body = (content if isinstance(content, str) else json.dumps(content)).encode()
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()


def said(values: Any, quotes: Any = None, *, fence: bool = False) -> tuple[int, dict[str, Any]]:
    text = json.dumps({"result": values, "quotes": quotes or {}})
    text = f"```json\n{text}\n```" if fence else text
    usage = {"prompt_tokens": 1234, "completion_tokens": 56}
    return 200, {"choices": [{"message": {"role": "assistant", "content": text}}], "usage": usage}


@asynccontextmanager
async def answering(folder: Path, *answers: tuple[int, Any]) -> AsyncIterator[tuple[Llm, httpx.AsyncClient, str]]:
    llm = Llm(list(answers))
    server = await asyncio.start_server(llm.answer, "127.0.0.1", 0)
    model = Model(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", "small-1", KEY)
    async with (
        server,
        served({"/": PAGE}) as site,
        EmbeddedAgent(ledger=folder / "agent.db", model=model) as agent,
        httpx.AsyncClient(base_url=agent.base_url, timeout=20) as client,
    ):
        yield llm, client, f"{site.url}/"


async def run(client: httpx.AsyncClient, url: str, schema: Any = SCHEMA) -> dict[str, Any]:
    answer = await client.post("/v1/automation/run", json={"url": url, "goal": "the offer", "output_schema": schema})
    found: dict[str, Any] = (await client.get(f"/v1/runs/{answer.json()['run_id']}")).json()
    assert KEY not in json.dumps(found)
    return found


@pytest.mark.anyio
async def test_it_is_asked_for_what_is_left_and_believed_as_far_as_the_page_holds_it(tmp_path: Path) -> None:
    async with answering(tmp_path, said(TRUE, QUOTES)) as (llm, client, url):
        found = await run(client, url)
    assert found["status"] == "COMPLETED"
    assert found["result"] == {"name": "Aurora Duo", **TRUE}
    (head, body) = llm.asked[0]
    assert f"Bearer {KEY}" in head
    assert head.startswith("POST /v1/chat/completions ")
    assert body["model"] == "small-1"
    asked = body["response_format"]["json_schema"]["schema"]["properties"]["result"]
    assert set(asked["properties"]) <= {"outlay", "origin", "orderable", "since"}
    assert "x-css" not in json.dumps(asked)
    assert "1.299,50" in body["messages"][1]["content"]
    assert any("1,234 tokens read and 56 written" in step["action"] for step in found["steps"])


@pytest.mark.anyio
async def test_what_does_not_stand_on_the_page_is_not_believed(tmp_path: Path) -> None:
    wrong = {"outlay": 1199.5, "origin": "Hamburg", "orderable": True, "since": "2026-11-22"}
    quotes = {"orderable": "ready to ship today", "since": "Since 21 November 2026"}
    async with answering(tmp_path, said(wrong, quotes)) as (_llm, client, url):
        found = await run(client, url)
    assert found["status"] == "FAILED"
    assert "/outlay" in found["error"]["message"]
    assert any("do not stand on the page" in step["action"] for step in found["steps"])


@pytest.mark.anyio
async def test_an_endpoint_without_structured_output_is_asked_again_plainly(tmp_path: Path) -> None:
    async with answering(tmp_path, (400, {"error": "response_format"}), said(TRUE, QUOTES, fence=True)) as asked:
        llm, client, url = asked
        found = await run(client, url)
    assert found["result"]["outlay"] == 1299.5
    assert ["response_format" in body for _head, body in llm.asked] == [True, False]


BROKEN = {
    "a refused key": ((401, {}), "it answered 401 (check MONITOR_LLM_KEY)"),
    "too many requests": ((429, {}), "it answered 429"),
    "no completion": ((200, {"choices": []}), "not a chat completion"),
    "no json": ((200, {"choices": [{"message": {"content": "I think it is 12."}}]}), "not JSON"),
    "an empty answer": ((200, {"choices": [{"message": {"content": None}}]}), "empty"),
    "not even json": ((200, "<html>"), "not a chat completion"),
}


@pytest.mark.anyio
@pytest.mark.parametrize(("answer", "words"), BROKEN.values(), ids=BROKEN.keys())
async def test_a_model_that_fails_is_told_beside_what_is_missing(tmp_path: Path, answer: Any, words: str) -> None:
    async with answering(tmp_path, answer) as (_llm, client, url):
        found = await run(client, url)
    assert found["status"] == "FAILED"
    assert "not found on the page: /outlay" in found["error"]["message"]
    assert words in found["error"]["message"]


@pytest.mark.anyio
async def test_nobody_is_asked_when_nothing_is_left(tmp_path: Path) -> None:
    schema = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}
    async with answering(tmp_path, said({})) as (llm, client, url):
        assert (await run(client, url, schema))["status"] == "COMPLETED"
    assert llm.asked == []


def ground(text: str) -> Ground:
    return Ground([text], "https://x.example/", "en")


@pytest.mark.parametrize(
    ("text", "value", "kind", "holds"),
    [
        ("€ 1.299,50", 1299.5, "number", True),
        ("1,299.50 USD", 1299.5, "number", True),
        ("449 99", 449.99, "number", True),
        ("−5 °C", -5, "number", True),
        ("5 °C", -5, "number", False),
        ("129950", 1299.5, "number", False),
        ("The “Aurora”\u00a0Duo", 'the "aurora" duo', "string", True),
        ("Europe", "EU", "string", False),
        ("価格は東京です", "東京", "string", True),
    ],
)
def test_a_value_stands_there_by_value_and_by_whole_words(text: str, value: Any, kind: str, holds: bool) -> None:
    assert (ground(text).believed(value, Shape(kind), "p") is not MISSING) == holds


def test_rows_lose_what_does_not_stand_there_and_fall_without_a_required_value() -> None:
    row = {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}, "b": {"type": "number"}}}
    shape = shape_of({"properties": {"rows": {"type": "array", "items": row}}}).properties["rows"]
    rows = [{"a": "one", "b": 1}, {"a": "two", "b": 99}, {"a": "none", "b": 1}]
    assert ground("one 1, two 2").believed(rows, shape, "rows") == [{"a": "one", "b": 1}, {"a": "two", "b": None}]


@given(st.decimals(min_value=0, max_value=10**9, places=2))
@settings(deadline=None, max_examples=60)
def test_every_way_to_write_a_number_reads_as_it(value: Decimal) -> None:
    english = f"{value:,.2f}"
    swapped = english.translate({ord(","): ".", ord("."): ","})
    for text in (english, swapped, english.replace(",", " "), english.replace(",", "'"), str(value)):
        assert value in readings(text)


def test_the_page_is_reduced_to_a_budget_with_what_is_asked_for() -> None:
    filler = "".join(f"<p>Nothing of interest in paragraph {n} of the story.</p>" for n in range(500))
    html = f"<nav><a>Home</a></nav><h1>Duo</h1>{filler}<table><tr><td>Warranty</td><td>3 years</td></tr></table>"
    text = digest.markdown(Document(html, "https://x.example/"), "warranty", 200)
    assert digest.tokens(text) <= 200
    assert "# Duo" in text
    assert "| Warranty | 3 years" in text or "Warranty | 3 years" in text
