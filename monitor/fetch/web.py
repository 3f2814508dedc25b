"""`fetch`: one GET under a policy, `post`: one POST. The home of httpx and httpcore beside `monitor.agent`.

Translates their exceptions.

One connection per request, no pool, no cookies, no proxy of the environment (one of the policy is used, and its
credentials are in no message); redirects are followed here, each hop checked anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from monitor.errors import FetchError
from monitor.fetch import body, proxies
from monitor.fetch.page import Page, decode
from monitor.fetch.policy import Policy

if TYPE_CHECKING:
    import ssl

    import httpcore
    import httpx

MAX_URL = 2_083
Door = Callable[[str, Policy], AbstractAsyncContextManager[None]]
_T = TypeVar("_T")
_REDIRECTS = (301, 302, 303, 307, 308)


async def fetch(url: str, *, policy: Policy, door: Door | None = None, cut: bool = False) -> Page:
    """Return the page at `url` after at most `policy.max_redirects` redirects, whatever its status.

    Each url is asked for within `door(url, policy)`, if there is one; waiting there does not count against the policy's
    seconds. With `cut`, of a page that is too large its beginning is returned. Raises FetchError with one of the codes
    bad_url, blocked_address, dns, connect, proxy, tls, timeout, too_large, too_many_redirects, encoding, protocol.
    """
    seconds = policy.timeout
    loop = asyncio.get_running_loop()
    target = _parsed(url)
    for _hop in range(policy.max_redirects + 1):
        async with door(str(target), policy) if door else nullcontext():
            began = loop.time()
            page, reached_public = await _within(seconds, _get(target, policy, cut=cut), policy.timeout)
            seconds -= loop.time() - began
        location = page.headers.get("location")
        if page.status not in _REDIRECTS or not location:
            return page
        # A user may watch an address of his own network; a page out there may not send us into it.
        policy = policy.public_only() if reached_public else policy
        target = _parsed(location, target)
    raise FetchError(f"more than {policy.max_redirects} redirects", code="too_many_redirects")


async def post(url: str, content: bytes, *, policy: Policy) -> int:
    """Send JSON to `url` and return the status of the answer, of which nothing else is read; redirects are answers.

    Raises FetchError, as `fetch` does.
    """
    target = _parsed(url)
    page, _ = await _within(policy.timeout, _get(target, policy, cut=True, sent=content), policy.timeout)
    return page.status


async def _within(seconds: float, exchange: Awaitable[_T], promised: float) -> _T:
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            return await exchange
    except TimeoutError as problem:
        raise FetchError(f"the page did not arrive within {promised:g} s", code="timeout") from problem


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


async def _get(url: httpx.URL, policy: Policy, *, cut: bool, sent: bytes | None = None) -> tuple[Page, bool]:
    import httpcore

    from monitor.fetch.guard import GuardedBackend

    backend = GuardedBackend(policy)
    target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
    connection = proxies.connection(target, backend, policy) or httpcore.AsyncHTTPConnection(
        origin=target.origin,
        ssl_context=_tls() if url.scheme == "https" else None,
        network_backend=backend,
    )
    whom = "the proxy" if policy.proxy else url.host
    request = httpcore.Request("POST" if sent is not None else "GET", target, headers=_headers(url, policy, sent),
                               content=sent)  # fmt: skip
    try:
        page = await _exchange(connection, request, url, policy, cut=cut)
    except httpcore.TimeoutException as problem:
        raise FetchError("the page did not arrive in time", code="timeout") from problem
    except httpcore.ConnectError as problem:
        code = "tls" if "certificate" in str(problem).lower() or "ssl" in str(problem).lower() else "connect"
        raise FetchError(f"no connection to {whom}: {_short(problem)}", code=code) from problem
    except httpcore.ProxyError as problem:
        raise FetchError(f"the proxy does not lead to {url.host}: {_short(problem)}", code="proxy") from problem
    except httpcore.NetworkError as problem:
        raise FetchError(f"the connection to {whom} broke", code="connect") from problem
    except (httpcore.ProtocolError, httpcore.UnsupportedProtocol) as problem:
        raise FetchError(f"{whom} does not speak proper HTTP: {_short(problem)}", code="protocol") from problem
    finally:
        await connection.aclose()
        await backend.aclose()
    return page, backend.reached_public or (policy.proxy is not None and proxies.leads_out(url.host))


async def _exchange(
    connection: httpcore.AsyncConnectionInterface,
    request: httpcore.Request,
    url: httpx.URL,
    policy: Policy,
    *,
    cut: bool,
) -> Page:
    response = await connection.handle_async_request(request)
    try:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
        if request.method == b"POST" or (response.status in _REDIRECTS and "location" in headers):
            content = b""  # nobody reads it, and it may be endless
        else:
            coding = headers.get("content-encoding", "")
            content = await body.read(response.aiter_stream(), coding=coding, limit=policy.max_bytes, cut=cut)
    finally:
        await response.aclose()
    text, encoding = decode(content, headers.get("content-type", ""))
    return Page(str(url), response.status, headers, content, text, encoding)


def _headers(url: httpx.URL, policy: Policy, sent: bytes | None) -> list[tuple[bytes, bytes]]:
    headers = [
        (b"Host", url.netloc),
        (b"User-Agent", policy.user_agent.encode("ascii")),
        (b"Accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.5"),
        (b"Accept-Encoding", b"gzip, deflate"),
        (b"Connection", b"close"),
    ]
    if sent is not None:
        headers += [(b"Content-Type", b"application/json"), (b"Content-Length", str(len(sent)).encode())]
    return headers


@cache
def _tls() -> ssl.SSLContext:
    import httpcore

    return httpcore.default_ssl_context()


def _short(problem: Exception) -> str:
    text = " ".join(str(problem).split())
    return text[:200] or type(problem).__name__
