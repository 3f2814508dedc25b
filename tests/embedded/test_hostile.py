"""Hostile pages end as FAILED runs with a clear code, in bounded memory, and the next run is unharmed."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from monitor.embedded.server import EmbeddedAgent
from tests.embedded.streams import run
from tests.fetch.memory import Peak
from tests.fetch.servers import Answer, bomb, endless, page, raw, redirects, serving

pytestmark = pytest.mark.anyio

DEEP_JSON = b'<script type="application/ld+json">' + b'{"a":' * 50_000 + b"</script><p>x</p>"
DEEP_TAGS = b"<div>" * 100_000 + b"<p class=price>1</p>"
WIDE = b"<table>" + b"<tr><td>a</td><td>b</td></tr>" * 100_000 + b"</table>"
LACKS = ("TASK_FAILED", "/price")
DYING = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5000\r\n\r\n<p class=price>5"
DYING_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n<p class=price>5"


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (lambda: endless, "TASK_FAILED", "larger than 10 MiB"),
        (lambda: redirects, "TASK_FAILED", "redirects"),
        (lambda: bomb(2_000), "TASK_FAILED", "larger than 10 MiB"),
        (lambda: raw(b"garbage\r\n\r\n"), "SITE_BLOCKED", "proper HTTP"),
        (lambda: raw(b""), "SITE_BLOCKED", "proper HTTP"),
        (lambda: page(b"", status="503 Busy"), "SITE_BLOCKED", "503"),
        (lambda: page(b"no", status="403 Forbidden"), "SITE_BLOCKED", "403"),
        (lambda: raw(DYING), "SITE_BLOCKED", "proper HTTP"),
        (lambda: raw(DYING_CHUNKED), "SITE_BLOCKED", "proper HTTP"),
        (lambda: page(b""), "TASK_FAILED", "no text"),
        (lambda: page(b"\x89PNG\r\n", headers={"Content-Type": "image/png"}), "TASK_FAILED", "no text"),
        (
            lambda: page(b"\xff\xfe\x00\xd8" * 50, headers={"Content-Type": "text/html; charset=utf-16"}),
            "TASK_FAILED",
            "/price",
        ),
        (lambda: page(b"<p>\xff\xfe\x80</p>" * 50, headers={"Content-Type": "text/html; charset=nonsense"}), *LACKS),
        (lambda: page(b"+AGEAYgBj-" * 50, headers={"Content-Type": "text/html; charset=utf-7"}), *LACKS),
        (lambda: page(b"<meta charset=unicode_escape><p>\\N{BULLET}\\x" * 9), *LACKS),
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
    peak = Peak()
    began = time.monotonic()
    async with serving(served) as server:
        found = await run(client, server.url("/0"))
    assert (found["status"], found["error"]["code"]) == ("FAILED", code), found["error"]
    assert words in found["error"]["message"]
    assert time.monotonic() - began < 10
    assert peak.grown_mib() < 150
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


@pytest.mark.parametrize("schema", [None, {"type": "object", "properties": {"price": {"type": "number"}}}])
async def test_a_number_beyond_all_numbers_is_null(client: httpx.AsyncClient, schema: dict[str, Any] | None) -> None:
    data = b'<script type="application/ld+json">{"@type": "Product", "name": "x", "offers": {"price": 1e999}}</script>'
    async with serving(page(data)) as server:
        body = {"url": server.url(), "goal": "x"} | ({"output_schema": schema} if schema else {})
        found = (await client.post("/v1/automation/run", json=body)).json()
    assert found["status"] == "COMPLETED"
    assert "nfinity" not in json.dumps(found)


async def drip(_path: str, writer: asyncio.StreamWriter) -> None:
    """A tar pit: a page whose next byte always comes soon."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


