"""`fetch`: one GET under a policy. The home of httpx and httpcore beside `monitor.agent`; translates their exceptions.

One connection per request, no pool, no cookies, no proxy of the environment; redirects are followed here, each hop
checked anew.
"""

from __future__ import annotations

import asyncio
from functools import cache
from typing import TYPE_CHECKING

from monitor.errors import FetchError
from monitor.fetch import body
from monitor.fetch.page import Page, decode
from monitor.fetch.policy import Policy

if TYPE_CHECKING:
    import ssl

    import httpcore
    import httpx

MAX_URL = 2_083
_REDIRECTS = (301, 302, 303, 307, 308)


async def fetch(url: str, *, policy: Policy) -> Page:
    """Return the page at `url` after at most `policy.max_redirects` redirects, whatever its status.

    Raises FetchError with one of the codes bad_url, blocked_address, dns, connect, tls, timeout, too_large,
    too_many_redirects, encoding, protocol.
    """
    try:
        async with asyncio.timeout(policy.timeout):
            return await _follow(_parsed(url), policy)
    except TimeoutError as problem:
        raise FetchError(f"the page did not arrive within {policy.timeout:g} s", code="timeout") from problem


async def _follow(url: httpx.URL, policy: Policy) -> Page:
    for _hop in range(policy.max_redirects + 1):
        page, reached_public = await _get(url, policy)
        location = page.headers.get("location")
        if page.status not in _REDIRECTS or not location:
            return page
        # A user may watch an address of his own network; a page out there may not send us into it.
        policy = policy.public_only() if reached_public else policy
        url = _parsed(location, url)
    raise FetchError(f"more than {policy.max_redirects} redirects", code="too_many_redirects")


def _parsed(text: str, origin: httpx.URL | None = None) -> httpx.URL:
    """Read a url by one parser and refuse what two parsers could read differently (reliability.md row 27)."""
    import httpx

    if len(text) > MAX_URL:
        raise FetchError(f"the url is longer than {MAX_URL} characters", code="bad_url")
    if any(character <= " " or character in "\\\x7f" for character in text):
        raise FetchError("the url holds a space, a control character or a backslash", code="bad_url")
    try:
        url = origin.join(text) if origin else httpx.URL(text)
        again = httpx.URL(str(url))
    except (httpx.InvalidURL, ValueError) as problem:
        raise FetchError("the url cannot be read", code="bad_url") from problem
    if url.scheme not in ("http", "https") or not url.host:
        raise FetchError("only http and https urls are fetched", code="bad_url")
    if url.port is not None and not 0 < url.port < 65_536:
        raise FetchError("the url names no possible port", code="bad_url")
    if url.userinfo:
        raise FetchError("a url with a user name or a password is not fetched", code="bad_url")
    if (again.raw_host, again.port, again.raw_path) != (url.raw_host, url.port, url.raw_path):
        raise FetchError("the url can be read in two ways", code="bad_url")
    return url.copy_with(fragment=None)


async def _get(url: httpx.URL, policy: Policy) -> tuple[Page, bool]:
    import httpcore

    from monitor.fetch.guard import GuardedBackend

    backend = GuardedBackend(policy)
    origin = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
    connection = httpcore.AsyncHTTPConnection(
        origin=origin.origin,
        ssl_context=_tls() if url.scheme == "https" else None,
        network_backend=backend,
    )
    request = httpcore.Request("GET", origin, headers=_headers(url, policy))
    try:
        page = await _exchange(connection, request, url, policy)
    except httpcore.TimeoutException as problem:
        raise FetchError("the page did not arrive in time", code="timeout") from problem
    except httpcore.ConnectError as problem:
        code = "tls" if "certificate" in str(problem).lower() or "ssl" in str(problem).lower() else "connect"
        raise FetchError(f"no connection to {url.host}: {_short(problem)}", code=code) from problem
    except httpcore.NetworkError as problem:
        raise FetchError(f"the connection to {url.host} broke", code="connect") from problem
    except (httpcore.ProtocolError, httpcore.UnsupportedProtocol) as problem:
        raise FetchError(f"{url.host} does not speak proper HTTP: {_short(problem)}", code="protocol") from problem
    finally:
        await connection.aclose()
        await backend.aclose()
    return page, backend.reached_public


async def _exchange(
    connection: httpcore.AsyncHTTPConnection, request: httpcore.Request, url: httpx.URL, policy: Policy
) -> Page:
    response = await connection.handle_async_request(request)
    try:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
        if response.status in _REDIRECTS and "location" in headers:
            content = b""  # nobody reads it, and it may be endless
        else:
            chunks = response.aiter_stream()
            content = await body.read(chunks, coding=headers.get("content-encoding", ""), limit=policy.max_bytes)
    finally:
        await response.aclose()
    text, encoding = decode(content, headers.get("content-type", ""))
    return Page(str(url), response.status, headers, content, text, encoding)


def _headers(url: httpx.URL, policy: Policy) -> list[tuple[bytes, bytes]]:
    return [
        (b"Host", url.netloc),
        (b"User-Agent", policy.user_agent.encode("ascii")),
        (b"Accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.5"),
        (b"Accept-Encoding", b"gzip, deflate"),
        (b"Connection", b"close"),
    ]


@cache
def _tls() -> ssl.SSLContext:
    import httpcore

    return httpcore.default_ssl_context()


def _short(problem: Exception) -> str:
    text = " ".join(str(problem).split())
    return text[:200] or type(problem).__name__
