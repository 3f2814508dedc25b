"""A web site on a free loopback port, made of functions of a path; it notes what it was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Site:
    """`pages` maps a path to its body (HTML or JSON text), or to a status and a location."""

    pages: Mapping[str, str | tuple[int, str]]
    port: int = 0
    asked: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ", 2)[1].decode().partition("?")[0]
        self.asked.append(path)
        page = self.pages.get(path, (404, ""))
        if isinstance(page, tuple):
            status, location = page
            lines, body = [f"HTTP/1.1 {status} X", f"Location: {location}"], b"gone"
        else:
            body = page.replace("PORT", str(self.port)).encode()
            kind = "application/json" if body.startswith((b"{", b"[")) else "text/html; charset=utf-8"
            lines = ["HTTP/1.1 200 OK", f"Content-Type: {kind}"]
        lines += [f"Content-Length: {len(body)}", "Connection: close", "", ""]
        writer.write("\r\n".join(lines).encode() + body)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def served(pages: Mapping[str, str | tuple[int, str]]) -> AsyncIterator[Site]:
    site = Site(pages)
    server = await asyncio.start_server(site.answer, "127.0.0.1", 0)
    site.port = server.sockets[0].getsockname()[1]
    async with server:
        yield site
