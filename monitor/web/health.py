"""`GET /healthz`: whether scheduler, outbox and store are alive, for container probes (reliability.md C10).

The only route that needs no token (F6); it says ok or failing per part, and that there are dead messages (C4), and
nothing else. Must not know how a part judges itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from monitor.errors import UsageError

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse

log = structlog.get_logger("health")

STOP_WITHIN = 2.0  # seconds for open connections at the end
_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
_AT_ONCE = 64  # connections


@dataclass(frozen=True, slots=True)
class Health:
    """What is wrong with each part of the process, None where it is alive; strangers may read it.

    Dead messages (`dead`) are said and do not turn it red: starting the process again, as those do who ask, cures none.
    """

    parts: Mapping[str, str | None]
    dead: bool = False

    @property
    def ok(self) -> bool:
        """True when every part is alive."""
        return not any(self.parts.values())


@asynccontextmanager
async def serve(host: str, port: int, health: Callable[[], Health], *, token: str | None = None) -> AsyncIterator[str]:
    """Answer health checks inside the block; yields the address as `http://host:port` (port 0 takes a free one).

    Raises UsageError when the address cannot be bound, or is not loopback and there is no `token`.
    """
    loopback = is_loopback(host)
    if not loopback and not token:
        raise UsageError(
            f"MONITOR_HTTP={host}:{port} is reachable from other machines and MONITOR_HTTP_TOKEN is not set",
            hint="set a token, or bind 127.0.0.1",
        )
    with _bound(host, port) as listener:
        actual = int(listener.getsockname()[1])
        allowed = _loopback_names(host, actual) if loopback else None
        server = _server(_application(health, allowed))
        # No TaskGroup: it would hand the caller's own errors back wrapped in a group. The block awaits the task's end.
        running = asyncio.create_task(server.serve(sockets=[listener]), name="health server")
        started = asyncio.create_task(server.listening.wait(), name="health server starting")
        try:
            await asyncio.wait({running, started}, return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                yield f"http://{_bracketed(host)}:{actual}"
        finally:
            started.cancel()
            server.should_exit = True
            await running


def is_loopback(host: str) -> bool:
    """Return True for an address or name that only this machine can reach."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@contextlib.contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    """Listen on host and port; raises UsageError that names MONITOR_HTTP."""
    name = host.strip("[]")
    family = socket.AF_INET6 if ":" in name else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((name, port))
        listener.listen(128)
        listener.setblocking(False)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UsageError(
            f"cannot listen on {host}:{port}: {reason.lower()}",
            hint="set MONITOR_HTTP to another host:port, or to nothing to switch it off",
        ) from None
    with listener:
        yield listener


def _loopback_names(host: str, port: int) -> frozenset[str]:
    """Return the Host headers that a loopback server answers: no page of the web can reach it by a name of its own."""
    names = {"localhost", "127.0.0.1", "[::1]", _bracketed(host).lower()}
    return frozenset(names | {f"{name}:{port}" for name in names})


def _bracketed(host: str) -> str:
    name = host.strip("[]")
    return f"[{name}]" if ":" in name else name


def _application(health: Callable[[], Health], allowed: frozenset[str] | None) -> Starlette:
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    def answer(status: int, body: dict[str, Any]) -> JSONResponse:
        return JSONResponse(body, status, headers=_HEADERS)

    async def everything(request: Request) -> JSONResponse:
        if allowed is not None and request.headers.get("host", "").lower() not in allowed:
            return answer(421, {"error": "unknown host"})
        if request.url.path != "/healthz":
            return answer(404, {"error": "not found"})
        if request.method not in {"GET", "HEAD"}:
            return answer(405, {"error": "method not allowed"})
        return answer(*_report(health))

    methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    return Starlette(routes=[Route("/{path:path}", everything, methods=methods)])


def _report(health: Callable[[], Health]) -> tuple[int, dict[str, str]]:
    """Return status and body; a check that itself fails is a failing process, not an error page."""
    try:
        found = health()
    except Exception as error:  # noqa: BLE001 - whatever is wrong in there, the answer is "failing"
        log.error("the health check failed", kind=type(error).__name__)  # noqa: TRY400 - no traceback
        return 503, {"status": "failing"}
    dead = {"messages": "some could not be delivered"} if found.dead else {}
    if found.ok:
        return 200, {"status": "ok"} | dead
    parts = {part: f"failing: {why}" if why else "ok" for part, why in found.parts.items()}
    return 503, {"status": "failing"} | parts | dead


def _server(application: Starlette) -> Any:
    """Return a quiet uvicorn server that leaves signals to the daemon."""
    import uvicorn

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
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            limit_concurrency=_AT_ONCE,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=int(STOP_WITHIN),
            ws="none",
        )
    )
