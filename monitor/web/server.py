"""The server of the console: where it listens, and what it takes of a connection before anything is looked at.

Owns the socket, uvicorn and its bounds (reliability.md rows 41, 49). Signals are the daemon's. Must not know routes.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from monitor.errors import UsageError
from monitor.files.addresses import Listen
from monitor.web.access import Guesses, Names, Tokens

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from monitor.web.console import Console

log = structlog.get_logger("web")

STOP_WITHIN = 2  # seconds for open connections at the end
AT_ONCE = 512  # connections: two hundred dashboards and their requests
SHORT = 22  # characters below which a token can be guessed: 22 of base64 are 128 bits, as are 32 of hex
_MAKE = 'python3 -c "import secrets; print(secrets.token_urlsafe())"'


@dataclass(frozen=True, slots=True)
class Door:
    """Where the console listens and who gets in; `public` is the origin by which others reach it, if it has one."""

    listen: Listen
    tokens: Tokens
    public: str | None = None

    def check(self) -> None:
        """Raise UsageError when people of other machines could get in without a token, or guess it (rows 41, 48)."""
        if self.tokens.needed:
            self._withstands()
            return
        if not self.listen.loopback:
            raise UsageError(
                f"MONITOR_HTTP={self.listen} is reachable from other machines and MONITOR_HTTP_TOKEN is not set",
                hint="set a token, or bind 127.0.0.1",
            )
        if self.public is not None:
            raise UsageError(
                f"{self.public} makes the dashboard reachable from other machines and MONITOR_HTTP_TOKEN is not set",
                hint="set a token, or leave MONITOR_PUBLIC_URL out",
            )
        if self.tokens.read is not None:
            raise UsageError(
                "MONITOR_HTTP_READ_TOKEN is set and MONITOR_HTTP_TOKEN is not: everybody could order everything",
                hint="set both, or none",
            )

    def _withstands(self) -> None:
        short = self.guessable
        if short is not None and not self.listen.loopback:
            raise UsageError(
                f"MONITOR_HTTP={self.listen} is reachable from other machines and {short} has fewer than {SHORT}"
                " characters: it could be guessed",
                hint=f"make one with: {_MAKE}",
            )

    @property
    def guessable(self) -> str | None:
        """The name of a token that is too short to withstand guessing (row 48); None when there is none."""
        named = {"MONITOR_HTTP_TOKEN": self.tokens.full, "MONITOR_HTTP_READ_TOKEN": self.tokens.read}
        return next((name for name, token in named.items() if token and len(token.reveal()) < SHORT), None)


@asynccontextmanager
async def serve(console: Console, door: Door) -> AsyncIterator[str]:
    """Serve the console inside the block; yields its address as `http://host:port` (port 0 takes a free one).

    Raises UsageError when the address cannot be bound, or would let people in whom nobody has asked for a token.
    """
    door.check()
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(_bound(door.listen))
        port = int(listener.getsockname()[1])
        server = _server(_guarded(console, door, port))
        await stack.enter_async_context(console.live)
        # No TaskGroup: it would hand the caller's own errors back wrapped in a group. The block awaits the task's end.
        running = asyncio.create_task(server.serve(sockets=[listener]), name="console")
        started = asyncio.create_task(server.listening.wait(), name="console starting")
        try:
            await asyncio.wait({running, started}, return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                yield f"http://{_bracketed(door.listen.host)}:{port}"
        finally:
            started.cancel()
            console.live.close()  # else the streams would hold the server up
            server.should_exit = True
            await running


def _guarded(console: Console, door: Door, port: int) -> ASGIApp:
    """Return the application inside the gate."""
    from monitor.web.app import application
    from monitor.web.gate import Gate
    from monitor.web.sessions import Sessions
    from monitor.web.signing_in import SignIn, router

    sessions, guesses = Sessions(door.tokens, secrets.token_bytes(32)), Guesses()
    sign_in = SignIn(sessions, guesses, console.clock, lambda: secrets.token_hex(16), door.public)
    names = Names(door.listen.host, port, door.public)
    return Gate(application(console, router(sign_in)), names, sessions, guesses, console.clock)


@contextlib.contextmanager
def _bound(listen: Listen) -> Iterator[socket.socket]:
    """Listen; raises UsageError that names MONITOR_HTTP."""
    name = listen.host.strip("[]")
    family = socket.AF_INET6 if ":" in name else socket.AF_INET
    # With its protocol named, asyncio switches Nagle's algorithm off: else every answer waits 40 ms for an ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((name, listen.port))
        listener.listen(AT_ONCE)
        listener.setblocking(False)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UsageError(
            f"cannot listen on {listen}: {reason.lower()}",
            hint="set MONITOR_HTTP to another host:port, or to nothing to switch it off",
        ) from None
    with listener:
        yield listener


def _bracketed(host: str) -> str:
    name = host.strip("[]")
    return f"[{name}]" if ":" in name else name


def _server(application: ASGIApp) -> Any:
    """Return a quiet uvicorn server that leaves signals to the daemon."""
    import uvicorn

    from monitor.web.connection import Connection

    class Server(uvicorn.Server):
        listening = asyncio.Event()

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            self.listening.set()

        def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override]  # signals are the daemon's
            return contextlib.nullcontext()

    return Server(
        uvicorn.Config(
            application,
            http=Connection,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # who is behind a proxy is the proxy's word (row 53)
            lifespan="off",
            limit_concurrency=AT_ONCE,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=STOP_WITHIN,
            h11_max_incomplete_event_size=32_768,
            ws="none",
        )
    )
