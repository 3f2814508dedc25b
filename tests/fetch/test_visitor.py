"""Fetching as a guest, over real sockets: robots.txt, pacing, proxies, webhooks' POST."""

from __future__ import annotations

import asyncio
import base64
import gzip
import zlib
from collections.abc import Awaitable

import pytest

from monitor.errors import FetchError
from monitor.fetch import Policy, Proxy, fetch, post
from monitor.fetch.pace import Pace
from monitor.fetch.visitor import KEEP_SECONDS, Visitor
from tests.conftest import SimulatedClock
from tests.fetch.servers import Answer, endless, page, raw, redirects, serving

pytestmark = pytest.mark.anyio
LOCAL = Policy(allow_loopback=True, timeout=10)


def visitor(clock: SimulatedClock, **changes: object) -> Visitor:
    return Visitor(LOCAL, pace=None, monotonic=clock.monotonic, **changes)  # type: ignore[arg-type]


def site(robots: Answer, **others: Answer) -> Answer:
    """A site with this robots.txt; every other path is a page, unless `others` names it."""

    async def answer(path: str, writer: asyncio.StreamWriter) -> None:
        chosen = robots if path == "/robots.txt" else others.get(path.strip("/"), page(b"<p>here</p>"))
        await chosen(path, writer)

    return answer


def rules(text: str) -> Answer:
    return page(text.encode(), headers={"Content-Type": "text/plain"})


async def code(fetched: Awaitable[object]) -> str:
    with pytest.raises(FetchError) as caught:
        await fetched
    assert "\n" not in str(caught.value)
    return caught.value.code


async def test_what_robots_txt_forbids_is_not_fetched(clock: SimulatedClock) -> None:
    text = "User-agent: *\nDisallow: /\n\nUser-agent: goal-monitor\nDisallow: /private\n"
    async with serving(site(rules(text))) as server:
        guest = visitor(clock)
        assert (await guest.fetch(server.url("/open"))).status == 200
        assert await code(guest.fetch(server.url("/private/prices?q=1"))) == "robots"
        assert (await visitor(clock, obey_robots=False).fetch(server.url("/private"))).status == 200
    paths = [head.split(" ")[1] for head in server.requests]
    assert paths == ["/robots.txt", "/open", "/private"]


async def test_robots_txt_is_asked_anew_after_ten_minutes(clock: SimulatedClock) -> None:
    async with serving(site(rules(""))) as server:
        guest = visitor(clock)
        for _ in range(3):
            await guest.fetch(server.url())
            clock.advance(KEEP_SECONDS * 0.6)
    assert [head.split(" ")[1] for head in server.requests] == ["/robots.txt", "/", "/", "/robots.txt", "/"]


async def test_a_redirect_is_admitted_anew(clock: SimulatedClock) -> None:
    moved = page(b"", status="302 Found", headers={"Location": "/private"})
    async with serving(site(rules("User-agent: *\nDisallow: /private"), moved=moved)) as server:
        assert await code(visitor(clock).fetch(server.url("/moved"))) == "robots"


@pytest.mark.parametrize(
    "robots",
    [
        page(b"no", status="404 Not Found"),
        page(b"no", status="403 Forbidden"),
        page(b"<html>not found</html>"),
        page(b"broken", headers={"Content-Encoding": "gzip"}),
        page(b"", status="302 Found", headers={"Location": "file:///etc/passwd"}),
        raw(b"garbage\r\n\r\n"),
        endless,
        redirects,
    ],
)
async def test_a_robots_txt_that_is_none_forbids_nothing(clock: SimulatedClock, robots: Answer) -> None:
    async with serving(site(robots)) as server:
        assert (await visitor(clock).fetch(server.url("/page"))).text == "<p>here</p>"


@pytest.mark.parametrize(
    ("status", "expected"), [("503 Busy", "http_503"), ("500 Oops", "http_500"), ("429 Slow down", "http_429")]
)
async def test_a_site_that_cannot_say_its_rules_is_not_read(clock: SimulatedClock, status: str, expected: str) -> None:
    async with serving(site(page(b"", status=status))) as server:
        assert await code(visitor(clock).fetch(server.url("/page"))) == expected
    assert len(server.requests) == 1


async def test_the_beginning_of_a_large_robots_txt_counts(clock: SimulatedClock) -> None:
    text = "User-agent: *\nDisallow: /private\n" + "# filler\n" * 200_000
    async with serving(site(page(gzip.compress(text.encode()), headers={"Content-Encoding": "gzip"}))) as server:
        assert await code(visitor(clock).fetch(server.url("/private"))) == "robots"


