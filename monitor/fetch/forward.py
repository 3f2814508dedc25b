"""A forward proxy on loopback that lets a browser reach what a `Policy` permits, and nothing else.

A browser resolves names, follows redirects and opens web sockets by itself; a check in front of its requests would be
undone by the next redirect or by another answer of the resolver. Here every connection is checked when it is made.
Must not know which browser asks, nor what it reads.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

import structlog

from monitor.errors import FetchError
from monitor.fetch.addresses import host_problem, refused
from monitor.fetch.policy import Policy, Proxy

log = structlog.get_logger(__name__)

MAX_HEAD = 64 * 1024
MAX_CONNECTIONS = 400  # in all, of one page
CONNECT_SECONDS = 10.0
_BLOCK = 64 * 1024
_OWN_HEADERS = (b"proxy-", b"connection:", b"keep-alive:", b"upgrade:")

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(eq=False)
class GuardProxy:
    """The proxy of one page: `async with GuardProxy(policy, hosts, max_bytes) as proxy: proxy.address`.

    Private and loopback addresses are reached at `hosts` only, those that the user named, and only while these do not
    lead to a public address: a page out there may not send the browser into the user's network. `max_bytes` is what
    the page may take in all; beyond it every connection is cut and `exceeded` is set.
    """

    policy: Policy
    hosts: frozenset[str]
    max_bytes: int
    taken: int = 0
    exceeded: bool = False
    refusals: list[str] = field(default_factory=list)
    _connections: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def address(self) -> str:
        """The proxy's url; valid once it was entered."""
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"http://{host}:{port}"

    async def __aenter__(self) -> Self:
        """Listen on a free port of loopback."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=MAX_HEAD)
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Stop listening and cut what is open."""
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve((reader, writer)), name="guard-proxy-connection")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, browser: Streams) -> None:
        reader, writer = browser
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            await self._answer(head, browser)
        except FetchError as problem:
            if len(self.refusals) < MAX_CONNECTIONS:
                self.refusals.append(problem.message)
        except (TimeoutError, OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as problem:
            log.debug("a request of a page came to nothing", problem=type(problem).__name__)
        finally:  # without an answer: one of ours would look like the site's
            writer.close()

    async def _answer(self, head: bytes, browser: Streams) -> None:
        """Read a request's head and join both ends; raises FetchError, ValueError and OSError."""
        first, *lines = head[:-4].split(b"\r\n")
        method, target, _version = first.decode("ascii").split(" ")
        if method == "CONNECT":
            parts = urlsplit(f"//{target}")
            site = await self._reached(parts.hostname or "", parts.port or 443, tunnel=True)
            with _closing(site):
                browser[1].write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await self._join(browser, site, None)
            return
        parts = urlsplit(target)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError("not a request to a proxy")
        names = [line.lower() for line in lines]
        if any(name.startswith(b"transfer-encoding:") for name in names):
            raise ValueError("a request of unknown length")
        lengths = [int(name.partition(b":")[2]) for name in names if name.startswith(b"content-length:")]
        kept = [line for line, name in zip(lines, names, strict=True) if not name.startswith(_OWN_HEADERS)]
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if self.policy.proxy is not None:
            path = f"http://{parts.netloc}{path}"
            kept += _login(self.policy.proxy)
        request = b"\r\n".join([f"{method} {path} HTTP/1.1".encode("ascii"), *kept, b"Connection: close", b"", b""])
        site = await self._reached(parts.hostname, parts.port or 80)
        with _closing(site):
            site[1].write(request)
            # Exactly this request's body is passed on: a second request on this connection may be for another host.
            await self._join(browser, site, lengths[0] if lengths else 0)

    async def _reached(self, host: str, port: int, *, tunnel: bool = False) -> Streams:
        """Return a connection to a permitted address of `host` or to the policy's proxy; raises FetchError, OSError.

        Through a proxy a `tunnel` is opened to `host`; a plain request is left to it whole.
        """
        self._connections += 1
        if self._connections > MAX_CONNECTIONS or self.exceeded:
            raise FetchError("the page opens too many connections", code="too_large")
        host = host.rstrip(".").lower()
        if not host or host.startswith(":"):
            raise FetchError("a request without a host", code="bad_url")
        named = host in self.hosts
        pinned = self.policy.pins.get(host) if named and port == 80 else None
        policy = self.policy if named else self.policy.public_only()
        if self.policy.proxy is not None:
            return await self._through(self.policy.proxy, host, port if tunnel else None, policy)
        return await self._directly(host, port, policy, pinned)

    async def _directly(self, host: str, port: int, policy: Policy, pinned: tuple[str, int] | None) -> Streams:
        from monitor.fetch.guard import permitted

        problem: OSError | TimeoutError = OSError(f"{host} has no address")
        for address in [pinned] if pinned else [(each, port) for each in await permitted(host, port, policy)]:
            if policy is self.policy and not pinned and refused(address[0], self.policy.public_only()) is None:
                self.policy = self.policy.public_only()
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    return await asyncio.open_connection(*address, limit=_BLOCK)
            except (OSError, TimeoutError) as failed:
                problem = failed
        raise problem

    async def _through(self, proxy: Proxy, host: str, port: int | None, policy: Policy) -> Streams:
        """Return a connection to the user's proxy, which resolves names: only what `host` itself says is checked."""
        if words := host_problem(host, allow_loopback=policy.allow_loopback, allow_private=policy.allow_private):
            raise FetchError(f"{host} {words}", code="blocked_address")
        parts = urlsplit(proxy.url)
        secure = parts.scheme == "https"
        reader, writer = await self._directly(
            parts.hostname or "", parts.port or (443 if secure else 80), self.policy, None
        )
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                if secure:
                    await writer.start_tls(ssl.create_default_context(), server_hostname=parts.hostname)
                answer = b"HTTP/1.1 200 " if port is None else await _tunnel((reader, writer), proxy, host, port)
        except BaseException:
            writer.close()
            raise
        if answer.split(b" ", 2)[1:2] != [b"200"]:
            writer.close()
            raise FetchError("the proxy refuses the connection", code="proxy")
        return reader, writer

    async def _join(self, browser: Streams, site: Streams, request_body: int | None) -> None:
        """Pass bytes both ways until either end is done; `request_body` bounds what the browser sends."""
        up = asyncio.create_task(_pass(browser[0], site[1], request_body), name="guard-proxy-up")
        down = asyncio.create_task(self._take(site[0], browser[1]), name="guard-proxy-down")
        try:
            if request_body is None:
                await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
            else:
                await asyncio.wait({down})
        finally:
            for task in (up, down):
                task.cancel()
            await asyncio.gather(up, down, return_exceptions=True)

    async def _take(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while block := await source.read(_BLOCK):
            self.taken += len(block)
            if self.taken > self.max_bytes:
                self.exceeded = True
                return
            sink.write(block)
            await sink.drain()


async def _pass(source: asyncio.StreamReader, sink: asyncio.StreamWriter, left: int | None) -> None:
    while left is None or left > 0:
        block = await source.read(_BLOCK if left is None else min(_BLOCK, left))
        if not block:
            return
        left = None if left is None else left - len(block)
        sink.write(block)
        await sink.drain()


async def _tunnel(streams: Streams, proxy: Proxy, host: str, port: int) -> bytes:
    """Ask a proxy for a tunnel and return the head of its answer."""
    where = (f"[{host}]:{port}" if ":" in host else f"{host}:{port}").encode("ascii")
    lines = [b"CONNECT " + where + b" HTTP/1.1", b"Host: " + where, *_login(proxy), b"", b""]
    streams[1].write(b"\r\n".join(lines))
    return await streams[0].readuntil(b"\r\n\r\n")


def _login(proxy: Proxy) -> list[bytes]:
    """Return the header that carries a proxy's credentials, if it has any."""
    if proxy.username is None:
        return []
    word = base64.b64encode(f"{proxy.username}:{proxy.password or ''}".encode())
    return [b"Proxy-Authorization: Basic " + word]


@contextlib.contextmanager
def _closing(streams: Streams) -> Iterator[None]:
    try:
        yield
    finally:
        streams[1].close()