async def two_gigabytes(_path: str, writer: asyncio.StreamWriter) -> None:
    """A page of 2 GB that says so, and is sent as fast as it is taken."""
    length = 2 * 1024**3
    writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\r\n".encode())
    for _ in range(length // 65_536):
        writer.write(b"y" * 65_536)
        await writer.drain()


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (lambda: drip, "TIMEOUT", "longer than 1 s"),
        (lambda: raw(b"", then_wait=True), "TIMEOUT", "longer than 1 s"),
        (lambda: raw(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 5, then_wait=True), "TIMEOUT", "longer than 1 s"),
        (lambda: two_gigabytes, "TASK_FAILED", "larger than 10 MiB"),
        (lambda: bomb(2_000, "deflate"), "TASK_FAILED", "larger than 10 MiB"),
        (lambda: page(b"\x1b\xff" * 50, headers={"Content-Encoding": "br"}), "TASK_FAILED", "'br'"),
        (lambda: page(gzip.compress(b"a")[:-4], headers={"Content-Encoding": "gzip"}), "TASK_FAILED", "too early"),
        (lambda: page(b"a", headers={"Content-Encoding": "gzip, gzip"}), "TASK_FAILED", "not asked for"),
    ],
)
async def test_a_server_that_wastes_time_or_room_costs_its_own_run_only(
    client: httpx.AsyncClient, answer: Callable[[], Answer], code: str, words: str
) -> None:
    served = answer()
    peak = Peak()
    limited = {"max_duration_seconds": 1 if code == "TIMEOUT" else 15}
    async with serving(served) as server:
        found = await run(client, server.url(), agent_config=limited)
    assert (found["status"], found["error"]["code"]) == ("FAILED", code), found["error"]
    assert words in found["error"]["message"]
    assert peak.grown_mib() < 150
    assert (await run(client))["status"] == "COMPLETED"


async def test_a_page_that_robots_txt_forbids_is_not_read(tmp_path: Path) -> None:
    async def site(path: str, writer: asyncio.StreamWriter) -> None:
        body = b"User-agent: goal-monitor\nDisallow: /" if path == "/robots.txt" else b"<p class=price>5</p>"
        await page(body)(path, writer)

    schema = {"type": "object", "required": ["price"], "properties": {"price": {"type": "number", "x-css": ".price"}}}
    async with serving(site) as server:
        answers = []
        for ignoring in (False, True):
            async with (
                EmbeddedAgent(ledger=tmp_path / "a.db", ignore_robots=ignoring) as agent,
                httpx.AsyncClient(verify=False, base_url=agent.base_url, timeout=20) as client,
            ):
                answers.append(await run(client, server.url("/p"), output_schema=schema))
    refused, read = answers
    assert (refused["error"]["code"], refused["error"]["category"]) == ("SITE_BLOCKED", "AGENT_FAILURE")
    assert "robots.txt" in refused["error"]["message"]
    assert "ignore_robots" in refused["error"]["help_message"]
    assert read["result"] == {"price": 5.0}
    assert [head.split(" ")[1] for head in server.requests] == ["/robots.txt", "/p"]


def stored(folder: Path) -> str:
    """Return all that the files of a folder hold."""
    return b"".join(each.read_bytes() for each in folder.rglob("*") if each.is_file()).decode("latin-1")


async def test_a_custom_proxy_is_really_used_and_its_credentials_are_kept_nowhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with (
        serving(page(b'<p class="price">7.50</p>')) as proxy,
        EmbeddedAgent(ledger=tmp_path / "a.db") as agent,
        httpx.AsyncClient(verify=False, base_url=agent.base_url, timeout=20) as client,
    ):
        config = {"enabled": True, "type": "custom", "url": proxy.url("").rstrip("/"), "username": "anna"}
        schema = {"type": "object", "properties": {"price": {"type": "number", "x-css": ".price"}}}
        asked = {"proxy_config": config | {"password": "s3cret-word"}, "output_schema": schema}
        found = await run(client, "http://shop.example/p", **asked)
        down = {**asked, "proxy_config": config | {"password": "s3cret-word", "url": "http://127.0.0.1:9"}}
        failed = await run(client, "http://shop.example/p", **down)
        await client.post("/v1/automation/run", json={"url": "x", "goal": "y", **asked})
    assert (found["result"], found["browser_config"]["proxy_enabled"]) == ({"price": 7.5}, True)
    assert proxy.requests[-1].startswith("GET http://shop.example/p HTTP/1.1")
    login = base64.b64encode(b"anna:s3cret-word").decode()
    assert f"proxy-authorization: basic {login}".lower() in proxy.requests[-1].lower()
    assert (failed["status"], "the proxy" in failed["error"]["message"]) == ("FAILED", True)
    shown = str([found, failed]) + "".join(capsys.readouterr()) + stored(tmp_path)
    assert [word for word in ("s3cret-word", login) if word in shown] == []
