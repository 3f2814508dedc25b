"""Pages that need their scripts, in a real Chromium: what is rendered, what is kept out, what is said without one.

Without Chromium these tests fail, on purpose: `make test` installs it where it can.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from monitor.embedded import chromium
from monitor.embedded.browser import Browser
from monitor.embedded.chromium import Chromium
from monitor.embedded.failure import RunError
from monitor.embedded.server import EmbeddedAgent
from monitor.errors import FetchError
from monitor.fetch import Page, Policy
from tests.embedded.sites import served

pytestmark = [pytest.mark.browser, pytest.mark.anyio]

APP = """<!doctype html><html><head><title>Shop</title></head><body><div id="app">Loading…</div><script>
fetch('/api').then(answer => answer.json()).then(found => {
  document.getElementById('app').innerHTML =
    '<h1>' + found.name + '</h1><dl><dt>Price</dt><dd>€' + found.price + '</dd></dl>';
});</script></body></html>"""
API = '{"name": "Aurora Duo", "price": "449.00"}'
SCHEMA = {
    "type": "object",
    "required": ["name", "price"],
    "properties": {"name": {"type": "string"}, "price": {"type": "number"}},
}
PLAIN = "<html><body><h1>Aurora Duo</h1><dl><dt>Price</dt><dd>€449.00</dd></dl><script>x=1</script></body></html>"


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    assert chromium.missing() is None, f"these tests need a browser: {chromium.missing()}"
    opened = Browser(Policy(allow_loopback=True))
    yield opened
    await opened.aclose()


def plain(url: str) -> Page:
    return Page(url, 200, {}, b"", "", "utf-8")


async def run(client: httpx.AsyncClient, url: str, schema: Any = SCHEMA, **more: Any) -> dict[str, Any]:
    order = {"url": url, "goal": "the price", "output_schema": schema, **more}
    answer = await client.post("/v1/automation/run", json=order)
    found: dict[str, Any] = (await client.get(f"/v1/runs/{answer.json()['run_id']}")).json()
    return found


async def test_a_page_that_yields_nothing_without_scripts_is_rendered_by_itself(client: httpx.AsyncClient) -> None:
    async with served({"/": APP, "/api": API}) as site:
        found = await run(client, f"{site.url}/")
    assert (found["status"], found["result"]) == ("COMPLETED", {"name": "Aurora Duo", "price": 449.0})
    assert [step["action"] for step in found["steps"]] == [
        "Opening 127.0.0.1",
        "Reading the values from the page",
        "Rendering the page in Chromium",
        "Reading the values from the rendered page",
    ]


async def test_a_page_that_says_all_without_scripts_is_read_by_plain_http(client: httpx.AsyncClient) -> None:
    async with served({"/": PLAIN}) as site:
        found = await run(client, f"{site.url}/")
    assert found["result"] == {"name": "Aurora Duo", "price": 449.0}
    assert len(found["steps"]) == 2
    assert [path for path in site.asked if path != "/robots.txt"] == ["/"]


@pytest.mark.parametrize("wish", [{"browser_profile": "stealth"}, {"capture_config": {"screenshots": True}}])
async def test_who_asks_for_a_browser_or_a_picture_gets_the_page_rendered(client: Any, wish: Any) -> None:
    async with served({"/": PLAIN}) as site:
        found = await run(client, f"{site.url}/", **wish)
    assert found["status"] == "COMPLETED"
    assert len(found["steps"]) == 4


async def test_screenshots_and_html_of_the_rendered_page_are_kept_when_asked(client: httpx.AsyncClient) -> None:
    async with served({"/": APP, "/api": API}) as site:
        found = await run(client, f"{site.url}/", capture_config={"screenshots": True, "html": True})
    step = f"/v1/runs/{found['run_id']}/steps/{found['steps'][2]['id']}"
    picture = await client.get(f"{step}/screenshot")
    assert picture.content.startswith(b"\xff\xd8\xff")
    assert "€449.00" in (await client.get(f"{step}/html")).text


async def test_without_a_browser_the_run_says_what_to_install(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    async with served({"/": APP, "/api": API}) as site:
        found = await run(client, f"{site.url}/")
    assert found["status"] == "FAILED"
    assert found["error"]["message"] == "this page needs a browser: pip install goal-monitor[browser] and chromium"


async def test_without_a_browser_a_page_that_lacks_one_value_says_both(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    page = f"<body><h1>Aurora</h1><p>{'Long text. ' * 40}</p><script>x=1</script></body>"
    async with served({"/": page}) as site:
        found = await run(client, f"{site.url}/")
    assert "not found on the page: /price" in found["error"]["message"]
    assert "pip install goal-monitor[browser]" in found["error"]["help_message"]


PEEK = """<body><div id="app">waiting</div><script>
fetch('http://127.0.0.2:PORT/secret', {mode: 'no-cors'}).then(() => 'reached', () => 'blocked')
  .then(word => { document.getElementById('app').textContent = word; });</script></body>"""


async def test_a_page_reaches_no_private_address_but_its_own(browser: Browser) -> None:
    async with served({"/": PEEK}) as site:
        rendered = await browser.render(plain(f"{site.url}/"), f"{site.url}/")
    assert ">blocked<" in rendered.page.text
    assert "/secret" not in site.asked


async def test_a_redirect_to_another_private_address_is_refused(browser: Browser) -> None:
    async with served({"/": (302, "http://127.0.0.2/")}) as site:
        with pytest.raises(FetchError, match=r"127\.0\.0\.2 is a loopback address") as raised:
            await browser.render(plain(f"{site.url}/"), f"{site.url}/")
    assert raised.value.code == "blocked_address"


async def test_a_policy_without_loopback_lets_no_page_of_this_machine_be_rendered(browser: Browser) -> None:
    strict = Browser(Policy(), browser.chromium)
    async with served({"/": APP}) as site:
        with pytest.raises(FetchError) as raised:
            await strict.render(plain(f"{site.url}/"), f"{site.url}/")
    assert (raised.value.code, site.asked) == ("blocked_address", [])


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "chrome://version"])
async def test_other_schemes_are_not_opened(browser: Browser, target: str) -> None:
    page = f"<body><p id=a>x</p><iframe src='{target}'></iframe><script>location = '{target}'</script></body>"
    hasty = Browser(browser.policy, browser.chromium, seconds=9.0)
    async with served({"/": page}) as site:
        rendered = await hasty.render(plain(f"{site.url}/"), f"{site.url}/")
    assert "root:" not in rendered.page.text
    assert rendered.page.url == f"{site.url}/"


async def test_what_stands_in_open_shadow_roots_is_read(browser: Browser) -> None:
    page = """<body><x-price></x-price><script>
    document.querySelector('x-price').attachShadow({mode: 'open'}).innerHTML = '<b>€449.00</b>';</script></body>"""
    async with served({"/": page}) as site:
        rendered = await browser.render(plain(f"{site.url}/"), f"{site.url}/")
    assert "<x-price><b>€449.00</b></x-price>" in rendered.page.text


HANGING = {
    "an endless loop": "<body><script>for (;;) {}</script></body>",
    "an endless growth": "<body><script>const all=[]; for (;;) all.push(new Array(1e6).fill(1.5))</script></body>",
    "dialogs without an end": "<body><script>for (;;) alert('still here')</script></body>",
}


@pytest.mark.parametrize("page", HANGING.values(), ids=HANGING.keys())
async def test_a_page_that_never_ends_fails_in_time_and_the_next_one_is_read(browser: Browser, page: str) -> None:
    hasty = Browser(browser.policy, browser.chromium, seconds=2.0)
    async with served({"/": page, "/good": APP, "/api": API}) as site:
        with pytest.raises((FetchError, RunError)):
            await hasty.render(plain(f"{site.url}/"), f"{site.url}/")
        rendered = await browser.render(plain(f"{site.url}/good"), f"{site.url}/good")
    assert "€449.00" in rendered.page.text


async def test_a_page_that_takes_too_many_bytes_is_cut(browser: Browser) -> None:
    narrow = Browser(browser.policy, browser.chromium, max_taken=200_000)
    script = "<body><script>fetch('/big').then(a => a.text()).then(t => document.body.append(t.length))</script></body>"
    async with served({"/": script, "/big": "x" * 1_000_000}) as site:
        rendered = await narrow.render(plain(f"{site.url}/"), f"{site.url}/")
    assert "1000000" not in rendered.page.text


async def test_a_document_that_grows_too_large_is_refused(browser: Browser) -> None:
    narrow = Browser(Policy(allow_loopback=True, max_bytes=100_000), browser.chromium)
    page = "<body><script>document.body.textContent = 'x'.repeat(200000)</script></body>"
    async with served({"/": page}) as site:
        with pytest.raises(FetchError) as raised:
            await narrow.render(plain(f"{site.url}/"), f"{site.url}/")
    assert raised.value.code == "too_large"


async def test_nothing_of_one_run_is_seen_by_the_next(browser: Browser) -> None:
    page = """<body><p id=a></p><script>
    document.getElementById('a').textContent = 'was ' + localStorage.x + document.cookie;
    localStorage.x = 'here'; document.cookie = 'c=1';</script></body>"""
    async with served({"/": page}) as site:
        for _run in range(2):
            rendered = await browser.render(plain(f"{site.url}/"), f"{site.url}/")
            assert ">was undefined<" in rendered.page.text


async def test_a_browser_that_was_killed_is_started_anew(browser: Browser) -> None:
    async with served({"/": APP, "/api": API}) as site:
        await browser.render(plain(f"{site.url}/"), f"{site.url}/")
        assert browser.chromium._pid is not None
        gone = asyncio.Event()
        browser.chromium._browser.on("disconnected", lambda _browser: gone.set())
        os.kill(browser.chromium._pid, 9)
        await gone.wait()
        rendered = await browser.render(plain(f"{site.url}/"), f"{site.url}/")
    assert "€449.00" in rendered.page.text


async def test_closing_the_agent_ends_its_browser_and_all_it_started(tmp_path: Path) -> None:
    others = _children(os.getpid())
    async with (
        served({"/": APP, "/api": API}) as site,
        EmbeddedAgent(ledger=tmp_path / "agent.db") as agent,
        httpx.AsyncClient(base_url=agent.base_url, timeout=50) as client,
    ):
        assert (await run(client, f"{site.url}/"))["status"] == "COMPLETED"
        own = _children(os.getpid()) - others
        assert own
    assert not [pid for pid in own if _alive(pid)]


async def test_the_executable_is_the_one_that_is_named_or_the_first_usual_one(tmp_path: Path) -> None:
    for name in ("google-chrome", "chromium-browser"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    assert chromium.executable({"PATH": str(tmp_path)}) == tmp_path / "chromium-browser"
    assert chromium.executable({"PATH": str(tmp_path), "CHROMIUM": "google-chrome"}) == tmp_path / "google-chrome"
    assert chromium.executable({"PATH": str(tmp_path), "CHROMIUM": "/nowhere"}) is None
    assert chromium.missing({"PATH": ""}) == chromium.NEEDED


async def test_a_browser_that_does_not_start_is_a_failure_of_the_system(tmp_path: Path) -> None:
    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    started = Chromium({"PATH": os.environ["PATH"], "CHROMIUM": str(broken)})
    with pytest.raises(RunError, match="Chromium did not start") as raised:
        await started.context("http://127.0.0.1:9", "test")
    assert raised.value.category == "SYSTEM_FAILURE"
    await started.aclose()


def _children(parent: int) -> set[int]:
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _stat(int(entry.name))[1:2] == [str(parent)]:
            found |= {int(entry.name), *_children(int(entry.name))}
    return found


def _alive(pid: int) -> bool:
    return _stat(pid)[:1] not in ([], ["Z"])


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
