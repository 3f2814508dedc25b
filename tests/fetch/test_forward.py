"""The browser's guarding proxy: what it lets through, what it refuses, and how much."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from monitor.fetch import Policy
from monitor.fetch.forward import GuardProxy
from monitor.fetch.policy import Proxy

pytestmark = pytest.mark.anyio
LOCAL = Policy(allow_loopback=True)
HERE = frozenset({"127.0.0.1"})


@asynccontextmanager
async def echoing(
    answer: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
) -> AsyncIterator[tuple[int, list[bytes]]]:
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        await writer.drain()
        if seen[-1].startswith(b"CONNECT"):
            seen.append(await reader.read(1000))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], seen


async def asked(proxy: GuardProxy, request: bytes) -> bytes:
    host, port = proxy.address.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return answer


async def test_a_plain_request_goes_on_without_the_proxys_own_headers() -> None:
    async with echoing() as (port, seen), GuardProxy(LOCAL, HERE, 1000) as proxy:
        head = f"GET http://127.0.0.1:{port}/a?b=1 HTTP/1.1\r\nHost: x\r\nProxy-Connection: keep-alive\r\n\r\n"
        assert (await asked(proxy, head.encode())).endswith(b"ok")
    assert seen == [b"GET /a?b=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"]


async def test_a_second_request_on_the_same_connection_reaches_nobody() -> None:
    async with echoing() as (port, seen), GuardProxy(LOCAL, HERE, 1000) as proxy:
        head = f"GET http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: x\r\n\r\nGET http://127.0.0.2/secret HTTP/1.1\r\n\r\n"
        await asked(proxy, head.encode())
    assert b"secret" not in b"".join(seen)


REFUSED = {
    "another loopback address": b"GET http://127.0.0.2/ HTTP/1.1\r\n\r\n",
    "a tunnel to one": b"CONNECT 127.0.0.2:443 HTTP/1.1\r\n\r\n",
    "cloud metadata": b"GET http://169.254.169.254/latest HTTP/1.1\r\n\r\n",
    "a private network": b"CONNECT 10.0.0.1:443 HTTP/1.1\r\n\r\n",
    "localhost by name": b"GET http://localhost/ HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("request_", REFUSED.values(), ids=REFUSED.keys())
async def test_private_addresses_are_reached_at_the_named_host_only(request_: bytes) -> None:
    async with GuardProxy(LOCAL, HERE, 1000) as proxy:
        assert await asked(proxy, request_) == b""
        assert len(proxy.refusals) == 1


ODD = {
    "an origin form": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "no request": b"hello\r\n\r\n",
    "another scheme": b"GET file:///etc/passwd HTTP/1.1\r\n\r\n",
    "a body of unknown length": b"POST http://127.0.0.1/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "an endless head": b"GET http://127.0.0.1/ HTTP/1.1\r\nX: " + b"x" * 200_000,
    "no host": b"CONNECT :443 HTTP/1.1\r\n\r\n",
    "not ascii": b"GET http://\xff/ HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("request_", ODD.values(), ids=ODD.keys())
async def test_what_is_no_request_to_a_proxy_gets_no_answer(request_: bytes) -> None:
    async with GuardProxy(LOCAL, HERE, 1000) as proxy:
        with contextlib.suppress(ConnectionError):  # cut while it was still being sent
            assert await asked(proxy, request_) == b""


async def test_a_page_takes_so_many_bytes_and_no_more() -> None:
    async with echoing(b"x" * 300_000) as (port, _seen), GuardProxy(LOCAL, HERE, 100_000) as proxy:
        answer = await asked(proxy, f"GET http://127.0.0.1:{port}/ HTTP/1.1\r\n\r\n".encode())
        assert len(answer) <= 100_000
        assert proxy.exceeded
        assert await asked(proxy, f"GET http://127.0.0.1:{port}/ HTTP/1.1\r\n\r\n".encode()) == b""


async def test_through_a_proxy_of_the_users_own_requests_carry_its_credentials() -> None:
    async with echoing() as (port, seen):
        policy = Policy(allow_loopback=True, proxy=Proxy(f"http://127.0.0.1:{port}", "user", "word"))
        async with GuardProxy(policy, frozenset({"shop.example"}), 1000) as proxy:
            await asked(proxy, b"GET http://shop.example/a HTTP/1.1\r\nHost: shop.example\r\n\r\n")
            await asked(proxy, b"CONNECT 10.0.0.1:443 HTTP/1.1\r\n\r\n")
            assert len(proxy.refusals) == 1
    assert len(seen) == 1
    assert seen[0].startswith(b"GET http://shop.example/a HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic dXNlcjp3b3Jk\r\n" in seen[0]


async def test_a_tunnel_through_a_proxy_is_asked_for_there() -> None:
    async with echoing(b"HTTP/1.1 200 ok\r\n\r\n") as (port, seen):
        policy = Policy(allow_loopback=True, proxy=Proxy(f"http://127.0.0.1:{port}", "user", "word"))
        async with GuardProxy(policy, frozenset(), 1000) as proxy:
            host, own = proxy.address.removeprefix("http://").split(":")
            reader, writer = await asyncio.open_connection(host, int(own))
            writer.write(b"CONNECT shop.example:443 HTTP/1.1\r\n\r\n")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            writer.write(b"hello")
            await reader.read()
            writer.close()
    assert seen[0].startswith(b"CONNECT shop.example:443 HTTP/1.1\r\nHost: shop.example:443\r\nProxy-Authorization: ")
    assert seen[1] == b"hello"


async def test_a_proxy_that_refuses_ends_the_request() -> None:
    async with echoing(b"HTTP/1.1 407 no\r\n\r\n") as (port, _seen):
        policy = Policy(allow_loopback=True, proxy=Proxy(f"http://127.0.0.1:{port}"))
        async with GuardProxy(policy, frozenset(), 1000) as proxy:
            assert await asked(proxy, b"CONNECT shop.example:443 HTTP/1.1\r\n\r\n") == b""
            assert proxy.refusals == ["the proxy refuses the connection"]
