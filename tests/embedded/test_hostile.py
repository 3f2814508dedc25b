"""Hostile pages end as FAILED runs with a clear code, in bounded memory, and the next run is unharmed."""

from __future__ import annotations

import gzip
import json
import resource
import time
from collections.abc import Callable

import httpx
import pytest

from tests.embedded.streams import run
from tests.fetch.servers import Answer, endless, page, raw, redirects, serving

pytestmark = pytest.mark.anyio

DEEP_JSON = b'<script type="application/ld+json">' + b'{"a":' * 50_000 + b"</script><p>x</p>"
DEEP_TAGS = b"<div>" * 10_000 + b"<p class=price>1</p>"
WIDE = b"<table>" + b"<tr><td>a</td><td>b</td></tr>" * 100_000 + b"</table>"


def bomb() -> Answer:
    return page(gzip.compress(b"<p>" + b"a" * 200_000_000, 9), headers={"Content-Encoding": "gzip"})


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (lambda: endless, "TASK_FAILED", "larger than 10 MiB"),
        (lambda: redirects, "TASK_FAILED", "redirects"),
        (bomb, "TASK_FAILED", "larger than 10 MiB"),
        (lambda: raw(b"garbage\r\n\r\n"), "SITE_BLOCKED", "proper HTTP"),
        (lambda: raw(b""), "SITE_BLOCKED", "proper HTTP"),
        (lambda: page(b"", status="503 Busy"), "SITE_BLOCKED", "503"),
        (lambda: page(b"no", status="403 Forbidden"), "SITE_BLOCKED", "403"),
        (lambda: page(b""), "TASK_FAILED", "no text"),
        (lambda: page(b"\x89PNG\r\n", headers={"Content-Type": "image/png"}), "TASK_FAILED", "no text"),
        (
            lambda: page(b"\xff\xfe\x00\xd8" * 50, headers={"Content-Type": "text/html; charset=utf-16"}),
            "TASK_FAILED",
            "/price",
        ),
        (lambda: page(b"\x00\x00\x00"), "TASK_FAILED", "/price"),
        (lambda: page(DEEP_TAGS), "TASK_FAILED", "/price"),
        (lambda: page(DEEP_JSON), "TASK_FAILED", "/price"),
        (lambda: page(WIDE), "TASK_FAILED", "/price"),
        (lambda: page(b"<a href='" + b"x" * 5_000_000 + b"'>y</a>"), "TASK_FAILED", "/price"),
    ],
)
async def test_a_hostile_page_ends_as_a_failed_run(
    client: httpx.AsyncClient, answer: Callable[[], Answer], code: str, words: str
) -> None:
    served = answer()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    async with serving(served) as server:
        found = await run(client, server.url("/0"))
    assert (found["status"], found["error"]["code"]) == ("FAILED", code), found["error"]
    assert words in found["error"]["message"]
    assert time.monotonic() - began < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150 * 1024
    assert (await run(client))["status"] == "COMPLETED"


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "http://user:pass@shop.example/"]
)
async def test_addresses_inside_are_not_read(client: httpx.AsyncClient, url: str) -> None:
    found = await run(client, url)
    assert (found["status"], found["error"]["code"], found["error"]["category"]) == (
        "FAILED",
        "TASK_FAILED",
        "AGENT_FAILURE",
    )


async def test_a_name_that_does_not_exist_may_pass_by_itself(client: httpx.AsyncClient) -> None:
    error = (await run(client, "http://no-such-host.invalid/"))["error"]
    assert (error["code"], error["category"]) == ("SITE_BLOCKED", "UNKNOWN")


async def test_scraped_text_is_bounded_and_clean(client: httpx.AsyncClient) -> None:
    name = "A\u202e\x07\ud83d" + "b" * 50_000
    data = json.dumps({"@type": "Product", "name": name})
    schema = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}
    async with serving(page(f'<script type="application/ld+json">{data}</script>'.encode())) as server:
        found = await run(client, server.url(), output_schema=schema)
    assert found["result"]["name"].startswith("Ab")
    assert len(found["result"]["name"]) <= 20_000
