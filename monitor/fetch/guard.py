"""Connections checked when they are made: a name is resolved here, and only a permitted address connected to.

Checking at this point, and nowhere earlier, is what defeats DNS rebinding. Owns resolving; must not know HTTP.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Iterable
from typing import Any

import httpcore

from monitor.errors import FetchError
from monitor.fetch.addresses import names_loopback, refused
from monitor.fetch.policy import Policy

MAX_ADDRESSES = 4


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """A network backend that connects to no address the policy refuses; `reached_public` tells where it ended up."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._sockets = httpcore.AnyIOBackend()
        self.reached_public = False
        self._opened: list[httpcore.AsyncNetworkStream] = []

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to a permitted address of `host` or to its pin; raises FetchError `blocked_address` or `dns`."""
        pinned = self._policy.pins.get(host.lower()) if port == 80 else None
        if pinned:
            return await self._opening(self._sockets.connect_tcp(*pinned, timeout=timeout))
        error: Exception | None = None
        for address in await permitted(host, port, self._policy):
            self.reached_public = refused(address, self._policy.public_only()) is None
            try:
                connecting = self._sockets.connect_tcp(address, port, timeout, local_address, socket_options)
                return await self._opening(connecting)
            except httpcore.ConnectError as problem:
                error = problem
        raise error or FetchError(f"{host} has no address", code="dns")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ARG002 - the signature is httpcore's
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002 - the signature is httpcore's
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: no page is on a local socket."""
        raise FetchError(f"local sockets are not fetched: {path}", code="blocked_address")

    async def sleep(self, seconds: float) -> None:
        """Sleep, as httpcore asks between retries (of which there are none)."""
        await asyncio.sleep(seconds)

    async def aclose(self) -> None:
        """Close what was opened; httpcore forgets a connection whose TLS handshake is cut by a time-out."""
        for stream in self._opened:
            await stream.aclose()

    async def _opening(self, connecting: Awaitable[httpcore.AsyncNetworkStream]) -> httpcore.AsyncNetworkStream:
        stream = await connecting
        self._opened.append(stream)
        return stream


async def permitted(host: str, port: int, policy: Policy) -> list[str]:
    """Return the addresses of `host` that `policy` lets us reach; raises FetchError `blocked_address` or `dns`."""
    addresses = await _resolve(host, port)
    # A public-looking name that leads to loopback is its owner's doing: only allow_private covers that.
    if policy.allow_loopback and not policy.allow_private and not names_loopback(host):
        policy = policy.public_only()
    reasons = {address: refused(address, policy) for address in addresses}
    allowed = [address for address, reason in reasons.items() if reason is None]
    if not allowed:
        address, reason = next(iter(reasons.items()))
        where = host if host == address else f"{host} ({address})"
        hint = "allow_private opens private networks" if "private" in str(reason) else None
        raise FetchError(f"{where} is {reason}", code="blocked_address", hint=hint)
    return allowed[:MAX_ADDRESSES]


async def _resolve(host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    if host == "localhost" or host.endswith(".localhost"):
        return ["127.0.0.1", "::1"]  # RFC 6761 6.3: never asked of a resolver
    try:
        found = await loop.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as problem:
        raise FetchError(f"the name {host} cannot be resolved", code="dns") from problem
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not addresses:
        raise FetchError(f"the name {host} has no address", code="dns")
    return addresses
