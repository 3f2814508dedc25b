"""Loopback servers that answer bytes as told, however odd; for tests only."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Answer = Callable[[str, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Served:
    """A running server: its port, and the requests (head texts) that it saw."""

    port: int = 0
    requests: list[str] = field(default_factory=list)

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@asynccontextmanager
async def serving(answer: Answer, *, wait_for_head: bool = True) -> AsyncIterator[Served]:
    """Serve one connection after another with `answer(path, writer)`."""
    served = Served()

    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1") if wait_for_head else "GET / "
            served.requests.append(head)
            await answer(head.split(" ")[1], writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the fetcher hung up or the test is over
        finally:
            writer.close()
            tasks.discard(task)

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    served.port = server.sockets[0].getsockname()[1]
    try:
        yield served
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def page(body: bytes, *, status: str = "200 OK", headers: dict[str, str] | None = None) -> Answer:
    """Return an answer with this body, its length and these headers."""

    async def answer(_path: str, writer: asyncio.StreamWriter) -> None:
        fields = {"Content-Type": "text/html; charset=utf-8", "Content-Length": str(len(body))} | (headers or {})
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        writer.write(f"HTTP/1.1 {status}\r\n{lines}\r\n".encode("latin-1") + body)
        await writer.drain()

    return answer


def bomb(mib: int, coding: str = "gzip") -> Answer:
    """Return a page that decompresses to so many MiB; one block of it is compressed and then repeated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31 if coding == "gzip" else 15)
    block = b"<p>a" * (256 * 1024)
    first, again = (packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return page(first + again * (mib - 1), headers={"Content-Encoding": coding})


def raw(data: bytes, *, then_wait: bool = False) -> Answer:
    """Return an answer of exactly these bytes, after which the server hangs up, or stays silent."""

    async def answer(_path: str, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        if then_wait:
            await asyncio.sleep(3600)

    return answer


async def endless(_path: str, writer: asyncio.StreamWriter) -> None:
    """Send a page that never ends."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
    while True:
        writer.write(b"x" * 65_536)
        await writer.drain()


async def redirects(path: str, writer: asyncio.StreamWriter) -> None:
    """Redirect from each number to the next one, for ever."""
    number = path.strip("/")
    following = int(number) + 1 if number.isdecimal() else 1
    await page(b"", status="302 Found", headers={"Location": f"/{following}"})(path, writer)
