"""One connection per request, over asyncio streams, that knows whether a byte of the request left this machine.

Owns sockets and TLS for the requests that start runs: httpx's pool is quadratic in streams and, on other backends,
an exception's class does not tell "never sent" from "sent, no answer" (measurements.md, "Streams"). Here the flag
`Sent.left` tells, and nothing else does. Owns the words for what goes wrong on the way, too: library exceptions end
here. HTTP/1.1 only. Must not know runs.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import Any

import httpcore
import httpx

from monitor.agent import faults
from monitor.agent.outcome import Code, Fault

TROUBLE = (
    httpx.HTTPError,
    httpx.InvalidURL,
    httpx.StreamError,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.TimeoutException,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
    httpcore.ConnectionNotAvailable,
    OSError,  # TimeoutError and ssl.SSLError among them
)


class Sent:
    """What became of one request on its way out; passed in as the request extension `sent`."""

    def __init__(self) -> None:
        self.left = False


def tls_context() -> ssl.SSLContext:
    """Return the one TLS context of a client: verified, TLS 1.2 or newer, authorities of certifi and the system."""
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


class _Socket(httpcore.AsyncNetworkStream):
    """One connected asyncio stream; `sent.left` is set before the first byte is handed to the socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sent: Sent) -> None:
        self._reader, self._writer, self._sent = reader, writer, sent

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            async with asyncio.timeout(timeout):
                return await self._reader.read(max_bytes)
        except TimeoutError as error:
            raise httpcore.ReadTimeout(str(error)) from error
        except (OSError, ssl.SSLError) as error:
            raise httpcore.ReadError(str(error)) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if not buffer:
            return
        self._sent.left = True
        try:
            async with asyncio.timeout(timeout):
                self._writer.write(buffer)
                await self._writer.drain()
        except TimeoutError as error:
            raise httpcore.WriteTimeout(str(error)) from error
        except (OSError, ssl.SSLError) as error:
            raise httpcore.WriteError(str(error)) from error

    async def aclose(self) -> None:
        # abort, not close: nothing of ours is unsent, and a TLS close would wait for the other side's goodbye
        self._writer.transport.abort()

    async def start_tls(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        return self  # TLS began with the connection, see _Network

    def get_extra_info(self, info: str) -> Any:
        return self._writer.get_extra_info(info)


class _Network(httpcore.AsyncNetworkBackend):
    """Connects, with TLS at once where it is wanted: StreamWriter.start_tls of Python 3.11 leaves the reader behind."""

    def __init__(self, context: ssl.SSLContext | None, sent: Sent) -> None:
        self._context, self._sent = context, sent

    async def connect_tcp(  # type: ignore[override]  # local address and socket options are never asked for
        self, host: str, port: int, timeout: float | None = None, **_: Any
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                reader, writer = await asyncio.open_connection(host, port, ssl=self._context)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except (OSError, ssl.SSLError, UnicodeError) as error:
            raise httpcore.ConnectError(str(error)) from error
        return _Socket(reader, writer, self._sent)


class _Body(httpx.AsyncByteStream):
    """The answer's bytes; closing it closes the connection."""

    def __init__(self, body: AsyncIterable[bytes], connection: httpcore.AsyncHTTPConnection) -> None:
        self._body, self._connection = body, connection

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._body:
            yield part

    async def aclose(self) -> None:
        await self._connection.aclose()


class SingleUse(httpx.AsyncBaseTransport):
    """A transport whose every request has a connection of its own; httpcore's exceptions pass through as they are."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._context = context

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request`; raises httpcore's exceptions. `request.extensions["sent"]` tells whether a byte left."""
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        secure = request.url.scheme == "https"
        network = _Network(self._context if secure else None, request.extensions["sent"])
        connection = httpcore.AsyncHTTPConnection(url.origin, ssl_context=self._context, network_backend=network)
        assert isinstance(request.stream, httpx.AsyncByteStream)
        try:
            answer = await connection.handle_async_request(
                httpcore.Request(
                    method=request.method,
                    url=url,
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        except BaseException:  # cancellation too: whatever ends the request, the socket is closed
            await connection.aclose()
            raise
        assert isinstance(answer.stream, AsyncIterable)
        return httpx.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_Body(answer.stream, connection),
            extensions=answer.extensions,
        )


def trouble(error: Exception, when: str, host: str = "the API", *, masked: Callable[[str], str] = str) -> Fault:
    """Return the fault of a library's exception: its class and chain give the words, never whether a run exists.

    The words may quote what the other side sent: they go through `masked`.
    """
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and len(chain) < 10:
        chain.append(link)
        link = link.__cause__ or link.__context__
    tls = next((link for link in chain if isinstance(link, ssl.SSLError)), None)
    if tls is not None:
        said = getattr(tls, "verify_message", "") or getattr(tls, "reason", "") or "TLS failed"
        hint = "check the clock of this machine and its certificate authorities"
        return Fault(
            Code.TLS, faults.clean(f"no secure connection to the API: {masked(said)} ({when})", 500), hint=hint
        )
    if any(isinstance(link, (TimeoutError, httpcore.TimeoutException, httpx.TimeoutException)) for link in chain):
        return Fault(Code.NETWORK, f"{host} did not answer in time ({when})", hint=_NETWORK_HINT)
    if any(isinstance(link, (httpcore.LocalProtocolError, httpx.LocalProtocolError)) for link in chain):
        return Fault(Code.PROTOCOL, f"the request could not be written ({when})")  # its text may quote a header (E12)
    said = next((words for link in chain if (words := _words(link))), str(error) or type(error).__name__)
    message = faults.clean(f"the connection to {host} failed: {masked(said)} ({when})", 500)
    return Fault(Code.NETWORK, message, hint=_NETWORK_HINT)


_NETWORK_HINT = "check the network and TINYFISH_BASE_URL"


def _words(error: BaseException) -> str | None:
    """Return what an error of the operating system is in plain words; None for other errors."""
    if isinstance(error, socket.gaierror):
        return "its name cannot be resolved"
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno).lower()
    return None
