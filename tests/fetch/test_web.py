"""Fetching over real sockets: what arrives, and what is refused with which code."""

from __future__ import annotations

import gzip
import zlib

import httpcore
import pytest

from monitor.errors import FetchError
from monitor.fetch import Policy, fetch
from tests.fetch.memory import Peak
from tests.fetch.servers import bomb, endless, page, raw, redirects, serving

pytestmark = pytest.mark.anyio
LOCAL = Policy(allow_loopback=True, timeout=10)


async def failure(url: str, policy: Policy = LOCAL) -> str:
    with pytest.raises(FetchError) as caught:
        await fetch(url, policy=policy)
    assert "\n" not in str(caught.value)
    return caught.value.code


async def test_a_page_arrives_with_its_text_and_an_honest_user_agent() -> None:
    async with serving(page("<p>Grüße</p>".encode())) as server:
        found = await fetch(server.url("/a?b=1#c"), policy=LOCAL)
    assert (found.status, found.text, found.encoding) == (200, "<p>Grüße</p>", "utf-8")
    assert found.url.endswith("/a?b=1")
    assert "user-agent: goal-monitor/" in server.requests[0].lower()
    assert "cookie" not in server.requests[0].lower()


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("Größe".encode("latin-1"), "text/html; charset=iso-8859-1", "Größe"),
        (b'<meta charset="windows-1251">' + "цена".encode("cp1251"), "text/html", '<meta charset="windows-1251">цена'),
        (b"\xef\xbb\xbfabc", "text/html", "abc"),
        (b"a\xffb", "text/html; charset=utf-8", "a\ufffdb"),
        (b"a", "text/html; charset=klingon", "a"),
    ],
)
async def test_encodings_are_read_by_mark_header_and_meta(body: bytes, content_type: str, text: str) -> None:
    async with serving(page(body, headers={"Content-Type": content_type})) as server:
        assert (await fetch(server.url(), policy=LOCAL)).text == text


async def test_what_is_no_text_has_no_text() -> None:
    async with serving(page(b"\x89PNG", headers={"Content-Type": "image/png"})) as server:
        found = await fetch(server.url(), policy=LOCAL)
    assert (found.text, found.content) == ("", b"\x89PNG")


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("coding", "body"),
    [("gzip", gzip.compress(b"abc", mtime=0)), ("deflate", zlib.compress(b"abc")), ("deflate", deflated(b"abc"))],
)
async def test_compressed_pages_are_read(coding: str, body: bytes) -> None:
    async with serving(page(body, headers={"Content-Encoding": coding})) as server:
        assert (await fetch(server.url(), policy=LOCAL)).text == "abc"


async def test_a_compression_bomb_is_cut_before_it_is_large() -> None:
    answer = bomb(300)
    peak = Peak()
    async with serving(answer) as server:
        assert await failure(server.url()) == "too_large"
    assert peak.grown_mib() < 60


async def test_an_endless_page_is_cut() -> None:
    async with serving(endless) as server:
        assert await failure(server.url()) == "too_large"


async def test_a_silent_server_times_out() -> None:
    async with serving(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", then_wait=True)) as server:
        assert await failure(server.url(), Policy(allow_loopback=True, timeout=0.3)) == "timeout"


async def test_redirects_end() -> None:
    async with serving(redirects) as server:
        assert await failure(server.url("/0")) == "too_many_redirects"
    assert len(server.requests) == 6


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "javascript:alert(1)", "http://u:p@127.0.0.1/", "http://a\\b/"]
)
async def test_a_redirect_to_what_is_no_web_page_is_refused(target: str) -> None:
    async with serving(page(b"", status="302 Found", headers={"Location": target})) as server:
        assert await failure(server.url()) == "bad_url"


async def test_a_redirect_is_checked_like_a_first_url() -> None:
    async with serving(page(b"", status="301 Moved", headers={"Location": "http://169.254.169.254/latest"})) as server:
        assert await failure(server.url()) == "blocked_address"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://shop.example/", "file:///etc/passwd", "data:text/html,x", "source:http://a.example", "shop.example", "http://",
        "http://a b.example/", "http://inside\\@public.example/", "http://user:pass@shop.example/", "http://shop.example/\n",
        "http://shop.example/" + "a" * 3_000, "http://[::1", "http://shop.example:99999/",
    ],
)  # fmt: skip
async def test_what_is_no_plain_web_url_is_refused_before_any_socket(url: str) -> None:
    assert await failure(url) == "bad_url"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/", "http://localhost:9/", "http://2130706433:9/", "http://[::ffff:127.0.0.1]:9/"]
)
async def test_loopback_is_refused_without_leave(url: str) -> None:
    assert await failure(url, Policy()) == "blocked_address"


async def test_a_name_that_hides_loopback_is_refused_even_with_leave_for_loopback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import asyncio

    async def rebound(*_arguments: object, **_options: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        return [(2, 1, 6, "", ("127.0.0.1", 80))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", rebound)
    assert await failure("http://rebound.example/") == "blocked_address"


async def test_a_closed_port_is_told_as_no_connection() -> None:
    async with serving(page(b"")) as server:
        pass
    assert await failure(server.url()) == "connect"


async def test_a_name_that_does_not_exist_is_told_so() -> None:
    assert await failure("http://no-such-host.invalid/") == "dns"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"not http at all\r\n\r\n", "protocol"),
        (b"", "protocol"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "protocol"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nnot gzip", "encoding"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\nxx", "encoding"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000, "protocol"),
    ],
)
async def test_broken_answers_are_told_by_code(data: bytes, code: str) -> None:
    async with serving(raw(data)) as server:
        assert await failure(server.url()) == code


async def test_a_plain_server_behind_https_is_told_as_tls() -> None:
    async with serving(raw(b"HTTP/1.1 400 Bad Request\r\n\r\n"), wait_for_head=False) as server:
        assert await failure(server.url().replace("http:", "https:")) == "tls"


async def test_a_pinned_name_reaches_its_own_server_only() -> None:
    async with serving(page(b"pinned")) as server:
        policy = Policy(pins={"demo.localhost": ("127.0.0.1", server.port)})
        assert (await fetch("http://demo.localhost/x", policy=policy)).text == "pinned"
        assert "host: demo.localhost\r\n" in server.requests[0].lower()
        assert await failure(f"http://demo.localhost:{server.port}/", policy) == "blocked_address"


async def test_statuses_are_answers_until_they_are_checked() -> None:
    async with serving(page(b"gone", status="404 Not Found")) as server:
        found = await fetch(server.url(), policy=LOCAL)
    assert found.status == 404
    with pytest.raises(FetchError) as caught:
        found.checked()
    assert caught.value.code == "http_404"


async def test_every_network_exception_of_httpcore_is_translated() -> None:
    translated = (
        httpcore.TimeoutException,
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpcore.UnsupportedProtocol,
    )
    ours = (httpcore.ConnectionNotAvailable, httpcore.ProxyError)  # of pools and proxies, which are not used
    kinds = [kind for kind in vars(httpcore).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    network = [kind for kind in kinds if kind not in ours]
    assert all(issubclass(kind, translated) for kind in network)
