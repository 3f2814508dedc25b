"""Reading the body of a request whole, bounded in size and time, before anybody looks at it (reliability.md row 49)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import Message, Receive

MOST = 65_536  # bytes: every order fits
WITHIN = 10.0  # seconds of real time for all of it
LINGER = 2.0  # seconds for which the rest of a refused body is thrown away, so that the answer arrives


class TooLargeError(Exception):
    """The body is larger than `MOST`."""


class TooSlowError(Exception):
    """The body did not arrive in time, or its sender left."""


async def whole(receive: Receive, length: str | None) -> bytes:
    """Return the body; raises TooLargeError, by its announced `length` before a byte of it is read, or TooSlowError."""
    if length is not None and (not length.isdigit() or len(length) > 9 or int(length) > MOST):
        raise TooLargeError
    found = bytearray()
    try:
        async with asyncio.timeout(WITHIN):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise TooSlowError
                found += message.get("body", b"")
                if len(found) > MOST:
                    raise TooLargeError
                if not message.get("more_body", False):
                    return bytes(found)
    except TimeoutError:
        raise TooSlowError from None


def replayed(body: bytes, receive: Receive) -> Receive:
    """Return what gives the body once, and afterwards what the connection says."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def thrown_away(receive: Receive) -> None:
    """Read what still comes of a refused body, for a moment."""
    try:
        async with asyncio.timeout(LINGER):
            while (await receive()).get("more_body", False):
                pass
    except TimeoutError:
        return