async def test_public_hosts_are_asked_with_a_distance(clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is neither pinned nor loopback; only where it leads is put in place."""

    async def resolved(*_arguments: object, **_options: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        return [(2, 1, 6, "", ("127.0.0.1", 80))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolved)
    policy = Policy(allow_loopback=True, allow_private=True, timeout=10)
    pace = Pace(2.0, 2, monotonic=clock.monotonic, sleep=clock.sleep)
    guest = Visitor(policy, pace=pace, monotonic=clock.monotonic)
    async with serving(site(rules("User-agent: *\nCrawl-delay: 5"))) as server:
        for _ in range(3):
            await guest.fetch(f"http://shop.example:{server.port}/")
        assert clock.monotonic() == 10.0
        async with guest.admitted(f"http://shop.example:{server.port}/rendered"):
            assert clock.monotonic() == 15.0


async def test_a_host_s_places_are_kept_and_hosts_are_forgotten(clock: SimulatedClock) -> None:
    pace = Pace(0.0, 1, monotonic=clock.monotonic, sleep=clock.sleep)
    seen: list[str] = []

    async def visit(name: str, go: asyncio.Event) -> None:
        async with pace.turn("a.example"):
            seen.append(f"{name} in")
            await go.wait()
            seen.append(f"{name} out")

    go = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(visit("first", go))
        group.create_task(visit("second", go))
        async with pace.turn("b.example"):
            go.set()
    assert seen == ["first in", "first out", "second in", "second out"]
    for number in range(1_200):
        async with pace.turn(f"{number}.example"):
            pass
    assert len(pace._hosts) == 1_000


async def test_waiting_for_a_turn_does_not_count_against_the_page_s_seconds() -> None:
    async def slowly(seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.3))

    class Late:
        async def __aenter__(self) -> None:
            await slowly(1)

        async def __aexit__(self, *_error: object) -> None:
            pass

    async with serving(page(b"here")) as server:
        policy = Policy(allow_loopback=True, timeout=0.25)
        assert (await fetch(server.url(), policy=policy, door=lambda _url, _policy: Late())).text == "here"


def proxied(heads: list[str], login: bytes) -> Answer:
    """An HTTP proxy that answers plain requests by itself, telling what was asked of it, to whoever logs in."""
    word = f"proxy-authorization: basic {base64.b64encode(login).decode()}".lower()

    async def answer(path: str, writer: asyncio.StreamWriter) -> None:
        if word not in heads[-1].lower():
            await page(b"", status="407 Proxy Authentication Required")(path, writer)
            return
        await page(f"<p>through the proxy: {path}</p>".encode())(path, writer)

    return answer


async def test_a_proxy_is_used_with_its_credentials_and_they_are_shown_nowhere() -> None:
    heads: list[str] = []
    async with serving(proxied(heads, b"anna:s3cret-word")) as server:
        server.requests = heads
        proxy = Proxy(server.url("").rstrip("/"), "anna", "s3cret-word")
        policy = Policy(allow_loopback=True, timeout=10, proxy=proxy)
        found = await fetch("http://shop.example/a?b=1", policy=policy)
        assert found.text == "<p>through the proxy: http://shop.example/a?b=1</p>"
        assert "host: shop.example" in heads[0].lower()
        wrong = Policy(allow_loopback=True, timeout=10, proxy=Proxy(proxy.url, "anna", "wr0ng-word"))
        assert (await fetch("http://shop.example/", policy=wrong)).status == 407
    assert "s3cret-word" not in repr(policy)
    with pytest.raises(FetchError) as caught:
        await fetch("http://shop.example/", policy=policy)
    assert "s3cret-word" not in repr(caught.value) + str(caught.value)
    assert (caught.value.code, "the proxy" in caught.value.message) == ("connect", True)


async def test_a_proxy_that_refuses_a_tunnel_is_told() -> None:
    async with serving(page(b"", status="407 Proxy Authentication Required")) as server:
        policy = Policy(allow_loopback=True, timeout=10, proxy=Proxy(server.url("")))
        assert await code(fetch("https://shop.example/", policy=policy)) == "proxy"
    assert server.requests[0].startswith("CONNECT shop.example:443 ")


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/", "http://169.254.169.254/", "http://localhost/", "http://nas.local/"]
)
async def test_a_proxy_is_no_way_inside(url: str) -> None:
    async with serving(page(b"inside")) as server:
        policy = Policy(timeout=10, proxy=Proxy(server.url("")))
        assert await code(fetch(url, policy=policy)) == "blocked_address"
        assert await code(fetch("http://shop.example/", policy=policy)) == "blocked_address", "the proxy is inside"
    assert server.requests == []


async def test_a_page_through_a_proxy_cannot_redirect_inside() -> None:
    moved = page(b"", status="302 Found", headers={"Location": "http://127.0.0.1:9/"})
    async with serving(moved) as server:
        policy = Policy(allow_loopback=True, timeout=10, proxy=Proxy(server.url("")))
        assert await code(fetch("http://shop.example/", policy=policy)) == "blocked_address"
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "url", ["socks5://p:1", "http://", "p:3128", "http://u:p@p:1", "http://p:1/path", "http://p:99999"]
)
async def test_a_proxy_that_cannot_be_is_told(url: str) -> None:
    assert await code(fetch("http://shop.example/", policy=Policy(proxy=Proxy(url)))) == "proxy"


async def test_a_post_says_what_it_was_answered_and_follows_nothing() -> None:
    async with serving(page(b"", status="302 Found", headers={"Location": "/other"})) as server:
        assert await post(server.url("/hook"), b'{"a":1}', policy=LOCAL) == 302
    assert len(server.requests) == 1
    head = server.requests[0].lower()
    assert head.startswith("post /hook ")
    assert "content-type: application/json" in head
    assert "content-length: 7" in head


async def test_a_post_is_guarded_like_a_page() -> None:
    assert await code(post("http://127.0.0.1:9/", b"{}", policy=Policy())) == "blocked_address"


async def test_compressed_data_that_ends_too_early_is_no_page() -> None:
    whole = gzip.compress(b"<p>price</p>" * 1_000)
    async with serving(page(whole[:-10], headers={"Content-Encoding": "gzip"})) as server:
        assert await code(fetch(server.url(), policy=LOCAL)) == "encoding"


async def test_a_deflate_bomb_is_cut() -> None:
    bomb = zlib.compress(b"\0" * 50_000_000, 9)
    async with serving(page(bomb, headers={"Content-Encoding": "deflate"})) as server:
        assert await code(fetch(server.url(), policy=LOCAL)) == "too_large"
